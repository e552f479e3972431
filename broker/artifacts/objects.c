/* objects.c - the directory itself: its folders, looking up, reading and checking. */
#include "broker/artifacts/objects_layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 0777, /* less the umask */
    PART_KEPT_S = 86400,
    PARTS_SEEN_MAX = 1024,
};

static enum rc sys_failed(struct err *err, int sys, const char *doing, const char *path)
{
    return err_set_sys(err, rc_of_errno(sys), sys, "%s %s", doing, path);
}

bool object_name(const char *digest, char name[OBJECT_NAME_SIZE])
{
    if (!digest || !digest_is_valid(digest, strnlen(digest, DIGEST_TEXT_SIZE)))
        return false;

    const char *hex = digest + strlen("sha256:");
    memcpy(name, hex, 2);
    name[2] = '/';
    memcpy(name + 3, hex + 2, OBJECT_NAME_SIZE - 3);
    return true;
}

static enum rc folder_sync(int at, const char *name, const char *within, struct err *err)
{
    scoped_fd int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0) {
        int sys = errno;

        return err_set_sys(err, rc_of_errno(sys), sys, "sync folder %s of %s", name,
                           within);
    }
    return RC_OK;
}

/* Has the entry of a folder just made on disk. */
static enum rc entry_sync(const char *path, struct err *err)
{
    scoped_fd int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return sys_failed(err, errno, "open folder", path);
    return folder_sync(fd, "..", path, err);
}

/* Makes a folder and those above it, durably. */
static enum rc folder_make(const char *path, struct err *err)
{
    char part[PATH_MAX];
    bool is_last = false;

    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return sys_failed(err, ENAMETOOLONG, "create folder", path);
    for (size_t at = 1; !is_last; at++) {
        is_last = path[at] == '\0';
        if (!is_last && path[at] != '/')
            continue;
        part[at] = '\0';
        if (mkdir(part, FOLDER_MODE) == 0) {
            enum rc rc = entry_sync(part, err);

            if (rc != RC_OK)
                return rc;
        } else if (errno != EEXIST) {
            return sys_failed(err, errno, "create folder", part);
        }
        part[at] = path[at];
    }
    return RC_OK;
}

/* Something of an object that another writer may still go on with. */
static bool is_fresh_part(int file, const char *name)
{
    struct stat status;

    return strncmp(name, OBJECT_PART, strlen(OBJECT_PART)) == 0
           && fstat(file, &status) == 0 && time(NULL) - status.st_mtime < PART_KEPT_S;
}

/* A writer holds a lock on its file in tmp, so what can be locked has no living owner. */
static void leftovers_remove(int tmp_fd)
{
    int fd = openat(tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!folder) {
        fd_scoped(&fd);
        return;
    }
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        scoped_fd int file =
            openat(tmp_fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0
            && !is_fresh_part(file, entry->d_name))
            unlinkat(tmp_fd, entry->d_name, 0);
    }
    closedir(folder);
}

struct part {
    int64_t changed_s;
    char name[NAME_MAX + 1];
};

static int part_order(const void *left, const void *right)
{
    const struct part *a = left, *b = right;

    return (a->changed_s > b->changed_s) - (a->changed_s < b->changed_s);
}

