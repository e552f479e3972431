/* spawn.c - see spawn.h. */
#include "client/cli/project/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum rc spawn_start(const char *const *argv, struct spawned *spawned, struct err *err)
{
    return spawn_start_at(&(struct spawn_place){ .input = -1 }, argv, spawned, err);
}

enum rc spawn_start_at(const struct spawn_place *place, const char *const *argv,
                       struct spawned *spawned, struct err *err)
{
    posix_spawn_file_actions_t actions;
    int ends[2], failed;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "no pipe for %s", argv[0]);
    posix_spawn_file_actions_init(&actions);
    if (place->input >= 0)
        posix_spawn_file_actions_adddup2(&actions, place->input, 0);
    else
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (place->folder)
        posix_spawn_file_actions_addchdir_np(&actions, place->folder);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    failed = posix_spawnp(&spawned->pid, argv[0], &actions, NULL,
                          (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed) {
        close(ends[0]);
        return err_set_sys(err, rc_of_errno(failed), failed, "cannot start %s", argv[0]);
    }
    spawned->fd = ends[0];
    return RC_OK;
}

enum rc spawn_finish(struct spawned *spawned, struct buf *out, struct err *err)
{
    int exit_code = 0;
    enum rc rc = spawn_finish_with(spawned, out, &exit_code, err);

    return rc == RC_OK && exit_code != 0 ? err_set(err, RC_INVALID, "a program failed")
                                         : rc;
}

enum rc spawn_finish_with(struct spawned *spawned, struct buf *out, int *exit_code,
                          struct err *err)
{
    enum { PIECE = 64 << 10 };
    ssize_t got = 1;
    int status = 0;

    while (got > 0) {
        void *room = buf_room(out, PIECE);

        if (!room)
            break;
        got = read(spawned->fd, room, PIECE);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            buf_grew(out, (size_t)got);
    }
    /* Closed first: a program that would go on printing ends now. */
    close(spawned->fd);
    while (waitpid(spawned->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!buf_ok(out))
        return err_set(err, RC_NO_MEMORY, "a program printed too much");
    if (!WIFEXITED(status))
        return err_set(err, RC_INVALID, "a program was killed");
    *exit_code = WEXITSTATUS(status);
    return RC_OK;
}
