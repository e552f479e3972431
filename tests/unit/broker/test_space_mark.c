/* The marking of what is needed, against a model, on random runs. */
#include "broker/artifacts/objects.h"
#include "broker/core/core.h"
#include "broker/space/space_mark.h"
#include "broker/store/names.h"
#include "codecs/plan/plan.h"
#include "codecs/plan/tree.h"
#include "codecs/wire/result.h"
#include "store_fixture.h"

#include <ftw.h>
#include <string.h>

enum { FILES = 60, RUNS = 60, ROUNDS = 20, REFERENCES = 4 };

struct model {
    struct fixture *fixture;
    struct objects *objects;
    unsigned seed;
    char digests[FILES][DIGEST_TEXT_SIZE];
    bool refers[RUNS + 1][FILES], is_kept[RUNS + 1];
    char trees[RUNS + 1][DIGEST_TEXT_SIZE];
    uint64_t count;
};

static unsigned any(struct model *self, unsigned below)
{
    self->seed = self->seed * 1103515245U + 12345U;
    return (self->seed >> 16) % below;
}

static void store_bytes(struct model *self, const void *bytes, size_t size,
                        char digest[DIGEST_TEXT_SIZE])
{
    struct object_small item = { digest, bytes, size };
    struct err err;

    digest_bytes(bytes, size, digest);
    expect_ok(objects_add(self->objects, &item, 1, false, &err), &err);
}

static const char *pick(struct model *self)
{
    unsigned file = any(self, FILES);

    self->refers[self->count][file] = true;
    return self->digests[file];
}

static void add_tree(struct model *self)
{
    struct tree_entry entries[2] = { { .path = "a", .mode = 0644, .target = "" },
                                     { .path = "b", .mode = 0644, .target = "" } };
    struct tree tree = { entries, 2 };
    scoped_buf bytes = { 0 };

    for (unsigned i = 0; i < 2; i++)
        entries[i].digest = pick(self);
    tree_encode(&bytes, &tree);
    store_bytes(self, bytes.data, bytes.size, self->trees[self->count]);
}

static void add_result(struct model *self)
{
    struct plan_source outputs[REFERENCES];
    struct task_result result = { .outputs = outputs,
                                  .output_count = any(self, REFERENCES),
                                  .metadata = { .kind = VALUE_MAP } };
    scoped_buf bytes = { 0 };
    struct err err;

    for (size_t i = 0; i < result.output_count; i++)
        outputs[i] = (struct plan_source){ .name = "o", .uri = "", .digest = pick(self) };
    result.streams[0].digest = pick(self);
    result.streams[0].size = 1;
    result_encode(&bytes, &result);
    expect_ok(store_result_put(self->fixture->store, self->count, 0, 0, 1, bytes.data,
                               bytes.size, &err),
              &err);
}

/* What does not decode would hold nothing. */
static void expect_decodes(const struct buf *bytes)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan *plan;
    struct err err;

    expect_ok(plan_decode(arena, bytes->data, bytes->size, &plan, &err), &err);
}

/* One run with a stage, a task and a list of files; some have a tag, or go on. */
static void add_run(struct model *self)
{
    uint64_t run = ++self->count;
    struct plan_source source = { .uri = "", .name = "f", .digest = pick(self) };
    struct plan_input input = { .name = "i", .sources = &source, .source_count = 1 };
    const char *const command = "true";
    struct plan_stage stage = { .name = "s",
                                .step = "s",
                                .commands = &command,
                                .command_count = 1,
                                .inputs = &input,
                                .input_count = 1 };
    struct plan plan = { .title = "p",
                         .stages = &stage,
                         .stage_count = 1,
                         .parameters = { .kind = VALUE_MAP } };
    char id[40];
    struct run_head head = { .id = id,
                             .title = run % 2 ? "odd" : "even",
                             .project = "",
                             .commit = "",
                             .branch = "",
                             .tree = "" };
    bool is_tagged = any(self, 4) == 0, is_over = any(self, 4) > 0, changed;
    struct run_row row = { .run = run,
                           .state = is_over ? RUN_COMPLETE : RUN_STARTED,
                           .stages = 1 };
    struct run_totals totals = { .tasks = 1 };
    scoped_buf bytes = { 0 };
    struct err err;

    add_tree(self);
    add_result(self);
    plan.code.tree = self->trees[run];
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012u", (unsigned)run);
    memcpy(head.submission, &run, sizeof run);
    plan_encode(&bytes, &plan);
    expect_decodes(&bytes);
    expect_ok(
        store_run_put(self->fixture->store, run, &head, bytes.data, bytes.size, &err),
        &err);
    expect_ok(store_run_row_put(self->fixture->store, &row, &totals, &err), &err);
    if (is_tagged)
        expect_ok(
            store_tag_put(self->fixture->store, TAGGED_RUN, run, "keep", &changed, &err),
            &err);
    self->is_kept[run] = is_tagged || !is_over;
}

