/* backup.c - see backup.h. */
#include "broker/backup/backup.h"

#include "broker/artifacts/objects.h"
#include "broker/backup/removal_lock.h"
#include "broker/store/copy.h"
#include "codecs/base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PASSES_MAX = 10,   /* over the artifacts, while some vanish under our hands */
    BATCH_MAX = 256,   /* small objects that are added together */
    LIST_MAX = 1 << 30 /* bytes of digests that are new to the copy */
};

struct backup {
    const char *from, *into;
    struct objects *source, *copy;
    struct backup_done *done;
    struct buf list;     /* digests, each DIGEST_TEXT_SIZE bytes */
    unsigned char *room; /* for the bytes of a batch of small objects */
    struct object_small batch[BATCH_MAX];
    char digests[BATCH_MAX][DIGEST_TEXT_SIZE];
    size_t batched;
    bool
        has_vanished; /* an object was listed and then gone: perhaps moved in the packs */
};

static enum rc path_of(char path[PATH_MAX], const char *folder, const char *name,
                       struct err *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        return err_set(err, RC_INVALID, "the path is too long: %s", folder);
    return RC_OK;
}

static enum rc objects_of(const char *folder, struct objects **objects, struct err *err)
{
    char path[PATH_MAX];
    enum rc rc = path_of(path, folder, "objects", err);

    objects_destroy(*objects);
    *objects = NULL;
    return rc == RC_OK ? objects_open(path, objects, err) : rc;
}

/* ---- Artifacts */

static enum rc list_new(void *context, const struct object_seen *seen)
{
    struct backup *backup = context;

    if (objects_has(backup->copy, seen->digest, NULL))
        return RC_OK;
    buf_add(&backup->list, seen->digest, DIGEST_TEXT_SIZE);
    return buf_ok(&backup->list) ? RC_OK : RC_NO_MEMORY;
}

static enum rc batch_flush(struct backup *backup, struct err *err)
{
    size_t count = backup->batched;

    backup->batched = 0;
    return count ? objects_add(backup->copy, backup->batch, count, true, err) : RC_OK;
}

static enum rc take_small(struct backup *backup, const char *digest, struct err *err)
{
    size_t at = backup->batched, size = 0;
    unsigned char *room = backup->room + at * OBJECT_SMALL_MAX;
    enum rc rc = objects_load(backup->source, digest, room, &size, err);

    if (rc != RC_OK)
        return rc;
    memcpy(backup->digests[at], digest, DIGEST_TEXT_SIZE);
    backup->batch[at] = (struct object_small){ backup->digests[at], room, size };
    backup->done->bytes += size;
    return ++backup->batched == BATCH_MAX ? batch_flush(backup, err) : RC_OK;
}

static enum rc take(struct backup *backup, const char *digest, struct err *err)
{
    bool is_shared = false;
    uint64_t size = 0;
    enum rc rc;

    if (objects_is_packed(backup->source, digest)) {
        rc = take_small(backup, digest, err);
    } else {
        rc = objects_copy(backup->source, backup->copy, digest, &is_shared, err);
        if (rc == RC_OK && objects_has(backup->copy, digest, &size))
            backup->done->bytes += size;
    }
    backup->done->objects += rc == RC_OK;
    backup->done->shared += is_shared;
    backup->has_vanished |= rc == RC_NOT_FOUND;
    backup->done->damaged += rc == RC_CORRUPT;
    return rc == RC_NOT_FOUND || rc == RC_CORRUPT ? RC_OK : rc;
}

/* Whatever the source has now. */
static enum rc pass(struct backup *backup, struct err *err)
{
    enum rc rc = objects_of(backup->from, &backup->source, err);

    backup->has_vanished = false;
    buf_clear(&backup->list);
    if (rc == RC_OK)
        rc = objects_each(backup->source, list_new, backup, err);
    if (rc == RC_NO_MEMORY)
        return err_set(err, rc, "no memory for the list of artifacts");
    for (size_t at = 0; rc == RC_OK && at < backup->list.size; at += DIGEST_TEXT_SIZE)
        rc = take(backup, (const char *)backup->list.data + at, err);
    return rc == RC_OK ? batch_flush(backup, err) : rc;
}

static enum rc passes(struct backup *backup, struct err *err)
{
    enum rc rc;
    int count = 0;

