/* bulk_wire.c - the table of messages and fields, and the two loops that follow it. */
#include "broker/artifacts/bulk_wire.h"

#include <string.h>

enum kind { KIND_UINT, KIND_BOOL, KIND_BYTES, KIND_TEXT, KIND_DIGEST, KIND_DIGESTS };

enum field {
    FIELD_DIGEST,
    FIELD_DIGESTS,
    FIELD_MISSING,
    FIELD_SIZE,
    FIELD_OFFSET,
    FIELD_LIMIT,
    FIELD_WINDOW,
    FIELD_RECEIVED,
    FIELD_NODE,
    FIELD_CLIENT,
    FIELD_TOKEN,
    FIELD_STREAM,
    FIELD_FINAL,
    FIELD_CODE,
    FIELD_TEXT,
    FIELD_ENDPOINT,
    FIELD_ENDPOINTS,
    FIELD_FIRST,
    FIELD_RESUME,
    FIELD_COUNT
};

/* max: the largest number, or the most bytes. */
static const struct field_entry {
    const char *name;
    enum kind kind;
    size_t at; /* in struct bulk_message */
    uint64_t max;
} fields[FIELD_COUNT] = {
#define FIELD(name, kind, member, max)                                                   \
    {                                                                                    \
        name, kind, offsetof(struct bulk_message, member), max                           \
    }
    [FIELD_DIGEST] = FIELD("digest", KIND_DIGEST, digest, 0),
    [FIELD_DIGESTS] = FIELD("digests", KIND_DIGESTS, digests, BULK_HAVE_MAX),
    [FIELD_MISSING] = FIELD("missing", KIND_BYTES, missing, BULK_HAVE_MAX),
    [FIELD_SIZE] = FIELD("size", KIND_UINT, size, INT64_MAX),
    [FIELD_OFFSET] = FIELD("offset", KIND_UINT, offset, INT64_MAX),
    [FIELD_LIMIT] = FIELD("limit", KIND_UINT, limit, BULK_CHUNK_BYTES),
    [FIELD_WINDOW] = FIELD("window", KIND_UINT, window, UINT32_MAX),
    [FIELD_RECEIVED] = FIELD("received", KIND_UINT, received, INT64_MAX),
    [FIELD_NODE] = FIELD("node", KIND_BYTES, node, BULK_IDENTITY_MAX),
    [FIELD_CLIENT] = FIELD("client", KIND_BYTES, client, BULK_IDENTITY_MAX),
    [FIELD_TOKEN] = FIELD("token", KIND_UINT, token, UINT64_MAX),
    [FIELD_STREAM] = FIELD("stream", KIND_UINT, stream, STREAM_COUNT - 1),
    [FIELD_FINAL] = FIELD("final", KIND_BOOL, is_final, 0),
    [FIELD_CODE] = FIELD("code", KIND_TEXT, code, 32),
    [FIELD_TEXT] = FIELD("text", KIND_TEXT, text, ERR_TEXT_MAX),
    [FIELD_ENDPOINT] = FIELD("endpoint", KIND_TEXT, endpoint, PLACE_ENDPOINT_MAX),
    [FIELD_ENDPOINTS] = FIELD("endpoints", KIND_TEXT, endpoints, BULK_ENDPOINTS_MAX),
    [FIELD_FIRST] = FIELD("first", KIND_BOOL, is_first, 0),
    [FIELD_RESUME] = FIELD("resume", KIND_BOOL, may_resume, 0),
#undef FIELD
};

enum data { DATA_NONE, DATA_MAY, DATA_MUST };

#define HAS(name) (1u << FIELD_##name)

/* Fields that peers of an earlier release do not send; false or 0 then. */
static const uint32_t optional = HAS(RESUME);

