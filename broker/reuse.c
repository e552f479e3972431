/* reuse.c - see reuse.h. */
#include "broker/reuse.h"

#include "broker/broker_state.h"
#include "broker/classes.h"
#include "broker/core/twins.h"
#include "codecs/digest/digest.h"
#include "codecs/names/scheme.h"
#include "codecs/wire/settled.h"

#include <stdlib.h>
#include <string.h>

enum {
    HIT_ARENA_MAX = 256 << 20,
    RANGES_MAX = 1 << 20,
    CANDIDATES_MAX = 1000, /* tasks of a sweep whose open keys are tried */
};

struct reuse {
    struct classes *classes;
    struct twins *twins;
    struct twin *lost; /* stages that waited for twins before the core was restored */
    size_t lost_count, lost_capacity;
};

void reuse_destroy(struct reuse *reuse)
{
    if (!reuse)
        return;
    classes_destroy(reuse->classes);
    twins_destroy(reuse->twins);
    free(reuse->lost);
    free(reuse);
}

struct reuse *reuse_create(void)
{
    struct reuse *reuse = calloc(1, sizeof *reuse);

    if (!reuse)
        return NULL;
    reuse->classes = classes_create();
    reuse->twins = twins_create();
    if (reuse->classes && reuse->twins)
        return reuse;
    reuse_destroy(reuse);
    return NULL;
}

/* ---- Hits ---- */

static bool has_object(struct broker *broker, const char *digest)
{
    return !digest || objects_use(broker->objects, digest, NULL);
}

static bool has_output(struct broker *broker, const struct plan_source *output)
{
    return has_object(broker, output->digest)
           || (output->node && near_has(broker, output->digest));
}

static struct task_result *result_read(struct broker *broker, const struct origin *origin,
                                       struct arena *arena)
{
    scoped_buf bytes = { 0 };
    struct task_result *result;
    struct err err;

    return store_result(broker->store, origin->run, origin->stage, origin->index, 0,
                        &bytes, &err)
                       == RC_OK
                   && result_decode(arena, bytes.data, bytes.size, &result, &err) == RC_OK
               ? result
               : NULL;
}

/* Whether the result is still there, with every file that it names. */
static bool is_whole(struct broker *broker, const struct origin *origin)
{
    scoped(arena) arena = arena_create(HIT_ARENA_MAX);
    const struct task_result *result = arena ? result_read(broker, origin, arena) : NULL;
    bool is_here = true;

    if (!result || result_status_of(result->cause, result->exit_code) != RESULT_COMPLETE)
        return false;
    for (size_t i = 0; i < result->output_count && is_here; i++)
        is_here = has_output(broker, &result->outputs[i]);
    for (unsigned i = 0; i < STREAM_COUNT && is_here; i++)
        is_here =
            result->streams[i].size == 0 || has_object(broker, result->streams[i].digest);
    if (is_here && result->environment) /* stays with the rest, if it is there */
        objects_use(broker->objects, result->environment, NULL);
    return is_here;
}

struct search { /* for the tasks of one stage */
    struct broker *broker;
    struct reused_range *ranges;
    size_t range_count, range_capacity;
    uint64_t *keys; /* of the tasks that are left */
    size_t key_count;
};

static void search_fini(struct search *search)
{
    free(search->ranges);
    free(search->keys);
}

static void add_hit(struct search *search, uint64_t index, const struct origin *origin)
{
    struct reused_range *last =
        search->range_count > 0 ? &search->ranges[search->range_count - 1] : NULL;

    if (last && last->first + last->count == index && last->origin.run == origin->run
        && last->origin.stage == origin->stage
        && last->origin.index + last->count == origin->index) {
        last->count++;
        return;
    }
    if (search->range_count == search->range_capacity) {
        search->range_capacity = search->range_capacity ? search->range_capacity * 2 : 4;
        search->ranges =
            reallocarray(search->ranges, search->range_capacity, sizeof *search->ranges);
        must(search->ranges != NULL);
    }
    search->ranges[search->range_count++] =
        (struct reused_range){ .first = index, .count = 1, .origin = *origin };
}

static uint64_t short_of(const unsigned char key[KEY_SIZE])
{
    uint64_t number;

    memcpy(&number, key, sizeof number);
    return number | 1; /* never 0 */
}

