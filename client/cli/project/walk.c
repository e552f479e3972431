/* walk.c - see walk.h. */
#include "client/cli/project/walk.h"

#include "codecs/base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct walker {
    const char *folder;
    const struct vhignore *vhignore;
    struct texts *paths;
    struct err *err;
};

static enum rc walk_folder(struct walker *walker, const char *prefix, unsigned depth);

static enum rc visit(struct walker *walker, int folder_fd, const struct dirent *entry,
                     const char *path, unsigned depth)
{
    unsigned char type = entry->d_type;
    struct stat status;

    if (type == DT_UNKNOWN
        && fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        type = S_ISDIR(status.st_mode)   ? DT_DIR
               : S_ISREG(status.st_mode) ? DT_REG
               : S_ISLNK(status.st_mode) ? DT_LNK
                                         : DT_UNKNOWN;
    if (vhignore_matches(walker->vhignore, path, type == DT_DIR))
        return RC_OK;
    if (type == DT_DIR)
        return walk_folder(walker, path, depth + 1);
    if (type != DT_REG && type != DT_LNK)
        return RC_OK;
    if (walker->paths->count >= WALK_FILES_MAX)
        return err_set(walker->err, RC_FULL,
                       "%s holds more than %d files; a .vhignore file leaves out what is "
                       "not needed",
                       walker->folder, WALK_FILES_MAX);
    return texts_add(walker->paths, path)
               ? RC_OK
               : err_set(walker->err, RC_NO_MEMORY, "out of memory");
}

static enum rc walk_entries(struct walker *walker, DIR *dir, const char *prefix,
                            unsigned depth)
{
    scoped_buf path = { 0 };
    struct dirent *entry;

    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0
            || strcmp(name, ".sluice") == 0)
            continue;
        buf_clear(&path);
        buf_printf(&path, "%s%s%s", prefix, *prefix ? "/" : "", name);

        enum rc rc = visit(walker, dirfd(dir), entry, buf_string(&path), depth);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc walk_folder(struct walker *walker, const char *prefix, unsigned depth)
{
    scoped_buf path = { 0 };
    enum rc rc;

    buf_printf(&path, "%s%s%s", walker->folder, *prefix ? "/" : "", prefix);
    if (depth > WALK_DEPTH_MAX)
        return err_set(walker->err, RC_FULL, "%s lies deeper than %d folders",
                       buf_string(&path), WALK_DEPTH_MAX);

    DIR *dir = opendir(buf_string(&path));

    if (!dir)
        return err_set_sys(walker->err, rc_of_errno(errno), errno,
                           "cannot read folder %s", buf_string(&path));
    rc = walk_entries(walker, dir, prefix, depth);
    closedir(dir);
    return rc;
}

enum rc walk(const char *folder, const char *prefix, const struct vhignore *vhignore,
             struct texts *paths, struct err *err)
{
    struct walker walker = {
        .folder = folder, .vhignore = vhignore, .paths = paths, .err = err
    };

    return walk_folder(&walker, prefix, 0);
}
