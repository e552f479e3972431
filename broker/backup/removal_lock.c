/* removal_lock.c - see removal_lock.h. */
#include "broker/backup/removal_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static enum rc take(const char *directory, int how, const char *held, int *lock,
                    struct err *err)
{
    char path[PATH_MAX];
    scoped_fd int fd = -1;

    if (snprintf(path, sizeof path, "%s/removal.lock", directory) >= PATH_MAX)
        return err_set(err, RC_INVALID, "the path is too long: %s", directory);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s", path);
    if (flock(fd, how | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? err_set(err, RC_CONFLICT, "%s", held)
                   : err_set_sys(err, rc_of_errno(errno), errno, "cannot lock %s", path);
    *lock = fd;
    fd = -1;
    return RC_OK;
}

enum rc removal_prevent(const char *directory, int *lock, struct err *err)
{
    struct err own;
    enum rc rc = take(directory, LOCK_SH,
                      "sluice gc removes files at this moment: try again when it has "
                      "ended",
                      lock, &own);

    if (rc != RC_OK && own.sys == EROFS) {
        *lock = -1;
        return RC_OK;
    }
    if (rc != RC_OK)
        *err = own;
    return rc;
}

enum rc removal_begin(const char *directory, int *lock, struct err *err)
{
    return take(directory, LOCK_EX,
                "a backup of the broker's folder is being made: remove files when it "
                "has ended",
                lock, err);
}
