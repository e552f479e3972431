/* test_core_place.c - which node gets what: resources, devices, labels, turns,
 * priorities, and requests that wait. */
#include "broker/core_world.h"

enum { NODE_ANY = UINT32_MAX };

static void offer(struct world *world, uint32_t node, struct offer offer)
{
    move(world, (struct core_input){ .kind = INPUT_JOIN, .node = node, .offer = offer });
    world->changes.count = 0;
}

/* A run of one sweep whose tasks ask for the demand, and of whose inputs nodes have
 * bytes.
 */
static uint64_t sweep_near(struct world *world, struct demand demand, int32_t priority,
                           uint64_t tasks, const struct core_near *near, size_t count)
{
    struct stage_shape shape = { .is_task = true,
                                 .demand = demand,
                                 .priority = priority };
    uint64_t run = core_run_next(world->core);

    submit(world, &shape, 1, NULL, 0);
    world->changes.count = 0;
    move(world, (struct core_input){ .kind = INPUT_RESOLVED,
                                     .run = run,
                                     .tasks = tasks,
                                     .near = near,
                                     .near_count = count });
    world->changes.count = 0;
    return run;
}

static uint64_t sweep(struct world *world, struct demand demand, int32_t priority,
                      uint64_t tasks)
{
    return sweep_near(world, demand, priority, tasks, NULL, 0);
}

/* Ticks; how many tasks of the run were handed out to the node. */
static uint64_t served(struct world *world, uint64_t run, uint32_t node)
{
    uint64_t count = 0;

    for (size_t i = 0; i < world->changes.count; i++) {
        const struct change *change = &world->changes.items[i];

        if (change->kind == CHANGE_ASSIGN && change->run == run
            && (node == NODE_ANY || change->node == node))
            count += change->count;
    }
    return count;
}

static void tick_forget(struct world *world)
{
    tick(world);
    world->changes.count = 0;
}

static void end_task(struct world *world, uint32_t node, uint64_t token)
{
    completed(world, node, token);
    world->changes.count = 0;
}

static void assert_why(struct world *world, uint64_t run, enum why why, uint32_t fit)
{
    struct why_view view;

    core_why(world->core, run, 0, &view);
    assert_int_equal(view.why, why);
    assert_int_equal(view.fit_nodes, fit);
}

static struct node_view view_of(const struct world *world, uint32_t node)
{
    struct node_view view = { 0 };

    assert_true(core_node(world->core, node, &view));
    return view;
}

static void test_a_node_gets_no_more_than_it_has_of_anything(void **state)
{
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 4000, .memory_mb = 1000, .gpus = 0xf });

    uint64_t by_memory = sweep(world, (struct demand){ .memory_mb = 400 }, 0, 9);

    tick(world);
    assert_int_equal(served(world, by_memory, 1), 2);
    world->changes.count = 0;
    assert_int_equal(view_of(world, 1).memory_free, 200);
    assert_why(world, by_memory, WHY_BUSY, 1);

    uint64_t by_cpu = sweep(world, (struct demand){ .cpu_milli = 1500 }, 0, 9);

    tick(world);
    assert_int_equal(served(world, by_cpu, 1), 1);
    world->changes.count = 0;

    uint64_t small = sweep(world, (struct demand){ .cpu_milli = 500, .gpus = 1 }, 0, 9);

    tick(world);
    assert_int_equal(served(world, small, 1), 1);
    world->changes.count = 0;
    assert_int_equal(view_of(world, 1).cpu_free, 0);
}

static void test_devices_are_given_by_number_and_come_back(void **state)
{
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 64000, .gpus = 0xb }); /* 0, 1 and 3 */

    uint64_t run = sweep(world, (struct demand){ .gpus = 1 }, 0, 5);

    tick(world);
    assert_int_equal(world->changes.count, 3);
    assert_int_equal(world->changes.items[0].gpus, 1);
    assert_int_equal(world->changes.items[1].gpus, 2);
    assert_int_equal(world->changes.items[2].gpus, 8);
    world->changes.count = 0;
    assert_why(world, run, WHY_BUSY, 1);
    end_task(world, 1, 2);
    assert_int_equal(view_of(world, 1).gpus_free, 2);
    tick(world);
    assert_int_equal(world->changes.items[0].gpus, 2);
    world->changes.count = 0;
}

