/* layers.c - see layers.h. */
#include "broker/store/layer_find.h"

#include <string.h>

enum rc store_layer_decode(struct bytes value, struct layer_record *record,
                           struct err *err)
{
    MDB_val data = { value.size, (void *)(uintptr_t)value.data };
    struct layer_record read = { 0 };
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_LAYERS, &data, err);

    if (rc != RC_OK)
        return rc;
    read.node = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    read.version = reader_uint(&reader);
    read.bytes = reader_bytes(&reader);
    rc = record_close(&reader, TABLE_LAYERS, err);
    if (rc == RC_OK && !layer_open(read.bytes, &read.layer))
        rc = err_set(err, RC_CORRUPT, "store: a layer does not decode");
    if (rc == RC_OK)
        *record = read;
    return rc;
}

static enum rc record_of(const MDB_val *data, struct layer_record *record,
                         struct err *err)
{
    return store_layer_decode((struct bytes){ data->mv_data, data->mv_size }, record,
                              err);
}

enum rc store_layer_put(struct store *store, uint64_t run, uint32_t node,
                        uint64_t version, uint32_t first, struct bytes bytes,
                        struct err *err)
{
    scoped_buf record = { 0 };
    struct key key = key_stage(run, first);

    record_begin(&record, 3);
    pack_uint(&record, node);
    pack_uint(&record, version);
    pack_bytes(&record, bytes.data, bytes.size);
    return db_put_buf(store, TABLE_LAYERS, &key, &record, err);
}

static bool is_of_run(const MDB_val *found, uint64_t run)
{
    return found->mv_size == 12 && key_number(found->mv_data, 8) == run;
}

/* Whether a layer of that key may have the stage. */
static bool may_have(const MDB_val *found, uint64_t run, uint32_t stage)
{
    uint64_t first = is_of_run(found, run)
                         ? key_number((unsigned char *)found->mv_data + 8, 4)
                         : UINT64_MAX;

    return first <= stage && stage - first < LAYER_STAGES_MAX;
}

/* Layers that begin before the stage may have it: they are looked at backwards. */
enum rc layer_seek(struct view *view, uint64_t run, uint32_t stage,
                   struct layer_place *found, struct err *err)
{
    struct key key = key_stage(run, stage);
    MDB_val at, data;
    enum rc rc = view_seek(view, TABLE_LAYERS, key.bytes, key.size, &at, &data, err);

    if ((rc != RC_OK && rc != RC_NOT_FOUND) || !view->cursor)
        return rc; /* an older store has no such table */
    if (rc == RC_NOT_FOUND)
        rc = view_next(view, MDB_LAST, &at, &data, err);
    else if (!may_have(&at, run, stage))
        rc = view_next(view, MDB_PREV, &at, &data, err);
    while (rc == RC_OK && may_have(&at, run, stage)) {
        rc = record_of(&data, &found->record, err);
        if (rc != RC_OK || layer_find(&found->record.layer, stage, &found->place))
            return rc;
        rc = view_next(view, MDB_PREV, &at, &data, err);
    }
    return rc == RC_OK ? RC_NOT_FOUND : rc;
}

struct stage_row layer_stage_row(const struct stage_layer *layer)
{
    return (struct stage_row){ .state = layer->has_ended ? STAGE_COMPLETE : STAGE_QUEUED,
                               .is_resolved = true,
                               .tasks = 1,
                               .next = 1,
                               .running = !layer->has_ended,
                               .complete = layer->has_ended,
                               .started_us = layer->ended_us,
                               .ended_us = layer->ended_us };
}

enum rc layer_row_of_stage(struct store *store, uint64_t run, uint32_t stage,
                           struct stage_row *row, struct err *err)
{
    struct layer_place found;
    struct view view;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = layer_seek(&view, run, stage, &found, err);
    if (rc == RC_OK)
        *row = layer_stage_row(&found.record.layer);
    view_end(&view);
    return rc;
}

static enum rc task_row_at(const struct layer_place *at, struct task_row *row,
                           struct err *err)
{
    const struct stage_layer *layer = &at->record.layer;
    bool is_here = at->record.node != UINT32_MAX;
    struct task_row read = { .state = TASK_ASSIGNED,
                             .attempts = 1,
                             .node = at->record.node,
                             .token = is_here ? layer->token + at->place : 0,
                             .exit_code = -1 };

    if (layer->has_ended) {
        if (!layer_is_whole(layer))
            return err_set(err, RC_CORRUPT, "store: a layer does not decode");
        read.state = TASK_COMPLETE;
        read.cause = CAUSE_EXIT;
        read.exit_code = 0;
        read.version = at->record.version;
        block_times(&layer->block, at->place, &read.started_us, &read.ended_us);
    }
    *row = read;
    return RC_OK;
}

enum rc layer_row_of_task(struct store *store, uint64_t run, uint32_t stage,
                          uint64_t index, struct task_row *row, struct err *err)
{
    struct layer_place found;
    struct view view;
    enum rc rc;

    if (index > 0)
        return RC_NOT_FOUND;
    rc = view_begin(store, &view, err);
    if (rc != RC_OK)
        return rc;
    rc = layer_seek(&view, run, stage, &found, err);
    if (rc == RC_OK)
        rc = task_row_at(&found, row, err);
    view_end(&view);
    return rc;
}

