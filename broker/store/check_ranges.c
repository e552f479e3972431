/* check_ranges.c - spans, blocks and layers, and versions, which are of a task, of a
 * block or of a layer. */
#include "broker/store/layer_find.h"
#include "broker/store/check_rows.h"
#include "codecs/digest/digest.h"
#include "codecs/version/version.h"
#include "codecs/wire/block.h"

#include <string.h>

enum { VERSION_ARENA_MAX = 1 << 20 };

enum span_field { SPAN_NODE = 0, SPAN_TOKEN = 1, SPAN_COUNT = 2 };
enum block_field { BLOCK_NODE = 0, BLOCK_VERSION = 1, BLOCK_BYTES = 2 };

/* Whether the table has a row of a task of the same stage, from index to before end. */
static bool has_row_in(struct check *check, enum table_id table, const struct row *row,
                       uint64_t index, uint64_t end)
{
    struct view view = check->view;
    struct key from = key_task(row->keys[0], (uint32_t)row->keys[1], index);
    MDB_val found, data;
    struct err err;
    bool is_there;

    view.cursor = NULL; /* the other one is in the middle of its table */
    is_there =
        view_seek(&view, table, from.bytes, from.size, &found, &data, &err) == RC_OK
        && found.mv_size == from.size
        && memcmp(found.mv_data, from.bytes, from.size - 8) == 0
        && key_number((unsigned char *)found.mv_data + from.size - 8, 8) < end;
    if (view.cursor)
        mdb_cursor_close(view.cursor);
    return is_there;
}

/* What holds of both: the tasks were handed out, and are nowhere else. */
static const char *range_rule(struct check *check, const struct row *row, uint64_t count)
{
    enum table_id other = row->table == TABLE_SPANS ? TABLE_BLOCKS : TABLE_SPANS;
    uint64_t index = row->keys[2], end = index + count;
    struct row stage;

    if (!get_row(check, TABLE_STAGES, key_stage(row->keys[0], (uint32_t)row->keys[1]),
                 &stage))
        return "the stage is not there";
    if (count == 0 || index >= stage.numbers[STAGE_NEXT]
        || count > stage.numbers[STAGE_NEXT] - index)
        return "the stage has not handed out so many tasks";
    if (has_row_in(check, TABLE_TASKS, row, index, end))
        return "one of its tasks has a row of its own";
    if (has_row_in(check, row->table, row, index + 1, end)
        || has_row_in(check, other, row, index, end))
        return "some of its tasks stand elsewhere, too";
    return NULL;
}

static bool knows_tokens(const struct check *check, uint64_t token, uint64_t count)
{
    uint64_t next = check->counters.token_next;

    return token > 0 && token < next && count <= next - token;
}

const char *rule_span(struct check *check, const struct row *row)
{
    if (!has_key(check, TABLE_ACTIVE, key_run(row->keys[0])))
        return "the run of its attempts does not go on";
    if (!has_key(check, TABLE_NODES, key_run(row->numbers[SPAN_NODE])))
        return "the node of its attempts is not there";
    if (!knows_tokens(check, row->numbers[SPAN_TOKEN], row->numbers[SPAN_COUNT]))
        return "the counters do not know of its tokens";
    return range_rule(check, row, row->numbers[SPAN_COUNT]);
}

static bool read_version(struct check *check, uint64_t number, struct arena *arena,
                         struct version *version)
{
    struct key key = key_run(number);
    MDB_val data;

    return arena && row_has(check, TABLE_VERSIONS, key.bytes, key.size, &data)
           && version_decode(arena, data.mv_data, data.mv_size, version, NULL) == RC_OK;
}

/* The version tells of these tasks, and of these bytes. index: of the first. */
static bool version_fits(struct check *check, const struct row *row, uint64_t index,
                         uint64_t count)
{
    scoped(arena) arena = arena_create(VERSION_ARENA_MAX);
    scoped(digester) digester = digester_create(false);
    struct bytes bytes = row->texts[BLOCK_BYTES];
    struct version version;
    uint8_t hash[DIGEST_SIZE];

    if (!digester || !read_version(check, row->numbers[BLOCK_VERSION], arena, &version))
        return false;
    version_hash(digester, bytes.data, bytes.size, hash);
    return version.run == row->keys[0] && version.stage == row->keys[1]
           && version.index == index && version.count == count
           && memcmp(hash, version.result_hash, DIGEST_SIZE) == 0;
}