/* Tasks that known, which is sorted, already has are left out. */
static enum rc search_tasks(struct search *search, struct key_class *class,
                            uint64_t tasks, const struct reused_range *known,
                            size_t known_count, bool finds, struct err *err)
{
    struct origin origin;
    unsigned char key[KEY_SIZE];
    size_t at = 0;

    search->keys = calloc(tasks ? tasks : 1, sizeof *search->keys);
    if (!search->keys)
        return err_set(err, RC_NO_MEMORY, "the keys of %lu tasks", (unsigned long)tasks);
    for (uint64_t i = 0; i < tasks; i++) {
        while (at < known_count && known[at].first + known[at].count <= i)
            at++;
        if (at < known_count && known[at].first <= i)
            continue;

        enum rc rc = key_of_task(class, i, key, err);

        if (rc != RC_OK)
            return rc;
        if (finds && search->range_count < RANGES_MAX
            && store_execution(search->broker->store, key, &origin, err) == RC_OK
            && is_whole(search->broker, &origin))
            add_hit(search, i, &origin);
        else
            search->keys[search->key_count++] = short_of(key);
    }
    return RC_OK;
}

/* ---- A stage is resolved ---- */

static void tell_core(struct broker *broker, const struct search *search,
                      struct core_input *input)
{
    struct core_range *ranges =
        arena_array(broker->scratch, search->range_count, sizeof *ranges);
    struct err err;

    if (search->range_count == 0)
        return;
    if (!ranges) { /* then it runs */
        batch_check(broker, RC_NO_MEMORY,
                    (err_set(&err, RC_NO_MEMORY, "what a stage reuses"), &err));
        return;
    }
    for (size_t i = 0; i < search->range_count; i++)
        ranges[i] =
            (struct core_range){ search->ranges[i].first, search->ranges[i].count };
    batch_check(broker,
                store_reused_put(broker->store, input->run, input->stage, search->ranges,
                                 search->range_count, &err),
                &err);
    input->reused = ranges;
    input->reused_count = search->range_count;
}

/* The class of a single task is not kept: if it is satisfied, nobody needs it again. */
static bool search_stage(struct search *search, const struct plan_stage *resolved,
                         const struct core_input *input)
{
    struct broker *broker = search->broker;
    struct run_plan *plan = plan_of(broker, input->run);
    scoped(key_class) own = NULL;
    struct stage_class *kept;
    struct err err;

    if (input->tasks == 1) {
        if (!plan
            || key_class_create(resolved, plan->plan->code.tree, broker->digester, &own,
                                &err)
                   != RC_OK)
            return false;
        return search_tasks(search, own, 1, NULL, 0, true, &err) == RC_OK;
    }
    kept = classes_get(broker->reuse->classes, broker, input->run, input->stage);
    return kept && kept->class
           && search_tasks(search, kept->class, input->tasks, NULL, 0, true, &err)
                  == RC_OK;
}

/* Waits for an equal stage that is at work, or leads with what is left to do. */
static void settle_end(struct search *search, struct core_input *input)
{
    struct reuse *reuse = search->broker->reuse;
    struct twin self = { input->run, input->stage }, leader;

    if (twins_find(reuse->twins, self, search->keys, search->key_count, &leader)) {
        input->kind = INPUT_TWIN;
        twins_wait(reuse->twins, self, leader);
        return;
    }
    if (search->key_count > 0)
        twins_lead(reuse->twins, self, search->keys, search->key_count);
    tell_core(search->broker, search, input);
}

/* ---- A stage with inputs that nodes fetch ---- */

/* Why nobody can look at its inputs before it runs; false: somebody can. */
static bool note_unsettled(const struct plan_stage *stage, struct buf *notes)
{
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
            const struct plan_input *input = &stage->inputs[i];
            const char *uri = input->sources[k].uri;
            bool varies = plan_stage_task_count(stage) > 1
                          && strstr(uri ? uri : "", "{parameter:") != NULL;

            if (input->sources[k].digest
                || (!varies && !(input->on_demand && uri && uri_is_web(uri))))
                continue;
            buf_printf(notes,
                       "stage %s is run anew: what input %s gets %s is known only when "
                       "it is fetched\n",
                       stage->name, input->name, varies ? "in each task" : "on demand");
            return true;
        }
    return false;
}

/* An earlier success, whole, that differs at most in what was fetched. */
static bool find_candidate(struct search *search, struct key_class *class, uint64_t tasks,
                           struct origin *candidate)
{
    struct broker *broker = search->broker;
    unsigned char key[KEY_SIZE];
    struct err err;

    for (uint64_t i = 0; i < tasks && i < CANDIDATES_MAX; i++)
        if (key_of_task(class, i, key, &err) == RC_OK
            && store_execution(broker->store, key, candidate, &err) == RC_OK
            && is_whole(broker, candidate))
            return true;
    return false;
}

