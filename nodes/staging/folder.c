/* folder.c - paths of attempts, and opening, writing and removing without following
 * links. */
#include "nodes/staging/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PART_MAX = 255,
    DEPTH_MAX = 32 /* open folders while removing; what lies deeper is moved up first */
};

enum rc folder_path(const struct staging *staging, uint64_t token, const char *name,
                    char path[FOLDER_PATH_SIZE], struct err *err)
{
    int size = snprintf(path, FOLDER_PATH_SIZE, "%s/attempts/%" PRIu64 "%s%s",
                        staging->directory, token, name ? "/" : "", name ? name : "");

    if (size < 0 || size >= FOLDER_PATH_SIZE)
        return err_set(err, RC_INVALID,
                       "the path of the node's folder is too long, use a shorter one: %s",
                       staging->directory);
    return RC_OK;
}

static enum rc sys_error(struct err *err, int negative, const char *what,
                         const char *path)
{
    return err_set_sys(err, rc_of_errno(-negative), -negative, "%s %s", what, path);
}

/* The folder that holds those of all attempts. */
static int open_attempts(const struct staging *staging, bool make)
{
    char path[FOLDER_PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/attempts", staging->directory);

    if (size < 0 || size >= FOLDER_PATH_SIZE)
        return -ENAMETOOLONG;
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return -errno;

    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

enum rc folder_create(const struct staging *staging, uint64_t token, int *fd,
                      struct err *err)
{
    scoped_fd int attempts = open_attempts(staging, true);
    char name[32];

    if (attempts < 0)
        return sys_error(err, attempts, "cannot open attempts/ in", staging->directory);
    snprintf(name, sizeof name, "%" PRIu64, token);

    int rc = folder_remove(attempts, name);

    if (rc == 0 && mkdirat(attempts, name, 0700) != 0)
        rc = -errno;

    int made = rc == 0 ? open_beneath(attempts, name, O_RDONLY | O_DIRECTORY) : rc;

    if (made < 0)
        return sys_error(err, made, "cannot make the attempt's folder in",
                         staging->directory);
    *fd = made;
    return RC_OK;
}

enum rc folder_open(const struct staging *staging, uint64_t token, int *fd,
                    struct err *err)
{
    char path[FOLDER_PATH_SIZE];
    enum rc rc = folder_path(staging, token, NULL, path, err);

    if (rc != RC_OK)
        return rc;

    int found = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (found < 0)
        return sys_error(err, -errno, "cannot open", path);
    *fd = found;
    return RC_OK;
}

bool folder_is_of(const struct staging *staging, uint64_t token, int fd)
{
    char path[FOLDER_PATH_SIZE];
    struct stat open_one, named;

    return folder_path(staging, token, NULL, path, NULL) == RC_OK
           && fstat(fd, &open_one) == 0 && lstat(path, &named) == 0
           && open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

enum rc folder_rename(const struct staging *staging, uint64_t from, uint64_t to,
                      struct err *err)
{
    scoped_fd int attempts = open_attempts(staging, false);
    char old_name[32], name[32];
    int rc = attempts < 0 ? attempts : 0;

    snprintf(old_name, sizeof old_name, "%" PRIu64, from);
    snprintf(name, sizeof name, "%" PRIu64, to);
    if (rc == 0
        && syscall(SYS_renameat2, attempts, old_name, attempts, name, RENAME_NOREPLACE)
               != 0)
        rc = -errno;
    return rc == 0
               ? RC_OK
               : sys_error(err, rc, "cannot use again the folder of attempt", old_name);
}

enum rc attempt_remove(const struct staging *staging, uint64_t token, struct err *err)
{
    scoped_fd int attempts = open_attempts(staging, false);
    char name[32];

    cache_release(staging->cache, token);

    if (attempts == -ENOENT)
        return RC_OK;
    if (attempts < 0)
        return sys_error(err, attempts, "cannot open attempts/ in", staging->directory);
    snprintf(name, sizeof name, "%" PRIu64, token);

    int rc = folder_remove(attempts, name);

    return rc == 0 ? RC_OK : sys_error(err, rc, "cannot remove attempt", name);
}

/* The first part of *path into part, and *path behind it. */
static int next_part(const char **path, char part[PART_MAX + 1])
{
    size_t size = strcspn(*path, "/");

    if (size == 0 || size > PART_MAX)
        return size == 0 ? -ENOENT : -ENAMETOOLONG;
    memcpy(part, *path, size);
    part[size] = '\0';
    *path += size + ((*path)[size] == '/');
    return 0;
}

/* Part by part: for kernels and sandboxes without openat2, and for very long paths. */
static int open_parts(int folder, const char *path, int flags)
{
    scoped_fd int held = -1;

    for (;;) {
        char part[PART_MAX + 1];
        int rc = next_part(&path, part);
        int from = held >= 0 ? held : folder;

        if (rc != 0)
            return rc;
        if (*path == '\0') {
            int fd = openat(from, part, flags | O_NOFOLLOW | O_CLOEXEC);

            return fd < 0 ? -errno : fd;
        }

        int next = openat(from, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (next < 0)
            return -errno;
        if (held >= 0)
            close(held);
        held = next;
    }
}

int open_beneath(int folder, const char *path, int flags)
{
    struct open_how how = { .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
                            .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };
    long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);

    if (fd >= 0)
        return (int)fd;
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == EACCES
        || errno == ENXIO)
        return -errno;
    return open_parts(folder, path, flags);
}

int open_parent(int folder, const char *path, const char **last)
{
    int held = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = held < 0 ? -errno : 0;

    while (rc == 0 && strchr(path, '/')) {
        char part[PART_MAX + 1];

        rc = next_part(&path, part);
        if (rc == 0 && mkdirat(held, part, 0755) != 0 && errno != EEXIST)
            rc = -errno;

        int next = rc == 0 ? open_beneath(held, part, O_RDONLY | O_DIRECTORY) : rc;

        if (next < 0)
            rc = next;
        close(held);
        held = next;
    }
    if (rc != 0)
        return rc;
    *last = path;
    return held;
}

int open_regular(int folder, const char *path)
{
    struct stat found;
    int fd = open_beneath(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return fd;
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        close(fd);
        return -ENXIO;
    }
    return fd;
}

int write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t written = write(fd, at, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

enum rc file_write(int folder, const char *name, const void *bytes, size_t size,
                   mode_t mode, struct err *err)
{
    char draft[PART_MAX + 1];

    snprintf(draft, sizeof draft, ".%s.new", name);
    if (unlinkat(folder, draft, 0) != 0 && errno != ENOENT)
        return sys_error(err, -errno, "cannot write", name);

    scoped_fd int fd =
        openat(folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -errno : write_all(fd, bytes, size);

    if (rc == 0 && fchmod(fd, mode) != 0)
        rc = -errno;
    if (rc == 0 && renameat(folder, draft, folder, name) != 0)
        rc = -errno;
    return rc == 0 ? RC_OK : sys_error(err, rc, "cannot write", name);
}

enum rc file_read(int folder, const char *path, size_t max, struct buf *out,
                  struct err *err)
{
    scoped_fd int fd = open_regular(folder, path);
    size_t total = 0;

    if (fd == -ENXIO || fd == -ELOOP)
        return err_set(err, RC_INVALID, "%s is no regular file", path);
    if (fd < 0)
        return sys_error(err, fd, "cannot read", path);
    for (;;) {
        size_t piece = 64 << 10;
        void *room = buf_room(out, piece);
        ssize_t got = room ? read(fd, room, piece) : 0;

        if (!room)
            return err_set(err, RC_NO_MEMORY, "no memory to read %s", path);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sys_error(err, -errno, "cannot read", path);
        if (got == 0)
            return RC_OK;
        total += (size_t)got;
        if (total > max)
            return err_set(err, RC_INVALID, "%s is larger than %zu bytes", path, max);
        buf_grew(out, (size_t)got);
    }
}

struct removal {
    int top;        /* the folder that is being removed, where deep ones are moved to */
    uint64_t moved; /* names for them */
};

static int remove_entry(struct removal *removal, int folder, const char *name,
                        unsigned depth);

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Reads the folder again until it is empty, as removing may make a reading skip entries.
 */
static int remove_entries(struct removal *removal, DIR *entries, unsigned depth)
{
    for (bool is_empty = false; !is_empty;) {
        struct dirent *entry;

        is_empty = true;
        rewinddir(entries);
        while (errno = 0, (entry = readdir(entries)) != NULL) {
            if (is_dots(entry->d_name))
                continue;

            int rc = remove_entry(removal, dirfd(entries), entry->d_name, depth);

            if (rc != 0)
                return rc;
            is_empty = false;
        }
        if (errno != 0)
            return -errno;
    }
    return 0;
}

/* Moves a folder that lies too deep next to the topmost ones, where it is met again. */
static int move_up(struct removal *removal, int folder, const char *name)
{
    for (;;) {
        char up[32];

        snprintf(up, sizeof up, ".deep-%" PRIu64, removal->moved++);
        if (renameat(folder, name, removal->top, up) == 0)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
            return -errno;
    }
}

static int remove_folder(struct removal *removal, int folder, const char *name,
                         unsigned depth)
{
    if (fchmodat(folder, name, 0700, AT_SYMLINK_NOFOLLOW) != 0 && errno != EOPNOTSUPP)
        return -errno;
    if (depth == DEPTH_MAX)
        return move_up(removal, folder, name);

    int fd = open_beneath(folder, name, O_RDONLY | O_DIRECTORY);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);

    if (!entries) {
        int rc = fd < 0 ? fd : -errno;

        if (fd >= 0)
            close(fd);
        return rc;
    }
    if (removal->top < 0)
        removal->top = fd;

    int rc = remove_entries(removal, entries, depth + 1);

    closedir(entries);
    if (rc == 0 && unlinkat(folder, name, AT_REMOVEDIR) != 0)
        rc = -errno;
    return rc;
}

static int remove_entry(struct removal *removal, int folder, const char *name,
                        unsigned depth)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return -errno;

    struct stat found;

    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (!S_ISDIR(found.st_mode))
        return -EACCES;
    return remove_folder(removal, folder, name, depth);
}

int folder_remove(int parent, const char *name)
{
    struct removal removal = { .top = -1 };

    return remove_entry(&removal, parent, name, 0);
}
