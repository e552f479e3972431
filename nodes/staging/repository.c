/* repository.c - a tree object from the cache, file by file.
 *
 * Files are reflinked or copied, never hard links, because a task may write to its code.
 * Entries come sorted, so most files lie in the folder that was opened last. */
#include "nodes/staging/repository.h"

#include "codecs/plan/tree.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct filling {
    const struct staging *staging;
    const struct store_port *port;
    uint64_t holder; /* of what is placed: the code is copied, so not for long */
    int root;
    char path[FOLDER_PATH_SIZE]; /* of the root */
    int held;                    /* the folder opened last, or -1 */
    char held_path[TREE_PATH_MAX + 1];
    struct leftovers left;
};

static enum rc object_fetch(const struct filling *filling, const char *digest,
                            uint64_t size, struct err *err)
{
    return cache_fetch(filling->staging->cache, filling->holder, &filling->port->sources,
                       digest, size, err);
}

static enum rc tree_read(const struct filling *filling, const char *digest,
                         struct arena *arena, struct tree *tree, struct err *err)
{
    scoped_fd int fd = -1;
    scoped_buf buf = { 0 };
    uint64_t size;

    buf_init(&buf, TREE_BYTES_MAX);

    enum rc rc = object_fetch(filling, digest, 0, err);

    if (rc == RC_OK)
        rc =
            objects_read(cache_objects(filling->staging->cache), digest, &fd, &size, err);
    if (rc != RC_OK)
        return rc;

    char *room = size <= TREE_BYTES_MAX ? buf_room(&buf, (size_t)size) : NULL;
    size_t have = 0;

