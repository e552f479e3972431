/* test_core_walk.c - random histories: after every commit the core that the rows restore
 * equals the one that wrote them, and sometimes takes its place.
 *
 * The fault model: a broker that is killed between any two steps and loses what it had
 * not committed, and with it the mail that it had not sent; nodes that leave, fall
 * silent, lose their memory, repeat results, and send results of tokens that are not
 * theirs. Checked: the core's own invariants, no task twice at once, none again after its
 * end, and that all runs end once the faults do. */
#include "broker/core_rows.h"

enum {
    NODES = 3,
    HELD = 64,
    TASKS = 6,
    RUNS_OPEN = 5,
    SEEDS = 30,
    STEPS = 3000,
    CALM_STEPS = 5000,
    TIMEOUT_US = 1000,
};

enum fate { FATE_NONE, FATE_LIVE, FATE_OVER }; /* of a task */

struct held { /* an attempt on a node */
    uint64_t token;
    bool is_stopping, has_ended;
};

struct walk {
    struct core *core;
    struct changes changes;
    size_t answered; /* changes whose question was answered */
    struct rows rows;
    uint32_t random;
    int64_t now_us;
    bool is_calm;
    bool is_here[NODES];
    struct held held[NODES][HELD];
    size_t held_count[NODES];
    enum fate fates[10000][ROWS_STAGES][TASKS];
};

static uint32_t draw(struct walk *walk, uint32_t below)
{
    walk->random ^= walk->random << 13;
    walk->random ^= walk->random >> 17;
    walk->random ^= walk->random << 5;
    return walk->random % below;
}

static void step(struct walk *walk, struct core_input input)
{
    input.now_us = walk->now_us;
    core_step(walk->core, &input, &walk->changes);
    core_check(walk->core);
}

/* Weights as good as random, also of nodes that are not there: only a preference. */
static size_t near_of(const struct change *change, struct core_near near[CORE_NEAR_MAX])
{
    uint64_t seed = change->run * 31 + change->stage * 17;
    size_t count = seed % (CORE_NEAR_MAX + 1);

    for (size_t i = 0; i < count; i++)
        near[i] = (struct core_near){ (uint32_t)((seed + i) % 11), seed * (i + 1) % 5 };
    return count;
}

static void answer(struct walk *walk, const struct change *change)
{
    struct core_input input = { .run = change->run, .stage = change->stage };
    struct core_near near[CORE_NEAR_MAX];

    if (change->kind == CHANGE_RESOLVE) {
        input.kind = draw(walk, 12) || walk->is_calm ? INPUT_RESOLVED : INPUT_UNRESOLVED;
        input.tasks = walk->rows.runs[change->run - 1].shapes[change->stage].is_task
                          ? draw(walk, TASKS + 1)
                          : 1;
        input.near = near;
        input.near_count = near_of(change, near);
    } else if (change->kind == CHANGE_EVALUATE) {
        input.kind = INPUT_VERDICT;
        input.then = draw(walk, 3) ? 1u << draw(walk, 2) * 3 : draw(walk, 16);
    } else {
        return;
    }
    step(walk, input);
}

/* The shell's loop: answers add changes, so it goes by position. */
static void answer_all(struct walk *walk)
{
    for (; walk->answered < walk->changes.count; walk->answered++) {
        struct change change = walk->changes.items[walk->answered];

        answer(walk, &change);
    }
}

static struct held *held_find(struct walk *walk, uint32_t node, uint64_t token)
{
    for (size_t i = 0; i < walk->held_count[node]; i++)
        if (walk->held[node][i].token == token)
            return &walk->held[node][i];
    return NULL;
}

static void held_remove(struct walk *walk, uint32_t node, uint64_t token)
{
    struct held *held = held_find(walk, node, token);

    if (held)
        *held = walk->held[node][--walk->held_count[node]];
}

static void check_fate(struct walk *walk, const struct change *change)
{
    for (uint64_t i = 0; i < (change->count ? change->count : 1); i++) {
        enum fate *fate = &walk->fates[change->run][change->stage][change->index + i];

        if (change->kind == CHANGE_ASSIGN) {
            assert_int_equal(*fate, FATE_NONE);
            *fate = FATE_LIVE;
        } else if (change->kind == CHANGE_ENDED || change->kind == CHANGE_LOST) {
            assert_int_equal(*fate, FATE_LIVE);
            *fate = change->will_retry ? FATE_NONE : FATE_OVER;
        }
    }
}

