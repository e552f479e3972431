/* node.c - the bodies between node and broker. Lists of lists where many come at once. */
#include "codecs/wire/message.h"

#include "codecs/digest/digest.h"

#include <ctype.h>
#include <string.h>

bool node_name_is_valid(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    return size > 0 && size <= NODE_NAME_MAX;
}

static enum rc undecodable(struct err *err, const char *what, const struct reader *reader)
{
    return err_set(err, RC_PROTOCOL, "%s: byte %zu does not decode", what, reader->at);
}

static void pack_tokens(struct buf *buf, const uint64_t *tokens, size_t count)
{
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++)
        pack_uint(buf, tokens[i]);
}

static uint64_t *read_tokens(struct reader *reader, struct arena *arena, size_t *count)
{
    *count = reader_list(reader);

    uint64_t *tokens =
        *count <= NODE_TOKENS_MAX ? arena_array(arena, *count, sizeof *tokens) : NULL;

    if (!tokens) {
        reader_fail(reader);
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *count; i++)
        tokens[i] = reader_uint(reader);
    return tokens;
}

static void pack_labels(struct buf *buf, const struct node_hello *hello)
{
    pack_list(buf, hello->label_count);
    for (size_t i = 0; i < hello->label_count; i++)
        pack_text(buf, hello->labels[i]);
}

static void read_labels(struct reader *reader, struct arena *arena,
                        struct node_hello *hello)
{
    size_t count = reader_list(reader);

    hello->labels = count <= NODE_LABELS_MAX
                        ? arena_array(arena, count, sizeof *hello->labels)
                        : NULL;
    if (!hello->labels) {
        reader_fail(reader);
        return;
    }
    hello->label_count = count;
    for (size_t i = 0; i < count; i++)
        hello->labels[i] = reader_text(reader, arena, PLAN_NAME_MAX);
}

void node_hello_encode(struct buf *buf, const struct node_hello *hello)
{
    bool has_range = hello->speaks.highest > 0;

    pack_map(buf, 9u + has_range + (hello->early > 0) + (hello->empty_max > 0)
                      + hello->removes + hello->looks);
    if (hello->early > 0) {
        pack_text(buf, "early");
        pack_uint(buf, hello->early);
    }
    if (has_range) {
        pack_text(buf, "speaks");
        protocol_range_pack(buf, hello->speaks);
    }
    pack_text(buf, "session");
    pack_uint(buf, hello->session);
    pack_text(buf, "name");
    pack_text(buf, hello->name);
    pack_text(buf, "version");
    pack_text(buf, hello->version);
    pack_text(buf, "cpu");
    pack_uint(buf, hello->cpu_milli);
    pack_text(buf, "memory");
    pack_uint(buf, hello->memory_mb);
    pack_text(buf, "gpus");
    pack_uint(buf, hello->gpus);
    pack_text(buf, "labels");
    pack_labels(buf, hello);
    pack_text(buf, "any");
    pack_bool(buf, hello->takes_any_label);
    if (hello->empty_max > 0) {
        pack_text(buf, "empty");
        pack_uint(buf, hello->empty_max);
    }
    if (hello->removes) {
        pack_text(buf, "removes");
        pack_bool(buf, true);
    }
    if (hello->looks) {
        pack_text(buf, "looks");
        pack_bool(buf, true);
    }
    pack_text(buf, "tokens");
    pack_tokens(buf, hello->tokens, hello->token_count);
}

static void hello_field(struct reader *reader, struct arena *arena, struct bytes key,
                        struct node_hello *hello)
{
    if (bytes_are(key, "name"))
        hello->name = reader_text(reader, arena, NODE_NAME_MAX);
    else if (bytes_are(key, "version"))
        hello->version = reader_text(reader, arena, NODE_NAME_MAX);
    else if (bytes_are(key, "speaks"))
        hello->speaks = protocol_range_read(reader);
    else if (bytes_are(key, "session"))
        hello->session = reader_uint(reader);
    else if (bytes_are(key, "cpu"))
        hello->cpu_milli = (uint32_t)reader_uint_max(reader, NODE_SLOTS_MAX * 1000ull);
    else if (bytes_are(key, "memory"))
        hello->memory_mb = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    else if (bytes_are(key, "gpus"))
        hello->gpus = reader_uint(reader);
    else if (bytes_are(key, "labels"))
        read_labels(reader, arena, hello);
    else if (bytes_are(key, "early"))
        hello->early = (uint32_t)reader_uint_max(reader, NODE_EARLY_MAX);
    else if (bytes_are(key, "any"))
        hello->takes_any_label = reader_bool(reader);
    else if (bytes_are(key, "empty"))
        hello->empty_max = (uint32_t)reader_uint_max(reader, NODE_SLOTS_MAX);
    else if (bytes_are(key, "removes"))
        hello->removes = reader_bool(reader);
    else if (bytes_are(key, "looks"))
        hello->looks = reader_bool(reader);
    else if (bytes_are(key, "tokens"))
        hello->tokens = read_tokens(reader, arena, &hello->token_count);
    else
        reader_skip(reader);
}

