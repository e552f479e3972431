/* measure.c - see measure.h. */
#include "bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

void fail(const char *format, ...)
{
    va_list list;

    fputs("bench: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int64_t wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void pause_ms(size_t ms)
{
    double until = now_ms() + (double)ms, left;

    while ((left = until - now_ms()) > 0)
        poll(NULL, 0, (int)left + 1);
}

void memory_warm(const char *folder, size_t bytes)
{
    static char zeros[1 << 20];
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0)
        fail("cannot make a file in %s: %s", folder, strerror(errno));
    for (size_t done = 0; done < bytes; done += sizeof zeros)
        if (write(fd, zeros, sizeof zeros) != sizeof zeros)
            fail("cannot write a file in %s: %s", folder, strerror(errno));
    close(fd);
}

static void show_said(int said)
{
    char text[4096];
    ssize_t got = pread(said, text, sizeof text, 0);

    if (got > 0)
        fwrite(text, 1, (size_t)got, stderr);
}

/* Its wait status. What it complains about is shown when it fails. */
static int run_quietly(const char *directory, const char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    int said = memfd_create("said", MFD_CLOEXEC), status, code;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, 2);
    if (directory)
        posix_spawn_file_actions_addchdir_np(&actions, directory);
    code = posix_spawn(&pid, arguments[0], &actions, NULL, (char *const *)arguments,
                       environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        fail("cannot start %s: %s", arguments[0], strerror(code));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail("cannot wait for %s: %s", arguments[0], strerror(errno));
    if (status != 0)
        show_said(said);
    close(said);
    return status;
}

double run_ms(const char *directory, const char *const arguments[])
{
    double start = now_ms();
    int status = run_quietly(directory, arguments);

    if (status != 0)
        fail("%s %s failed (wait status %d)", arguments[0],
             arguments[1] ? arguments[1] : "", status);
    return now_ms() - start;
}

void run_any(const char *const arguments[])
{
    (void)run_quietly(NULL, arguments);
}

int run_said(const char *directory, const char *const arguments[], char *text,
             size_t size)
{
    posix_spawn_file_actions_t actions;
    int ends[2], status, code;
    size_t used = 0;
    ssize_t got;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        fail("cannot make a pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (directory)
        posix_spawn_file_actions_addchdir_np(&actions, directory);
    code = posix_spawn(&pid, arguments[0], &actions, NULL, (char *const *)arguments,
                       environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code != 0)
        fail("cannot start %s: %s", arguments[0], strerror(code));
    while (used + 1 < size && (got = read(ends[0], text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid)
        fail("cannot wait for %s: %s", arguments[0], strerror(errno));
    return status;
}

void run_text(const char *const arguments[], char *text, size_t size)
{
    int status = run_said(NULL, arguments, text, size);

    if (status != 0)
        fail("%s failed (wait status %d)", arguments[0], status);
}

static int by_size(const void *a, const void *b)
{
    const double *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return count % 2 ? values[count / 2]
                     : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double percentile(double *values, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;

    qsort(values, count, sizeof *values, by_size);
    return values[rank > 0 ? rank - 1 : 0];
}