/* Mail that goes out once its batch is on disk. */
static void deliver(struct walk *walk, const struct change *change)
{
    struct held *held;

    if (change->node >= NODES)
        return; /* the answer to a node that nobody knows */
    if (change->kind == CHANGE_ASSIGN)
        for (uint64_t i = 0; i < change->count && walk->is_here[change->node]; i++) {
            assert_in_range(walk->held_count[change->node], 0, HELD - 1);
            walk->held[change->node][walk->held_count[change->node]++] =
                (struct held){ .token = change->token + i };
        }
    else if (change->kind == CHANGE_TAKEN || change->kind == CHANGE_DROP)
        held_remove(walk, change->node, change->token);
    else if (change->kind == CHANGE_STOP
             && (held = held_find(walk, change->node, change->token)))
        held->is_stopping = true;
    else if (change->kind == CHANGE_NODE && change->state == NODE_AWAY)
        walk->is_here[change->node] = false;
}

static void commit(struct walk *walk)
{
    struct core *again;

    step(walk, (struct core_input){ .kind = INPUT_TICK });
    answer_all(walk);
    core_flush(walk->core, &walk->changes);
    for (size_t i = 0; i < walk->changes.count; i++) {
        const struct change *change = &walk->changes.items[i];

        rows_apply(&walk->rows, walk->core, change);
        check_fate(walk, change);
        deliver(walk, change);
    }
    walk->changes.count = walk->answered = 0;
    core_forget(walk->core, &walk->changes);
    walk->changes.count = 0;
    core_check(walk->core);
    again = rows_restore(&walk->rows, TIMEOUT_US, walk->now_us);
    assert_core_equal(walk->core, again);
    core_destroy(again);
}

/* kill -9, at any moment: what was not committed was never said. */
static void crash(struct walk *walk)
{
    core_destroy(walk->core);
    walk->changes.count = walk->answered = 0;
    while (walk->rows.run_count >= walk->rows.run_next)
        walk->rows.run_count--;
    walk->core = rows_restore(&walk->rows, TIMEOUT_US, walk->now_us);
    memset(walk->is_here, 0, sizeof walk->is_here);
}

static void submit(struct walk *walk)
{
    struct kept_run *kept;
    uint32_t count = draw(walk, ROWS_STAGES + 1);

    if (core_active(walk->core) >= RUNS_OPEN || walk->is_calm)
        return;
    kept = rows_add_run(&walk->rows);
    kept->row.stages = count;
    for (uint32_t i = 0; i < count; i++)
        kept->shapes[i] = (struct stage_shape){
            .is_task = draw(walk, 2),
            .on_error = (enum on_error)draw(walk, 4),
            .on_child_error = (enum on_child_error)draw(walk, 4),
            .actions = draw(walk, 3) ? 0 : draw(walk, 8),
            .queued_max = draw(walk, 3),
            .demand = { .gpus = draw(walk, 4) == 0 },
            .priority = (int32_t)draw(walk, 2),
        };
    for (uint32_t i = 0; count > 1 && i < draw(walk, ROWS_EDGES); i++) {
        uint32_t target = 1 + draw(walk, count - 1);

        kept->edges[kept->edge_count++] =
            (struct core_edge){ draw(walk, target), target };
    }
    step(walk, (struct core_input){ .kind = INPUT_SUBMIT,
                                    .shapes = kept->shapes,
                                    .shape_count = count,
                                    .edges = kept->edges,
                                    .edge_count = kept->edge_count });
}

static void come(struct walk *walk, uint32_t node)
{
    uint64_t tokens[HELD];

    for (size_t i = 0; i < walk->held_count[node]; i++)
        tokens[i] = walk->held[node][i].token;
    walk->is_here[node] = true;
    step(walk, (struct core_input){
                   .kind = INPUT_JOIN,
                   .node = node,
                   .offer = { .cpu_milli = 1000 + draw(walk, 4) * 1000, .gpus = 3 },
                   .tokens = tokens,
                   .token_count = walk->held_count[node] });
}