static void test_a_task_with_several_devices_waits_for_all_of_them(void **state)
{
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 8000, .gpus = 3 });
    sweep(world, (struct demand){ .gpus = 1 }, 0, 1);
    tick_forget(world);

    uint64_t both = sweep(world, (struct demand){ .gpus = 2 }, 0, 1);

    tick(world);
    assert_int_equal(served(world, both, 1), 0);
    assert_why(world, both, WHY_BUSY, 1);
    end_task(world, 1, 1);
    tick(world);
    assert_int_equal(world->changes.items[0].gpus, 3);
    world->changes.count = 0;
}

static void test_work_without_devices_leaves_them_free(void **state)
{
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 64000, .gpus = 0xff });
    offer(world, 2, (struct offer){ .cpu_milli = 4000 });

    uint64_t run = sweep(world, (struct demand){ 0 }, 0, 4);

    tick(world);
    assert_int_equal(served(world, run, 2), 4);
    world->changes.count = 0;
}

static void test_a_label_is_never_ignored(void **state)
{
    struct world *world = *state;
    const uint32_t labels[] = { 7, 9 };

    offer(world, 1, (struct offer){ .cpu_milli = 64000 });
    offer(world, 2,
          (struct offer){ .cpu_milli = 1000, .labels = labels, .label_count = 2 });

    uint64_t run = sweep(world, (struct demand){ .label = 9 }, 0, 3);

    tick(world);
    assert_int_equal(served(world, run, 1), 0);
    assert_int_equal(served(world, run, 2), 1);
    world->changes.count = 0;
    assert_why(world, run, WHY_BUSY, 1);
    leave(world, 2);
    world->changes.count = 0;
    tick(world);
    assert_int_equal(world->changes.count, 0);
    assert_why(world, run, WHY_AWAY, 1);
    offer(world, 3, (struct offer){ .cpu_milli = 2000, .takes_any_label = true });
    tick(world);
    assert_int_equal(served(world, run, 3), 2);
    world->changes.count = 0;
}

static void test_a_run_with_many_stages_gets_no_more_turns_than_one_with_few(void **state)
{
    struct world *world = *state;
    enum { STAGES = 90 };
    struct stage_shape shapes[STAGES] = { 0 };
    uint64_t turns[3] = { 0 };

    submit(world, shapes, STAGES, NULL, 0);
    world->changes.count = 0;
    for (uint32_t i = 0; i < STAGES; i++) {
        resolved(world, 1, i, 1);
        world->changes.count = 0;
    }

    uint64_t other = sweep(world, (struct demand){ 0 }, 0, 40);

    offer(world, 1, (struct offer){ .cpu_milli = 1000 });
    for (uint64_t token = 1; token <= 40; token++) {
        tick(world);
        turns[1] += served(world, 1, 1);
        turns[2] += served(world, other, 1);
        world->changes.count = 0;
        end_task(world, 1, token);
    }
    assert_int_equal(turns[1], 20);
    assert_int_equal(turns[2], 20);
}

static void test_runs_that_ask_for_different_things_share_a_node(void **state)
{
    struct world *world = *state;
    uint64_t one = sweep(world, (struct demand){ .cpu_milli = 1000 }, 0, 100);
    uint64_t two = sweep(world, (struct demand){ .cpu_milli = 1010 }, 0, 100);

    offer(world, 1, (struct offer){ .cpu_milli = 20100 });
    tick(world);
    assert_in_range(served(world, one, 1), 9, 11);
    assert_in_range(served(world, two, 1), 9, 11);
    world->changes.count = 0;
}

static void test_a_higher_priority_goes_first_everywhere(void **state)
{
    struct world *world = *state;
    uint64_t low = sweep(world, (struct demand){ 0 }, -5, 10);
    uint64_t high = sweep(world, (struct demand){ .cpu_milli = 500 }, 5, 6);

    offer(world, 1, (struct offer){ .cpu_milli = 2000 });
    tick(world);
    assert_int_equal(served(world, high, 1), 4);
    assert_int_equal(served(world, low, 1), 0);
    world->changes.count = 0;
    assert_why(world, low, WHY_BUSY, 1);
}

