/* docs/protocol.md beside the codec's tables, both ways. */
#include "codecs/wire/look.h"
#include "codecs/wire/message.h"
#include "codecs/wire/result.h"
#include "codecs/wire/state.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20 };

static const uint8_t submission[16] = { 1 };
static const uint64_t tokens[] = { 1, 2 };

static int document_read(void **state)
{
    FILE *file = fopen(SOURCE_ROOT "/docs/protocol.md", "r");
    struct buf *text = calloc(1, sizeof *text);

    must(file && text);
    for (int c; (c = fgetc(file)) != EOF;)
        buf_byte(text, (unsigned char)c);
    fclose(file);
    *state = text;
    return 0;
}

static int document_free(void **state)
{
    buf_fini(*state);
    free(*state);
    return 0;
}

/* The text under a heading, to the next one. Owned. */
static char *section_of(void **state, const char *heading)
{
    const char *text = buf_string(*state);
    scoped_buf line = { 0 };

    buf_printf(&line, "\n%s\n", heading);

    const char *at = strstr(text, buf_string(&line));

    if (!at)
        fail_msg("docs/protocol.md has no heading \"%s\"", heading);

    const char *body = at + line.size - 1;
    const char *end = strstr(body + 1, "\n#");
    char *section = strndup(body, end ? (size_t)(end - body) : strlen(body));

    assert_non_null(section);
    return section;
}

static char *section_of_message(void **state, enum message_type type)
{
    char heading[64];

    snprintf(heading, sizeof heading, "#### %s", message_type_name(type));
    return section_of(state, heading);
}

/* The name in the next row of a table, or NULL; *at goes on behind it. */
static char *row_next(const char **at)
{
    static const char begin[] = "\n| `";
    const char *row = strstr(*at, begin);

    if (!row)
        return NULL;
    row += sizeof begin - 1;
    *at = row + strcspn(row, "`");
    return strndup(row, (size_t)(*at - row));
}

static bool has_row(const char *section, const char *name, size_t size)
{
    char row[128];

    snprintf(row, sizeof row, "\n| `%.*s` |", (int)size, name);
    return strstr(section, row) != NULL;
}

static bool has_key(const struct buf *map, const char *key)
{
    struct reader reader;

    reader_init(&reader, map->data, map->size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        if (bytes_are(reader_string(&reader), key))
            return true;
        reader_skip(&reader);
    }
    return false;
}

static void assert_keys_have_rows(const struct buf *map, const char *section,
                                  const char *what)
{
    struct reader reader;

    reader_init(&reader, map->data, map->size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (!has_row(section, key.data, key.size))
            fail_msg("docs/protocol.md: %s lacks the field %.*s", what, (int)key.size,
                     key.data);
        reader_skip(&reader);
    }
    assert_true(reader_at_end(&reader));
}

static void assert_rows_are_keys(const char *section, const struct buf *map,
                                 const char *what)
{
    for (char *name; (name = row_next(&section)); free(name))
        if (!has_key(map, name))
            fail_msg("docs/protocol.md: %s has no field %s", what, name);
}

/* The sample with one more field, or with the value of a known one made senseless. */
static void spoil(const struct buf *sample, const char *field, struct buf *out)
{
    bool is_known = has_key(sample, field);
    struct value absent = { .kind = VALUE_ABSENT };
    struct reader reader;

    reader_init(&reader, sample->data, sample->size);
    size_t count = reader_map(&reader);

    pack_map(out, count + !is_known);
    for (size_t n = count; n > 0; n--) {
        size_t start = reader.at;
        bool is_field = bytes_are(reader_string(&reader), field);

        buf_add(out, sample->data + start, reader.at - start);
        start = reader.at;
        reader_skip(&reader);
        if (is_field)
            pack_value(out, &absent);
        else
            buf_add(out, sample->data + start, reader.at - start);
    }
    if (!is_known) {
        pack_text(out, field);
        pack_value(out, &absent);
    }
}

/* ---- What each message's codec takes ---- */

static enum rc decode_request(struct arena *arena, const struct buf *body)
{
    struct request request;

    return request_decode(body->data, body->size, arena, &request, NULL);
}

static enum rc decode_error(struct arena *arena, const struct buf *body)
{
    struct err err = { .rc = RC_OK };

    (void)arena;
    message_error_decode(body->data, body->size, &err);
    return err.rc == RC_PROTOCOL ? RC_PROTOCOL : RC_OK;
}

static enum rc decode_join(struct arena *arena, const struct buf *body)
{
    struct node_hello hello;

    return node_hello_decode(body->data, body->size, arena, &hello, NULL);
}