enum rc store_layer(struct store *store, uint64_t run, uint32_t first, struct buf *bytes,
                    struct err *err)
{
    struct key key = key_stage(run, first);
    struct layer_record record;
    struct view view;
    MDB_val data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_LAYERS, key.bytes, key.size, &data, err);
    if (rc == RC_OK)
        rc = record_of(&data, &record, err);
    if (rc == RC_OK)
        buf_add(bytes, record.bytes.data, record.bytes.size);
    view_end(&view);
    if (rc == RC_OK && !buf_ok(bytes))
        return err_set(err, RC_NO_MEMORY, "store: a layer is too large");
    return rc;
}

/* The live stages from place `from` to before `to`, as a layer of their own. */
static enum rc put_part(struct store *store, uint64_t run, uint32_t node,
                        const struct stage_layer *layer, uint64_t from, uint64_t to,
                        struct err *err)
{
    scoped_buf places = { 0 }, bytes = { 0 };
    struct stage_layer part = { .token = layer->token + from };

    if (from == to)
        return RC_OK;
    part.first = layer_stage(layer, from);
    for (uint64_t i = from; i < to; i++)
        layer_add(&places, layer_stage(layer, i) - part.first);
    part.places = (struct bytes){ (const char *)places.data, places.size };
    layer_encode(&bytes, &part);
    if (!buf_ok(&bytes) || !buf_ok(&places))
        return err_set(err, RC_NO_MEMORY, "store: no memory for a layer");
    return store_layer_put(store, run, node, 0, part.first,
                           (struct bytes){ (const char *)bytes.data, bytes.size }, err);
}

/* A copy of the record that has the stage, since what it borrows from goes with a write.
 */
static enum rc copy_live(struct store *store, uint64_t run, uint32_t stage,
                         struct buf *bytes, struct layer_place *found, struct err *err)
{
    struct view view;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = layer_seek(&view, run, stage, found, err);
    if (rc == RC_OK
        && (found->record.layer.has_ended || !layer_is_whole(&found->record.layer)))
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        buf_add(bytes, found->record.bytes.data, found->record.bytes.size);
    view_end(&view);
    if (rc != RC_OK)
        return rc;
    found->record.bytes = (struct bytes){ (const char *)bytes->data, bytes->size };
    return buf_ok(bytes) && layer_open(found->record.bytes, &found->record.layer)
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "store: no memory for a layer");
}

enum rc store_layer_has(struct store *store, uint64_t run, uint32_t stage, bool *is_there,
                        struct err *err)
{
    scoped_buf bytes = { 0 };
    struct layer_place found;
    enum rc rc = copy_live(store, run, stage, &bytes, &found, err);

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *is_there = rc == RC_OK;
    return RC_OK;
}

enum rc store_layer_take(struct store *store, uint64_t run, uint32_t stage, uint64_t max,
                         uint64_t *count, struct err *err)
{
    scoped_buf bytes = { 0 };
    struct layer_place found = { .place = 0 };
    enum rc rc = copy_live(store, run, stage, &bytes, &found, err);
    const struct stage_layer *layer = &found.record.layer;
    uint64_t left;
    struct key key;

    *count = 0;
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    left = layer_count(layer) - found.place;
    *count = left < max ? left : max;
    key = key_stage(run, layer->first);
    if (found.place == 0)
        rc = db_remove(store, TABLE_LAYERS, key.bytes, key.size, err);
    else
        rc = put_part(store, run, found.record.node, layer, 0, found.place, err);
    if (rc == RC_OK)
        rc = put_part(store, run, found.record.node, layer, found.place + *count,
                      layer_count(layer), err);
    return rc;
}

static enum rc visit_members(uint64_t run, const struct layer_record *record,
                             enum rc (*visit)(void *context,
                                              const struct attempt_row *row,
                                              struct err *err),
                             void *context, struct err *err)
{
    const struct stage_layer *layer = &record->layer;
    enum rc rc = RC_OK;

    if (layer->has_ended)
        return RC_OK;
    if (!layer_is_whole(layer))
        return err_set(err, RC_CORRUPT, "store: a layer does not decode");
    for (uint64_t i = 0; rc == RC_OK && i < layer_count(layer); i++)
        rc = visit(context,
                   &(struct attempt_row){ .token = layer->token + i,
                                          .run = run,
                                          .stage = layer_stage(layer, i),
                                          .node = record->node,
                                          .number = 1 },
                   err);
    return rc;
}

enum rc store_layer_attempts(struct store *store, uint64_t run,
                             enum rc (*visit)(void *context,
                                              const struct attempt_row *row,
                                              struct err *err),
                             void *context, struct err *err)
{
    struct key key = key_stage(run, 0);
    struct layer_record record;
    struct view view;
    MDB_val found, data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_LAYERS, key.bytes, key.size, &found, &data, err);
    while (rc == RC_OK && is_of_run(&found, run)) {
        rc = record_of(&data, &record, err);
        if (rc == RC_OK)
            rc = visit_members(run, &record, visit, context, err);
        if (rc == RC_OK)
            rc = view_next(&view, MDB_NEXT, &found, &data, err);
    }
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