/* A node with two tasks of a stream of small ones, and a big request that waits. */
static uint64_t begin_starving(struct world *world, int32_t small_priority)
{
    uint64_t big;

    offer(world, 1, (struct offer){ .cpu_milli = 2000 });
    sweep(world, (struct demand){ 0 }, small_priority, 1000);
    tick_forget(world);
    big = sweep(world, (struct demand){ .cpu_milli = 2000 }, 0, 1);
    tick_forget(world);
    return big;
}

static void test_small_requests_pass_a_big_one_for_a_while_and_then_no_more(void **state)
{
    struct world *world = *state;
    uint64_t big = begin_starving(world, 0);

    end_task(world, 1, 1);
    tick(world);
    assert_int_equal(served(world, 1, 1), 1);
    world->changes.count = 0;
    assert_why(world, big, WHY_BUSY, 1);
    world->now_us += CORE_PATIENCE_US;
    tick_forget(world);
    end_task(world, 1, 2);
    tick(world);
    assert_int_equal(served(world, 1, 1), 0);
    assert_why(world, 1, WHY_HELD, 1);
    end_task(world, 1, 3);
    tick(world);
    assert_int_equal(served(world, big, 1), 1);
    world->changes.count = 0;
    end_task(world, 1, 4);
    tick(world);
    assert_int_equal(served(world, 1, 1), 2);
    world->changes.count = 0;
}

static void test_a_held_node_is_free_again_when_the_request_is_cancelled(void **state)
{
    struct world *world = *state;
    uint64_t big = begin_starving(world, 0);

    world->now_us += CORE_PATIENCE_US;
    tick_forget(world);
    end_task(world, 1, 1);
    tick(world);
    assert_int_equal(world->changes.count, 0);
    cancel(world, big);
    world->changes.count = 0;
    tick(world);
    assert_int_equal(served(world, 1, 1), 1);
    world->changes.count = 0;
}

static void test_a_held_node_that_goes_or_shrinks_is_held_no_more(void **state)
{
    struct world *world = *state;
    uint64_t big = begin_starving(world, 0);
    const uint64_t tokens[] = { 1, 2 };

    offer(world, 2, (struct offer){ .cpu_milli = 2000 });
    tick_forget(world); /* the big one runs there */
    assert_why(world, big, WHY_NOTHING, 0);

    uint64_t second = sweep(world, (struct demand){ .cpu_milli = 2000 }, 0, 1);

    tick_forget(world);
    world->now_us += CORE_PATIENCE_US;
    tick_forget(world); /* holds one of the two */
    move(world, (struct core_input){ .kind = INPUT_JOIN,
                                     .node = 1,
                                     .offer = { .cpu_milli = 1000 },
                                     .tokens = tokens,
                                     .token_count = 2 });
    world->changes.count = 0;
    end_task(world, 1, 1);
    end_task(world, 1, 2);
    tick(world);
    assert_int_equal(served(world, 1, 1), 1);
    world->changes.count = 0;
    leave(world, 2);
    world->changes.count = 0;
    tick(world);
    assert_int_equal(world->changes.count, 0);
    assert_why(world, second, WHY_AWAY, 1);
}

static void test_priority_goes_before_a_held_node(void **state)
{
    struct world *world = *state;
    uint64_t big = begin_starving(world, 3);

    world->now_us += CORE_PATIENCE_US;
    tick_forget(world);
    end_task(world, 1, 1);
    tick(world);
    assert_int_equal(served(world, 1, 1), 1);
    world->changes.count = 0;
    assert_why(world, big, WHY_BUSY, 1);
}

static void test_a_request_of_higher_priority_takes_a_held_node_over(void **state)
{
    struct world *world = *state;

    begin_starving(world, 0);
    world->now_us += CORE_PATIENCE_US;
    tick_forget(world); /* held for the big one of priority 0 */

    uint64_t stream = sweep(world, (struct demand){ .cpu_milli = 1000 }, 9, 1000);

    end_task(world, 1, 1);
    tick(world);
    assert_int_equal(served(world, stream, 1), 1);
    world->changes.count = 0;

    uint64_t big = sweep(world, (struct demand){ .cpu_milli = 2000 }, 9, 1);

    tick_forget(world);
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 1 });
    world->now_us += CORE_PATIENCE_US;
    tick_forget(world);
    end_task(world, 1, 2);
    end_task(world, 1, 3);
    tick(world);
    assert_int_equal(served(world, big, 1), 1);
    world->changes.count = 0;
}