enum rc node_hello_decode(const void *bytes, size_t size, struct arena *arena,
                          struct node_hello *hello, struct err *err)
{
    struct reader reader;
    struct node_hello read = { .version = "", .cpu_milli = 1000 };

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--)
        hello_field(&reader, arena, reader_string(&reader), &read);
    if (!reader_at_end(&reader))
        return undecodable(err, "join", &reader);
    if (!read.name || !node_name_is_valid(read.name))
        return err_set(
            err, RC_INVALID,
            "join: a node's name has 1 to %d letters, digits, dots, dashes and "
            "underscores",
            NODE_NAME_MAX);
    *hello = read;
    return RC_OK;
}

void beat_encode(struct buf *buf, const struct beat *beat)
{
    pack_map(buf, (size_t)beat->has_cpu + beat->has_heard + beat->is_quiet);
    if (beat->has_cpu) {
        pack_text(buf, "cpu");
        pack_uint(buf, beat->cpu_milli);
    }
    if (beat->has_heard) {
        pack_text(buf, "heard");
        pack_uint(buf, beat->heard);
    }
    if (beat->is_quiet) {
        pack_text(buf, "quiet");
        pack_bool(buf, true);
    }
}

enum rc beat_decode(const void *bytes, size_t size, struct beat *beat, struct err *err)
{
    struct reader reader;
    struct beat read = { 0 };

    reader_init(&reader, bytes, size);
    for (size_t n = size > 0 ? reader_map(&reader) : 0; n > 0 && reader_ok(&reader);
         n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "cpu")) {
            read.cpu_milli = (uint32_t)reader_uint_max(&reader, NODE_SLOTS_MAX * 1000ull);
            read.has_cpu = true;
        } else if (bytes_are(key, "heard")) {
            read.heard = reader_uint(&reader);
            read.has_heard = true;
        } else if (bytes_are(key, "quiet")) {
            read.is_quiet = reader_bool(&reader);
        } else {
            reader_skip(&reader);
        }
    }
    if (!reader_at_end(&reader))
        return undecodable(err, "beat", &reader);
    *beat = read;
    return RC_OK;
}

void tokens_encode(struct buf *buf, const uint64_t *tokens, size_t count)
{
    pack_map(buf, 1);
    pack_text(buf, "tokens");
    pack_tokens(buf, tokens, count);
}

/* Walks over the whole map, which must be all there is, and moves the reader to the value
 * of the only field that the body needs; false if it is not there. */
static bool find_field(struct reader *reader, const char *name)
{
    struct reader found = *reader;
    bool is_there = false;

    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        if (bytes_are(reader_string(reader), name)) {
            found = *reader;
            is_there = true;
        }
        reader_skip(reader);
    }
    if (!reader_at_end(reader)) {
        reader_fail(reader);
        return false;
    }
    *reader = found;
    return is_there;
}

enum rc tokens_decode(const void *bytes, size_t size, struct arena *arena,
                      uint64_t **tokens, size_t *count, struct err *err)
{
    struct reader reader;
    uint64_t *items = NULL;
    size_t item_count = 0;

    reader_init(&reader, bytes, size);
    if (find_field(&reader, "tokens"))
        items = read_tokens(&reader, arena, &item_count);
    if (!reader_ok(&reader) || !items)
        return undecodable(err, "tokens", &reader);
    *tokens = items;
    *count = item_count;
    return RC_OK;
}

/* Reads the head of a list of lists, each with at least width elements, up to max of
 * them. */
static size_t read_rows(struct reader *reader, const char *name, size_t max)
{
    size_t count = 0;

    if (find_field(reader, name))
        count = reader_list(reader);
    else
        reader_fail(reader);
    if (count > max)
        reader_fail(reader);
    return reader_ok(reader) ? count : 0;
}

/* Enters one row; gives how many elements are left to skip behind the first width. */
static size_t row_begin(struct reader *reader, size_t width)
{
    size_t size = reader_list(reader);

    if (size < width)
        reader_fail(reader);
    return size < width ? 0 : size - width;
}

static void row_end(struct reader *reader, size_t extra)
{
    for (; extra > 0 && reader_ok(reader); extra--)
        reader_skip(reader);
}

