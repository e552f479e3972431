/* download.c - http, https and s3 by libcurl, files by reading; all end in the cache. */
#include "nodes/staging/download.h"

#include "codecs/glob/glob.h"
#include "codecs/names/scheme.h"
#include "nodes/staging/streams.h"
#include "nodes/stores/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PROGRESS_US = 5000000,
    PIECE_BYTES = 1 << 20,
    LISTED_MAX = 1000000,
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

static void take_progress(void *context, uint64_t done, uint64_t total)
{
    progress_say(context, done, total);
}

static enum rc explained(const struct err *why, enum rc rc, struct err *err)
{
    return err_set(err, rc, "cannot fetch %s", why->text);
}

/* People write blanks and letters of any language; a server wants them encoded, but for
 * those of the host's name. */
static const char *url_of(struct arena *arena, const char *uri)
{
    const char *host = strstr(uri, "://"), *path;
    scoped_buf url = { 0 };

    host = host ? host + 3 : uri;
    path = host + strcspn(host, "/?#");
    buf_add(&url, uri, (size_t)(path - uri));
    for (uri = path; *uri; uri++) {
        if (*uri > ' ' && *uri <= '~')
            buf_byte(&url, (unsigned char)*uri);
        else
            buf_printf(&url, "%%%02X", (unsigned char)*uri);
    }
    return buf_ok(&url) ? arena_text(arena, buf_string(&url)) : NULL;
}

enum rc download_http(const struct fetching *fetching, struct arena *arena,
                      const struct wanted *wanted, struct object_writer **writer,
                      struct web_got *got, struct err *err)
{
    struct progress progress = { fetching, wanted->shown, clock_us() };
    struct web_request request = { .url = url_of(arena, wanted->uri),
                                   .shown = wanted->shown,
                                   .progress = take_progress,
                                   .context = &progress,
                                   .cancelled = fetching->cancelled };
    struct err why = { .text = "" };
    enum rc rc = RC_NO_MEMORY;

    if (request.url)
        rc =
            web_get(&request, cache_objects(fetching->staging->cache), writer, got, &why);
    return rc == RC_OK ? RC_OK : explained(&why, rc, err);
}

struct listing {
    const char *pattern;
    struct object_writer *writer;
    size_t count;
};

static bool is_plain(const char *text)
{
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return size > 0 && size < WEB_TAG_MAX - 2;
}

/* The objects that a pattern means, a line each, so that all tasks of the run see the
 * same ones. A key's line breaks are encoded. */
static enum rc take_listed(void *context, const struct s3_listed *object, struct err *err)
{
    struct listing *listing = context;
    const char *key = object->key, *slash = strrchr(key, '/');
    scoped_buf line = { 0 };

    if ((slash && !slash[1]) || !glob_matches(listing->pattern, key, true))
        return RC_OK; /* a key with a slash at its end only stands for a folder */
    for (; *key; key++) {
        if (*key == '%' || (unsigned char)*key < ' ')
            buf_printf(&line, "%%%02X", (unsigned char)*key);
        else
            buf_byte(&line, (unsigned char)*key);
    }
    if (object->etag && is_plain(object->etag)) { /* some leave the quotes out here */
        const char *quote = strchr(object->etag, '"') ? "" : "\"";

        buf_printf(&line, "\t%" PRIu64 "\t%s%s%s", object->size, quote, object->etag,
                   quote);
    }
    buf_byte(&line, '\n');
    if (!buf_ok(&line))
        return err_set(err, RC_NO_MEMORY, "no memory for a list of objects");
    if (++listing->count > LISTED_MAX)
        return err_set(err, RC_INVALID, "the pattern %s means more than %d objects",
                       listing->pattern, LISTED_MAX);
    return object_writer_add(listing->writer, line.data, line.size, err);
}

/* Only stars are wildcards here. */
static const char *pattern_of(struct arena *arena, const char *key)
{
    scoped_buf pattern = { 0 };

    for (; *key; key++) {
        if (strchr("?[\\", *key))
            buf_byte(&pattern, '\\');
        buf_byte(&pattern, (unsigned char)*key);
    }
    return buf_ok(&pattern) ? arena_text(arena, buf_string(&pattern)) : NULL;
}