static void test_a_request_that_no_node_can_satisfy_fails_at_once(void **state)
{
    struct world *world = *state;
    uint64_t early = sweep(world, (struct demand){ .gpus = 1 }, 0, 2);

    tick(world);
    expect(world, "");
    assert_why(world, early, WHY_NO_NODE, 0);
    offer(world, 1, (struct offer){ .cpu_milli = 8000, .memory_mb = 1000 });
    tick(world);
    expect(world, "stage 1/0 error unfit; run 1 error unfit");
    sweep(world, (struct demand){ .memory_mb = 1001 }, 0, 1);
    tick(world);
    expect(world, "stage 2/0 error unfit; run 2 error unfit");
}

static void test_a_request_waits_while_the_only_node_drains(void **state)
{
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 1000 });
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 1, .yes = true });
    expect(world, "node 1 online");

    uint64_t run = sweep(world, (struct demand){ 0 }, 0, 1);

    tick(world);
    expect(world, "");
    assert_why(world, run, WHY_BUSY, 1);
    leave(world, 1);
    expect(world, "node 1 away");
    tick(world);
    expect(world, "");
    assert_why(world, run, WHY_NO_NODE, 1);
}

static void test_a_request_waits_for_a_node_that_may_come_back(void **state)
{
    struct world *world = *state;

    core_restore_node(world->core, 4);
    assert_int_equal(core_restored(world->core, world->now_us), RC_OK);
    offer(world, 1, (struct offer){ .cpu_milli = 1000 });

    uint64_t run = sweep(world, (struct demand){ .gpus = 1 }, 0, 1);

    tick(world);
    expect(world, "");
    assert_why(world, run, WHY_AWAY, 0);
    assert_true(core_deadline_us(world->core) <= 1000 + WORLD_TIMEOUT_US);
    world->now_us += WORLD_TIMEOUT_US - 100;
    move(world, (struct core_input){ .kind = INPUT_BEAT, .node = 1 });
    world->now_us += 200;
    tick(world);
    expect(world, "stage 1/0 error unfit; run 1 error unfit");
}

static void test_a_node_that_shrank_stops_what_can_run_nowhere_else(void **state)
{
    struct world *world = *state;
    const uint64_t token = 1;

    offer(world, 1, (struct offer){ .cpu_milli = 2000, .gpus = 1 });
    sweep(world, (struct demand){ .gpus = 1 }, 0, 3);
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    move(world, (struct core_input){ .kind = INPUT_JOIN,
                                     .node = 1,
                                     .offer = { .cpu_milli = 2000 },
                                     .tokens = &token,
                                     .token_count = 1 });
    expect(world, "node 1 online");
    tick(world);
    expect(world, "stage 1/0 stopping unfit; stop n1 t1");
    finished(world, 1, 1, RESULT_STOPPED, CAUSE_STOPPED);
    expect(world, "taken n1 t1; ended 1/0/0 t1 stopped; stage 1/0 error unfit; "
                  "run 1 error unfit");
}

static void test_a_retry_that_fits_nowhere_any_more_fails(void **state)
{
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 2000, .gpus = 1 });
    sweep(world, (struct demand){ .gpus = 1 }, 0, 1);
    tick(world);
    expect(world, "assign 1/0 0+1 t1 n1 #1");
    move(world, (struct core_input){
                    .kind = INPUT_JOIN, .node = 1, .offer = { .cpu_milli = 2000 } });
    expect(world, "node 1 online; lost 1/0/0 t1 retry");
    tick(world);
    expect(world, "stage 1/0 error unfit; run 1 error unfit");
}

