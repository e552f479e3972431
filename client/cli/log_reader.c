/* log_reader.c - see log_reader.h.
 *
 * A cursor reads one stream: live through the broker, or, for an earlier attempt, from
 * its stored file. Without times and with one stream the bytes go out as they are. */
#include "client/cli/log_reader.h"

#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "codecs/wire/times.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 << 10, WAIT_MS = 100, STATE_LOOKS = 10, CURSORS = 5 };

struct cursor {
    uint64_t at, total;
    bool is_final;
    bool is_stored; /* fd holds the stream; else the broker is asked */
    int fd;
    struct buf line; /* what came and was not printed yet */
};

struct log {
    struct cli *cli;
    const struct target *target;
    const struct log_request *request;
    struct cursor cursors[CURSORS]; /* by enum sluice_stream */
    uint32_t attempt;
    unsigned waits;
    bool printed;
    char piece[PIECE_BYTES];
};

/* Reads at most size bytes. A new attempt makes all cursors begin again. */
static int cursor_read(struct log *log, enum sluice_stream stream, size_t size,
                       size_t *got)
{
    struct cursor *cursor = &log->cursors[stream];
    uint32_t attempt;

    if (size > sizeof log->piece)
        size = sizeof log->piece;
    if (cursor->is_stored) {
        ssize_t n = pread(cursor->fd, log->piece, size, (off_t)cursor->at);

        *got = n > 0 ? (size_t)n : 0;
        cursor->at += *got;
        return EXIT_GO_ON;
    }
    if (sluice_stream_read(log->cli->sluice, log->target->run, log->target->stage->name,
                           log->target->task, stream, cursor->at, log->piece, size, got,
                           &cursor->total, &cursor->is_final, &attempt, &log->cli->error))
        return cli_fail_last(log->cli);
    if (attempt != log->attempt && log->attempt) {
        for (size_t i = 0; i < CURSORS; i++) {
            log->cursors[i].at = 0;
            buf_clear(&log->cursors[i].line);
        }
        *got = 0;
        cursor->is_final = false;
    }
    log->attempt = attempt;
    cursor->at += *got;
    return EXIT_GO_ON;
}

static bool cursor_ended(const struct cursor *cursor)
{
    return cursor->is_final && cursor->at >= cursor->total;
}

static void print_line(struct log *log, enum sluice_stream stream, int64_t time_us,
                       const char *bytes, size_t size)
{
    log->printed = true;
    if (log->cli->json) {
        scoped_json json = { 0 };

        json_open(&json, NULL, '{');
        json_text(&json, "stream",
                  stream == SLUICE_STDOUT   ? "stdout"
                  : stream == SLUICE_STDERR ? "stderr"
                                            : "status");
        json_time(&json, "time", time_us);
        json_value(
            &json, "text",
            &(struct value){
                .kind = VALUE_STRING,
                .string = { bytes, size && bytes[size - 1] == '\n' ? size - 1 : size } });
        json_close(&json, '}');
        json_print(&json, stdout);
        return;
    }
    if (log->request->times && time_us)
        printf("%s.%03d ", human_clock(time_us).text, (int)(time_us / 1000 % 1000));
    fwrite(bytes, 1, size, stdout);
    if (log->request->times && size && bytes[size - 1] != '\n')
        putchar('\n');
}

/* Prints the whole lines of what is held; all of it when it is the end or too much. */
static void print_held(struct log *log, enum sluice_stream stream, int64_t time_us,
                       bool is_end)
{
    struct buf *line = &log->cursors[stream].line;
    size_t at = 0;

    while (at < line->size) {
        const unsigned char *end = memchr(line->data + at, '\n', line->size - at);
        size_t size = end ? (size_t)(end - line->data) + 1 - at : line->size - at;

        if (!end && !is_end && size < LOG_LINE_MAX)
            break;
        print_line(log, stream, time_us, (const char *)line->data + at, size);
        at += size;
    }
    buf_drop(line, at);
}

/* Moves the stream's bytes before `end` to stdout. */
static int print_until(struct log *log, enum sluice_stream stream, uint64_t end,
                       int64_t time_us)
{
    struct cursor *cursor = &log->cursors[stream];
    size_t got = 1;

    while (cursor->at < end && got > 0) {
        int failed = cursor_read(log, stream, end - cursor->at, &got);

        if (failed != EXIT_GO_ON)
            return failed;
        buf_add(&cursor->line, log->piece, got);
        print_held(log, stream, time_us, false);
    }
    return EXIT_GO_ON;
}

/* Takes the marks that are there. */
static int print_marks(struct log *log, int64_t *last_us)
{
    size_t got;

    do {
        int end = cursor_read(log, SLUICE_TIMES,
                              PIECE_BYTES / TIME_MARK_BYTES * TIME_MARK_BYTES, &got);

        if (end != EXIT_GO_ON)
            return end;

        /* A mark that is half there is read again, whole, at the next turn. */
        log->cursors[SLUICE_TIMES].at -= got % TIME_MARK_BYTES;
        got -= got % TIME_MARK_BYTES;

        scoped_buf marks = { 0 };

        buf_add(&marks, log->piece, got);
        for (size_t at = 0; buf_ok(&marks) && at < got; at += TIME_MARK_BYTES) {
            struct time_mark mark;

            if (!time_mark_decode(marks.data + at, &mark))
                continue;
            *last_us = mark.unix_us;
            end = print_until(
                log, mark.stream == STREAM_STDERR ? SLUICE_STDERR : SLUICE_STDOUT,
                mark.end, mark.unix_us);
            if (end != EXIT_GO_ON)
                return end;
        }
    } while (got > 0);
    return EXIT_GO_ON;
}

