/* download.c - http and https by libcurl, files by reading; both end in the cache. */
#include "nodes/staging/download.h"

#include "nodes/staging/streams.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PROGRESS_US = 5000000,
    REDIRECTS_MAX = 20,
    CONNECT_S = 30,
    STALLED_S = 60, /* without a byte */
    PIECE_BYTES = 1 << 20
};

void progress_say(struct progress *progress, uint64_t done, uint64_t total)
{
    int64_t now = clock_us();
    double megabyte = 1e6;

    if (now - progress->said_us < PROGRESS_US)
        return;
    progress->said_us = now;
    if (total > 0)
        attempt_say(progress->fetching->staging, progress->fetching->token,
                    "%s: %.1f of %.1f MB (%.0f %%)", progress->shown,
                    (double)done / megabyte, (double)total / megabyte,
                    100.0 * (double)done / (double)total);
    else
        attempt_say(progress->fetching->staging, progress->fetching->token, "%s: %.1f MB",
                    progress->shown, (double)done / megabyte);
}

struct transfer {
    const struct fetching *fetching;
    CURL *curl;
    struct object_writer *writer;
    struct progress progress;
    struct err *err;
    enum rc rc; /* of the writer */
};

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    long status = 0;

    (void)one;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return size;
    transfer->rc = object_writer_add(transfer->writer, bytes, size, transfer->err);
    return transfer->rc == RC_OK ? size : 0;
}

static int take_progress(void *context, curl_off_t total, curl_off_t done,
                         curl_off_t up_total, curl_off_t up_done)
{
    struct transfer *transfer = context;

    (void)up_total;
    (void)up_done;
    progress_say(&transfer->progress, (uint64_t)done, (uint64_t)total);
    return *transfer->fetching->cancelled;
}

static void transfer_set_up(struct transfer *transfer, const char *uri,
                            char reason[CURL_ERROR_SIZE])
{
    CURL *curl = transfer->curl;

    curl_easy_setopt(curl, CURLOPT_URL, uri);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, take_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
}

static enum rc transfer_outcome(const struct transfer *transfer, CURLcode code,
                                const char *reason)
{
    const char *shown = transfer->progress.shown;
    struct err *err = transfer->err;
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->rc != RC_OK)
        return transfer->rc;
    if (*transfer->fetching->cancelled)
        return err_set(err, RC_CANCELLED, "stopped while %s was fetched", shown);
    if (code == CURLE_URL_MALFORMAT)
        return err_set(err, RC_INVALID, "%s is no valid URL", shown);
    if (code == CURLE_OUT_OF_MEMORY)
        return err_set(err, RC_NO_MEMORY, "no memory to fetch %s", shown);
    if (status >= 400)
        return err_set(err, RC_UNREACHABLE, "cannot fetch %s: HTTP status %ld", shown,
                       status);
    if (code != CURLE_OK)
        return err_set(err, RC_UNREACHABLE, "cannot fetch %s: %s", shown,
                       reason[0] ? reason : curl_easy_strerror(code));
    return RC_OK;
}

enum rc download_http(const struct fetching *fetching, const char *uri, const char *shown,
                      struct object_writer *writer, struct err *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct transfer transfer = { .fetching = fetching,
                                 .curl = curl_easy_init(),
                                 .writer = writer,
                                 .progress = { fetching, shown, clock_us() },
                                 .err = err };

    if (!transfer.curl)
        return err_set(err, RC_NO_MEMORY, "no memory to fetch %s", shown);
    transfer_set_up(&transfer, uri, reason);

    CURLcode code = curl_easy_perform(transfer.curl);
    enum rc rc = transfer_outcome(&transfer, code, reason);

    curl_easy_cleanup(transfer.curl);
    return rc;
}

static enum rc copy_file(const struct fetching *fetching, int fd, const char *path,
                         uint64_t total, struct object_writer *writer, char *piece,
                         struct err *err)
{
    struct progress progress = { fetching, path, clock_us() };
    uint64_t done = 0;

    for (;;) {
        ssize_t got = read(fd, piece, PIECE_BYTES);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_sys(err, RC_IO, errno, "cannot read %s", path);
        if (got == 0)
            return RC_OK;
        if (*fetching->cancelled)
            return err_set(err, RC_CANCELLED, "stopped while %s was read", path);

        enum rc rc = object_writer_add(writer, piece, (size_t)got, err);

        if (rc != RC_OK)
            return rc;
        done += (uint64_t)got;
        progress_say(&progress, done, total);
    }
}

enum rc download_file(const struct fetching *fetching, const char *path,
                      struct object_writer *writer, struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    scoped_buf piece = { 0 };
    struct stat found;

    if (fd < 0 || fstat(fd, &found) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read the input %s",
                           path);
    if (!S_ISREG(found.st_mode))
        return err_set(err, RC_INVALID, "the input %s is no regular file", path);

    char *room = buf_room(&piece, PIECE_BYTES);

    if (!room)
        return err_set(err, RC_NO_MEMORY, "no memory to read %s", path);
    return copy_file(fetching, fd, path, (uint64_t)found.st_size, writer, room, err);
}
