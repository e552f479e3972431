/* result.c - the names of causes, streams and statuses, and the msgpack form of a result.
 *
 * A result is a map with short string keys; unknown keys are skipped, missing ones keep
 * their zero value, so that fields can be added. */
#include "codecs/wire/result.h"

#include "codecs/digest/digest.h"
#include "codecs/pack/pack.h"
#include "codecs/plan/tree.h"

#include <string.h>

enum {
    MESSAGE_MAX = 64 << 10,
    URI_MAX = 64 << 10,
    HEX_MAX = 128,
    ETAG_MAX = 1024,
    NODE_MAX = 64,
    METADATA_SLACK = 16 /* the header of the map itself */
};

static const char *const causes[CAUSE_COUNT] = {
    [CAUSE_EXIT] = "exit",
    [CAUSE_SIGNAL] = "signal",
    [CAUSE_MEMORY] = "memory",
    [CAUSE_TIME_LIMIT] = "time-limit",
    [CAUSE_NO_OUTPUT] = "no-output",
    [CAUSE_STOP_CONDITION] = "stop-condition",
    [CAUSE_STOPPED] = "stopped",
    [CAUSE_START_FAILED] = "start-failed",
    [CAUSE_INPUT_FAILED] = "input-failed",
    [CAUSE_OUTPUT_FAILED] = "output-failed",
    [CAUSE_LOST] = "lost",
};

static const char *const streams[STREAM_COUNT] = {
    [STREAM_STDOUT] = "stdout",     [STREAM_STDERR] = "stderr", [STREAM_TIMES] = "times",
    [STREAM_METADATA] = "metadata", [STREAM_STATUS] = "status",
};

static const char *const statuses[RESULT_STATUS_COUNT] = {
    [RESULT_COMPLETE] = "complete",
    [RESULT_ERROR] = "error",
    [RESULT_STOPPED] = "stopped",
    [RESULT_CRASHED] = "crashed",
};

const char *cause_name(enum cause cause)
{
    return (unsigned)cause < CAUSE_COUNT ? causes[cause] : "unknown";
}

const char *stream_name(enum stream stream)
{
    return (unsigned)stream < STREAM_COUNT ? streams[stream] : "unknown";
}

const char *result_status_name(enum result_status status)
{
    return (unsigned)status < RESULT_STATUS_COUNT ? statuses[status] : "unknown";
}

enum result_status result_status_of(enum cause cause, int32_t exit_code)
{
    switch (cause) {
    case CAUSE_EXIT:
        return exit_code == 0 ? RESULT_COMPLETE : RESULT_ERROR;
    case CAUSE_SIGNAL:
    case CAUSE_MEMORY:
    case CAUSE_TIME_LIMIT:
    case CAUSE_NO_OUTPUT:
    case CAUSE_START_FAILED:
    case CAUSE_INPUT_FAILED:
    case CAUSE_OUTPUT_FAILED:
        return RESULT_ERROR;
    case CAUSE_STOP_CONDITION:
    case CAUSE_STOPPED:
        return RESULT_STOPPED;
    case CAUSE_LOST:
        return RESULT_CRASHED;
    case CAUSE_COUNT:
        break;
    }
    unreachable_because("causes are closed");
}

void file_encode(struct buf *buf, const struct plan_source *file)
{
    pack_map(buf, 7u + !!file->etag + !!file->location + !!file->node + !!file->version
                      + !!file->modified + 2u * !!file->input);
    pack_text(buf, "uri");
    pack_text(buf, file->uri);
    pack_text(buf, "name");
    pack_text(buf, file->name);
    pack_text(buf, "digest");
    pack_text(buf, file->digest);
    pack_text(buf, "md5");
    pack_text(buf, file->md5);
    pack_text(buf, "sha1");
    pack_text(buf, file->sha1);
    pack_text(buf, "size");
    pack_uint(buf, file->size);
    pack_text(buf, "metadata");
    pack_value(buf, &file->metadata);
    if (file->etag) {
        pack_text(buf, "etag");
        pack_text(buf, file->etag);
    }
    if (file->location) {
        pack_text(buf, "location");
        pack_text(buf, file->location);
    }
    if (file->node) {
        pack_text(buf, "node");
        pack_text(buf, file->node);
    }
    if (file->version) {
        pack_text(buf, "version");
        pack_text(buf, file->version);
    }
    if (file->modified) {
        pack_text(buf, "modified");
        pack_text(buf, file->modified);
    }
    if (file->input) {
        pack_text(buf, "input");
        pack_text(buf, file->input);
        pack_text(buf, "place");
        pack_uint(buf, file->place);
    }
}