/* Looks the tasks up by what a node has found; what it says cannot be worse than what it
 * could have fetched. */
static void search_settled(struct search *search, const struct plan_stage *resolved,
                           const struct look_message *found,
                           const struct core_input *input)
{
    scoped(arena) arena = arena_create(HIT_ARENA_MAX);
    struct broker *broker = search->broker;
    struct run_plan *plan = plan_of(broker, input->run);
    const struct task_result looked = { .inputs = found->files,
                                        .input_count = found->file_count };
    scoped(key_class) class = NULL;
    const struct plan_input *unsettled;
    struct plan_stage settled;
    struct err err;

    if (!arena || !plan
        || settled_stage(resolved, 0, &looked, arena, &settled, &err) != RC_OK
        || key_unsettled(&settled, &unsettled)
        || key_class_create(&settled, plan->plan->code.tree, broker->digester, &class,
                            &err)
               != RC_OK
        || search_tasks(search, class, input->tasks, NULL, 0, true, &err) != RC_OK)
        search->range_count = 0;
    free(steal(&search->keys));
    search->key_count = 0;
}

static void note_looked(const struct plan_stage *stage, const struct look_message *found,
                        bool is_hit, struct buf *notes)
{
    if (found->text)
        buf_printf(notes, "stage %s is run anew: %.*s\n", stage->name,
                   (int)strcspn(found->text, "\n"), found->text);
    else if (!is_hit)
        buf_printf(
            notes,
            "stage %s is run anew: nothing equal has run with what its inputs hold "
            "now\n",
            stage->name);
}

/* Equal stages wait for each other by their open keys. One that waits for no other has a
 * node look, if there is something to compare with, and comes here again with what that
 * found. */
static void settle_open(struct search *search, const struct plan_stage *resolved,
                        struct core_input *input, struct buf *notes)
{
    struct broker *broker = search->broker;
    struct stage_class *open =
        classes_get(broker->reuse->classes, broker, input->run, input->stage);
    const struct look_message *found = looks_answer(broker, input->run, input->stage);
    bool may_look = !found && !note_unsettled(resolved, notes);
    struct twin self = { input->run, input->stage }, leader;
    struct origin candidate;
    struct err err;

    if (!open || !open->class)
        return;
    if (found && !found->text)
        search_settled(search, resolved, found, input);
    if (found)
        note_looked(resolved, found, search->range_count > 0, notes);
    if (search_tasks(search, open->class, input->tasks, search->ranges,
                     search->range_count, false, &err)
        != RC_OK)
        return;
    if (may_look
        && !twins_find(broker->reuse->twins, self, search->keys, search->key_count,
                       &leader)
        && find_candidate(search, open->class, input->tasks, &candidate)) {
        input->kind = INPUT_TWIN;
        looks_add(broker, input->run, input->stage, &candidate);
        return;
    }
    settle_end(search, input);
}

void reuse_settle(struct broker *broker, const struct plan_stage *resolved,
                  struct core_input *input, struct buf *notes)
{
    struct search search = { .broker = broker };
    const struct stage_row *row = core_stage(broker->core, input->run, input->stage);
    const struct plan_input *unsettled;

    if (!resolved->reuse || plan_stage_is_empty(resolved) || !row
        || row->state != STAGE_RESOLVING)
        return;
    if (plan_stage_task_count(resolved) > REUSE_TASKS_MAX)
        buf_printf(notes, "stage %s is run anew: it has more than %d tasks\n",
                   resolved->name, REUSE_TASKS_MAX);
    else if (key_unsettled(resolved, &unsettled))
        settle_open(&search, resolved, input, notes);
    else if (search_stage(&search, resolved, input))
        settle_end(&search, input);
    search_fini(&search);
}

void reuse_ended(struct broker *broker, uint64_t run, uint32_t stage)
{
    struct twin *waiters;
    size_t count = twins_end(broker->reuse->twins, (struct twin){ run, stage }, &waiters);

    for (size_t i = 0; i < count; i++)
        core_step(broker->core,
                  &(struct core_input){ .kind = INPUT_AGAIN,
                                        .now_us = broker->now_us,
                                        .run = waiters[i].run,
                                        .stage = waiters[i].stage },
                  &broker->changes);
    free(waiters);
}

/* ---- A task succeeded ---- */

