/* import_check.c - whether what is to be imported is a run as a store has it. */
#include "broker/answers/import_state.h"
#include "broker/store/blocks.h"
#include "broker/store/layers.h"
#include "broker/store/names.h"
#include "broker/store/versions.h"
#include "codecs/plan/tree.h"

#include <string.h>

enum { VERSION_ARENA_MAX = 1 << 16 };

static enum rc wrong(struct err *err, const char *what)
{
    return err_set(err, RC_INVALID, "import: %s; nothing was changed", what);
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

/* The rows of its stages follow from a layer. */
static enum rc open_layer(struct import *import, const struct bundle_row *row,
                          struct err *err)
{
    struct layer_record record;
    const struct stage_layer *layer = &record.layer;

    if (store_layer_decode(row->value, &record, err) != RC_OK || !layer->has_ended
        || !layer_is_whole(layer) || layer->first != import_number(row->key, 0, 4)
        || layer_stage(layer, layer_count(layer) - 1) >= import->plan->stage_count)
        return wrong(err, "a layer does not decode, or has stages that cannot be");
    for (uint64_t i = 0; i < layer_count(layer); i++) {
        uint32_t stage = layer_stage(layer, i);

        if (import->in_layer[stage])
            return wrong(err, "a stage stands in two layers");
        import->in_layer[stage] = true;
        import->stages[stage] = layer_stage_row(layer);
    }
    return RC_OK;
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

    if ((found != NULL) == import->in_layer[stage]
        || (found && store_stage_decode(found->value, import->arena, row, err) != RC_OK)
        || !stage_holds(row))
        return wrong(err, "a stage's row is missing, or holds what cannot be");
    if (resolved
        && plan_stage_decode(import->arena, resolved->value.data, resolved->value.size,
                             &import->resolved[stage], err)
               != RC_OK)
        return wrong(err, "a resolved stage does not decode");
    if (!resolved && row->is_resolved && plan_stage_is_plain(import->plan, stage))
        import->resolved[stage] = &import->plan->stages[stage];
    if (row->is_resolved != (import->resolved[stage] != NULL)
        || (row->is_resolved
            && plan_stage_task_count(import->resolved[stage]) != row->tasks))
        return wrong(err, "a stage and its number of tasks contradict each other");
    return RC_OK;
}

static size_t count_of(const struct import *import, enum bundle_table table)
{
    return import->bundle.first[table + 1] - import->bundle.first[table];
}

static enum rc open_stages(struct import *import, struct err *err)
{
    size_t count = import->plan->stage_count, rows = 0;
    enum rc rc = RC_OK;

    import->stages = arena_array(import->arena, count, sizeof *import->stages);
    import->resolved = arena_array(import->arena, count, sizeof(struct plan_stage *));
    import->in_layer = arena_array(import->arena, count, sizeof *import->in_layer);
    if (!import->stages || !import->resolved || !import->in_layer)
        return err_set(err, RC_NO_MEMORY, "no memory for the stages of a run");
    for (size_t i = import->bundle.first[BUNDLE_LAYERS];
         rc == RC_OK && i < import->bundle.first[BUNDLE_VERSIONS]; i++)
        rc = open_layer(import, &import->bundle.rows[i], err);
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        rc = open_stage(import, (uint32_t)i, err);
        rows += !import->in_layer[i];
    }
    if (rc == RC_OK && count_of(import, BUNDLE_STAGES) != rows)
        rc = wrong(err, "there are more stages than the plan has");
    return rc;
}

/* Whether the key begins with the stage and number of a task that there is, and that is
 * in no layer. */
static bool is_task(const struct import *import, struct bytes key)
{
    uint64_t stage = import_number(key, 0, 4);

    return stage < import->plan->stage_count && !import->in_layer[stage]
           && import_number(key, 4, 8) < import->stages[stage].tasks;
}

