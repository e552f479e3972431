/* ranges.c - see ranges.h. */
#include "broker/store/ranges.h"

#include "broker/store/layer_find.h"

#include <string.h>

static bool is_of(const MDB_val *found, const struct key *stage)
{
    return found->mv_size == stage->size + 8
           && memcmp(found->mv_data, stage->bytes, stage->size) == 0;
}

enum rc range_record(enum table_id table, const MDB_val *data, struct task_range *range,
                     struct err *err)
{
    struct reader reader;
    struct task_range read = { 0 };
    enum rc rc = record_open(&reader, table, data, err);

    if (rc != RC_OK)
        return rc;
    read.node = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    if (table == TABLE_SPANS) {
        read.block.token = reader_uint(&reader);
        read.block.count = reader_uint_max(&reader, PLAN_TASKS_MAX);
    } else {
        read.version = reader_uint(&reader);
        read.bytes = reader_bytes(&reader);
    }
    rc = record_close(&reader, table, err);
    if (rc == RC_OK)
        *range = read;
    return rc;
}

static enum rc range_read(enum table_id table, const MDB_val *found, const MDB_val *data,
                          struct task_range *range, struct err *err)
{
    struct task_range read;
    enum rc rc = range_record(table, data, &read, err);

    if (rc != RC_OK)
        return rc;
    read.first = key_number((unsigned char *)found->mv_data + 12, 8);
    if (table == TABLE_BLOCKS) {
        struct reader reader;

        reader_init(&reader, read.bytes.data, read.bytes.size);
        block_read(&reader, &read.block);
        if (!reader_at_end(&reader))
            return err_set(err, RC_CORRUPT, "store: a block of %s does not decode",
                           table_name(table));
    }
    read.count = read.block.count;
    *range = read;
    return RC_OK;
}

static enum rc range_at(enum rc rc, enum table_id table, const struct key *stage,
                        const MDB_val *found, const MDB_val *data,
                        struct task_range *range, struct err *err)
{
    if (rc == RC_OK && !is_of(found, stage))
        rc = RC_NOT_FOUND;
    return rc == RC_OK ? range_read(table, found, data, range, err) : rc;
}

enum rc range_next(struct view *view, enum table_id table, uint64_t run, uint32_t stage,
                   struct task_range *range, struct err *err)
{
    struct key prefix = key_stage(run, stage);
    MDB_val found, data;
    enum rc rc = view_next(view, MDB_NEXT, &found, &data, err);

    return range_at(rc, table, &prefix, &found, &data, range, err);
}

/* The one that begins before index may reach to it. */
enum rc range_seek(struct view *view, enum table_id table, uint64_t run, uint32_t stage,
                   uint64_t index, struct task_range *range, struct err *err)
{
    struct key key = key_task(run, stage, index), prefix = key_stage(run, stage);
    MDB_val found, data;
    struct task_range before;
    enum rc rc = view_seek(view, table, key.bytes, key.size, &found, &data, err);

    if (rc == RC_OK && found.mv_size == key.size
        && memcmp(found.mv_data, key.bytes, key.size) == 0)
        return range_at(rc, table, &prefix, &found, &data, range, err);
    if ((rc != RC_OK && rc != RC_NOT_FOUND) || !view->cursor)
        return rc; /* an older store has no such table */
    rc = view_next(view, rc == RC_OK ? MDB_PREV : MDB_LAST, &found, &data, err);
    rc = range_at(rc, table, &prefix, &found, &data, &before, err);
    if (rc == RC_OK && index - before.first < before.count) {
        *range = before;
        return RC_OK;
    }
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    found = (MDB_val){ key.size, key.bytes };
    rc = view_next(view, MDB_SET_RANGE, &found, &data, err);
    return range_at(rc, table, &prefix, &found, &data, range, err);
}

struct task_row range_row(const struct task_range *range, enum table_id table,
                          struct block_walk *walk)
{
    struct task_row row = { .state = TASK_ASSIGNED,
                            .attempts = 1,
                            .node = range->node,
                            .token = range->node == UINT32_MAX
                                         ? 0
                                         : range->block.token + walk->next,
                            .exit_code = -1 };

    if (table == TABLE_SPANS) {
        walk->next++;
        return row;
    }
    row.state = TASK_COMPLETE;
    row.cause = CAUSE_EXIT;
    row.exit_code = 0;
    row.version = range->version;
    block_next(walk, &row.started_us, &row.ended_us);
    return row;
}

static enum rc row_in(struct store *store, enum table_id table, uint64_t run,
                      uint32_t stage, uint64_t index, struct task_row *row,
                      struct err *err)
{
    struct view view;
    struct task_range range;
    struct block_walk walk;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = range_seek(&view, table, run, stage, index, &range, err);
    if (rc == RC_OK && (index < range.first || index - range.first >= range.count))
        rc = RC_NOT_FOUND;
    if (rc == RC_OK) {
        block_walk_begin(&walk, &range.block);
        if (table == TABLE_SPANS)
            walk.next = index - range.first;
        do
            *row = range_row(&range, table, &walk);
        while (walk.next <= index - range.first);
    }
    view_end(&view);
    return rc;
}

enum rc range_task(struct store *store, uint64_t run, uint32_t stage, uint64_t index,
                   struct task_row *row, struct err *err)
{
    enum rc rc = row_in(store, TABLE_BLOCKS, run, stage, index, row, err);

