/* look.c - a list of paths, and one stat for each. */
#include "nodes/staging/look.h"

#include "nodes/staging/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 32 };

struct entry {
    char *path; /* "" for the folder itself */
    bool is_own;
    dev_t device;
    ino_t inode;
    mode_t mode;
    nlink_t links;
    uid_t owner;
    off_t size;
    struct timespec changed;
};

struct look {
    const char *const *own;
    struct timespec began;
    bool is_early;
    size_t count;
    struct entry entries[LOOK_ENTRIES_MAX];
};

void look_destroy(struct look *look)
{
    if (!look)
        return;
    for (size_t i = 0; i < look->count; i++)
        free(look->entries[i].path);
    free(look);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool entry_see(int folder, const char *path, struct entry *entry)
{
    struct stat found;

    if (fstatat(folder, path, &found, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
        return false;
    *entry = (struct entry){ .device = found.st_dev,
                             .inode = found.st_ino,
                             .mode = found.st_mode,
                             .links = found.st_nlink,
                             .owner = found.st_uid,
                             .size = found.st_size,
                             .changed = path[0] ? found.st_ctim : found.st_mtim };
    return true;
}

static bool is_own(const struct look *look, const char *path)
{
    for (const char *const *own = look->own; *own; own++)
        if (strcmp(*own, path) == 0)
            return true;
    return false;
}

/* The entry just added; NULL: there is no room, or it is gone. */
static const struct entry *entry_add(struct look *look, int folder, const char *path)
{
    struct entry *entry = &look->entries[look->count];

    if (look->count == LOOK_ENTRIES_MAX || !entry_see(folder, path, entry)
        || !(entry->path = strdup(path)))
        return NULL;
    look->count++;
    entry->is_own = is_own(look, path);
    look->is_early |= !entry->is_own && !is_before(&entry->changed, &look->began);
    return entry;
}

static bool folder_add(struct look *look, int folder, const char *path, unsigned depth)
{
    int fd = depth == DEPTH_MAX
                 ? -1
                 : open_beneath(folder, path[0] ? path : ".", O_RDONLY | O_DIRECTORY);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    bool is_well = entries != NULL;
    struct dirent *found;

    if (!entries)
        fd_scoped(&fd);
    while (is_well && (errno = 0, found = readdir(entries)) != NULL) {
        char below[FOLDER_PATH_SIZE];
        const struct entry *entry;

        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        is_well =
            snprintf(below, sizeof below, "%s%s%s", path, path[0] ? "/" : "",
                     found->d_name)
                < (int)sizeof below
            && (entry = entry_add(look, folder, below)) != NULL
            && (!S_ISDIR(entry->mode) || folder_add(look, folder, below, depth + 1));
    }
    is_well = is_well && errno == 0;
    if (entries)
        closedir(entries);
    return is_well;
}

struct look *look_take(int folder, const char *const *own, bool *is_early)
{
    scoped(look) look = calloc(1, sizeof *look);

    *is_early = false;
    if (!look)
        return NULL;
    look->own = own;
    /* The clock by which the kernel notes changes. */
    clock_gettime(CLOCK_REALTIME_COARSE, &look->began);
    if (!entry_add(look, folder, "") || !folder_add(look, folder, "", 0))
        return NULL;
    *is_early = look->is_early;
    return look->is_early ? NULL : steal(&look);
}

static bool is_same(const struct entry *entry, const struct entry *now)
{
    return entry->device == now->device && entry->inode == now->inode
           && entry->mode == now->mode && entry->links == now->links
           && entry->owner == now->owner
           && (entry->is_own
               || (entry->size == now->size
                   && entry->changed.tv_sec == now->changed.tv_sec
                   && entry->changed.tv_nsec == now->changed.tv_nsec));
}

bool look_holds(const struct look *look, int folder)
{
    struct entry now;

    for (size_t i = 0; i < look->count; i++)
        if (!entry_see(folder, look->entries[i].path, &now)
            || !is_same(&look->entries[i], &now))
            return false;
    return true;
}
