/* streams.c - stdout, stderr, times, metadata and status of an attempt as files. */
#include "nodes/staging/streams.h"

#include "broker/artifacts/hasher.h"
#include "nodes/staging/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SAY_MAX = 4000, US_PER_S = 1000000 };

int64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

/* One line is one write, so that lines of several threads never mix. */
void attempt_say(const struct staging *staging, uint64_t token, const char *format, ...)
{
    char path[FOLDER_PATH_SIZE], text[SAY_MAX], line[SAY_MAX + TIME_TEXT_SIZE + 4],
        now[TIME_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    time_text(clock_us(), now);

    int size = snprintf(line, sizeof line, "%sZ %s\n", now, text);

    if (folder_path(staging, token, stream_name(STREAM_STATUS), path, NULL) != RC_OK)
        return;

    scoped_fd int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    /* A full disk loses the line: there is nowhere else to say it. */
    if (fd >= 0 && size > 0 && write_all(fd, line, (size_t)size) != 0)
        return;
}

enum rc streams_create(int folder, struct err *err)
{
    static const enum stream written[] = { STREAM_STDOUT, STREAM_STDERR };

    for (size_t i = 0; i < COUNT_OF(written); i++) {
        const char *name = stream_name(written[i]);
        scoped_fd int fd = openat(
            folder, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s", name);
    }
    return RC_OK;
}

static bool stream_may_miss(enum stream stream)
{
    return stream != STREAM_STDOUT && stream != STREAM_STDERR;
}

enum rc file_store(const struct store_port *port, int fd, bool with_legacy,
                   struct digest_set *set, uint64_t *size, struct err *err)
{
    struct digest_set read;
    uint64_t bytes;
    enum rc rc = file_digest(fd, with_legacy, &read, &bytes, err);

    if (rc == RC_OK)
        rc = port->put(port->context, fd, read.sha256, bytes, err);
    if (rc != RC_OK)
        return rc;
    *set = read;
    *size = bytes;
    return RC_OK;
}

bool failure_is_passing(enum rc rc)
{
    return rc == RC_FULL || rc == RC_UNREACHABLE || rc == RC_TIMEOUT || rc == RC_CANCELLED
           || rc == RC_NO_MEMORY;
}

static enum rc stream_collect(const struct store_port *port, int folder,
                              enum stream stream, struct arena *arena,
                              struct stream_object *object, struct err *err)
{
    scoped_fd int fd = open_regular(folder, stream_name(stream));
    struct digest_set set;
    struct stat found;
    uint64_t size;

    if (fd == -ENOENT && stream_may_miss(stream))
        return RC_OK;
    if (fd < 0)
        return err_set_sys(err, RC_INVALID, -fd, "cannot read the file");
    if (fstat(fd, &found) == 0 && found.st_size == 0)
        return RC_OK;

    enum rc rc = file_store(port, fd, false, &set, &size, err);

    if (rc != RC_OK)
        return rc;
    object->digest = arena_text(arena, set.sha256);
    object->size = size;
    if (!object->digest)
        return err_set(err, RC_NO_MEMORY, "no memory for the digest of a stream");
    return RC_OK;
}

enum rc streams_collect(const struct staging *staging, const struct store_port *port,
                        uint64_t token, int folder, struct arena *arena,
                        struct task_result *result, struct err *err)
{
    /* The status stream is the last: the others may still add to it. */
    _Static_assert(STREAM_STATUS == STREAM_COUNT - 1, "status is stored last");
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        enum stream stream = (enum stream)i;
        struct stream_object object = { 0 };
        enum rc rc = stream_collect(port, folder, stream, arena, &object, err);

        if (failure_is_passing(rc))
            return rc;
        if (rc != RC_OK)
            attempt_say(staging, token, "%s is lost: %s", stream_name(stream),
                        err ? err->text : rc_name(rc));
        result->streams[i] = object;
    }
    return RC_OK;
}

enum rc attempt_stream_read(const struct staging *staging, uint64_t token,
                            enum stream stream, uint64_t offset, uint32_t limit,
                            struct buf *out, uint64_t *size, struct err *err)
{
    scoped_fd int folder = -1;
    struct stat found;

    if ((unsigned)stream >= STREAM_COUNT || offset > INT64_MAX)
        return err_set(err, RC_INVALID, "there is no such stream or offset");

    enum rc rc = folder_open(staging, token, &folder, err);

    if (rc != RC_OK)
        return rc;

    scoped_fd int fd = open_regular(folder, stream_name(stream));

    if (fd == -ENOENT && stream_may_miss(stream)) {
        *size = 0;
        return RC_OK;
    }
    if (fd < 0 || fstat(fd, &found) != 0)
        return err_set(err, RC_NOT_FOUND, "attempt %" PRIu64 " has no file %s", token,
                       stream_name(stream));

    void *room = buf_room(out, limit);

    if (!room)
        return err_set(err, RC_NO_MEMORY, "no memory to read %s", stream_name(stream));

    ssize_t got;

    do
        got = pread(fd, room, limit, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set_sys(err, RC_IO, errno, "cannot read %s", stream_name(stream));
    if (!folder_is_of(staging, token, folder))
        return err_set(err, RC_NOT_FOUND, "attempt %" PRIu64 " has no folder any more",
                       token);
    buf_grew(out, (size_t)got);
    *size = (uint64_t)found.st_size;
    return RC_OK;
}