static enum rc list_write(const struct s3_place *place, struct arena *arena,
                          struct object_writer *writer, struct err *err)
{
    struct s3_place fixed = *place;
    struct listing listing = { pattern_of(arena, place->key), writer, 0 };

    fixed.key = arena_copy(arena, place->key, strcspn(place->key, "*"));
    if (!listing.pattern || !fixed.key)
        return err_set(err, RC_NO_MEMORY, "no memory for a list of objects");

    enum rc rc = s3_list(&fixed, take_listed, &listing, err);

    if (rc == RC_OK && listing.count == 0)
        return err_set(err, RC_NOT_FOUND, "s3://%s/%s: no object matches", place->bucket,
                       place->key);
    return rc;
}

/* The store that the URI means, with what this node knows of it. */
static enum rc place_find(const struct fetching *fetching, struct arena *arena,
                          const char *uri, struct store *store, struct s3_place *place,
                          struct err *err)
{
    struct err why = { .text = "" };

    *place = (struct s3_place){ .store = store, .cancelled = fetching->cancelled };
    if (!s3_uri_parse(arena, uri, &place->bucket, &place->key))
        return err_set(err, RC_INVALID, "%s is not of the form s3://bucket/key", uri);

    enum rc rc =
        store_of_bucket(fetching->staging->stores, place->bucket, arena, store, &why);

    return rc == RC_OK ? RC_OK : explained(&why, rc, err);
}

enum rc download_list(const struct fetching *fetching, struct arena *arena,
                      const char *uri, struct object_writer *writer, struct err *err)
{
    struct store store;
    struct s3_place place;
    struct err why = { .text = "" };
    enum rc rc = place_find(fetching, arena, uri, &store, &place, err);

    if (rc != RC_OK)
        return rc;
    rc = list_write(&place, arena, writer, &why);
    return rc == RC_OK ? RC_OK : explained(&why, rc, err);
}

enum rc download_s3(const struct fetching *fetching, struct arena *arena,
                    const struct wanted *wanted, struct object_writer **writer,
                    struct web_got *got, struct err *err)
{
    const char *const version[] = { "versionId", wanted->version, NULL };
    struct progress progress = { fetching, wanted->uri, clock_us() };
    struct store store;
    struct s3_place place;
    struct err why = { .text = "" };
    enum rc rc = place_find(fetching, arena, wanted->uri, &store, &place, err);

    if (rc != RC_OK)
        return rc;

    struct web_request request = { .url = s3_url(arena, &place,
                                                 wanted->version ? version : NULL),
                                   .shown = wanted->uri,
                                   .store = &store,
                                   .progress = take_progress,
                                   .context = &progress,
                                   .cancelled = fetching->cancelled };

    if (!request.url)
        return err_set(err, RC_NO_MEMORY, "%s: no memory", wanted->uri);
    rc = web_get(&request, cache_objects(fetching->staging->cache), writer, got, &why);
    return rc == RC_OK ? RC_OK : explained(&why, rc, err);
}

enum rc download_compare(const struct fetching *fetching, struct arena *arena,
                         const char *uri, const struct plan_source *before,
                         struct web_sameness *sameness, struct err *err)
{
    struct store store;
    struct s3_place place;
    struct err why = { .text = "" };
    struct web_request request = { .shown = before->uri,
                                   .cancelled = fetching->cancelled };
    enum rc rc = RC_OK;

    if (uri_is_object(uri)) {
        rc = place_find(fetching, arena, uri, &store, &place, err);
        if (rc != RC_OK)
            return rc;
        request.store = &store;
        request.url = s3_url(arena, &place, NULL);
    } else {
        request.url = url_of(arena, uri);
    }
    if (!request.url)
        return err_set(err, RC_NO_MEMORY, "%s: no memory", before->uri);
    rc = web_compare(&request, before->etag, before->size, sameness, &why);
    return rc == RC_OK ? RC_OK : explained(&why, rc, err);
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
