/* write_all.c - see write_all.h. */
#include "client/lib/write_all.h"

#include <errno.h>
#include <unistd.h>

enum rc file_write_all(int fd, const void *bytes, size_t size, const char *what,
                       struct err *err)
{
    const unsigned char *at = bytes;

    while (size > 0) {
        ssize_t wrote = write(fd, at, size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot write %s", what);
        at += wrote;
        size -= (size_t)wrote;
    }
    return RC_OK;
}
