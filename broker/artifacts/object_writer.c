/* object_writer.c - one object on its way into the directory.
 *
 * The bytes go to a file in tmp that its writer holds locked, so that the next opener of
 * the directory can tell the files of the living from those of the dead. The file gets
 * its name only when the bytes are hashed and on disk. Two writers of one object each
 * write their own file; the later rename replaces the earlier file by the same bytes,
 * which also mends an object that was damaged. Bytes are hashed as they come. Where much
 * is there already and its reader cannot wait, a thread hashes that, and then follows. */
#include "broker/artifacts/hasher.h"
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
    READ_BYTES = 256 << 10,
    WRITE_BEHIND_BYTES = 8 << 20,
    RESUME_AT_ONCE_BYTES = 4 << 20, /* so much is hashed without a thread */
};

struct object_writer {
    struct objects *objects;            /* borrowed */
    struct digester *digester;          /* NULL: the hasher has it */
    struct hasher *hasher;              /* NULL: bytes are hashed as they come */
    int fd;                             /* -1 when not open */
    char name[sizeof OBJECT_PART + 64]; /* in tmp; "" when it is gone from there */
    bool is_kept;                       /* stays in tmp when the writer ends early */
    uint64_t size;                      /* bytes taken so far */
    uint64_t written;                   /* of them, those in the file */
    uint64_t unsynced;    /* bytes written since the disk was last told to begin */
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

static struct object_writer *writer_make(struct objects *objects, struct err *err)
{
    scoped(object_writer) self = calloc(1, sizeof *self);

    if (self) {
        self->objects = objects;
        self->fd = -1;
        self->digester = digester_create(false);
    }
    if (self && self->digester)
        return steal(&self);
    err_set(err, RC_NO_MEMORY, "writing into %s", objects->directory);
    return NULL;
}

enum rc object_writer_create(struct objects *objects, struct object_writer **writer,
                             struct err *err)
{
    scoped(object_writer) self = writer_make(objects, err);
    enum rc rc;

