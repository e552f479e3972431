/* message.c - headers, errors and the requests of clients. */
#include "codecs/wire/message.h"

#include "codecs/wire/request_names.h"

#include <string.h>

static const char *const names[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_STATUS] = "status",
    [MESSAGE_SUBMIT] = "submit",
    [MESSAGE_CANCEL] = "cancel",
    [MESSAGE_APPROVE] = "approve",
    [MESSAGE_FIND] = "find",
    [MESSAGE_RUNS] = "runs",
    [MESSAGE_VIEW] = "view",
    [MESSAGE_PLAN] = "plan",
    [MESSAGE_STAGE] = "stage",
    [MESSAGE_TASKS] = "tasks",
    [MESSAGE_RESULT] = "result",
    [MESSAGE_LOCATE] = "locate",
    [MESSAGE_NODES] = "nodes",
    [MESSAGE_EVENTS] = "events",
    [MESSAGE_SHUTDOWN] = "shutdown",
    [MESSAGE_EXPLAIN] = "explain",
    [MESSAGE_VERSIONS] = "versions",
    [MESSAGE_ORIGIN] = "origin",
    [MESSAGE_RECORDS] = "records",
    [MESSAGE_IMPORT] = "import",
    [MESSAGE_RESOLVE] = "resolve",
    [MESSAGE_DATUMS] = "datums",
    [MESSAGE_DATUM] = "datum",
    [MESSAGE_ALIASES] = "aliases",
    [MESSAGE_ALIAS] = "alias",
    [MESSAGE_TAG] = "tag",
    [MESSAGE_DATASETS] = "datasets",
    [MESSAGE_DATASET] = "dataset",
    [MESSAGE_OUTCOMES] = "outcomes",
    [MESSAGE_LINEAGE] = "lineage",
    [MESSAGE_MADE] = "made",
    [MESSAGE_SPACE] = "space",
    [MESSAGE_OK] = "ok",
    [MESSAGE_ERROR] = "error",
    [MESSAGE_JOIN] = "join",
    [MESSAGE_LEAVE] = "leave",
    [MESSAGE_BEAT] = "beat",
    [MESSAGE_WANT] = "want",
    [MESSAGE_NOTE] = "note",
    [MESSAGE_STARTED] = "started",
    [MESSAGE_RESULTS] = "results",
    [MESSAGE_BLOCKS] = "blocks",
    [MESSAGE_REMOVED] = "removed",
    [MESSAGE_LOOKED] = "looked",
    [MESSAGE_WELCOME] = "welcome",
    [MESSAGE_CLASS] = "class",
    [MESSAGE_ASSIGN] = "assign",
    [MESSAGE_STOP] = "stop",
    [MESSAGE_DROP] = "drop",
    [MESSAGE_TAKEN] = "taken",
    [MESSAGE_REMOVE] = "remove",
    [MESSAGE_LOOK] = "look",
    [MESSAGE_REJOIN] = "rejoin",
    [MESSAGE_QUIT] = "quit",
};

const char *message_type_name(enum message_type type)
{
    return (unsigned)type < MESSAGE_TYPE_COUNT ? names[type] : "unknown";
}

bool message_is_timeless(enum message_type type)
{
    return type == MESSAGE_STATUS || type == MESSAGE_JOIN || type == MESSAGE_REJOIN
           || type == MESSAGE_ERROR;
}

void message_header_encode(struct buf *buf, const struct message_header *header)
{
    must(header->protocol > 0);
    pack_list(buf, header->session ? 4 : 3);
    pack_uint(buf, header->protocol);
    pack_text(buf, message_type_name(header->type));
    pack_uint(buf, header->id);
    if (header->session)
        pack_uint(buf, header->session);
}

static enum rc protocol_check(const struct message_header *header, struct err *err)
{
    struct protocol_range ours = protocol_ours();

    if (protocol_has(ours, header->protocol) || message_is_timeless(header->type))
        return RC_OK;
    return err_set(err, RC_UNSUPPORTED,
                   "protocol %u is not spoken here, but %u to %u: greet anew with status "
                   "or join",
                   header->protocol, ours.lowest, ours.highest);
}

enum rc message_header_decode(const void *bytes, size_t size,
                              struct message_header *header, struct err *err)
{
    struct reader reader;

    reader_init(&reader, bytes, size);

    size_t size_of_list = reader_list(&reader);

    if (size_of_list < 3)
        reader_fail(&reader);

    uint32_t protocol = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    struct bytes type = reader_string(&reader);
    uint64_t id = reader_uint(&reader);
    struct reader behind = reader; /* what is there may be something else */
    uint64_t session = size_of_list > 3 ? reader_uint(&behind) : 0;

    if (!reader_ok(&reader) || protocol == 0)
        return err_set(err, RC_PROTOCOL,
                       "message header: want a list [protocol, type, id]");
    header->protocol = protocol;
    header->id = id;
    header->session = session;
    for (unsigned i = 0; i < MESSAGE_TYPE_COUNT; i++)
        if (bytes_are(type, names[i])) {
            header->type = (enum message_type)i;
            return protocol_check(header, err);
        }
    return err_set(err, RC_UNSUPPORTED,
                   "message type \"%.*s\" is not known to this version",
                   (int)(type.size < 40 ? type.size : 40), type.data);
}