static void encode_sources(struct buf *buf, const struct plan_source *sources,
                           size_t count)
{
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++)
        file_encode(buf, &sources[i]);
}

static void encode_usage(struct buf *buf, const struct usage *usage)
{
    pack_list(buf, 6);
    pack_uint(buf, usage->wall_us);
    pack_uint(buf, usage->user_us);
    pack_uint(buf, usage->system_us);
    pack_uint(buf, usage->memory_peak_bytes);
    pack_uint(buf, usage->read_bytes);
    pack_uint(buf, usage->written_bytes);
}

static void encode_streams(struct buf *buf, const struct task_result *result)
{
    pack_map(buf, STREAM_COUNT);
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        pack_text(buf, streams[i]);
        pack_list(buf, 2);
        pack_uint(buf, result->streams[i].size);
        pack_text(buf, result->streams[i].digest);
    }
}

void result_encode(struct buf *buf, const struct task_result *result)
{
    pack_map(buf, result->environment ? 12 : 11);
    pack_text(buf, "cause");
    pack_text(buf, cause_name(result->cause));
    pack_text(buf, "exit");
    pack_int(buf, result->exit_code);
    pack_text(buf, "signal");
    pack_int(buf, result->signal);
    pack_text(buf, "message");
    pack_text(buf, result->message);
    pack_text(buf, "started");
    pack_int(buf, result->started_us);
    pack_text(buf, "ended");
    pack_int(buf, result->ended_us);
    pack_text(buf, "usage");
    encode_usage(buf, &result->usage);
    pack_text(buf, "outputs");
    encode_sources(buf, result->outputs, result->output_count);
    pack_text(buf, "inputs");
    encode_sources(buf, result->inputs, result->input_count);
    pack_text(buf, "metadata");
    pack_value(buf, &result->metadata);
    pack_text(buf, "streams");
    encode_streams(buf, result);
    if (result->environment) {
        pack_text(buf, "environment");
        pack_text(buf, result->environment);
    }
}

/* What every part of the decoder needs; what names the part being read, for the error. */
struct decoder {
    struct reader reader;
    struct arena *arena;
    const char *what;
};

static void refuse(struct decoder *decoder, const char *what)
{
    if (!reader_ok(&decoder->reader))
        return;
    decoder->what = what;
    reader_fail(&decoder->reader);
}

static const char *decode_digest(struct decoder *decoder)
{
    const char *digest =
        reader_text_or_null(&decoder->reader, decoder->arena, DIGEST_TEXT_SIZE);

    if (digest && !digest_is_valid(digest, strlen(digest)))
        refuse(decoder, "a digest is not sha256:<64 hex digits>");
    return digest;
}

static void decode_properties(struct decoder *decoder, struct value *metadata)
{
    reader_value(&decoder->reader, decoder->arena, metadata);
    if (!reader_ok(&decoder->reader) || metadata->kind == VALUE_ABSENT)
        return;
    if (metadata->kind != VALUE_LIST) {
        refuse(decoder, "the metadata of a file is not a list");
        return;
    }
    for (size_t i = 0; i < metadata->list.count; i++)
        if (metadata->list.items[i].kind != VALUE_MAP)
            refuse(decoder, "the metadata of a file holds something else than maps");
}

