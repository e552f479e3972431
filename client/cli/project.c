/* project.c - see project.h. */
#include "client/cli/project.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *project_path(const char *project, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", strcmp(project, "/") == 0 ? "" : project, name) < 0
               ? NULL
               : path;
}

bool project_has(const char *project, const char *name)
{
    char *path = project_path(project, name);
    bool has = path && access(path, F_OK) == 0;

    free(path);
    return has;
}

char *project_find(const char *start)
{
    char *folder = realpath(start ? start : ".", NULL);

    while (folder) {
        char *slash = strrchr(folder, '/');

        if (project_has(folder, "valohai.yaml") || project_has(folder, ".sluice"))
            return folder;
        if (!slash[1])
            break;
        slash[slash == folder] = '\0';
    }
    free(folder);
    return NULL;
}

enum rc file_read(const char *path, size_t max, struct buf *bytes, struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, RC_INVALID, "%s is not a regular file", path);
    for (;;) {
        void *room = buf_room(bytes, 64 << 10);

        if (!room)
            return err_set(err, RC_NO_MEMORY, "cannot keep %s in memory", path);
        ssize_t got = read(fd, room, 64 << 10);

        if (got < 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
        if (got == 0)
            return RC_OK;
        buf_grew(bytes, (size_t)got);
        if (bytes->size > max)
            return err_set(err, RC_INVALID, "%s has more than %zu bytes", path, max);
    }
}
