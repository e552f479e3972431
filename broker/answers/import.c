/* import.c - a run of another store becomes one of this one, in one commit.
 *
 * Everything is decoded and checked, and every hash given anew, before the first row is
 * written: what is refused has changed nothing. The run never enters the core; it has
 * ended. Nothing here may trust a row: later readers do. */
#include "broker/answers/name_find.h"
#include "broker/broker_state.h"
#include "broker/name_results.h"
#include "broker/reuse.h"
#include "broker/store/blocks.h"
#include "broker/store/bundle.h"
#include "broker/store/versions.h"
#include "codecs/plan/tree.h"
#include "codecs/version/version.h"

#include <stdlib.h>
#include <string.h>

enum { IMPORT_ARENA_MAX = 1 << 30, TAGS_ARENA_MAX = 1 << 20 };

struct import {
    struct broker *broker;
    struct arena *arena;
    struct bundle bundle;
    struct run_head head;
    struct run_row row;
    struct plan *plan;
    struct stage_row *stages;
    struct plan_stage **resolved; /* NULL: not resolved */
    struct version *versions;     /* of BUNDLE_VERSIONS, in its order */
    uint8_t head_hash[DIGEST_SIZE], plan_hash[DIGEST_SIZE];
};

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static enum rc wrong(struct err *err, const char *what)
{
    return err_set(err, RC_INVALID, "import: %s; nothing was changed", what);
}

static uint64_t number_at(struct bytes key, size_t at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++)
        number = number << 8 | (unsigned char)key.data[at + i];
    return number;
}

static const struct bundle_row *only(const struct import *import, enum bundle_table table)
{
    return &import->bundle.rows[import->bundle.first[table]];
}

static enum rc open_run(struct import *import, struct err *err)
{
    struct run_totals totals;
    struct bytes plan = only(import, BUNDLE_PLAN)->value;
    struct bytes head = only(import, BUNDLE_HEAD)->value;

    if (store_head_decode(head, import->arena, &import->head, err) != RC_OK
        || strlen(import->head.id) != 36)
        return wrong(err, "the run's record does not decode");
    if (store_run_row_decode(only(import, BUNDLE_ROW)->value, &import->row, &totals, err)
            != RC_OK
        || !run_state_is_final(import->row.state))
        return wrong(err, "the run's row does not decode, or the run has not ended");
    if (plan_decode(import->arena, plan.data, plan.size, &import->plan, err) != RC_OK
        || import->plan->stage_count != import->row.stages)
        return wrong(err, "the plan does not decode");
    version_hash(import->broker->digester, head.data, head.size, import->head_hash);
    version_hash(import->broker->digester, plan.data, plan.size, import->plan_hash);
    return RC_OK;
}

static enum rc is_new(struct import *import, struct err *err)
{
    uint64_t run;
    enum rc rc = store_run_by_id(import->broker->store, import->head.id, &run, err);

    if (rc == RC_NOT_FOUND)
        rc = store_run_by_submission(import->broker->store, import->head.submission, &run,
                                     err);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    return rc == RC_OK
               ? err_set(err, RC_CONFLICT, "run %s is here already: it is run %lu",
                         import->head.id, (unsigned long)run)
               : rc;
}

/* What other parts of the broker hold true of the row of a stage that has ended. */
static bool stage_holds(const struct stage_row *row)
{
    return stage_state_is_final(row->state) && row->running == 0
           && row->tasks <= PLAN_TASKS_MAX && row->complete <= row->tasks
           && row->failed <= row->tasks && row->stopped <= row->tasks
           && row->complete + row->failed + row->stopped <= row->tasks;
}

static enum rc open_stage(struct import *import, uint32_t stage, struct err *err)
{
    const unsigned char key[4] = { (unsigned char)(stage >> 24),
                                   (unsigned char)(stage >> 16),
                                   (unsigned char)(stage >> 8), (unsigned char)stage };
    struct stage_row *row = &import->stages[stage];
    const struct bundle_row *found =
        bundle_find(&import->bundle, BUNDLE_STAGES, key, sizeof key);
    const struct bundle_row *resolved =
        bundle_find(&import->bundle, BUNDLE_RESOLVED, key, sizeof key);

