/* object_packs.c - see object_packs.h. One lock over all; it is held while bytes are
 * written and synced, which adds to the pack of one writer at a time anyway. */
#include "broker/artifacts/object_packs.h"

#include "broker/artifacts/pack_table.h"
#include "codecs/base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    RECORD = 48, /* key, offset, size, the first 4 bytes of the SHA-256 of those, 0 */
    RECORD_CHECKED = DIGEST_SIZE + 8,
    OPEN_MAX = 32, /* packs that are open for reading */
    PACKS_MAX = 1 << 20,
    USE_EVERY_S = 60, /* a use is noted so often */
    NONE = -1,
};

struct pack {
    uint32_t number;
    int fd;             /* of the bytes; NONE: not open */
    uint64_t size;      /* bytes in the file */
    uint64_t live;      /* of those, bytes of objects that are there */
    int64_t used_ns;    /* when something was added, as far as is known */
    uint32_t touched_s; /* when its time of modification was set for a use */
};

struct packs {
    int directory;     /* borrowed */
    const char *shown; /* borrowed */
    int folder;        /* packs/; NONE until it is needed */
    pthread_mutex_t lock;
    struct pack *items;
    size_t count, capacity, open_count;
    long adding;         /* which pack is added to, or NONE */
    int index_fd;        /* of that one, locked */
    uint64_t index_size; /* whole records in it */
    struct pack_table table;
};

static enum rc failed(const struct packs *self, struct err *err, int sys,
                      const char *doing)
{
    return err_set_sys(err, rc_of_errno(sys), sys, "%s %s/packs", doing, self->shown);
}

static uint32_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_sec;
}

