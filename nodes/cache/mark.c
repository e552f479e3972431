/* mark.c - see mark.h. */
#include "nodes/cache/mark.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MARK_SECOND = 946684800 /* 2000-01-01 */, NS = 1000000000, USE_KEPT_S = 60 };

static long mark_ns(const struct stat *status, const char *digest)
{
    char start[17];

    memcpy(start, strchr(digest, ':') + 1, 16);
    start[16] = '\0';

    uint64_t mixed = strtoull(start, NULL, 16) ^ (uint64_t)status->st_size
                     ^ ((uint64_t)status->st_ino * 0x9e3779b97f4a7c15u);

    return (long)(mixed % NS);
}

bool mark_is_on(const struct stat *status, const char *digest)
{
    return status->st_mtim.tv_sec == MARK_SECOND
           && status->st_mtim.tv_nsec == mark_ns(status, digest);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* By descriptor: the file that is looked at is the file that is marked. */
void mark_set(const char *path, const struct stat *checked, const char *digest)
{
    scoped_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = MARK_SECOND } };
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0 || !is_same_file(&status, checked))
        return;
    times[1].tv_nsec = mark_ns(&status, digest);
    futimens(fd, times);
}

void mark_use(const char *path, const struct stat *status)
{
    static const struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
                                              { .tv_nsec = UTIME_OMIT } };

    if (time(NULL) - status->st_atim.tv_sec > USE_KEPT_S)
        utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}