static void decode_source(struct decoder *decoder, struct plan_source *source)
{
    struct reader *reader = &decoder->reader;

    *source = (struct plan_source){ .uri = "" };
    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);

        if (bytes_are(key, "uri"))
            source->uri = reader_text(reader, decoder->arena, URI_MAX);
        else if (bytes_are(key, "name"))
            source->name = reader_text(reader, decoder->arena, TREE_PATH_MAX);
        else if (bytes_are(key, "digest"))
            source->digest = decode_digest(decoder);
        else if (bytes_are(key, "md5"))
            source->md5 = reader_text_or_null(reader, decoder->arena, HEX_MAX);
        else if (bytes_are(key, "sha1"))
            source->sha1 = reader_text_or_null(reader, decoder->arena, HEX_MAX);
        else if (bytes_are(key, "size"))
            source->size = reader_uint(reader);
        else if (bytes_are(key, "metadata"))
            decode_properties(decoder, &source->metadata);
        else if (bytes_are(key, "etag"))
            source->etag = reader_text_or_null(reader, decoder->arena, ETAG_MAX);
        else if (bytes_are(key, "location"))
            source->location = reader_text_or_null(reader, decoder->arena, URI_MAX);
        else if (bytes_are(key, "node"))
            source->node = reader_text_or_null(reader, decoder->arena, NODE_MAX);
        else if (bytes_are(key, "version"))
            source->version = reader_text_or_null(reader, decoder->arena, ETAG_MAX);
        else if (bytes_are(key, "modified"))
            source->modified = reader_text_or_null(reader, decoder->arena, ETAG_MAX);
        else if (bytes_are(key, "input"))
            source->input = reader_text_or_null(reader, decoder->arena, PLAN_NAME_MAX);
        else if (bytes_are(key, "place"))
            source->place = reader_uint(reader);
        else
            reader_skip(reader);
    }
    if (!reader_ok(reader))
        return;
    if (!source->digest)
        refuse(decoder, "a file has no digest");
    else if (!source->name || !tree_path_is_safe(source->name))
        refuse(decoder, "a file has no name, or one that is no safe relative path");
}

void file_decode(struct reader *reader, struct arena *arena, struct plan_source *file)
{
    struct decoder decoder = { .reader = *reader, .arena = arena };

    decode_source(&decoder, file);
    *reader = decoder.reader;
}

static void decode_sources(struct decoder *decoder, const char *what,
                           struct plan_source **sources, size_t *count)
{
    size_t found = reader_list(&decoder->reader);

    if (!reader_ok(&decoder->reader))
        return;
    if (found > RESULT_OUTPUTS_MAX) {
        refuse(decoder, what);
        return;
    }

    struct plan_source *list = arena_array(decoder->arena, found, sizeof *list);

    if (!list) {
        refuse(decoder, "out of memory");
        return;
    }
    for (size_t i = 0; i < found && reader_ok(&decoder->reader); i++)
        decode_source(decoder, &list[i]);
    *sources = list;
    *count = found;
}

static void decode_usage(struct decoder *decoder, struct usage *usage)
{
    struct reader *reader = &decoder->reader;
    uint64_t *const fields[] = { &usage->wall_us,    &usage->user_us,
                                 &usage->system_us,  &usage->memory_peak_bytes,
                                 &usage->read_bytes, &usage->written_bytes };
    size_t count = reader_list(reader);

    for (size_t i = 0; i < count && reader_ok(reader); i++) {
        if (i < COUNT_OF(fields))
            *fields[i] = reader_uint(reader);
        else
            reader_skip(reader);
    }
}

static void decode_stream(struct decoder *decoder, struct stream_object *object)
{
    struct stream_object read = { 0 };

    if (reader_list(&decoder->reader) != 2) {
        refuse(decoder, "a stream is not [size, digest]");
        return;
    }
    read.size = reader_uint(&decoder->reader);
    read.digest = decode_digest(decoder);
    if ((read.size == 0) != (read.digest == NULL))
        refuse(decoder, "a stream has a size without digest, or a digest without size");
    *object = read;
}

