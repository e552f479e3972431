/* test_ended.c - results in a file until the broker has them. */
#include "nodes/ended.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/sluice-ended-XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = NULL;
    return 0;
}

static int teardown(void **state)
{
    char line[128];

    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line);
}

static struct ended_log *log_open(void)
{
    struct ended_log *log;
    struct err err;

    assert_int_equal(ended_open(folder, &log, &err), RC_OK);
    return log;
}

static unsigned append(struct ended_log *log, uint64_t token, size_t size)
{
    char *bytes = malloc(size);
    struct ended_item item = { .token = token,
                               .run = token + 1,
                               .index = token + 2,
                               .stage = 3,
                               .number = 4,
                               .encoded = { bytes, size } };
    struct err err;

    memset(bytes, (int)token, size);
    assert_int_equal(ended_append(log, &item, &err), RC_OK);
    free(bytes);
    return item.file;
}

static off_t size_of(unsigned file)
{
    struct stat found;
    char path[128];

    snprintf(path, sizeof path, "%s/ended.%u", folder, file);
    assert_int_equal(stat(path, &found), 0);
    return found.st_size;
}

static size_t read_all(struct ended_log *log, struct arena *arena,
                       struct ended_item **items)
{
    size_t count;
    struct err err;

    assert_int_equal(ended_read(log, arena, items, &count, &err), RC_OK);
    return count;
}

static void test_what_was_written_is_read_back(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct ended_log *log = log_open();
    struct ended_item *items;

    (void)state;
    ended_begin(log);
    append(log, 7, 100);
    append(log, 8, 50);
    ended_close(log);
    log = log_open();
    assert_int_equal(read_all(log, arena, &items), 2);
    assert_int_equal(items[1].token, 8);
    assert_int_equal(items[1].run, 9);
    assert_int_equal(items[1].index, 10);
    assert_int_equal(items[1].stage, 3);
    assert_int_equal(items[1].number, 4);
    assert_int_equal(items[1].encoded.size, 50);
    assert_int_equal(items[1].encoded.data[49], 8);
    ended_close(log);
}

static void test_half_a_record_is_cut_off(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct ended_log *log = log_open();
    struct ended_item *items;
    unsigned file;
    char path[128];

    (void)state;
    ended_begin(log);
    file = append(log, 7, 100);
    off_t whole = size_of(file);
    append(log, 8, 100);
    ended_close(log);
    snprintf(path, sizeof path, "%s/ended.%u", folder, file);
    assert_int_equal(truncate(path, whole + 60), 0);
    log = log_open();
    assert_int_equal(read_all(log, arena, &items), 1);
    ended_keep(log, items[0].file);
    ended_begin(log);
    assert_int_equal(size_of(file), whole);
    append(log, 9, 10);
    ended_close(log);
    log = log_open();
    assert_int_equal(read_all(log, arena, &items), 2);
    ended_close(log);
}

static void test_files_that_nobody_needs_are_emptied(void **state)
{
    scoped(arena) arena = arena_create(64 << 20);
    struct ended_log *log = log_open();
    struct ended_item *items;
    unsigned files[64];

    (void)state;
    ended_begin(log);
    for (unsigned i = 0; i < 64; i++)
        files[i] = append(log, i + 1, 40000);
    /* Both are full, and the second is written on while the first is needed. */
    assert_int_not_equal(files[0], files[63]);
    for (unsigned i = 0; i < 63; i++)
        ended_forget(log, files[i]);
    assert_int_equal(size_of(files[0]), 0);
    ended_close(log);
    log = log_open();
    assert_true(read_all(log, arena, &items) > 0);
    ended_begin(log);
    assert_int_equal(size_of(0) + size_of(1), 0);
    ended_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_written_is_read_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_half_a_record_is_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files_that_nobody_needs_are_emptied, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
