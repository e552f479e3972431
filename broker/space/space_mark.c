/* space_mark.c - see space_mark.h. */
#include "broker/space/space_mark.h"

#include "broker/core/core.h"
#include "broker/store/executions.h"
#include "broker/store/names.h"
#include "broker/store/removed.h"
#include "codecs/digest/uuid.h"
#include "codecs/plan/plan.h"
#include "codecs/plan/tree.h"
#include "codecs/wire/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 1000, ARENA_MAX = 1 << 30, RUN_MAX = 1 << 26 };

struct run_mark { /* one run in hand */
    struct space_mark *mark;
    struct space_run *run; /* NULL: what names hold */
    uint64_t number;       /* of a run; names have none */
    uint64_t title;        /* its bit */
    uint32_t place;        /* of the run, plus 1 */
};

void space_mark_fini(struct space_mark *mark)
{
    space_table_fini(&mark->table);
    free(mark->runs);
    free(mark->nodes);
    free(mark->places);
    free(mark->noted);
}

static void hold(const struct run_mark *self, const char *digest, enum space_kind kind)
{
    struct space_object *object = space_table_find(&self->mark->table, digest);

    if (!object)
        return;
    if (object->kind == SPACE_UNKNOWN || kind < object->kind)
        object->kind = (uint8_t)kind;
    if (!self->run) {
        object->is_kept = true;
        return;
    }
    object->is_kept |= self->run->is_kept;
    object->titles |= self->title;
    if (object->seen == self->place)
        return;
    object->seen = self->place;
    object->holder = object->holder == 0 ? self->place : SPACE_MANY;
    self->run->objects++;
    self->run->bytes += object->size;
}

static enum rc read_object(struct objects *objects, const char *digest, void **bytes,
                           size_t *size, struct err *err)
{
    scoped_fd int fd = -1;
    uint64_t length = 0;
    enum rc rc = objects_read(objects, digest, &fd, &length, err);
    void *made;

    if (rc != RC_OK)
        return rc;
    made = length <= TREE_BYTES_MAX ? malloc(length + 1) : NULL;
    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for a list of files");
    if (pread(fd, made, length, 0) != (ssize_t)length) {
        free(made);
        return err_set(err, RC_IO, "cannot read object %s", digest);
    }
    *bytes = made;
    *size = length;
    return RC_OK;
}

/* A list that is not there or is damaged holds nothing. */
static enum rc hold_list(const struct run_mark *self, const char *digest, struct err *err)
{
    scoped(arena) arena = NULL;
    struct tree tree;
    void *bytes = NULL;
    size_t size = 0;
    enum rc rc;

    hold(self, digest, SPACE_CODE);
    if (!space_table_find(&self->mark->table, digest))
        return RC_OK;
    rc = read_object(self->mark->objects, digest, &bytes, &size, err);
    if (rc == RC_NOT_FOUND || rc == RC_CORRUPT)
        return RC_OK;
    if (rc != RC_OK)
        return rc;
    arena = arena_create(ARENA_MAX);
    rc = arena ? tree_decode(arena, bytes, size, &tree, err)
               : err_set(err, RC_NO_MEMORY, "no memory for a list of files");
    for (size_t i = 0; rc == RC_OK && i < tree.entry_count; i++)
        hold(self, tree.entries[i].digest, SPACE_CODE);
    free(bytes);
    return rc == RC_NO_MEMORY ? rc : RC_OK;
}

static enum rc hold_stage(const struct run_mark *self, const struct plan_stage *stage,
                          struct err *err)
{
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            hold(self, stage->inputs[i].sources[k].digest, SPACE_INPUT);
    return stage->code ? hold_list(self, stage->code, err) : RC_OK;
}

static enum rc hold_result(void *context, const void *bytes, size_t size, struct err *err)
{
    const struct run_mark *self = context;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct task_result *result;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for a result");
    if (result_decode(arena, bytes, size, &result, err) != RC_OK)
        return err->rc == RC_NO_MEMORY ? err->rc : RC_OK;
    if (!space_mark_note(self->mark, result))
        return err_set(err, RC_NO_MEMORY, "no memory for what nodes keep");
    for (size_t i = 0; i < result->output_count; i++)
        hold(self, result->outputs[i].digest, SPACE_OUTPUT);
    for (size_t i = 0; i < result->input_count; i++)
        hold(self, result->inputs[i].digest, SPACE_INPUT);
    for (unsigned i = 0; i < STREAM_COUNT; i++)
        hold(self, result->streams[i].digest, SPACE_LOG);
    hold(self, result->environment, SPACE_OTHER);
    return RC_OK;
}