    if (!found || store_stage_decode(found->value, import->arena, row, err) != RC_OK
        || !stage_holds(row))
        return wrong(err, "a stage's row is missing, or holds what cannot be");
    if (resolved
        && plan_stage_decode(import->arena, resolved->value.data, resolved->value.size,
                             &import->resolved[stage], err)
               != RC_OK)
        return wrong(err, "a resolved stage does not decode");
    if (row->is_resolved != (resolved != NULL)
        || (resolved && plan_stage_task_count(import->resolved[stage]) != row->tasks))
        return wrong(err, "a stage and its number of tasks contradict each other");
    return RC_OK;
}

static size_t count_of(const struct import *import, enum bundle_table table)
{
    return import->bundle.first[table + 1] - import->bundle.first[table];
}

static enum rc open_stages(struct import *import, struct err *err)
{
    size_t count = import->plan->stage_count;
    enum rc rc = RC_OK;

    import->stages = arena_array(import->arena, count, sizeof *import->stages);
    import->resolved = arena_array(import->arena, count, sizeof(struct plan_stage *));
    if (!import->stages || !import->resolved)
        return err_set(err, RC_NO_MEMORY, "no memory for the stages of a run");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = open_stage(import, (uint32_t)i, err);
    if (rc == RC_OK && count_of(import, BUNDLE_STAGES) != count)
        rc = wrong(err, "there are more stages than the plan has");
    return rc;
}

/* Whether the key begins with the stage and number of a task that there is. */
static bool is_task(const struct import *import, struct bytes key)
{
    uint64_t stage = number_at(key, 0, 4);

    return stage < import->plan->stage_count
           && number_at(key, 4, 8) < import->stages[stage].tasks;
}

static enum rc check_rows(struct import *import, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    struct task_result *result;
    struct task_row task;

    for (size_t i = bundle->first[BUNDLE_RESOLVED]; i < bundle->first[BUNDLE_TASKS]; i++)
        if (number_at(bundle->rows[i].key, 0, 4) >= import->plan->stage_count)
            return wrong(err, "a record is of a stage that the plan lacks");
    for (size_t i = bundle->first[BUNDLE_TASKS]; i < bundle->first[BUNDLE_RESULTS]; i++)
        if (!is_task(import, bundle->rows[i].key)
            || store_task_decode(bundle->rows[i].value, &task, err) != RC_OK)
            return wrong(err, "the row of a task does not decode");
    for (size_t i = bundle->first[BUNDLE_RESULTS]; i < bundle->first[BUNDLE_BLOCKS];
         i++) {
        scoped(arena) arena = arena_create(IMPORT_ARENA_MAX);
        struct bytes bytes = bundle->rows[i].value;

        if (!arena)
            return err_set(err, RC_NO_MEMORY, "no memory for a result");
        if (!is_task(import, bundle->rows[i].key)
            || result_decode(arena, bytes.data, bytes.size, &result, err) != RC_OK)
            return wrong(err, "a result does not decode");
    }
    return RC_OK;
}

/* A list of words that may be tags. */
static bool tags_hold(struct bytes value)
{
    scoped(arena) arena = arena_create(TAGS_ARENA_MAX);
    struct reader reader;
    size_t count;
    bool is_good = arena != NULL;

    reader_init(&reader, value.data, value.size);
    count = reader_list(&reader);
    for (size_t i = 0; is_good && i < count && i <= TAGS_MAX; i++) {
        const char *tag = reader_text(&reader, arena, NAME_BYTES_MAX);

        is_good = reader_ok(&reader) && tag_is_valid(tag);
    }
    return is_good && count > 0 && count <= TAGS_MAX && reader_at_end(&reader);
}

static enum rc check_tags(const struct import *import, struct err *err)
{
    const struct bundle *bundle = &import->bundle;