static enum rc decode_beat(struct arena *arena, const struct buf *body)
{
    struct beat beat;

    (void)arena;
    return beat_decode(body->data, body->size, &beat, NULL);
}

static enum rc decode_class(struct arena *arena, const struct buf *body)
{
    struct class_message message;

    return class_decode(body->data, body->size, arena, &message, NULL);
}

static enum rc decode_note(struct arena *arena, const struct buf *body)
{
    struct note note;

    return note_decode(body->data, body->size, arena, &note, NULL);
}

static enum rc decode_look(struct arena *arena, const struct buf *body)
{
    struct look_message look;

    return look_decode(body->data, body->size, arena, &look, NULL);
}

static enum rc decode_tokens(struct arena *arena, const struct buf *body)
{
    uint64_t *items;
    size_t count;

    return tokens_decode(body->data, body->size, arena, &items, &count, NULL);
}

static enum rc decode_remove(struct arena *arena, const struct buf *body)
{
    struct digest_list kept, cached;

    return files_decode(body->data, body->size, MESSAGE_REMOVE, arena, &kept, &cached,
                        NULL);
}

static enum rc decode_removed(struct arena *arena, const struct buf *body)
{
    struct digest_list gone, left;

    return files_decode(body->data, body->size, MESSAGE_REMOVED, arena, &gone, &left,
                        NULL);
}

static enum rc decode_assign(struct arena *arena, const struct buf *body)
{
    struct assignment *items;
    size_t count;

    return assignments_decode(body->data, body->size, arena, &items, &count, NULL);
}

static enum rc decode_started(struct arena *arena, const struct buf *body)
{
    struct started_item *items;
    size_t count;

    return started_decode(body->data, body->size, arena, &items, &count, NULL);
}

static enum rc decode_results(struct arena *arena, const struct buf *body)
{
    struct result_item *items;
    size_t count;

    return results_decode(body->data, body->size, arena, &items, &count, NULL);
}

static enum rc decode_result(struct arena *arena, const struct buf *body)
{
    struct task_result *result;

    return result_decode(arena, body->data, body->size, &result, NULL);
}

typedef enum rc decoder(struct arena *arena, const struct buf *body);

/* The codec reads each key of its own sample, and skips a key that nobody knows. */
static void assert_known(decoder *decode, const struct buf *sample, const char *what)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf more = { 0 };
    struct reader reader;

    must(arena != NULL);
    assert_int_equal(decode(arena, sample), RC_OK);
    spoil(sample, "nobody-knows-this", &more);
    assert_int_equal(decode(arena, &more), RC_OK);
    reader_init(&reader, sample->data, sample->size);
    for (size_t n = reader_map(&reader); n > 0; n--) {
        scoped_buf spoilt = { 0 };
        struct bytes key = reader_string(&reader);
        char name[64];

        assert_true(key.size < sizeof name);
        snprintf(name, sizeof name, "%.*s", (int)key.size, (const char *)key.data);

        reader_skip(&reader);
        spoil(sample, name, &spoilt);
        if (decode(arena, &spoilt) == RC_OK)
            fail_msg("%s: %s is written, but not read", what, name);
    }
}

/* ---- Tests ---- */

static void test_every_message_has_its_section_and_nothing_else_has(void **state)
{
    size_t headings = 0;

    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++)
        free(section_of_message(state, type));
    for (const char *at = buf_string(*state); (at = strstr(at, "\n#### ")); at++)
        headings++;
    assert_int_equal(headings, MESSAGE_TYPE_COUNT);
}

static void test_requests_have_the_fields_of_the_document(void **state)
{
    static const char *const texts[] = { "t" };
    static const char digest[] =
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    struct plan_source file = { .uri = "", .name = "n", .digest = digest };
    scoped_buf sample = { 0 }, all = { 0 };
    struct request request = {
        .run = 1,
        .index = 1,
        .first = 1,
        .since = 1,
        .before = 1,
        .limit = 1,
        .attempt = 1,
        .yes = true,
        .force = true,
        .task = true,
        .stage = "s",
        .text = "t",
        .submission = submission,
        .plan = { "p", 1 },
        .records = { "r", 1 },
        .speaks = { 1, 2 },
        .project = "p",
        .user = "u",
        .name = "n",
        .target = "t",
        .tag = "t",
        .after = "a",
        .uris = texts,
        .uri_count = 1,
        .texts = texts,
        .text_count = 1,
        .file = &file,
    };

    request_encode(&sample, &request);
    assert_known(decode_request, &sample, "request");
    for (unsigned type = MESSAGE_STATUS; type < MESSAGE_OK; type++) {
        char *section = section_of_message(state, type);

        assert_rows_are_keys(section, &sample, message_type_name(type));
        buf_text(&all, section);
        free(section);
    }
    assert_keys_have_rows(&sample, buf_string(&all), "every request");
}

