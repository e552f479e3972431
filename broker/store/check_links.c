/* check_links.c - what a row of each table has to be, and what has to be there with it.
 * A place in numbers[] is that of the field in docs/store.md, from 0. */
#include "broker/store/check_rows.h"
#include "broker/store/event_page.h"
#include "broker/store/layer_find.h"
#include "codecs/digest/digest.h"
#include "codecs/plan/plan.h"
#include "codecs/wire/event.h"
#include "codecs/wire/result.h"

#include <string.h>

enum { PLAN_ARENA_MAX = 1 << 30 };

enum task_field {
    TASK_FIELD_STATE = 0,
    TASK_ATTEMPTS = 1,
    TASK_TOKEN = 3,
    TASK_VERSION = 9
};

bool has_key(struct check *check, enum table_id table, struct key key)
{
    return row_has(check, table, key.bytes, key.size, NULL);
}

bool get_row(struct check *check, enum table_id table, struct key key, struct row *row)
{
    MDB_val at = { key.size, key.bytes }, data;

    return row_has(check, table, key.bytes, key.size, &data)
           && row_read(table, &at, &data, row);
}

bool has_stage(struct check *check, uint64_t run, uint64_t stage)
{
    struct view view = check->view;
    struct layer_place found;
    struct row counts;
    struct err err;
    bool is_there;

    if (stage > UINT32_MAX
        || has_key(check, TABLE_STAGES, key_stage(run, (uint32_t)stage)))
        return stage <= UINT32_MAX;
    if (has_key(check, TABLE_ACTIVE, key_run(run)))
        return get_row(check, TABLE_RUN_ROWS, key_run(run), &counts)
               && stage < counts.numbers[RUN_ROW_STAGES];
    view.cursor = NULL; /* the other one is in the middle of its table */
    is_there = layer_seek(&view, run, (uint32_t)stage, &found, &err) == RC_OK;
    if (view.cursor)
        mdb_cursor_close(view.cursor);
    return is_there;
}

/* A stage without a row of its own has one task at most. */
static bool has_task(struct check *check, uint64_t run, uint64_t stage, uint64_t index)
{
    struct row row;

    if (!get_row(check, TABLE_STAGES, key_stage(run, (uint32_t)stage), &row))
        return index == 0 && has_stage(check, run, stage);
    return index < row.numbers[STAGE_TASKS];
}

static bool is_number(const MDB_val *data)
{
    return data->mv_size == 8;
}

const char *rule_meta(struct check *check, const struct row *row)
{
    (void)check;
    return row->data.mv_size == 0 ? "the record is empty" : NULL;
}

const char *rule_run(struct check *check, const struct row *row)
{
    struct key key = key_run(row->keys[0]);
    MDB_val number;

    if (row->keys[0] == 0 || row->keys[0] >= check->counters.run_next)
        return "the counters do not know of a run with this number";
    if (!has_key(check, TABLE_RUN_ROWS, key))
        return "the run has no row in run_rows";
    if (!has_key(check, TABLE_PLANS, key))
        return "the run has no plan";
    if (!row_has(check, TABLE_IDS, row->texts[0].data, row->texts[0].size, &number)
        || !is_number(&number) || key_number(number.mv_data, 8) != row->keys[0])
        return "the run's id is not in ids, or stands for another run";
    if (!row_has(check, TABLE_SUBMISSIONS, row->texts[6].data, row->texts[6].size, NULL))
        return "the run's submission is not in submissions";
    return NULL;
}

const char *rule_run_row(struct check *check, const struct row *row)
{
    struct key key = key_run(row->keys[0]);
    uint64_t state = row->numbers[RUN_ROW_STATE], stages = row->numbers[RUN_ROW_STAGES];
    bool is_final = state < RUN_STATE_COUNT && run_state_is_final((enum run_state)state);

    if (!has_key(check, TABLE_RUNS, key))
        return "there is no run with this number";
    if (state >= RUN_STATE_COUNT)
        return "the run's state is unknown";
    if (is_final == has_key(check, TABLE_ACTIVE, key))
        return is_final ? "the run has ended, but is in active"
                        : "the run goes on, but is not in active";
    if (stages == 0 || stages > CORE_STAGES_MAX
        || !has_stage(check, row->keys[0], stages - 1)
        || has_key(check, TABLE_STAGES, key_stage(row->keys[0], (uint32_t)stages)))
        return "the run has more or fewer stages than its row says";
    return NULL;
}

