/* test_look.c - whether a change in a folder is seen. */
#include "nodes/staging/look.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct looked {
    char path[32];
    int folder;
    struct look *look;
};

static const char *const own[] = { "own", NULL };

static void sh(struct looked *looked, const char *command)
{
    char line[512];

    snprintf(line, sizeof line, "cd %s && %s", looked->path, command);
    assert_int_equal(system(line), 0);
}

static void look(struct looked *looked)
{
    bool is_early = true;

    look_destroy(looked->look);
    looked->look = NULL;
    while (!looked->look && is_early) {
        poll(NULL, 0, 1);
        looked->look = look_take(looked->folder, own, &is_early);
    }
    assert_non_null(looked->look);
    assert_true(look_holds(looked->look, looked->folder));
}

static int setup(void **state)
{
    struct looked *looked = calloc(1, sizeof *looked);

    snprintf(looked->path, sizeof looked->path, "/tmp/sluice-look-XXXXXX");
    assert_non_null(mkdtemp(looked->path));
    looked->folder = open(looked->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sh(looked, "echo one >own && mkdir -p a/b && echo two >a/b/file && ln -s x a/link");
    look(looked);
    *state = looked;
    return 0;
}

static int teardown(void **state)
{
    struct looked *looked = *state;
    char line[128];

    look_destroy(looked->look);
    close(looked->folder);
    snprintf(line, sizeof line, "rm -rf %s %s.new", looked->path, looked->path);
    assert_int_equal(system(line), 0);
    free(looked);
    return 0;
}

static void test_what_was_changed_this_moment_is_no_ground_to_stand_on(void **state)
{
    struct looked *looked = *state;
    unsigned early = 0;

    /* In the same tick, but for those times when one ends in between. */
    for (int i = 0; i < 50; i++) {
        bool is_early;
        int fd = openat(looked->folder, "a/b/file", O_WRONLY);

        assert_int_equal(write(fd, "2", 1), 1);
        close(fd);
        look_destroy(look_take(looked->folder, own, &is_early));
        early += is_early;
    }
    assert_true(early > 0);
}

static void test_each_change_is_seen(void **state)
{
    static const char *const changes[] = {
        "echo xxx >a/b/file",
        "printf x >>a/b/file",
        "chmod 600 a/b/file",
        "touch a/b/file",
        "touch -d 2001-01-01 a/b/file",
        "ln a/b/file ../$(basename $PWD).new",
        "touch a/b/other",
        "mkdir a/b/c",
        "rm a/b/other",
        "mv a/b/c a/b/d",
        "ln -sf y a/link",
        "touch more",
        "rm more",
        "chmod 700 a",
        "mv own a/own",
        "cp a/own own",
        "chmod 777 own",
    };
    struct looked *looked = *state;

    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        look(looked);
        sh(looked, changes[i]);
        if (look_holds(looked->look, looked->folder))
            fail_msg("not seen: %s", changes[i]);
    }
}

static void test_what_the_owner_writes_and_a_new_name_are_no_change(void **state)
{
    struct looked *looked = *state;
    char path[128];

    sh(looked, "echo longer than before >own");
    assert_true(look_holds(looked->look, looked->folder));
    snprintf(path, sizeof path, "%s.new", looked->path);
    assert_int_equal(rename(looked->path, path), 0);
    assert_true(look_holds(looked->look, looked->folder));
    assert_int_equal(rename(path, looked->path), 0);
}

static void test_a_folder_with_very_much_in_it_is_not_looked_at(void **state)
{
    struct looked *looked = *state;
    bool is_early;

    sh(looked, "for i in $(seq 600); do echo >a/$i; done");
    assert_null(look_take(looked->folder, own, &is_early));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_what_was_changed_this_moment_is_no_ground_to_stand_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_change_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_what_the_owner_writes_and_a_new_name_are_no_change, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_folder_with_very_much_in_it_is_not_looked_at, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
