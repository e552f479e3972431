/* test_session.c - the numbering of messages between a node and its broker. */
#include "codecs/wire/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static enum session_verdict hear(struct session *session, enum message_type type,
                                 uint64_t number, uint64_t id)
{
    return session_hear(
        session, &(struct message_header){ .type = type, .session = number, .id = id });
}

static void test_messages_in_order_are_taken_and_doubles_skipped(void **state)
{
    struct session session;

    (void)state;
    session_begin(&session, 7);
    assert_int_equal(hear(&session, MESSAGE_CLASS, 7, 1), SESSION_TAKE);
    assert_int_equal(hear(&session, MESSAGE_ASSIGN, 7, 2), SESSION_TAKE);
    assert_int_equal(hear(&session, MESSAGE_ASSIGN, 7, 2), SESSION_SKIP);
    assert_int_equal(hear(&session, MESSAGE_BEAT, 7, 2), SESSION_TAKE);
    assert_int_equal(session.heard, 2);
}

static void test_a_gap_breaks_the_session_also_when_only_a_beat_shows_it(void **state)
{
    struct session session;

    (void)state;
    session_begin(&session, 7);
    assert_int_equal(hear(&session, MESSAGE_ASSIGN, 7, 2), SESSION_BREAK);
    assert_int_equal(session.heard, 0);
    assert_int_equal(hear(&session, MESSAGE_BEAT, 7, 1), SESSION_BREAK);
}

static void test_what_belongs_to_another_session_is_not_taken(void **state)
{
    struct session session;

    (void)state;
    session_begin(&session, 7);
    assert_int_equal(hear(&session, MESSAGE_ASSIGN, 6, 1), SESSION_SKIP);
    assert_int_equal(hear(&session, MESSAGE_ASSIGN, 8, 1), SESSION_BREAK);
    assert_int_equal(hear(&session, MESSAGE_TAKEN, 6, 0), SESSION_TAKE);
    assert_int_equal(hear(&session, MESSAGE_ASSIGN, 0, 0), SESSION_TAKE);
}

static void test_a_late_goodbye_does_not_end_a_later_session(void **state)
{
    struct session session;

    (void)state;
    session_begin(&session, 7);
    assert_int_equal(hear(&session, MESSAGE_LEAVE, 6, 0), SESSION_SKIP);
    assert_int_equal(hear(&session, MESSAGE_LEAVE, 8, 0), SESSION_SKIP);
    assert_int_equal(hear(&session, MESSAGE_LEAVE, 7, 0), SESSION_TAKE);
    assert_int_equal(hear(&session, MESSAGE_LEAVE, 0, 0), SESSION_TAKE);
}

static void test_only_what_is_said_once_gets_a_number(void **state)
{
    struct session session;

    (void)state;
    session_begin(&session, 7);
    assert_int_equal(session_stamp(&session, MESSAGE_WANT), 1);
    assert_int_equal(session_stamp(&session, MESSAGE_RESULTS), 0);
    assert_int_equal(session_stamp(&session, MESSAGE_STARTED), 2);
    assert_int_equal(session_stamp(&session, MESSAGE_BEAT), 2);
}

static void test_a_join_counts_only_beyond_the_last_session(void **state)
{
    struct session last = { .number = 7 };

    (void)state;
    assert_int_equal(session_judge(&last, true, 8), JOIN_ACCEPT);
    assert_int_equal(session_judge(&last, true, 7), JOIN_REPEAT);
    assert_int_equal(session_judge(&last, false, 7), JOIN_REFUSE);
    assert_int_equal(session_judge(&last, true, 6), JOIN_REFUSE);
}

static void test_the_number_grows_whatever_the_clock_says(void **state)
{
    struct session session = { .number = 7 };

    (void)state;
    assert_int_equal(session_next(&session, 100, 0), 100);
    assert_int_equal(session_next(&session, 3, 0), 8);
    assert_int_equal(session_next(&session, 3, 50), 51);
    assert_int_equal(session_next(&session, -3, 0), 8);
}

static void test_an_old_wish_to_rejoin_is_no_wish(void **state)
{
    struct session session = { .number = 7 };

    (void)state;
    assert_true(session_is_broken(&session, true, 7));
    assert_true(session_is_broken(&session, false, 9));
    assert_false(session_is_broken(&session, true, 6));
    assert_true(session_is_broken(&session, true, 0));
    assert_false(session_is_broken(&session, false, 0));
}

static void test_who_does_not_hear_is_deaf_from_its_next_beat_on(void **state)
{
    struct session session;

    (void)state;
    session_begin(&session, 7);
    assert_int_equal(session_deaf_us(&session, 0, 100), 0);
    session_stamp(&session, MESSAGE_ASSIGN);
    assert_int_equal(session_deaf_us(&session, 0, 200), 200);
    session_stamp(&session, MESSAGE_STOP);
    assert_int_equal(session_deaf_us(&session, 0, 300), 200);
    assert_int_equal(session_deaf_us(&session, 1, 400), 400);
    assert_int_equal(session_deaf_us(&session, 1, 500), 400);
    session_excuse(&session);
    assert_int_equal(session_deaf_us(&session, 1, 600), 600);
    assert_int_equal(session_deaf_us(&session, 2, 700), 0);
}

static void test_a_quiet_beat_is_answered_when_something_was_missed(void **state)
{
    struct session session;
    struct beat beat = { .has_heard = true, .is_quiet = true };

    (void)state;
    session_begin(&session, 7);
    assert_false(session_beat_is_due(&session, &beat));
    session_stamp(&session, MESSAGE_ASSIGN);
    assert_true(session_beat_is_due(&session, &beat));
    beat.heard = 1;
    assert_false(session_beat_is_due(&session, &beat));
    beat.is_quiet = false;
    assert_true(session_beat_is_due(&session, &beat));
    beat = (struct beat){ .is_quiet = true };
    assert_true(session_beat_is_due(&session, &beat));
}

static void test_beats_of_many_nodes_fall_together_and_none_is_late(void **state)
{
    (void)state;
    for (int64_t timeout_ms = 100; timeout_ms <= 3600000; timeout_ms *= 3)
        for (int64_t now_us = 0; now_us < 20000000; now_us += 333337) {
            int64_t next_us = session_next_beat_us(now_us, (uint64_t)timeout_ms);
            int64_t third_us = timeout_ms * 1000 / 3;

            assert_true(next_us <= now_us + third_us);
            assert_true(next_us >= now_us + third_us - third_us / 32 - 32);
            assert_int_equal(next_us % (third_us / 32), 0);
            assert_int_equal(session_next_beat_us(next_us + 1, (uint64_t)timeout_ms),
                             next_us + third_us / 32 * 32);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_in_order_are_taken_and_doubles_skipped),
        cmocka_unit_test(test_a_gap_breaks_the_session_also_when_only_a_beat_shows_it),
        cmocka_unit_test(test_what_belongs_to_another_session_is_not_taken),
        cmocka_unit_test(test_a_late_goodbye_does_not_end_a_later_session),
        cmocka_unit_test(test_only_what_is_said_once_gets_a_number),
        cmocka_unit_test(test_a_join_counts_only_beyond_the_last_session),
        cmocka_unit_test(test_the_number_grows_whatever_the_clock_says),
        cmocka_unit_test(test_an_old_wish_to_rejoin_is_no_wish),
        cmocka_unit_test(test_a_quiet_beat_is_answered_when_something_was_missed),
        cmocka_unit_test(test_beats_of_many_nodes_fall_together_and_none_is_late),
        cmocka_unit_test(test_who_does_not_hear_is_deaf_from_its_next_beat_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
