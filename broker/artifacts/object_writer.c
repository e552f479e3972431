/* object_writer.c - one object on its way into the directory.
 *
 * The bytes go to a file in tmp that its writer holds locked, so that the next opener of
 * the directory can tell the files of the living from those of the dead. The file gets
 * its name only when the bytes are hashed and on disk. Two writers of one object each
 * write their own file; the later rename replaces the earlier file by the same bytes,
 * which also mends an object that was damaged. */
#include "broker/artifacts/objects_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    GATHER_BYTES = 64 << 10, /* smaller pieces are gathered before they are written */
};

struct object_writer {
    struct objects *objects; /* borrowed */
    struct digester *digester;
    int fd;               /* -1 when not open */
    char name[32];        /* in tmp; "" when it is gone from there */
    uint64_t size;        /* bytes taken so far */
    unsigned char *piece; /* gathered bytes; NULL until the first small piece */
    size_t piece_size;
};

static enum rc writer_failed(const struct object_writer *self, struct err *err, int sys,
                             const char *doing)
{
    return err_set_sys(err, rc_of_errno(sys), sys, "%s %s/tmp/%s", doing,
                       self->objects->directory, self->name);
}

/* Opens a new file in tmp and locks it. RC_CONFLICT: a cleaner took it for a leftover in
 * the moment before the lock; try again. */
static enum rc file_create(struct object_writer *self, struct err *err)
{
    char path[PATH_MAX];
    struct stat status;

    if ((size_t)snprintf(path, sizeof path, "%s/tmp/XXXXXX", self->objects->directory)
        >= sizeof path)
        return err_set(err, RC_INVALID, "path too long: %s", self->objects->directory);
    self->fd = mkostemp(path, O_CLOEXEC);
    if (self->fd < 0) {
        int sys = errno;

        return err_set_sys(err, rc_of_errno(sys), sys, "create a file in %s/tmp",
                           self->objects->directory);
    }
    snprintf(self->name, sizeof self->name, "%s", strrchr(path, '/') + 1);
    if (flock(self->fd, LOCK_EX) != 0 || fstat(self->fd, &status) != 0)
        return writer_failed(self, err, errno, "lock");
    if (status.st_nlink == 0) {
        fd_scoped(&self->fd);
        self->fd = -1;
        self->name[0] = '\0';
        return RC_CONFLICT;
    }
    return RC_OK;
}

enum rc object_writer_create(struct objects *objects, struct object_writer **writer,
                             struct err *err)
{
    scoped(object_writer) self = calloc(1, sizeof *self);
    enum rc rc;

    if (!self)
        return err_set(err, RC_NO_MEMORY, "writing into %s", objects->directory);
    self->objects = objects;
    self->fd = -1;
    self->digester = digester_create(false);
    if (!self->digester)
        return err_set(err, RC_NO_MEMORY, "writing into %s", objects->directory);
    do
        rc = file_create(self, err);
    while (rc == RC_CONFLICT);
    if (rc != RC_OK)
        return rc;
    *writer = steal(&self);
    return RC_OK;
}

static enum rc file_write(struct object_writer *self, const unsigned char *bytes,
                          size_t size, struct err *err)
{
    while (size > 0) {
        ssize_t written = write(self->fd, bytes, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return writer_failed(self, err, errno, "write");
        bytes += written;
        size -= (size_t)written;
    }
    return RC_OK;
}

static enum rc piece_flush(struct object_writer *self, struct err *err)
{
    enum rc rc = file_write(self, self->piece, self->piece_size, err);

    self->piece_size = 0;
    return rc;
}

enum rc object_writer_add(struct object_writer *writer, const void *bytes, size_t size,
                          struct err *err)
{
    digester_add(writer->digester, bytes, size);
    writer->size += size;
    if (writer->piece_size + size > GATHER_BYTES) {
        enum rc rc = piece_flush(writer, err);

        if (rc != RC_OK)
            return rc;
    }
    if (size >= GATHER_BYTES)
        return file_write(writer, bytes, size, err);
    if (size == 0)
        return RC_OK;
    if (!writer->piece && !(writer->piece = malloc(GATHER_BYTES)))
        return err_set(err, RC_NO_MEMORY, "writing into %s", writer->objects->directory);
    memcpy(writer->piece + writer->piece_size, bytes, size);
    writer->piece_size += size;
    return RC_OK;
}

/* Bytes and mode to disk, then the name, then the name to disk. */
static enum rc file_publish(struct object_writer *self, const char *digest,
                            struct err *err)
{
    char name[OBJECT_NAME_SIZE];

    must(object_name(digest, name));
    if (fchmod(self->fd, OBJECT_MODE) != 0 || fsync(self->fd) != 0)
        return writer_failed(self, err, errno, "sync");

    enum rc rc = objects_make_shard(self->objects, name, err);

    if (rc != RC_OK)
        return rc;
    if (renameat(self->objects->tmp_fd, self->name, self->objects->fd, name) != 0)
        return writer_failed(self, err, errno, "rename");
    self->name[0] = '\0';
    return objects_sync_shard(self->objects, name, err);
}

enum rc object_writer_commit(struct object_writer *writer, const char *expected,
                             struct digest_set *set, uint64_t *size, struct err *err)
{
    scoped(object_writer) self = writer;
    struct digest_set got;
    enum rc rc = piece_flush(self, err);

    if (rc != RC_OK)
        return rc;
    digester_end(self->digester, &got);
    if (expected && strcmp(expected, got.sha256) != 0)
        return err_set(err, RC_CORRUPT, "%llu bytes that should give %.80s give %s",
                       (unsigned long long)self->size, expected, got.sha256);
    rc = file_publish(self, got.sha256, err);
    if (rc != RC_OK)
        return rc;
    if (set)
        *set = got;
    if (size)
        *size = self->size;
    return RC_OK;
}

void object_writer_destroy(struct object_writer *writer)
{
    if (!writer)
        return;
    if (writer->name[0] != '\0')
        unlinkat(writer->objects->tmp_fd, writer->name, 0);
    fd_scoped(&writer->fd);
    digester_destroy(writer->digester);
    free(writer->piece);
    free(writer);
}