/* Everything that is there now, also what no mark speaks of yet. */
static int print_merged(struct log *log, bool *is_end)
{
    int64_t last_us = 0;
    int end = print_marks(log, &last_us);
    static const enum sluice_stream both[] = { SLUICE_STDOUT, SLUICE_STDERR };

    *is_end = true;
    for (size_t i = 0; i < COUNT_OF(both) && end == EXIT_GO_ON; i++) {
        struct cursor *cursor = &log->cursors[both[i]];

        end = print_until(log, both[i], UINT64_MAX, last_us ? last_us : now_us());
        *is_end = *is_end && cursor_ended(cursor);
        if (cursor_ended(cursor) || !log->request->follow)
            print_held(log, both[i], last_us ? last_us : now_us(), true);
    }
    return end;
}

static int print_one(struct log *log, enum sluice_stream stream, bool *is_end)
{
    struct cursor *cursor = &log->cursors[stream];
    size_t got;

    do {
        int end = cursor_read(log, stream, PIECE_BYTES, &got);

        if (end != EXIT_GO_ON)
            return end;
        if (log->cli->json) {
            buf_add(&cursor->line, log->piece, got);
            print_held(log, stream, 0, false);
        } else {
            fwrite(log->piece, 1, got, stdout);
        }
    } while (got > 0);
    *is_end = cursor_ended(cursor);
    if (*is_end || !log->request->follow)
        print_held(log, stream, 0, true);
    return EXIT_GO_ON;
}

/* A task that never starts has no stream that could end: the stage's state tells. */
static bool is_over(struct log *log)
{
    struct sluice_view *view;
    const char *state = "";
    bool over;

    if (log->attempt || ++log->waits % STATE_LOOKS)
        return false;
    if (sluice_view(log->cli->sluice, log->target->run, &view, &log->cli->error))
        return true;
    for (size_t i = 0; i < view->stage_count; i++)
        if (strcmp(view->stages[i].name, log->target->stage->name) == 0)
            state = view->stages[i].state;
    over = strcmp(state, "complete") == 0 || strcmp(state, "error") == 0
           || strcmp(state, "stopped") == 0 || strcmp(state, "skipped") == 0;
    sluice_view_free(view);
    return over;
}

/* A task that printed nothing: the runtime may know why. */
static int explain_silence(struct log *log)
{
    bool is_end;

    if (log->printed || log->cli->json || log->request->only_status
        || log->request->only_stdout || log->request->only_stderr)
        return EXIT_DONE;
    if (!log->attempt && !log->request->attempt)
        cli_note(log->cli, "this task has not started; its stage is %s",
                 log->target->stage->state);

    int end = print_one(log, SLUICE_STATUS, &is_end);

    return end == EXIT_GO_ON ? EXIT_DONE : end;
}

static int print_all(struct log *log)
{
    const struct log_request *request = log->request;
    bool one_raw = (request->only_stdout || request->only_stderr) && !request->times
                   && !log->cli->json;

    for (;;) {
        bool is_end = true;
        int end =
            request->only_status ? print_one(log, SLUICE_STATUS, &is_end)
            : one_raw            ? print_one(
                             log, request->only_stdout ? SLUICE_STDOUT : SLUICE_STDERR, &is_end)
                      : print_merged(log, &is_end);

        fflush(stdout);
        if (end != EXIT_GO_ON)
            return end;
        if (is_end || !request->follow || is_over(log) || ferror(stdout))
            return explain_silence(log);
        poll(NULL, 0, WAIT_MS);
    }
}

/* Streams that are not wanted are seen as empty. */
static void leave_out(struct cursor *cursor)
{
    fd_scoped(&cursor->fd);
    *cursor = (struct cursor){ .is_stored = true, .is_final = true, .fd = -1 };
}

/* Fetches the streams of an attempt that has ended. */
static int open_stored(struct log *log)
{
    struct cli *cli = log->cli;
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct task_result *result;

    if (!arena)
        return cli_fail(cli, EXIT_FAILED, "out of memory");

    int end = load_result(cli, log->target->run, log->target->stage->name,
                          log->target->task, log->request->attempt, arena, &result);

    if (end != EXIT_GO_ON)
        return end;
    if (!result)
        return cli_fail(cli, EXIT_WRONG,
                        "there is no attempt %" PRIu32 " of this task that has ended",
                        log->request->attempt);
    for (size_t i = 0; i < CURSORS; i++) {
        struct cursor *cursor = &log->cursors[i];

        cursor->is_stored = cursor->is_final = true;
        cursor->fd = memfd_create("stream", MFD_CLOEXEC);
        cursor->total = result->streams[i].size;
        if (cursor->fd < 0)
            return cli_fail(cli, EXIT_FAILED, "no file for the log: %s", strerror(errno));
        if (result->streams[i].digest
            && sluice_get(cli->sluice, result->streams[i].digest, cursor->fd, NULL, NULL,
                          &cli->error))
            return cli_fail_last(cli);
    }
    return EXIT_GO_ON;
}

int log_print(struct cli *cli, const struct target *target,
              const struct log_request *request)
{
    struct log *log = calloc(1, sizeof *log);
    int end = EXIT_GO_ON;

    if (!log)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    log->cli = cli;
    log->target = target;
    log->request = request;
    for (size_t i = 0; i < CURSORS; i++)
        log->cursors[i].fd = -1;
    if (request->attempt)
        end = open_stored(log);
    if (request->only_stdout)
        leave_out(&log->cursors[SLUICE_STDERR]);
    if (request->only_stderr)
        leave_out(&log->cursors[SLUICE_STDOUT]);
    if (end == EXIT_GO_ON)
        end = print_all(log);
    for (size_t i = 0; i < CURSORS; i++) {
        fd_scoped(&log->cursors[i].fd);
        buf_fini(&log->cursors[i].line);
    }
    free(log);
    return end;
}