    do {
        rc = pass(backup, err);
    } while (rc == RC_OK && backup->has_vanished && ++count < PASSES_MAX);
    return rc;
}

static enum rc list_gone(void *context, const struct object_seen *seen)
{
    struct backup *backup = context;

    if (!objects_has(backup->source, seen->digest, NULL))
        buf_add(&backup->list, seen->digest, DIGEST_TEXT_SIZE);
    return buf_ok(&backup->list) ? RC_OK : RC_NO_MEMORY;
}

/* What was listed before the store was copied, and is still not there. */
static enum rc prune(struct backup *backup, const struct buf *gone, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t at = 0; rc == RC_OK && at < gone->size; at += DIGEST_TEXT_SIZE) {
        const char *digest = (const char *)gone->data + at;

        if (objects_has(backup->source, digest, NULL))
            continue;
        rc = objects_remove(backup->copy, digest, err);
        backup->done->pruned += rc == RC_OK;
    }
    return rc;
}

/* ---- The folder */

static bool is_empty(const char *folder)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    bool is = true;

    if (!open)
        return false;
    while ((entry = readdir(open)) != NULL)
        is = is && entry->d_name[0] == '.'
             && (!entry->d_name[1] || (entry->d_name[1] == '.' && !entry->d_name[2]));
    closedir(open);
    return is;
}

static enum rc check_folder(const char *into, struct err *err)
{
    char path[PATH_MAX];
    enum rc rc = path_of(path, into, "backup.lock", err);

    if (rc != RC_OK)
        return rc;
    if (mkdir(into, 0700) != 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make the folder %s",
                           into);
    if (access(path, F_OK) != 0 && !is_empty(into))
        return err_set(err, RC_INVALID,
                       "%s has something else than a backup: name another folder", into);
    rc = path_of(path, into, "store/lock.owner", err);
    if (rc == RC_OK && access(path, F_OK) == 0)
        return err_set(err, RC_INVALID,
                       "a broker was started on %s, it is no backup any more: name "
                       "another folder",
                       into);
    return rc;
}

/* *lock is held until it is closed. */
static enum rc folder_take(struct backup *backup, int *lock, struct err *err)
{
    char path[PATH_MAX];
    struct stat one, other;
    enum rc rc = path_of(path, backup->from, "store/data.mdb", err);

    if (rc == RC_OK && stat(path, &one) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "%s is no broker's folder: %s",
                           backup->from, path);
    if (rc == RC_OK)
        rc = check_folder(backup->into, err);
    if (rc != RC_OK)
        return rc;
    if (stat(backup->from, &one) == 0 && stat(backup->into, &other) == 0
        && one.st_dev == other.st_dev && one.st_ino == other.st_ino)
        return err_set(err, RC_INVALID, "%s is the broker's own folder", backup->into);
    rc = path_of(path, backup->into, "backup.lock", err);
    if (rc != RC_OK)
        return rc;
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s", path);
    if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, RC_CONFLICT, "another backup writes into %s", backup->into);
    return RC_OK;
}

/* ---- The store */

/* Into store.new, which may have what is left of a try that was cut off. */
static enum rc store_take(struct backup *backup, struct err *err)
{
    struct backup_done *done = backup->done;
    char path[PATH_MAX], folder[PATH_MAX], store[PATH_MAX];
    struct store_copied copied;
    struct stat status;
    enum rc rc = path_of(folder, backup->into, "store.new", err);

    if (rc == RC_OK)
        rc = path_of(path, backup->into, "store.new/data.mdb", err);
    if (rc == RC_OK)
        rc = path_of(store, backup->from, "store", err);
    if (rc != RC_OK)
        return rc;
    unlink(path);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s", folder);
    done->taken_us = (int64_t)time(NULL) * 1000000;
    rc = store_copy(store, folder, done->taken_us, &copied, err);
    if (rc != RC_OK)
        return rc;
    memcpy(done->store, copied.id, sizeof done->store);
    done->runs = copied.counters.run_next - 1;
    done->event = copied.counters.event_next - 1;
    done->store_bytes = stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
    return RC_OK;
}

static enum rc folder_sync(const char *path, struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot sync %s", path);
    return RC_OK;
}

