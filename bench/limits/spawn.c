/* spawn.c - processes started, files written and looked at; see limits.h. */
#include "bench/limits/limits.h"

#include "bench/measure.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

double limit_spawn_ms(void)
{
    return run_ms(NULL, (const char *const[]){ "/bin/true", NULL });
}

double limit_sync_ms(const char *folder)
{
    static const char bytes[4096];
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/synced", folder);

    double start = now_ms();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes
        || fsync(fd) < 0)
        fail("cannot write and sync %s", path);
    close(fd);

    double took = now_ms() - start;

    unlink(path);
    return took;
}

double limit_lookup_ms(const char *folder, size_t count)
{
    static const char bytes[1024];
    struct stat status;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/looked", folder);

    double start = now_ms();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 4; k++)
            if (stat(path, &status) < 0)
                fail("cannot look at %s", path);
        if (fd < 0 || write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
            fail("cannot write %s", path);
    }
    if (fsync(fd) < 0)
        fail("cannot sync %s", path);
    close(fd);

    double took = now_ms() - start;

    unlink(path);
    return took;
}

double limit_spawn_loop_ms(const char *const arguments[], size_t count, size_t slots)
{
    const char *program = arguments[0];
    double start = now_ms();
    size_t started = 0, ended = 0;

    while (ended < count) {
        pid_t pid;

        while (started < count && started - ended < slots) {
            if (posix_spawn(&pid, program, NULL, NULL, (char *const *)arguments, environ)
                != 0)
                fail("cannot start %s", program);
            started++;
        }
        if (wait(NULL) < 0)
            fail("cannot wait for %s", program);
        ended++;
    }
    return now_ms() - start;
}