/* The parts in tmp, at most PARTS_SEEN_MAX of them. */
static size_t parts_list(int tmp_fd, struct part *parts)
{
    int fd = openat(tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    struct stat status;
    size_t count = 0;

    if (!folder) {
        fd_scoped(&fd);
        return 0;
    }
    while (count < PARTS_SEEN_MAX && (entry = readdir(folder))) {
        if (strncmp(entry->d_name, OBJECT_PART, strlen(OBJECT_PART)) != 0
            || fstatat(tmp_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        parts[count].changed_s = status.st_mtime;
        memcpy(parts[count++].name, entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(folder);
    return count;
}

void objects_trim_parts(struct objects *objects, size_t max)
{
    struct part *parts = malloc(PARTS_SEEN_MAX * sizeof *parts);
    size_t count = parts ? parts_list(objects->tmp_fd, parts) : 0;

    if (count > 0)
        qsort(parts, count, sizeof *parts, part_order);
    for (size_t i = 0; i < count; i++) {
        if (count - i <= max && time(NULL) - parts[i].changed_s < PART_KEPT_S)
            continue;
        scoped_fd int file = openat(objects->tmp_fd, parts[i].name,
                                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
            unlinkat(objects->tmp_fd, parts[i].name, 0);
    }
    free(parts);
}

static int hex_value(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

/* The number of a folder of objects, -1 for another name. */
static int shard_number(const char *name)
{
    int high = hex_value(name[0]), low = high < 0 ? -1 : hex_value(name[1]);

    return low < 0 ? -1 : high * 16 + low;
}

/* Those that are there, once they are known to be on disk: another process may have made
 * them and not have come to it. */
static enum rc shards_find(struct objects *self, struct err *err)
{
    int fd = openat(self->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    bool is_there[OBJECT_SHARDS] = { false };
    const struct dirent *entry;

    if (!folder) {
        int sys = errno;

        fd_scoped(&fd);
        return sys_failed(err, sys, "list folder", self->directory);
    }
    while ((entry = readdir(folder)))
        if (strlen(entry->d_name) == 2 && shard_number(entry->d_name) >= 0)
            is_there[shard_number(entry->d_name)] = true;
    closedir(folder);

    enum rc rc = folder_sync(self->fd, ".", self->directory, err);
    for (size_t i = 0; rc == RC_OK && i < OBJECT_SHARDS; i++)
        atomic_store(&self->is_shard_durable[i], is_there[i]);
    return rc;
}

static enum rc shards_make(struct objects *self, unsigned first, unsigned end,
                           struct err *err)
{
    char shard[3];

    for (unsigned i = first; i < end; i++) {
        snprintf(shard, sizeof shard, "%02x", i & 0xff);
        if (mkdirat(self->fd, shard, FOLDER_MODE) != 0 && errno != EEXIST) {
            int sys = errno;

            return err_set_sys(err, rc_of_errno(sys), sys, "create folder %s/%s",
                               self->directory, shard);
        }
    }

    enum rc rc = folder_sync(self->fd, ".", self->directory, err);
    for (unsigned i = first; rc == RC_OK && i < end; i++)
        atomic_store(&self->is_shard_durable[i], true);
    return rc;
}

/* The first few one by one, so that a store for a few objects is made at once; then the
 * rest together, or each would cost its first object another fsync. */
enum rc objects_make_shard(struct objects *objects, const char name[OBJECT_NAME_SIZE],
                           struct err *err)
{
    int number = shard_number(name);

    must(number >= 0);
    if (atomic_load(&objects->is_shard_durable[number]))
        return RC_OK;
    if (atomic_fetch_add(&objects->shards_made, 1) >= OBJECT_SHARDS_SINGLE)
        return shards_make(objects, 0, OBJECT_SHARDS, err);
    return shards_make(objects, (unsigned)number, (unsigned)number + 1, err);
}

static enum rc folders_open(struct objects *self, const char *directory, struct err *err)
{
    static const char *const inner[] = { "tmp", "bad" };
    enum rc rc = folder_make(directory, err);

    if (rc != RC_OK)
        return rc;
    self->directory = realpath(directory, NULL);
    if (!self->directory)
        return sys_failed(err, errno, "find folder", directory);
    self->fd = open(self->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->fd < 0)
        return sys_failed(err, errno, "open folder", directory);
    for (size_t i = 0; i < COUNT_OF(inner); i++)
        if (mkdirat(self->fd, inner[i], FOLDER_MODE) != 0 && errno != EEXIST)
            return err_set_sys(err, rc_of_errno(errno), errno, "create folder %s/%s",
                               self->directory, inner[i]);
    self->tmp_fd = openat(self->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->tmp_fd < 0)
        return sys_failed(err, errno, "open folder tmp of", directory);
    if (faccessat(self->tmp_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return sys_failed(err, errno, "write into folder tmp of", directory);
    return shards_find(self, err);
}

enum rc objects_open(const char *directory, struct objects **objects, struct err *err)
{
    scoped(objects) self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "objects in %s", directory);
    self->fd = self->tmp_fd = -1;
    pthread_mutex_init(&self->use, NULL);
    if (directory[0] == '\0')
        return err_set(err, RC_INVALID, "the folder of objects has an empty name");

    enum rc rc = folders_open(self, directory, err);
    if (rc != RC_OK)
        return rc;
    leftovers_remove(self->tmp_fd);
    rc = packs_open(self->fd, self->directory, &self->packs, err);
    if (rc == RC_OK)
        *objects = steal(&self);
    return rc;
}

void objects_destroy(struct objects *objects)
{
    if (!objects)
        return;
    packs_destroy(objects->packs);
    fd_scoped(&objects->tmp_fd);
    fd_scoped(&objects->fd);
    free(objects->directory);
    pthread_mutex_destroy(&objects->use);
    free(objects);
}

enum rc objects_sync_shard(struct objects *objects, const char name[OBJECT_NAME_SIZE],
                           struct err *err)
{
    char shard[3] = { name[0], name[1], '\0' };

    return folder_sync(objects->fd, shard, objects->directory, err);
}

bool objects_has(struct objects *objects, const char *digest, uint64_t *size)
{
    char name[OBJECT_NAME_SIZE];
    struct stat status;

    if (!object_name(digest, name))
        return false;
    if (packs_has(objects->packs, digest, size))
        return true;
    if (fstatat(objects->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0
        || !S_ISREG(status.st_mode))
        return false;
    if (size)
        *size = (uint64_t)status.st_size;
    return true;
}

bool objects_is_packed(struct objects *objects, const char *digest)
{
    return digest && digest_is_valid(digest, strnlen(digest, DIGEST_TEXT_SIZE))
           && packs_has(objects->packs, digest, NULL);
}

bool objects_path(struct objects *objects, const char *digest, char *path,
                  size_t path_size)
{
    char name[OBJECT_NAME_SIZE];

    if (!object_name(digest, name)
        || strlen(objects->directory) + 1 + strlen(name) >= path_size)
        return false;
    snprintf(path, path_size, "%s/%s", objects->directory, name);
    return true;
}

/* A small object whose bytes in the pack are wrong: they are kept aside, and it is not
 * there any more. */
static enum rc packed_set_aside(struct objects *objects, const char *digest,
                                const void *bytes, size_t size, struct err *err)
{
    char aside[sizeof "bad/" + OBJECT_NAME_SIZE];
    struct err why = { .text = "" };

    snprintf(aside, sizeof aside, "bad/%s", strchr(digest, ':') + 1);

    scoped_fd int fd =
        openat(objects->fd, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, OBJECT_MODE);
    bool is_kept = fd >= 0 && write(fd, bytes, size) == (ssize_t)size;

    if (packs_remove(objects->packs, digest, &why) != RC_OK)
        return err_set(err, why.rc, "%s", why.text);
    return err_set(err, RC_CORRUPT, "object %s in %s/packs is damaged; %s %s/bad", digest,
                   objects->directory, is_kept ? "moved to" : "it did not fit into",
                   objects->directory);
}

static enum rc packed_load(struct objects *objects, const char *digest, void *room,
                           size_t *size, struct err *err)
{
    enum rc rc = packs_read(objects->packs, digest, room, size, err);

    return rc == RC_CORRUPT ? packed_set_aside(objects, digest, room, *size, err) : rc;
}

/* Gives what lies in a pack as a file in memory. */
static enum rc packed_open(struct objects *objects, const char *digest, int *fd,
                           uint64_t *size, struct err *err)
{
    unsigned char room[OBJECT_SMALL_MAX];
    size_t got = 0;
    enum rc rc = packed_load(objects, digest, room, &got, err);

    if (rc == RC_NOT_FOUND)
        return err_set(err, rc, "no object %s in %s", digest, objects->directory);
    if (rc != RC_OK)
        return rc;

    scoped_fd int made = memfd_create("object", MFD_CLOEXEC);

    if (made < 0 || pwrite(made, room, got, 0) != (ssize_t)got)
        return sys_failed(err, errno, "open object", digest);
    *fd = made;
    made = -1;
    *size = got;
    return RC_OK;
}

enum rc objects_load(struct objects *objects, const char *digest, void *room,
                     size_t *size, struct err *err)
{
    char got[DIGEST_TEXT_SIZE];
    scoped_fd int fd = -1;
    uint64_t bytes;

    if (objects_is_packed(objects, digest))
        return packed_load(objects, digest, room, size, err);

    enum rc rc = objects_read(objects, digest, &fd, &bytes, err);

    if (rc != RC_OK)
        return rc;
    if (bytes > OBJECT_SMALL_MAX)
        return err_set(err, RC_UNSUPPORTED, "object %s is not small", digest);
    if (pread(fd, room, bytes, 0) != (ssize_t)bytes)
        return sys_failed(err, EIO, "read object", digest);
    digest_bytes(room, bytes, got);
    *size = bytes;
    return strcmp(got, digest) == 0 ? RC_OK : objects_verify(objects, digest, err);
}

enum rc objects_add(struct objects *objects, const struct object_small *items,
                    size_t count, bool is_durable, struct err *err)
{
    struct object_small *fresh = calloc(count ? count : 1, sizeof *fresh);
    size_t fresh_count = 0;
    enum rc rc = fresh ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory to store files");

    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        char got[DIGEST_TEXT_SIZE];

        digest_bytes(items[i].bytes, items[i].size, got);
        if (strcmp(got, items[i].digest) != 0)
            rc = err_set(err, RC_CORRUPT, "%zu bytes that should give %.80s give %s",
                         items[i].size, items[i].digest, got);
        else if (!objects_has(objects, got, NULL))
            fresh[fresh_count++] = items[i];
    }
    if (rc == RC_OK)
        rc = packs_add(objects->packs, fresh, fresh_count, is_durable, err);
    free(fresh);
    return rc;
}

enum rc objects_read(struct objects *objects, const char *digest, int *fd, uint64_t *size,
                     struct err *err)
{
    char name[OBJECT_NAME_SIZE];
    struct stat status;

    if (!object_name(digest, name))
        return err_set(err, RC_INVALID,
                       "'%.80s' is not a digest: sha256: and 64 hex digits", digest);

    int found = openat(objects->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (found < 0 && errno == ENOENT)
        return packed_open(objects, digest, fd, size, err);
    if (found < 0 || fstat(found, &status) != 0) {
        int sys = errno;

        fd_scoped(&found);
        return err_set_sys(err, rc_of_errno(sys), sys, "open object %s/%s",
                           objects->directory, name);
    }
    *fd = found;
    *size = (uint64_t)status.st_size;
    return RC_OK;
}

/* Moves a bad object aside, unless a good one has taken its place meanwhile. */
static void object_set_aside(struct objects *objects, const char *name, int fd)
{
    char aside[sizeof "bad/" + OBJECT_NAME_SIZE];
    struct stat read, there;

    if (fstat(fd, &read) != 0
        || fstatat(objects->fd, name, &there, AT_SYMLINK_NOFOLLOW) != 0
        || read.st_ino != there.st_ino || read.st_dev != there.st_dev)
        return;
    snprintf(aside, sizeof aside, "bad/%.2s%s", name, name + 3);
    renameat(objects->fd, name, objects->fd, aside);
}

enum rc objects_verify(struct objects *objects, const char *digest, struct err *err)
{
    struct digest_set set;
    char name[OBJECT_NAME_SIZE];
    uint64_t size, read;
    scoped_fd int fd = -1;
    enum rc rc =
        objects_read(objects, digest, &fd, &size, err); /* checks what is packed */

    if (rc == RC_OK)
        rc = digest_file(fd, false, &set, &read, err);
    if (rc != RC_OK || strcmp(set.sha256, digest) == 0)
        return rc;

    must(object_name(digest, name));
    object_set_aside(objects, name, fd);
    return err_set(err, RC_CORRUPT,
                   "object %s in %s is damaged: its bytes give %s; moved to %s/bad",
                   digest, objects->directory, set.sha256, objects->directory);
}

enum rc objects_remove(struct objects *objects, const char *digest, struct err *err)
{
    char name[OBJECT_NAME_SIZE];

    if (!object_name(digest, name))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    if (unlinkat(objects->fd, name, 0) != 0 && errno != ENOENT)
        return sys_failed(err, errno, "remove object", digest);
    return packs_remove(objects->packs, digest, err);
}

/* Looks at one file of the folder ab. */
static enum rc entry_see(int folder, const char *shard, const char *name,
                         enum rc (*take)(void *context, const struct object_seen *seen),
                         void *context)
{
    struct object_seen seen;
    struct stat status;

    if (snprintf(seen.digest, sizeof seen.digest, "sha256:%s%s", shard, name)
            != DIGEST_TEXT_SIZE - 1
        || !digest_is_valid(seen.digest, DIGEST_TEXT_SIZE - 1)
        || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0
        || !S_ISREG(status.st_mode))
        return RC_OK;
    seen.size = (uint64_t)status.st_size;
    seen.used_ns = (int64_t)status.st_atim.tv_sec * 1000000000 + status.st_atim.tv_nsec;
    seen.kept_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return take(context, &seen);
}

enum rc objects_each(struct objects *objects,
                     enum rc (*take)(void *context, const struct object_seen *seen),
                     void *context, struct err *err)
{
    enum rc rc = packs_each(objects->packs, take, context);

    for (unsigned i = 0; rc == RC_OK && i < OBJECT_SHARDS; i++) {
        char shard[3];
        const struct dirent *entry;

        snprintf(shard, sizeof shard, "%02x", i);

        int fd = openat(objects->fd, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = fd < 0 ? NULL : fdopendir(fd);

        if (!folder && fd < 0 && errno == ENOENT)
            continue;
        if (!folder)
            return sys_failed(err, errno, "list folder", objects->directory);
        while (rc == RC_OK && (entry = readdir(folder)))
            rc = entry_see(fd, shard, entry->d_name, take, context);
        closedir(folder);
    }
    return rc;
}
