/* What differs between two records of tasks. */
#include "client/cli/compare/task_facts.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20 };

static const char *const commands[] = { "train {parameters}", "check" };

static void read_facts(struct arena *arena, const char *json, size_t command_count,
                       struct facts *facts)
{
    const struct plan_stage stage = { .commands = commands,
                                      .command_count = command_count };
    struct value record;
    struct err err;

    if (value_from_json(arena, json, strlen(json), &record, &err) != RC_OK)
        fail_msg("%s", err.text);
    *facts = (struct facts){ .arena = arena };
    facts_of(facts, &record, &stage);
}

static void assert_changes(const char *before, size_t commands_before, const char *after,
                           size_t commands_after, bool counts, const char *expected)
{
    struct arena *arena = arena_create(ARENA_BYTES);
    struct facts a, b;
    struct fact_changes changes = { 0 };
    scoped_buf told = { 0 };

    assert_non_null(arena);
    read_facts(arena, before, commands_before, &a);
    read_facts(arena, after, commands_after, &b);
    assert_int_equal(facts_compare(&a, &b, &changes), RC_OK);
    for (size_t i = 0; i < changes.count; i++) {
        const struct fact *old = changes.items[i].before, *new = changes.items[i].after;

        buf_printf(&told, "%s %s: %s -> %s\n",
                   fact_section_name((old ? old : new)->section), (old ? old : new)->name,
                   old ? old->shown : "-", new ? new->shown : "-");
    }
    assert_string_equal(buf_string(&told), expected);
    assert_int_equal(changes.counts, counts);
    arena_destroy(arena);
}

static void test_equal_records_differ_in_time_at_most(void **state)
{
    (void)state;
    assert_changes("{\"task\": {\"seconds\": 1}}", 2, "{\"task\": {\"seconds\": 2}}", 2,
                   false, "time and resources seconds: 1 -> 2\n");
    assert_changes("{\"parameters\": null, \"outputs\": []}", 1, "{}", 1, false, "");
}

static void test_each_section_is_compared_by_name(void **state)
{
    (void)state;
    assert_changes(
        "{\"parameters\": [{\"name\": \"lr\", \"value\": 0.1}, {\"name\": \"a\", "
        "\"value\": \"x\"}],"
        " \"inputs\": [{\"input\": \"d\", \"name\": \"f\", \"digest\": \"1\"}],"
        " \"variables\": [{\"name\": \"KEY\", \"value\": \"m1\", \"masked\": true}],"
        " \"environment\": {\"object\": {\"kernel\": \"5\", \"python\": "
        "{\"version\": \"3.11\", \"packages\": [\"numpy==1\", \"old==2\"]}}},"
        " \"metadata\": {\"acc\": 0.5, \"_time\": 1},"
        " \"task\": {\"state\": \"complete\"}}",
        2,
        "{\"parameters\": [{\"name\": \"a\", \"value\": \"x\"}, {\"name\": \"lr\", "
        "\"value\": 0.2}],"
        " \"inputs\": [{\"input\": \"d\", \"name\": \"f\", \"digest\": \"2\"}],"
        " \"variables\": [{\"name\": \"KEY\", \"value\": \"m2\", \"masked\": true}],"
        " \"environment\": {\"object\": {\"kernel\": \"6\", \"python\": "
        "{\"version\": \"3.11\", \"packages\": [\"numpy==2\"]}}},"
        " \"metadata\": {\"acc\": 0.75, \"_time\": 2},"
        " \"task\": {\"state\": \"error\"}}",
        1, true,
        "command line 2: check -> -\n"
        "parameters lr: 0.1 -> 0.2\n"
        "inputs d/f: 1 -> 2\n"
        "variables KEY: (secret) -> (secret)\n"
        "environment kernel: 5 -> 6\n"
        "environment package numpy: 1 -> 2\n"
        "environment package old: 2 -> -\n"
        "metrics acc: 0.5 -> 0.75\n"
        "end state: complete -> error\n");
}

static void test_files_of_one_name_are_compared_in_turn(void **state)
{
    (void)state;
    assert_changes("{\"outputs\": [{\"name\": \"f\", \"digest\": \"1\"}, {\"name\": "
                   "\"f\", \"digest\": \"2\"}]}",
                   1,
                   "{\"outputs\": [{\"name\": \"f\", \"digest\": \"1\"}, {\"name\": "
                   "\"f\", \"digest\": \"3\"}]}",
                   1, true, "outputs f: 2 -> 3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_records_differ_in_time_at_most),
        cmocka_unit_test(test_each_section_is_compared_by_name),
        cmocka_unit_test(test_files_of_one_name_are_compared_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
