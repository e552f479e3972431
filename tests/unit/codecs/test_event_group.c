/* test_event_group.c - events of many stages in one record, and out of it again. */
#include "codecs/wire/event_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char texts[] = "n1\0a\0b/x\0last";

static struct event_group sample(enum event_group_kind kind)
{
    return (struct event_group){ .kind = kind,
                                 .time_us = 1767225600000000,
                                 .run = 7,
                                 .token = 100,
                                 .count = 3,
                                 .texts = { texts, sizeof texts } };
}

static void expect(struct event_group_walk *walk, const char *kind, const char *stage,
                   const char *state)
{
    struct announcement what;

    assert_true(event_group_next(walk, &what));
    assert_string_equal(what.kind, kind);
    assert_string_equal(what.stage, stage);
    assert_string_equal(what.state, state);
    assert_int_equal(what.run, 7);
    assert_int_equal(what.count, 1);
    if (strcmp(kind, "stage") == 0) {
        assert_false(what.has_index);
        assert_int_equal(what.token, 0);
        return;
    }
    assert_true(what.has_index && what.index == 0 && what.attempt == 1);
    assert_int_equal(what.token, 100 + walk->place - (walk->part == 0));
    assert_string_equal(what.node, "n1");
}

static void test_a_group_comes_back_as_it_was(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EVENT_GROUP_KIND_COUNT; kind++) {
        struct event_group group = sample((enum event_group_kind)kind), read;
        scoped_buf bytes = { 0 };

        event_group_encode(&bytes, &group);
        assert_true(buf_ok(&bytes));
        assert_true(event_group_decode(bytes.data, bytes.size, &read));
        assert_true(read.kind == group.kind && read.time_us == group.time_us);
        assert_true(read.run == 7 && read.token == 100 && read.count == 3);
        assert_int_equal(read.texts.size, sizeof texts);
        assert_memory_equal(read.texts.data, texts, sizeof texts);
    }
}

static void test_each_stage_has_its_own_events(void **state)
{
    struct event_group group = sample(EVENTS_QUEUED);
    struct event_group_walk walk;
    struct announcement what;

    (void)state;
    assert_int_equal(event_group_events(&group), 3);
    event_group_begin(&walk, &group);
    expect(&walk, "stage", "a", "queued");
    expect(&walk, "stage", "b/x", "queued");
    expect(&walk, "stage", "last", "queued");
    assert_false(event_group_next(&walk, &what));

    group = sample(EVENTS_ASSIGNED);
    event_group_begin(&walk, &group);
    expect(&walk, "attempt", "a", "assigned");
    expect(&walk, "attempt", "b/x", "assigned");
    expect(&walk, "attempt", "last", "assigned");
    assert_false(event_group_next(&walk, &what));
}

static void test_what_ended_began_and_is_complete(void **state)
{
    struct event_group group = sample(EVENTS_ENDED);
    struct event_group_walk walk;
    struct announcement what;

    (void)state;
    assert_int_equal(event_group_events(&group), 9);
    event_group_begin(&walk, &group);
    for (size_t i = 0; i < 3; i++) {
        const char *stage = i == 0 ? "a" : i == 1 ? "b/x" : "last";

        assert_true(event_group_next(&walk, &what));
        assert_string_equal(what.kind, "task");
        assert_string_equal(what.cause, "exit");
        assert_int_equal(what.token, 100 + i);
        assert_true(what.has_exit && what.exit_code == 0);
        expect(&walk, "stage", stage, "started");
        expect(&walk, "stage", stage, "complete");
    }
    assert_false(event_group_next(&walk, &what));
}

static void test_bytes_that_are_no_group_are_refused(void **state)
{
    struct event_group group = sample(EVENTS_QUEUED), read;
    scoped_buf bytes = { 0 };

    (void)state;
    event_group_encode(&bytes, &group);
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(event_group_decode(bytes.data, size, &read));
    buf_byte(&bytes, 0);
    assert_false(event_group_decode(bytes.data, bytes.size, &read));
}

static void test_a_group_with_another_number_of_names_is_refused(void **state)
{
    static const struct {
        uint64_t count;
        struct bytes texts;
    } wrong[] = {
        { 0, { texts, sizeof texts } },
        { 2, { texts, sizeof texts } },
        { 4, { texts, sizeof texts } },
        { 3, { texts, sizeof texts - 1 } },
        { 3, { "", 0 } },
        { EVENT_GROUP_STAGES_MAX + 1, { texts, sizeof texts } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct event_group group = sample(EVENTS_ENDED), read;
        scoped_buf bytes = { 0 };

        group.count = wrong[i].count;
        group.texts = wrong[i].texts;
        event_group_encode(&bytes, &group);
        assert_false(event_group_decode(bytes.data, bytes.size, &read));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_comes_back_as_it_was),
        cmocka_unit_test(test_each_stage_has_its_own_events),
        cmocka_unit_test(test_what_ended_began_and_is_complete),
        cmocka_unit_test(test_bytes_that_are_no_group_are_refused),
        cmocka_unit_test(test_a_group_with_another_number_of_names_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