static const struct message_entry {
    const char *name;
    enum bulk_type type;
    uint32_t fields; /* required, but for those in optional */
    enum data data;
} messages[] = {
    { "HAVE", BULK_HAVE, HAS(DIGESTS), DATA_NONE },
    { "PUT", BULK_PUT, HAS(DIGEST) | HAS(SIZE) | HAS(RESUME), DATA_MAY },
    { "PUT_DATA", BULK_PUT_DATA, HAS(OFFSET), DATA_MUST },
    { "PUT_STOP", BULK_PUT_STOP, 0, DATA_NONE },
    { "GET", BULK_GET, HAS(DIGEST) | HAS(OFFSET) | HAS(LIMIT), DATA_NONE },
    { "CHECK", BULK_CHECK, HAS(DIGEST), DATA_NONE },
    { "STREAM_READ", BULK_STREAM_READ,
      HAS(NODE) | HAS(TOKEN) | HAS(STREAM) | HAS(OFFSET) | HAS(LIMIT), DATA_NONE },
    { "STREAM_GIVE", BULK_STREAM_GIVE, HAS(CLIENT) | HAS(SIZE) | HAS(FINAL), DATA_MUST },
    { "STREAM_REFUSE", BULK_STREAM_REFUSE, HAS(CLIENT) | HAS(CODE) | HAS(TEXT),
      DATA_NONE },
    { "PUT_PACK", BULK_PUT_PACK, HAS(DIGESTS), DATA_MUST },
    { "GET_PACK", BULK_GET_PACK, HAS(DIGESTS), DATA_NONE },
    { "HERE", BULK_HERE, HAS(ENDPOINT) | HAS(FIRST) | HAS(DIGESTS), DATA_NONE },
    { "GONE", BULK_GONE, HAS(DIGESTS), DATA_NONE },
    { "WHERE", BULK_WHERE, HAS(DIGEST), DATA_NONE },
    { "HAD", BULK_HAD, HAS(MISSING), DATA_NONE },
    { "GO_ON", BULK_GO_ON, HAS(RECEIVED) | HAS(WINDOW), DATA_NONE },
    { "STORED", BULK_STORED, 0, DATA_NONE },
    { "DATA", BULK_DATA, HAS(SIZE), DATA_MUST },
    { "CHECKED", BULK_CHECKED, 0, DATA_NONE },
    { "STREAM_DATA", BULK_STREAM_DATA, HAS(NODE) | HAS(SIZE) | HAS(FINAL), DATA_MUST },
    { "STREAM_ASK", BULK_STREAM_ASK,
      HAS(CLIENT) | HAS(TOKEN) | HAS(STREAM) | HAS(OFFSET) | HAS(LIMIT), DATA_NONE },
    { "PACK", BULK_PACK, 0, DATA_MUST },
    { "PLACES", BULK_PLACES, HAS(ENDPOINTS), DATA_NONE },
    { "COMING", BULK_COMING, 0, DATA_NONE },
    { "ERROR", BULK_ERROR, HAS(CODE) | HAS(TEXT), DATA_NONE },
};

static const struct message_entry *entry_of(uint64_t type)
{
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        if (messages[i].type == type)
            return &messages[i];
    return NULL;
}

const char *bulk_message_name(size_t i, enum bulk_type *type)
{
    if (i >= COUNT_OF(messages))
        return NULL;
    *type = messages[i].type;
    return messages[i].name;
}

const char *bulk_field_name(enum bulk_type type, size_t i)
{
    const struct message_entry *entry = entry_of(type);

    for (size_t field = 0; entry && field < FIELD_COUNT; field++)
        if ((entry->fields >> field & 1) && i-- == 0)
            return fields[field].name;
    return NULL;
}

static void digest_read(struct reader *reader, char digest[DIGEST_TEXT_SIZE])
{
    struct bytes text = reader_string(reader);

    if (!reader_ok(reader) || !digest_is_valid(text.data, text.size)) {
        reader_fail(reader);
        return;
    }
    memcpy(digest, text.data, text.size);
    digest[text.size] = '\0';
}

/* Reads them all once, so that whoever asks for them later cannot fail. */
static void digests_read(struct reader *reader, struct bulk_message *message)
{
    char digest[DIGEST_TEXT_SIZE];
    size_t count = reader_list(reader);

    message->digest_reader = *reader;
    message->digest_count = count;
    if (count > BULK_HAVE_MAX)
        reader_fail(reader);
    for (size_t i = 0; i < count && reader_ok(reader); i++)
        digest_read(reader, digest);
}

