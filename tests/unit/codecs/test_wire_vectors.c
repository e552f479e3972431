/* The messages in tests/vectors, as bytes: read, and written again. Each file says in its
 * head how a record looks. */
#include "codecs/wire/message.h"
#include "codecs/wire/result.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20, LINE_MAX_BYTES = 1000 };

struct vector {
    char name[LINE_MAX_BYTES], gives[LINE_MAX_BYTES];
    struct buf bytes, writes;
    bool has_writes;
};

static void add_hex(struct buf *bytes, const char *text)
{
    char *end;

    for (const char *at = text; *at && *at != '\n'; at = end + strspn(end, " ")) {
        buf_byte(bytes, (unsigned char)strtoul(at, &end, 16));
        assert_true(end == at + 2);
    }
}

/* The value of a line "key: value", or NULL; the newline is cut off. */
static const char *value_of(char *line, const char *key)
{
    size_t size = strlen(key);

    line[strcspn(line, "\n")] = '\0';
    return strncmp(line, key, size) == 0 && strncmp(line + size, ": ", 2) == 0
               ? line + size + 2
               : NULL;
}

/* Reads the next record; false at the end of the file. */
static bool vector_read(FILE *file, struct vector *vector)
{
    char line[LINE_MAX_BYTES];
    const char *value;

    *vector = (struct vector){ 0 };
    while (fgets(line, sizeof line, file)) {
        if ((value = value_of(line, "name"))) {
            snprintf(vector->name, sizeof vector->name, "%s", value);
        } else if ((value = value_of(line, "hex"))) {
            add_hex(&vector->bytes, value);
        } else if ((value = value_of(line, "writes"))) {
            add_hex(&vector->writes, value);
            vector->has_writes = true;
        } else if ((value = value_of(line, "gives"))) {
            snprintf(vector->gives, sizeof vector->gives, "%s", value);
        } else if (line[0] == '\0' && vector->gives[0]) {
            break;
        }
    }
    return vector->gives[0] != '\0';
}

/* Decodes the bytes, and writes what it found again. */
typedef enum rc copier(struct arena *arena, const struct buf *bytes, struct buf *again);

static void assert_vectors(const char *name, copier *copy)
{
    char path[4096];
    struct vector vector;
    size_t count = 0;

    snprintf(path, sizeof path, SOURCE_ROOT "/tests/vectors/%s.txt", name);

    FILE *file = fopen(path, "r");

    assert_non_null(file);
    for (; vector_read(file, &vector); count++) {
        scoped(arena) arena = arena_create(ARENA_MAX);
        scoped_buf again = { 0 };
        const struct buf *writes = vector.has_writes ? &vector.writes : &vector.bytes;

        must(arena != NULL);
        enum rc rc = copy(arena, &vector.bytes, &again);
        bool is_right = strcmp(rc_name(rc), vector.gives) == 0
                        && (rc != RC_OK
                            || (again.size == writes->size
                                && memcmp(again.data, writes->data, again.size) == 0));

        if (!is_right)
            fail_msg("%s: \"%s\" gives %s", path, vector.name, rc_name(rc));
        buf_fini(&vector.bytes);
        buf_fini(&vector.writes);
    }
    assert_true(count > 0);
    fclose(file);
}

static enum rc copy_header(struct arena *arena, const struct buf *bytes,
                           struct buf *again)
{
    struct message_header header;
    enum rc rc = message_header_decode(bytes->data, bytes->size, &header, NULL);

    (void)arena;
    if (rc == RC_OK)
        message_header_encode(again, &header);
    return rc;
}

static void test_headers(void **state)
{
    (void)state;
    assert_vectors("header", copy_header);
}

static enum rc copy_request(struct arena *arena, const struct buf *bytes,
                            struct buf *again)
{
    struct request request;
    struct plan *plan;
    enum rc rc = request_decode(bytes->data, bytes->size, arena, &request, NULL);

    if (rc == RC_OK && request.plan.size > 0)
        rc = plan_decode(arena, request.plan.data, request.plan.size, &plan, NULL);
    if (rc == RC_OK)
        request_encode(again, &request);
    return rc;
}

static void test_submissions(void **state)
{
    (void)state;
    assert_vectors("submit", copy_request);
}

static void test_greetings(void **state)
{
    (void)state;
    assert_vectors("status", copy_request);
}

static enum rc copy_join(struct arena *arena, const struct buf *bytes, struct buf *again)
{
    struct node_hello hello;
    enum rc rc = node_hello_decode(bytes->data, bytes->size, arena, &hello, NULL);

    if (rc == RC_OK)
        node_hello_encode(again, &hello);
    return rc;
}

static enum rc copy_beat(struct arena *arena, const struct buf *bytes, struct buf *again)
{
    struct beat beat;
    enum rc rc = beat_decode(bytes->data, bytes->size, &beat, NULL);

    (void)arena;
    if (rc == RC_OK)
        beat_encode(again, &beat);
    return rc;
}

