/* The journal in a directory of its own; "closed" stands for every kind of end, as
 * nothing is kept in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/supervisor/journal.h"

enum { SEEN_MAX = 64 };

struct folder {
    char directory[64], path[80], fresh_path[96];
};

struct seen {
    size_t count;
    struct channel_message records[SEEN_MAX];
    bool same_boot;
};

static int setup(void **state)
{
    static struct folder place;

    snprintf(place.directory, sizeof place.directory, "/tmp/sluice-journal-XXXXXX");
    if (!mkdtemp(place.directory))
        return -1;
    snprintf(place.path, sizeof place.path, "%s/journal", place.directory);
    snprintf(place.fresh_path, sizeof place.fresh_path, "%s.new", place.path);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    struct folder *place = *state;

    unlink(place->path);
    unlink(place->fresh_path);
    return rmdir(place->directory);
}

static void see(void *context, const struct channel_message *record)
{
    struct seen *seen = context;

    assert_true(seen->count < SEEN_MAX);
    seen->records[seen->count++] = *record;
}

static struct journal *reopen(struct folder *place, struct seen *seen)
{
    *seen = (struct seen){ 0 };

    struct journal *journal =
        journal_open(place->path, see, seen, &seen->same_boot, NULL);

    assert_non_null(journal);
    return journal;
}

static void append(struct journal *journal, enum channel_kind kind, uint64_t token)
{
    struct channel_message record = { .kind = kind, .token = token, .status = 256 };

    snprintf(record.text, sizeof record.text, "why");
    assert_int_equal(journal_append(journal, &record, NULL), RC_OK);
}

static void test_records_are_read_back_in_order(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(*state, seen);

    assert_int_equal(seen->count, 0);
    assert_true(seen->same_boot);
    append(journal, CHANNEL_STARTED, 1);
    append(journal, CHANNEL_EXITED, 1);
    journal_close(journal);
    journal = reopen(*state, seen);
    append(journal, CHANNEL_FORGET, 1);
    journal_close(journal);
    journal = reopen(*state, seen);
    assert_int_equal(seen->count, 3);
    assert_int_equal(seen->records[0].kind, CHANNEL_STARTED);
    assert_int_equal(seen->records[1].kind, CHANNEL_EXITED);
    assert_int_equal(seen->records[1].status, 256);
    assert_string_equal(seen->records[1].text, "why");
    assert_int_equal(seen->records[2].kind, CHANNEL_FORGET);
    assert_true(seen->same_boot);
    journal_close(journal);
    free(seen);
}

static void test_a_torn_tail_is_cut_wherever_it_was_torn(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);

    append(journal, CHANNEL_STARTED, 1);

    uint64_t whole = journal_size(journal);

    append(journal, CHANNEL_EXITED, 1);

    uint64_t all = journal_size(journal);

    journal_close(journal);
    for (uint64_t cut = all - 1; cut > whole; cut--) {
        assert_int_equal(truncate(place->path, (off_t)cut), 0);
        journal = reopen(place, seen);
        assert_int_equal(seen->count, 1);
        assert_int_equal(journal_size(journal), whole);
        append(journal, CHANNEL_EXITED, 1);
        journal_close(journal);
    }
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 2);
    journal_close(journal);
    free(seen);
}

static void test_a_record_of_a_newer_release_is_refused_and_stays(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);
    struct channel_message record = { .kind = CHANNEL_STARTED,
                                      .token = 2,
                                      .version = channel_ours().highest + 1 };
    struct stat before, after;
    struct err err;

    append(journal, CHANNEL_STARTED, 1);
    assert_int_equal(journal_append(journal, &record, NULL), RC_OK);
    append(journal, CHANNEL_EXITED, 1);
    journal_close(journal);
    assert_int_equal(stat(place->path, &before), 0);
    assert_null(journal_open(place->path, see, seen, &seen->same_boot, &err));
    assert_int_equal(err.rc, RC_UNSUPPORTED);
    assert_non_null(strstr(err.text, "start the newer noded again"));
    assert_int_equal(stat(place->path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    free(seen);
}

static void flip(const char *path, off_t at)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_a_changed_byte_ends_what_is_believed(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);

    append(journal, CHANNEL_STARTED, 1);

    uint64_t whole = journal_size(journal);

    append(journal, CHANNEL_EXITED, 1);
    append(journal, CHANNEL_STARTED, 2);
    journal_close(journal);
    flip(place->path, (off_t)whole + 20);
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 1);
    assert_int_equal(journal_size(journal), whole);
    journal_close(journal);
    free(seen);
}

static void test_another_boot_is_noticed_and_another_file_refused(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);
    struct err err;

    append(journal, CHANNEL_STARTED, 1);
    journal_close(journal);
    flip(place->path, 10);
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 1);
    assert_false(seen->same_boot);
    journal_close(journal);

    flip(place->path, 0);
    assert_null(journal_open(place->path, see, seen, &seen->same_boot, &err));
    assert_int_equal(err.rc, RC_CORRUPT);
    assert_non_null(strstr(err.text, place->path));
    free(seen);
}

static void test_compaction_leaves_what_was_appended_in_it(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);

    for (uint64_t token = 1; token <= 20; token++)
        append(journal, CHANNEL_STARTED, token);

    uint64_t before = journal_size(journal);

    assert_int_equal(journal_compact_begin(journal, NULL), RC_OK);
    append(journal, CHANNEL_STARTED, 20);
    assert_int_equal(journal_compact_end(journal, NULL), RC_OK);
    assert_true(journal_size(journal) < before);
    append(journal, CHANNEL_EXITED, 20);
    journal_close(journal);
    assert_int_equal(access(place->fresh_path, F_OK), -1);
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 2);
    assert_int_equal(seen->records[0].token, 20);
    journal_close(journal);
    free(seen);
}

static void test_a_compaction_that_was_cut_off_changes_nothing(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);

    append(journal, CHANNEL_STARTED, 1);
    assert_int_equal(journal_compact_begin(journal, NULL), RC_OK);
    append(journal, CHANNEL_STARTED, 2);
    journal_close(journal);
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 1);
    assert_int_equal(seen->records[0].token, 1);
    journal_close(journal);
    free(seen);
}

/* A file size limit stands for a full disk. */
static void test_a_record_that_does_not_fit_leaves_the_others(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);
    struct channel_message record = { .kind = CHANNEL_EXITED, .token = 2 };
    struct rlimit before, small;
    struct err err;

    append(journal, CHANNEL_STARTED, 1);

    uint64_t whole = journal_size(journal);

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){ .rlim_cur = whole + 10, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(journal_append(journal, &record, &err), RC_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(journal_size(journal), whole);
    append(journal, CHANNEL_EXITED, 1);
    journal_close(journal);
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 2);
    assert_int_equal(seen->records[1].token, 1);
    journal_close(journal);
    free(seen);
}

