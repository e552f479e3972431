/* test_settled.c - a stage with what nodes fetched for it. */
#include "codecs/wire/settled.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct plan_source file(const char *input, uint64_t place, const char *name,
                               const char *digest)
{
    return (struct plan_source){ .uri = "shown",
                                 .name = name,
                                 .digest = digest,
                                 .input = input,
                                 .place = place,
                                 .version = "v1" };
}

static struct plan_stage settle(struct plan_stage *stage, uint64_t index,
                                struct plan_source *files, size_t count,
                                struct arena *arena)
{
    struct task_result result = { .inputs = files, .input_count = count };
    struct plan_stage settled;
    struct err err;

    assert_int_equal(settled_stage(stage, index, &result, arena, &settled, &err), RC_OK);
    return settled;
}

static void test_what_was_fetched_stands_in_the_place_of_its_source(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_source one[] = { { .uri = "s3://b/**" },
                                 { .uri = "datum://x", .digest = C },
                                 { .uri = "http://u:p@h/f" } };
    struct plan_source other[] = { { .uri = "http://h/g" } };
    struct plan_input inputs[] = {
        { .name = "one", .sources = one, .source_count = 3 },
        { .name = "other", .sources = other, .source_count = 1 }
    };
    struct plan_stage stage = { .name = "s", .inputs = inputs, .input_count = 2 };
    struct plan_source files[] = { file("one", 0, "a", A), file("one", 0, "b", B),
                                   file("one", 2, "f", C), file("other", 0, "g", A) };
    struct plan_stage settled = settle(&stage, 0, files, 4, arena);

    (void)state;
    assert_int_equal(settled.inputs[0].source_count, 4);
    assert_string_equal(settled.inputs[0].sources[0].digest, A);
    assert_string_equal(settled.inputs[0].sources[0].uri, "shown");
    assert_string_equal(settled.inputs[0].sources[1].name, "b");
    assert_string_equal(settled.inputs[0].sources[1].version, "v1");
    assert_string_equal(settled.inputs[0].sources[2].uri, "datum://x");
    assert_string_equal(settled.inputs[0].sources[3].uri, "http://u:p@h/f");
    assert_string_equal(settled.inputs[0].sources[3].digest, C);
    assert_string_equal(settled.inputs[1].sources[0].digest, A);
    assert_int_equal(inputs[0].source_count, 3);
    assert_null(one[0].digest);
}

static void test_what_the_result_does_not_tell_of_stays(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_source sources[] = { { .uri = "http://h/f" }, { .uri = "http://h/g" } };
    struct plan_input input = { .name = "one", .sources = sources, .source_count = 2 };
    struct plan_stage stage = { .name = "s", .inputs = &input, .input_count = 1 };
    struct plan_source older[] = { file(NULL, 0, "f", A) };
    struct plan_source part[] = { file("one", 1, "g", B) };
    struct plan_source disordered[] = { file("one", 1, "g", B), file("one", 0, "f", A),
                                        file("two", 0, "f", A) };
    struct plan_stage settled = settle(&stage, 0, older, 1, arena);

    (void)state;
    assert_null(settled.inputs[0].sources[0].digest);
    settled = settle(&stage, 0, part, 1, arena);
    assert_int_equal(settled.inputs[0].source_count, 2);
    assert_null(settled.inputs[0].sources[0].digest);
    assert_string_equal(settled.inputs[0].sources[1].digest, B);
    settled = settle(&stage, 0, disordered, 3, arena);
    assert_int_equal(settled.inputs[0].source_count, 2);
    assert_null(settled.inputs[0].sources[0].digest);
}

static void test_a_file_that_was_fetched_again_by_its_digest_takes_no_place(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_source sources[] = { { .uri = "http://h/f", .digest = A },
                                     { .uri = "http://h/g" } };
    struct plan_input input = { .name = "one", .sources = sources, .source_count = 2 };
    struct plan_stage stage = { .name = "s", .inputs = &input, .input_count = 1 };
    struct plan_source files[] = { file("one", 0, "f", A), file("one", 1, "g", B) };
    struct plan_stage settled = settle(&stage, 0, files, 2, arena);

    (void)state;
    assert_int_equal(settled.inputs[0].source_count, 2);
    assert_string_equal(settled.inputs[0].sources[0].uri, "http://h/f");
    assert_string_equal(settled.inputs[0].sources[1].digest, B);
}

static void test_a_uri_gets_the_values_of_the_task(void **state)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct plan_source source = { .uri = "http://u:p@h/{parameter:n}" };
    struct plan_input input = { .name = "one", .sources = &source, .source_count = 1 };
    struct plan_parameter parameter = { .name = "n",
                                        .value = { .kind = VALUE_INT, .integer = 7 } };
    struct plan_stage stage = { .name = "s",
                                .inputs = &input,
                                .input_count = 1,
                                .parameters = &parameter,
                                .parameter_count = 1 };
    struct plan_source fetched = file("one", 0, "7", A);
    struct plan_stage settled = settle(&stage, 0, &fetched, 1, arena);

    (void)state;
    assert_string_equal(settled.inputs[0].sources[0].uri, "http://u:p@h/7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_fetched_stands_in_the_place_of_its_source),
        cmocka_unit_test(test_what_the_result_does_not_tell_of_stays),
        cmocka_unit_test(test_a_file_that_was_fetched_again_by_its_digest_takes_no_place),
        cmocka_unit_test(test_a_uri_gets_the_values_of_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