    if (!room)
        return err_set(err, RC_NO_MEMORY, "no memory for the list of files");
    while (have < size) {
        ssize_t got = read(fd, room + have, (size_t)size - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set_sys(err, RC_IO, got < 0 ? errno : EIO,
                               "cannot read the list of files %s", digest);
        have += (size_t)got;
    }
    return tree_decode(arena, room, have, tree, err);
}

/* Makes filling->held the folder that path is in. */
static enum rc folder_hold(struct filling *filling, const char *path, const char **last,
                           struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;

    *last = slash ? slash + 1 : path;
    if (filling->held >= 0 && strlen(filling->held_path) == size
        && memcmp(filling->held_path, path, size) == 0)
        return RC_OK;
    if (filling->held >= 0)
        close(filling->held);
    filling->held = open_parent(filling->root, path, last);
    if (filling->held < 0)
        return err_set_sys(err, rc_of_errno(-filling->held), -filling->held,
                           "cannot make the folder of %s", path);
    memcpy(filling->held_path, path, size);
    filling->held_path[size] = '\0';
    return RC_OK;
}

/* Gives a file that is left the name; false: there is none. */
static bool leftover_take(struct filling *filling, const char *name)
{
    struct leftovers *left = &filling->left;
    const char *last, *path;

    if (left->file_count == 0)
        return false;
    path = left->files[--left->file_count];

    scoped_fd int folder = leftover_open(filling->root, path, &last);

    if (folder >= 0 && renameat(folder, last, filling->held, name) == 0)
        return true;
    left->rest[left->rest_count++] = path;
    return false;
}

/* Whether it is a file with nothing of its own but its bytes and mode. */
static bool is_plain(int fd, struct stat *found)
{
    return fstat(fd, found) == 0 && S_ISREG(found->st_mode) && found->st_nlink == 1
           && found->st_uid == geteuid() && flistxattr(fd, NULL, 0) == 0;
}

/* Makes the file that is there the entry; false: it is to be made anew. */
static bool file_refill(const struct filling *filling, const struct tree_entry *entry,
                        const char *name)
{
    unsigned char room[CACHE_SMALL_MAX];
    size_t size = 0;
    struct stat found;
    scoped_fd int fd = openat(filling->held, name,
                              O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    return fd >= 0 && is_plain(fd, &found)
           && cache_load(filling->staging->cache, filling->holder, entry->digest, room,
                         &size, NULL)
                  == RC_OK
           && pwrite(fd, room, size, 0) == (ssize_t)size
           && ((size_t)found.st_size <= size || ftruncate(fd, (off_t)size) == 0)
           && ((found.st_mode & 07777) == (entry->mode & 0777)
               || fchmod(fd, entry->mode & 0777) == 0);
}

/* Whether a file from before became the entry; if not, nothing is in the entry's place.
 */
static bool entry_refill(struct filling *filling, const struct tree_entry *entry,
                         const char *name, enum settled state)
{
    if (S_ISLNK(entry->mode) || entry->size > CACHE_SMALL_MAX
        || (state != SETTLED_OTHER && !leftover_take(filling, name)))
        return false;
    return file_refill(filling, entry, name)
           || (folder_remove(filling->held, name), false);
}

static enum rc entry_fill(struct filling *filling, const struct tree_entry *entry,
                          enum settled state, struct err *err)
{
    char path[FOLDER_PATH_SIZE + TREE_PATH_MAX + 2];
    const char *last;
    enum rc rc = folder_hold(filling, entry->path, &last, err);

    if (rc != RC_OK || entry_refill(filling, entry, last, state))
        return rc;
    if (S_ISLNK(entry->mode)) {
        if (symlinkat(entry->target, filling->held, last) != 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot make the link %s",
                               entry->path);
        return RC_OK;
    }
    /* No part of the path is a link: its folder was opened part by part just now. */
    snprintf(path, sizeof path, "%s/%s", filling->path, entry->path);
    return cache_place(filling->staging->cache, filling->holder, &filling->port->sources,
                       &(struct bulk_small){ entry->digest, entry->size }, path,
                       entry->mode & 0777, false, err);
}

/* Has the small files there, many at once. */
static void entries_prefetch(struct filling *filling, const struct tree *tree,
                             const enum settled *states, struct arena *arena)
{
    struct bulk_small *wanted = arena_array(arena, tree->entry_count, sizeof *wanted);
    size_t count = 0;

    for (size_t i = 0; wanted && i < tree->entry_count; i++)
        if (states[i] != SETTLED_THERE && !S_ISLNK(tree->entries[i].mode))
            wanted[count++] =
                (struct bulk_small){ tree->entries[i].digest, tree->entries[i].size };
    if (count > 0)
        cache_prefetch(filling->staging->cache, filling->holder, &filling->port->sources,
                       wanted, count);
}

static enum rc entries_fill(struct filling *filling, const struct tree *tree,
                            const enum settled *states, const atomic_bool *cancelled,
                            struct err *err)
{
    for (size_t i = 0; i < tree->entry_count; i++) {
        if (states[i] == SETTLED_THERE)
            continue;
        if (*cancelled)
            return err_set(err, RC_CANCELLED, "stopped while the code was fetched");

        enum rc rc = entry_fill(filling, &tree->entries[i], states[i], err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* All entries that are not there already. */
static enum rc tree_fill(struct filling *filling, const struct tree *tree,
                         struct arena *arena, const atomic_bool *cancelled,
                         struct err *err)
{
    enum settled *states = arena_array(arena, tree->entry_count, sizeof *states);

    if (!states)
        return err_set(err, RC_NO_MEMORY, "no memory for the list of files");

    enum rc rc = settle_code(filling->root, tree, arena, states, &filling->left, err);

    if (rc != RC_OK)
        return rc;
    entries_prefetch(filling, tree, states, arena);
    rc = entries_fill(filling, tree, states, cancelled, err);
    return rc == RC_OK ? leftovers_remove(filling->root, &filling->left, err) : rc;
}

enum rc repository_fill(const struct staging *staging, const struct store_port *port,
                        uint64_t token, int folder, const char *tree_digest,
                        const atomic_bool *cancelled, struct err *err)
{
    struct filling filling = { .staging = staging,
                               .port = port,
                               .holder = cache_holder(staging->cache),
                               .held = -1 };
    scoped(arena) arena = arena_create((size_t)4 * TREE_BYTES_MAX);
    struct tree tree = { 0 };

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory for the list of files");

    enum rc rc = folder_path(staging, token, "repository", filling.path, err);

    if (rc != RC_OK)
        return rc;

    scoped_fd int root = open_beneath(folder, "repository", O_RDONLY | O_DIRECTORY);

    if (root < 0)
        return err_set_sys(err, RC_IO, -root, "cannot open %s", filling.path);
    filling.root = root;
    if (tree_digest && tree_digest[0])
        rc = tree_read(&filling, tree_digest, arena, &tree, err);
    if (rc == RC_OK)
        rc = tree_fill(&filling, &tree, arena, cancelled, err);
    if (filling.held >= 0)
        close(filling.held);
    cache_release(staging->cache, filling.holder);
    return rc;
}
