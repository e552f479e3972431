/* test_store_faults.c - kill -9, full disks and maps, strangers' files, damaged records.
 */
#include "broker/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PIECE = 64 << 10, PIECES = 64 };

/* The body of an event at time 0, with bytes to fill it. */
static const unsigned char piece[PIECE] = "\x83\xa1n\1\xa1t\0\xa1x\xc6\0\0\xff\xf2";

static void put_events(struct fixture *self, uint64_t first, int count)
{
    struct err err;

    for (int i = 0; i < count; i++)
        expect_ok(store_event_put(self->store, first + (uint64_t)i, piece, PIECE, &err),
                  &err);
}

static bool count_event(void *context, uint64_t number, const void *bytes, size_t size)
{
    (void)number;
    (void)bytes;
    (void)size;
    ++*(size_t *)context;
    return true;
}

static size_t event_count(struct fixture *self)
{
    size_t count = 0;
    struct err err;

    expect_ok(store_events(self->store, 0, count_event, &count, &err), &err);
    return count;
}

static enum rc open_again(struct fixture *self, struct err *err)
{
    struct store *other = NULL;
    enum rc rc = store_open(self->directory, &other, err);

    store_destroy(other);
    return rc;
}

static void test_a_killed_process_leaves_whole_batches_only(void **state)
{
    struct fixture *self = *state;
    struct err err;
    int status;

    for (int batches = 0; batches < 3; batches++) {
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            fixture_open(self);
            for (int i = 0; i < batches; i++) {
                put_events(self, (uint64_t)(3 * i + 1), 3);
                expect_ok(store_commit(self->store, &err), &err);
            }
            put_events(self, 1000, 3);
            kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        fixture_open(self);
        assert_int_equal(event_count(self), 3 * batches);
        fixture_close(self);
    }
}