void bulk_digest_next(struct bulk_message *message, char digest[DIGEST_TEXT_SIZE])
{
    digest_read(&message->digest_reader, digest);
    must(reader_ok(&message->digest_reader));
}

void pack_head_write(void *at, uint32_t size)
{
    unsigned char *bytes = at;

    for (size_t i = 0; i < PACK_HEAD; i++)
        bytes[i] = (unsigned char)(size >> (8 * i));
}

bool pack_next(struct bytes *data, struct bytes *bytes)
{
    const unsigned char *head = (const unsigned char *)data->data;
    uint32_t size = 0;

    if (data->size < PACK_HEAD)
        return false;
    for (size_t i = 0; i < PACK_HEAD; i++)
        size |= (uint32_t)head[i] << (8 * i);
    if (size != PACK_ABSENT && size > data->size - PACK_HEAD)
        return false;

    bool is_there = size != PACK_ABSENT;

    size = is_there ? size : 0;
    *bytes = (struct bytes){ is_there ? data->data + PACK_HEAD : NULL, size };
    *data =
        (struct bytes){ data->data + PACK_HEAD + size, data->size - PACK_HEAD - size };
    return true;
}

static void field_read(const struct field_entry *field, struct reader *reader,
                       struct bulk_message *message)
{
    void *at = (char *)message + field->at;

    switch (field->kind) {
    case KIND_UINT:
        *(uint64_t *)at = reader_uint_max(reader, field->max);
        break;
    case KIND_BOOL:
        *(bool *)at = reader_bool(reader);
        break;
    case KIND_BYTES:
    case KIND_TEXT:
        *(struct bytes *)at = reader_bytes(reader);
        if (((struct bytes *)at)->size > field->max)
            reader_fail(reader);
        break;
    case KIND_DIGEST:
        digest_read(reader, at);
        break;
    case KIND_DIGESTS:
        digests_read(reader, message);
        break;
    }
}

static enum rc body_read(const struct message_entry *entry, struct reader *reader,
                         struct bulk_message *message, struct err *err)
{
    uint32_t seen = 0;

    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);
        size_t i = 0;

        while (i < FIELD_COUNT && !bytes_are(key, fields[i].name))
            i++;
        if (i == FIELD_COUNT || !(entry->fields >> i & 1)) {
            reader_skip(reader);
            continue;
        }
        field_read(&fields[i], reader, message);
        if (seen >> i & 1)
            reader_fail(reader);
        if (!reader_ok(reader))
            return err_set(err, RC_PROTOCOL, "%s: field %s is wrong or stands twice",
                           entry->name, fields[i].name);
        seen |= 1u << i;
    }
    if (!reader_at_end(reader))
        return err_set(err, RC_PROTOCOL, "%s: the body does not decode", entry->name);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if ((entry->fields & ~seen & ~optional) >> i & 1)
            return err_set(err, RC_PROTOCOL, "%s: field %s is missing", entry->name,
                           fields[i].name);
    return RC_OK;
}

/* Reads [protocol, type, id, ...]. */
static enum rc header_read(const struct link_frame *frame, uint64_t *type, uint64_t *id,
                           struct err *err)
{
    struct reader reader;

    reader_init(&reader, frame->data, frame->size);
    size_t count = reader_list(&reader);
    uint64_t protocol = reader_uint(&reader);
    *type = reader_uint(&reader);
    uint64_t number = reader_uint(&reader);
    for (size_t i = 3; i < count; i++)
        reader_skip(&reader);
    if (count < 3 || !reader_at_end(&reader))
        return err_set(err, RC_PROTOCOL, "the header is not [protocol, type, id]");
    *id = number;
    if (protocol != BULK_PROTOCOL)
        return err_set(err, RC_UNSUPPORTED, "bulk protocol %llu: this side speaks %d",
                       (unsigned long long)protocol, BULK_PROTOCOL);
    return RC_OK;
}

