/* The codec of the bulk protocol: every message there and back, cut short and damaged;
 * and its tables beside the document. */
#include "broker/artifacts/bulk_wire.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

static const char digest[] =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char *const two_digests[] = { digest, digest };

/* All fields filled; a message takes those that are its own. */
static struct bulk_message sample_of(enum bulk_type type)
{
    struct bulk_message message = {
        .type = type,
        .id = UINT64_MAX,
        .digests = two_digests,
        .digest_count = 2,
        .missing = { "\0\1", 2 },
        .node = { "node-1", 6 },
        .client = { "\0\1\2\3\4", 5 },
        .code = { "not-found", 9 },
        .text = { "gone", 4 },
        .endpoint = { "tcp://10.0.0.1:7104", 19 },
        .endpoints = { "tcp://10.0.0.1:7104\n", 20 },
        .is_first = true,
        .may_resume = true,
        .size = INT64_MAX,
        .offset = 70000,
        .limit = BULK_CHUNK_BYTES,
        .window = 8,
        .received = 300,
        .token = UINT64_MAX,
        .stream = STREAM_STATUS,
        .is_final = true,
        .data = { "bytes", 5 },
    };

    memcpy(message.digest, digest, sizeof digest);
    message.has_data = type == BULK_PUT || type == BULK_PUT_DATA || type == BULK_DATA
                       || type == BULK_PUT_PACK || type == BULK_PACK
                       || type == BULK_STREAM_GIVE || type == BULK_STREAM_DATA;
    return message;
}

struct pair {
    void *zmq, *from, *to;
};

static int pair_setup(void **state)
{
    struct pair *self = calloc(1, sizeof *self);

    must(self != NULL);
    self->zmq = zmq_ctx_new();
    must(link_bind(self->zmq, ZMQ_PAIR, "inproc://pair", &self->to, NULL) == RC_OK);
    must(link_connect(self->zmq, ZMQ_PAIR, "inproc://pair", NULL, &self->from, NULL)
         == RC_OK);
    *state = self;
    return 0;
}

static int pair_teardown(void **state)
{
    struct pair *self = *state;

    link_close(self->from);
    link_close(self->to);
    zmq_ctx_term(self->zmq);
    free(self);
    return 0;
}

/* The frames of a message, as they travel. */
static struct link_message frames_of(struct pair *self, enum bulk_type type)
{
    struct bulk_message message = sample_of(type);
    struct link_message raw;

    must(bulk_send(self->from, (struct bytes){ 0 }, &message, NULL) == RC_OK);
    must(link_receive(self->to, &raw, NULL) == RC_OK);
    return raw;
}

static bool has_field(enum bulk_type type, const char *name)
{
    const char *field;

    for (size_t i = 0; (field = bulk_field_name(type, i)); i++)
        if (strcmp(field, name) == 0)
            return true;
    return false;
}

static void assert_number(enum bulk_type type, const char *name, uint64_t got,
                          uint64_t sent)
{
    assert_true(got == (has_field(type, name) ? sent : 0));
}

static void assert_bytes(enum bulk_type type, const char *name, struct bytes got,
                         struct bytes sent)
{
    assert_int_equal(got.size, has_field(type, name) ? sent.size : 0);
    if (got.size > 0)
        assert_memory_equal(got.data, sent.data, got.size);
}

static void test_every_message_comes_out_as_it_went_in(void **state)
{
    enum bulk_type type;

    for (size_t i = 0; bulk_message_name(i, &type); i++) {
        struct link_message raw = frames_of(*state, type);
        struct bulk_message sent = sample_of(type), got;
        char next[DIGEST_TEXT_SIZE];
        uint64_t id;

        assert_int_equal(bulk_decode(raw.frames, raw.count, &got, &id, NULL), RC_OK);
        assert_int_equal(got.type, type);
        assert_true(id == sent.id && got.id == sent.id);
        assert_string_equal(got.digest, has_field(type, "digest") ? digest : "");
        assert_number(type, "digests", got.digest_count, sent.digest_count);
        for (uint64_t k = 0; k < got.digest_count; k++) {
            bulk_digest_next(&got, next);
            assert_string_equal(next, digest);
        }
        assert_bytes(type, "missing", got.missing, sent.missing);
        assert_bytes(type, "node", got.node, sent.node);
        assert_bytes(type, "client", got.client, sent.client);
        assert_bytes(type, "code", got.code, sent.code);
        assert_bytes(type, "text", got.text, sent.text);
        assert_bytes(type, "endpoint", got.endpoint, sent.endpoint);
        assert_bytes(type, "endpoints", got.endpoints, sent.endpoints);
        assert_number(type, "first", got.is_first, true);
        assert_number(type, "resume", got.may_resume, true);
        assert_number(type, "size", got.size, sent.size);
        assert_number(type, "offset", got.offset, sent.offset);
        assert_number(type, "limit", got.limit, sent.limit);
        assert_number(type, "window", got.window, sent.window);
        assert_number(type, "received", got.received, sent.received);
        assert_number(type, "token", got.token, sent.token);
        assert_number(type, "stream", got.stream, sent.stream);
        assert_number(type, "final", got.is_final, true);
        assert_int_equal(got.has_data, sent.has_data);
        assert_int_equal(got.data.size, sent.has_data ? sent.data.size : 0);
        link_free(&raw);
    }
}

/* Decodes with frame `which` replaced by the size bytes; on the heap, so that a read
 * beyond their end is seen. */
