/* base.c - the few functions behind base.h. */
#include "codecs/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[RC_COUNT] = {
    [RC_OK] = "ok",
    [RC_NO_MEMORY] = "no-memory",
    [RC_INVALID] = "invalid",
    [RC_NOT_FOUND] = "not-found",
    [RC_CONFLICT] = "conflict",
    [RC_FULL] = "full",
    [RC_IO] = "io",
    [RC_DENIED] = "denied",
    [RC_UNREACHABLE] = "unreachable",
    [RC_TIMEOUT] = "timeout",
    [RC_PROTOCOL] = "protocol",
    [RC_UNSUPPORTED] = "unsupported",
    [RC_CANCELLED] = "cancelled",
    [RC_CORRUPT] = "corrupt",
};

const char *rc_name(enum rc rc)
{
    return (unsigned)rc < RC_COUNT ? names[rc] : "unknown";
}

enum rc rc_by_name(const char *name, size_t size)
{
    for (unsigned i = 0; i < RC_COUNT; i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
            return (enum rc)i;
    return RC_IO;
}

enum rc rc_of_errno(int sys)
{
    switch (sys) {
    case ENOMEM:
        return RC_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return RC_FULL;
    case ENOENT:
        return RC_NOT_FOUND;
    case EEXIST:
        return RC_CONFLICT;
    case EACCES:
    case EPERM:
    case EROFS:
        return RC_DENIED;
    default:
        return RC_IO;
    }
}

PRINTF_LIKE(2, 0)
static void err_format(struct err *err, const char *format, va_list arguments)
{
    if (vsnprintf(err->text, sizeof err->text, format, arguments) < 0)
        err->text[0] = '\0';
}

enum rc err_set(struct err *err, enum rc rc, const char *format, ...)
{
    va_list arguments;

    if (!err)
        return rc;
    err->rc = rc;
    err->sys = 0;
    va_start(arguments, format);
    err_format(err, format, arguments);
    va_end(arguments);
    return rc;
}

enum rc err_set_sys(struct err *err, enum rc rc, int sys, const char *format, ...)
{
    va_list arguments;

    if (!err)
        return rc;
    err->rc = rc;
    err->sys = sys;
    va_start(arguments, format);
    err_format(err, format, arguments);
    va_end(arguments);

    size_t used = strlen(err->text);
    char detail[128];

    snprintf(err->text + used, sizeof err->text - used, ": %s",
             strerror_r(sys, detail, sizeof detail));
    return rc;
}

uint64_t bytes_hash(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

void must_failed(const char *file, int line, const char *function, const char *what)
{
    fprintf(stderr, "sluice: bug: %s:%d: %s: must hold: %s\n", file, line, function,
            what);
    abort();
}

void fd_scoped(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
