/* test_message.c - headers and bodies as bytes: back as they were, cut, with more in
 * them. */
#include "codecs/wire/message.h"
#include "codecs/wire/state.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20 };

/* Decodes as the given body; RC_OK or RC_PROTOCOL or, for names, RC_INVALID. */
static enum rc decode(enum message_type type, const void *bytes, size_t size)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct request request;
    struct node_hello hello;
    struct class_message class;
    struct assignment *assignments;
    struct started_item *started;
    struct result_item *results;
    uint64_t *tokens;
    size_t count;
    struct err err;

    assert_non_null(arena);
    if (type == MESSAGE_JOIN)
        return node_hello_decode(bytes, size, arena, &hello, &err);
    if (type == MESSAGE_CLASS)
        return class_decode(bytes, size, arena, &class, &err);
    if (type == MESSAGE_ASSIGN)
        return assignments_decode(bytes, size, arena, &assignments, &count, &err);
    if (type == MESSAGE_STARTED)
        return started_decode(bytes, size, arena, &started, &count, &err);
    if (type == MESSAGE_RESULTS)
        return results_decode(bytes, size, arena, &results, &count, &err);
    if (type == MESSAGE_TAKEN)
        return tokens_decode(bytes, size, arena, &tokens, &count, &err);
    return request_decode(bytes, size, arena, &request, &err);
}

static void encode_sample(struct buf *buf, enum message_type type)
{
    static const uint8_t submission[16] = { 9, 8 };
    uint64_t tokens[] = { 1, UINT64_MAX };
    const char *labels[] = { "gpu" };

    if (type == MESSAGE_JOIN)
        node_hello_encode(buf, &(struct node_hello){ .name = "a.b-c_1",
                                                     .version = "1",
                                                     .cpu_milli = 2500,
                                                     .memory_mb = 7,
                                                     .gpus = 5,
                                                     .labels = labels,
                                                     .label_count = 1,
                                                     .session = 3,
                                                     .tokens = tokens,
                                                     .token_count = 2 });
    else if (type == MESSAGE_CLASS)
        class_encode(buf,
                     &(struct class_message){ .run = 1,
                                              .stage = 2,
                                              .run_id = "id",
                                              .title = "t",
                                              .created_us = -5,
                                              .code = { .tree = "x", .is_dirty = true },
                                              .resolved = { "abc", 3 } });
    else if (type == MESSAGE_ASSIGN)
        assignments_encode(buf, &(struct assignment){ 1, 2, 3, 4, 5, 6, 7, true }, 1);
    else if (type == MESSAGE_STARTED)
        started_encode(buf, &(struct started_item){ 1, -2 }, 1);
    else if (type == MESSAGE_RESULTS)
        results_encode(buf, &(struct result_item){ 1, { "abc", 3 } }, 1);
    else if (type == MESSAGE_TAKEN)
        tokens_encode(buf, tokens, 2);
    else
        request_encode(buf, &(struct request){ .run = 1,
                                               .index = 2,
                                               .first = 3,
                                               .since = 4,
                                               .before = UINT64_MAX,
                                               .limit = UINT32_MAX,
                                               .attempt = 7,
                                               .yes = true,
                                               .force = true,
                                               .stage = "train",
                                               .text = "t",
                                               .submission = submission,
                                               .plan = { "p", 1 } });
    assert_true(buf_ok(buf));
}

static const enum message_type bodies[] = { MESSAGE_SUBMIT,  MESSAGE_JOIN,
                                            MESSAGE_CLASS,   MESSAGE_ASSIGN,
                                            MESSAGE_STARTED, MESSAGE_RESULTS,
                                            MESSAGE_TAKEN };

static void test_every_type_has_a_header_that_comes_back(void **state)
{
    (void)state;
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        struct message_header header = { 0 };
        scoped_buf buf = { 0 };
        struct err err;

        message_header_encode(&buf,
                              &(struct message_header){ .protocol = PROTOCOL_FIRST,
                                                        .type = (enum message_type)type,
                                                        .id = UINT64_MAX - type });
        assert_int_equal(message_header_decode(buf.data, buf.size, &header, &err), RC_OK);
        assert_int_equal(header.protocol, PROTOCOL_FIRST);
        assert_int_equal(header.type, type);
        assert_true(header.id == UINT64_MAX - type);
        for (size_t cut = 0; cut < buf.size; cut++)
            assert_int_equal(message_header_decode(buf.data, cut, &header, &err),
                             RC_PROTOCOL);
    }
    assert_string_equal(message_type_name(MESSAGE_TYPE_COUNT), "unknown");
}