    if (rc == RC_NOT_FOUND)
        rc = row_in(store, TABLE_SPANS, run, stage, index, row, err);
    if (rc == RC_NOT_FOUND)
        rc = layer_row_of_task(store, run, stage, index, row, err);
    return rc == RC_NOT_FOUND
               ? err_set(err, rc, "store: task %lu of stage %u of run %lu is not there",
                         (unsigned long)index, stage, (unsigned long)run)
               : rc;
}

/* One of the tables that a stage's tasks are kept in, read from the front. */
struct source {
    struct view view;
    enum table_id table;
    struct task_range range; /* a row of its own is a range of one */
    struct task_row row;
    struct block_walk walk;
    bool is_over;
};

static void source_begin(struct source *source, enum rc rc)
{
    source->is_over = rc == RC_NOT_FOUND;
    block_walk_begin(&source->walk, &source->range.block);
}

static enum rc row_read(struct source *source, enum rc rc, const struct key *stage,
                        const MDB_val *found, const MDB_val *data, struct err *err)
{
    if (rc != RC_OK || !is_of(found, stage))
        return rc == RC_OK ? RC_NOT_FOUND : rc;
    source->range = (struct task_range){
        .first = key_number((unsigned char *)found->mv_data + stage->size, 8), .count = 1
    };
    return task_row_read(data, &source->row, err);
}

static enum rc source_open(struct source *source, uint64_t run, uint32_t stage,
                           uint64_t first, struct err *err)
{
    struct key key = key_task(run, stage, first), prefix = key_stage(run, stage);
    MDB_val found, data;
    enum rc rc;

    if (source->table == TABLE_TASKS) {
        rc = view_seek(&source->view, TABLE_TASKS, key.bytes, key.size, &found, &data,
                       err);
        rc = row_read(source, rc, &prefix, &found, &data, err);
    } else {
        rc = range_seek(&source->view, source->table, run, stage, first, &source->range,
                        err);
    }
    source_begin(source, rc);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc source_next(struct source *source, uint64_t run, uint32_t stage,
                           struct err *err)
{
    struct key prefix = key_stage(run, stage);
    MDB_val found, data;
    enum rc rc;

    if (source->table == TABLE_TASKS) {
        rc = view_next(&source->view, MDB_NEXT, &found, &data, err);
        rc = row_read(source, rc, &prefix, &found, &data, err);
    } else {
        rc = range_next(&source->view, source->table, run, stage, &source->range, err);
    }
    source_begin(source, rc);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The first task of the source that is not before index; UINT64_MAX: none. */
static enum rc source_at(struct source *source, uint64_t run, uint32_t stage,
                         uint64_t index, uint64_t *at, struct err *err)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && !source->is_over
           && source->range.first + source->range.count <= index)
        rc = source_next(source, run, stage, err);
    *at = source->is_over               ? UINT64_MAX
          : source->range.first > index ? source->range.first
                                        : index;
    return rc;
}

static struct task_row source_row(struct source *source, uint64_t index)
{
    struct task_row row = source->row;

    if (source->table == TABLE_TASKS)
        return row;
    if (source->table == TABLE_SPANS)
        source->walk.next = index - source->range.first;
    do
        row = range_row(&source->range, source->table, &source->walk);
    while (source->walk.next <= index - source->range.first);
    return row;
}

/* The source of the first task from index on: of several, the one that stands first. */
static enum rc source_choose(struct source *sources, size_t count, uint64_t run,
                             uint32_t stage, uint64_t *index, struct source **chosen,
                             struct err *err)
{
    uint64_t least = UINT64_MAX;
    enum rc rc = RC_OK;

    *chosen = NULL;
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        uint64_t at;

        rc = source_at(&sources[i], run, stage, *index, &at, err);
        if (rc == RC_OK && at < least) {
            least = at;
            *chosen = &sources[i];
        }
    }
    *index = least;
    return rc;
}

/* A task of a layer is the only one of its stage, and stands nowhere else. */
static enum rc visit_layer(struct store *store, uint64_t run, uint32_t stage,
                           void (*visit)(void *context, uint64_t index,
                                         const struct task_row *row),
                           void *context, struct err *err)
{
    struct task_row row;
    enum rc rc = layer_row_of_task(store, run, stage, 0, &row, err);

    if (rc == RC_OK)
        visit(context, 0, &row);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc range_tasks(struct store *store, uint64_t run, uint32_t stage, uint64_t first,
                    size_t limit,
                    void (*visit)(void *context, uint64_t index,
                                  const struct task_row *row),
                    void *context, struct err *err)
{
    struct source sources[] = { { .table = TABLE_TASKS },
                                { .table = TABLE_BLOCKS },
                                { .table = TABLE_SPANS } };
    struct source *chosen = NULL;
    struct view view;
    uint64_t index = first;
    size_t left = limit;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(sources); i++) {
        sources[i].view = view;
        rc = source_open(&sources[i], run, stage, first, err);
    }
    for (; rc == RC_OK && left > 0; left--, index++) {
        rc = source_choose(sources, COUNT_OF(sources), run, stage, &index, &chosen, err);
        if (rc != RC_OK || !chosen)
            break;

        struct task_row row = source_row(chosen, index);

        visit(context, index, &row);
    }
    for (size_t i = 0; i < COUNT_OF(sources); i++)
        if (sources[i].view.cursor)
            mdb_cursor_close(sources[i].view.cursor);
    view_end(&view);
    if (rc == RC_OK && first == 0 && left == limit && limit > 0)
        rc = visit_layer(store, run, stage, visit, context, err);
    return rc;
}
