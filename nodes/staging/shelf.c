/* shelf.c - a list of tokens by run and stage, and the look at a folder that was used. */
#include "nodes/staging/shelf.h"

#include "nodes/staging/folder.h"
#include "nodes/staging/streams.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { FILES_MAX = 16 /* left in one folder */, STREAM_BYTES_MAX = 1 << 20 };

struct kept {
    uint64_t token;
    int64_t since_us;
    char *key; /* of project, pipeline and stage */
};

struct shelf {
    pthread_mutex_t lock;
    struct kept items[SHELF_MAX]; /* the oldest first */
    size_t count;
};

struct shelf *shelf_create(void)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);

    if (shelf)
        pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

void shelf_destroy(struct shelf *shelf)
{
    if (!shelf)
        return;
    for (size_t i = 0; i < shelf->count; i++)
        free(shelf->items[i].key);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

static char *key_of(const struct attempt_identity *identity,
                    const struct plan_stage *stage)
{
    char *key = NULL;

    return asprintf(&key, "%s/%s/%s", identity->project ? identity->project : "",
                    identity->title ? identity->title : "", stage->name)
                   < 0
               ? NULL
               : key;
}

/* As we made it: nobody else's, and nothing that would be inherited. */
static bool is_ordinary(int fd, mode_t type, mode_t mode)
{
    struct statx found;

    return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &found) == 0
           && (found.stx_mode & S_IFMT) == type && (found.stx_mode & 07777) == mode
           && found.stx_uid == geteuid()
           && !(found.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND))
           && (type != S_IFREG || found.stx_nlink == 1)
           && (type != S_IFDIR || fgetxattr(fd, "system.posix_acl_default", NULL, 0) < 0);
}

/* Calls visit for each entry, which says whether all is well. Takes the descriptor. */
static bool entries_each(int fd, bool (*visit)(int folder, const char *name, void *count),
                         void *context)
{
    DIR *entries = fdopendir(fd);
    struct dirent *entry;
    bool is_well = entries != NULL;

    if (!entries) {
        close(fd);
        return false;
    }
    while (is_well && (errno = 0, entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_well = visit(dirfd(entries), entry->d_name, context);
    is_well = is_well && errno == 0;
    closedir(entries);
    return is_well;
}

static bool file_unlink(int folder, const char *name, void *context)
{
    unsigned *count = context;

    return ++*count <= FILES_MAX && unlinkat(folder, name, 0) == 0;
}

static bool config_look(int folder, const char *name, void *context)
{
    static const char *const names[] = { "execution", "inputs", "parameters", "runtime",
                                         "api" };
    unsigned *count = context;
    const char *ending = strrchr(name, '.');

    (void)folder;
    for (size_t i = 0; ending && i < COUNT_OF(names); i++)
        if (strlen(names[i]) == (size_t)(ending - name)
            && strncmp(name, names[i], strlen(names[i])) == 0
            && (strcmp(ending, ".json") == 0 || strcmp(ending, ".yaml") == 0)) {
            ++*count;
            return true;
        }
    return false;
}

static bool folder_empty(int parent, const char *name)
{
    int fd = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
    unsigned count = 0;

    if (fd < 0 || !is_ordinary(fd, S_IFDIR, 0755)) {
        fd_scoped(&fd);
        return false;
    }
    if (strcmp(name, "repository") == 0) {
        close(fd);
        return true;
    }
    return entries_each(fd, strcmp(name, "config") == 0 ? config_look : file_unlink,
                        &count);
}

static bool stream_empty(int folder, const char *name)
{
    scoped_fd int fd = open_beneath(folder, name, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    struct stat found;

    return fd >= 0 && is_ordinary(fd, S_IFREG, 0600) && fstat(fd, &found) == 0
           && found.st_size <= STREAM_BYTES_MAX
           && (found.st_size == 0 || ftruncate(fd, 0) == 0);
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static bool entry_empty(int folder, const char *name, void *context)
{
    static const char *const folders[] = { "repository", "inputs", "outputs",
                                           "config",     "tmp",    NULL };
    static const char *const streams[] = { "stdout",   "stderr", "times",
                                           "metadata", "status", NULL };
    static const char *const written[] = { "identity", "launch", "script", NULL };
    unsigned *count = context;

    if (is_one_of(name, folders)) {
        ++*count;
        return folder_empty(folder, name);
    }
    if (is_one_of(name, streams))
        return stream_empty(folder, name);
    return is_one_of(name, written) || unlinkat(folder, name, 0) == 0;
}

static bool attempt_empty(const struct staging *staging, uint64_t token)
{
    unsigned folders = 0;
    int fd;
    struct err err;

    if (folder_open(staging, token, &fd, &err) != RC_OK)
        return false;
    if (!is_ordinary(fd, S_IFDIR, 0700)) {
        close(fd);
        return false;
    }
    return entries_each(fd, entry_empty, &folders) && folders == 5;
}

bool shelf_put(const struct staging *staging, const struct attempt_identity *identity,
               const struct plan_stage *stage)
{
    struct shelf *shelf = staging->shelf;
    char *key = shelf ? key_of(identity, stage) : NULL;
    bool has_room;

    if (!key || !attempt_empty(staging, identity->token)) {
        free(key);
        return false;
    }
    pthread_mutex_lock(&shelf->lock);
    has_room = shelf->count < SHELF_MAX;
    if (has_room)
        shelf->items[shelf->count++] = (struct kept){ identity->token, clock_us(), key };
    pthread_mutex_unlock(&shelf->lock);
    if (!has_room)
        free(key);
    return has_room;
}

/* Takes the item out; the caller has the lock and frees the key. */
static struct kept item_remove(struct shelf *shelf, size_t index)
{
    struct kept item = shelf->items[index];

    shelf->count--;
    memmove(&shelf->items[index], &shelf->items[index + 1],
            (shelf->count - index) * sizeof *shelf->items);
    return item;
}

/* The one put last, whose files are the most likely to be in memory; 0: none. */
static uint64_t token_take(struct shelf *shelf, const char *key)
{
    struct kept item = { 0 };

    pthread_mutex_lock(&shelf->lock);
    for (size_t i = shelf->count; i-- > 0;)
        if (strcmp(shelf->items[i].key, key) == 0) {
            item = item_remove(shelf, i);
            break;
        }
    pthread_mutex_unlock(&shelf->lock);
    free(item.key);
    return item.token;
}

bool shelf_take(const struct staging *staging, const struct attempt_identity *identity,
                const struct plan_stage *stage, int *folder)
{
    char *key = staging->shelf ? key_of(identity, stage) : NULL;
    uint64_t token = key ? token_take(staging->shelf, key) : 0;
    struct err err;

    free(key);
    if (token == 0)
        return false;
    if (folder_rename(staging, token, identity->token, &err) == RC_OK
        && folder_open(staging, identity->token, folder, &err) == RC_OK)
        return true;
    /* One that was renamed is made anew by who called. */
    if (attempt_remove(staging, token, &err) != RC_OK)
        attempt_say(staging, identity->token, "%s", err.text);
    return false;
}

uint64_t shelf_drop(struct shelf *shelf, int64_t kept_us)
{
    struct kept item = { 0 };
    int64_t until_us = clock_us() - kept_us;

    pthread_mutex_lock(&shelf->lock);
    if (shelf->count > 0 && shelf->items[0].since_us <= until_us)
        item = item_remove(shelf, 0);
    pthread_mutex_unlock(&shelf->lock);
    free(item.key);
    return item.token;
}