static void test_beats(void **state)
{
    (void)state;
    assert_vectors("beat", copy_beat);
}

static void test_joins(void **state)
{
    (void)state;
    assert_vectors("join", copy_join);
}

static enum rc copy_assign(struct arena *arena, const struct buf *bytes,
                           struct buf *again)
{
    struct assignment *items;
    size_t count;
    enum rc rc =
        assignments_decode(bytes->data, bytes->size, arena, &items, &count, NULL);

    if (rc == RC_OK)
        assignments_encode(again, items, count);
    return rc;
}

static void test_assignments(void **state)
{
    (void)state;
    assert_vectors("assign", copy_assign);
}

static enum rc copy_results(struct arena *arena, const struct buf *bytes,
                            struct buf *again)
{
    struct result_item *items;
    struct task_result *result;
    size_t count;
    enum rc rc = results_decode(bytes->data, bytes->size, arena, &items, &count, NULL);

    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = result_decode(arena, items[i].result.data, items[i].result.size, &result,
                           NULL);
    if (rc == RC_OK)
        results_encode(again, items, count);
    return rc;
}

static void test_results(void **state)
{
    (void)state;
    assert_vectors("results", copy_results);
}

/* An error that does not decode becomes an error of ours. */
static enum rc copy_error(struct arena *arena, const struct buf *bytes, struct buf *again)
{
    struct err err;

    (void)arena;
    if (message_error_decode(bytes->data, bytes->size, &err) == RC_PROTOCOL)
        return RC_PROTOCOL;
    message_error_encode(again, &err);
    return RC_OK;
}

static void test_errors(void **state)
{
    (void)state;
    assert_vectors("error", copy_error);
}

/* Whether the map has the field with a value of this kind. */
static bool has_field(const struct value *map, const char *key, enum value_kind kind)
{
    const struct value *value = value_get(map, key);

    return value && value->kind == kind;
}

static enum rc copy_event(struct arena *arena, const struct buf *bytes, struct buf *again)
{
    struct reader reader;
    struct value event;

    reader_init(&reader, bytes->data, bytes->size);
    reader_value(&reader, arena, &event);
    if (!reader_at_end(&reader) || event.kind != VALUE_MAP
        || !has_field(&event, "n", VALUE_INT) || !has_field(&event, "t", VALUE_INT)
        || !has_field(&event, "topic", VALUE_STRING)
        || !has_field(&event, "kind", VALUE_STRING)
        || !has_field(&event, "state", VALUE_STRING))
        return RC_PROTOCOL;
    pack_value(again, &event);
    return RC_OK;
}

static void test_events(void **state)
{
    (void)state;
    assert_vectors("event", copy_event);
}

static bool read_first(const char *name, struct vector *vector)
{
    char path[4096];

    snprintf(path, sizeof path, SOURCE_ROOT "/tests/vectors/%s.txt", name);

    FILE *file = fopen(path, "r");

    must(file != NULL);
    bool is_read = vector_read(file, vector);
    fclose(file);
    return is_read;
}

/* What the bytes mean, beside that they come back as they were. */
static void test_a_result_says_what_its_record_says(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct vector vector;
    struct result_item *items;
    struct task_result *result;
    size_t count;

    (void)state;
    assert_true(read_first("results", &vector));
    assert_int_equal(
        results_decode(vector.bytes.data, vector.bytes.size, arena, &items, &count, NULL),
        RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(items[0].token, 4711);
    assert_int_equal(
        result_decode(arena, items[0].result.data, items[0].result.size, &result, NULL),
        RC_OK);
    assert_int_equal(result->cause, CAUSE_EXIT);
    assert_int_equal(result->exit_code, 0);
    assert_int_equal(result->usage.wall_us, 1500000);
    assert_int_equal(result->usage.written_bytes, 4096);
    assert_int_equal(result->output_count, 1);
    assert_string_equal(result->outputs[0].name, "model.svm");
    assert_int_equal(result->streams[STREAM_STDOUT].size, 3);
    assert_int_equal(
        result_decode(arena, items[1].result.data, items[1].result.size, &result, NULL),
        RC_OK);
    assert_int_equal(result->cause, CAUSE_STOPPED);
    assert_int_equal(result->exit_code, -1);
    buf_fini(&vector.bytes);
}

static void test_an_assignment_says_what_its_record_says(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct vector vector;
    struct assignment *items;
    size_t count;

    (void)state;
    assert_true(read_first("assign", &vector));
    assert_int_equal(assignments_decode(vector.bytes.data, vector.bytes.size, arena,
                                        &items, &count, NULL),
                     RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(items[0].run, 12);
    assert_int_equal(items[0].index, 100);
    assert_int_equal(items[0].count, 16);
    assert_int_equal(items[0].token, 4711);
    assert_int_equal(items[1].stage, 1);
    assert_int_equal(items[1].number, 2);
    buf_fini(&vector.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_submissions),
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_beats),
        cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_a_result_says_what_its_record_says),
        cmocka_unit_test(test_an_assignment_says_what_its_record_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