static void test_a_node_that_grew_takes_more(void **state)
{
    struct world *world = *state;
    const uint64_t token = 1;

    offer(world, 1, (struct offer){ .cpu_milli = 1000 });

    uint64_t run = sweep(world, (struct demand){ 0 }, 0, 3);

    tick_forget(world);
    move(world, (struct core_input){ .kind = INPUT_JOIN,
                                     .node = 1,
                                     .offer = { .cpu_milli = 3000 },
                                     .tokens = &token,
                                     .token_count = 1 });
    expect(world, "node 1 online");
    tick(world);
    assert_int_equal(served(world, run, 1), 2);
    world->changes.count = 0;
}

static void test_an_adopted_attempt_keeps_its_devices(void **state)
{
    struct world *world = *state;
    const struct stage_shape shape = { .is_task = true, .demand = { .gpus = 1 } };
    const struct run_row run = { .run = 1, .stages = 1, .open = 1 };
    const struct stage_row row = {
        .state = STAGE_STARTED, .is_resolved = true, .tasks = 3, .next = 1, .running = 1
    };
    const struct attempt_row attempt = {
        .token = 1, .run = 1, .node = 1, .number = 1, .gpus = 2
    };
    const uint64_t token = 1;

    core_restore_counters(world->core, 2, 2);
    assert_int_equal(core_restore_run(world->core, &run, &shape, &row, NULL, 0), RC_OK);
    assert_int_equal(core_restore_attempt(world->core, &attempt), RC_OK);
    assert_int_equal(core_restored(world->core, world->now_us), RC_OK);
    tick(world);
    expect(world, "");
    assert_why(world, 1, WHY_NO_NODE, 0);
    move(world, (struct core_input){ .kind = INPUT_JOIN,
                                     .node = 1,
                                     .offer = { .cpu_milli = 9000, .gpus = 3 },
                                     .tokens = &token,
                                     .token_count = 1 });
    expect(world, "node 1 online");
    tick(world);
    assert_int_equal(world->changes.count, 1);
    assert_int_equal(world->changes.items[0].gpus, 1);
    world->changes.count = 0;
    end_task(world, 1, 1);
    assert_int_equal(view_of(world, 1).gpus_free, 2);
}

static void test_it_is_said_why_a_stage_waits(void **state)
{
    struct world *world = *state;
    const struct stage_shape shapes[] = {
        { .is_task = true, .queued_max = 1, .on_error = ON_ERROR_RETRY }, { 0 }
    };
    struct why_view view;

    submit(world, shapes, 2, &(struct core_edge){ 0, 1 }, 1);
    world->changes.count = 0;
    core_why(world->core, 1, 1, &view);
    assert_int_equal(view.why, WHY_UPSTREAM);
    resolved(world, 1, 0, 2);
    world->changes.count = 0;
    assert_why(world, 1, WHY_TURN, 0);
    tick(world);
    expect(world, "");
    assert_why(world, 1, WHY_NO_NODE, 0);
    offer(world, 1, (struct offer){ .cpu_milli = 8000 });
    tick_forget(world);
    assert_why(world, 1, WHY_LIMIT, 0);
    cancel(world, 1);
    world->changes.count = 0;
    assert_why(world, 1, WHY_NOTHING, 0);
    assert_why(world, 2, WHY_NOTHING, 0);
    end_task(world, 1, 1);
}

/* ---- Random histories: core_check after each step sees what is held twice or lost ----
 */

enum { WALK_NODES = 4, WALK_HELD = 200, WALK_STEPS = 4000, WALK_SEEDS = 10 };

struct walk {
    struct world *world;
    uint32_t random;
    struct {
        uint64_t token;
        uint32_t node;
    } held[WALK_HELD];
    size_t held_count;
    int64_t memory_free[WALK_NODES + 1]; /* below 0 after a node shrank */
};

static uint32_t draw(struct walk *walk, uint32_t below)
{
    walk->random ^= walk->random << 13;
    walk->random ^= walk->random >> 17;
    walk->random ^= walk->random << 5;
    return walk->random % below;
}

