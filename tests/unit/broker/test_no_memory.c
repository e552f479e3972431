/* test_no_memory.c - what the broker keeps of a turn, while the n-th growth fails: each n
 * is an error that fails the turn, or a success, and never a crash. */
#include "broker/broker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ITEMS = 500, GROWTHS_MAX = 100 };

/* Stands before the C library's, for the code under test as well. */
static size_t growths, failing;

void *reallocarray(void *old, size_t count, size_t size)
{
    return ++growths == failing || count > SIZE_MAX / size ? NULL
                                                           : realloc(old, count * size);
}

/* Fails growth after growth until one is not reached any more. */
static void each_growth(bool (*attempt)(void))
{
    for (failing = 1; failing < GROWTHS_MAX; failing++) {
        growths = 0;

        bool is_good = attempt();

        assert_int_equal(is_good, growths < failing);
        if (is_good) {
            assert_true(failing > 1);
            failing = 0;
            return;
        }
    }
    fail();
}

static const struct message_header reply = { 1, MESSAGE_OK, 1, 0 };
static const struct message_header taken = { 1, MESSAGE_TAKEN, 1, 1 };

static bool fill_outbox(void)
{
    struct outbox outbox;
    struct buf body = { 0 };
    struct err err;
    bool is_good;

    outbox_init(&outbox, NULL, NULL, 1 << 20);
    for (uint64_t i = 0; i < ITEMS; i++) {
        outbox_add(&outbox, "client", 6, &reply, true, &body);
        outbox_add(&outbox, "node", 4, &taken, false, &body);
        outbox_event(&outbox, "topic", &body);
    }
    is_good = !outbox_has_overflowed(&outbox);
    assert_int_equal(outbox.count == 3 * ITEMS, is_good);
    if (!is_good) {
        size_t replies = 0;

        for (size_t i = 0; i < outbox.count; i++)
            replies += outbox.entries[i].is_reply;
        err_set(&err, RC_NO_MEMORY, "no memory");
        outbox_fail(&outbox, &err);
        assert_false(outbox_has_overflowed(&outbox));
        assert_int_equal(outbox.count, replies); /* each as an error */
    }
    outbox_fini(&outbox);
    return is_good;
}

static void test_an_outbox_without_memory_fails_the_turn_and_answers_with_errors(
    void **state)
{
    (void)state;
    each_growth(fill_outbox);
}

static void test_an_outbox_without_memory_for_errors_says_nothing(void **state)
{
    struct outbox outbox;
    struct buf body = { 0 };

    (void)state;
    growths = 0;
    failing = 1;
    outbox_init(&outbox, NULL, NULL, 1 << 20);
    outbox_add(&outbox, "client", 6, &reply, true, &body);
    assert_true(outbox_has_overflowed(&outbox));
    outbox_send(&outbox, NULL, NULL); /* no socket is touched */
    assert_false(outbox_has_overflowed(&outbox));
    outbox_fini(&outbox);
    failing = 0;
}

static bool fill_mail(void)
{
    struct broker broker = { 0 };
    bool is_good = peer_add(&broker, 0, "node") != NULL;

    for (uint64_t i = 1; is_good && i <= ITEMS; i++) {
        mail_task(&broker, 0, &(struct assignment){ .token = i });
        mail_stop(&broker, 0, i);
        mail_drop(&broker, 0, i);
        mail_taken(&broker, 0, i);
    }
    is_good &= broker.batch.rc == RC_OK;
    if (!is_good && broker.peer_count > 0)
        assert_int_equal(broker.batch.rc, RC_NO_MEMORY);
    mail_forget(&broker);
    peers_fini(&broker);
    return is_good;
}

static void test_mail_without_memory_fails_the_turn(void **state)
{
    (void)state;
    each_growth(fill_mail);
}

static bool fill_labels(void)
{
    struct labels labels = { 0 };
    bool is_good = true;
    uint32_t number;
    char text[3] = "a0";

    for (int i = 0; is_good && i < ITEMS; i++) {
        text[0] = (char)('!' + i / 50);
        text[1] = (char)('0' + i % 50);
        is_good = labels_number(&labels, text, &number) == RC_OK;
    }
    labels_fini(&labels);
    return is_good;
}

static void test_labels_without_memory_are_refused(void **state)
{
    (void)state;
    each_growth(fill_labels);
}

static bool keep_plans(void)
{
    struct broker broker = { 0 };
    bool is_good = true;

    for (uint64_t run = 1; is_good && run <= ITEMS; run++) {
        struct run_plan plan = { .arena = arena_create(1 << 16) };

        assert_non_null(plan.arena);
        is_good = plan_keep(&broker, run, &plan) == RC_OK;
        if (!is_good)
            arena_destroy(plan.arena); /* not taken */
    }
    plans_fini(&broker);
    return is_good;
}

static void test_a_plan_without_memory_is_not_taken(void **state)
{
    (void)state;
    each_growth(keep_plans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_an_outbox_without_memory_fails_the_turn_and_answers_with_errors),
        cmocka_unit_test(test_an_outbox_without_memory_for_errors_says_nothing),
        cmocka_unit_test(test_mail_without_memory_fails_the_turn),
        cmocka_unit_test(test_labels_without_memory_are_refused),
        cmocka_unit_test(test_a_plan_without_memory_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