static void assert_message(void **state, enum message_type type, decoder *decode,
                           const struct buf *sample)
{
    char *section = section_of_message(state, type);
    const char *name = message_type_name(type);

    assert_known(decode, sample, name);
    assert_rows_are_keys(section, sample, name);
    assert_keys_have_rows(sample, section, name);
    free(section);
}

static void test_errors_have_the_fields_and_codes_of_the_document(void **state)
{
    scoped_buf sample = { 0 };
    char *section = section_of_message(state, MESSAGE_ERROR);
    const char *at = section;

    message_error_encode(&sample, &(struct err){ .rc = RC_FULL, .text = "no" });
    assert_known(decode_error, &sample, "error");
    assert_keys_have_rows(&sample, section, "error");
    for (unsigned rc = RC_OK + 1; rc < RC_COUNT; rc++) {
        char quoted[64];

        snprintf(quoted, sizeof quoted, "`%s`", rc_name(rc));
        if (!strstr(section, quoted))
            fail_msg("docs/protocol.md lacks the code %s", rc_name(rc));
    }
    for (char *name; (name = row_next(&at)); free(name)) {
        size_t size = strcspn(name, "`");

        assert_true(has_key(&sample, name)
                    || strcmp(rc_name(rc_by_name(name, size)), name) == 0);
    }
    free(section);
}

static void test_messages_of_nodes_have_the_fields_of_the_document(void **state)
{
    scoped_buf join = { 0 }, note = { 0 }, started = { 0 }, results = { 0 }, want = { 0 };
    scoped_buf beat = { 0 }, removed = { 0 }, looked = { 0 };
    char *section = section_of_message(state, MESSAGE_WANT);

    node_hello_encode(&join, &(struct node_hello){ .name = "n",
                                                   .version = "v",
                                                   .speaks = { 1, 2 },
                                                   .cpu_milli = 1000,
                                                   .early = 1,
                                                   .empty_max = 16384,
                                                   .removes = true,
                                                   .looks = true,
                                                   .tokens = (uint64_t *)tokens,
                                                   .token_count = 2 });
    assert_message(state, MESSAGE_JOIN, decode_join, &join);
    beat_encode(&beat,
                &(struct beat){ .has_cpu = true, .has_heard = true, .is_quiet = true });
    assert_message(state, MESSAGE_BEAT, decode_beat, &beat);
    note_encode(&note, &(struct note){ 1, 1, "t" });
    assert_message(state, MESSAGE_NOTE, decode_note, &note);
    started_encode(&started, &(struct started_item){ 1, 1 }, 1);
    assert_message(state, MESSAGE_STARTED, decode_started, &started);
    results_encode(&results, &(struct result_item){ 1, { "r", 1 } }, 1);
    assert_message(state, MESSAGE_RESULTS, decode_results, &results);
    files_encode(&removed, MESSAGE_REMOVED, &(struct digest_list){ NULL, 0 },
                 &(struct digest_list){ NULL, 0 });
    assert_message(state, MESSAGE_REMOVED, decode_removed, &removed);
    look_encode(&looked, &(struct look_message){ .run = 1, .text = "t" });
    assert_message(state, MESSAGE_LOOKED, decode_look, &looked);
    class_encode(&want, &(struct class_message){ .run = 1, .stage = 1 });
    assert_rows_are_keys(section, &want, "want");
    free(section);
}

static void test_messages_to_nodes_have_the_fields_of_the_document(void **state)
{
    scoped_buf class = { 0 }, assign = { 0 }, list = { 0 }, remove = { 0 };
    scoped_buf look = { 0 };

    class_encode(&class,
                 &(struct class_message){ .run_id = "i", .resolved = { "r", 1 } });
    assert_message(state, MESSAGE_CLASS, decode_class, &class);
    assignments_encode(&assign, &(struct assignment){ .run = 1 }, 1);
    assert_message(state, MESSAGE_ASSIGN, decode_assign, &assign);
    tokens_encode(&list, tokens, 2);
    assert_message(state, MESSAGE_STOP, decode_tokens, &list);
    assert_message(state, MESSAGE_DROP, decode_tokens, &list);
    assert_message(state, MESSAGE_TAKEN, decode_tokens, &list);
    files_encode(&remove, MESSAGE_REMOVE, &(struct digest_list){ NULL, 0 },
                 &(struct digest_list){ NULL, 0 });
    assert_message(state, MESSAGE_REMOVE, decode_remove, &remove);
    look_encode(&look, &(struct look_message){ .run = 1 });
    assert_message(state, MESSAGE_LOOK, decode_look, &look);
}

