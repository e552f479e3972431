/* digests.c - see digests.h. */
#include "client/cli/project/digests.h"

#include "client/cli/project/project.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CACHE_BYTES_MAX = 256 << 20, ENTRIES_MAX = 1000000, FRESH_NS = 2000000000 };

struct stamp {
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns;
};

struct entry {
    const char *path; /* into text, or owned when is_new */
    struct digest_set set;
    struct stamp stamp;
    size_t order; /* later ones win */
    bool is_new;
};

struct digests {
    char *file;
    struct buf text; /* the cache file */
    struct entry *entries;
    size_t known; /* sorted by path; behind them the new ones */
    size_t count, capacity;
};

void digests_destroy(struct digests *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].is_new)
            free((char *)(uintptr_t)self->entries[i].path);
    free(self->entries);
    buf_fini(&self->text);
    free(self->file);
    free(self);
}

static struct entry *add_entry(struct digests *self)
{
    if (self->count >= ENTRIES_MAX)
        return NULL;
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? 2 * self->capacity : 64;
        struct entry *entries = reallocarray(self->entries, capacity, sizeof *entries);

        if (!entries)
            return NULL;
        self->entries = entries;
        self->capacity = capacity;
    }
    self->entries[self->count] = (struct entry){ .order = self->count };
    return &self->entries[self->count++];
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* false: not a line that we wrote. */
static bool parse_line(const char *line, struct entry *entry)
{
    char sha256[65], md5[33], sha1[41];
    struct stamp *stamp = &entry->stamp;
    int used = 0;

    if (sscanf(line,
               "%64s %32s %40s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64
               " %n",
               sha256, md5, sha1, &stamp->device, &stamp->inode, &stamp->size,
               &stamp->mtime_ns, &stamp->ctime_ns, &used)
            != 8
        || !used || line[used] != '/')
        return false;
    snprintf(entry->set.sha256, sizeof entry->set.sha256, "sha256:%s", sha256);
    snprintf(entry->set.md5, sizeof entry->set.md5, "%s", md5[0] == '-' ? "" : md5);
    snprintf(entry->set.sha1, sizeof entry->set.sha1, "%s", sha1[0] == '-' ? "" : sha1);
    entry->path = line + used;
    return digest_is_valid(entry->set.sha256, strlen(entry->set.sha256));
}

static void load(struct digests *self)
{
    struct err ignored;

    buf_init(&self->text, CACHE_BYTES_MAX);
    if (file_read(self->file, CACHE_BYTES_MAX, &self->text, &ignored) != RC_OK)
        return;
    (void)buf_string(&self->text);

    char *line = (char *)self->text.data;

    for (char *end; line && (end = strchr(line, '\n')); line = end + 1) {
        struct entry entry;

        *end = '\0';
        if (!parse_line(line, &entry))
            continue;

        struct entry *added = add_entry(self);

        if (!added)
            break;
        added->path = entry.path;
        added->set = entry.set;
        added->stamp = entry.stamp;
    }
    if (self->count)
        qsort(self->entries, self->count, sizeof *self->entries, compare);
    self->known = self->count;
}

struct digests *digests_create(const char *file)
{
    scoped(digests) self = calloc(1, sizeof *self);

    if (!self || (file && !(self->file = strdup(file))))
        return NULL;
    if (file)
        load(self);
    return steal(&self);
}

static struct stamp stamp_of(const struct stat *status)
{
    return (struct stamp){
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = (uint64_t)status->st_size,
        .mtime_ns =
            (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
        .ctime_ns =
            (int64_t)status->st_ctim.tv_sec * 1000000000 + status->st_ctim.tv_nsec,
    };
}

static bool stamp_equals(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size
           && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static const struct entry *find(const struct digests *self, const char *path)
{
    struct entry key = { .path = path, .order = SIZE_MAX };
    size_t low = 0, high = self->known;

    /* The last entry that is not behind the key. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&self->entries[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low && strcmp(self->entries[low - 1].path, path) == 0 ? &self->entries[low - 1]
                                                                 : NULL;
}

static void remember(struct digests *self, const char *path, const struct stamp *stamp,
                     const struct digest_set *set)
{
    struct timespec now;
    char *copy;

    clock_gettime(CLOCK_REALTIME, &now);
    if (!self->file || strchr(path, '\n')
        || (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - FRESH_NS < stamp->ctime_ns
        || !(copy = strdup(path)))
        return;

    struct entry *entry = add_entry(self);

    if (!entry) {
        free(copy);
        return;
    }
    entry->path = copy;
    entry->is_new = true;
    entry->stamp = *stamp;
    entry->set = *set;
}

enum rc digests_get(struct digests *self, const char *path, bool with_legacy,
                    struct digest_set *set, uint64_t *size, struct err *err)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    if (S_ISDIR(status.st_mode))
        return err_set(err, RC_INVALID,
                       "%s is a folder: name the files in it, as by %s/*", path, path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, RC_INVALID, "%s is not a regular file", path);

    struct stamp stamp = stamp_of(&status);
    const struct entry *known = find(self, path);

    if (known && stamp_equals(&known->stamp, &stamp)
        && (!with_legacy || known->set.md5[0])) {
        *set = known->set;
        *size = stamp.size;
        return RC_OK;
    }

    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);

    enum rc rc = digest_file(fd, with_legacy, set, size, err);

    if (rc == RC_OK && *size == stamp.size)
        remember(self, path, &stamp, set);
    return rc;
}

static void write_entry(FILE *to, const struct entry *entry)
{
    fprintf(
        to, "%s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s\n",
        entry->set.sha256 + strlen("sha256:"), entry->set.md5[0] ? entry->set.md5 : "-",
        entry->set.sha1[0] ? entry->set.sha1 : "-", entry->stamp.device,
        entry->stamp.inode, entry->stamp.size, entry->stamp.mtime_ns,
        entry->stamp.ctime_ns, entry->path);
}

/* The folders above the file, as far as .sluice itself; that one must be there. */
static void make_folder(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *folder = slash ? strndup(file, (size_t)(slash - file)) : NULL;

    if (folder)
        mkdir(folder, 0777);
    free(folder);
}

void digests_save(struct digests *self)
{
    char *part;

    if (!self->file || self->count == self->known
        || asprintf(&part, "%s.%d", self->file, (int)getpid()) < 0)
        return;
    make_folder(self->file);

    FILE *to = fopen(part, "we");

    if (to) {
        qsort(self->entries, self->count, sizeof *self->entries, compare);
        for (size_t i = 0; i < self->count; i++)
            if (i + 1 == self->count
                || strcmp(self->entries[i].path, self->entries[i + 1].path) != 0)
                write_entry(to, &self->entries[i]);

        bool failed = ferror(to);

        if (fclose(to) || failed || rename(part, self->file) < 0)
            unlink(part);
    }
    free(part);
    self->known = self->count;
}
