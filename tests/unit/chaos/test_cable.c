/* test_cable.c - the fate of packets on a bad cable, in a time of the test's own. */
#include "tests/chaos/cable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { PACKETS = 4000, PACKET_BYTES = 100, MS = 1000 };

static struct cable *cable_of(struct weather weather, uint64_t seed)
{
    struct err err;
    struct cable *cable = cable_create(&weather, seed, &err);

    assert_non_null(cable);
    return cable;
}

static void put(struct cable *cable, int64_t now_us, uint32_t number)
{
    unsigned char packet[PACKET_BYTES] = { 0 };

    memcpy(packet, &number, sizeof number);
    cable_take(cable, now_us, packet, sizeof packet);
}

/* The number in the packet that has arrived; UINT32_MAX if none has. */
static uint32_t get(struct cable *cable, int64_t now_us)
{
    unsigned char packet[CABLE_PACKET_MAX];
    uint32_t number;

    if (cable_give(cable, now_us, packet) == 0)
        return UINT32_MAX;
    memcpy(&number, packet, sizeof number);
    return number;
}

static void test_a_good_cable_gives_every_packet_once_in_order_at_once(void **state)
{
    scoped(cable) cable = cable_of((struct weather){ 0 }, 1);

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        put(cable, 5, i);
    assert_int_equal(cable_due_us(cable), 5);
    assert_int_equal(get(cable, 4), UINT32_MAX);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(get(cable, 5), i);
    assert_int_equal(get(cable, 5), UINT32_MAX);
    assert_int_equal(cable_due_us(cable), CABLE_NEVER_US);
}

static void test_loss_and_doubles_have_their_shares_and_are_the_seeds(void **state)
{
    struct weather weather = { .loss = 5, .doubles = 10 };
    scoped(cable) one = cable_of(weather, 7);
    scoped(cable) same = cable_of(weather, 7);
    uint64_t given = 0;

    (void)state;
    for (uint32_t i = 0; i < PACKETS; i++) {
        put(one, i, i);
        put(same, PACKETS + i * 1000, i);
        for (uint32_t number; (number = get(one, i)) != UINT32_MAX; given++)
            assert_int_equal(get(same, CABLE_NEVER_US), number);
        assert_int_equal(get(same, CABLE_NEVER_US), UINT32_MAX);
    }
    assert_in_range(cable_counts(one)->lost, PACKETS * 4 / 100, PACKETS * 6 / 100);
    assert_in_range(cable_counts(one)->doubled, PACKETS * 8 / 100, PACKETS * 11 / 100);
    assert_int_equal(given,
                     PACKETS - cable_counts(one)->lost + cable_counts(one)->doubled);
}

static void test_a_delay_is_within_its_jitter_and_reorders(void **state)
{
    scoped(cable) cable =
        cable_of((struct weather){ .delay_ms = 50, .jitter_ms = 30 }, 3);
    int64_t now = 0;
    uint32_t last = 0, backward = 0, number;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        put(cable, i * MS, i);
    while ((now = cable_due_us(cable)) != CABLE_NEVER_US) {
        assert_int_equal(get(cable, now - 1), UINT32_MAX);
        number = get(cable, now);
        assert_in_range(now - number * MS, 20 * MS, 80 * MS);
        backward += number < last;
        last = number;
    }
    assert_true(backward > 100);
    assert_true(cable_counts(cable)->overtaken >= backward);
}

static void test_a_jitter_above_the_delay_never_goes_back_in_time(void **state)
{
    scoped(cable) cable = cable_of((struct weather){ .delay_ms = 1, .jitter_ms = 30 }, 3);

    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        put(cable, 1000, i);
    assert_int_equal(cable_due_us(cable), 1000);
}

static void test_a_narrow_line_sends_one_after_the_other_and_drops_the_rest(void **state)
{
    /* 100 bytes at 80 kbit a second are 10 ms; 200 ms hold 20 of them. */
    scoped(cable) cable = cable_of((struct weather){ .rate_kbit = 80 }, 3);

    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        put(cable, 0, i);
    assert_int_equal(cable_counts(cable)->dropped, 10);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(cable_due_us(cable), (i + 1) * 10 * MS);
        assert_int_equal(get(cable, cable_due_us(cable)), i);
    }
    put(cable, 1000 * MS, 99);
    assert_int_equal(cable_due_us(cable), 1010 * MS);
}

static void test_a_full_cable_drops_and_goes_on(void **state)
{
    scoped(cable) cable = cable_of((struct weather){ .delay_ms = 1 }, 3);

    (void)state;
    for (uint32_t i = 0; i < CABLE_QUEUE_MAX + 10; i++)
        put(cable, 0, i);
    assert_int_equal(cable_counts(cable)->dropped, 10);
    for (uint32_t i = 0; i < CABLE_QUEUE_MAX; i++)
        assert_int_equal(get(cable, CABLE_NEVER_US), i);
    assert_int_equal(get(cable, CABLE_NEVER_US), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_cable_gives_every_packet_once_in_order_at_once),
        cmocka_unit_test(test_loss_and_doubles_have_their_shares_and_are_the_seeds),
        cmocka_unit_test(test_a_delay_is_within_its_jitter_and_reorders),
        cmocka_unit_test(test_a_jitter_above_the_delay_never_goes_back_in_time),
        cmocka_unit_test(test_a_narrow_line_sends_one_after_the_other_and_drops_the_rest),
        cmocka_unit_test(test_a_full_cable_drops_and_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