static void work(struct walk *walk, uint32_t node)
{
    struct core_input input = { .node = node };
    struct held *held;

    if (!walk->is_here[node] || walk->held_count[node] == 0)
        return;
    held = &walk->held[node][draw(walk, (uint32_t)walk->held_count[node])];
    input.token = held->token;
    input.kind = draw(walk, 3) ? INPUT_FINISHED : INPUT_STARTED;
    if (input.kind == INPUT_FINISHED) {
        held->has_ended = true;
        input.status = (enum result_status)draw(walk, held->is_stopping ? 4 : 2);
        input.cause = held->is_stopping ? CAUSE_STOPPED : CAUSE_EXIT;
        if (!held->is_stopping && draw(walk, 20) == 0) {
            input.status = RESULT_STOPPED;
            input.cause = CAUSE_STOP_CONDITION;
        }
    }
    step(walk, input);
}

/* One thing that goes wrong. */
static void harm(struct walk *walk)
{
    uint32_t node = draw(walk, NODES);

    switch (draw(walk, 6)) {
    case 0: /* its memory is gone */
        walk->held_count[node] = 0;
        come(walk, node);
        break;
    case 1:
        step(walk, (struct core_input){ .kind = INPUT_LEAVE, .node = node });
        break;
    case 2:
        walk->now_us += TIMEOUT_US / 2;
        break;
    case 3: /* a result that is not its own, or of long ago */
        step(walk, (struct core_input){
                       .kind = INPUT_FINISHED,
                       .node = NODES,
                       .token = draw(walk, (uint32_t)core_token_next(walk->core) + 2),
                       .status = RESULT_COMPLETE });
        break;
    case 4:
        step(walk, (struct core_input){
                       .kind = INPUT_CANCEL,
                       .run = draw(walk, (uint32_t)core_run_next(walk->core) + 1) });
        break;
    default:
        crash(walk);
        break;
    }
}

static void decide(struct walk *walk)
{
    step(walk,
         (struct core_input){ .kind = INPUT_APPROVE,
                              .run = 1 + draw(walk, (uint32_t)core_run_next(walk->core)),
                              .stage = draw(walk, ROWS_STAGES),
                              .yes = draw(walk, 4) > 0 });
}

static void act(struct walk *walk)
{
    uint32_t node = draw(walk, NODES);

    walk->now_us += draw(walk, 20);
    switch (draw(walk, 8)) {
    case 0:
        submit(walk);
        break;
    case 1:
        if (!walk->is_here[node])
            come(walk, node);
        break;
    case 2:
        step(walk, (struct core_input){ .kind = INPUT_BEAT, .node = node });
        break;
    case 3:
        decide(walk);
        break;
    case 4:
        if (!walk->is_calm && draw(walk, 4) == 0)
            harm(walk);
        break;
    default:
        work(walk, node);
        break;
    }
    answer_all(walk);
    if (draw(walk, 3) == 0)
        commit(walk);
}

static void approve_all(struct walk *walk)
{
    for (uint64_t run = 1; run < core_run_next(walk->core); run++)
        for (uint32_t s = 0; core_run(walk->core, run) && s < ROWS_STAGES; s++) {
            const struct stage_row *row = core_stage(walk->core, run, s);

            if (!row || row->state != STAGE_APPROVAL)
                continue;
            step(walk, (struct core_input){
                           .kind = INPUT_APPROVE, .run = run, .stage = s, .yes = true });
            answer_all(walk);
        }
}

/* No more faults: every run must come to its end. */
static void calm_down(struct walk *walk)
{
    walk->is_calm = true;
    commit(walk);
    for (int i = 0; i < CALM_STEPS && core_active(walk->core) > 0; i++) {
        act(walk);
        for (uint32_t node = 0; node < NODES; node++)
            if (walk->is_here[node])
                step(walk, (struct core_input){ .kind = INPUT_BEAT, .node = node });
        approve_all(walk);
    }
    commit(walk);
    assert_int_equal(core_active(walk->core), 0);
    assert_int_equal(walk->rows.attempt_count, 0);
}

static void walk_seed(uint32_t seed)
{
    struct walk *walk = calloc(1, sizeof *walk);

    assert_non_null(walk);
    walk->random = seed * 2654435761u + 1;
    walk->now_us = 1;
    walk->rows.run_next = walk->rows.token_next = 1;
    walk->core = rows_restore(&walk->rows, TIMEOUT_US, walk->now_us);
    print_message("seed %u\n", seed);
    for (int i = 0; i < STEPS; i++)
        act(walk);
    calm_down(walk);
    core_destroy(walk->core);
    changes_fini(&walk->changes);
    rows_fini(&walk->rows);
    free(walk);
}

static void test_random_histories_restore_to_what_they_were_and_end(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++)
        walk_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories_restore_to_what_they_were_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