static void number_put(unsigned char *at, uint32_t number)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t number_get(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void record_check(const unsigned char *record, unsigned char check[4])
{
    char digest[DIGEST_TEXT_SIZE];
    unsigned char key[DIGEST_SIZE];

    digest_bytes(record, RECORD_CHECKED, digest);
    digest_raw(digest, key);
    memcpy(check, key, 4);
}

static void record_write(unsigned char record[RECORD], const struct packed *packed)
{
    memset(record, 0, RECORD);
    memcpy(record, packed->key, DIGEST_SIZE);
    number_put(record + DIGEST_SIZE, packed->offset);
    number_put(record + DIGEST_SIZE + 4, packed->size);
    record_check(record, record + RECORD_CHECKED);
}

static bool record_read(const unsigned char record[RECORD], struct packed *packed)
{
    unsigned char check[4];

    record_check(record, check);
    if (memcmp(check, record + RECORD_CHECKED, sizeof check) != 0)
        return false;
    memcpy(packed->key, record, DIGEST_SIZE);
    packed->offset = number_get(record + DIGEST_SIZE);
    packed->size = number_get(record + DIGEST_SIZE + 4);
    return packed->size <= OBJECT_SMALL_MAX || packed->size == PACK_REMOVED;
}

/* Opens <number>.pack or <number>.index. */
static int file_open(const struct packs *self, uint32_t number, const char *kind,
                     int flags)
{
    char name[32];

    snprintf(name, sizeof name, "%06u.%s", number, kind);
    return openat(self->folder, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The object is at another place from now on, or at none. */
static bool move(struct packs *self, const struct packed *to)
{
    struct packed *before = pack_table_find(&self->table, to->key);

    if (before && before->size != PACK_REMOVED)
        self->items[before->pack].live -= before->size;
    if (to->size != PACK_REMOVED)
        self->items[to->pack].live += to->size;
    return pack_table_put(&self->table, to);
}

static struct pack *pack_add(struct packs *self, uint32_t number)
{
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? 2 * self->capacity : 16;
        struct pack *items = reallocarray(self->items, capacity, sizeof *items);

        if (!items)
            return NULL;
        self->items = items;
        self->capacity = capacity;
    }
    self->items[self->count] = (struct pack){ .number = number, .fd = NONE };
    return &self->items[self->count++];
}

/* Reads the index of one pack; what follows a record that is not whole is not there. */
static enum rc pack_load(struct packs *self, uint32_t number, struct err *err)
{
    scoped_fd int data = file_open(self, number, "pack", O_RDONLY);
    scoped_fd int index = file_open(self, number, "index", O_RDONLY);
    unsigned char records[RECORD * 256];
    struct stat status;
    ssize_t got;

    if (data < 0 || index < 0 || fstat(data, &status) != 0)
        return errno == ENOENT ? RC_OK : failed(self, err, errno, "open a pack in");

    struct pack *pack = pack_add(self, number);

    if (!pack)
        return err_set(err, RC_NO_MEMORY, "no memory for the packs");
    pack->size = (uint64_t)status.st_size;
    pack->used_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    for (off_t at = 0; (got = pread(index, records, sizeof records, at)) >= RECORD;
         at += got / RECORD * RECORD)
        for (ssize_t i = 0; i + RECORD <= got; i += RECORD) {
            struct packed packed = { .pack = (uint32_t)(self->count - 1),
                                     .used_s = (uint32_t)status.st_mtim.tv_sec };

            if (!record_read(records + i, &packed))
                return RC_OK;
            if (packed.size != PACK_REMOVED
                && (uint64_t)packed.offset + packed.size > pack->size)
                continue;
            if (!move(self, &packed))
                return err_set(err, RC_NO_MEMORY, "no memory for the packs");
        }
    return got < 0 ? failed(self, err, errno, "read an index in") : RC_OK;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

/* The numbers of the packs, ascending; *numbers is the caller's to free. */
static enum rc numbers_list(struct packs *self, uint32_t **numbers, size_t *count,
                            struct err *err)
{
    int fd = openat(self->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    uint32_t *found = NULL;
    size_t room = 0;
    const struct dirent *entry;

    *count = 0;
    if (!folder) {
        fd_scoped(&fd);
        return failed(self, err, errno, "list");
    }
    while ((entry = readdir(folder)) != NULL) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);

        if (strcmp(end, ".index") != 0 || number == 0 || number > PACKS_MAX)
            continue;
        if (*count == room) {
            uint32_t *grown = reallocarray(found, room ? 2 * room : 16, sizeof *found);

            if (!grown)
                break;
            found = grown;
            room = room ? 2 * room : 16;
        }
        found[(*count)++] = (uint32_t)number;
    }
    closedir(folder);
    if (*count > 0)
        qsort(found, *count, sizeof *found, by_number);
    *numbers = found;
    return RC_OK;
}

static enum rc load_all(struct packs *self, struct err *err)
{
    uint32_t *numbers = NULL;
    size_t count = 0;

    self->folder = openat(self->directory, "packs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->folder < 0)
        return errno == ENOENT ? RC_OK : failed(self, err, errno, "open");

    enum rc rc = numbers_list(self, &numbers, &count, err);

    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = pack_load(self, numbers[i], err);
    free(numbers);
    return rc;
}

enum rc packs_open(int directory, const char *shown, struct packs **packs,
                   struct err *err)
{
    scoped(packs) self = calloc(1, sizeof *self);

    if (!self)
        return err_set(err, RC_NO_MEMORY, "no memory for the packs");
    self->directory = directory;
    self->shown = shown;
    self->folder = self->index_fd = NONE;
    self->adding = NONE;
    pthread_mutex_init(&self->lock, NULL);

    enum rc rc = load_all(self, err);

    if (rc == RC_OK)
        *packs = steal(&self);
    return rc;
}

void packs_destroy(struct packs *packs)
{
    if (!packs)
        return;
    for (size_t i = 0; i < packs->count; i++)
        fd_scoped(&packs->items[i].fd);
    fd_scoped(&packs->index_fd);
    fd_scoped(&packs->folder);
    pack_table_fini(&packs->table);
    free(packs->items);
    pthread_mutex_destroy(&packs->lock);
    free(packs);
}

/* With the lock. NULL: it is not there. */
static const struct packed *find(const struct packs *self, const char *digest)
{
    unsigned char key[DIGEST_SIZE];

    digest_raw(digest, key);

    const struct packed *found = pack_table_find(&self->table, key);

    return found && found->size != PACK_REMOVED ? found : NULL;
}

bool packs_has(struct packs *packs, const char *digest, uint64_t *size)
{
    pthread_mutex_lock(&packs->lock);

    const struct packed *found = find(packs, digest);

    if (found && size)
        *size = found->size;
    pthread_mutex_unlock(&packs->lock);
    return found != NULL;
}

/* Has the pack's file open; of too many, all others but the one added to are closed. */
static int pack_fd(struct packs *self, struct pack *pack)
{
    if (pack->fd >= 0)
        return pack->fd;
    for (size_t i = 0; self->open_count >= OPEN_MAX && i < self->count; i++)
        if ((long)i != self->adding && self->items[i].fd >= 0) {
            close(self->items[i].fd);
            self->items[i].fd = NONE;
        }
    self->open_count = self->open_count >= OPEN_MAX ? 0 : self->open_count;
    pack->fd = file_open(self, pack->number, "pack", O_RDWR);
    self->open_count += pack->fd >= 0;
    return pack->fd;
}

/* With the lock. */
static enum rc bytes_read(struct packs *self, const struct packed *packed, void *room,
                          struct err *err)
{
    int fd = pack_fd(self, &self->items[packed->pack]);
    char got[DIGEST_TEXT_SIZE], wanted[DIGEST_TEXT_SIZE];
    ssize_t size = fd < 0 ? -1 : pread(fd, room, packed->size, packed->offset);

    if (size < 0)
        return failed(self, err, errno, "read a pack in");
    digest_bytes(room, (size_t)size, got);
    digest_text(packed->key, wanted);
    if (strcmp(got, wanted) == 0)
        return RC_OK;
    return err_set(err, RC_CORRUPT, "object %s in %s/packs/%06u.pack is damaged", wanted,
                   self->shown, self->items[packed->pack].number);
}

enum rc packs_read(struct packs *packs, const char *digest, void *room, size_t *size,
                   struct err *err)
{
    enum rc rc;

    pthread_mutex_lock(&packs->lock);

    const struct packed *found = find(packs, digest);

    if (found) {
        rc = bytes_read(packs, found, room, err);
        *size = found->size;
    } else {
        rc = err_set(err, RC_NOT_FOUND, "no object %s in %s/packs", digest, packs->shown);
    }
    pthread_mutex_unlock(&packs->lock);
    return rc;
}

static enum rc folder_make(struct packs *self, struct err *err)
{
    if (self->folder >= 0)
        return RC_OK;
    if (mkdirat(self->directory, "packs", 0777) != 0 && errno != EEXIST)
        return failed(self, err, errno, "make");
    self->folder = openat(self->directory, "packs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->folder < 0 || fsync(self->directory) != 0)
        return failed(self, err, errno, "open");
    return RC_OK;
}

/* Makes the pack the one that is added to, if no other process does so. */
static bool adding_take(struct packs *self, size_t at, int flags)
{
    struct pack *pack = &self->items[at];
    int index = file_open(self, pack->number, "index", O_RDWR | flags);
    struct stat status;

    if (index < 0 || flock(index, LOCK_EX | LOCK_NB) != 0 || fstat(index, &status) != 0
        || pack_fd(self, pack) < 0) {
        fd_scoped(&index);
        return false;
    }
    fd_scoped(&self->index_fd);
    self->index_fd = index;
    self->index_size = (uint64_t)status.st_size / RECORD * RECORD;
    self->adding = (long)at;
    return true;
}

/* Has a pack to add to: the last one, or a new one. */
static enum rc adding_open(struct packs *self, struct err *err)
{
    enum rc rc = folder_make(self, err);
    uint32_t number = self->count ? self->items[self->count - 1].number : 0;

    if (rc != RC_OK)
        return rc;
    if (self->adding >= 0 && self->items[self->adding].size < PACK_BYTES)
        return RC_OK;
    if (self->adding < 0 && self->count && self->items[self->count - 1].size < PACK_BYTES
        && adding_take(self, self->count - 1, 0))
        return RC_OK;
    while (++number <= PACKS_MAX) {
        int fd = file_open(self, number, "pack", O_RDWR | O_CREAT | O_EXCL);

        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return failed(self, err, errno, "make a pack in");
        close(fd);
        if (!pack_add(self, number))
            return err_set(err, RC_NO_MEMORY, "no memory for the packs");
        if (!adding_take(self, self->count - 1, O_CREAT) || fsync(self->folder) != 0)
            return failed(self, err, errno, "make a pack in");
        return RC_OK;
    }
    return err_set(err, RC_FULL, "%s/packs has no number left", self->shown);
}

static bool write_at(int fd, const void *bytes, size_t size, uint64_t at)
{
    const char *from = bytes;

    while (size > 0) {
        ssize_t put = pwrite(fd, from, size, (off_t)at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        from += put;
        at += (uint64_t)put;
        size -= (size_t)put;
    }
    return true;
}

/* The bytes, then what tells where they are: each whole on disk before the next. */
static enum rc append(struct packs *self, const struct buf *data, const struct buf *index,
                      bool is_durable, struct err *err)
{
    struct pack *pack = &self->items[self->adding];

    if (write_at(pack->fd, data->data, data->size, pack->size)
        && (!is_durable || fdatasync(pack->fd) == 0)
        && write_at(self->index_fd, index->data, index->size, self->index_size)
        && (!is_durable || fdatasync(self->index_fd) == 0))
        return RC_OK;

    enum rc rc = failed(self, err, errno, "write a pack in");

    /* What was written is beyond the end that counts, and is written over. */
    if (ftruncate(self->index_fd, (off_t)self->index_size) != 0
        || ftruncate(pack->fd, (off_t)pack->size) != 0)
        self->adding = NONE;
    return rc;
}

/* With the lock. */
static enum rc add(struct packs *self, const struct object_small *items, size_t count,
                   bool is_durable, struct err *err)
{
    scoped_buf data = { .limit = SIZE_MAX / 2 }, index = { .limit = SIZE_MAX / 2 };
    enum rc rc = adding_open(self, err);
    uint32_t pack = (uint32_t)self->adding;
    size_t done = 0;

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct packed packed = { .offset = (uint32_t)(self->items[pack].size + data.size),
                                 .size = (uint32_t)items[i].size };
        unsigned char record[RECORD];

        must(items[i].size <= OBJECT_SMALL_MAX);
        digest_raw(items[i].digest, packed.key);
        record_write(record, &packed);
        buf_add(&data, items[i].bytes, items[i].size);
        buf_add(&index, record, RECORD);
    }
    if (!buf_ok(&data) || !buf_ok(&index))
        return err_set(err, RC_NO_MEMORY, "no memory for %zu small objects", count);
    rc = append(self, &data, &index, is_durable, err);
    for (; rc == RC_OK && done < count; done++) {
        struct packed packed = { .pack = pack, .used_s = now_s() };

        must(record_read(index.data + done * RECORD, &packed));
        if (!move(self, &packed))
            rc = err_set(err, RC_NO_MEMORY, "no memory for %zu small objects", count);
    }
    if (rc != RC_OK)
        return rc;
    self->items[pack].size += data.size;
    self->index_size += index.size;
    return RC_OK;
}

enum rc packs_add(struct packs *packs, const struct object_small *items, size_t count,
                  bool is_durable, struct err *err)
{
    pthread_mutex_lock(&packs->lock);

    enum rc rc = count > 0 ? add(packs, items, count, is_durable, err) : RC_OK;

    pthread_mutex_unlock(&packs->lock);
    return rc;
}

/* With the lock. Its objects are all removed, or have been added anew. */
static void pack_unlink(struct packs *self, struct pack *pack)
{
    char name[32];

    fd_scoped(&pack->fd);
    pack->fd = NONE;
    pack->size = 0;
    snprintf(name, sizeof name, "%06u.index", pack->number);
    unlinkat(self->folder, name, 0);
    snprintf(name, sizeof name, "%06u.pack", pack->number);
    unlinkat(self->folder, name, 0);
}

/* Adds anew what is left of a pack, then removes its files. An object that is damaged is
 * left out: it would be found damaged at its next use, and have to be had again. */
static enum rc pack_empty(struct packs *self, uint32_t at, struct err *err)
{
    unsigned char *room = malloc(OBJECT_SMALL_MAX);
    enum rc rc = RC_OK;

    if (!room)
        return err_set(err, RC_NO_MEMORY, "no memory for the packs");
    for (size_t i = 0; rc == RC_OK && i < self->table.count; i++) {
        struct packed packed = self->table.items[i];
        char digest[DIGEST_TEXT_SIZE];

        if (packed.pack != at || packed.size == PACK_REMOVED)
            continue;
        digest_text(packed.key, digest);
        rc = bytes_read(self, &packed, room, err);
        if (rc == RC_OK)
            rc = add(self, &(struct object_small){ digest, room, packed.size }, 1, false,
                     err);
        if (rc == RC_OK)
            pack_table_find(&self->table, packed.key)->used_s = packed.used_s;
        else if (rc == RC_CORRUPT)
            rc = RC_OK;
    }
    free(room);
    if (rc == RC_OK && fdatasync(self->items[self->adding].fd) == 0
        && fdatasync(self->index_fd) == 0)
        pack_unlink(self, &self->items[at]);
    return rc;
}

/* With the lock. Says in the index that the object is not there any more. */
static enum rc forget(struct packs *self, const struct packed *found, struct err *err)
{
    struct packed gone = *found;
    unsigned char record[RECORD];
    enum rc rc = adding_open(self, err);

    if (rc != RC_OK)
        return rc;
    gone.size = PACK_REMOVED;
    record_write(record, &gone);
    if (!write_at(self->index_fd, record, RECORD, self->index_size))
        return failed(self, err, errno, "write an index in");
    self->index_size += RECORD;
    must(move(self, &gone));
    return RC_OK;
}

bool packs_use(struct packs *packs, const char *digest, uint64_t *size)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                       { .tv_nsec = UTIME_NOW } };
    uint32_t now = now_s();
    unsigned char key[DIGEST_SIZE];

    pthread_mutex_lock(&packs->lock);
    digest_raw(digest, key);

    struct packed *found = pack_table_find(&packs->table, key);
    bool is_there = found && found->size != PACK_REMOVED;

    if (is_there && size)
        *size = found->size;
    if (is_there && found->used_s + USE_EVERY_S <= now) {
        struct pack *pack = &packs->items[found->pack];

        found->used_s = now;
        if (pack->touched_s + USE_EVERY_S <= now && pack_fd(packs, pack) >= 0
            && futimens(pack->fd, times) == 0)
            pack->touched_s = now;
    }
    pthread_mutex_unlock(&packs->lock);
    return is_there;
}

enum rc packs_remove(struct packs *packs, const char *digest, struct err *err)
{
    bool was_removed;

    return packs_remove_unused(packs, digest, INT64_MAX, &was_removed, err);
}

enum rc packs_remove_unused(struct packs *packs, const char *digest, int64_t since_ns,
                            bool *was_removed, struct err *err)
{
    enum rc rc = RC_OK;

    pthread_mutex_lock(&packs->lock);

    const struct packed *found = find(packs, digest);

    if (found && (int64_t)found->used_s * 1000000000 >= since_ns)
        found = NULL;
    if (found) {
        uint32_t at = found->pack;

        rc = forget(packs, found, err);
        *was_removed = rc == RC_OK;
        if (rc == RC_OK && (long)at != packs->adding
            && packs->items[at].live * 2 < packs->items[at].size)
            rc = pack_empty(packs, at, err);
    }
    pthread_mutex_unlock(&packs->lock);
    return rc;
}

enum rc packs_each(struct packs *packs,
                   enum rc (*take)(void *context, const struct object_seen *seen),
                   void *context)
{
    enum rc rc = RC_OK;

    pthread_mutex_lock(&packs->lock);
    for (size_t i = 0; rc == RC_OK && i < packs->table.count; i++) {
        const struct packed *packed = &packs->table.items[i];
        struct object_seen seen = { .size = packed->size };

        if (packed->size == PACK_REMOVED)
            continue;
        seen.used_ns = packs->items[packed->pack].used_ns;
        seen.kept_ns = (int64_t)packed->used_s * 1000000000;
        digest_text(packed->key, seen.digest);
        rc = take(context, &seen);
    }
    pthread_mutex_unlock(&packs->lock);
    return rc;
}