    for (size_t i = bundle->first[BUNDLE_TAGS]; i < bundle->count; i++)
        if (!tags_hold(bundle->rows[i].value))
            return wrong(err, "a list of tags does not decode");
    return RC_OK;
}

static void task_key(unsigned char key[16], const struct version *version)
{
    for (unsigned i = 0; i < 4; i++) {
        key[i] = (unsigned char)(version->stage >> (24 - 8 * i));
        key[12 + i] = (unsigned char)(version->attempt >> (24 - 8 * i));
    }
    for (unsigned i = 0; i < 8; i++)
        key[4 + i] = (unsigned char)(version->index >> (56 - 8 * i));
}

/* The hashes that the record has are those of what came with it. result: of size 0 if
 * there is none. */
static bool hashes_hold(struct import *import, const struct version *version,
                        struct bytes result)
{
    struct digester *digester = import->broker->digester;
    uint8_t resolved[DIGEST_SIZE], hash[DIGEST_SIZE] = { 0 };
    unsigned char key[16];

    task_key(key, version);

    const struct bundle_row *stage =
        bundle_find(&import->bundle, BUNDLE_RESOLVED, key, 4);

    if (!stage)
        return false;
    if (!hash_is_zero(version->result_hash) && result.size > 0)
        version_hash(digester, result.data, result.size, hash);
    if (memcmp(hash, version->result_hash, DIGEST_SIZE) != 0)
        return false;
    version_hash(digester, stage->value.data, stage->value.size, resolved);
    version_class_hash(digester, import->head_hash, import->plan_hash, resolved, hash);
    return memcmp(hash, version->class_hash, DIGEST_SIZE) == 0;
}

/* Reads the next of the versions: of the task or block that has this key and names this
 * number. */
static enum rc next_version(struct import *import, size_t *next, uint64_t number,
                            struct bytes key, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    const struct bundle_row *row = &bundle->rows[bundle->first[BUNDLE_VERSIONS] + *next];
    struct version *version = &import->versions[*next];

    if (*next == count_of(import, BUNDLE_VERSIONS))
        return wrong(err, "a version is missing");
    if (version_decode(import->arena, row->value.data, row->value.size, version, err)
            != RC_OK
        || row->value.size > VERSION_BYTES_MAX || number_at(row->key, 0, 8) != number
        || version->stage != number_at(key, 0, 4)
        || version->index != number_at(key, 4, 8))
        return wrong(err, "a version is not of the task that names it");
    ++*next;
    return RC_OK;
}

static enum rc check_task_version(struct import *import, const struct bundle_row *row,
                                  size_t *next, struct err *err)
{
    const struct version *version = &import->versions[*next];
    const struct bundle_row *result;
    struct task_row task;
    unsigned char key[16];
    enum rc rc;

    if (store_task_decode(row->value, &task, err) != RC_OK)
        return wrong(err, "the row of a task does not decode");
    if (task.version == 0)
        return RC_OK;
    rc = next_version(import, next, task.version, row->key, err);
    if (rc != RC_OK)
        return rc;
    task_key(key, version);
    result = bundle_find(&import->bundle, BUNDLE_RESULTS, key, sizeof key);
    return version->count == 0
                   && hashes_hold(import, version,
                                  result ? result->value : (struct bytes){ 0 })
               ? RC_OK
               : wrong(err, "a version and what it has the hashes of differ");
}

/* Whether the row is of a task or block of the stage that begins before index end. */
static bool is_before(const struct bundle_row *row, struct bytes stage, uint64_t end)
{
    return memcmp(row->key.data, stage.data, 4) == 0 && number_at(row->key, 4, 8) < end;
}

/* Its tasks are there, have been handed out, and stand nowhere else. *task is the first
 * row of a task that may be behind it. */
