/* object_place.c - an object as a file elsewhere, as cheaply as the file system can.
 *
 * A reflink shares the bytes and nothing else, so it serves any mode. A hard link shares
 * the file itself, its mode too. The file is not synced: it can be placed again. */
#include "broker/artifacts/objects_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 256 << 10, COPY_RANGE_BYTES = 1 << 30 };

/* From where both files stand to the end of from. 0, or an errno. */
static int copy_by_hand(int from, int to)
{
    unsigned char *bytes = malloc(COPY_BYTES);
    int sys = bytes ? 0 : ENOMEM;
    ssize_t got = 1;

    while (sys == 0 && got > 0) {
        got = read(from, bytes, COPY_BYTES);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got < 0)
            sys = errno;
        for (ssize_t done = 0, put; sys == 0 && done < got; done += put) {
            put = write(to, bytes + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                sys = errno;
            if (put < 0)
                put = 0;
        }
    }
    free(bytes);
    return sys;
}

static int copy(int from, int to)
{
    ssize_t copied;

    do
        copied = copy_file_range(from, NULL, to, NULL, COPY_RANGE_BYTES, 0);
    while (copied > 0 || (copied < 0 && errno == EINTR));
    if (copied < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS
        && errno != EOPNOTSUPP && errno != ETXTBSY && errno != EPERM)
        return errno;
    /* After the end this reads nothing; some file systems copy 0 bytes instead of
     * saying that they cannot. */
    return copy_by_hand(from, to);
}

static int file_create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

enum { PLACED = 0, CANNOT_SHARE = -1 };

/* Whether to has from's bytes without a copy. A file system that cannot is not asked
 * again. */
static bool share(struct objects *objects, int from, int to)
{
    if (atomic_load(&objects->cannot_clone))
        return false;
    if (ioctl(to, FICLONE, from) == 0)
        return true;
    if (errno == EOPNOTSUPP || errno == ENOTTY)
        atomic_store(&objects->cannot_clone, true);
    return false;
}

/* Makes path another name of the object. PLACED, CANNOT_SHARE, or an errno. */
static int link_to(struct objects *objects, const char *name, const char *path)
{
    if (linkat(objects->fd, name, AT_FDCWD, path, 0) == 0)
        return PLACED;
    return errno == EEXIST ? EEXIST : CANNOT_SHARE;
}

/* A file of its own at path. CANNOT_SHARE: only by copying, which it may not. */
static int fill(struct objects *objects, int from, const char *path, unsigned mode,
                bool may_copy)
{
    scoped_fd int to = file_create(path);
    int sys = 0;

    if (to < 0)
        return errno;
    if (!share(objects, from, to))
        sys = may_copy ? copy(from, to) : CANNOT_SHARE;
    if (sys == 0 && fchmod(to, mode) != 0)
        sys = errno;
    if (sys != 0)
        unlink(path);
    return sys;
}

static int place(struct objects *objects, const char *name, int from, const char *path,
                 unsigned mode, bool may_link)
{
    int sys = CANNOT_SHARE;

    may_link = may_link && mode == OBJECT_MODE;
    if (may_link && !atomic_load(&objects->cannot_clone))
        sys = fill(objects, from, path, mode, false);
    if (sys == CANNOT_SHARE && may_link)
        sys = link_to(objects, name, path);
    return sys == CANNOT_SHARE ? fill(objects, from, path, mode, true) : sys;
}

/* A small object from a pack, checked on its way. */
static enum rc place_small(struct objects *objects, const char *digest, const char *path,
                           unsigned mode, struct err *err)
{
    unsigned char room[OBJECT_SMALL_MAX];
    size_t size = 0;
    enum rc rc = objects_load(objects, digest, room, &size, err);

    if (rc != RC_OK)
        return rc;

    scoped_fd int to = file_create(path);
    int sys = to < 0 ? errno : 0;

    if (sys == 0 && (write(to, room, size) != (ssize_t)size || fchmod(to, mode) != 0)) {
        sys = errno ? errno : ENOSPC;
        unlink(path);
    }
    return sys == 0
               ? RC_OK
               : err_set_sys(err, rc_of_errno(sys), sys, "place %s as %s", digest, path);
}

/* Others than the folder's names would share the mode that objects have. */
static bool has_one_name(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1
           && status.st_uid == geteuid();
}

enum rc objects_adopt(struct objects *objects, int fd, const char *digest,
                      struct err *err)
{
    char name[OBJECT_NAME_SIZE], path[32];

    if (!object_name(digest, name))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    if (objects_has(objects, digest, NULL))
        return RC_OK;
    if (!has_one_name(fd))
        return err_set(err, RC_UNSUPPORTED, "the file of %s is not ours alone", digest);

    enum rc rc = objects_make_shard(objects, name, err);

    if (rc != RC_OK)
        return rc;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, objects->fd, name, AT_SYMLINK_FOLLOW) == 0
        || errno == EEXIST)
        return RC_OK;
    return err_set_sys(err, RC_UNSUPPORTED, errno, "link %s", digest);
}

enum rc objects_adopt_durably(struct objects *objects, int fd, const char *digest,
                              struct err *err)
{
    char name[OBJECT_NAME_SIZE];

    if (!object_name(digest, name))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    if (objects_has(objects, digest, NULL))
        return err_set(err, RC_CONFLICT, "object %s is there already", digest);
    if (fsync(fd) != 0) {
        int sys = errno;

        return err_set_sys(err, rc_of_errno(sys), sys, "sync the file of %s", digest);
    }

    enum rc rc = objects_adopt(objects, fd, digest, err);

    return rc == RC_OK ? objects_sync_shard(objects, name, err) : rc;
}

enum rc objects_place(struct objects *objects, const char *digest, const char *path,
                      unsigned mode, bool may_link, struct err *err)
{
    char name[OBJECT_NAME_SIZE];
    uint64_t size;
    scoped_fd int from = -1;

    if (object_name(digest, name) && packs_has(objects->packs, digest, NULL))
        return place_small(objects, digest, path, mode, err);

    enum rc rc = objects_read(objects, digest, &from, &size, err);

    if (rc != RC_OK)
        return rc;
    must(object_name(digest, name));

    int sys = place(objects, name, from, path, mode, may_link);
    if (sys != 0)
        return err_set_sys(err, rc_of_errno(sys), sys, "place %s as %s", digest, path);
    return RC_OK;
}
