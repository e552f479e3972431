/* test_block.c - blocks: times in few bytes, whole or refused. */
#include "codecs/wire/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 100, ARENA_MAX = 64 << 20 };

static const int64_t begin_us = 1767225600000000;

/* Task i begins i us after the one before has ended, and takes i * i * i us. */
static struct task_block sample(struct buf *times)
{
    struct task_block block = { .token = 7, .count = TASKS, .started_us = begin_us };
    int64_t last = begin_us;

    for (int64_t i = 0; i < TASKS; i++)
        block_add(times, &last, last + i, last + i + i * i * i);
    block.times = (struct bytes){ (const char *)times->data, times->size };
    return block;
}

static struct task_block with_times(const void *bytes, size_t size, uint64_t count)
{
    return (struct task_block){ .token = 1, .count = count, .times = { bytes, size } };
}

static enum rc decode(const struct buf *bytes, struct arena *arena,
                      struct task_block **blocks, size_t *count)
{
    struct err err;

    return blocks_decode(bytes->data, bytes->size, arena, blocks, count, &err);
}

static void test_blocks_come_back_as_they_were(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf times = { 0 }, bytes = { 0 }, again = { 0 };
    struct task_block two[2] = { sample(&times), with_times("\x01\x02", 2, 1) };
    struct task_block *read;
    size_t count;

    (void)state;
    blocks_encode(&bytes, two, 2);
    assert_int_equal(decode(&bytes, arena, &read, &count), RC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(read[0].token, 7);
    assert_int_equal(read[0].count, TASKS);
    assert_int_equal(read[0].started_us, begin_us);
    blocks_encode(&again, read, count);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
}

static void test_a_message_that_is_cut_or_continued_is_refused(void **state)
{
    scoped_buf times = { 0 }, bytes = { 0 };
    struct task_block block = sample(&times), *read;
    size_t count;

    (void)state;
    blocks_encode(&bytes, &block, 1);
    for (size_t size = 0; size < bytes.size; size++) {
        scoped(arena) arena = arena_create(ARENA_MAX);
        struct buf cut = { .data = bytes.data, .size = size };

        assert_int_equal(decode(&cut, arena, &read, &count), RC_PROTOCOL);
    }
    scoped(arena) arena = arena_create(ARENA_MAX);

    buf_byte(&bytes, 0);
    assert_int_equal(decode(&bytes, arena, &read, &count), RC_PROTOCOL);
}

static void test_a_message_without_blocks_or_with_a_further_element_is_read(void **state)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    scoped_buf none = { 0 }, empty = { 0 }, more = { 0 };
    struct task_block *read;
    size_t count = 9;

    (void)state;
    pack_map(&none, 0);
    assert_int_equal(decode(&none, arena, &read, &count), RC_PROTOCOL);
    blocks_encode(&empty, NULL, 0);
    assert_int_equal(decode(&empty, arena, &read, &count), RC_OK);
    assert_int_equal(count, 0);
    pack_map(&more, 1);
    pack_text(&more, "blocks");
    pack_list(&more, 1);
    pack_list(&more, 5);
    pack_uint(&more, 3);
    pack_uint(&more, 1);
    pack_int(&more, 4);
    pack_bytes(&more, "\0\0", 2);
    pack_text(&more, "later");
    assert_int_equal(decode(&more, arena, &read, &count), RC_OK);
    assert_int_equal(read[0].token, 3);
}

static void test_only_as_many_times_as_tasks_are_whole(void **state)
{
    scoped_buf times = { 0 };
    struct task_block block = sample(&times);

    (void)state;
    assert_true(block_is_whole(&block));
    for (block.times.size = 0; block.times.size < times.size; block.times.size++)
        assert_false(block_is_whole(&block));
    buf_byte(&times, 0);
    block.times = (struct bytes){ (const char *)times.data, times.size };
    assert_false(block_is_whole(&block));
}

