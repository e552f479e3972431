/* transfer.c - artifacts and streams, over the bulk socket. */
#include "client/lib/client.h"
#include "client/lib/write_all.h"

#include "codecs/wire/result.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { GET_PIECE = 1 << 20 };

int sluice_have(struct sluice *sluice, const char *const *digests, size_t count,
                bool *missing, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct bulk_client *bulk;
    enum rc rc = sluice_bulk(sluice, &bulk, err);

    return (int)(rc == RC_OK ? bulk_have(bulk, digests, count, missing, err) : rc);
}

int sluice_put(struct sluice *sluice, int fd, const char *digest, uint64_t size,
               sluice_progress *progress, void *context, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct bulk_client *bulk;
    enum rc rc = sluice_bulk(sluice, &bulk, err);

    return (int)(rc == RC_OK ? bulk_put(bulk, fd, digest, size, progress, context, err)
                             : rc);
}

struct small_reading {
    sluice_small_read *read;
    sluice_progress *progress;
    void *context;
};

static enum rc small_read(void *context, size_t i, void *room, struct err *err)
{
    struct small_reading *reading = context;

    return (enum rc)reading->read(reading->context, i, room, (struct sluice_error *)err);
}

static void small_progress(void *context, uint64_t done, uint64_t total)
{
    struct small_reading *reading = context;

    if (reading->progress)
        reading->progress(reading->context, done, total);
}

int sluice_put_small(struct sluice *sluice, const struct sluice_small *files,
                     size_t count, sluice_small_read *read, sluice_progress *progress,
                     void *context, struct sluice_error *error)
{
    struct small_reading reading = { read, progress, context };
    struct err own;
    struct err *err = error_or(error, &own);
    struct bulk_client *bulk;
    enum rc rc = sluice_bulk(sluice, &bulk, err);

    _Static_assert(sizeof *files == sizeof(struct bulk_small)
                       && (int)SLUICE_SMALL_MAX == (int)OBJECT_SMALL_MAX,
                   "the public header says so");
    return (int)(rc == RC_OK
                     ? bulk_put_small(bulk, (const struct bulk_small *)files, count,
                                      small_read, small_progress, &reading, err)
                     : rc);
}

int sluice_put_bytes(struct sluice *sluice, const void *bytes, size_t size,
                     char digest[72], struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct bulk_client *bulk;
    enum rc rc = sluice_bulk(sluice, &bulk, err);

    _Static_assert(DIGEST_TEXT_SIZE == 72, "the public header says so");
    return (int)(rc == RC_OK ? bulk_put_bytes(bulk, bytes, size, digest, err) : rc);
}

static enum rc get(struct bulk_client *bulk, const char *digest, int fd,
                   sluice_progress *progress, void *context, struct err *err)
{
    scoped(digester) digester = digester_create(false);
    struct digest_set set;
    scoped_buf piece = { 0 };
    uint64_t done = 0, total = 0;

    if (!digester)
        return err_set(err, RC_NO_MEMORY, "no memory for a digest");
    do {
        enum rc rc = bulk_get_range(bulk, digest, done, GET_PIECE, &piece, &total, err);

        if (rc == RC_OK && piece.size == 0 && done < total)
            rc = err_set(err, RC_PROTOCOL, "the broker gave nothing of %s at %lu", digest,
                         (unsigned long)done);
        if (rc == RC_OK)
            rc = file_write_all(fd, piece.data, piece.size, "the file", err);
        if (rc != RC_OK)
            return rc;
        digester_add(digester, piece.data, piece.size);
        done += piece.size;
        buf_clear(&piece);
        if (progress)
            progress(context, done, total);
    } while (done < total);
    digester_end(digester, &set);
    if (strcmp(set.sha256, digest) != 0)
        return err_set(err, RC_CORRUPT, "the bytes of %s have the digest %s", digest,
                       set.sha256);
    return RC_OK;
}

int sluice_get(struct sluice *sluice, const char *digest, int fd,
               sluice_progress *progress, void *context, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct bulk_client *bulk;
    enum rc rc = sluice_bulk(sluice, &bulk, err);

    return (int)(rc == RC_OK ? get(bulk, digest, fd, progress, context, err) : rc);
}

