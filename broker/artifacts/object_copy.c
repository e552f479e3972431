/* object_copy.c - an object of one directory into another.
 *
 * On the same file system a hard link: the file never changes, so both may have it. Else
 * the bytes are checked while they are copied. */
#include "broker/artifacts/objects_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

static enum rc copy_bytes(int fd, struct object_writer *writer, struct err *err)
{
    unsigned char *bytes = malloc(COPY_BYTES);
    enum rc rc = bytes ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for a copy");
    ssize_t got = 1;

    while (rc == RC_OK && got > 0) {
        got = read(fd, bytes, COPY_BYTES);
        if (got > 0)
            rc = object_writer_add(writer, bytes, (size_t)got, err);
        else if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            rc = err_set_sys(err, rc_of_errno(errno), errno, "reading an object");
    }
    free(bytes);
    return rc;
}

enum rc objects_copy(struct objects *from, struct objects *to, const char *digest,
                     bool *is_shared, struct err *err)
{
    char name[OBJECT_NAME_SIZE];
    scoped(object_writer) writer = NULL;
    scoped_fd int fd = -1;
    uint64_t size;
    enum rc rc;

    if (!object_name(digest, name))
        return err_set(err, RC_INVALID, "%s is not a digest", digest);
    rc = objects_make_shard(to, name, err);
    if (rc != RC_OK)
        return rc;
    *is_shared = linkat(from->fd, name, to->fd, name, 0) == 0 || errno == EEXIST;
    if (*is_shared)
        return RC_OK;
    rc = objects_read(from, digest, &fd, &size, err);
    if (rc == RC_OK)
        rc = object_writer_create(to, &writer, err);
    if (rc == RC_OK)
        rc = copy_bytes(fd, writer, err);
    return rc == RC_OK ? object_writer_commit(steal(&writer), digest, NULL, NULL, err)
                       : rc;
}

enum rc objects_sync(struct objects *objects, struct err *err)
{
    return syncfs(objects->fd) == 0 ? RC_OK
                                    : err_set_sys(err, rc_of_errno(errno), errno,
                                                  "sync %s", objects->directory);
}