static enum rc check_rows(struct import *import, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    struct task_result *result;
    struct task_row task;

    for (size_t i = bundle->first[BUNDLE_RESOLVED]; i < bundle->first[BUNDLE_TASKS]; i++)
        if (import_number(bundle->rows[i].key, 0, 4) >= import->plan->stage_count)
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
    scoped(arena) arena = arena_create(IMPORT_TAGS_MAX);
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

    for (size_t i = bundle->first[BUNDLE_TAGS]; i < bundle->first[BUNDLE_ALIASES]; i++)
        if (!tags_hold(bundle->rows[i].value))
            return wrong(err, "a list of tags does not decode");
    return import_names_hold(import)
               ? RC_OK
               : wrong(err, "an alias or a dataset does not decode");
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

/* The class of the stage, whose resolved form came along or follows from the plan. */
static bool class_is_known(struct import *import, uint32_t stage,
                           const struct bundle_row *row)
{
    struct digester *digester = import->broker->digester;
    uint8_t resolved[DIGEST_SIZE];
    scoped_buf follows = { 0 };

    if (row && row == import->class_stage)
        return true;
    if (row)
        version_hash(digester, row->value.data, row->value.size, resolved);
    else if (stage < import->plan->stage_count && import->resolved[stage])
        plan_stage_encode(&follows, import->resolved[stage]);
    if (!row && (follows.size == 0 || !buf_ok(&follows)))
        return false;
    if (!row)
        version_hash(digester, follows.data, follows.size, resolved);
    version_class_hash(digester, import->head_hash, import->plan_hash, resolved,
                       import->class_hash);
    import->class_stage = row;
    return true;
}

/* The hashes that the record has are those of what came with it. result: of size 0 if
 * there is none. */
static bool hashes_hold(struct import *import, const struct version *version,
                        struct bytes result)
{
    struct digester *digester = import->broker->digester;
    uint8_t hash[DIGEST_SIZE] = { 0 };
    unsigned char key[16];

    task_key(key, version);
    if (!hash_is_zero(version->result_hash) && result.size > 0)
        version_hash(digester, result.data, result.size, hash);
    if (memcmp(hash, version->result_hash, DIGEST_SIZE) != 0)
        return false;
    return class_is_known(import, version->stage,
                          bundle_find(&import->bundle, BUNDLE_RESOLVED, key, 4))
           && memcmp(import->class_hash, version->class_hash, DIGEST_SIZE) == 0;
}

/* Reads the next of the versions: of the task, block or layer that has this key and names
 * this number. */
static enum rc next_version(const struct import *import, size_t *next, uint64_t number,
                            struct bytes key, struct arena *arena,
                            struct version *version, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    const struct bundle_row *row = &bundle->rows[bundle->first[BUNDLE_VERSIONS] + *next];

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for a version");
    if (*next == count_of(import, BUNDLE_VERSIONS))
        return wrong(err, "a version is missing");
    if (version_decode(arena, row->value.data, row->value.size, version, err) != RC_OK
        || row->value.size > VERSION_BYTES_MAX || import_number(row->key, 0, 8) != number
        || version->stage != import_number(key, 0, 4)
        || version->index != (key.size > 4 ? import_number(key, 4, 8) : 0))
        return wrong(err, "a version is not of the task that names it");
    ++*next;
    return RC_OK;
}

static enum rc check_task_version(struct import *import, const struct bundle_row *row,
                                  size_t *next, struct err *err)
{
    scoped(arena) arena = arena_create(VERSION_ARENA_MAX);
    const struct bundle_row *result;
    struct version version;
    struct task_row task;
    unsigned char key[16];
    enum rc rc;

    if (store_task_decode(row->value, &task, err) != RC_OK)
        return wrong(err, "the row of a task does not decode");
    if (task.version == 0)
        return RC_OK;
    rc = next_version(import, next, task.version, row->key, arena, &version, err);
    if (rc != RC_OK)
        return rc;
    task_key(key, &version);
    result = bundle_find(&import->bundle, BUNDLE_RESULTS, key, sizeof key);
    return version.count == 0
                   && hashes_hold(import, &version,
                                  result ? result->value : (struct bytes){ 0 })
               ? RC_OK
               : wrong(err, "a version and what it has the hashes of differ");
}

/* Whether the row is of a task or block of the stage that begins before index end. */
static bool is_before(const struct bundle_row *row, struct bytes stage, uint64_t end)
{
    return memcmp(row->key.data, stage.data, 4) == 0
           && import_number(row->key, 4, 8) < end;
}

/* Its tasks are there, have been handed out, and stand nowhere else. *task is the first
 * row of a task that may be behind it. */
static bool block_fits(const struct import *import, size_t at,
                       const struct task_block *block, size_t *task)
{
    const struct bundle *bundle = &import->bundle;
    struct bytes key = bundle->rows[at].key;
    uint64_t index = import_number(key, 4, 8), end = index + block->count;
    const struct stage_row *stage;

    if (!is_task(import, key))
        return false;
    stage = &import->stages[import_number(key, 0, 4)];
    if (end > stage->tasks || end > stage->next)
        return false;
    while (*task < bundle->first[BUNDLE_RESULTS]
           && memcmp(bundle->rows[*task].key.data, key.data, key.size) < 0)
        ++*task;
    if (*task < bundle->first[BUNDLE_RESULTS]
        && is_before(&bundle->rows[*task], key, end))
        return false;
    return at + 1 == bundle->first[BUNDLE_LAYERS]
           || !is_before(&bundle->rows[at + 1], key, end);
}

static enum rc check_block(struct import *import, size_t at, size_t *task, size_t *next,
                           struct err *err)
{
    const struct bundle_row *row = &import->bundle.rows[at];
    scoped(arena) arena = arena_create(VERSION_ARENA_MAX);
    struct version version;
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
    rc = next_version(import, next, number, row->key, arena, &version, err);
    if (rc != RC_OK)
        return rc;
    return version.count == block.count && version.attempt == 1
                   && version.status == RESULT_COMPLETE
                   && hashes_hold(import, &version, bytes)
               ? RC_OK
               : wrong(err, "a version and what it has the hashes of differ");
}

static enum rc check_layer(struct import *import, const struct bundle_row *row,
                           size_t *next, struct err *err)
{
    scoped(arena) arena = arena_create(VERSION_ARENA_MAX);
    struct layer_record record;
    struct version version;
    enum rc rc;

    must(store_layer_decode(row->value, &record, err) == RC_OK); /* as it was opened */
    rc = next_version(import, next, record.version, row->key, arena, &version, err);
    if (rc != RC_OK)
        return rc;
    return version.count == layer_count(&record.layer) && version.attempt == 1
                   && version.status == RESULT_COMPLETE
                   && hashes_hold(import, &version, record.bytes)
               ? RC_OK
               : wrong(err, "a version and what it has the hashes of differ");
}

/* Each is of the task, block or layer whose row names its number; rows come in the same
 * order. */
static enum rc check_versions(struct import *import, struct err *err)
{
    const struct bundle *bundle = &import->bundle;
    size_t count = count_of(import, BUNDLE_VERSIONS), next = 0;
    size_t task = bundle->first[BUNDLE_TASKS];
    enum rc rc = RC_OK;

    for (size_t i = task; rc == RC_OK && i < bundle->first[BUNDLE_RESULTS]; i++)
        rc = check_task_version(import, &bundle->rows[i], &next, err);
    for (size_t i = bundle->first[BUNDLE_BLOCKS];
         rc == RC_OK && i < bundle->first[BUNDLE_LAYERS]; i++)
        rc = check_block(import, i, &task, &next, err);
    for (size_t i = bundle->first[BUNDLE_LAYERS];
         rc == RC_OK && i < bundle->first[BUNDLE_VERSIONS]; i++)
        rc = check_layer(import, &bundle->rows[i], &next, err);
    if (rc != RC_OK)
        return rc;
    return next == count ? RC_OK : wrong(err, "there are versions of no task");
}

enum rc import_check(struct import *import, struct err *err)
{
    enum rc rc = open_run(import, err);

    if (rc == RC_OK)
        rc = is_new(import, err);
    if (rc == RC_OK)
        rc = open_stages(import, err);
    if (rc == RC_OK)
        rc = check_rows(import, err);
    if (rc == RC_OK)
        rc = check_versions(import, err);
    return rc == RC_OK ? check_tags(import, err) : rc;
}
