/* fetch.c - what a URI gave in this run, remembered in a small locked file. */
#include "nodes/staging/fetch.h"

#include "codecs/names/scheme.h"
#include "codecs/plan/tree.h"
#include "nodes/staging/download.h"
#include "nodes/staging/fetched.h"
#include "nodes/staging/folder.h"
#include "nodes/staging/input_name.h"
#include "nodes/staging/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_WAIT_MS = 100, NOTE_MAX = 512, ARENA_MAX = 1 << 20 };

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

/* The path that a file: URI or a plain path means, decoded, or NULL. */
static enum rc local_path(struct arena *arena, const char *uri, const char **path,
                          struct err *err)
{
    const char *rest = uri;

    if (starts_with(uri, "file://localhost/"))
        rest = uri + strlen("file://localhost");
    else if (starts_with(uri, "file://"))
        rest = uri + strlen("file://");
    else if (starts_with(uri, "file:"))
        rest = uri + strlen("file:");

    char *copy = arena_text(arena, rest);

    if (!copy)
        return err_set(err, RC_NO_MEMORY, "no memory for an input");
    if (rest != uri) {
        size_t size = percent_decode(copy, strlen(copy));

        if (strlen(copy) != size)
            return err_set(err, RC_INVALID, "the input %s holds an encoded zero byte",
                           uri);
    }
    if (copy[0] != '/')
        return err_set(err, RC_INVALID,
                       "the input %s is no absolute path of this node: use file:///..., "
                       "http(s)://... or a path in the project",
                       uri);
    *path = copy;
    return RC_OK;
}

static enum rc download(const struct fetching *fetching, struct arena *arena,
                        const char *uri, const char *shown, struct object_writer *writer,
                        struct web_got *got, struct err *err)
{
    const char *path = NULL;

    if (uri_is_web(uri))
        return download_http(fetching, uri, shown, writer, got, err);
    if (uri_is_object(uri))
        return download_s3(fetching, arena, uri, writer, got, err);
    if (strstr(uri, "://") && !starts_with(uri, "file://"))
        return err_set(err, RC_UNSUPPORTED, "cannot fetch %s: %s", shown,
                       uri_advice(uri));

    enum rc rc = local_path(arena, uri, &path, err);

    return rc == RC_OK ? download_file(fetching, path, writer, err) : rc;
}

static enum rc fetch_anew(const struct fetching *fetching, const char *uri,
                          struct fetched *fetched, struct err *err)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped(object_writer) writer = NULL;
    const char *shown = arena ? uri_shown(arena, uri) : NULL;
    struct web_got got = { .etag = "" };
    struct digest_set set;
    int64_t start_us = clock_us();
    uint64_t size = 0;

    if (!shown)
        return err_set(err, RC_NO_MEMORY, "no memory for an input");

    enum rc rc =
        object_writer_create(cache_objects(fetching->staging->cache), &writer, err);

    if (rc == RC_OK)
        rc = download(fetching, arena, uri, shown, writer, &got, err);
    if (rc == RC_OK)
        rc = cache_commit(fetching->staging->cache, fetching->token, steal(&writer), &set,
                          &size, err);
    if (rc == RC_OK && got.sha256[0] && strcmp(got.sha256, set.sha256) != 0)
        rc = err_set(err, RC_CORRUPT,
                     "cannot fetch %s: the store says %s, and what came is %s", shown,
                     got.sha256, set.sha256);
    if (rc != RC_OK)
        return rc;
    attempt_say(fetching->staging, fetching->token,
                "fetched %s: %" PRIu64 " bytes in %.1f s", shown, size,
                (double)(clock_us() - start_us) / 1e6);
    memcpy(fetched->digest, set.sha256, sizeof fetched->digest);
    memcpy(fetched->etag, got.etag, sizeof fetched->etag);
    fetched->size = size;
    return RC_OK;
}

/* Opens the file that remembers the URI and locks it. */
static enum rc note_open(const struct fetching *fetching, const char *uri, int *note,
                         struct err *err)
{
    char path[FOLDER_PATH_SIZE], key[DIGEST_TEXT_SIZE];
    const char *directory = fetching->staging->directory;
    bool fits = snprintf(path, sizeof path, "%s/fetched", directory) < FOLDER_PATH_SIZE;

