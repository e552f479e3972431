/* bulk_put.c - a client's upload: announce, then as many pieces as the window lets. */
#include "broker/artifacts/bulk_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IN_VAIN_MAX = 3 /* broken connections in a row that brought nothing */ };

/* Where the bytes come from: memory, or else a file. */
struct source {
    const char *bytes;
    int fd;
    uint64_t size;
    bulk_progress *progress; /* may be NULL */
    void *context;
};

static void report(const struct source *source, uint64_t done)
{
    if (source->progress)
        source->progress(source->context, done, source->size);
}

/* [offset, offset+size) of the source, size at most BULK_CHUNK_BYTES; valid until the
 * next call. */
static enum rc source_read(struct bulk_client *client, const struct source *source,
                           uint64_t offset, size_t size, struct bytes *piece,
                           struct err *err)
{
    size_t done = 0;

    if (source->bytes) {
        *piece = (struct bytes){ source->bytes + offset, size };
        return RC_OK;
    }
    if (!client->chunk && !(client->chunk = aligned_alloc(COPY_ALIGN, BULK_CHUNK_BYTES)))
        return err_set(err, RC_NO_MEMORY, "reading a file to send");
    while (done < size) {
        ssize_t got =
            pread(source->fd, client->chunk + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int sys = errno;

            return err_set_sys(err, rc_of_errno(sys), sys, "read a file to send");
        }
        if (got == 0)
            return err_set(
                err, RC_CORRUPT,
                "the file became shorter while it was sent: %llu of %llu bytes",
                (unsigned long long)(offset + done), (unsigned long long)source->size);
        done += (size_t)got;
    }
    *piece = (struct bytes){ (const char *)client->chunk, size };
    return RC_OK;
}

static enum rc piece_send(struct bulk_client *client, const struct source *source,
                          uint64_t id, uint64_t offset, size_t size, struct err *err)
{
    struct bulk_message put = {
        .type = BULK_PUT_DATA, .id = id, .offset = offset, .has_data = true
    };
    enum rc rc = source_read(client, source, offset, size, &put.data, err);

    return rc == RC_OK ? call_send(client, &put, err) : rc;
}

/* Sends what the window allows and takes one answer. is_stored: it was the last. */
static enum rc upload_step(struct bulk_client *client, const struct source *source,
                           uint64_t id, uint64_t *sent, struct bulk_message *state,
                           struct err *err)
{
    uint64_t window = state->window < BULK_WINDOW ? state->window : BULK_WINDOW;
    uint64_t until = state->received + window * BULK_CHUNK_BYTES;
    scoped_answer answer = { 0 };
    enum rc rc;

    until = until < source->size ? until : source->size;
    while (*sent < until) {
        uint64_t left = source->size - *sent;
        size_t size = left < BULK_CHUNK_BYTES ? (size_t)left : BULK_CHUNK_BYTES;

        rc = piece_send(client, source, id, *sent, size, err);
        if (rc != RC_OK)
            return rc;
        *sent += size;
    }
    rc = call_wait(client, id, id, BULK_GO_ON, BULK_STORED, &answer, err);
    if (rc != RC_OK)
        return rc;
    if (answer.message.type == BULK_GO_ON
        && (answer.message.received <= state->received
            || answer.message.received > *sent))
        return err_set(err, RC_PROTOCOL, "%s: counts %llu bytes of %llu sent",
                       client->endpoint, (unsigned long long)answer.message.received,
                       (unsigned long long)*sent);
    state->type = answer.message.type;
    state->received = answer.message.received;
    state->window = answer.message.window;
    return RC_OK;
}

/* One try to send an object. */
struct upload_try {
    const struct source *source;
    const char *digest;
    bool may_resume;
    bool is_resumed;   /* the server had bytes of an earlier try */
    uint64_t received; /* what it counted last */
};

/* The server has answered PUT with GO_ON or STORED, which is in state. */
static enum rc upload(struct bulk_client *client, struct upload_try *attempt, uint64_t id,
                      struct bulk_message *state, struct err *err)
{
    const struct source *source = attempt->source;
    uint64_t sent = state->received;