static enum rc decode_with(const struct link_message *raw, size_t which,
                           const unsigned char *bytes, size_t size)
{
    struct link_frame frames[LINK_FRAMES_MAX];
    unsigned char *copy = malloc(size > 0 ? size : 1);
    struct bulk_message message;
    uint64_t id;

    must(copy != NULL);
    memcpy(copy, bytes, size);
    memcpy(frames, raw->frames, sizeof frames);
    frames[which] = (struct link_frame){ copy, size };
    enum rc rc = bulk_decode(frames, raw->count, &message, &id, NULL);
    free(copy);
    return rc;
}

static void test_a_header_or_body_cut_short_is_refused(void **state)
{
    enum bulk_type type;

    for (size_t i = 0; bulk_message_name(i, &type); i++) {
        struct link_message raw = frames_of(*state, type);

        for (size_t which = 0; which < 2; which++)
            for (size_t size = 0; size < raw.frames[which].size; size++)
                assert_int_equal(decode_with(&raw, which, raw.frames[which].data, size),
                                 RC_PROTOCOL);
        link_free(&raw);
    }
}

static void test_no_damaged_byte_breaks_the_decoder(void **state)
{
    enum bulk_type type;

    for (size_t i = 0; bulk_message_name(i, &type); i++) {
        struct link_message raw = frames_of(*state, type);

        for (size_t which = 0; which < 2; which++) {
            unsigned char bytes[512];
            size_t size = raw.frames[which].size;

            must(size <= sizeof bytes);
            memcpy(bytes, raw.frames[which].data, size);
            for (size_t at = 0; at < size; at++)
                for (unsigned flip = 1; flip < 256; flip++) {
                    bytes[at] ^= (unsigned char)flip;
                    enum rc rc = decode_with(&raw, which, bytes, size);
                    assert_true(rc == RC_OK || rc == RC_PROTOCOL || rc == RC_UNSUPPORTED);
                    bytes[at] ^= (unsigned char)flip;
                }
        }
        link_free(&raw);
    }
}

static void test_a_field_that_earlier_releases_lack_may_be_missing(void **state)
{
    struct bulk_message sent = sample_of(BULK_PUT), got;
    unsigned char body[512] = { 0x82, 0xa6, 'd', 'i', 'g', 'e', 's', 't', 0xd9, 71 };
    struct link_message raw = frames_of(*state, BULK_PUT);
    size_t size = 10;
    uint64_t id;

    memcpy(body + size, sent.digest, 71);
    size += 71;
    memcpy(body + size, "\xa4size\x05", 6);
    raw.frames[1] = (struct link_frame){ body, size + 6 };
    assert_int_equal(bulk_decode(raw.frames, raw.count, &got, &id, NULL), RC_OK);
    assert_int_equal(got.size, 5);
    assert_false(got.may_resume);
    link_free(&raw);
}

static void test_bytes_behind_the_end_are_refused(void **state)
{
    struct link_message raw = frames_of(*state, BULK_CHECKED);

    assert_int_equal(decode_with(&raw, 0, (const void *)"\x93\x01\x25\x01\x00", 5),
                     RC_PROTOCOL);
    assert_int_equal(decode_with(&raw, 1, (const void *)"\x80\x80", 2), RC_PROTOCOL);
    assert_int_equal(decode_with(&raw, 1, (const void *)"\x80", 1), RC_OK);
    link_free(&raw);
}

/* The part of the document under the message's heading, "" if there is none. Owned. */
static char *section_of(const char *text, const char *name, enum bulk_type type)
{
    char heading[64];

    snprintf(heading, sizeof heading, "\n#### %s (%d)\n", name, type);
    const char *at = strstr(text, heading);
    const char *body = at ? at + strlen(heading) : "";
    const char *end = strstr(body, "\n#");
    char *section = strndup(body, end ? (size_t)(end - body) : strlen(body));
    assert_non_null(section);
    return section;
}

/* A row of its table for each field, and no other. */
static void assert_fields(const char *section, const char *name, enum bulk_type type)
{
    const char *field, *row = section;
    size_t rows = 0, count = 0;

    for (; (field = bulk_field_name(type, count)); count++) {
        char quoted[64];

        snprintf(quoted, sizeof quoted, "\n| `%s` |", field);
        if (!strstr(section, quoted))
            fail_msg("docs/protocol-bulk.md: %s lacks field %s", name, field);
    }
    for (; (row = strstr(row, "\n| `")); row++)
        rows++;
    if (rows != count)
        fail_msg("docs/protocol-bulk.md: %s has %zu fields, the codec %zu", name, rows,
                 count);
}

static void test_the_document_names_every_message_and_field(void **state)
{
    FILE *file = fopen(SOURCE_ROOT "/docs/protocol-bulk.md", "r");
    scoped_buf text;
    enum bulk_type type;
    const char *name;
    size_t i = 0, headings = 0;

    (void)state;
    assert_non_null(file);
    buf_init(&text, 0);
    for (int c; (c = fgetc(file)) != EOF;)
        buf_byte(&text, (unsigned char)c);
    fclose(file);
    for (; (name = bulk_message_name(i, &type)); i++) {
        char *section = section_of(buf_string(&text), name, type);

        if (section[0] == '\0')
            fail_msg("docs/protocol-bulk.md lacks %s (%d)", name, type);
        assert_fields(section, name, type);
        free(section);
    }
    for (const char *at = buf_string(&text); (at = strstr(at, "\n#### ")); at++)
        headings++;
    assert_int_equal(headings, i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_message_comes_out_as_it_went_in),
        TEST(test_a_header_or_body_cut_short_is_refused),
        TEST(test_no_damaged_byte_breaks_the_decoder),
        TEST(test_a_field_that_earlier_releases_lack_may_be_missing),
        TEST(test_bytes_behind_the_end_are_refused),
        TEST(test_the_document_names_every_message_and_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