void reuse_step_key(struct broker *broker, const struct plan *plan,
                    const struct plan_stage *stage, unsigned char step[STEP_KEY_SIZE])
{
    const char *project = plan->project ? plan->project : "";
    const char *name = stage->step ? stage->step : "";
    unsigned char hash[32];

    digester_add(broker->digester, project, strlen(project));
    digester_add(broker->digester, "\n", 1);
    digester_add(broker->digester, name, strlen(name));
    digester_end_raw(broker->digester, hash);
    memcpy(step, hash, STEP_KEY_SIZE);
}

static void list_step(struct broker *broker, const struct origin *task,
                      struct stage_class *class)
{
    struct run_plan *plan = plan_of(broker, task->run);
    unsigned char step[STEP_KEY_SIZE];
    struct err err;

    if (class->is_listed || !plan)
        return;
    reuse_step_key(broker, plan->plan, &plan->plan->stages[task->stage], step);
    batch_check(broker, store_step_put(broker->store, step, task->run, task->stage, &err),
                &err);
    class->is_listed = true;
}

/* Also of a run that the core does not know, or not yet. */
static bool stage_is_empty(struct broker *broker, uint64_t run, uint32_t stage)
{
    struct run_plan *plan = plan_of(broker, run);

    return plan && stage < plan->plan->stage_count
           && plan_stage_is_empty(&plan->plan->stages[stage]);
}

const struct plan_stage *reuse_stage_of(struct broker *broker,
                                        const struct plan_stage *stage,
                                        const struct origin *task, struct arena *arena)
{
    const struct plan_input *unsettled;
    struct plan_stage *settled = arena_alloc(arena, sizeof *settled);
    const struct task_result *result = settled && key_unsettled(stage, &unsettled)
                                           ? result_read(broker, task, arena)
                                           : NULL;
    struct err err;

    return result
                   && settled_stage(stage, task->index, result, arena, settled, &err)
                          == RC_OK
               ? settled
               : stage;
}

/* The key with what the task had fetched; false: its result does not tell all of it. */
static bool key_when_fetched(struct broker *broker, const struct stage_class *class,
                             const struct origin *task, unsigned char key[KEY_SIZE])
{
    scoped(arena) arena = arena_create(HIT_ARENA_MAX);
    struct run_plan *plan = plan_of(broker, task->run);
    scoped(key_class) own = NULL;
    const struct plan_input *unsettled;
    const struct plan_stage *stage =
        arena ? reuse_stage_of(broker, class->stage, task, arena) : NULL;
    struct err err;

    return stage && plan && !key_unsettled(stage, &unsettled)
           && key_class_create(stage, plan->plan->code.tree, broker->digester, &own, &err)
                  == RC_OK
           && key_of_task(own, task->index, key, &err) == RC_OK;
}

/* The keys under which the success can be found. Lists the task under its step. */
static size_t keys_of_success(struct broker *broker, const struct origin *task,
                              unsigned char keys[2][KEY_SIZE])
{
    struct stage_class *found =
        stage_is_empty(broker, task->run, task->stage)
            ? NULL /* to look it up would cost more than to end it */
            : classes_get(broker->reuse->classes, broker, task->run, task->stage);
    struct err err;
    size_t count = 0;

    if (!found)
        return 0;
    list_step(broker, task, found);
    if (found->class && key_of_task(found->class, task->index, keys[0], &err) == RC_OK)
        count++;
    if (count > 0 && found->is_open && key_when_fetched(broker, found, task, keys[count]))
        count++;
    return count;
}

void reuse_success(struct broker *broker, const struct origin *task)
{
    unsigned char keys[2][KEY_SIZE];
    size_t count = keys_of_success(broker, task, keys);
    struct err err;

    for (size_t i = 0; i < count; i++)
        batch_check(broker, store_execution_put(broker->store, keys[i], task, &err),
                    &err);
}

void reuse_imported(struct broker *broker, const struct origin *task)
{
    unsigned char keys[2][KEY_SIZE];
    size_t count = keys_of_success(broker, task, keys);
    struct origin known;
    struct err err;

    for (size_t i = 0; i < count; i++)
        if (store_execution(broker->store, keys[i], &known, &err) != RC_OK
            || !is_whole(broker, &known))
            batch_check(broker, store_execution_put(broker->store, keys[i], task, &err),
                        &err);
}

/* ---- After a restart, or a commit that failed ---- */

void reuse_begin_again(struct broker *broker)
{
    struct reuse *reuse = broker->reuse;

    classes_forget(reuse->classes);
    looks_forget(broker->looks);
    twins_destroy(reuse->twins);
    reuse->twins = twins_create();
    must(reuse->twins != NULL);
    reuse->lost_count = 0;
}

