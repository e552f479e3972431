/* test_core_rank.c - in which order a run's ready stages are served. */
#include "broker/core_world.h"

enum { MS = 1000, SERVED_MAX = 200 };

static const struct stage_shape plain = { 0 };

/* Submits a run and resolves its stages that wait for nothing, each to so many tasks. */
static uint64_t run_of(struct world *world, const struct stage_shape *shapes,
                       size_t shape_count, const struct core_edge *edges,
                       size_t edge_count, uint64_t tasks)
{
    uint64_t run = core_run_next(world->core);

    submit(world, shapes, shape_count, edges, edge_count);
    world->changes.count = 0;
    for (uint32_t i = 0; i < shape_count; i++)
        if (core_stage(world->core, run, i)->waits == 0)
            resolved(world, run, i, tasks), world->changes.count = 0;
    return run;
}

struct served {             /* what one CPU gets, one task after the other */
    char names[SERVED_MAX]; /* letters of stages; capital ones of the second run */
    size_t count;
};

/* Serves so many tasks; each takes took_us[stage]. Stages behind get one task. */
static struct served serve(struct world *world, size_t count, const int64_t *took_us)
{
    struct served served = { .count = 0 };

    while (served.count < count) {
        struct change given;

        tick(world);
        assert_int_equal(world->changes.count, 1);
        given = world->changes.items[0];
        assert_int_equal(given.kind, CHANGE_ASSIGN);
        world->changes.count = 0;
        served.names[served.count++] =
            (char)((given.run % 2 ? 'a' : 'A') + (int)given.stage);
        started(world, 1, given.token);
        world->now_us += took_us ? took_us[given.stage] : MS;
        world->changes.count = 0;
        completed(world, 1, given.token);
        for (size_t i = 0; i < world->changes.count; i++)
            if (world->changes.items[i].kind == CHANGE_RESOLVE) {
                uint32_t stage = world->changes.items[i].stage;

                world->changes.count = 0;
                resolved(world, given.run, stage, 1);
            }
        world->changes.count = 0;
    }
    served.names[served.count] = '\0';
    return served;
}

static void one_cpu(struct world *world)
{
    join(world, 1, 1, NULL, 0);
    world->changes.count = 0;
}

#define assert_served(world, expected, took_us)                                          \
    assert_string_equal(serve(world, strlen(expected), took_us).names, expected)

static void test_what_has_more_stages_behind_it_goes_first(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain, plain, plain, plain };
    const struct core_edge edges[] = { { 1, 3 }, { 3, 4 }, { 2, 4 } };

    one_cpu(world);
    run_of(world, shapes, 5, edges, 3, 1);
    assert_served(world, "bcdae", NULL);
}

static void test_of_equal_ways_the_one_that_more_wait_for_goes_first(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain, plain, plain };
    const struct core_edge edges[] = { { 0, 2 }, { 1, 2 }, { 1, 3 } };

    one_cpu(world);
    run_of(world, shapes, 4, edges, 3, 1);
    assert_served(world, "badc", NULL);
}

static void test_equal_stages_take_turns(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain, plain };

    one_cpu(world);
    run_of(world, shapes, 3, NULL, 0, 3);
    assert_served(world, "abcabcabc", NULL);
}

static void test_runs_take_turns_whatever_is_behind_their_stages(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { plain, plain };
    const struct core_edge edges[] = { { 0, 1 } };

    one_cpu(world);
    run_of(world, shapes, 2, edges, 1, 3);
    run_of(world, shapes, 1, NULL, 0, 3);
    assert_served(world, "aAaAaAb", NULL);
}

static void test_what_took_long_in_an_earlier_run_goes_first(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { { .pace = 1 }, { .pace = 2 }, { .pace = 3 } };
    const int64_t took_us[] = { 10 * MS, 30 * MS, 20 * MS };

    one_cpu(world);
    run_of(world, shapes, 3, NULL, 0, 1);
    assert_served(world, "abc", took_us);
    run_of(world, shapes, 3, NULL, 0, 1);
    assert_served(world, "BCA", took_us);
}

static void test_a_long_stage_counts_more_than_two_short_ones(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { { .pace = 1 }, { .pace = 2 }, { .pace = 3 } };
    const struct core_edge edges[] = { { 0, 1 } };
    const int64_t took_us[] = { 10 * MS, 10 * MS, 50 * MS };

    one_cpu(world);
    run_of(world, shapes, 3, edges, 1, 1);
    assert_served(world, "acb", took_us);
    run_of(world, shapes, 3, edges, 1, 1);
    assert_served(world, "CAB", took_us);
}

static void test_a_stage_that_was_never_timed_counts_as_the_others_of_its_run(
    void **state)
{
    struct world *world = *state;
    const struct stage_shape timed[] = { { .pace = 1 }, { .pace = 2 } };
    const struct stage_shape mixed[] = { { .pace = 1 }, { .pace = 3 }, { .pace = 2 } };
    const int64_t took_us[] = { 10 * MS, 30 * MS, 10 * MS };

    one_cpu(world);
    run_of(world, timed, 2, NULL, 0, 1);
    assert_served(world, "ab", took_us);
    run_of(world, mixed, 3, NULL, 0, 1);
    assert_served(world, "CBA", took_us);
}

static void test_sweeps_that_take_nearly_as_long_take_turns(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = { { .pace = 1 }, { .pace = 2 } };
    const int64_t took_us[] = { 1000 * MS, 1010 * MS };

    one_cpu(world);
    run_of(world, shapes, 2, NULL, 0, 2);
    assert_served(world, "abab", took_us);
    run_of(world, shapes, 2, NULL, 0, 2);
    assert_served(world, "ABAB", took_us);
}

static void test_many_stages_come_in_the_order_of_their_ranks(void **state)
{
    struct world *world = *state;
    struct stage_shape shapes[26];
    int64_t took_us[26];
    char expected[53] = { 0 };

    for (uint32_t i = 0; i < 26; i++) {
        shapes[i] = (struct stage_shape){ .pace = i + 1 };
        took_us[i] = MS << (i * 7 % 26) / 3;
        took_us[i] += i * 7 % 26 % 3 * took_us[i] / 4;
        expected[i * 7 % 26] = (char)('A' + i);
    }
    for (size_t i = 0; i < 13; i++) {
        char last = expected[25 - i];

        expected[25 - i] = expected[i];
        expected[i] = last;
    }
    one_cpu(world);
    run_of(world, shapes, 26, NULL, 0, 1);
    assert_served(world, "abcdefghijklmnopqrstuvwxyz", took_us);
    run_of(world, shapes, 26, NULL, 0, 1);
    assert_served(world, expected, took_us);
}

int main(void)
{
#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_what_has_more_stages_behind_it_goes_first),
        WORLD_TEST(test_of_equal_ways_the_one_that_more_wait_for_goes_first),
        WORLD_TEST(test_equal_stages_take_turns),
        WORLD_TEST(test_runs_take_turns_whatever_is_behind_their_stages),
        WORLD_TEST(test_what_took_long_in_an_earlier_run_goes_first),
        WORLD_TEST(test_a_long_stage_counts_more_than_two_short_ones),
        WORLD_TEST(test_a_stage_that_was_never_timed_counts_as_the_others_of_its_run),
        WORLD_TEST(test_sweeps_that_take_nearly_as_long_take_turns),
        WORLD_TEST(test_many_stages_come_in_the_order_of_their_ranks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