static void hold_output(const void *context, const char *digest)
{
    hold(context, digest, SPACE_OUTPUT);
}

static enum rc hold_noted(const struct run_mark *self, struct err *err)
{
    return space_mark_noted(self->mark, hold_output, self, err);
}

/* What a stage uses of other runs' results. */
static enum rc hold_reused(const struct run_mark *self, uint32_t stage,
                           struct arena *arena, struct err *err)
{
    struct store *store = self->mark->store;
    struct reused_range *ranges;
    size_t count;
    enum rc rc = store_reused(store, self->number, stage, arena, &ranges, &count, err);

    for (size_t i = 0; rc == RC_OK && i < count; i++)
        for (uint64_t k = 0; rc == RC_OK && k < ranges[i].count; k++) {
            scoped_buf bytes = { 0 };

            rc = store_result(store, ranges[i].origin.run, ranges[i].origin.stage,
                              ranges[i].origin.index + k, 0, &bytes, err);
            if (rc == RC_OK)
                rc = hold_result((void *)(uintptr_t)self, bytes.data, bytes.size, err);
            if (rc == RC_OK)
                rc = hold_noted(self, err);
            rc = rc == RC_NOT_FOUND ? RC_OK : rc;
        }
    return rc;
}

static enum rc hold_stages(const struct run_mark *self, uint32_t stages, struct err *err)
{
    enum rc rc = RC_OK;

    for (uint32_t i = 0; rc == RC_OK && i < stages; i++) {
        scoped(arena) arena = arena_create(ARENA_MAX);
        scoped_buf bytes = { 0 };
        struct plan_stage *stage;

        if (!arena)
            return err_set(err, RC_NO_MEMORY, "no memory for a stage");
        rc = store_resolved(self->mark->store, self->number, i, &bytes, err);
        if (rc == RC_OK
            && plan_stage_decode(arena, bytes.data, bytes.size, &stage, err) == RC_OK)
            rc = hold_stage(self, stage, err);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
        if (rc == RC_OK)
            rc = hold_reused(self, i, arena, err);
    }
    return rc;
}

static enum rc hold_plan(const struct run_mark *self, struct err *err)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf bytes = { 0 };
    struct plan *plan;
    enum rc rc;

    buf_init(&bytes, ARENA_MAX);
    rc = arena ? store_plan(self->mark->store, self->number, &bytes, err)
               : err_set(err, RC_NO_MEMORY, "no memory for a plan");
    if (rc != RC_OK)
        return rc;
    if (plan_decode(arena, bytes.data, bytes.size, &plan, err) != RC_OK)
        return err->rc == RC_NO_MEMORY ? err->rc : RC_OK;
    for (size_t i = 0; rc == RC_OK && i < plan->stage_count; i++)
        rc = hold_stage(self, &plan->stages[i], err);
    return rc == RC_OK && plan->code.tree ? hold_list(self, plan->code.tree, err) : rc;
}

static enum rc hold_run(const struct run_mark *self, uint32_t stages, struct err *err)
{
    struct store_walk walk = { .size = 0 };
    enum rc rc = hold_plan(self, err);

    if (rc == RC_OK)
        rc = hold_stages(self, stages, err);
    while (rc == RC_OK && !walk.is_done) {
        rc = store_results_walk(self->mark->store, self->number, &walk, hold_result,
                                (void *)(uintptr_t)self, err);
        if (rc == RC_OK)
            rc = hold_noted(self, err);
    }
    return rc;
}

/* ---- Which runs are kept ---- */

static bool is_among(const uint64_t *runs, size_t count, uint64_t run)
{
    for (size_t i = 0; i < count; i++)
        if (runs[i] == run)
            return true;
    return false;
}

bool space_policy_drops(const struct space_policy *policy, uint64_t run, int64_t ended_us,
                        uint64_t rank)
{
    if (!policy->has_age && !policy->has_last && !policy->has_runs)
        return false;
    if (policy->has_runs && !is_among(policy->runs, policy->run_count, run))
        return false;
    if (policy->has_age && ended_us > policy->now_us - policy->older_than_us)
        return false;
    return !policy->has_last || rank >= policy->keep_last;
}