static bool is_cause(const char *name)
{
    for (unsigned cause = 0; cause < CAUSE_COUNT; cause++)
        if (strcmp(cause_name(cause), name) == 0)
            return true;
    return false;
}

static void test_results_have_the_fields_and_causes_of_the_document(void **state)
{
    scoped_buf sample = { 0 };
    struct task_result result = { .metadata = { .kind = VALUE_MAP },
                                  .environment = "sha256:"
                                                 "00000000000000000000000000000000"
                                                 "00000000000000000000000000000000" };
    char *section = section_of(state, "## Result");
    const char *at = section;
    size_t rows = 0;

    result_encode(&sample, &result);
    assert_known(decode_result, &sample, "result");
    assert_keys_have_rows(&sample, section, "Result");
    for (unsigned cause = 0; cause < CAUSE_COUNT; cause++)
        assert_true(has_row(section, cause_name(cause), strlen(cause_name(cause))));
    for (char *name; (name = row_next(&at)); free(name), rows++)
        if (!is_cause(name) && !has_key(&sample, name))
            fail_msg("docs/protocol.md: %s is neither field nor cause", name);
    assert_int_equal(rows, 12 + CAUSE_COUNT);
    free(section);
}

static void test_files_of_results_have_the_fields_of_the_document(void **state)
{
    scoped_buf sample = { 0 }, file = { 0 };
    struct plan_source output = { .uri = "",
                                  .name = "n",
                                  .digest = "d",
                                  .etag = "e",
                                  .location = "l",
                                  .node = "o",
                                  .version = "v",
                                  .modified = "m",
                                  .input = "i",
                                  .place = 1 };
    struct task_result result = { .metadata = { .kind = VALUE_MAP },
                                  .outputs = &output,
                                  .output_count = 1 };
    char *section = section_of(state, "##### File");
    struct reader reader;

    result_encode(&sample, &result);
    reader_init(&reader, sample.data, sample.size);
    for (size_t n = reader_map(&reader); n > 0; n--) {
        if (bytes_are(reader_string(&reader), "outputs"))
            break;
        reader_skip(&reader);
    }
    assert_int_equal(reader_list(&reader), 1);
    size_t start = reader.at;
    reader_skip(&reader);
    buf_add(&file, sample.data + start, reader.at - start);
    assert_rows_are_keys(section, &file, "File");
    assert_keys_have_rows(&file, section, "File");
    free(section);
}

static void assert_quoted(const char *section, const char *name)
{
    char quoted[64];

    snprintf(quoted, sizeof quoted, "`%s`", name);
    if (name[0] && !strstr(section, quoted))
        fail_msg("docs/protocol.md does not name %s", name);
}

static void test_the_document_names_every_state_and_stream(void **state)
{
    char *states = section_of(state, "## States");
    char *streams = section_of(state, "## Streams");

    for (unsigned i = 0; i < RUN_STATE_COUNT; i++)
        assert_quoted(states, run_state_name(i));
    for (unsigned i = 0; i < STAGE_STATE_COUNT; i++)
        assert_quoted(states, stage_state_name(i));
    for (unsigned i = 0; i < NODE_STATE_COUNT; i++)
        assert_quoted(states, node_state_name(i));
    for (unsigned i = 0; i < REASON_COUNT; i++)
        assert_quoted(states, reason_name(i));
    for (unsigned i = 0; i < STREAM_COUNT; i++) {
        char row[64];

        snprintf(row, sizeof row, "\n| %u | `%s` |", i, stream_name(i));
        assert_non_null(strstr(streams, row));
    }
    free(states);
    free(streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_has_its_section_and_nothing_else_has),
        cmocka_unit_test(test_requests_have_the_fields_of_the_document),
        cmocka_unit_test(test_errors_have_the_fields_and_codes_of_the_document),
        cmocka_unit_test(test_messages_of_nodes_have_the_fields_of_the_document),
        cmocka_unit_test(test_messages_to_nodes_have_the_fields_of_the_document),
        cmocka_unit_test(test_results_have_the_fields_and_causes_of_the_document),
        cmocka_unit_test(test_files_of_results_have_the_fields_of_the_document),
        cmocka_unit_test(test_the_document_names_every_state_and_stream),
    };

    return cmocka_run_group_tests(tests, document_read, document_free);
}