    if (!tree_path_is_safe(fetching->run_id) || strchr(fetching->run_id, '/'))
        return err_set(err, RC_INVALID, "the run's id is no UUID");
    digest_bytes(uri, strlen(uri), key);
    if (fits && mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s", path);
    fits = snprintf(path, sizeof path, "%s/fetched/%s", directory, fetching->run_id)
           < FOLDER_PATH_SIZE;
    if (fits && mkdir(path, 0700) == 0)
        fetched_trim(directory);
    else if (fits && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s", path);
    fits = snprintf(path, sizeof path, "%s/fetched/%s/%s", directory, fetching->run_id,
                    strchr(key, ':') + 1)
           < FOLDER_PATH_SIZE;
    if (!fits)
        return err_set(err, RC_INVALID, "the path of the node's folder is too long: %s",
                       directory);

    scoped_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot open %s", path);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_set_sys(err, RC_IO, errno, "cannot lock %s", path);
        if (*fetching->cancelled)
            return err_set(err, RC_CANCELLED, "stopped while waiting for an input");
        poll(NULL, 0, LOCK_WAIT_MS);
    }
    *note = fd;
    fd = -1;
    return RC_OK;
}

static bool note_read(int note, struct fetched *before)
{
    char text[NOTE_MAX] = "";
    ssize_t got = pread(note, text, sizeof text - 1, 0);

    if (got < DIGEST_TEXT_SIZE || text[DIGEST_TEXT_SIZE - 1] != '\n'
        || !digest_is_valid(text, DIGEST_TEXT_SIZE - 1))
        return false;
    text[DIGEST_TEXT_SIZE - 1] = '\0';
    memcpy(before->digest, text, DIGEST_TEXT_SIZE);
    snprintf(before->etag, sizeof before->etag, "%.*s",
             (int)strcspn(text + DIGEST_TEXT_SIZE, "\n"), text + DIGEST_TEXT_SIZE);
    return true;
}

static enum rc note_write(int note, const struct fetched *fetched, struct err *err)
{
    char text[NOTE_MAX];
    int size = snprintf(text, sizeof text, "%s\n%s\n", fetched->digest, fetched->etag);

    if (pwrite(note, text, (size_t)size, 0) != size || ftruncate(note, size) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno,
                           "cannot remember what an input gave");
    return RC_OK;
}

/* Bytes that are not what the store says they are may come right the next time. */
static enum rc fetch_right(const struct fetching *fetching, const char *uri,
                           struct fetched *fetched, struct err *err)
{
    struct retry retry = { 0 };
    enum rc rc;

    do
        rc = fetch_anew(fetching, uri, fetched, err);
    while ((rc == RC_CONFLICT && !*fetching->cancelled)
           || (rc == RC_CORRUPT && retry_wait(&retry, fetching->cancelled)));
    return rc;
}

enum rc fetch_uri(const struct fetching *fetching, const char *uri,
                  struct fetched *fetched, struct err *err)
{
    struct fetched before = { .digest = "" }, now = { .digest = "" };
    scoped_fd int note = -1;
    enum rc rc = note_open(fetching, uri, &note, err);

    if (rc != RC_OK)
        return rc;

    bool is_known = note_read(note, &before) && !fetching->is_fresh;

    if (is_known
        && cache_fetch(fetching->staging->cache, fetching->token, NULL, before.digest, 0,
                       err)
               == RC_OK
        && objects_has(cache_objects(fetching->staging->cache), before.digest,
                       &before.size)) {
        *fetched = before;
        return RC_OK;
    }
    rc = fetch_right(fetching, uri, &now, err);
    if (rc == RC_OK)
        rc = note_write(note, &now, err);
    if (rc != RC_OK)
        return rc;
    if (is_known && strcmp(before.digest, now.digest) != 0)
        attempt_say(fetching->staging, fetching->token,
                    "the input changed since an earlier task of this run fetched it");
    *fetched = now;
    return RC_OK;
}