void assignments_encode(struct buf *buf, const struct assignment *items, size_t count)
{
    pack_map(buf, 1);
    pack_text(buf, "tasks");
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++) {
        pack_list(buf, 8);
        pack_uint(buf, items[i].run);
        pack_uint(buf, items[i].stage);
        pack_uint(buf, items[i].index);
        pack_uint(buf, items[i].count);
        pack_uint(buf, items[i].token);
        pack_uint(buf, items[i].number);
        pack_uint(buf, items[i].gpus);
        pack_bool(buf, items[i].is_empty);
    }
}

enum rc assignments_decode(const void *bytes, size_t size, struct arena *arena,
                           struct assignment **items, size_t *count, struct err *err)
{
    struct reader reader;

    reader_init(&reader, bytes, size);

    size_t rows = read_rows(&reader, "tasks", NODE_TOKENS_MAX);
    struct assignment *read = arena_array(arena, rows, sizeof *read);

    for (size_t i = 0; read && i < rows && reader_ok(&reader); i++) {
        size_t extra = row_begin(&reader, 6);

        read[i].run = reader_uint(&reader);
        read[i].stage = (uint32_t)reader_uint_max(&reader, PLAN_STAGES_MAX);
        read[i].index = reader_uint(&reader);
        read[i].count = reader_uint_max(&reader, NODE_SLOTS_MAX);
        read[i].token = reader_uint(&reader);
        read[i].number = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
        if (extra > 0) {
            read[i].gpus = reader_uint(&reader);
            extra--;
        }
        if (extra > 0) {
            read[i].is_empty = reader_bool(&reader);
            extra--;
        }
        row_end(&reader, extra);
    }
    if (!read || !reader_ok(&reader))
        return undecodable(err, "assign", &reader);
    *items = read;
    *count = rows;
    return RC_OK;
}

void started_encode(struct buf *buf, const struct started_item *items, size_t count)
{
    pack_map(buf, 1);
    pack_text(buf, "started");
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++) {
        pack_list(buf, 2);
        pack_uint(buf, items[i].token);
        pack_int(buf, items[i].started_us);
    }
}

enum rc started_decode(const void *bytes, size_t size, struct arena *arena,
                       struct started_item **items, size_t *count, struct err *err)
{
    struct reader reader;

    reader_init(&reader, bytes, size);

    size_t rows = read_rows(&reader, "started", NODE_TOKENS_MAX);
    struct started_item *read = arena_array(arena, rows, sizeof *read);

    for (size_t i = 0; read && i < rows && reader_ok(&reader); i++) {
        size_t extra = row_begin(&reader, 2);

        read[i].token = reader_uint(&reader);
        read[i].started_us = reader_int(&reader);
        row_end(&reader, extra);
    }
    if (!read || !reader_ok(&reader))
        return undecodable(err, "started", &reader);
    *items = read;
    *count = rows;
    return RC_OK;
}

void results_encode(struct buf *buf, const struct result_item *items, size_t count)
{
    pack_map(buf, 1);
    pack_text(buf, "results");
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++) {
        pack_list(buf, 2);
        pack_uint(buf, items[i].token);
        pack_bytes(buf, items[i].result.data, items[i].result.size);
    }
}

enum rc results_decode(const void *bytes, size_t size, struct arena *arena,
                       struct result_item **items, size_t *count, struct err *err)
{
    struct reader reader;

    reader_init(&reader, bytes, size);

    size_t rows = read_rows(&reader, "results", NODE_TOKENS_MAX);
    struct result_item *read = arena_array(arena, rows, sizeof *read);

    for (size_t i = 0; read && i < rows && reader_ok(&reader); i++) {
        size_t extra = row_begin(&reader, 2);

        read[i].token = reader_uint(&reader);
        read[i].result = reader_bytes(&reader);
        row_end(&reader, extra);
    }
    if (!read || !reader_ok(&reader))
        return undecodable(err, "results", &reader);
    *items = read;
    *count = rows;
    return RC_OK;
}

void class_encode(struct buf *buf, const struct class_message *message)
{
    const struct {
        const char *key, *text;
    } texts[] = {
        { "run_id", message->run_id },      { "project", message->project },
        { "title", message->title },        { "tree", message->code.tree },
        { "commit", message->code.commit }, { "branch", message->code.branch }
    };

    pack_map(buf, COUNT_OF(texts) + 6);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        pack_text(buf, texts[i].key);
        pack_text(buf, texts[i].text);
    }
    pack_text(buf, "run");
    pack_uint(buf, message->run);
    pack_text(buf, "stage");
    pack_uint(buf, message->stage);
    pack_text(buf, "pipeline");
    pack_bool(buf, message->is_pipeline);
    pack_text(buf, "dirty");
    pack_bool(buf, message->code.is_dirty);
    pack_text(buf, "created");
    pack_int(buf, message->created_us);
    pack_text(buf, "resolved");
    pack_bytes(buf, message->resolved.data, message->resolved.size);
}

