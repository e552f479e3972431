/* object_use.c - which objects were needed lately, and removing others.
 *
 * The last use of a file is its time of modification, which reading leaves alone. Use and
 * removal exclude each other: who was told that an object is there finds it there. */
#include "broker/artifacts/objects_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { USE_EVERY_S = 60 };

static int64_t ns_of(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

bool objects_use(struct objects *objects, const char *digest, uint64_t *size)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                       { .tv_nsec = UTIME_NOW } };
    char name[OBJECT_NAME_SIZE];
    struct stat status;
    struct timespec now;
    bool is_there;

    if (!object_name(digest, name))
        return false;
    if (packs_use(objects->packs, digest, size))
        return true;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&objects->use);
    is_there = fstatat(objects->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0
               && S_ISREG(status.st_mode);
    if (is_there && status.st_mtim.tv_sec + USE_EVERY_S <= now.tv_sec)
        is_there = utimensat(objects->fd, name, times, AT_SYMLINK_NOFOLLOW) == 0;
    pthread_mutex_unlock(&objects->use);
    if (is_there && size)
        *size = (uint64_t)status.st_size;
    return is_there;
}

enum rc objects_remove_unused(struct objects *objects, const char *digest,
                              int64_t since_ns, bool *was_removed, struct err *err)
{
    char name[OBJECT_NAME_SIZE];
    struct stat status;
    bool is_removed = false;
    int sys = 0;

    if (!object_name(digest, name))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    pthread_mutex_lock(&objects->use);
    if (fstatat(objects->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        && ns_of(status.st_mtim) < since_ns) {
        is_removed = unlinkat(objects->fd, name, 0) == 0;
        sys = is_removed || errno == ENOENT ? 0 : errno;
    }
    pthread_mutex_unlock(&objects->use);
    if (sys)
        return err_set_sys(err, rc_of_errno(sys), sys, "remove %s/%s", objects->directory,
                           name);
    *was_removed = is_removed;
    return is_removed
               ? RC_OK
               : packs_remove_unused(objects->packs, digest, since_ns, was_removed, err);
}