struct location { /* of a task's last attempt */
    uint32_t attempt;
    uint64_t token, size;
    bool is_running;
    char node[NODE_NAME_MAX + 1], digest[DIGEST_TEXT_SIZE];
};

static void read_text(struct reader *reader, char *text, size_t size)
{
    struct bytes bytes = reader_string(reader);

    if (bytes.size >= size)
        reader_fail(reader);
    else
        memcpy(text, bytes.data, bytes.size);
}

/* The streams of an ended attempt are a list of [size, digest]; an empty list while it
 * runs. */
static void read_stream(struct reader *reader, enum sluice_stream stream,
                        struct location *location)
{
    size_t count = reader_list(reader);

    for (size_t i = 0; i < count && i <= (size_t)stream && reader_ok(reader); i++) {
        if (i < (size_t)stream) {
            reader_skip(reader);
            continue;
        }
        if (reader_list(reader) < 2)
            reader_fail(reader);
        location->size = reader_uint(reader);
        read_text(reader, location->digest, sizeof location->digest);
    }
}

static enum rc locate(struct sluice *sluice, const struct request *request,
                      enum sluice_stream stream, struct location *location,
                      struct err *err)
{
    scoped_reply reply = { 0 };
    struct reader reader;
    enum rc rc = sluice_call(sluice, MESSAGE_LOCATE, request, &reply, err);

    if (rc != RC_OK)
        return rc;
    reader_init(&reader, reply.body, reply.size);
    *location = (struct location){ 0 };
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "attempt"))
            location->attempt = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
        else if (bytes_are(key, "token"))
            location->token = reader_uint(&reader);
        else if (bytes_are(key, "running"))
            location->is_running = reader_bool(&reader);
        else if (bytes_are(key, "node"))
            read_text(&reader, location->node, sizeof location->node);
        else if (bytes_are(key, "streams")) {
            struct reader list = reader;

            read_stream(&list, stream, location);
            if (!reader_ok(&list))
                reader_fail(&reader);
            reader_skip(&reader);
        } else {
            reader_skip(&reader);
        }
    }
    return reader_ok(&reader)
               ? RC_OK
               : err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
}

/* From the node while the attempt runs, from the store when it has ended. */
static enum rc read_located(struct sluice *sluice, const struct location *location,
                            enum sluice_stream stream, uint64_t offset, size_t size,
                            struct buf *piece, struct stream_chunk *chunk,
                            struct err *err)
{
    struct bulk_client *bulk;
    uint32_t limit = size < BULK_CHUNK_BYTES ? (uint32_t)size : BULK_CHUNK_BYTES;
    enum rc rc = sluice_bulk(sluice, &bulk, err);

    *chunk = (struct stream_chunk){ .size = location->size,
                                    .is_final = !location->is_running };
    if (rc != RC_OK || (location->is_running && location->attempt == 0))
        return rc;
    if (location->is_running)
        return bulk_stream_read(bulk, location->node, location->token,
                                (enum stream)stream, offset, limit, piece, chunk, err);
    if (offset >= location->size)
        return RC_OK;
    return bulk_get_range(bulk, location->digest, offset, limit, piece, &chunk->size,
                          err);
}

int sluice_stream_read(struct sluice *sluice, uint64_t run, const char *stage,
                       uint64_t index, enum sluice_stream stream, uint64_t offset,
                       void *bytes, size_t size, size_t *got, uint64_t *total,
                       bool *is_final, uint32_t *attempt, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    struct request request = { .run = run, .stage = stage, .index = index };
    struct location location;
    struct stream_chunk chunk = { 0 };
    scoped_buf piece = { 0 };
    enum rc rc = locate(sluice, &request, stream, &location, err);

    if (rc == RC_OK)
        rc = read_located(sluice, &location, stream, offset, size, &piece, &chunk, err);
    if (location.is_running && (rc == RC_NOT_FOUND || rc == RC_UNREACHABLE)) {
        /* Not there yet, or no more: the next call finds it wherever it is then. */
        chunk = (struct stream_chunk){ .size = offset };
        rc = RC_OK;
    }
    if (rc != RC_OK)
        return (int)rc;
    if (piece.size > 0)
        memcpy(bytes, piece.data, piece.size);
    *got = piece.size;
    *total = chunk.size;
    *is_final = chunk.is_final;
    *attempt = location.attempt;
    return SLUICE_OK;
}