static void test_a_full_disk_loses_the_batch_and_nothing_else(void **state)
{
    struct fixture *self = *state;
    struct rlimit limit, tight;
    struct stat info;
    char path[120];
    struct err err;
    enum rc rc = RC_OK;

    fixture_open(self);
    put_events(self, 1, 2);
    expect_ok(store_commit(self->store, &err), &err);
    snprintf(path, sizeof path, "%s/data.mdb", self->directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    tight = limit;
    tight.rlim_cur = (rlim_t)info.st_size + PIECE;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (int again = 0; again < 2; again++) {
        put_events(self, 3, PIECES);
        rc = store_commit(self->store, &err);
        assert_int_equal(rc, RC_FULL);
        assert_non_null(strstr(err.text, "free disk space"));
        assert_false(store_is_dirty(self->store));
        assert_int_equal(event_count(self), 2);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_DFL);
    put_events(self, 3, PIECES);
    expect_ok(store_commit(self->store, &err), &err);
    assert_int_equal(event_count(self), 2 + PIECES);
    fixture_reopen(self);
    assert_int_equal(event_count(self), 2 + PIECES);
}

static void test_the_map_grows_ahead_of_need_and_after_a_batch_beyond_it(void **state)
{
    static const struct store_map small = { .first = 1 << 20, .margin = 1 << 19 };
    struct fixture *self = *state;
    struct err err;
    enum rc rc = RC_OK;
    int tries = 0;

    expect_ok(store_open_sized(self->directory, &small, &self->store, &err), &err);
    for (uint64_t i = 0; i < 20; i++) {
        put_events(self, 4 * i + 1, 4);
        expect_ok(store_commit(self->store, &err), &err);
    }
    do {
        for (uint64_t i = 0; rc == RC_OK && i < PIECES * 2; i++)
            rc = store_event_put(self->store, 100 + i, piece, PIECE, &err);
        if (rc != RC_OK) {
            assert_int_equal(rc, RC_FULL);
            assert_int_equal(store_event_put(self->store, 1, piece, PIECE, &err),
                             RC_FULL);
            store_abort(self->store);
            assert_int_equal(event_count(self), 80);
            rc = RC_OK;
        } else {
            rc = store_commit(self->store, &err);
            break;
        }
    } while (++tries < 8);
    assert_in_range(tries, 1, 7);
    expect_ok(rc, &err);
    assert_int_equal(event_count(self), 80 + PIECES * 2);
    fixture_close(self);
    expect_ok(store_open_sized(self->directory, &small, &self->store, &err), &err);
    assert_int_equal(event_count(self), 80 + PIECES * 2);
}

static void test_a_batch_has_the_room_that_was_asked_for(void **state)
{
    static const struct store_map small = { .first = 1 << 20, .margin = 1 << 19 };
    struct fixture *self = *state;
    struct err err;

    expect_ok(store_open_sized(self->directory, &small, &self->store, &err), &err);
    expect_ok(store_event_put(self->store, 1, piece, PIECE, &err), &err);
    assert_int_equal(store_reserve(self->store, 4 * PIECES * PIECE, &err), RC_FULL);
    expect_ok(store_commit(self->store, &err), &err);
    expect_ok(store_event_put(self->store, 2, piece, PIECE, &err), &err);
    expect_ok(store_reserve(self->store, 2 * PIECES * PIECE, &err), &err);
    for (uint64_t i = 0; i < PIECES * 2; i++)
        expect_ok(store_event_put(self->store, 100 + i, piece, PIECE, &err), &err);
    expect_ok(store_commit(self->store, &err), &err);
    expect_ok(store_reserve(self->store, (uint64_t)1 << 30, &err), &err);
}

/* Puts events into batches of their own until the store is full; gives how many fit. */
static uint64_t fill(struct fixture *self, uint64_t first, struct err *err)
{
    uint64_t count = 0;

    while (store_event_put(self->store, first + count, piece, PIECE, err) == RC_OK
           && store_commit(self->store, err) == RC_OK)
        count++;
    store_abort(self->store);
    return count;
}

static void test_a_store_grows_to_its_limit_and_on_when_that_is_raised(void **state)
{
    struct fixture *self = *state;
    uint64_t count, first_room;
    size_t removed;
    struct err err;

    fixture_open(self);
    assert_true(store_room(self->store) == UINT64_MAX);
    store_limit(self->store, 4 << 20);
    first_room = store_room(self->store);
    assert_in_range(first_room, 3 << 20, 4 << 20);
    put_events(self, 1, 1);
    assert_true(store_room(self->store) <= first_room - PIECE);
    expect_ok(store_commit(self->store, &err), &err);
    count = 1 + fill(self, 2, &err);
    assert_int_equal(err.rc, RC_FULL);
    assert_non_null(strstr(err.text, "raise store-max"));
    assert_in_range(count, 40, 64);
    assert_true(store_room(self->store) == 0);
    assert_int_equal(event_count(self), count);

    store_limit(self->store, 8 << 20);
    assert_in_range(store_room(self->store), 3 << 20, 4 << 20);
    count += fill(self, 1 + count, &err);
    assert_in_range(count, 90, 128);
    assert_true(store_room(self->store) == 0);

    store_limit(self->store, 9 << 20);
    expect_ok(store_events_trim(self->store, 1, count / 2, &removed, &err), &err);
    assert_int_equal(removed, count / 2);
    expect_ok(store_commit(self->store, &err), &err);
    assert_in_range(store_room(self->store), 3 << 20, 5 << 20);
    store_limit(self->store, 0);
    assert_true(store_room(self->store) == UINT64_MAX);
}

static void test_one_process_at_a_time_has_the_store(void **state)
{
    struct fixture *self = *state;
    struct err err;
    int status;
    pid_t child;

    fixture_open(self);
    assert_int_equal(open_again(self, &err), RC_CONFLICT);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit((int)open_again(self, &err));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), RC_CONFLICT);
    fixture_close(self);
    expect_ok(open_again(self, &err), &err);
}

static void test_a_folder_that_cannot_be_written_is_denied(void **state)
{
    struct fixture *self = *state;
    struct err err;
    bool is_root = geteuid() == 0;

    assert_int_equal(chmod(self->folder, 0555), 0);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(open_again(self, &err), RC_DENIED);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(self->folder, 0700), 0);
    assert_int_equal(fixture_names(self, false), 0);
}

static void write_data(const struct fixture *self, const void *bytes, size_t size)
{
    char path[120];

    assert_int_equal(mkdir(self->directory, 0700), 0);
    snprintf(path, sizeof path, "%s/data.mdb", self->directory);

    scoped_fd int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_int_equal(write(fd, bytes, size), size);
}