static struct space_run *add_run(struct space_mark *mark)
{
    if (mark->run_count == mark->run_capacity) {
        size_t capacity = mark->run_capacity ? mark->run_capacity * 2 : 256;
        struct space_run *larger =
            mark->run_count < RUN_MAX ? reallocarray(mark->runs, capacity, sizeof *larger)
                                      : NULL;

        if (!larger)
            return NULL;
        mark->runs = larger;
        mark->run_capacity = capacity;
    }
    mark->runs[mark->run_count] = (struct space_run){ 0 };
    return &mark->runs[mark->run_count++];
}

/* How many newer runs of the pipeline there are. */
static uint64_t rank_of(const struct space_mark *mark, const struct space_run *run)
{
    uint64_t rank = 0;

    for (const struct space_run *other = mark->runs; other < run; other++)
        rank += strcmp(other->title, run->title) == 0;
    return rank;
}

/* The bit of the run's title. */
static uint64_t title_of(struct space_mark *mark, const char *title)
{
    size_t place = 0;

    while (place < mark->title_count && strcmp(mark->titles[place].title, title) != 0)
        place++;
    if (place >= SPACE_TITLES_MAX - 1) {
        place = SPACE_TITLES_MAX - 1;
        title = "others";
    }
    if (place >= mark->title_count) {
        mark->title_count = place + 1;
        snprintf(mark->titles[place].title, sizeof mark->titles[place].title, "%s",
                 title);
    }
    mark->titles[place].runs++;
    return (uint64_t)1 << place;
}

static void sum_titles(struct space_mark *mark, const struct space_object *object)
{
    for (size_t i = 0; i < mark->title_count; i++) {
        uint64_t bit = (uint64_t)1 << i;
        struct space_title *title = &mark->titles[i];

        if (!(object->titles & bit))
            continue;
        title->objects++;
        title->bytes += object->size;
        title->own += object->titles == bit ? object->size : 0;
    }
}

static enum rc take_run(struct space_mark *mark, uint64_t number, struct err *err)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct space_run *run = arena ? add_run(mark) : NULL;
    struct run_mark self = { .mark = mark, .run = run, .number = number };
    struct run_totals totals;
    struct run_head head;
    struct run_row row;
    const char *const *tags;
    size_t tag_count = 0;
    enum rc rc;

    if (!run)
        return err_set(err, RC_NO_MEMORY, "no memory for a run");
    rc = store_run(mark->store, number, arena, &head, err);
    if (rc == RC_OK)
        rc = store_run_row(mark->store, number, &row, &totals, err);
    if (rc == RC_OK)
        rc = store_tags(mark->store, TAGGED_RUN, number, arena, &tags, &tag_count, err);
    if (rc != RC_OK)
        return rc;
    run->run = number;
    run->ended_us = row.ended_us;
    snprintf(run->title, sizeof run->title, "%.40s/%.50s", head.project, head.title);
    run->is_kept = !run_state_is_final(row.state) || tag_count > 0
                   || !space_policy_drops(&mark->policy, number, row.ended_us,
                                          mark->policy.has_last ? rank_of(mark, run) : 0);
    self.place = (uint32_t)mark->run_count;
    self.title = title_of(mark, run->title);
    return hold_run(&self, row.stages, err);
}

enum rc space_mark_hold_run(struct space_mark *mark, uint64_t run, struct err *err)
{
    struct run_mark self = { .mark = mark, .number = run };
    struct run_totals totals;
    struct run_row row;
    enum rc rc = store_run_row(mark->store, run, &row, &totals, err);