const char *rule_plan(struct check *check, const struct row *row)
{
    scoped(arena) arena = arena_create(PLAN_ARENA_MAX);
    struct plan *plan;
    struct row counts;
    struct err err;

    if (!arena
        || plan_decode(arena, row->data.mv_data, row->data.mv_size, &plan, &err) != RC_OK)
        return "the plan does not decode";
    if (!get_row(check, TABLE_RUN_ROWS, key_run(row->keys[0]), &counts))
        return "there is no run for this plan";
    return plan->stage_count == counts.numbers[RUN_ROW_STAGES]
               ? NULL
               : "the plan has other stages than the run";
}

/* ids and submissions. */
const char *rule_to_run(struct check *check, const struct row *row)
{
    return is_number(&row->data)
                   && has_key(check, TABLE_RUNS,
                              key_run(key_number(row->data.mv_data, 8)))
               ? NULL
               : "it stands for a run that is not there";
}

const char *rule_active(struct check *check, const struct row *row)
{
    return has_key(check, TABLE_RUN_ROWS, key_run(row->keys[0]))
               ? NULL
               : "there is no run with this number";
}

const char *rule_stage(struct check *check, const struct row *row)
{
    struct row run;

    if (row->numbers[STAGE_FIELD_STATE] >= STAGE_STATE_COUNT)
        return "the stage's state is unknown";
    if (!get_row(check, TABLE_RUN_ROWS, key_run(row->keys[0]), &run)
        || row->keys[1] >= run.numbers[RUN_ROW_STAGES])
        return "the run is not there, or has fewer stages";
    if (row->numbers[STAGE_NEXT] > row->numbers[STAGE_TASKS])
        return "more tasks were handed out than there are";
    return NULL;
}

/* resolved and notes. */
const char *rule_of_stage(struct check *check, const struct row *row)
{
    scoped(arena) arena = arena_create(PLAN_ARENA_MAX);
    struct plan_stage *stage;
    struct err err;

    if (!has_stage(check, row->keys[0], row->keys[1]))
        return "the stage is not there";
    if (row->table == TABLE_RESOLVED
        && (!arena
            || plan_stage_decode(arena, row->data.mv_data, row->data.mv_size, &stage,
                                 &err)
                   != RC_OK))
        return "the resolved stage does not decode";
    return NULL;
}

const char *rule_task(struct check *check, const struct row *row)
{
    struct row stage;

    if (!get_row(check, TABLE_STAGES, key_stage(row->keys[0], (uint32_t)row->keys[1]),
                 &stage))
        return "the stage is not there";
    if (row->keys[2] >= stage.numbers[STAGE_TASKS])
        return "the stage has fewer tasks";
    if (row->numbers[TASK_FIELD_STATE] >= TASK_STATE_COUNT)
        return "the task's state is unknown";
    if (row->numbers[TASK_TOKEN] >= check->counters.token_next)
        return "the counters do not know of the attempt's token";
    if (row->numbers[TASK_VERSION]
        && !has_key(check, TABLE_VERSIONS, key_run(row->numbers[TASK_VERSION])))
        return "the task's version is not there";
    return NULL;
}

const char *rule_result(struct check *check, const struct row *row)
{
    scoped(arena) arena = arena_create(PLAN_ARENA_MAX);
    struct task_result *result;
    struct row task;
    struct err err;

    if (!get_row(check, TABLE_TASKS,
                 key_task(row->keys[0], (uint32_t)row->keys[1], row->keys[2]), &task))
        return "the task is not there";
    if (row->keys[3] == 0 || row->keys[3] > task.numbers[TASK_ATTEMPTS])
        return "the task had fewer attempts";
    if (!arena
        || result_decode(arena, row->data.mv_data, row->data.mv_size, &result, &err)
               != RC_OK)
        return "the result does not decode";
    return NULL;
}