void message_error_encode(struct buf *buf, const struct err *err)
{
    pack_map(buf, 2);
    pack_text(buf, "code");
    pack_text(buf, rc_name(err->rc == RC_OK ? RC_IO : err->rc));
    pack_text(buf, "text");
    pack_text(buf, err->text);
}

enum rc message_error_decode(const void *bytes, size_t size, struct err *err)
{
    struct reader reader;
    struct bytes code = { "", 0 }, text = { "", 0 };

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "code"))
            code = reader_string(&reader);
        else if (bytes_are(key, "text"))
            text = reader_string(&reader);
        else
            reader_skip(&reader);
    }
    if (!reader_ok(&reader))
        return err_set(err, RC_PROTOCOL, "the broker's error does not decode");

    enum rc rc = rc_by_name(code.data, code.size);
    int shown = (int)(text.size < ERR_TEXT_MAX ? text.size : ERR_TEXT_MAX - 1);

    return err_set(err, rc == RC_OK ? RC_IO : rc, "%.*s", shown, text.data);
}

static void encode_bytes(struct buf *buf, const char *key, const struct bytes *bytes)
{
    if (bytes->size == 0)
        return;
    pack_text(buf, key);
    pack_bytes(buf, bytes->data, bytes->size);
}

void request_encode(struct buf *buf, const struct request *request)
{
    const struct {
        const char *key;
        uint64_t number;
    } numbers[] = { { "run", request->run },        { "index", request->index },
                    { "first", request->first },    { "since", request->since },
                    { "before", request->before },  { "limit", request->limit },
                    { "attempt", request->attempt } };
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        count += numbers[i].number != 0;
    count += (size_t)request->yes + request->force + request->task
             + (request->stage != NULL) + (request->text != NULL)
             + (request->submission != NULL) + (request->plan.size > 0)
             + (request->records.size > 0) + (request->speaks.highest > 0)
             + request_names_count(request);
    pack_map(buf, count);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (numbers[i].number != 0) {
            pack_text(buf, numbers[i].key);
            pack_uint(buf, numbers[i].number);
        }
    if (request->yes) {
        pack_text(buf, "yes");
        pack_bool(buf, true);
    }
    if (request->force) {
        pack_text(buf, "force");
        pack_bool(buf, true);
    }
    if (request->task) {
        pack_text(buf, "task");
        pack_bool(buf, true);
    }
    if (request->stage) {
        pack_text(buf, "stage");
        pack_text(buf, request->stage);
    }
    if (request->text) {
        pack_text(buf, "text");
        pack_text(buf, request->text);
    }
    if (request->submission) {
        pack_text(buf, "submission");
        pack_bytes(buf, request->submission, 16);
    }
    encode_bytes(buf, "plan", &request->plan);
    encode_bytes(buf, "records", &request->records);
    if (request->speaks.highest > 0) {
        pack_text(buf, "speaks");
        protocol_range_pack(buf, request->speaks);
    }
    request_names_encode(buf, request);
}

static void request_field(struct reader *reader, struct arena *arena, struct bytes key,
                          struct request *request)
{
    if (bytes_are(key, "run"))
        request->run = reader_uint(reader);
    else if (bytes_are(key, "index"))
        request->index = reader_uint(reader);
    else if (bytes_are(key, "first"))
        request->first = reader_uint(reader);
    else if (bytes_are(key, "since"))
        request->since = reader_uint(reader);
    else if (bytes_are(key, "before"))
        request->before = reader_uint(reader);
    else if (bytes_are(key, "limit"))
        request->limit = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    else if (bytes_are(key, "attempt"))
        request->attempt = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    else if (bytes_are(key, "yes"))
        request->yes = reader_bool(reader);
    else if (bytes_are(key, "force"))
        request->force = reader_bool(reader);
    else if (bytes_are(key, "task"))
        request->task = reader_bool(reader);
    else if (bytes_are(key, "stage"))
        request->stage = reader_text(reader, arena, PLAN_NAME_MAX);
    else if (bytes_are(key, "text"))
        request->text = reader_text(reader, arena, PLAN_NAME_MAX);
    else if (bytes_are(key, "plan"))
        request->plan = reader_bytes(reader);
    else if (bytes_are(key, "records"))
        request->records = reader_bytes(reader);
    else if (bytes_are(key, "speaks"))
        request->speaks = protocol_range_read(reader);
    else if (bytes_are(key, "submission")) {
        struct bytes bytes = reader_bytes(reader);

        if (bytes.size != 16)
            reader_fail(reader);
        request->submission = (const uint8_t *)bytes.data;
    } else if (!request_names_field(reader, arena, key, request)) {
        reader_skip(reader);
    }
}

enum rc request_decode(const void *bytes, size_t size, struct arena *arena,
                       struct request *request, struct err *err)
{
    struct reader reader;
    struct request read = { 0 };

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--)
        request_field(&reader, arena, reader_string(&reader), &read);
    if (!reader_at_end(&reader))
        return err_set(err, RC_PROTOCOL, "request body: byte %zu does not decode",
                       reader.at);
    *request = read;
    return RC_OK;
}