static void test_another_protocol_or_type_is_unsupported_and_tells_the_id(void **state)
{
    struct message_header header = { 0 };
    scoped_buf buf = { 0 };
    struct err err;

    (void)state;
    pack_list(&buf, 4);
    pack_uint(&buf, protocol_ours().highest + 1);
    pack_text(&buf, "submit");
    pack_uint(&buf, 7);
    pack_null(&buf); /* a later version may say more */
    assert_int_equal(message_header_decode(buf.data, buf.size, &header, &err),
                     RC_UNSUPPORTED);
    assert_int_equal(header.id, 7);
    buf_clear(&buf);
    pack_list(&buf, 3);
    pack_uint(&buf, PROTOCOL_FIRST);
    pack_text(&buf, "dance");
    pack_uint(&buf, 8);
    assert_int_equal(message_header_decode(buf.data, buf.size, &header, &err),
                     RC_UNSUPPORTED);
    assert_int_equal(header.id, 8);
    assert_non_null(strstr(err.text, "dance"));
}

static void test_an_error_comes_back_and_is_never_ok(void **state)
{
    struct err sent = { .rc = RC_CONFLICT, .text = "busy" }, got;
    scoped_buf buf = { 0 };

    (void)state;
    message_error_encode(&buf, &sent);
    assert_int_equal(message_error_decode(buf.data, buf.size, &got), RC_CONFLICT);
    assert_string_equal(got.text, "busy");
    for (size_t cut = 0; cut < buf.size; cut++)
        assert_int_equal(message_error_decode(buf.data, cut, &got), RC_PROTOCOL);
    buf_clear(&buf);
    message_error_encode(&buf, &(struct err){ .rc = RC_OK });
    assert_int_equal(message_error_decode(buf.data, buf.size, &got), RC_IO);
    buf_clear(&buf);
    pack_map(&buf, 1);
    pack_text(&buf, "code");
    pack_text(&buf, "ok");
    assert_int_not_equal(message_error_decode(buf.data, buf.size, &got), RC_OK);
}

static void test_a_request_comes_back_as_it_was(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct request read;
    scoped_buf buf = { 0 };
    struct err err;

    (void)state;
    encode_sample(&buf, MESSAGE_SUBMIT);
    assert_int_equal(request_decode(buf.data, buf.size, arena, &read, &err), RC_OK);
    assert_int_equal(read.run, 1);
    assert_int_equal(read.index, 2);
    assert_int_equal(read.first, 3);
    assert_int_equal(read.since, 4);
    assert_true(read.before == UINT64_MAX);
    assert_int_equal(read.limit, UINT32_MAX);
    assert_int_equal(read.attempt, 7);
    assert_true(read.yes && read.force);
    assert_string_equal(read.stage, "train");
    assert_string_equal(read.text, "t");
    assert_int_equal(read.submission[0], 9);
    assert_int_equal(read.plan.size, 1);
    buf_clear(&buf);
    request_encode(&buf, &(struct request){ 0 });
    assert_int_equal(buf.size, 1);
    assert_int_equal(request_decode(buf.data, buf.size, arena, &read, &err), RC_OK);
    assert_null(read.stage);
    assert_null(read.submission);
}

static void test_a_hello_comes_back_as_it_was(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct node_hello read;
    scoped_buf buf = { 0 };
    struct err err;

    (void)state;
    encode_sample(&buf, MESSAGE_JOIN);
    assert_int_equal(node_hello_decode(buf.data, buf.size, arena, &read, &err), RC_OK);
    assert_string_equal(read.name, "a.b-c_1");
    assert_int_equal(read.cpu_milli, 2500);
    assert_int_equal(read.memory_mb, 7);
    assert_int_equal(read.gpus, 5);
    assert_int_equal(read.label_count, 1);
    assert_string_equal(read.labels[0], "gpu");
    assert_int_equal(read.session, 3);
    assert_int_equal(read.token_count, 2);
    assert_true(read.tokens[1] == UINT64_MAX);
}

static void test_only_plain_names_are_names_of_nodes(void **state)
{
    char name[NODE_NAME_MAX + 2];

    (void)state;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(node_name_is_valid(name));
    name[NODE_NAME_MAX] = '\0';
    assert_true(node_name_is_valid(name));
    assert_false(node_name_is_valid(""));
    assert_false(node_name_is_valid("a/b"));
    assert_false(node_name_is_valid("a b"));
    assert_false(node_name_is_valid("a\xc3\xa4"));
    assert_true(node_name_is_valid("A-z_0.9"));
}

