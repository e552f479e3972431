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

enum {
    LOCK_WAIT_MS = 100,
    NOTE_MAX = 2048,
    ARENA_MAX = 1 << 20,
    FETCH_PARTS_MAX = 1000, /* files that were cut off, in the cache */
};

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
                        const struct wanted *wanted, struct object_writer **writer,
                        struct web_got *got, struct err *err)
{
    const char *uri = wanted->uri, *path = NULL;
    struct objects *objects = cache_objects(fetching->staging->cache);

    if (uri_is_web(uri))
        return download_http(fetching, arena, wanted, writer, got, err);
    if (uri_is_object(uri) && !wanted->is_list)
        return download_s3(fetching, arena, wanted, writer, got, err);
    if (wanted->is_list) {
        enum rc rc = object_writer_create(objects, writer, err);

        return rc == RC_OK ? download_list(fetching, arena, uri, *writer, err) : rc;
    }
    if (strstr(uri, "://") && !starts_with(uri, "file://"))
        return err_set(err, RC_UNSUPPORTED, "cannot fetch %s: %s", wanted->shown,
                       uri_advice(uri));

    enum rc rc = local_path(arena, uri, &path, err);

    if (rc == RC_OK)
        rc = object_writer_create(objects, writer, err);
    return rc == RC_OK ? download_file(fetching, path, *writer, err) : rc;
}

static enum rc fetch_anew(const struct fetching *fetching, const struct wanted *asked,
                          struct fetched *fetched, struct err *err)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped(object_writer) writer = NULL;
    const char *shown = arena ? uri_shown(arena, asked->uri) : NULL;
    struct wanted wanted = *asked;
    struct web_got got = { .etag = "" };
    struct digest_set set;
    int64_t start_us = clock_us();
    uint64_t size = 0;

    if (!shown)
        return err_set(err, RC_NO_MEMORY, "no memory for an input");

    wanted.shown = shown;

    enum rc rc = download(fetching, arena, &wanted, &writer, &got, err);

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
    memcpy(fetched->version, got.version, sizeof fetched->version);
    memcpy(fetched->modified, got.modified, sizeof fetched->modified);
    fetched->size = size;
    return RC_OK;
}

/* Opens the file that remembers what is named and locks it. */
static enum rc note_open(const struct fetching *fetching, const char *name, int *note,
                         struct err *err)
{
    char path[FOLDER_PATH_SIZE], key[DIGEST_TEXT_SIZE];
    const char *directory = fetching->staging->directory;
    bool fits = snprintf(path, sizeof path, "%s/fetched", directory) < FOLDER_PATH_SIZE;

    if (!tree_path_is_safe(fetching->run_id) || strchr(fetching->run_id, '/'))
        return err_set(err, RC_INVALID, "the run's id is no UUID");
    digest_bytes(name, strlen(name), key);
    if (fits && mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot make %s", path);
    fits = snprintf(path, sizeof path, "%s/fetched/%s", directory, fetching->run_id)
           < FOLDER_PATH_SIZE;
    if (fits && mkdir(path, 0700) == 0) {
        fetched_trim(directory);
        objects_trim_parts(cache_objects(fetching->staging->cache), FETCH_PARTS_MAX);
    } else if (fits && errno != EEXIST)
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

/* Cuts the first line off the text. */
static void line_take(const char **text, char line[WEB_TAG_MAX])
{
    size_t size = strcspn(*text, "\n");

    snprintf(line, WEB_TAG_MAX, "%.*s", (int)size, *text);
    *text += size + ((*text)[size] == '\n');
}

static bool note_read(int note, struct fetched *before)
{
    char bytes[NOTE_MAX] = "";
    const char *text = bytes + DIGEST_TEXT_SIZE;
    ssize_t got = pread(note, bytes, sizeof bytes - 1, 0);

    if (got < DIGEST_TEXT_SIZE || bytes[DIGEST_TEXT_SIZE - 1] != '\n'
        || !digest_is_valid(bytes, DIGEST_TEXT_SIZE - 1))
        return false;
    bytes[DIGEST_TEXT_SIZE - 1] = '\0';
    memcpy(before->digest, bytes, DIGEST_TEXT_SIZE);
    line_take(&text, before->etag);
    line_take(&text, before->version);
    line_take(&text, before->modified);
    return true;
}

static enum rc note_write(int note, const struct fetched *fetched, struct err *err)
{
    char text[NOTE_MAX];
    int size = snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n", fetched->digest,
                        fetched->etag, fetched->version, fetched->modified);

    if (pwrite(note, text, (size_t)size, 0) != size || ftruncate(note, size) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno,
                           "cannot remember what an input gave");
    return RC_OK;
}

/* Bytes that are not what the store says they are may come right the next time. A full
 * disk loses first what nobody may ever go on with. */
static enum rc fetch_right(const struct fetching *fetching, const struct wanted *wanted,
                           struct fetched *fetched, struct err *err)
{
    struct retry retry = { 0 };
    bool was_full = false;
    enum rc rc;