/* No node gives more than it has, and no device to two. */
static void hold(struct walk *walk)
{
    for (size_t i = 0; i < walk->world->changes.count; i++) {
        const struct change *change = &walk->world->changes.items[i];

        for (uint64_t k = 0; change->kind == CHANGE_ASSIGN && k < change->count; k++) {
            assert_in_range(walk->held_count, 0, WALK_HELD - 1);
            walk->held[walk->held_count].token = change->token + k;
            walk->held[walk->held_count++].node = change->node;
        }
        if (change->kind == CHANGE_ASSIGN) {
            struct node_view view = view_of(walk->world, change->node);

            assert_true(view.cpu_free >= 0);
            assert_true(view.memory_mb == 0 || view.memory_free >= 0
                        || view.memory_free == walk->memory_free[change->node]);
        }
    }
    walk->world->changes.count = 0;
}

static void come(struct walk *walk)
{
    static const uint32_t labels[] = { 1, 2, 3 };
    uint32_t node = 1 + draw(walk, WALK_NODES);
    uint64_t tokens[WALK_HELD];
    size_t count = 0;

    for (size_t i = 0; i < walk->held_count; i++)
        if (walk->held[i].node == node)
            tokens[count++] = walk->held[i].token;
    move(walk->world,
         (struct core_input){ .kind = INPUT_JOIN,
                              .node = node,
                              .offer = { .cpu_milli = 1000 + draw(walk, 7000),
                                         .memory_mb = draw(walk, 2) * draw(walk, 4000),
                                         .gpus = draw(walk, 64),
                                         .labels = labels,
                                         .label_count = draw(walk, 4) },
                              .tokens = tokens,
                              .token_count = count });
}

static void walk_step(struct walk *walk)
{
    size_t at;

    walk->world->now_us += draw(walk, 200000);
    switch (draw(walk, 6)) {
    case 0:
        if (core_active(walk->world->core) < 20)
            sweep(walk->world,
                  (struct demand){ .cpu_milli = draw(walk, 5) * 700,
                                   .memory_mb = draw(walk, 3) * 300,
                                   .gpus = draw(walk, 3),
                                   .label = draw(walk, 3) },
                  (int32_t)draw(walk, 3), 1 + draw(walk, 9));
        break;
    case 1:
        come(walk);
        break;
    case 2:
        if (draw(walk, 8) == 0)
            leave(walk->world, 1 + draw(walk, WALK_NODES));
        else if (draw(walk, 8) == 0)
            cancel(walk->world, draw(walk, (uint32_t)core_run_next(walk->world->core)));
        break;
    default:
        if (walk->held_count == 0)
            break;
        at = draw(walk, (uint32_t)walk->held_count);
        finished(walk->world, walk->held[at].node, walk->held[at].token,
                 draw(walk, 5) ? RESULT_COMPLETE : RESULT_ERROR, CAUSE_EXIT);
        walk->held[at] = walk->held[--walk->held_count];
        break;
    }
    walk->world->changes.count = 0;
    for (uint32_t i = 1; i <= WALK_NODES; i++) {
        struct node_view view = { 0 };

        (void)core_node(walk->world->core, i, &view);
        walk->memory_free[i] = view.memory_free;
    }
    tick(walk->world);
    hold(walk);
    commit(walk->world);
    walk->world->changes.count = 0;
}

static void test_random_histories_never_give_anything_twice(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= WALK_SEEDS; seed++) {
        void *world;
        struct walk walk = { .random = seed * 2654435761u + 1 };

        assert_int_equal(world_setup(&world), 0);
        walk.world = world;
        for (int i = 0; i < WALK_STEPS; i++)
            walk_step(&walk);
        assert_int_equal(world_teardown(&world), 0);
    }
}

#define WORLD_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

static void test_of_nodes_with_room_the_one_that_has_the_most_bytes_is_preferred(
    void **state)
{
    static const struct core_near near[] = { { 2, 1000 }, { 3, 5000 }, { 77, 9000 } };
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 8000 });
    offer(world, 2, (struct offer){ .cpu_milli = 2000 });
    offer(world, 3, (struct offer){ .cpu_milli = 3000 });

    uint64_t run = sweep_near(world, (struct demand){ 0 }, 0, 7, near, 3);

    tick(world);
    assert_int_equal(served(world, run, 3), 3);
    assert_int_equal(served(world, run, 2), 2);
    assert_int_equal(served(world, run, 1), 2);
    world->changes.count = 0;
}