const char *rule_attempt(struct check *check, const struct row *row)
{
    struct row task;

    if (row->keys[0] == 0 || row->keys[0] >= check->counters.token_next)
        return "the counters do not know of this token";
    if (!has_key(check, TABLE_ACTIVE, key_run(row->numbers[0])))
        return "the attempt's run does not go on";
    if (!has_key(check, TABLE_NODES, key_run(row->numbers[3])))
        return "the attempt's node is not there";
    if (!get_row(check, TABLE_TASKS,
                 key_task(row->numbers[0], (uint32_t)row->numbers[1], row->numbers[2]),
                 &task))
        return "the attempt's task is not there";
    return task.numbers[TASK_TOKEN] == row->keys[0] ? NULL
                                                    : "the task has another attempt";
}

const char *rule_node(struct check *check, const struct row *row)
{
    if (row->keys[0] >= check->counters.node_next)
        return "the counters do not know of a node with this number";
    return row->keys[0] == 0 || has_key(check, TABLE_NODES, key_run(row->keys[0] - 1))
               ? NULL
               : "the node before this one is missing";
}

const char *rule_artifact(struct check *check, const struct row *row)
{
    if (!digest_is_valid(row->key.mv_data, row->key.mv_size))
        return "the key is no digest";
    return has_task(check, row->numbers[2], row->numbers[3], row->numbers[4])
               ? NULL
               : "the task that stored it is not there";
}

const char *rule_event(struct check *check, const struct row *row)
{
    struct event_walk walk;
    struct event_head head;
    struct bytes body;
    bool is_good;

    if (check->last > 0 && row->keys[0] != check->last + 1)
        return "events before this one are missing";
    is_good = event_page_open(&walk, row->keys[0], row->data.mv_data, row->data.mv_size);
    while (is_good && event_page_next(&walk, &body))
        is_good =
            event_decode(body.data, body.size, &head) && head.number == walk.next - 1;
    is_good = is_good && reader_ok(&walk.reader);
    event_page_close(&walk);
    if (!is_good)
        return "the events do not decode";
    check->event_last = walk.next - 1;
    if (check->event_last >= check->counters.event_next)
        return "the counters do not know of an event with this number";
    return NULL;
}

const char *rule_execution(struct check *check, const struct row *row)
{
    return has_task(check, row->numbers[0], row->numbers[1], row->numbers[2])
               ? NULL
               : "the task is not there";
}

const char *rule_by_step(struct check *check, const struct row *row)
{
    const unsigned char *key = row->key.mv_data;

    return row->key.mv_size == 28
                   && has_stage(check, key_number(key + 16, 8), key_number(key + 24, 4))
               ? NULL
               : "the stage is not there";
}

const char *rule_reused(struct check *check, const struct row *row)
{
    struct reader reader;
    struct err err;
    enum rc rc = record_open(&reader, TABLE_REUSED, &row->data, &err);
    bool is_there = rc == RC_OK && has_task(check, row->keys[0], row->keys[1], 0);

    for (size_t n = reader_list(&reader); is_there && n > 0; n--) {
        uint64_t numbers[5] = { 0 };

        if (reader_list(&reader) != COUNT_OF(numbers))
            return "the record does not decode";
        for (size_t i = 0; i < COUNT_OF(numbers); i++)
            numbers[i] = reader_uint(&reader);
        is_there =
            reader_ok(&reader) && numbers[1] > 0
            && has_task(check, numbers[2], numbers[3], numbers[4] + numbers[1] - 1);
    }
    return is_there ? NULL : "tasks whose results are used are not there";
}

const char *rule_secret(struct check *check, const struct row *row)
{
    if (!has_stage(check, row->keys[0], row->keys[1]))
        return "the stage is not there";
    return has_key(check, TABLE_ACTIVE, key_run(row->keys[0]))
               ? NULL
               : "the run does not go on: its secrets should be gone";
}

/* makers and users. */
const char *rule_lineage(struct check *check, const struct row *row)
{
    const unsigned char *key = row->key.mv_data;

    size_t size = row->key.mv_size;
    uint64_t run, stage;

    if (size != DIGEST_SIZE + (row->table == TABLE_MAKERS ? 20 : 12))
        return "the key has another size";
    run = key_number(key + DIGEST_SIZE, 8);
    stage = key_number(key + DIGEST_SIZE + 8, 4);
    if (row->table == TABLE_MAKERS
        && !has_task(check, run, stage, key_number(key + DIGEST_SIZE + 12, 8)))
        return "the task is not there";
    return has_stage(check, run, stage) ? NULL : "the stage is not there";
}