/* In one step. LMDB's own lock file is of the former one. */
static enum rc store_place(struct backup *backup, struct err *err)
{
    char fresh[PATH_MAX], path[PATH_MAX], folder[PATH_MAX];
    enum rc rc = path_of(folder, backup->into, "store", err);

    if (rc == RC_OK)
        rc = path_of(fresh, backup->into, "store.new/data.mdb", err);
    if (rc == RC_OK)
        rc = path_of(path, backup->into, "store/data.mdb", err);
    if (rc != RC_OK)
        return rc;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s", folder);
    if (rename(fresh, path) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot replace %s", path);
    rc = folder_sync(folder, err);
    if (path_of(path, backup->into, "store.new/lock.mdb", err) == RC_OK)
        unlink(path);
    if (path_of(path, backup->into, "store.new", err) == RC_OK)
        rmdir(path);
    return rc;
}

/* A note for people and scripts, replaced in one step as well. */
static enum rc complete_write(struct backup *backup, struct err *err)
{
    const struct backup_done *done = backup->done;
    char fresh[PATH_MAX], path[PATH_MAX], when[32] = "";
    time_t taken = (time_t)(done->taken_us / 1000000);
    struct tm parts;
    enum rc rc = path_of(fresh, backup->into, "complete.new", err);

    if (rc == RC_OK)
        rc = path_of(path, backup->into, "complete", err);
    if (rc != RC_OK)
        return rc;
    if (gmtime_r(&taken, &parts))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);

    FILE *file = fopen(fresh, "we");
    bool is_written = file
                      && fprintf(file,
                                 "sluice-backup 1\ntaken %s\nstore %s\nruns %" PRIu64
                                 "\nevent %" PRIu64 "\n",
                                 when, done->store, done->runs, done->event)
                             > 0
                      && fflush(file) == 0 && fsync(fileno(file)) == 0;
    int sys = errno;

    if (file && fclose(file) != 0)
        is_written = false;
    if (!is_written || rename(fresh, path) != 0)
        return err_set_sys(err, rc_of_errno(sys), sys, "cannot write %s", path);
    return folder_sync(backup->into, err);
}

static enum rc run(struct backup *backup, bool prunes, struct err *err)
{
    scoped_buf gone = { .limit = LIST_MAX };
    enum rc rc = objects_of(backup->into, &backup->copy, err);

    if (rc == RC_OK)
        rc = passes(backup, err);
    if (rc == RC_OK && prunes) {
        buf_clear(&backup->list);
        rc = objects_each(backup->copy, list_gone, backup, err);
        buf_add(&gone, backup->list.data, backup->list.size);
        if (rc == RC_OK && !buf_ok(&gone))
            rc = err_set(err, RC_NO_MEMORY, "no memory for the list of artifacts");
    }
    if (rc == RC_OK)
        rc = store_take(backup, err);
    if (rc == RC_OK)
        rc = passes(backup, err);
    if (rc == RC_OK)
        rc = objects_sync(backup->copy, err);
    if (rc == RC_OK)
        rc = store_place(backup, err);
    if (rc == RC_OK)
        rc = complete_write(backup, err);
    return rc == RC_OK ? prune(backup, &gone, err) : rc;
}

enum rc backup_make(const char *from, const char *into, bool prunes,
                    struct backup_done *done, struct err *err)
{
    struct backup *backup = calloc(1, sizeof *backup);
    struct backup_done made = { .store = "" };
    scoped_fd int lock = -1, removal = -1;
    enum rc rc = RC_NO_MEMORY;

    if (backup)
        backup->room = malloc((size_t)BATCH_MAX * OBJECT_SMALL_MAX);
    if (!backup || !backup->room) {
        free(backup);
        return err_set(err, rc, "no memory for a backup");
    }
    backup->from = from;
    backup->into = into;
    backup->done = &made;
    buf_init(&backup->list, LIST_MAX);
    rc = folder_take(backup, &lock, err);
    if (rc == RC_OK)
        rc = removal_prevent(from, &removal, err);
    if (rc == RC_OK)
        rc = run(backup, prunes, err);
    objects_destroy(backup->source);
    objects_destroy(backup->copy);
    buf_fini(&backup->list);
    free(backup->room);
    free(backup);
    if (rc == RC_OK)
        *done = made;
    return rc;
}