static void test_reserved_room_does_not_change_the_size(void **state)
{
    struct folder *place = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct journal *journal = reopen(place, seen);
    struct stat state_of_file;

    assert_int_equal(journal_reserve(journal, 100, NULL), RC_OK);
    assert_int_equal(stat(place->path, &state_of_file), 0);
    assert_int_equal(state_of_file.st_size, journal_size(journal));
    append(journal, CHANNEL_STARTED, 1);
    journal_close(journal);
    journal = reopen(place, seen);
    assert_int_equal(seen->count, 1);
    journal_close(journal);
    free(seen);
}

int main(void)
{
#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_records_are_read_back_in_order),
        PLACE_TEST(test_a_torn_tail_is_cut_wherever_it_was_torn),
        PLACE_TEST(test_a_record_of_a_newer_release_is_refused_and_stays),
        PLACE_TEST(test_a_changed_byte_ends_what_is_believed),
        PLACE_TEST(test_another_boot_is_noticed_and_another_file_refused),
        PLACE_TEST(test_compaction_leaves_what_was_appended_in_it),
        PLACE_TEST(test_a_compaction_that_was_cut_off_changes_nothing),
        PLACE_TEST(test_a_record_that_does_not_fit_leaves_the_others),
        PLACE_TEST(test_reserved_room_does_not_change_the_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