static void test_a_file_that_is_no_database_is_left_alone(void **state)
{
    struct fixture *self = *state;
    char text[8192];
    struct err err;

    memset(text, 'x', sizeof text);
    write_data(self, text, sizeof text);
    assert_int_equal(open_again(self, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "data.mdb"));
    assert_int_equal(fixture_names(self, false), 1);
}

/* A database of LMDB with one table that has one record. */
static void write_foreign(const struct fixture *self, const char *table, const char *key,
                          const void *record, size_t size)
{
    MDB_val k = { strlen(key), (void *)(uintptr_t)key };
    MDB_val d = { size, (void *)(uintptr_t)record };
    char path[120];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    assert_int_equal(mkdir(self->directory, 0700), 0);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, self->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &k, &d, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    snprintf(path, sizeof path, "%s/lock.mdb", self->directory);
    assert_int_equal(unlink(path), 0);
}

static void test_a_database_of_another_program_is_left_alone(void **state)
{
    struct fixture *self = *state;
    struct err err;

    write_foreign(self, "things", "a", "b", 1);
    assert_int_equal(open_again(self, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "another program"));
    assert_int_equal(fixture_names(self, false), 1);
}

static void test_a_newer_format_is_left_alone(void **state)
{
    struct fixture *self = *state;
    scoped_buf record = { 0 };
    struct err err;

    pack_list(&record, 3);
    pack_uint(&record, RECORD_VERSION + 1);
    pack_text(&record, "sluice-store");
    pack_text(&record, "0123abcd-0000-4000-8000-000000000001");
    write_foreign(self, "meta", "format", record.data, record.size);
    assert_int_equal(open_again(self, &err), RC_INVALID);
    assert_non_null(strstr(err.text, "newer sluice"));
    assert_int_equal(fixture_names(self, false), 1);
}

static void test_an_empty_data_file_becomes_a_store(void **state)
{
    struct fixture *self = *state;
    struct err err;

    write_data(self, "", 0);
    expect_ok(open_again(self, &err), &err);
    expect_ok(open_again(self, &err), &err);
}

static void read_all(struct fixture *self, struct arena *arena)
{
    struct stage_row stage;
    struct run_row run;
    struct run_totals totals;
    struct run_head head;
    struct task_row task;
    struct node_record node;
    struct artifact_record artifact;
    struct counters counters;
    struct err err = { .rc = RC_OK };
    enum rc rcs[] = {
        store_stage(self->store, 1, 0, arena, &stage, &err),
        store_run_row(self->store, 1, &run, &totals, &err),
        store_run(self->store, 1, arena, &head, &err),
        store_task(self->store, 1, 0, 0, &task, &err),
        store_node(self->store, 1, arena, &node, &err),
        store_artifact(self->store, "sha256:1", arena, &artifact, &err),
        store_counters(self->store, &counters, &err),
    };

    for (size_t i = 0; i < COUNT_OF(rcs); i++)
        if (rcs[i] != RC_OK)
            assert_int_equal(rcs[i], RC_CORRUPT);
}

static void put_all(struct fixture *self)
{
    struct retry retry = { 1, 2, 3, 4, 5 };
    const struct stage_row stage = { .retries = &retry, .retry_count = 1, .tasks = 9 };
    const struct run_head head = { "0123abcd-0000-4000-8000-000000000001",
                                   "t",
                                   "p",
                                   "c",
                                   "b",
                                   "tree",
                                   { 1 },
                                   true,
                                   false };
    struct err err;

    expect_ok(store_stage_put(self->store, 1, 0, &stage, &err), &err);
    expect_ok(store_run_row_put(self->store, &(struct run_row){ .run = 1, .stages = 1 },
                                &(struct run_totals){ 0 }, &err),
              &err);
    expect_ok(store_run_put(self->store, 1, &head, "", 0, &err), &err);
    expect_ok(
        store_task_put(self->store, 1, 0, 0, &(struct task_row){ .token = 1 }, &err),
        &err);
    expect_ok(
        store_node_put(self->store, 1, &(struct node_record){ "n", "v", 1, 2, 3 }, &err),
        &err);
    expect_ok(store_artifact_put(
                  self->store,
                  &(struct artifact_record){ "sha256:1", "n", 1, 1, 1, 1, 1 }, &err),
              &err);
    expect_ok(store_counters_put(
                  self->store,
                  &(struct counters){
                      .run_next = 2, .token_next = 2, .event_next = 2, .node_next = 2 },
                  &err),
              &err);
}