static void decode_streams(struct decoder *decoder, struct task_result *result)
{
    struct reader *reader = &decoder->reader;

    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);
        unsigned i = 0;

        while (i < STREAM_COUNT && !bytes_are(key, streams[i]))
            i++;
        if (i < STREAM_COUNT)
            decode_stream(decoder, &result->streams[i]);
        else
            reader_skip(reader);
    }
}

static enum cause decode_cause(struct decoder *decoder)
{
    struct bytes name = reader_string(&decoder->reader);

    for (unsigned i = 0; i < CAUSE_COUNT; i++)
        if (bytes_are(name, causes[i]))
            return (enum cause)i;
    refuse(decoder, "the cause has no known name");
    return CAUSE_LOST;
}

static int32_t decode_small(struct decoder *decoder)
{
    int64_t integer = reader_int(&decoder->reader);

    if (integer < INT32_MIN || integer > INT32_MAX) {
        refuse(decoder, "exit or signal is out of range");
        return 0;
    }
    return (int32_t)integer;
}

static void decode_metadata(struct decoder *decoder, struct value *metadata)
{
    size_t start = decoder->reader.at;

    reader_value(&decoder->reader, decoder->arena, metadata);
    if (!reader_ok(&decoder->reader))
        return;
    if (metadata->kind != VALUE_MAP)
        refuse(decoder, "metadata is not a map");
    else if (decoder->reader.at - start > RESULT_METADATA_MAX + METADATA_SLACK)
        refuse(decoder, "metadata is larger than 1 MiB");
}

static void decode_field(struct decoder *decoder, struct task_result *result)
{
    struct reader *reader = &decoder->reader;
    struct bytes key = reader_string(reader);

    if (bytes_are(key, "cause"))
        result->cause = decode_cause(decoder);
    else if (bytes_are(key, "exit"))
        result->exit_code = decode_small(decoder);
    else if (bytes_are(key, "signal"))
        result->signal = decode_small(decoder);
    else if (bytes_are(key, "message"))
        result->message = reader_text_or_null(reader, decoder->arena, MESSAGE_MAX);
    else if (bytes_are(key, "started"))
        result->started_us = reader_int(reader);
    else if (bytes_are(key, "ended"))
        result->ended_us = reader_int(reader);
    else if (bytes_are(key, "usage"))
        decode_usage(decoder, &result->usage);
    else if (bytes_are(key, "outputs"))
        decode_sources(decoder, "there are more than 1000000 outputs", &result->outputs,
                       &result->output_count);
    else if (bytes_are(key, "inputs"))
        decode_sources(decoder, "there are more than 1000000 inputs", &result->inputs,
                       &result->input_count);
    else if (bytes_are(key, "metadata"))
        decode_metadata(decoder, &result->metadata);
    else if (bytes_are(key, "streams"))
        decode_streams(decoder, result);
    else if (bytes_are(key, "environment"))
        result->environment = decode_digest(decoder);
    else
        reader_skip(reader);
}

enum rc result_decode(struct arena *arena, const void *bytes, size_t size,
                      struct task_result **result, struct err *err)
{
    struct decoder decoder = { .arena = arena, .what = "the bytes are no valid msgpack" };
    struct task_result *read = arena_alloc(arena, sizeof *read);

    if (!read)
        return err_set(err, RC_NO_MEMORY, "result of %zu bytes", size);
    read->cause = CAUSE_COUNT;
    read->exit_code = -1;
    read->metadata = (struct value){ .kind = VALUE_MAP };
    reader_init(&decoder.reader, bytes, size);

    size_t fields = reader_map(&decoder.reader);

    for (size_t i = 0; i < fields && reader_ok(&decoder.reader); i++)
        decode_field(&decoder, read);
    if (reader_ok(&decoder.reader) && !reader_at_end(&decoder.reader))
        refuse(&decoder, "bytes follow the map");
    if (reader_ok(&decoder.reader) && read->cause == CAUSE_COUNT)
        refuse(&decoder, "the cause is missing");
    if (!reader_ok(&decoder.reader))
        return err_set(err, RC_PROTOCOL, "result: at byte %zu: %s", decoder.reader.at,
                       decoder.what);
    *result = read;
    return RC_OK;
}