const char *rule_block(struct check *check, const struct row *row)
{
    struct bytes bytes = row->texts[BLOCK_BYTES];
    bool is_imported = row->numbers[BLOCK_NODE] == UINT32_MAX;
    struct task_block block;
    struct reader reader;

    reader_init(&reader, bytes.data, bytes.size);
    block_read(&reader, &block);
    if (!reader_at_end(&reader))
        return "the block does not decode";
    if (!is_imported && !has_key(check, TABLE_NODES, key_run(row->numbers[BLOCK_NODE])))
        return "the node of its tasks is not there";
    if (!is_imported && !knows_tokens(check, block.token, block.count))
        return "the counters do not know of its tokens";
    if (!version_fits(check, row, row->keys[2], block.count))
        return "its version is not there, or is of something else";
    return range_rule(check, row, block.count);
}

/* Whether another record tells of the stage, too. */
static bool stands_elsewhere(struct check *check, const struct row *row, uint32_t stage)
{
    struct view view = check->view;
    struct layer_place found;
    struct err err;
    bool is_here;

    view.cursor = NULL; /* the other one is in the middle of its table */
    is_here = layer_seek(&view, row->keys[0], stage, &found, &err) == RC_OK
              && found.record.layer.first == row->keys[1];
    if (view.cursor)
        mdb_cursor_close(view.cursor);
    return !is_here || has_key(check, TABLE_TASKS, key_task(row->keys[0], stage, 0))
           || has_key(check, TABLE_BLOCKS, key_task(row->keys[0], stage, 0))
           || has_key(check, TABLE_SPANS, key_task(row->keys[0], stage, 0));
}

static const char *members_rule(struct check *check, const struct row *row,
                                const struct stage_layer *layer)
{
    uint32_t last = layer_stage(layer, layer_count(layer) - 1);
    struct row counts;

    if (!get_row(check, TABLE_RUN_ROWS, key_run(row->keys[0]), &counts)
        || last >= counts.numbers[RUN_ROW_STAGES])
        return "the run is not there, or has fewer stages";
    for (uint64_t i = 0; i < layer_count(layer); i++)
        if (stands_elsewhere(check, row, layer_stage(layer, i)))
            return "some of its stages stand elsewhere, too";
    return NULL;
}

const char *rule_layer(struct check *check, const struct row *row)
{
    bool is_imported = row->numbers[BLOCK_NODE] == UINT32_MAX;
    struct stage_layer layer;

    if (!layer_open(row->texts[BLOCK_BYTES], &layer) || !layer_is_whole(&layer)
        || layer.first != row->keys[1])
        return "the layer does not decode";
    if (!is_imported && !has_key(check, TABLE_NODES, key_run(row->numbers[BLOCK_NODE])))
        return "the node of its tasks is not there";
    if (!is_imported && !knows_tokens(check, layer.token, layer_count(&layer)))
        return "the counters do not know of its tokens";
    if (!layer.has_ended && !has_key(check, TABLE_ACTIVE, key_run(row->keys[0])))
        return "the run of its attempts does not go on";
    if (layer.has_ended && !version_fits(check, row, 0, layer_count(&layer)))
        return "its version is not there, or is of something else";
    return members_rule(check, row, &layer);
}

const char *rule_version(struct check *check, const struct row *row)
{
    scoped(arena) arena = arena_create(VERSION_ARENA_MAX);
    struct version version;
    struct row task;

    if (row->keys[0] != check->last + 1)
        return "versions before this one are missing";
    if (row->keys[0] >= check->counters.version_next)
        return "the counters do not know of a version with this number";
    if (!arena
        || version_decode(arena, row->data.mv_data, row->data.mv_size, &version, NULL)
               != RC_OK)
        return "the record does not decode";
    if (version.count > 0
        && has_key(check, TABLE_LAYERS, key_stage(version.run, version.stage)))
        return NULL;
    return get_row(check, version.count > 0 ? TABLE_BLOCKS : TABLE_TASKS,
                   key_task(version.run, version.stage, version.index), &task)
               ? NULL
               : "the version's task is not there";
}
