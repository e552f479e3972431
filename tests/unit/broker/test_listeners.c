/* test_listeners.c - who may hear a topic. */
#include "broker/listeners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void note(struct listeners *listeners, char what, const char *topic)
{
    char frame[100] = { what };

    memcpy(frame + 1, topic, strlen(topic));
    listeners_note(listeners, frame, 1 + strlen(topic));
}

static void subscribe(struct listeners *listeners, const char *topic)
{
    note(listeners, 1, topic);
}

static void leave(struct listeners *listeners, const char *topic)
{
    note(listeners, 0, topic);
}

static void test_nobody_hears_before_a_subscription(void **state)
{
    struct listeners listeners = { 0 };

    (void)state;
    assert_false(listeners_hear(&listeners, "run/1/stage/"));
    subscribe(&listeners, "run/1/run/");
    subscribe(&listeners, "hello/1234");
    assert_false(listeners_hear(&listeners, "run/1/stage/"));
    listeners_fini(&listeners);
}

static void test_a_shorter_and_a_longer_topic_may_be_heard(void **state)
{
    static const char *const topics[] = { "", "r", "run/1/", "run/1/stage/",
                                          "run/1/stage/train/complete" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        struct listeners listeners = { 0 };

        subscribe(&listeners, "hello/1");
        subscribe(&listeners, topics[i]);
        assert_true(listeners_hear(&listeners, "run/1/stage/"));
        leave(&listeners, topics[i]);
        assert_false(listeners_hear(&listeners, "run/1/stage/"));
        listeners_fini(&listeners);
    }
}

static void test_what_is_no_subscription_changes_nothing(void **state)
{
    struct listeners listeners = { 0 };

    (void)state;
    listeners_note(&listeners, "", 0);
    listeners_note(&listeners, "\2run", 4);
    listeners_note(&listeners, "\1a\0b", 4);
    leave(&listeners, "never");
    assert_false(listeners_hear(&listeners, "run/1/stage/"));
    assert_int_equal(listeners.count, 0);
    listeners_fini(&listeners);
}

static void test_beyond_the_limit_everything_may_be_heard(void **state)
{
    struct listeners listeners = { 0 };

    (void)state;
    for (unsigned i = 0; i < 140000; i++) {
        char frame[5] = { 1, (char)('a' + (i >> 12)), (char)('a' + (i >> 8) % 16),
                          (char)('a' + (i >> 4) % 16), (char)('a' + i % 16) };

        listeners_note(&listeners, frame, sizeof frame);
    }
    assert_true(listeners_hear(&listeners, "run/1/stage/"));
    listeners_fini(&listeners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_hears_before_a_subscription),
        cmocka_unit_test(test_a_shorter_and_a_longer_topic_may_be_heard),
        cmocka_unit_test(test_what_is_no_subscription_changes_nothing),
        cmocka_unit_test(test_beyond_the_limit_everything_may_be_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
