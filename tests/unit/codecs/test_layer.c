/* test_layer.c - layers: stages in few bytes, found, whole or refused. */
#include "codecs/wire/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint32_t stages[] = { 70000, 70001, 70005, 70300, 74095 };

/* Each task takes 5 us, 2 us after the one before. */
static struct stage_layer sample(struct buf *places, struct buf *times)
{
    struct stage_layer layer = {
        .first = stages[0], .token = 9, .has_ended = true, .ended_us = 2000
    };
    int64_t last = 1000;

    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        layer_add(places, stages[i] - stages[0]);
        block_add(times, &last, last + 2, last + 7);
    }
    layer.places = (struct bytes){ (const char *)places->data, places->size };
    layer.block =
        (struct task_block){ .token = 9,
                             .count = COUNT_OF(stages),
                             .started_us = 1000,
                             .times = { (const char *)times->data, times->size } };
    return layer;
}

static struct bytes bytes_of(const struct buf *buf)
{
    return (struct bytes){ (const char *)buf->data, buf->size };
}

static void test_a_layer_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int has_ended = 0; has_ended < 2; has_ended++) {
        scoped_buf places = { 0 }, times = { 0 }, bytes = { 0 };
        struct stage_layer layer = sample(&places, &times), read;
        int64_t started, ended;

        layer.has_ended = has_ended;
        layer_encode(&bytes, &layer);
        assert_true(layer_open(bytes_of(&bytes), &read) && layer_is_whole(&read));
        assert_int_equal(read.first, 70000);
        assert_int_equal(read.token, 9);
        assert_int_equal(layer_count(&read), COUNT_OF(stages));
        for (size_t i = 0; i < COUNT_OF(stages); i++)
            assert_int_equal(layer_stage(&read, i), stages[i]);
        assert_int_equal(read.has_ended, has_ended);
        assert_int_equal(read.ended_us, has_ended ? 2000 : 0);
        if (!has_ended)
            continue;
        assert_int_equal(read.block.token, 9);
        block_times(&read.block, 4, &started, &ended);
        assert_true(started == 1030 && ended == 1035);
    }
}

static void test_its_stages_are_found_and_no_others(void **state)
{
    scoped_buf places = { 0 }, times = { 0 };
    struct stage_layer layer = sample(&places, &times);
    size_t found = 0;

    (void)state;
    for (uint32_t stage = 69000; stage < 80000; stage++) {
        uint64_t i;

        if (!layer_find(&layer, stage, &i))
            continue;
        assert_int_equal(stages[i], stage);
        found++;
    }
    assert_int_equal(found, COUNT_OF(stages));
}

static void test_bytes_that_are_cut_or_continued_are_refused(void **state)
{
    scoped_buf places = { 0 }, times = { 0 }, bytes = { 0 };
    struct stage_layer layer = sample(&places, &times), read;

    (void)state;
    layer_encode(&bytes, &layer);
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(layer_open((struct bytes){ (const char *)bytes.data, size }, &read));
    buf_byte(&bytes, 0);
    assert_false(layer_open(bytes_of(&bytes), &read));
}

static void expect_broken(const void *places, size_t size, uint64_t token)
{
    struct stage_layer layer = { .first = 5, .places = { places, size }, .token = token };

    assert_false(layer_is_whole(&layer));
}

static void test_places_ascend_from_0_on(void **state)
{
    (void)state;
    expect_broken("\0\1", 2, 1);
    expect_broken("\0\0\0\0", 4, 1);
    expect_broken("\0\0\0\2\0\1", 6, 1);
    expect_broken("\0\0\x10\0", 4, 1); /* 4096 */
    expect_broken("\0\0", 2, 0);
    expect_broken("\0\0", 2, UINT64_MAX);
}

static void test_times_are_those_of_its_tasks(void **state)
{
    scoped_buf places = { 0 }, times = { 0 };
    struct stage_layer layer = sample(&places, &times);

    (void)state;
    assert_true(layer_is_whole(&layer));
    layer.block.times.size--;
    assert_false(layer_is_whole(&layer));
    layer.block.times.size++;
    layer.ended_us = 0;
    assert_false(layer_is_whole(&layer));
}

static void test_a_layer_has_an_even_number_of_bytes_and_not_too_many(void **state)
{
    static char zeros[2 * (LAYER_STAGES_MAX + 1)];
    static const size_t sizes[] = { 0, 1, 3, sizeof zeros };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct stage_layer layer = { .token = 1, .places = { zeros, sizes[i] } }, read;
        scoped_buf bytes = { 0 };

        layer_encode(&bytes, &layer);
        assert_false(layer_open(bytes_of(&bytes), &read));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_layer_comes_back_as_it_was),
        cmocka_unit_test(test_its_stages_are_found_and_no_others),
        cmocka_unit_test(test_bytes_that_are_cut_or_continued_are_refused),
        cmocka_unit_test(test_places_ascend_from_0_on),
        cmocka_unit_test(test_times_are_those_of_its_tasks),
        cmocka_unit_test(test_a_layer_has_an_even_number_of_bytes_and_not_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