enum rc bulk_decode(const struct link_frame *frames, size_t count,
                    struct bulk_message *message, uint64_t *id, struct err *err)
{
    struct bulk_message got = { 0 };
    struct reader reader;
    uint64_t type;

    *id = 0;
    if (count < 2 || count > 3)
        return err_set(err, RC_PROTOCOL, "%zu frames: header, body and data at most",
                       count);
    enum rc rc = header_read(&frames[0], &type, id, err);
    if (rc != RC_OK)
        return rc;
    const struct message_entry *entry = entry_of(type);
    if (!entry)
        return err_set(err, RC_UNSUPPORTED, "unknown type of message %llu",
                       (unsigned long long)type);
    got.type = entry->type;
    got.id = *id;
    got.has_data = count == 3;
    if (got.has_data ? entry->data == DATA_NONE : entry->data == DATA_MUST)
        return err_set(err, RC_PROTOCOL, "%s: %s data frame", entry->name,
                       got.has_data ? "has no" : "lacks its");
    if (got.has_data)
        got.data = (struct bytes){ frames[2].data, frames[2].size };
    if (got.data.size > BULK_CHUNK_BYTES)
        return err_set(err, RC_PROTOCOL, "%s: %zu bytes of data, at most %d", entry->name,
                       got.data.size, BULK_CHUNK_BYTES);
    reader_init(&reader, frames[1].data, frames[1].size);
    rc = body_read(entry, &reader, &got, err);
    if (rc == RC_OK)
        *message = got;
    return rc;
}

static void field_write(const struct field_entry *field,
                        const struct bulk_message *message, struct buf *buf)
{
    const void *at = (const char *)message + field->at;
    const struct bytes *bytes = at;

    pack_text(buf, field->name);
    switch (field->kind) {
    case KIND_UINT:
        pack_uint(buf, *(const uint64_t *)at);
        break;
    case KIND_BOOL:
        pack_bool(buf, *(const bool *)at);
        break;
    case KIND_BYTES:
        pack_bytes(buf, bytes->data, bytes->size);
        break;
    case KIND_TEXT:
        pack_string(buf, bytes->data, bytes->size);
        break;
    case KIND_DIGEST:
        pack_text(buf, at);
        break;
    case KIND_DIGESTS:
        pack_list(buf, message->digest_count);
        for (size_t i = 0; i < message->digest_count; i++)
            pack_text(buf, message->digests[i]);
        break;
    }
}

static void message_write(const struct bulk_message *message, struct buf *header,
                          struct buf *body)
{
    const struct message_entry *entry = entry_of(message->type);

    must(entry != NULL);
    pack_list(header, 3);
    pack_uint(header, BULK_PROTOCOL);
    pack_uint(header, message->type);
    pack_uint(header, message->id);
    pack_map(body, (size_t)__builtin_popcount(entry->fields));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (entry->fields >> i & 1)
            field_write(&fields[i], message, body);
}

enum rc bulk_send(void *socket, struct bytes peer, const struct bulk_message *message,
                  struct err *err)
{
    scoped_buf header, body;
    struct link_frame frames[4];
    size_t count = 0;

    buf_init(&header, 0);
    buf_init(&body, 0);
    message_write(message, &header, &body);
    if (!buf_ok(&header) || !buf_ok(&body))
        return err_set(err, RC_NO_MEMORY, "a message of the bulk protocol");
    if (peer.size > 0)
        frames[count++] = (struct link_frame){ peer.data, peer.size };
    frames[count++] = (struct link_frame){ header.data, header.size };
    frames[count++] = (struct link_frame){ body.data, body.size };
    if (message->has_data)
        frames[count++] = (struct link_frame){ message->data.data, message->data.size };
    return link_send(socket, frames, count, err);
}

bool bulk_tell(void *socket, struct bytes peer, const struct bulk_message *message)
{
    return bulk_send(socket, peer, message, NULL) == RC_OK;
}
