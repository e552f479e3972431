/* project.c - see project.h. */
#include "client/cli/project/project.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    enum { PIECE = 64 << 10 };
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t start = bytes->size;

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    while (bytes->size - start < max) {
        size_t left = max - (bytes->size - start);
        void *room = buf_room(bytes, PIECE);
        ssize_t got;

        if (!room)
            return err_set(err, RC_NO_MEMORY, "cannot keep %s in memory", path);
        got = read(fd, room, left < PIECE ? left : PIECE);
        if (got == 0)
            break;
        if (got < 0 && errno == EISDIR)
            return err_set(err, RC_INVALID, "%s is a folder", path);
        if (got < 0 && errno != EINTR)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
        if (got > 0)
            buf_grew(bytes, (size_t)got);
    }
    return RC_OK;
}
