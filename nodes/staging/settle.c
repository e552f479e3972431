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
    bool *is_there;
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

static bool has_folder(const struct tree *tree, const char *path)
{
    char below[TREE_PATH_MAX + 2];
    int size = snprintf(below, sizeof below, "%s/", path);
    size_t at = entry_from(tree, below);

    return at < tree->entry_count
           && strncmp(tree->entries[at].path, below, (size_t)size) == 0;
}

static bool is_same_link(int folder, const char *name, const struct tree_entry *entry)
{
    char target[TREE_PATH_MAX + 1];
    ssize_t size = readlinkat(folder, name, target, sizeof target);

    return size >= 0 && (size_t)size == strlen(entry->target)
           && memcmp(target, entry->target, (size_t)size) == 0;
}

/* The bytes are read: times can be set, and are too coarse to tell. */
static bool is_same_file(int folder, const char *name, const struct tree_entry *entry)
{
    scoped_fd int fd = open_regular(folder, name);
    struct digest_set set;
    struct stat found;
    uint64_t size;

    return fd >= 0 && fstat(fd, &found) == 0 && found.st_nlink == 1
           && found.st_uid == geteuid() && (found.st_mode & 07777) == (entry->mode & 0777)
           && (uint64_t)found.st_size == entry->size && entry->size <= COMPARED_MAX
           && digest_file(fd, false, &set, &size, NULL) == RC_OK
           && strcmp(set.sha256, entry->digest) == 0;
}

static bool is_as_it_should(const struct settling *settling, int folder, const char *name,
                            const char *path, bool is_link)
{
    const struct tree *tree = settling->tree;
    size_t at = entry_from(tree, path);

    if (at == tree->entry_count || strcmp(tree->entries[at].path, path) != 0
        || S_ISLNK(tree->entries[at].mode) != is_link)
        return false;
    settling->is_there[at] = is_link ? is_same_link(folder, name, &tree->entries[at])
                                     : is_same_file(folder, name, &tree->entries[at]);
    return settling->is_there[at];
}

static int folder_settle(const struct settling *settling, int fd, const char *path,
                         unsigned depth);

/* Whether it was a folder that stays; *code: 0 or a negative errno. */
static bool is_kept_folder(const struct settling *settling, int folder, const char *name,
                           const char *path, unsigned depth, int *code)
{
    struct stat found;

    if (depth == DEPTH_MAX || !has_folder(settling->tree, path))
        return false;

    int fd = open_beneath(folder, name, O_RDONLY | O_DIRECTORY);

    if (fd < 0)
        return false;
    if (fstat(fd, &found) != 0 || (found.st_mode & 0700) != 0700
        || found.st_uid != geteuid()) {
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
                : is_as_it_should(settling, folder, name, path, S_ISLNK(found.st_mode))))
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

enum rc settle_code(int root, const struct tree *tree, bool *is_there, struct err *err)
{
    const struct settling settling = { tree, is_there };
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = fd < 0 ? -errno : folder_settle(&settling, fd, "", 0);

    return code == 0 ? RC_OK
                     : err_set_sys(err, rc_of_errno(-code), -code,
                                   "cannot use the folder of the code again");
}
