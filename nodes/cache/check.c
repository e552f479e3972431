/* check.c - whether an object's bytes are right: read through when it is small, by its
 * mark when it is large, read through and marked when it has none. */
#include "nodes/cache/cache_state.h"
#include "nodes/cache/mark.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The file has the bytes of the digest. false: read it in the long way. */
static bool is_right_small(struct objects *objects, const char *digest)
{
    unsigned char bytes[CACHE_SMALL_MAX];
    char got[DIGEST_TEXT_SIZE];
    scoped_fd int fd = -1;
    size_t done = 0;
    uint64_t size;
    ssize_t part = 1;

    if (objects_read(objects, digest, &fd, &size, NULL) != RC_OK || size > sizeof bytes)
        return false;
    while (part > 0 && done < sizeof bytes) {
        part = read(fd, bytes + done, sizeof bytes - done);
        done += part > 0 ? (size_t)part : 0;
    }
    digest_bytes(bytes, done, got);
    return part == 0 && strcmp(got, digest) == 0;
}

/* A task that owns the file can make it writable; its bytes are looked at anyway. */
static void mode_mend(const char *path, const struct stat *status)
{
    if ((status->st_mode & 0777) != 0444)
        chmod(path, 0444);
}

enum rc object_check(struct cache *cache, const char *digest, uint64_t *size,
                     bool *was_bad, struct err *err)
{
    char path[PATH_MAX];
    struct stat status;

    *was_bad = false;
    if (objects_is_packed(cache->objects, digest)) {
        unsigned char room[OBJECT_SMALL_MAX];
        size_t got = 0;
        enum rc packed = objects_load(cache->objects, digest, room, &got, err);

        *size = got;
        *was_bad = packed == RC_CORRUPT;
        return packed == RC_CORRUPT ? RC_NOT_FOUND : packed;
    }
    if (!objects_path(cache->objects, digest, path, sizeof path)
        || lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return err_set(err, RC_NOT_FOUND, "no object %s in the node's cache", digest);
    *size = (uint64_t)status.st_size;
    mode_mend(path, &status);

    bool is_small = *size <= CACHE_SMALL_MAX;

    if (is_small ? is_right_small(cache->objects, digest) : mark_is_on(&status, digest)) {
        mark_use(path, &status);
        return RC_OK;
    }

    enum rc rc = objects_verify(cache->objects, digest, err);

    if (rc == RC_OK && !is_small)
        mark_set(path, &status, digest);
    *was_bad = rc == RC_CORRUPT;
    return rc == RC_CORRUPT ? RC_NOT_FOUND : rc;
}

void object_trust(struct cache *cache, const char *digest)
{
    char path[PATH_MAX];
    struct stat status;

    if (objects_path(cache->objects, digest, path, sizeof path)
        && lstat(path, &status) == 0 && status.st_size > CACHE_SMALL_MAX)
        mark_set(path, &status, digest);
}
