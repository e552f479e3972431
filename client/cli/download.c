/* download.c - see download.h. */
#include "client/cli/download.h"

#include "client/cli/versions/removed.h"
#include "codecs/plan/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0777, FILE_MODE = 0666 };

struct download {
    struct cli *cli;
    const char *folder;
    bool overwrite;
    int fd;
};

static int fail(const struct download *self, const char *path, int sys)
{
    return cli_fail(self->cli, EXIT_FAILED, "cannot write %s/%s: %s", self->folder, path,
                    strerror(sys));
}

int download_open(struct cli *cli, const char *folder, bool overwrite,
                  struct download **download)
{
    struct download *self = calloc(1, sizeof *self);

    if (!self)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    *self = (struct download){
        .cli = cli, .folder = folder, .overwrite = overwrite, .fd = -1
    };
    if (mkdir(folder, FOLDER_MODE) == 0 || errno == EEXIST)
        self->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->fd < 0) {
        int sys = errno;

        free(self);
        return cli_fail(cli, EXIT_FAILED, "cannot use folder %s: %s", folder,
                        strerror(sys));
    }
    *download = self;
    return EXIT_GO_ON;
}

void download_close(struct download *download)
{
    if (!download)
        return;
    close(download->fd);
    free(download);
}

/* Opens the folder that the file lies in; *name is what is left of the path. */
static int open_parent(const struct download *self, const char *path, const char **name)
{
    int folder = fcntl(self->fd, F_DUPFD_CLOEXEC, 0);
    const char *slash;

    for (; folder >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
        char part[TREE_PATH_MAX];
        int inner = -1;

        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(folder, part, FOLDER_MODE) == 0 || errno == EEXIST)
            inner = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        int sys = errno;

        close(folder);
        errno = sys;
        folder = inner;
    }
    *name = path;
    return folder;
}

static int fetch(const struct download *self, int folder, const char *path,
                 const char *name, const char *digest)
{
    char part[64];
    scoped_fd int fd = -1;

    snprintf(part, sizeof part, ".sluice-part-%d", (int)getpid());
    unlinkat(folder, part, 0);
    fd = openat(folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                FILE_MODE);
    if (fd < 0)
        return fail(self, path, errno);
    if (sluice_get(self->cli->sluice, digest, fd, NULL, NULL, &self->cli->error)) {
        unlinkat(folder, part, 0);
        return removed_fail(self->cli, path, digest);
    }
    if (renameat2(folder, part, folder, name, self->overwrite ? 0 : RENAME_NOREPLACE)
        < 0) {
        int sys = errno;

        unlinkat(folder, part, 0);
        return fail(self, path, sys);
    }
    return EXIT_GO_ON;
}

int download_file(struct download *self, const char *path, const char *digest)
{
    const char *name;
    struct stat status;

    if (!tree_path_is_safe(path) || !digest)
        return cli_fail(self->cli, EXIT_WRONG,
                        "the output \"%s\" has a name that cannot be written", path);

    scoped_fd int folder = open_parent(self, path, &name);

    if (folder < 0 && (errno == ELOOP || errno == ENOTDIR))
        return cli_fail(self->cli, EXIT_WRONG,
                        "%s/%s would pass through a link or a file that is there",
                        self->folder, path);
    if (folder < 0)
        return fail(self, path, errno);
    if (!self->overwrite && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return cli_fail(self->cli, EXIT_WRONG,
                        "%s/%s is there already; --overwrite replaces it", self->folder,
                        path);
    return fetch(self, folder, path, name, digest);
}
