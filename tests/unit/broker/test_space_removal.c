/* What gets a tag, a name or a use while files are removed, at each moment in between:
 * the test is the broker's loop, so the order is its own. And removing by settings. */
#include "broker/artifacts/objects.h"
#include "broker/broker_state.h"
#include "broker/store/names.h"
#include "broker/store/removed.h"
#include "store_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sys/stat.h>

enum { RUNS = 3 };

struct world {
    struct fixture *store;
    struct broker *broker;
    char digests[RUNS + 1][DIGEST_TEXT_SIZE]; /* of run i, one file */
};

static void put_object(struct world *self, const char *text, char *digest)
{
    const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct object_writer *writer;
    char path[4300];
    struct err err;

    digest_bytes(text, strlen(text), digest);
    expect_ok(object_writer_create(self->broker->objects, &writer, &err), &err);
    expect_ok(object_writer_add(writer, text, strlen(text), &err), &err);
    expect_ok(object_writer_commit(writer, digest, NULL, NULL, &err), &err);
    assert_true(objects_path(self->broker->objects, digest, path, sizeof path));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

/* A run that ended, whose code is one file (which lists nothing). */
static void add_run(struct world *self, uint64_t run)
{
    char text[20], id[40];
    const char *const command = "true";
    struct plan_stage stage = {
        .name = "s", .step = "s", .commands = &command, .command_count = 1
    };
    struct plan plan = { .title = "p",
                         .stages = &stage,
                         .stage_count = 1,
                         .parameters = { .kind = VALUE_MAP } };
    struct run_head head = {
        .id = id, .title = "p", .project = "", .commit = "", .branch = "", .tree = ""
    };
    struct run_row row = {
        .run = run, .state = RUN_COMPLETE, .stages = 1, .ended_us = 1
    };
    struct run_totals totals = { .tasks = 0 };
    scoped_buf bytes = { 0 };
    struct err err;

    snprintf(text, sizeof text, "of run %u", (unsigned)run);
    put_object(self, text, self->digests[run]);
    plan.code.tree = self->digests[run];
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012u", (unsigned)run);
    memcpy(head.submission, &run, sizeof run);
    plan_encode(&bytes, &plan);
    expect_ok(
        store_run_put(self->broker->store, run, &head, bytes.data, bytes.size, &err),
        &err);
    expect_ok(store_run_row_put(self->broker->store, &row, &totals, &err), &err);
}

static int setup(void **state)
{
    struct world *self = calloc(1, sizeof *self);
    char path[200];
    struct err err;

    assert_non_null(self);
    fixture_setup((void **)&self->store);
    self->broker = calloc(1, sizeof *self->broker);
    assert_non_null(self->broker);
    self->broker->store = self->store->store;
    self->broker->settings.directory = self->store->folder;
    self->broker->now_us = clock_us();
    self->broker->scratch = arena_create(1 << 20);
    snprintf(path, sizeof path, "%s/objects", self->store->folder);
    expect_ok(objects_open(path, &self->broker->objects, &err), &err);
    for (uint64_t run = 1; run <= RUNS; run++)
        add_run(self, run);
    expect_ok(store_commit(self->broker->store, &err), &err);
    assert_non_null(self->broker->space = space_create(self->broker));
    *state = self;
    return 0;
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
    struct world *self = *state;

    space_destroy(self->broker->space);
    objects_destroy(self->broker->objects);
    arena_destroy(self->broker->scratch);
    free(self->broker);
    fixture_close(self->store);
    nftw(self->store->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(self->store);
    free(self);
    return 0;
}

static void await_question(struct world *self)
{
    struct pollfd item = { .fd = space_fd(self->broker->space), .events = POLLIN };

    assert_int_equal(poll(&item, 1, 60000), 1);
}

static void commit(struct world *self)
{
    struct err err;

    if (store_is_dirty(self->broker->store))
        expect_ok(store_commit(self->broker->store, &err), &err);
    space_committed(self->broker, true);
}

static bool is_working(struct world *self)
{
    const struct request request = { .run = 0 };
    struct reader reader;
    scoped_buf body = { 0 };
    struct err err;
    bool is = false;

    expect_ok(request_space(self->broker, &request, &body, &err), &err);
    reader_init(&reader, body.data, body.size);
    for (size_t n = reader_map(&reader); n > 0; n--)
        if (bytes_are(reader_string(&reader), "state"))
            is = bytes_are(reader_string(&reader), "working");
        else
            reader_skip(&reader);
    assert_true(reader_at_end(&reader));
    return is;
}

/* Turns of the loop until the thread has ended. */
static void finish(struct world *self)
{
    struct pollfd item = { .fd = space_fd(self->broker->space), .events = POLLIN };

    while (is_working(self)) {
        poll(&item, 1, 1);
        space_write(self->broker);
        commit(self);
    }
}

/* Runs 1 and 2 may go. */
static void begin(struct world *self)
{
    static const char *const runs[] = { "1", "2" };
    const struct space_order order = {
        .is_gc = true, .is_real = true, .runs = runs, .run_count = 2
    };
    struct err err;

    expect_ok(space_begin(self->broker, &order, &err), &err);
    await_question(self);
}

static void tag(struct world *self, uint64_t run)
{
    bool changed;
    struct err err;

    expect_ok(store_tag_put(self->broker->store, TAGGED_RUN, run, "keep", &changed, &err),
              &err);
    space_hold_run(self->broker, run);
}

static bool is_there(struct world *self, uint64_t run)
{
    return objects_has(self->broker->objects, self->digests[run], NULL);
}

static void test_what_may_go_goes_and_nothing_else(void **state)
{
    struct world *self = *state;

    begin(self);
    finish(self);
    assert_false(is_there(self, 1));
    assert_false(is_there(self, 2));
    assert_true(is_there(self, 3));
}

static void test_a_run_tagged_after_the_walk_keeps_its_files(void **state)
{
    struct world *self = *state;

    begin(self);
    tag(self, 1);
    finish(self);
    assert_true(is_there(self, 1));
    assert_false(is_there(self, 2));
}

static void test_a_run_tagged_in_the_turn_that_grants_keeps_its_files(void **state)
{
    struct world *self = *state;

    begin(self);
    space_write(self->broker);
    tag(self, 2);
    commit(self);
    finish(self);
    assert_false(is_there(self, 1));
    assert_true(is_there(self, 2));
}

static void test_a_file_asked_for_after_the_walk_stays(void **state)
{
    struct world *self = *state;

    begin(self);
    space_write(self->broker);
    assert_true(objects_use(self->broker->objects, self->digests[1], NULL));
    commit(self);
    finish(self);
    assert_true(is_there(self, 1));
    assert_false(is_there(self, 2));
}

static void test_nothing_goes_when_the_reasons_cannot_be_stored(void **state)
{
    struct world *self = *state;

    begin(self);
    space_write(self->broker);
    space_committed(self->broker, false);
    finish(self);
    assert_true(is_there(self, 1) && is_there(self, 2) && is_there(self, 3));
}

static void test_settings_remove_when_it_is_time_and_not_before(void **state)
{
    struct world *self = *state;
    struct broker *broker = self->broker;
    int64_t hour_us = 3600 * (int64_t)1000000;

    assert_int_equal(space_due_us(broker), INT64_MAX);
    space_step(broker);
    assert_false(is_working(self));
    broker->settings.gc = (struct broker_gc){ .every_ms = 3600000, .keep_last = 2 };
    assert_true(space_due_us(broker) <= broker->now_us);
    space_step(broker);
    assert_int_equal(space_due_us(broker), broker->now_us + hour_us);
    finish(self);
    assert_false(is_there(self, 1));
    assert_true(is_there(self, 2) && is_there(self, 3));

    broker->settings.gc.keep_last = 1;
    broker->now_us += hour_us - 1;
    space_step(broker);
    assert_false(is_working(self));
    broker->now_us++;
    space_step(broker);
    finish(self);
    assert_false(is_there(self, 2));
    assert_true(is_there(self, 3));
}

static void test_settings_remember_the_last_time_after_a_restart(void **state)
{
    struct world *self = *state;
    struct broker *broker = self->broker;

    begin(self);
    finish(self);
    space_destroy(broker->space);
    assert_non_null(broker->space = space_create(broker));
    broker->now_us = clock_us() + 1000000;
    broker->settings.gc = (struct broker_gc){ .every_ms = 3600000, .keep_last = 1 };
    space_step(broker);
    assert_false(is_working(self));
    assert_true(space_due_us(broker) > broker->now_us);
}

static void test_settings_wait_for_a_report_that_was_not_fetched_yet(void **state)
{
    struct world *self = *state;
    struct broker *broker = self->broker;

    begin(self);
    broker->settings.gc = (struct broker_gc){ .every_ms = 3600000, .keep_last = 1 };
    broker->now_us += (int64_t)48 * 3600 * 1000000; /* the lock's file is old */
    space_step(broker);
    assert_true(space_due_us(broker) > broker->now_us);
    finish(self);
    assert_false(is_there(self, 1));
    broker->now_us = space_due_us(broker);
    space_step(broker);
    finish(self);
    assert_true(is_there(self, 3));
}

/* Whether node 0 is to remove run 1's file, and how many files in all. */
static size_t removals(struct world *self, const char *after)
{
    scoped(arena) arena = arena_create(1 << 20);
    const char **digests;
    size_t count;
    struct err err;

    expect_ok(
        store_removals(self->broker->store, 0, after, 10, arena, &digests, &count, &err),
        &err);
    return count;
}

static void test_a_node_that_removed_or_needs_a_file_ends_the_order(void **state)
{
    struct world *self = *state;
    const char *gone = self->digests[1], *left = self->digests[2], *why;
    struct broker *broker = self->broker;
    scoped_buf answer = { 0 };
    int64_t at;
    struct err err;

    for (unsigned i = 1; i <= RUNS; i++) {
        expect_ok(store_removal_put(broker->store, i / RUNS, self->digests[i], &err),
                  &err);
        expect_ok(store_removed_put(broker->store, self->digests[i], 1, "so", &err),
                  &err);
    }
    assert_int_equal(removals(self, NULL), 2);
    assert_int_equal(removals(self, strcmp(gone, left) < 0 ? gone : left), 1);
    files_encode(&answer, MESSAGE_REMOVED, &(struct digest_list){ &gone, 1 },
                 &(struct digest_list){ &left, 1 });
    space_node_removed(broker, 0, answer.data, answer.size);
    assert_int_equal(broker->batch.rc, RC_OK);
    assert_int_equal(removals(self, NULL), 0);
    expect_ok(store_removed(broker->store, gone, broker->scratch, &at, &why, &err), &err);
    assert_int_equal(store_removed(broker->store, left, broker->scratch, &at, &why, &err),
                     RC_NOT_FOUND);
    space_node_removed(broker, 0, "wrong", 5);
    assert_int_equal(broker->batch.rc, RC_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_may_go_goes_and_nothing_else),
        TEST(test_a_run_tagged_after_the_walk_keeps_its_files),
        TEST(test_a_run_tagged_in_the_turn_that_grants_keeps_its_files),
        TEST(test_a_file_asked_for_after_the_walk_stays),
        TEST(test_nothing_goes_when_the_reasons_cannot_be_stored),
        TEST(test_settings_remove_when_it_is_time_and_not_before),
        TEST(test_settings_remember_the_last_time_after_a_restart),
        TEST(test_settings_wait_for_a_report_that_was_not_fetched_yet),
        TEST(test_a_node_that_removed_or_needs_a_file_ends_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
