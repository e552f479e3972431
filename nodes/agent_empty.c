/* agent_empty.c - the builtin executor: tasks without a command.
 *
 * There is nothing to stage, start or collect, so they end where they are read, one after
 * the other, and are told as blocks (codecs/wire/block.h). A block is kept and repeated
 * until the broker has taken it. It is kept in memory only: when the agent dies, its
 * tokens are missing from the next join, and the tasks are handed out again. */
#include "nodes/agent_state.h"

#include <stdlib.h>
#include <string.h>

enum { TELL_BLOCKS_MAX = 1024 };

/* The blocks from `first` on are not taken; what was before them makes room for others.
 */
static void make_room(struct ended_blocks *ended)
{
    if (ended->first > 0) {
        ended->count -= ended->first;
        memmove(ended->items, ended->items + ended->first,
                ended->count * sizeof *ended->items);
        ended->first = 0;
    }
    if (ended->count >= ended->capacity / 2) {
        size_t capacity = ended->capacity ? ended->capacity * 2 : 16;
        struct ended_block *items =
            reallocarray(ended->items, capacity, sizeof *ended->items);

        must(items != NULL);
        ended->items = items;
        ended->capacity = capacity;
    }
}

static struct ended_block *block_new(struct agent *agent)
{
    struct ended_blocks *ended = &agent->ended;

    if (ended->count == ended->capacity)
        make_room(ended);
    ended->items[ended->count] = (struct ended_block){ .resend_us = 0 };
    return &ended->items[ended->count++];
}

/* At most BLOCK_TASKS_MAX of them. */
static void run_block(struct agent *agent, uint64_t token, uint64_t count)
{
    struct ended_block *ended = block_new(agent);
    int64_t last = agent_clock_us();

    ended->block =
        (struct task_block){ .token = token, .count = count, .started_us = last };
    for (uint64_t i = 0; i < count; i++) {
        int64_t started_us = agent_clock_us();

        block_add(&ended->times, &last, started_us, agent_clock_us());
    }
    must(buf_ok(&ended->times));
    ended->block.times =
        (struct bytes){ (const char *)ended->times.data, ended->times.size };
}

void empty_run(struct agent *agent, const struct assignment *tasks)
{
    for (uint64_t at = 0; at < tasks->count; at += BLOCK_TASKS_MAX) {
        uint64_t left = tasks->count - at;

        run_block(agent, tasks->token + at,
                  left < BLOCK_TASKS_MAX ? left : BLOCK_TASKS_MAX);
    }
}

/* They are taken in the order in which they were told, but for a loss. */
void empty_taken(struct agent *agent, uint64_t token)
{
    struct ended_blocks *ended = &agent->ended;
    size_t i = ended->first;

    while (i < ended->count && ended->items[i].block.token != token)
        i++;
    if (i == ended->count)
        return;
    buf_fini(&ended->items[i].times);
    memmove(&ended->items[ended->first + 1], &ended->items[ended->first],
            (i - ended->first) * sizeof *ended->items);
    ended->first++;
}

void empty_repeat(struct agent *agent)
{
    for (size_t i = agent->ended.first; i < agent->ended.count; i++)
        agent->ended.items[i].resend_us = 0;
}

static void send_blocks(struct agent *agent, const struct task_block *blocks,
                        size_t count)
{
    scoped_buf body = { 0 };

    blocks_encode(&body, blocks, count);
    must(buf_ok(&body));
    broker_send(agent, MESSAGE_BLOCKS, &body);
}

/* Many in one message, as results are. */
void empty_tell(struct agent *agent)
{
    struct ended_blocks *ended = &agent->ended;
    struct task_block due[TELL_BLOCKS_MAX];
    size_t count = 0, size = 0;

    if (!agent->is_joined)
        return;
    for (size_t i = ended->first; i < ended->count; i++) {
        if (ended->items[i].resend_us > agent->now_us)
            continue;
        ended->items[i].resend_us = agent->now_us + AGENT_RESEND_US;
        due[count++] = ended->items[i].block;
        size += ended->items[i].block.times.size;
        if (count == TELL_BLOCKS_MAX || size > agent->settings.results_max) {
            send_blocks(agent, due, count);
            count = size = 0;
        }
    }
    if (count > 0)
        send_blocks(agent, due, count);
}

int64_t empty_deadline_us(const struct agent *agent)
{
    int64_t first = INT64_MAX;

    for (size_t i = agent->ended.first; i < agent->ended.count; i++)
        if (agent->ended.items[i].resend_us < first)
            first = agent->ended.items[i].resend_us;
    return first;
}

size_t empty_count(const struct agent *agent)
{
    size_t count = 0;

    for (size_t i = agent->ended.first; i < agent->ended.count; i++)
        count += agent->ended.items[i].block.count;
    return count;
}

size_t empty_tokens(const struct agent *agent, uint64_t *tokens)
{
    size_t count = 0;

    for (size_t i = agent->ended.first; i < agent->ended.count; i++)
        for (uint64_t n = 0; n < agent->ended.items[i].block.count; n++)
            tokens[count++] = agent->ended.items[i].block.token + n;
    return count;
}

void empty_fini(struct agent *agent)
{
    for (size_t i = agent->ended.first; i < agent->ended.count; i++)
        buf_fini(&agent->ended.items[i].times);
    free(agent->ended.items);
}