static bool block_fits(const struct import *import, size_t at,
                       const struct task_block *block, size_t *task)
{
    const struct bundle *bundle = &import->bundle;
    struct bytes key = bundle->rows[at].key;
    uint64_t index = number_at(key, 4, 8), end = index + block->count;
    const struct stage_row *stage;

    if (!is_task(import, key))
        return false;
    stage = &import->stages[number_at(key, 0, 4)];
    if (end > stage->tasks || end > stage->next)
        return false;
    while (*task < bundle->first[BUNDLE_RESULTS]
           && memcmp(bundle->rows[*task].key.data, key.data, key.size) < 0)
        ++*task;
    if (*task < bundle->first[BUNDLE_RESULTS]
        && is_before(&bundle->rows[*task], key, end))
        return false;
    return at + 1 == bundle->first[BUNDLE_VERSIONS]
           || !is_before(&bundle->rows[at + 1], key, end);
}

static enum rc check_block(struct import *import, size_t at, size_t *task, size_t *next,
                           struct err *err)
{
    const struct bundle_row *row = &import->bundle.rows[at];
    const struct version *version = &import->versions[*next];
    struct task_block block;
    struct reader reader;
    struct bytes bytes = { 0 };
    uint64_t number;
    enum rc rc;

    if (store_block_decode(row->value, &number, &bytes, err) != RC_OK)
        return wrong(err, "a block does not decode");
    reader_init(&reader, bytes.data, bytes.size);
    block_read(&reader, &block);
    if (!reader_at_end(&reader) || !block_fits(import, at, &block, task))
        return wrong(err, "a block does not decode, or has tasks that cannot be");
    rc = next_version(import, next, number, row->key, err);
    if (rc != RC_OK)
        return rc;
    return version->count == block.count && version->attempt == 1
                   && version->status == RESULT_COMPLETE
                   && hashes_hold(import, version, bytes)
               ? RC_OK
               : wrong(err, "a version and what it has the hashes of differ");
}

/* Each is of the task or block whose row names its number; rows come in the same order.
 */
static enum rc check_versions(struct import *import, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    size_t count = count_of(import, BUNDLE_VERSIONS), next = 0;
    size_t task = bundle->first[BUNDLE_TASKS];
    enum rc rc = RC_OK;

    import->versions = arena_array(import->arena, count + 1, sizeof *import->versions);
    if (!import->versions)
        return err_set(err, RC_NO_MEMORY, "no memory for versions");
    for (size_t i = task; rc == RC_OK && i < bundle->first[BUNDLE_RESULTS]; i++)
        rc = check_task_version(import, &bundle->rows[i], &next, err);
    for (size_t i = bundle->first[BUNDLE_BLOCKS];
         rc == RC_OK && i < bundle->first[BUNDLE_VERSIONS]; i++)
        rc = check_block(import, i, &task, &next, err);
    if (rc != RC_OK)
        return rc;
    return next == count ? RC_OK : wrong(err, "there are versions of no task");
}

static void add_artifacts(struct import *import, uint64_t run)
{
    const struct bundle *bundle = &import->bundle;

    for (size_t i = bundle->first[BUNDLE_RESULTS]; i < bundle->first[BUNDLE_BLOCKS];
         i++) {
        scoped(arena) arena = arena_create(IMPORT_ARENA_MAX);
        const struct bundle_row *row = &bundle->rows[i];
        struct task_result *result;
        struct err err;

        if (!arena
            || result_decode(arena, row->value.data, row->value.size, &result, &err)
                   != RC_OK)
            continue;
        for (size_t k = 0; k < result->output_count; k++) {
            const struct plan_source *output = &result->outputs[k];
            struct artifact_record record = { .digest = output->digest,
                                              .name = output->name,
                                              .size = output->size,
                                              .run = run,
                                              .stage =
                                                  (uint32_t)number_at(row->key, 0, 4),
                                              .index = number_at(row->key, 4, 8),
                                              .created_us = import->broker->now_us };

            batch_check(import->broker,
                        store_artifact_put(import->broker->store, &record, &err), &err);
        }
    }
}

/* A version ends this store's chain; gives its number here. */
static uint64_t add_version(struct import *import, uint64_t run, size_t *next)
{
    const struct bundle *bundle = &import->bundle;
    const struct bundle_row *row = &bundle->rows[bundle->first[BUNDLE_VERSIONS] + *next];

    return version_import(import->broker, run, &import->versions[(*next)++], row->value);
}