static void test_numbers_have_at_most_nine_bytes(void **state)
{
    static const char nine[] = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00";
    static const char ten[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x00";
    struct task_block most = with_times(nine, 10, 1), long_one = with_times(ten, 11, 1);

    (void)state;
    assert_true(block_is_whole(&most)); /* 2^63-1 after 0 */
    most.started_us = 1;
    assert_false(block_is_whole(&most)); /* above */
    assert_false(block_is_whole(&long_one));
}

static void test_counts_tokens_and_times_have_bounds(void **state)
{
    static char zeros[2 * (BLOCK_TASKS_MAX + 1)];
    struct task_block block =
        with_times(zeros, 2 * (size_t)BLOCK_TASKS_MAX, BLOCK_TASKS_MAX);

    (void)state;
    assert_true(block_is_whole(&block));
    block.token = 0;
    assert_false(block_is_whole(&block));
    block.token = UINT64_MAX - BLOCK_TASKS_MAX;
    assert_true(block_is_whole(&block));
    block.token++;
    assert_false(block_is_whole(&block));
    block.token = 1;
    block.started_us = -1;
    assert_false(block_is_whole(&block));
    block = with_times(zeros, sizeof zeros, BLOCK_TASKS_MAX + 1);
    assert_false(block_is_whole(&block));
    block = with_times(zeros, 0, 0);
    assert_false(block_is_whole(&block));
}

static void test_a_message_has_at_most_a_million_tasks(void **state)
{
    static char zeros[2 * BLOCK_TASKS_MAX];
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct task_block blocks[16], *read;
    size_t count;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        blocks[i] = with_times(zeros, sizeof zeros, BLOCK_TASKS_MAX);
    for (size_t i = COUNT_OF(blocks) - 1; i <= COUNT_OF(blocks); i++) {
        scoped_buf bytes = { 0 };

        blocks_encode(&bytes, blocks, i);
        assert_int_equal(decode(&bytes, arena, &read, &count),
                         i * BLOCK_TASKS_MAX <= BLOCKS_TASKS_MAX ? RC_OK : RC_PROTOCOL);
    }
}

static void test_a_walk_gives_what_was_added(void **state)
{
    scoped_buf times = { 0 };
    struct task_block block = sample(&times);
    struct block_walk walk;
    int64_t last = begin_us;

    (void)state;
    block_walk_begin(&walk, &block);
    for (int64_t i = 0; i < TASKS; i++) {
        int64_t started, ended, same_started, same_ended;

        block_next(&walk, &started, &ended);
        assert_int_equal(started, last + i);
        assert_int_equal(ended, started + i * i * i);
        block_times(&block, (uint64_t)i, &same_started, &same_ended);
        assert_int_equal(same_started, started);
        assert_int_equal(same_ended, ended);
        last = ended;
    }
}

static void test_a_clock_that_went_back_stood(void **state)
{
    scoped_buf times = { 0 };
    struct task_block block = { .token = 1, .count = 2, .started_us = 100 };
    int64_t last = 100, started, ended;

    (void)state;
    block_add(&times, &last, 150, 120);
    block_add(&times, &last, 90, 160);
    block.times = (struct bytes){ (const char *)times.data, times.size };
    assert_true(block_is_whole(&block));
    block_times(&block, 0, &started, &ended);
    assert_true(started == 150 && ended == 150);
    block_times(&block, 1, &started, &ended);
    assert_true(started == 150 && ended == 160);
}

static void test_a_part_has_the_times_of_its_tasks(void **state)
{
    static const struct {
        uint64_t first, count;
    } parts[] = { { 0, 1 }, { 0, TASKS }, { 1, 2 }, { TASKS / 2, 10 }, { TASKS - 1, 1 } };
    scoped_buf times = { 0 };
    struct task_block block = sample(&times);
    struct block_walk walk;

    (void)state;
    block_walk_begin(&walk, &block);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        scoped_buf own = { 0 };
        struct task_block part = block_part(&walk, parts[i].first, parts[i].count, &own);

        assert_true(block_is_whole(&part));
        assert_int_equal(part.token, block.token + parts[i].first);
        assert_int_equal(part.count, parts[i].count);
        for (uint64_t n = 0; n < part.count; n++) {
            int64_t started, ended, same_started, same_ended;

            block_times(&block, parts[i].first + n, &started, &ended);
            block_times(&part, n, &same_started, &same_ended);
            assert_true(started == same_started && ended == same_ended);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_come_back_as_they_were),
        cmocka_unit_test(test_a_message_that_is_cut_or_continued_is_refused),
        cmocka_unit_test(test_a_message_without_blocks_or_with_a_further_element_is_read),
        cmocka_unit_test(test_only_as_many_times_as_tasks_are_whole),
        cmocka_unit_test(test_numbers_have_at_most_nine_bytes),
        cmocka_unit_test(test_counts_tokens_and_times_have_bounds),
        cmocka_unit_test(test_a_message_has_at_most_a_million_tasks),
        cmocka_unit_test(test_a_walk_gives_what_was_added),
        cmocka_unit_test(test_a_clock_that_went_back_stood),
        cmocka_unit_test(test_a_part_has_the_times_of_its_tasks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