static void class_field(struct reader *reader, struct arena *arena, struct bytes key,
                        struct class_message *message)
{
    const struct {
        const char *key, **text;
    } texts[] = {
        { "run_id", &message->run_id },      { "project", &message->project },
        { "title", &message->title },        { "tree", &message->code.tree },
        { "commit", &message->code.commit }, { "branch", &message->code.branch }
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (bytes_are(key, texts[i].key)) {
            *texts[i].text = reader_text_or_null(reader, arena, PLAN_NAME_MAX);
            return;
        }
    if (bytes_are(key, "run"))
        message->run = reader_uint(reader);
    else if (bytes_are(key, "stage"))
        message->stage = (uint32_t)reader_uint_max(reader, PLAN_STAGES_MAX);
    else if (bytes_are(key, "pipeline"))
        message->is_pipeline = reader_bool(reader);
    else if (bytes_are(key, "dirty"))
        message->code.is_dirty = reader_bool(reader);
    else if (bytes_are(key, "created"))
        message->created_us = reader_int(reader);
    else if (bytes_are(key, "resolved"))
        message->resolved = reader_bytes(reader);
    else
        reader_skip(reader);
}

enum rc class_decode(const void *bytes, size_t size, struct arena *arena,
                     struct class_message *message, struct err *err)
{
    struct reader reader;
    struct class_message read = { 0 };

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--)
        class_field(&reader, arena, reader_string(&reader), &read);
    if (!reader_at_end(&reader))
        return undecodable(err, "class", &reader);
    *message = read;
    return RC_OK;
}

void note_encode(struct buf *buf, const struct note *note)
{
    pack_map(buf, 3);
    pack_text(buf, "run");
    pack_uint(buf, note->run);
    pack_text(buf, "stage");
    pack_uint(buf, note->stage);
    pack_text(buf, "text");
    pack_text(buf, note->text);
}

enum rc note_decode(const void *bytes, size_t size, struct arena *arena,
                    struct note *note, struct err *err)
{
    struct reader reader;
    struct note read = { .text = "" };

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "run"))
            read.run = reader_uint(&reader);
        else if (bytes_are(key, "stage"))
            read.stage = (uint32_t)reader_uint_max(&reader, PLAN_STAGES_MAX);
        else if (bytes_are(key, "text"))
            read.text = reader_text(&reader, arena, PLAN_NAME_MAX);
        else
            reader_skip(&reader);
    }
    if (!reader_at_end(&reader))
        return undecodable(err, "note", &reader);
    *note = read;
    return RC_OK;
}

/* ---- Files that a node is to remove ---- */

static const char *const file_fields[2][2] = { { "kept", "cached" }, { "gone", "left" } };

static void pack_digests(struct buf *buf, const char *name,
                         const struct digest_list *list)
{
    pack_text(buf, name);
    pack_list(buf, list->count);
    for (size_t i = 0; i < list->count; i++)
        pack_text(buf, list->items[i]);
}

void files_encode(struct buf *buf, enum message_type type,
                  const struct digest_list *first, const struct digest_list *second)
{
    const char *const *names = file_fields[type == MESSAGE_REMOVED];

    pack_map(buf, 2);
    pack_digests(buf, names[0], first);
    pack_digests(buf, names[1], second);
}

static void read_digests(struct reader *reader, struct arena *arena,
                         struct digest_list *list)
{
    size_t count = reader_list(reader);
    const char **items =
        count <= NODE_FILES_MAX ? arena_array(arena, count, sizeof *items) : NULL;

    if (!items)
        reader_fail(reader);
    for (size_t i = 0; i < count && reader_ok(reader); i++) {
        items[i] = reader_text(reader, arena, DIGEST_TEXT_SIZE);
        if (reader_ok(reader) && !digest_is_valid(items[i], strlen(items[i])))
            reader_fail(reader);
    }
    *list = (struct digest_list){ items, reader_ok(reader) ? count : 0 };
}

enum rc files_decode(const void *bytes, size_t size, enum message_type type,
                     struct arena *arena, struct digest_list *first,
                     struct digest_list *second, struct err *err)
{
    const char *const *names = file_fields[type == MESSAGE_REMOVED];
    struct digest_list lists[2] = { { NULL, 0 }, { NULL, 0 } };
    struct reader reader;

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, names[0]))
            read_digests(&reader, arena, &lists[0]);
        else if (bytes_are(key, names[1]))
            read_digests(&reader, arena, &lists[1]);
        else
            reader_skip(&reader);
    }
    if (!reader_at_end(&reader))
        return undecodable(err, message_type_name(type), &reader);
    *first = lists[0];
    *second = lists[1];
    return RC_OK;
}