/* With their versions; a node of elsewhere has no number here. */
static void add_tasks(struct import *import, uint64_t run, size_t *next)
{
    const struct bundle *bundle = &import->bundle;
    struct broker *broker = import->broker;

    for (size_t i = bundle->first[BUNDLE_TASKS]; i < bundle->first[BUNDLE_RESULTS]; i++) {
        struct bytes key = bundle->rows[i].key;
        struct task_row task;
        struct err err;

        must(store_task_decode(bundle->rows[i].value, &task, &err) == RC_OK);
        if (task.version > 0)
            task.version = add_version(import, run, next);
        task.node = UINT32_MAX;
        task.token = 0;
        batch_check(broker,
                    store_task_put(broker->store, run, (uint32_t)number_at(key, 0, 4),
                                   number_at(key, 4, 8), &task, &err),
                    &err);
    }
}

static void add_blocks(struct import *import, uint64_t run, size_t *next)
{
    const struct bundle *bundle = &import->bundle;
    struct store *store = import->broker->store;

    for (size_t i = bundle->first[BUNDLE_BLOCKS]; i < bundle->first[BUNDLE_VERSIONS];
         i++) {
        struct bytes key = bundle->rows[i].key, bytes;
        uint64_t number;
        struct err err;

        must(store_block_decode(bundle->rows[i].value, &number, &bytes, &err) == RC_OK);
        number = add_version(import, run, next);
        batch_check(import->broker,
                    store_block_put(store, run, (uint32_t)number_at(key, 0, 4),
                                    number_at(key, 4, 8), UINT32_MAX, number, bytes,
                                    &err),
                    &err);
    }
}

struct ended_task {
    int64_t ended_us;
    size_t row;
};