static void check_file(struct model *self, const struct space_mark *mark,
                       const char *digest, uint64_t keep_last, unsigned file)
{
    const struct space_object *object = space_table_find(&mark->table, digest);
    uint64_t holders = 0;
    bool is_kept = false;

    for (uint64_t run = 1; run <= self->count; run++) {
        bool refers = file < FILES ? self->refers[run][file]
                                   : strcmp(self->trees[run], digest) == 0;

        holders += refers;
        is_kept |= refers && (self->is_kept[run] || (self->count - run) / 2 < keep_last);
    }
    assert_non_null(object);
    assert_int_equal(object->is_kept, is_kept);
    assert_int_equal(object->holder == 0, holders == 0);
    assert_int_equal(object->holder == SPACE_MANY, holders > 1);
}

/* Two pipelines: which files each one's runs refer to. */
static void check_titles(struct model *self, const struct space_mark *mark)
{
    assert_int_equal(mark->title_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t side = (self->count - i) % 2; /* the newest run's is the first */
        uint64_t objects = 0, own = 0, runs = 0;

        for (uint64_t run = 1; run <= self->count; run++)
            runs += run % 2 == side;
        for (size_t k = 0; k < mark->table.capacity; k++) {
            bool refers[2] = { false, false };
            char digest[DIGEST_TEXT_SIZE];

            if (!mark->table.slots[k].is_there)
                continue;
            digest_text(mark->table.slots[k].digest, digest);
            for (uint64_t run = 1; run <= self->count; run++) {
                refers[run % 2] |= strcmp(self->trees[run], digest) == 0;
                for (unsigned file = 0; file < FILES; file++)
                    refers[run % 2] |= self->refers[run][file]
                                       && strcmp(self->digests[file], digest) == 0;
            }
            objects += refers[side];
            own += refers[side] && !refers[1 - side] ? mark->table.slots[k].size : 0;
        }
        assert_int_equal(mark->titles[i].runs, runs);
        assert_int_equal(mark->titles[i].objects, objects);
        assert_int_equal(mark->titles[i].own, own);
    }
}

static void check(struct model *self, uint64_t keep_last)
{
    struct space_mark mark = { .store = self->fixture->store,
                               .objects = self->objects,
                               .policy = { .has_last = true, .keep_last = keep_last } };
    struct err err;

    expect_ok(space_mark_all(&mark, &err), &err);
    for (unsigned file = 0; file < FILES; file++)
        check_file(self, &mark, self->digests[file], keep_last, file);
    for (uint64_t run = 1; run <= self->count; run++)
        check_file(self, &mark, self->trees[run], keep_last, FILES);
    check_titles(self, &mark);
    space_mark_fini(&mark);
}

static void test_what_is_marked_is_what_a_model_says(void **state)
{
    struct fixture *fixture = *state;
    struct model *self = calloc(1, sizeof *self);
    char path[200];
    struct err err;

    assert_non_null(self);
    self->fixture = fixture;
    self->seed = 7;
    snprintf(path, sizeof path, "%s-objects", fixture->folder);
    expect_ok(objects_open(path, &self->objects, &err), &err);
    for (unsigned file = 0; file < FILES; file++)
        store_bytes(self, &file, sizeof file, self->digests[file]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < RUNS / ROUNDS; i++)
            add_run(self);
        expect_ok(store_commit(fixture->store, &err), &err);
        check(self, 1 + any(self, RUNS));
    }
    objects_destroy(self->objects);
    free(self);
}

static int remove_one(const char *path, const struct stat *status, int kind,
                      struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    const struct fixture *self = *state;
    char path[200];

    snprintf(path, sizeof path, "%s-objects", self->folder);
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return fixture_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_marked_is_what_a_model_says,
                                        fixture_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
