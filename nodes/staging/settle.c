/* settle.c - a walk through the folders that are there, looking each name up in the
 * sorted tree. */
#include "nodes/staging/settle.h"

#include "codecs/digest/digest.h"
#include "nodes/staging/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COMPARED_MAX = 64 << 10, /* bytes of a file that is worth reading */
    DEPTH_MAX = 64           /* folders open at once; what lies deeper is made anew */
};

struct settling {
    const struct tree *tree;
    struct arena *arena;
    enum settled *states;
    struct leftovers *leftovers;
};

/* The first entry whose path is not below the text. */
static size_t entry_from(const struct tree *tree, const char *path)
{
    size_t low = 0, high = tree->entry_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(tree->entries[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_entry(const struct tree *tree, const char *path)
{
    size_t at = entry_from(tree, path);

    return at < tree->entry_count && strcmp(tree->entries[at].path, path) == 0;
}

static bool has_folder(const struct tree *tree, const char *path)
{
    char below[TREE_PATH_MAX + 2];
    int size = snprintf(below, sizeof below, "%s/", path);
    size_t at = entry_from(tree, below);

    return at < tree->entry_count
           && strncmp(tree->entries[at].path, below, (size_t)size) == 0;
}

/* false: more is left than can be of use. */
static bool leftover_add(const struct settling *settling, const char *path)
{
    struct leftovers *leftovers = settling->leftovers;
    const char *copy = leftovers->file_count < settling->tree->entry_count
                           ? arena_text(settling->arena, path)
                           : NULL;

    if (copy)
        leftovers->files[leftovers->file_count++] = copy;
    return copy != NULL;
}

static bool is_same_link(int folder, const char *name, const struct tree_entry *entry)
{
    char target[TREE_PATH_MAX + 1];
    ssize_t size = readlinkat(folder, name, target, sizeof target);

    return size >= 0 && (size_t)size == strlen(entry->target)
           && memcmp(target, entry->target, (size_t)size) == 0;
}

/* A small file that is ours alone. */
static bool is_usable(const struct stat *found)
{
    return S_ISREG(found->st_mode) && found->st_nlink == 1 && found->st_uid == geteuid()
           && found->st_size <= COMPARED_MAX;
}

/* The bytes are read: times can be set, and are too coarse to tell. */
static bool is_same_file(int folder, const char *name, const struct stat *found,
                         const struct tree_entry *entry)
{
    struct digest_set set;
    uint64_t size;

    if ((found->st_mode & 07777) != (entry->mode & 0777)
        || (uint64_t)found->st_size != entry->size)
        return false;

    scoped_fd int fd = open_regular(folder, name);

    return fd >= 0 && digest_file(fd, false, &set, &size, NULL) == RC_OK
           && size == entry->size && strcmp(set.sha256, entry->digest) == 0;
}

/* Whether what is there stays, for the entry of its path or as a leftover. */
static bool is_of_use(const struct settling *settling, int folder, const char *name,
                      const char *path, const struct stat *found)
{
    const struct tree *tree = settling->tree;
    size_t at = entry_from(tree, path);
    const struct tree_entry *entry = &tree->entries[at];

    if (!has_entry(tree, path))
        return is_usable(found) && !has_folder(tree, path)
               && leftover_add(settling, path);
    if (S_ISLNK(entry->mode) != S_ISLNK(found->st_mode))
        return false;
    if (S_ISLNK(entry->mode))
        settling->states[at] =
            is_same_link(folder, name, entry) ? SETTLED_THERE : SETTLED_MISSING;
    else if (is_usable(found))
        settling->states[at] = is_same_file(folder, name, found, entry) ? SETTLED_THERE
                               : entry->size <= COMPARED_MAX            ? SETTLED_OTHER
                                                                        : SETTLED_MISSING;
    return settling->states[at] != SETTLED_MISSING;
}

static int folder_settle(const struct settling *settling, int fd, const char *path,
                         unsigned depth);

/* A folder that the tree lacks stays for its files; only the topmost is noted. */
static bool is_left(const struct settling *settling, const char *path, unsigned depth)
{
    struct leftovers *leftovers = settling->leftovers;
    const char *slash = strrchr(path, '/');
    char parent[TREE_PATH_MAX + 1];
    const char *copy;

    snprintf(parent, sizeof parent, "%.*s", (int)(slash ? slash - path : 0), path);
    if (depth > 0 && !has_folder(settling->tree, parent))
        return true;
    if (leftovers->rest_count == settling->tree->entry_count
        || has_entry(settling->tree, path) || !(copy = arena_text(settling->arena, path)))
        return false;
    leftovers->rest[leftovers->rest_count++] = copy;
    return true;
}

/* Whether it was a folder that stays; *code: 0 or a negative errno. */
static bool is_kept_folder(const struct settling *settling, int folder, const char *name,
                           const char *path, unsigned depth, int *code)
{
    struct stat found;

    if (depth == DEPTH_MAX)
        return false;

    int fd = open_beneath(folder, name, O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return false;
    if (fstat(fd, &found) != 0 || (found.st_mode & 0700) != 0700
        || found.st_uid != geteuid()) {
        close(fd);
        return false;
    }
    if (!has_folder(settling->tree, path) && !is_left(settling, path, depth)) {
        close(fd);
        return false;
    }
    *code = folder_settle(settling, fd, path, depth + 1);
    return true;
}

static int entry_settle(const struct settling *settling, int folder, const char *parent,
                        const char *name, unsigned depth)
{
    char path[TREE_PATH_MAX + 1];
    struct stat found;
    int size = snprintf(path, sizeof path, "%s%s%s", parent, parent[0] ? "/" : "", name);
    int code = 0;

    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (size < (int)sizeof path
        && (S_ISDIR(found.st_mode)
                ? is_kept_folder(settling, folder, name, path, depth, &code)
                : is_of_use(settling, folder, name, path, &found)))
        return code;
    return folder_remove(folder, name);
}

/* Takes the descriptor. */
static int folder_settle(const struct settling *settling, int fd, const char *path,
                         unsigned depth)
{
    DIR *entries = fdopendir(fd);
    struct dirent *entry;
    int code = 0;

    if (!entries) {
        code = -errno;
        close(fd);
        return code;
    }
    while (code == 0 && (errno = 0, entry = readdir(entries)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = entry_settle(settling, dirfd(entries), path, entry->d_name, depth);
    code = code == 0 ? -errno : code;
    closedir(entries);
    return code;
}

enum rc settle_code(int root, const struct tree *tree, struct arena *arena,
                    enum settled *states, struct leftovers *leftovers, struct err *err)
{
    const struct settling settling = { tree, arena, states, leftovers };
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code;

    *leftovers = (struct leftovers){
        .files = arena_array(arena, tree->entry_count, sizeof *leftovers->files),
        .rest = arena_array(arena, 2 * tree->entry_count, sizeof *leftovers->rest),
    };
    if (!leftovers->files || !leftovers->rest) {
        fd_scoped(&fd);
        return err_set(err, RC_NO_MEMORY, "no memory for the list of files");
    }
    code = fd < 0 ? -errno : folder_settle(&settling, fd, "", 0);
    return code == 0 ? RC_OK
                     : err_set_sys(err, rc_of_errno(-code), -code,
                                   "cannot use the folder of the code again");
}

int leftover_open(int root, const char *path, const char **last)
{
    const char *slash = strrchr(path, '/');
    char parent[TREE_PATH_MAX + 1];

    *last = slash ? slash + 1 : path;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash ? slash - path : 1),
             slash ? path : ".");
    return open_beneath(root, parent, O_RDONLY | O_DIRECTORY);
}

static int remove_all(int root, const char *const *paths, size_t count)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < count; i++) {
        const char *last;
        scoped_fd int folder = leftover_open(root, paths[i], &last);

        code = folder < 0 ? folder : folder_remove(folder, last);
    }
    return code == -ENOENT ? 0 : code;
}

enum rc leftovers_remove(int root, const struct leftovers *leftovers, struct err *err)
{
    int code = remove_all(root, leftovers->rest, leftovers->rest_count);

    /* Those in a folder that has gone are gone. */
    for (size_t i = 0; code == 0 && i < leftovers->file_count; i++)
        code = remove_all(root, &leftovers->files[i], 1);
    return code == 0 ? RC_OK
                     : err_set_sys(err, rc_of_errno(-code), -code,
                                   "cannot use the folder of the code again");
}
