/* own_file.c - see own_file.h. */
#include "nodes/supervisor/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAGS = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

/* Whether the open file has this name alone, is ours, and gets the mode. */
static bool file_claim(int fd, mode_t mode, off_t *size)
{
    struct stat found;

    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode) || found.st_nlink != 1
        || found.st_uid != geteuid())
        return false;
    *size = found.st_size;
    return (found.st_mode & 07777) == mode || fchmod(fd, mode) == 0;
}

/* A descriptor of a file that may be written over, or a negative errno. */
static int file_open(int folder, const char *name, mode_t mode, off_t *size)
{
    int fd = openat(folder, name, FLAGS | O_CREAT, mode);

    /* Read-only, as the one before was given to its task. */
    if (fd < 0 && errno == EACCES
        && fchmodat(folder, name, S_IWUSR, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(folder, name, FLAGS);
    if (fd >= 0 && file_claim(fd, mode, size))
        return fd;
    if (fd >= 0)
        close(fd);
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        return -errno;
    fd = openat(folder, name, FLAGS | O_CREAT | O_EXCL, mode);
    if (fd < 0)
        return -errno;
    if (file_claim(fd, mode, size))
        return fd;
    close(fd);
    return -EIO;
}

static int file_fill(int fd, const void *bytes, size_t size, off_t old_size)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(fd, (const char *)bytes + done, size - done);

        if (wrote < 0 && errno != EINTR)
            return -errno;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    if (old_size > (off_t)size && ftruncate(fd, (off_t)size) != 0)
        return -errno;
    return 0;
}

enum rc own_file_write(int folder, const char *name, const void *bytes, size_t size,
                       mode_t mode, struct err *err)
{
    off_t old_size = 0;
    scoped_fd int fd = file_open(folder, name, mode, &old_size);
    int code = fd < 0 ? fd : file_fill(fd, bytes, size, old_size);

    if (code == 0)
        return RC_OK;
    return err_set_sys(err, rc_of_errno(-code), -code, "cannot write %s", name);
}
