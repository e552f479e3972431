/* base.h - failure codes, error texts, assertions and scoped cleanup.
 *
 * Every module includes this file and nothing of it depends on another module. It holds
 * no state. Four kinds of failure have four answers: a bug stops the process (must), a
 * peer's mistake is answered, a lack of something goes up the stack as an enum rc, a
 * doubt about durability stops the daemon. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODISCARD                  __attribute__((warn_unused_result))
#define PRINTF_LIKE(text_at, args) __attribute__((format(printf, text_at, args)))

/* Alignment of large blocks that files are read into or written from. Copies between such
 * a block and the file cache are up to twice as slow when the block begins a few bytes
 * behind a page's start, as one of malloc does. */
enum { COPY_ALIGN = 4096 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The closed list of outcomes. The names are part of the wire protocol (rc_name). */
enum rc {
    RC_OK,
    RC_NO_MEMORY, /* an allocation failed or a configured memory limit was reached */
    RC_INVALID,   /* the input is wrong; the text says where and how to mend it */
    RC_NOT_FOUND, /* the named thing does not exist */
    RC_CONFLICT,  /* the named thing exists already, or is in a state that forbids this */
    RC_FULL,      /* disk, map or queue is full; nothing was changed; try again later */
    RC_IO,        /* the operating system failed; err.sys has errno */
    RC_DENIED,    /* permission */
    RC_UNREACHABLE, /* the peer cannot be reached */
    RC_TIMEOUT,     /* the peer did not answer in time */
    RC_PROTOCOL,    /* the peer sent bytes that do not decode */
    RC_UNSUPPORTED, /* understood, but not offered by this version */
    RC_CANCELLED,   /* somebody asked to stop */
    RC_CORRUPT,     /* stored bytes fail their check */
    RC_COUNT
};

enum { ERR_TEXT_MAX = 1000 };

struct err {
    enum rc rc;
    int sys;                 /* errno, zmq_errno or MDB code as it was; 0 if none */
    char text[ERR_TEXT_MAX]; /* UTF-8, written once, where the failure was seen */
};

/* Writes code and text (cut at ERR_TEXT_MAX) and returns rc, so: return err_set(...).
 * A NULL err is allowed. err_set_sys also keeps sys and appends ": <strerror(sys)>". */
enum rc err_set(struct err *err, enum rc rc, const char *format, ...) PRINTF_LIKE(3, 4);
enum rc err_set_sys(struct err *err, enum rc rc, int sys, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* FNV-1a: for tables, of bytes that nobody gains by making collide. */
uint64_t bytes_hash(const void *bytes, size_t size);

/* The rc for an errno: ENOMEM, ENOSPC/EDQUOT/EFBIG, ENOENT, EEXIST, EACCES/EPERM/EROFS;
 * else RC_IO. */
enum rc rc_of_errno(int sys);

/* Stable lower-case name, for instance "not-found"; "unknown" outside the range. */
const char *rc_name(enum rc rc);
/* The code for a name; RC_IO for a name that is not known. */
enum rc rc_by_name(const char *name, size_t size);

/* An assertion that is there in every build: prints place and condition, then abort(). */
#define must(condition)                                                                  \
    ((condition) ? (void)0 : must_failed(__FILE__, __LINE__, __func__, #condition))
#define unreachable_because(why) must_failed(__FILE__, __LINE__, __func__, why)
__attribute__((noreturn, cold)) void must_failed(const char *file, int line,
                                                 const char *function, const char *what);

/* scoped(x) p = x_create(); destroys at the end of the scope; steal(&p) hands it out. */
#define scoped(type) __attribute__((cleanup(type##_scoped))) struct type *
#define SCOPED(type)                                                                     \
    static inline void type##_scoped(struct type **p)                                    \
    {                                                                                    \
        type##_destroy(*p);                                                              \
    }
#define steal(p)                                                                         \
    __extension__({                                                                      \
        __typeof__(*(p)) held_ = *(p);                                                   \
        *(p) = NULL;                                                                     \
        held_;                                                                           \
    })

/* scoped_fd int fd = open(...); closes at the end of the scope unless it is negative. */
#define scoped_fd __attribute__((cleanup(fd_scoped)))
void fd_scoped(int *fd);