    if (!self)
        return RC_NO_MEMORY;
    do
        rc = file_create(self, err);
    while (rc == RC_CONFLICT);
    if (rc != RC_OK)
        return rc;
    *writer = steal(&self);
    return RC_OK;
}

/* Whether the file still has its name in tmp. */
static bool is_named(const struct object_writer *self)
{
    struct stat open, named;

    return fstat(self->fd, &open) == 0
           && fstatat(self->objects->tmp_fd, self->name, &named, AT_SYMLINK_NOFOLLOW) == 0
           && open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/* Opens what an earlier writer left of the object, or a new file, and locks it. Between
 * the two its last owner may have finished or removed it; then there is another one. */
static enum rc part_open(struct object_writer *self, const char *digest, struct err *err)
{
    snprintf(self->name, sizeof self->name, "%s%s", OBJECT_PART, strchr(digest, ':') + 1);
    do {
        fd_scoped(&self->fd);
        self->fd = openat(self->objects->tmp_fd, self->name,
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (self->fd < 0) {
            enum rc rc = writer_failed(self, err, errno, "open");

            self->name[0] = '\0'; /* not this one's to remove */
            return rc;
        }
        if (flock(self->fd, LOCK_EX | LOCK_NB) != 0) {
            self->name[0] = '\0';
            return err_set(err, RC_CONFLICT, "%s is being written to %s already", digest,
                           self->objects->directory);
        }
    } while (!is_named(self));
    self->is_kept = true;
    return RC_OK;
}

/* Hashes what is there, so that the rest can follow. */
static enum rc part_read(struct object_writer *self, struct err *err)
{
    unsigned char *room = malloc(READ_BYTES);
    ssize_t got = 1;

    if (!room)
        return err_set(err, RC_NO_MEMORY, "writing into %s", self->objects->directory);
    while (got > 0) {
        got = read(self->fd, room, READ_BYTES);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got > 0) {
            digester_add(self->digester, room, (size_t)got);
            self->size += (uint64_t)got;
            self->written = self->size;
        }
    }
    free(room);
    return got < 0 ? writer_failed(self, err, errno, "read") : RC_OK;
}

/* A thread hashes the size bytes that are there, and then what is added. */
static enum rc part_follow(struct object_writer *self, uint64_t size, int wake_fd,
                           struct err *err)
{
    enum rc rc = RC_OK;

    if (lseek(self->fd, (off_t)size, SEEK_SET) < 0)
        return writer_failed(self, err, errno, "read");
    if (atomic_fetch_add(&self->objects->hashers, 1) >= HASHERS_MAX)
        rc = err_set(err, RC_FULL, "%d files are read again already", HASHERS_MAX);
    if (rc == RC_OK)
        rc = hasher_start(self->fd, 0, size, self->digester, wake_fd, &self->hasher, err);
    if (rc != RC_OK) {
        atomic_fetch_sub(&self->objects->hashers, 1);
        return rc;
    }
    self->digester = NULL;
    self->size = self->written = size;
    return RC_OK;
}

enum rc object_writer_resume(struct objects *objects, const char *digest, int wake_fd,
                             struct object_writer **writer, struct err *err)
{
    scoped(object_writer) self = writer_make(objects, err);
    struct stat status;

    if (!self)
        return RC_NO_MEMORY;
    if (!digest_is_valid(digest, strnlen(digest, DIGEST_TEXT_SIZE)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);

    enum rc rc = part_open(self, digest, err);

    if (rc != RC_OK)
        return rc;
    if (fstat(self->fd, &status) != 0)
        return writer_failed(self, err, errno, "read");
    rc = wake_fd >= 0 && status.st_size > RESUME_AT_ONCE_BYTES
             ? part_follow(self, (uint64_t)status.st_size, wake_fd, err)
             : part_read(self, err);
    if (rc == RC_OK)
        *writer = steal(&self);
    return rc;
}

bool object_writer_is_kept(const struct object_writer *writer)
{
    return writer->is_kept;
}

bool object_writer_is_behind(struct object_writer *writer)
{
    return writer->hasher && hasher_is_behind(writer->hasher);
}

void object_writer_drop(struct object_writer *writer)
{
    if (writer)
        writer->is_kept = false;
    object_writer_destroy(writer);
}

uint64_t object_writer_size(const struct object_writer *writer)
{
    return writer->size;
}

/* Ends the thread without its result. */
static void hashing_drop(struct object_writer *self)
{
    if (self->hasher)
        atomic_fetch_sub(&self->objects->hashers, 1);
    hasher_destroy(steal(&self->hasher));
}

enum rc object_writer_restart(struct object_writer *writer, struct err *err)
{
    struct digester *fresh = digester_create(false);

    if (!fresh)
        return err_set(err, RC_NO_MEMORY, "writing into %s", writer->objects->directory);
    hashing_drop(writer);
    digester_destroy(writer->digester);
    writer->digester = fresh;
    writer->size = writer->written = writer->piece_size = 0;
    if (ftruncate(writer->fd, 0) != 0 || lseek(writer->fd, 0, SEEK_SET) != 0)
        return writer_failed(writer, err, errno, "empty");
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
        self->written += (uint64_t)written;
        self->unsynced += (uint64_t)written;
    }
    if (self->hasher)
        hasher_follow(self->hasher, self->written);
    /* The disk begins while more arrives, so that the sync at the end has little to wait
     * for. What fails here fails there, too. */
    if (self->unsynced >= WRITE_BEHIND_BYTES) {
        self->unsynced = 0;
        sync_file_range(self->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return RC_OK;
}

/* The digester has all bytes then. */
static enum rc hashing_end(struct object_writer *self, struct err *err)
{
    if (!self->hasher)
        return RC_OK;
    must(self->written == self->size);
    atomic_fetch_sub(&self->objects->hashers, 1);
    return hasher_end(steal(&self->hasher), &self->digester, err);
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
    if (writer->digester)
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
    rc = hashing_end(self, err);
    if (rc != RC_OK)
        return rc;
    self->is_kept = false; /* whole: what is wrong now stays wrong */
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
    hashing_drop(writer);
    if (writer->is_kept && piece_flush(writer, NULL) == RC_OK)
        writer->name[0] = '\0';
    if (writer->name[0] != '\0')
        unlinkat(writer->objects->tmp_fd, writer->name, 0);
    fd_scoped(&writer->fd);
    digester_destroy(writer->digester);
    free(writer->piece);
    free(writer);
}
