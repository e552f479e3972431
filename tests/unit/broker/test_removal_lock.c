/* A backup and the removal of files exclude each other. */
#include "broker/backup/removal_lock.h"
#include "store_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_backups_go_together_and_with_no_removal(void **state)
{
    struct fixture *self = *state;
    int one = -1, two = -1, removal = -1;
    struct err err;

    expect_ok(removal_prevent(self->folder, &one, &err), &err);
    expect_ok(removal_prevent(self->folder, &two, &err), &err);
    assert_int_equal(removal_begin(self->folder, &removal, &err), RC_CONFLICT);
    close(one);
    assert_int_equal(removal_begin(self->folder, &removal, &err), RC_CONFLICT);
    assert_int_equal(removal, -1);
    close(two);
    expect_ok(removal_begin(self->folder, &removal, &err), &err);
    assert_int_equal(removal_prevent(self->folder, &one, &err), RC_CONFLICT);
    assert_int_equal(removal_begin(self->folder, &one, &err), RC_CONFLICT);
    close(removal);
    expect_ok(removal_prevent(self->folder, &one, &err), &err);
    close(one);
}

static void test_a_backup_that_was_killed_holds_nothing(void **state)
{
    struct fixture *self = *state;
    int pipe_fds[2], lock = -1;
    struct err err;
    char told;
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0) {
        told = removal_prevent(self->folder, &lock, &err) == RC_OK;
        if (write(pipe_fds[1], &told, 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(pipe_fds[0], &told, 1), 1);
    assert_int_equal(told, 1);
    assert_int_equal(removal_begin(self->folder, &lock, &err), RC_CONFLICT);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    expect_ok(removal_begin(self->folder, &lock, &err), &err);
    close(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_backups_go_together_and_with_no_removal,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_backup_that_was_killed_holds_nothing,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