/* The record under a key, damaged in every way that one byte or a cut allows. */
static void damage(struct fixture *self, enum table_id table, const void *key,
                   size_t key_size)
{
    scoped_buf whole = { 0 };
    struct view view;
    MDB_val data;
    struct err err;

    expect_ok(view_begin(self->store, &view, &err), &err);
    expect_ok(view_get(&view, table, key, key_size, &data, &err), &err);
    buf_add(&whole, data.mv_data, data.mv_size);
    view_end(&view);
    for (size_t at = 0; at < whole.size; at++) {
        static const unsigned char changes[] = { 0x00, 0x01, 0x40, 0x80, 0xff };

        for (size_t i = 0; i < COUNT_OF(changes); i++) {
            scoped(arena) arena = arena_create(1 << 20);
            size_t size = changes[i] == 0 ? at : whole.size; /* 0: cut here */

            assert_non_null(arena);
            whole.data[at] ^= changes[i];
            expect_ok(db_put(self->store, table, key, key_size, whole.data, size, &err),
                      &err);
            whole.data[at] ^= changes[i];
            read_all(self, arena);
        }
    }
    expect_ok(db_put(self->store, table, key, key_size, whole.data, whole.size, &err),
              &err);
}

static void test_damaged_records_are_refused_or_read_as_other_values(void **state)
{
    struct fixture *self = *state;
    struct key run = key_run(1), stage = key_stage(1, 0), task = key_task(1, 0, 0);

    fixture_open(self);
    put_all(self);
    damage(self, TABLE_STAGES, stage.bytes, stage.size);
    damage(self, TABLE_RUN_ROWS, run.bytes, run.size);
    damage(self, TABLE_RUNS, run.bytes, run.size);
    damage(self, TABLE_TASKS, task.bytes, task.size);
    damage(self, TABLE_NODES, run.bytes, run.size);
    damage(self, TABLE_ARTIFACTS, "sha256:1", 8);
    damage(self, TABLE_META, "counters", 8);
    store_abort(self->store);
}

static void test_a_record_of_a_later_version_asks_for_a_newer_program(void **state)
{
    struct fixture *self = *state;
    scoped_buf record = { 0 };
    struct key key = key_task(1, 0, 0);
    struct task_row row;
    struct err err;

    fixture_open(self);
    pack_list(&record, 1);
    pack_uint(&record, RECORD_VERSION + 1);
    expect_ok(db_put_buf(self->store, TABLE_TASKS, &key, &record, &err), &err);
    assert_int_equal(store_task(self->store, 1, 0, 0, &row, &err), RC_CORRUPT);
    assert_non_null(strstr(err.text, "newer sluice"));
}

int main(void)
{
#define STORE_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, fixture_setup_empty, fixture_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_killed_process_leaves_whole_batches_only),
        STORE_TEST(test_a_full_disk_loses_the_batch_and_nothing_else),
        STORE_TEST(test_the_map_grows_ahead_of_need_and_after_a_batch_beyond_it),
        STORE_TEST(test_a_batch_has_the_room_that_was_asked_for),
        STORE_TEST(test_a_store_grows_to_its_limit_and_on_when_that_is_raised),
        STORE_TEST(test_one_process_at_a_time_has_the_store),
        STORE_TEST(test_a_folder_that_cannot_be_written_is_denied),
        STORE_TEST(test_a_file_that_is_no_database_is_left_alone),
        STORE_TEST(test_a_database_of_another_program_is_left_alone),
        STORE_TEST(test_a_newer_format_is_left_alone),
        STORE_TEST(test_an_empty_data_file_becomes_a_store),
        STORE_TEST(test_damaged_records_are_refused_or_read_as_other_values),
        STORE_TEST(test_a_record_of_a_later_version_asks_for_a_newer_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