static void test_lists_come_back_as_they_were(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct assignment *assignments;
    struct started_item *started;
    struct result_item *results;
    struct class_message class;
    uint64_t *tokens;
    size_t count;
    scoped_buf buf = { 0 };
    struct err err;

    (void)state;
    encode_sample(&buf, MESSAGE_ASSIGN);
    assert_int_equal(
        assignments_decode(buf.data, buf.size, arena, &assignments, &count, &err), RC_OK);
    assert_int_equal(count, 1);
    assert_memory_equal(assignments, (&(struct assignment){ 1, 2, 3, 4, 5, 6, 7, true }),
                        sizeof *assignments);
    buf_clear(&buf);
    encode_sample(&buf, MESSAGE_STARTED);
    assert_int_equal(started_decode(buf.data, buf.size, arena, &started, &count, &err),
                     RC_OK);
    assert_int_equal(started[0].started_us, -2);
    buf_clear(&buf);
    encode_sample(&buf, MESSAGE_RESULTS);
    assert_int_equal(results_decode(buf.data, buf.size, arena, &results, &count, &err),
                     RC_OK);
    assert_memory_equal(results[0].result.data, "abc", 3);
    buf_clear(&buf);
    tokens_encode(&buf, NULL, 0);
    assert_int_equal(tokens_decode(buf.data, buf.size, arena, &tokens, &count, &err),
                     RC_OK);
    assert_int_equal(count, 0);
    buf_clear(&buf);
    encode_sample(&buf, MESSAGE_CLASS);
    assert_int_equal(class_decode(buf.data, buf.size, arena, &class, &err), RC_OK);
    assert_string_equal(class.run_id, "id");
    assert_null(class.project);
    assert_int_equal(class.created_us, -5);
    assert_true(class.code.is_dirty);
    assert_memory_equal(class.resolved.data, "abc", 3);
}

static void test_every_cut_of_a_body_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        scoped_buf buf = { 0 };

        encode_sample(&buf, bodies[i]);
        assert_int_equal(decode(bodies[i], buf.data, buf.size), RC_OK);
        for (size_t cut = 0; cut < buf.size; cut++)
            assert_int_not_equal(decode(bodies[i], buf.data, cut), RC_OK);
    }
}

static void test_a_damaged_byte_is_refused_or_another_value(void **state)
{
    static const unsigned char changes[] = { 0x01, 0x20, 0x80, 0xff };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        scoped_buf buf = { 0 };

        encode_sample(&buf, bodies[i]);
        for (size_t at = 0; at < buf.size * COUNT_OF(changes); at++) {
            unsigned char *byte = &buf.data[at / COUNT_OF(changes)];
            enum rc rc;

            *byte ^= changes[at % COUNT_OF(changes)];
            rc = decode(bodies[i], buf.data, buf.size);
            assert_true(rc == RC_OK || rc == RC_PROTOCOL || rc == RC_INVALID);
            *byte ^= changes[at % COUNT_OF(changes)];
        }
    }
}

/* The body with a field in front that this version does not know. */
static void test_unknown_fields_are_skipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        scoped_buf known = { 0 }, more = { 0 };
        struct reader reader;

        encode_sample(&known, bodies[i]);
        reader_init(&reader, known.data, known.size);
        pack_map(&more, reader_map(&reader) + 1);
        pack_text(&more, "of-a-later-version");
        pack_list(&more, 2);
        pack_map(&more, 0);
        pack_float(&more, 0.5);
        buf_add(&more, known.data + reader.at, known.size - reader.at);
        assert_int_equal(decode(bodies[i], more.data, more.size), RC_OK);
    }
}

static void test_more_tokens_than_a_node_may_have_are_refused(void **state)
{
    scoped_buf buf = { 0 };

    (void)state;
    pack_map(&buf, 1);
    pack_text(&buf, "tokens");
    pack_list(&buf, NODE_TOKENS_MAX + 1);
    for (size_t i = 0; i <= NODE_TOKENS_MAX; i++)
        pack_uint(&buf, 1);
    assert_int_equal(decode(MESSAGE_TAKEN, buf.data, buf.size), RC_PROTOCOL);
}

static void test_every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < STAGE_STATE_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(stage_state_name((enum stage_state)a),
                                    stage_state_name((enum stage_state)b));
    for (unsigned a = 1; a < REASON_COUNT; a++)
        assert_true(strlen(reason_name((enum reason)a)) > 0);
    assert_string_equal(run_state_name(RUN_STATE_COUNT), "unknown");
    assert_string_equal(stage_state_name(STAGE_STATE_COUNT), "unknown");
    assert_string_equal(reason_name(REASON_COUNT), "unknown");
    assert_string_equal(node_state_name(NODE_STATE_COUNT), "unknown");
    assert_true(run_state_is_final(RUN_COMPLETE) && !run_state_is_final(RUN_STOPPING));
    assert_true(stage_state_is_final(STAGE_SKIPPED)
                && !stage_state_is_final(STAGE_STOPPING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_has_a_header_that_comes_back),
        cmocka_unit_test(test_another_protocol_or_type_is_unsupported_and_tells_the_id),
        cmocka_unit_test(test_an_error_comes_back_and_is_never_ok),
        cmocka_unit_test(test_a_request_comes_back_as_it_was),
        cmocka_unit_test(test_a_hello_comes_back_as_it_was),
        cmocka_unit_test(test_only_plain_names_are_names_of_nodes),
        cmocka_unit_test(test_lists_come_back_as_they_were),
        cmocka_unit_test(test_every_cut_of_a_body_is_refused),
        cmocka_unit_test(test_a_damaged_byte_is_refused_or_another_value),
        cmocka_unit_test(test_unknown_fields_are_skipped),
        cmocka_unit_test(test_more_tokens_than_a_node_may_have_are_refused),
        cmocka_unit_test(test_every_state_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
