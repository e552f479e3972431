/* tail.c - growth of files into marks and lines. */
#include "nodes/staging/tail.h"

#include "codecs/wire/metadata_line.h"
#include "nodes/staging/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECES_MAX = 4, REPLAYED_MAX = 4096 /* marks of one call */ };

/* The index of an attempt that has written nothing need not be there. */
static enum rc times_open(struct tail *tail, struct err *err)
{
    unsigned char bytes[TIME_MARK_BYTES];
    struct time_mark mark;
    struct stat found;

    tail->times =
        open_beneath(tail->folder, stream_name(STREAM_TIMES), O_RDWR | O_NONBLOCK);
    if (tail->times == -ENOENT)
        return RC_OK;
    if (tail->times < 0 || fstat(tail->times, &found) != 0 || !S_ISREG(found.st_mode))
        return err_set(err, RC_IO, "cannot open the times index of the attempt");
    tail->times_size = (uint64_t)found.st_size / TIME_MARK_BYTES * TIME_MARK_BYTES;
    /* Half a mark at the end: the agent died while it wrote. */
    if (tail->times_size != (uint64_t)found.st_size
        && ftruncate(tail->times, (off_t)tail->times_size) != 0)
        return err_set_sys(err, RC_IO, errno, "cannot mend the times index");
    if (tail->times_size > 0
        && pread(tail->times, bytes, sizeof bytes,
                 (off_t)(tail->times_size - TIME_MARK_BYTES))
               == TIME_MARK_BYTES
        && time_mark_decode(bytes, &mark))
        tail->last_us = mark.unix_us;
    return RC_OK;
}

enum rc tail_open(struct tail *tail, int folder, struct err *err)
{
    *tail = (struct tail){ .folder = folder, .times = -1 };
    buf_init(&tail->line, METADATA_LINE_MAX + 1);
    tail->out = open_regular(folder, stream_name(STREAM_STDOUT));
    tail->error = open_regular(folder, stream_name(STREAM_STDERR));

    enum rc rc = tail->out < 0 || tail->error < 0
                     ? err_set(err, RC_IO, "cannot open stdout and stderr of the attempt")
                     : times_open(tail, err);

    if (rc != RC_OK)
        tail_close(tail);
    return rc;
}

void tail_close(struct tail *tail)
{
    fd_scoped(&tail->out);
    fd_scoped(&tail->error);
    fd_scoped(&tail->times);
    buf_fini(&tail->line);
    *tail = (struct tail){ .out = -1, .error = -1, .times = -1 };
}

static void lines_take(struct tail *tail, const char *bytes, size_t size,
                       const struct line_taker *taker)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end ? (size_t)(end - bytes) : size;

        if (end && tail->line.size == 0 && !tail->is_overlong) {
            taker->take(taker->context, bytes, part, tail->out_us);
        } else {
            if (tail->line.size + part > METADATA_LINE_MAX)
                tail->is_overlong = true;
            else if (!tail->is_overlong)
                buf_add(&tail->line, bytes, part);
            if (end)
                tail_end(tail, taker);
        }
        part += end != NULL;
        bytes += part;
        size -= part;
    }
}

void tail_end(struct tail *tail, const struct line_taker *taker)
{
    if (!tail->is_overlong && buf_ok(&tail->line) && tail->line.size > 0)
        taker->take(taker->context, (const char *)tail->line.data, tail->line.size,
                    tail->out_us);
    tail->is_overlong = false;
    buf_clear(&tail->line);
}

/* A mark that cannot be written is left out: the next one covers its bytes. */
static void mark_write(struct tail *tail, enum stream stream, uint64_t end,
                       int64_t now_us)
{
    struct time_mark mark = { now_us, end, stream };
    unsigned char bytes[TIME_MARK_BYTES];

    time_mark_encode(&mark, bytes);
    tail->last_us = now_us;
    if (tail->times < 0)
        tail->times =
            openat(tail->folder, stream_name(STREAM_TIMES),
                   O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (pwrite(tail->times, bytes, sizeof bytes, (off_t)tail->times_at) == sizeof bytes)
        tail->times_at += sizeof bytes;
}

/* Bytes of stdout read and handed on, at most size. */
static size_t out_read(struct tail *tail, char *piece, size_t size, int64_t unix_us,
                       bool is_new, const struct line_taker *taker)
{
    ssize_t got;

    if (size > TAIL_PIECE_BYTES)
        size = TAIL_PIECE_BYTES;
    do
        got = pread(tail->out, piece, size, (off_t)tail->out_at);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return 0;
    tail->out_at += (uint64_t)got;
    tail->out_us = unix_us;
    if (is_new)
        mark_write(tail, STREAM_STDOUT, tail->out_at, unix_us);
    lines_take(tail, piece, (size_t)got, taker);
    return (size_t)got;
}

static void error_read(struct tail *tail, int64_t now_us)
{
    struct stat found;

    if (fstat(tail->error, &found) != 0 || (uint64_t)found.st_size <= tail->error_at)
        return;
    tail->error_at = (uint64_t)found.st_size;
    mark_write(tail, STREAM_STDERR, tail->error_at, now_us);
}

/* Goes through one old mark; false when its bytes are not all read yet. */
static bool mark_replay(struct tail *tail, char *piece, unsigned *pieces,
                        const struct line_taker *taker)
{
    unsigned char bytes[TIME_MARK_BYTES];
    struct time_mark mark;
    bool is_mark =
        pread(tail->times, bytes, sizeof bytes, (off_t)tail->times_at) == TIME_MARK_BYTES
        && time_mark_decode(bytes, &mark);

    if (is_mark && mark.stream == STREAM_STDERR && mark.end > tail->error_at)
        tail->error_at = mark.end;
    while (is_mark && mark.stream == STREAM_STDOUT && mark.end > tail->out_at) {
        if (*pieces == 0)
            return false;
        --*pieces;
        if (out_read(tail, piece, mark.end - tail->out_at, mark.unix_us, false, taker)
            == 0)
            break;
    }
    tail->times_at += TIME_MARK_BYTES;
    return true;
}

bool tail_read(struct tail *tail, char *piece, int64_t now_us,
               const struct line_taker *taker)
{
    unsigned pieces = PIECES_MAX, replayed = 0;

    while (tail->times_at < tail->times_size)
        if (replayed++ == REPLAYED_MAX || !mark_replay(tail, piece, &pieces, taker))
            return true;
    tail->times_size = 0; /* what follows is new */
    error_read(tail, now_us);
    while (pieces > 0)
        if (--pieces, out_read(tail, piece, TAIL_PIECE_BYTES, now_us, true, taker) == 0)
            return false;
    return true;
}