static int by_end(const void *a, const void *b)
{
    const struct ended_task *x = a, *y = b;

    if (x->ended_us != y->ended_us)
        return x->ended_us < y->ended_us ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* What the last attempt of the task left: names, and a result for others to use. */
static void add_outcome(struct import *import, uint64_t run, size_t row,
                        struct naming *naming)
{
    scoped(arena) arena = arena_create(IMPORT_ARENA_MAX);
    struct bytes key = import->bundle.rows[row].key;
    struct origin task = { run, number_at(key, 4, 8), (uint32_t)number_at(key, 0, 4) };
    unsigned char of_result[16];
    const struct bundle_row *found;
    struct task_result *result;
    struct task_row known;
    struct err err;

    must(store_task_decode(import->bundle.rows[row].value, &known, &err) == RC_OK);
    memcpy(of_result, key.data, 12);
    for (unsigned i = 0; i < 4; i++)
        of_result[12 + i] = (unsigned char)(known.attempts >> (24 - 8 * i));
    found = bundle_find(&import->bundle, BUNDLE_RESULTS, of_result, sizeof of_result);
    if (!found || !arena || !import->resolved[task.stage]
        || result_decode(arena, found->value.data, found->value.size, &result, &err)
               != RC_OK)
        return;
    names_import_add(naming,
                     &(struct named_task){ .run = run,
                                           .index = task.index,
                                           .stage = task.stage,
                                           .name = import->resolved[task.stage]->name },
                     result);
    if (known.state == TASK_COMPLETE)
        reuse_imported(import->broker, &task);
}

/* In the order in which the tasks ended, as it was where they ran: the last one that
 * asked for an alias has it. */
static enum rc add_outcomes(struct import *import, uint64_t run, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    size_t count = count_of(import, BUNDLE_TASKS), first = bundle->first[BUNDLE_TASKS];
    struct ended_task *tasks = arena_array(import->arena, count, sizeof *tasks);
    struct naming *naming =
        names_import_begin(import->broker, run, or_empty(import->head.project));

    if (!tasks || !naming) {
        names_import_end(naming);
        return err_set(err, RC_NO_MEMORY, "no memory for the results of a run");
    }
    for (size_t i = 0; i < count; i++) {
        struct task_row task;

        must(store_task_decode(bundle->rows[first + i].value, &task, err) == RC_OK);
        tasks[i] = (struct ended_task){ task.ended_us, first + i };
    }
    qsort(tasks, count, sizeof *tasks, by_end);
    for (size_t i = 0; i < count; i++)
        add_outcome(import, run, tasks[i].row, naming);
    names_import_end(naming);
    return RC_OK;
}

static enum rc add_tag_list(struct import *import, const struct name_scope *scope,
                            enum tagged what, uint64_t number, const char *owner,
                            struct bytes value, struct err *err)
{
    scoped(arena) arena = arena_create(TAGS_ARENA_MAX);
    struct reader reader;
    enum rc rc = arena ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for tags");

    reader_init(&reader, value.data, value.size);
    for (size_t count = reader_list(&reader); rc == RC_OK && count > 0; count--)
        rc = name_tag_change(import->broker, scope, what, number, owner,
                             reader_text(&reader, arena, NAME_BYTES_MAX), true, err);
    return rc == RC_CONFLICT ? RC_OK : rc; /* a datum that is here has its fill */
}

static enum rc add_tags(struct import *import, uint64_t run, struct err *err)
{
    struct broker *broker = import->broker;
    const struct bundle *bundle = &import->bundle;
    struct name_scope scope = { .project = or_empty(import->head.project), .by = "" };
    enum rc rc = RC_OK;

    for (size_t i = bundle->first[BUNDLE_TAGS]; rc == RC_OK && i < bundle->count; i++) {
        const struct bundle_row *row = &bundle->rows[i];
        struct datum datum = { .number = run };
        const char *owner = arena_printf(import->arena, "run/%lu", (unsigned long)run);

        if (row->table == BUNDLE_DATUM_TAGS) {
            memcpy(datum.id, row->key.data, sizeof datum.id);
            rc = store_datum_find(broker->store, datum.id, &datum.number, err);
            owner = datum_uri_of(import->arena, &datum);
        }
        if (rc == RC_OK)
            rc = add_tag_list(import, &scope,
                              row->table == BUNDLE_TAGS ? TAGGED_RUN : TAGGED_DATUM,
                              datum.number, or_empty(owner), row->value, err);
        if (rc == RC_NOT_FOUND)
            rc = RC_OK; /* its result did not come along */
    }
    return rc;
}

static uint64_t write_all(struct import *import)
{
    struct broker *broker = import->broker;
    uint64_t run = core_run_take(broker->core);
    size_t versions = 0;
    struct err err;

    broker->counters.run_next = run + 1;
    broker->counters_changed = true;
    batch_check(
        broker,
        store_bundle_write(broker->store, run, &import->bundle, &import->head, &err),
        &err);
    add_tasks(import, run, &versions);
    add_blocks(import, run, &versions);
    add_artifacts(import, run);
    batch_check(broker, store_lineage_run(broker->store, run, &err), &err);
    announce(broker,
             &(struct announcement){ .kind = "run", .run = run, .state = "imported" });
    batch_check(broker, add_outcomes(import, run, &err), &err);
    batch_check(broker, add_tags(import, run, &err), &err);
    return run;
}

enum rc request_import(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    scoped(arena) arena = arena_create(IMPORT_ARENA_MAX);
    struct import import = { .broker = broker, .arena = arena };
    enum rc rc = arena ? bundle_decode(arena, request->records.data,
                                       request->records.size, &import.bundle, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for an import");

    if (rc == RC_OK)
        rc = open_run(&import, err);
    if (rc == RC_OK)
        rc = is_new(&import, err);
    if (rc == RC_OK)
        rc = open_stages(&import, err);
    if (rc == RC_OK)
        rc = check_rows(&import, err);
    if (rc == RC_OK)
        rc = check_versions(&import, err);
    if (rc == RC_OK)
        rc = check_tags(&import, err);
    if (rc != RC_OK)
        return rc;
    pack_map(body, 1);
    pack_text(body, "run");
    pack_uint(body, write_all(&import));
    return RC_OK;
}
