/* test_fetched.c - which runs the node remembers the inputs of. */
#include "nodes/staging/fetched.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void run_make(const char *directory, unsigned number, time_t used_s)
{
    struct timespec times[2] = { { .tv_sec = used_s }, { .tv_sec = used_s } };
    char path[128];

    snprintf(path, sizeof path, "%s/fetched/%05u", directory, number);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool has_run(const char *directory, unsigned number)
{
    char path[128];

    snprintf(path, sizeof path, "%s/fetched/%05u", directory, number);
    return access(path, F_OK) == 0;
}

static void test_runs_that_are_old_or_too_many_are_forgotten(void **state)
{
    char directory[] = "/tmp/sluice-fetched-XXXXXX", command[64];
    time_t now = time(NULL);

    (void)state;
    assert_non_null(mkdtemp(directory));
    fetched_trim(directory); /* nothing is there yet */
    snprintf(command, sizeof command, "%s/fetched", directory);
    assert_int_equal(mkdir(command, 0700), 0);
    run_make(directory, 0, now - FETCHED_KEPT_S - 10);
    for (unsigned i = 1; i < FETCHED_RUNS_MAX; i++)
        run_make(directory, i, now - (time_t)i);
    fetched_trim(directory);
    assert_false(has_run(directory, 0));
    assert_true(has_run(directory, FETCHED_RUNS_MAX - 1));
    run_make(directory, FETCHED_RUNS_MAX, now);
    run_make(directory, FETCHED_RUNS_MAX + 1, now);
    fetched_trim(directory);
    assert_true(has_run(directory, FETCHED_RUNS_MAX + 1));
    assert_true(has_run(directory, 1));
    assert_false(has_run(directory, FETCHED_RUNS_MAX - 1));
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_that_are_old_or_too_many_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