static void test_bytes_do_not_draw_a_task_to_a_node_that_it_does_not_fit(void **state)
{
    static const struct core_near near[] = { { 2, 1000 } };
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 4000, .memory_mb = 1000 });
    offer(world, 2, (struct offer){ .cpu_milli = 4000, .memory_mb = 100 });

    uint64_t run = sweep_near(world, (struct demand){ .memory_mb = 500 }, 0, 1, near, 1);

    tick(world);
    assert_int_equal(served(world, run, 1), 1);
    world->changes.count = 0;
}

static void test_bytes_give_no_run_more_turns_than_another(void **state)
{
    static const struct core_near near[] = { { 1, 1000 } };
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 8000 });

    uint64_t far = sweep(world, (struct demand){ 0 }, 0, 100);
    uint64_t close = sweep_near(world, (struct demand){ 0 }, 0, 100, near, 1);

    tick(world);
    assert_int_equal(served(world, far, 1), 4 + 1); /* in turn, half of what is free */
    assert_int_equal(served(world, close, 1), 2 + 1);
    world->changes.count = 0;
}

static void test_bytes_do_not_give_what_is_held_for_another(void **state)
{
    static const struct core_near near[] = { { 1, 1000 } };
    struct world *world = *state;

    offer(world, 1, (struct offer){ .cpu_milli = 2000 });
    offer(world, 2, (struct offer){ .cpu_milli = 1000 });
    sweep(world, (struct demand){ .cpu_milli = 1000 }, 0, 3);
    tick_forget(world);

    uint64_t large = sweep(world, (struct demand){ .cpu_milli = 2000 }, 0, 1);

    tick_forget(world);
    world->now_us += CORE_PATIENCE_US;
    tick_forget(world); /* node 1 is held for it */

    uint64_t run = sweep_near(world, (struct demand){ .cpu_milli = 1000 }, 0, 1, near, 1);

    end_task(world, 1, 1);
    tick(world);
    assert_int_equal(served(world, run, NODE_ANY), 0);
    assert_int_equal(served(world, large, NODE_ANY), 0);
    world->changes.count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_node_gets_no_more_than_it_has_of_anything),
        WORLD_TEST(test_devices_are_given_by_number_and_come_back),
        WORLD_TEST(test_a_task_with_several_devices_waits_for_all_of_them),
        WORLD_TEST(test_work_without_devices_leaves_them_free),
        WORLD_TEST(test_a_label_is_never_ignored),
        WORLD_TEST(test_a_run_with_many_stages_gets_no_more_turns_than_one_with_few),
        WORLD_TEST(test_runs_that_ask_for_different_things_share_a_node),
        WORLD_TEST(test_a_higher_priority_goes_first_everywhere),
        WORLD_TEST(test_small_requests_pass_a_big_one_for_a_while_and_then_no_more),
        WORLD_TEST(test_a_held_node_is_free_again_when_the_request_is_cancelled),
        WORLD_TEST(test_a_held_node_that_goes_or_shrinks_is_held_no_more),
        WORLD_TEST(test_priority_goes_before_a_held_node),
        WORLD_TEST(test_a_request_of_higher_priority_takes_a_held_node_over),
        WORLD_TEST(test_a_request_that_no_node_can_satisfy_fails_at_once),
        WORLD_TEST(test_a_request_waits_while_the_only_node_drains),
        WORLD_TEST(test_a_request_waits_for_a_node_that_may_come_back),
        WORLD_TEST(test_a_node_that_shrank_stops_what_can_run_nowhere_else),
        WORLD_TEST(test_a_retry_that_fits_nowhere_any_more_fails),
        WORLD_TEST(test_a_node_that_grew_takes_more),
        WORLD_TEST(test_an_adopted_attempt_keeps_its_devices),
        WORLD_TEST(test_it_is_said_why_a_stage_waits),
        WORLD_TEST(test_of_nodes_with_room_the_one_that_has_the_most_bytes_is_preferred),
        WORLD_TEST(test_bytes_do_not_draw_a_task_to_a_node_that_it_does_not_fit),
        WORLD_TEST(test_bytes_give_no_run_more_turns_than_another),
        WORLD_TEST(test_bytes_do_not_give_what_is_held_for_another),
        cmocka_unit_test(test_random_histories_never_give_anything_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