    for (;;) {
        rc = fetch_anew(fetching, wanted, fetched, err);
        if (rc == RC_FULL && !was_full) {
            was_full = true;
            objects_trim_parts(cache_objects(fetching->staging->cache), 0);
            continue;
        }
        if ((rc == RC_CONFLICT && !*fetching->cancelled)
            || (rc == RC_CORRUPT && retry_wait(&retry, fetching->cancelled)))
            continue;
        return rc;
    }
}

static bool is_cached(const struct fetching *fetching, struct fetched *before)
{
    struct cache *cache = fetching->staging->cache;

    return cache_fetch(cache, fetching->token, NULL, before->digest, 0, NULL) == RC_OK
           && objects_has(cache_objects(cache), before->digest, &before->size);
}

/* name: under which it is remembered. */
static enum rc fetch_once(const struct fetching *fetching, const struct wanted *wanted,
                          const char *name, struct fetched *fetched, struct err *err)
{
    struct fetched before = { .digest = "" }, now = { .digest = "" };
    scoped_fd int note = -1;
    enum rc rc = note_open(fetching, name, &note, err);

    if (rc != RC_OK)
        return rc;

    bool is_known = note_read(note, &before) && !fetching->is_fresh;

    if (is_known && is_cached(fetching, &before)) {
        *fetched = before;
        return RC_OK;
    }
    rc = fetch_right(fetching, wanted, &now, err);
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

enum rc fetch_uri(const struct fetching *fetching, const char *uri,
                  struct fetched *fetched, struct err *err)
{
    return fetch_once(fetching, &(struct wanted){ .uri = uri }, uri, fetched, err);
}

enum rc fetch_list(const struct fetching *fetching, const char *uri,
                   struct fetched *fetched, struct err *err)
{
    scoped_buf name = { 0 };

    buf_printf(&name, "list\n%s", uri);
    if (!buf_ok(&name))
        return err_set(err, RC_NO_MEMORY, "no memory for an input");
    return fetch_once(fetching, &(struct wanted){ .uri = uri, .is_list = true },
                      buf_string(&name), fetched, err);
}

static enum rc fetch_exactly(const struct fetching *fetching,
                             const struct plan_source *source, const char *uri,
                             const char *version, struct fetched *fetched,
                             struct err *err)
{
    struct fetched now = { .digest = "" };
    const struct wanted wanted = { .uri = uri, .version = version };
    enum rc rc = fetch_right(fetching, &wanted, &now, err);

    if (rc == RC_OK && strcmp(now.digest, source->digest) != 0)
        rc = err_set(err, RC_NOT_FOUND,
                     "%s gives other bytes than it once did, and nobody has kept those: "
                     "expected %s, got %s",
                     source->uri, source->digest, now.digest);
    if (rc == RC_OK)
        *fetched = now;
    return rc;
}

enum rc fetch_pinned(const struct fetching *fetching, const struct plan_source *source,
                     const char *uri, struct fetched *fetched, struct err *err)
{
    struct fetched before = { .digest = "" };
    scoped_buf name = { 0 };
    scoped_fd int note = -1;

    buf_printf(&name, "%s\n%s", uri, source->digest);
    if (!buf_ok(&name))
        return err_set(err, RC_NO_MEMORY, "no memory for an input");

    enum rc rc = note_open(fetching, buf_string(&name), &note, err);

    if (rc == RC_OK && note_read(note, &before) && is_cached(fetching, &before)) {
        *fetched = before; /* another task of the run was here */
        return RC_OK;
    }
    if (rc == RC_OK && source->version && uri_is_object(uri)) {
        rc = fetch_exactly(fetching, source, uri, source->version, fetched, err);
        if (rc == RC_OK || rc == RC_CANCELLED || rc == RC_FULL)
            return rc == RC_OK ? note_write(note, fetched, err) : rc;
        rc = RC_OK; /* it may have been removed, and copied to where it was */
    }
    if (rc == RC_OK)
        rc = fetch_exactly(fetching, source, uri, NULL, fetched, err);
    return rc == RC_OK ? note_write(note, fetched, err) : rc;
}