const char *rule_removed(struct check *check, const struct row *row)
{
    (void)check;
    return row->key.mv_size == DIGEST_SIZE ? NULL : "the key has another size";
}

const char *rule_removal(struct check *check, const struct row *row)
{
    struct key key = { .size = 8 };

    if (row->key.mv_size != key.size + DIGEST_SIZE)
        return "the key has another size";
    memcpy(key.bytes, row->key.mv_data, key.size);
    return has_key(check, TABLE_NODES, key) ? NULL : "the node is not there";
}

const char *rule_datum(struct check *check, const struct row *row)
{
    MDB_val number;

    if (!row_has(check, TABLE_DATUM_IDS, row->texts[0].data, row->texts[0].size, &number)
        || !is_number(&number) || key_number(number.mv_data, 8) != row->keys[0])
        return "the datum's id is not in datum_ids, or stands for another";
    return row->numbers[6] == 0 || has_key(check, TABLE_RUNS, key_run(row->numbers[6]))
               ? NULL
               : "the run that made it is not there";
}

static bool has_datum(struct check *check, uint64_t number)
{
    return has_key(check, TABLE_DATUMS, key_run(number));
}

const char *rule_datum_id(struct check *check, const struct row *row)
{
    return is_number(&row->data) && has_datum(check, key_number(row->data.mv_data, 8))
               ? NULL
               : "it stands for a datum that is not there";
}

const char *rule_datum_run(struct check *check, const struct row *row)
{
    return has_key(check, TABLE_RUNS, key_run(row->keys[0]))
                   && has_datum(check, row->keys[1])
               ? NULL
               : "the run or the datum is not there";
}

const char *rule_alias(struct check *check, const struct row *row)
{
    struct name_key key = { .size = row->key.mv_size };

    if (key.size + 8 > sizeof key.bytes)
        return "the key is too long";
    memcpy(key.bytes, row->key.mv_data, key.size);
    name_key_number(&key, row->numbers[3], 8);
    return row->numbers[3] > 0
                   && row_has(check, TABLE_ALIAS_CHANGES, key.bytes, key.size, NULL)
               ? NULL
               : "its last change is not in alias_changes";
}

const char *rule_alias_change(struct check *check, const struct row *row)
{
    return row->key.mv_size > 8
                   && row_has(check, TABLE_ALIASES, row->key.mv_data,
                              row->key.mv_size - 8, NULL)
               ? NULL
               : "the alias is not there";
}

static bool has_tagged(struct check *check, uint64_t kind, uint64_t number)
{
    return kind == TAGGED_RUN ? has_key(check, TABLE_RUNS, key_run(number))
                              : kind == TAGGED_DATUM && has_datum(check, number);
}

const char *rule_tag(struct check *check, const struct row *row)
{
    const unsigned char *key = row->key.mv_data;
    size_t size = row->key.mv_size;

    if (size < 10 || !has_tagged(check, key[size - 9], key_number(key + size - 8, 8)))
        return "what has the tag is not there";
    return row_has(check, TABLE_TAGS_OF, key + size - 9, 9, NULL)
               ? NULL
               : "tags_of has no tags of it";
}

const char *rule_tags_of(struct check *check, const struct row *row)
{
    return has_tagged(check, row->keys[0], row->keys[1])
               ? NULL
               : "what has the tags is not there";
}

const char *rule_dataset(struct check *check, const struct row *row)
{
    struct key number = key_run(row->numbers[0]);
    MDB_val key;

    return row_has(check, TABLE_DATASET_KEYS, number.bytes, number.size, &key)
                   && key.mv_size == row->key.mv_size
                   && memcmp(key.mv_data, row->key.mv_data, key.mv_size) == 0
               ? NULL
               : "its number is not in dataset_keys, or stands for another";
}

const char *rule_dataset_key(struct check *check, const struct row *row)
{
    return row_has(check, TABLE_DATASETS, row->data.mv_data, row->data.mv_size, NULL)
               ? NULL
               : "it stands for a version that is not there";
}

const char *rule_dataset_file(struct check *check, const struct row *row)
{
    const unsigned char *key = row->key.mv_data;
    size_t size = row->key.mv_size;

    return size > 16 && has_key(check, TABLE_DATASET_KEYS, key_run(key_number(key, 8)))
                   && has_datum(check, key_number(key + size - 8, 8))
               ? NULL
               : "the version or the datum is not there";
}
