/* import_write.c - the rows of an imported run, and what else follows from them. */
#include "broker/answers/import_state.h"
#include "broker/answers/name_find.h"
#include "broker/name_results.h"
#include "broker/reuse.h"
#include "broker/store/blocks.h"
#include "broker/store/layers.h"

#include <stdlib.h>
#include <string.h>

static const char *or_empty(const char *text)
{
    return text ? text : "";
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
                                                  (uint32_t)import_number(row->key, 0, 4),
                                              .index = import_number(row->key, 4, 8),
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

    scoped(arena) arena = arena_create(VERSION_BYTES_MAX * 2);
    struct version version;
    struct err err;

    ++*next;
    if (!arena) {
        batch_check(import->broker,
                    err_set(&err, RC_NO_MEMORY, "no memory for a version"), &err);
        return 0;
    }
    must(version_decode(arena, row->value.data, row->value.size, &version, &err)
         == RC_OK);
    return version_import(import->broker, run, &version, row->value);
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
                    store_task_put(broker->store, run, (uint32_t)import_number(key, 0, 4),
                                   import_number(key, 4, 8), &task, &err),
                    &err);
    }
}

static void add_blocks(struct import *import, uint64_t run, size_t *next)
{
    const struct bundle *bundle = &import->bundle;
    struct store *store = import->broker->store;

    for (size_t i = bundle->first[BUNDLE_BLOCKS]; i < bundle->first[BUNDLE_LAYERS]; i++) {
        struct bytes key = bundle->rows[i].key, bytes;
        uint64_t number;
        struct err err;

        must(store_block_decode(bundle->rows[i].value, &number, &bytes, &err) == RC_OK);
        number = add_version(import, run, next);
        batch_check(import->broker,
                    store_block_put(store, run, (uint32_t)import_number(key, 0, 4),
                                    import_number(key, 4, 8), UINT32_MAX, number, bytes,
                                    &err),
                    &err);
    }
}

static void add_layers(struct import *import, uint64_t run, size_t *next)
{
    const struct bundle *bundle = &import->bundle;
    struct store *store = import->broker->store;

    for (size_t i = bundle->first[BUNDLE_LAYERS]; i < bundle->first[BUNDLE_VERSIONS];
         i++) {
        struct layer_record record;
        struct err err;

        must(store_layer_decode(bundle->rows[i].value, &record, &err) == RC_OK);
        batch_check(import->broker,
                    store_layer_put(store, run, UINT32_MAX,
                                    add_version(import, run, next), record.layer.first,
                                    record.bytes, &err),
                    &err);
    }
}

/* What is not stored as resolved is not found there by store_lineage_run. */
static void add_code(struct import *import, uint64_t run)
{
    struct err err;

    for (uint32_t i = 0; i < import->plan->stage_count; i++)
        if (import->resolved[i] == &import->plan->stages[i])
            batch_check(import->broker,
                        store_lineage_class(import->broker->store, run, i,
                                            import->head.tree, import->resolved[i], &err),
                        &err);
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
    struct origin task = { run, import_number(key, 4, 8),
                           (uint32_t)import_number(key, 0, 4) };
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
    size_t count = bundle->first[BUNDLE_RESULTS] - bundle->first[BUNDLE_TASKS],
           first = bundle->first[BUNDLE_TASKS];
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
    scoped(arena) arena = arena_create(IMPORT_TAGS_MAX);
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

    for (size_t i = bundle->first[BUNDLE_TAGS];
         rc == RC_OK && i < bundle->first[BUNDLE_ALIASES]; i++) {
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

uint64_t import_write(struct import *import)
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
    add_layers(import, run, &versions);
    add_artifacts(import, run);
    batch_check(broker, store_lineage_run(broker->store, run, &err), &err);
    add_code(import, run);
    announce(broker,
             &(struct announcement){ .kind = "run", .run = run, .state = "imported" });
    batch_check(broker, add_outcomes(import, run, &err), &err);
    batch_check(broker, add_tags(import, run, &err), &err);
    batch_check(broker, import_names(import, run, &err), &err);
    return run;
}