    if (rc == RC_OK)
        rc = hold_run(&self, row.stages, err);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc take_runs(struct space_mark *mark, struct err *err)
{
    uint64_t numbers[PAGE], before = 0;
    size_t count;
    enum rc rc = RC_OK;

    do {
        count = store_runs(mark->store, before, numbers, PAGE);
        for (size_t i = 0; rc == RC_OK && i < count; i++) {
            rc = take_run(mark, numbers[i], err);
            if (mark->is_ending && mark->is_ending(mark->context))
                return err_set(err, RC_CANCELLED, "the broker ends");
        }
        before = count ? numbers[count - 1] : 0;
    } while (rc == RC_OK && count == PAGE);
    return rc;
}

/* ---- What names hold ---- */

static enum rc hold_datum(void *context, uint64_t number, struct err *err)
{
    const struct run_mark *self = context;
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct datum datum;
    enum rc rc = arena ? store_datum(self->mark->store, number, arena, &datum, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a datum");

    if (rc == RC_OK)
        hold(self, datum.digest, SPACE_OTHER);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc hold_alias(void *context, const char *target, struct err *err)
{
    const struct run_mark *self = context;
    static const char scheme[] = "datum://";
    uint8_t id[UUID_BYTES];
    uint64_t number;
    enum rc rc;

    if (strncmp(target, scheme, sizeof scheme - 1) != 0
        || !uuid_read(target + sizeof scheme - 1, id))
        return RC_OK; /* of a dataset, whose files are held anyway */
    rc = store_datum_find(self->mark->store, id, &number, err);
    if (rc == RC_OK)
        rc = hold_datum(context, number, err);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Those with a tag, and those that no task made. */
static enum rc hold_own(struct run_mark *self, uint64_t number, struct err *err)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct datum datum;
    const char *const *tags;
    size_t count = 0;
    enum rc rc = arena ? store_datum(self->mark->store, number, arena, &datum, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a datum");

    if (rc == RC_OK)
        rc = store_tags(self->mark->store, TAGGED_DATUM, number, arena, &tags, &count,
                        err);
    if (rc == RC_OK && (count > 0 || datum.run == 0))
        hold(self, datum.digest, SPACE_OTHER);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc take_names(struct space_mark *mark, struct err *err)
{
    struct run_mark self = { .mark = mark };
    struct store_walk aliases = { .size = 0 }, datasets = { .size = 0 };
    uint64_t numbers[PAGE], before = 0;
    size_t count;
    enum rc rc = RC_OK;

    do {
        count = store_datums(mark->store, 0, before, numbers, PAGE);
        for (size_t i = 0; rc == RC_OK && i < count; i++)
            rc = hold_own(&self, numbers[i], err);
        before = count ? numbers[count - 1] : 0;
    } while (rc == RC_OK && count == PAGE);
    while (rc == RC_OK && !aliases.is_done)
        rc = store_alias_walk(mark->store, &aliases, hold_alias, &self, err);
    while (rc == RC_OK && !datasets.is_done)
        rc = store_dataset_walk(mark->store, &datasets, hold_datum, &self, err);
    return rc;
}

/* ---- All of it ---- */

static enum rc take_object(void *context, const struct object_seen *seen)
{
    struct space_mark *mark = context;

    return space_table_add(&mark->table, seen->digest, seen->size, seen->kept_ns)
               ? RC_OK
               : RC_NO_MEMORY;
}

bool space_is_list(struct space_mark *mark, const char *digest)
{
    static const unsigned char begin[] = "\x93\xabsluice-tree";
    unsigned char head[sizeof begin - 1];
    scoped_fd int fd = -1;
    uint64_t size;

    return objects_read(mark->objects, digest, &fd, &size, NULL) == RC_OK
           && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head
           && memcmp(head, begin, sizeof head) == 0;
}

enum rc space_mark_lists(struct space_mark *mark, int64_t since_ns, struct err *err)
{
    struct run_mark self = { .mark = mark };
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < mark->table.capacity; i++) {
        struct space_object *object = &mark->table.slots[i];
        char digest[DIGEST_TEXT_SIZE];

        if (!object->is_there || object->is_gone || object->is_kept
            || object->kept_ns < since_ns)
            continue;
        digest_text(object->digest, digest);
        if (space_is_list(mark, digest))
            rc = hold_list(&self, digest, err);
    }
    return rc;
}

enum rc space_mark_all(struct space_mark *mark, struct err *err)
{
    enum rc rc = objects_each(mark->objects, take_object, mark, err);

    if (rc == RC_NO_MEMORY)
        return err_set(err, rc, "no memory to count the objects");
    if (rc == RC_OK)
        rc = space_mark_nodes(mark, err);
    if (rc == RC_OK)
        rc = take_runs(mark, err);
    if (rc == RC_OK)
        rc = take_names(mark, err);
    for (size_t i = 0; rc == RC_OK && i < mark->table.capacity; i++) {
        const struct space_object *object = &mark->table.slots[i];

        if (object->is_there && object->titles)
            sum_titles(mark, object);
        if (object->is_there && object->holder > 0 && object->holder != SPACE_MANY)
            mark->runs[object->holder - 1].own += object->size;
    }
    return rc;
}