static void lose(struct reuse *reuse, uint64_t run, uint32_t stage)
{
    if (reuse->lost_count == reuse->lost_capacity) {
        reuse->lost_capacity = reuse->lost_capacity ? reuse->lost_capacity * 2 : 16;
        reuse->lost =
            reallocarray(reuse->lost, reuse->lost_capacity, sizeof *reuse->lost);
        must(reuse->lost != NULL);
    }
    reuse->lost[reuse->lost_count++] = (struct twin){ run, stage };
}

static enum rc restore_leader(struct broker *broker, uint64_t run, uint32_t stage,
                              const struct stage_row *row,
                              const struct reused_range *known, size_t count,
                              struct err *err)
{
    struct reuse *reuse = broker->reuse;
    struct stage_class *found = classes_get(reuse->classes, broker, run, stage);
    struct search search = { .broker = broker };
    enum rc rc = RC_OK;

    if (found && found->class)
        rc = search_tasks(&search, found->class, row->tasks, known, count, false, err);
    if (rc == RC_OK && search.key_count > 0)
        twins_lead(reuse->twins, (struct twin){ run, stage }, search.keys,
                   search.key_count);
    search_fini(&search);
    return rc;
}

static enum rc restore_stage(struct broker *broker, uint64_t run, uint32_t stage,
                             struct stage_row *row, struct arena *arena, struct err *err)
{
    struct reused_range *known;
    size_t count;
    enum rc rc = store_reused(broker->store, run, stage, arena, &known, &count, err);

    if (rc != RC_OK)
        return rc;
    row->satisfied = arena_array(arena, count, sizeof *row->satisfied);
    if (!row->satisfied)
        return err_set(err, RC_NO_MEMORY, "run %lu", (unsigned long)run);
    row->satisfied_count = count;
    for (size_t i = 0; i < count; i++)
        row->satisfied[i] = (struct core_range){ known[i].first, known[i].count };
    return stage_is_empty(broker, run, stage)
               ? RC_OK
               : restore_leader(broker, run, stage, row, known, count, err);
}

enum rc reuse_restore(struct broker *broker, uint64_t run, const struct plan *plan,
                      struct stage_row *rows, uint32_t count, struct arena *arena,
                      struct err *err)
{
    enum rc rc = RC_OK;

    for (uint32_t i = 0; rc == RC_OK && i < count; i++) {
        if (rows[i].pending == PENDING_TWIN)
            lose(broker->reuse, run, i);
        if (plan->stages[i].reuse && rows[i].is_resolved
            && !stage_state_is_final(rows[i].state))
            rc = restore_stage(broker, run, i, &rows[i], arena, err);
    }
    return rc;
}

bool reuse_is_due(const struct broker *broker)
{
    return broker->reuse->lost_count > 0;
}

void reuse_ask_again(struct broker *broker)
{
    struct reuse *reuse = broker->reuse;
    struct twin leader;

    for (size_t i = 0; i < reuse->lost_count && broker->batch.rc == RC_OK; i++)
        if (!twins_leader(reuse->twins, reuse->lost[i], &leader))
            broker_step(broker, &(struct core_input){ .kind = INPUT_AGAIN,
                                                      .run = reuse->lost[i].run,
                                                      .stage = reuse->lost[i].stage });
    reuse->lost_count = 0;
}

/* ---- References ---- */

bool reuse_origin(struct broker *broker, uint64_t run, uint32_t stage, uint64_t index,
                  struct origin *origin)
{
    struct err err;

    if (store_origin(broker->store, run, stage, index, origin, &err) == RC_OK)
        return true;
    *origin = (struct origin){ run, index, stage };
    return false;
}

bool reuse_leader(const struct broker *broker, uint64_t run, uint32_t stage,
                  struct origin *leader)
{
    struct twin found;

    if (!twins_leader(broker->reuse->twins, (struct twin){ run, stage }, &found))
        return false;
    *leader = (struct origin){ .run = found.run, .stage = found.stage };
    return true;
}

const char *reuse_stage_reference(struct broker *broker, const struct origin *origin)
{
    const char *name = "?", *text;
    struct err err;

    if (store_stage_name(broker->store, origin->run, origin->stage, broker->scratch,
                         &name, &err)
        != RC_OK)
        name = "?";
    text = arena_printf(broker->scratch, "%lu/%s", (unsigned long)origin->run, name);
    return text ? text : "";
}

const char *reuse_reference(struct broker *broker, const struct origin *origin)
{
    const char *text =
        arena_printf(broker->scratch, "%s/%lu", reuse_stage_reference(broker, origin),
                     (unsigned long)origin->index);

    return text ? text : "";
}