    if (state->type == BULK_GO_ON
        && (sent >= source->size || (sent > 0 && !attempt->may_resume)))
        return err_set(err, RC_PROTOCOL, "%s: counts bytes before they were sent",
                       client->endpoint);
    while (state->type == BULK_GO_ON) {
        attempt->received = state->received;
        if (state->received > 0)
            report(source, state->received);
        if (state->window == 0)
            return err_set(err, RC_PROTOCOL, "%s: gives no window", client->endpoint);
        enum rc rc = upload_step(client, source, id, &sent, state, err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc put_once(struct bulk_client *client, struct upload_try *attempt,
                        struct err *err)
{
    const struct source *source = attempt->source;
    struct bulk_message message = { .type = BULK_PUT,
                                    .size = source->size,
                                    .may_resume = attempt->may_resume };
    struct bulk_message state;
    scoped_answer answer = { 0 };
    enum rc rc = RC_OK;

    memcpy(message.digest, attempt->digest, sizeof message.digest);
    message.has_data = source->size <= BULK_CHUNK_BYTES;
    if (message.has_data)
        rc = source_read(client, source, 0, (size_t)source->size, &message.data, err);
    if (rc == RC_OK)
        rc = call(client, &message, BULK_GO_ON, BULK_STORED, &answer, err);
    /* Nothing was sent that could be wrong: what was there is. */
    attempt->is_resumed = rc == RC_CORRUPT && !message.has_data;
    if (rc != RC_OK)
        return rc;
    state = answer.message;
    attempt->is_resumed = state.type == BULK_GO_ON && state.received > 0;
    rc = upload(client, attempt, message.id, &state, err);
    if (rc == RC_OK) {
        report(source, source->size);
        return RC_OK;
    }
    /* The server gives it up in time anyway; this is only sooner. */
    struct bulk_message stop = { .type = BULK_PUT_STOP, .id = message.id };
    if (client->socket)
        bulk_tell(client->socket, (struct bytes){ 0 }, &stop);
    return rc;
}

/* The connection broke; or it is a new one already, to a server that knows of no upload.
 */
static bool has_broken_off(const struct upload_try *attempt, enum rc rc)
{
    return rc == RC_NOT_FOUND || (rc == RC_UNREACHABLE && attempt->received > 0);
}

/* A broken connection is no failure as long as tries bring the server more bytes. Wrong
 * bytes of another one's try cost one more, from the start. */
static enum rc put(struct bulk_client *client, const struct source *source,
                   const char *digest, struct err *err)
{
    struct upload_try attempt = { .source = source,
                                  .digest = digest,
                                  .may_resume = true };
    uint64_t received;
    unsigned in_vain = 0;
    enum rc rc;

    if (!digest_is_valid(digest, strlen(digest)))
        return err_set(err, RC_INVALID, "'%.80s' is not a digest", digest);
    do {
        /* The news of the break may still be on its way, and would end the next try. */
        if (in_vain > 0 || attempt.received > 0)
            call_disconnect(client);
        received = attempt.received;
        rc = put_once(client, &attempt, err);
        if (rc == RC_CORRUPT && attempt.is_resumed && attempt.may_resume) {
            attempt = (struct upload_try){ .source = source, .digest = digest };
            rc = put_once(client, &attempt, err);
        }
        in_vain = attempt.received > received ? 0 : in_vain + 1;
    } while (has_broken_off(&attempt, rc) && in_vain < IN_VAIN_MAX);
    return rc;
}

enum rc bulk_put(struct bulk_client *client, int fd, const char *digest, uint64_t size,
                 bulk_progress *progress, void *context, struct err *err)
{
    struct source source = {
        .fd = fd, .size = size, .progress = progress, .context = context
    };

    return put(client, &source, digest, err);
}

enum rc bulk_put_bytes(struct bulk_client *client, const void *bytes, size_t size,
                       char digest[DIGEST_TEXT_SIZE], struct err *err)
{
    struct source source = { .bytes = size > 0 ? bytes : "", .fd = -1, .size = size };
    char text[DIGEST_TEXT_SIZE];

    digest_bytes(bytes, size, text);
    enum rc rc = put(client, &source, text, err);
    if (rc == RC_OK)
        memcpy(digest, text, DIGEST_TEXT_SIZE);
    return rc;
}
