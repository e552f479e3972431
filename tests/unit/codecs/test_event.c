/* test_event.c - the bodies of events, and the cursor of a subscriber. */
#include "codecs/wire/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_an_event_says_its_number_time_and_topic(void **state)
{
    scoped_buf topic = { 0 };
    scoped_buf body = { 0 };
    struct event_head head;

    (void)state;
    event_encode(&(struct announcement){ .kind = "task",
                                         .run = 7,
                                         .stage = "train",
                                         .has_index = true,
                                         .state = "complete" },
                 41, 1234, &topic, &body);
    assert_string_equal(buf_string(&topic), "run/7/task/train/0/complete");
    assert_true(event_decode(body.data, body.size, &head));
    assert_int_equal(head.number, 41);
    assert_int_equal(head.time_us, 1234);
    assert_true(bytes_are(head.topic, "run/7/task/train/0/complete"));
}

static void test_bytes_that_are_no_event_are_refused(void **state)
{
    scoped_buf body = { 0 };
    struct event_head head = { .number = 3 };

    (void)state;
    assert_false(event_decode("", 0, &head));
    pack_map(&body, 1);
    pack_text(&body, "t");
    pack_int(&body, 5);
    assert_false(event_decode(body.data, body.size, &head));
    assert_int_equal(head.number, 3);
}

/* A cursor that has asked and found nothing. */
static struct event_cursor idle_at(uint64_t last)
{
    struct event_cursor cursor;

    event_cursor_begin(&cursor, last, 3);
    event_cursor_page(&cursor, 0, 0);
    return cursor;
}

static void test_a_cursor_asks_first_and_until_a_page_is_empty(void **state)
{
    struct event_cursor cursor;

    (void)state;
    event_cursor_begin(&cursor, 10, 3);
    assert_true(cursor.asks);
    event_cursor_page(&cursor, 0, 1);
    assert_int_equal(event_cursor_stored(&cursor, 11), EVENT_TAKE);
    assert_true(cursor.asks);
    event_cursor_page(&cursor, 0, 0);
    assert_false(cursor.asks);
}

static void test_live_events_are_taken_once_and_in_order(void **state)
{
    struct event_cursor cursor = idle_at(10);

    (void)state;
    assert_int_equal(event_cursor_live(&cursor, 10), EVENT_SKIP);
    assert_int_equal(event_cursor_live(&cursor, 11), EVENT_TAKE);
    assert_int_equal(event_cursor_live(&cursor, 11), EVENT_SKIP);
    assert_int_equal(cursor.last, 11);
    assert_false(cursor.asks);
}

static void test_a_jump_or_a_hello_means_asking(void **state)
{
    struct event_cursor cursor = idle_at(10);

    (void)state;
    assert_int_equal(event_cursor_live(&cursor, 12), EVENT_ASK);
    assert_true(cursor.asks);
    assert_int_equal(cursor.last, 10);
    cursor = idle_at(10);
    assert_int_equal(event_cursor_live(&cursor, 0), EVENT_ASK);
    assert_true(cursor.asks);
}

static void test_a_pause_after_many_live_events_means_asking_once(void **state)
{
    struct event_cursor cursor = idle_at(10);

    (void)state;
    assert_int_equal(event_cursor_live(&cursor, 11), EVENT_TAKE);
    assert_int_equal(event_cursor_live(&cursor, 12), EVENT_TAKE);
    event_cursor_pause(&cursor);
    assert_false(cursor.asks);
    assert_int_equal(event_cursor_live(&cursor, 12), EVENT_SKIP);
    event_cursor_pause(&cursor);
    assert_true(cursor.asks);
    event_cursor_page(&cursor, 0, 0);
    event_cursor_pause(&cursor);
    assert_false(cursor.asks);
}

static void test_a_snapshot_stands_for_all_before_the_first_kept_event(void **state)
{
    struct event_cursor cursor;

    (void)state;
    event_cursor_begin(&cursor, 2, 3);
    event_cursor_page(&cursor, 20, 5);
    assert_int_equal(cursor.last, 19);
    assert_int_equal(event_cursor_stored(&cursor, 20), EVENT_TAKE);
    event_cursor_page(&cursor, 15, 0);
    assert_int_equal(cursor.last, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_says_its_number_time_and_topic),
        cmocka_unit_test(test_bytes_that_are_no_event_are_refused),
        cmocka_unit_test(test_a_cursor_asks_first_and_until_a_page_is_empty),
        cmocka_unit_test(test_live_events_are_taken_once_and_in_order),
        cmocka_unit_test(test_a_jump_or_a_hello_means_asking),
        cmocka_unit_test(test_a_pause_after_many_live_events_means_asking_once),
        cmocka_unit_test(test_a_snapshot_stands_for_all_before_the_first_kept_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
