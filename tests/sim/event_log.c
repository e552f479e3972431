/* event_log.c - the broker's log of events: what announce.c, trim.c and the query for
 * events do. Bodies are those of the real codec. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIM_MAX = 50 /* a turn */ };

static const char *const task_states[] = { [0] = "open",
                                           [1 + RESULT_COMPLETE] = "complete",
                                           [1 + RESULT_ERROR] = "error",
                                           [1 + RESULT_STOPPED] = "stopped",
                                           [1 + RESULT_CRASHED] = "crashed" };

static const char *state_text(enum topic topic, int state)
{
    switch (topic) {
    case TOPIC_RUN:
        return run_state_name((enum run_state)state);
    case TOPIC_STAGE:
        return stage_state_name((enum stage_state)state);
    case TOPIC_TASK:
        return task_states[state + 1];
    case TOPIC_ATTEMPT:
        return "assigned";
    case TOPIC_NODE:
        return node_state_name((enum node_state)state);
    case TOPIC_COUNT:
        break;
    }
    unreachable_because("there is no such topic");
}

void log_tell(struct sim *sim, enum topic topic, const struct change *change, int state)
{
    static const char *const kinds[TOPIC_COUNT] = { "run", "stage", "attempt", "task",
                                                    "node" };
    struct broker *broker = &sim->broker;
    struct put *put = rows_put(sim, PUT_EVENT);
    bool has_index = topic == TOPIC_ATTEMPT || topic == TOPIC_TASK;
    struct announcement what = { .kind = kinds[topic],
                                 .run = topic == TOPIC_NODE ? 0 : change->run,
                                 .has_index = has_index,
                                 .index = change->index,
                                 .count = has_index ? change->count : 0,
                                 .token = change->token,
                                 .state = state_text(topic, state) };
    scoped_buf subject = { 0 };
    char stage[16];

    put->topic = topic;
    put->number = broker->numbers.event_next++;
    put->run = change->run;
    put->stage = change->stage;
    put->node = change->node;
    put->index = change->index;
    put->count = change->count;
    put->state = state;
    if ((sim->mutation == MUTATION_BLOCK_UNCOUNTED && change->kind == CHANGE_BLOCK)
        || (sim->mutation == MUTATION_REUSED_UNCOUNTED && change->kind == CHANGE_REUSED))
        what.count = 1;
    snprintf(stage, sizeof stage, "%u", change->stage);
    if (topic == TOPIC_NODE)
        what.name = party_name(PARTY_NODE + (int)change->node);
    else if (topic != TOPIC_RUN)
        what.stage = stage;
    event_encode(&what, put->number, broker->now_us, &subject, &put->body);
    broker_publish(sim, &put->body);
}

/* Old events go with the commit that finds them old; the last one always stays. */
void log_trim(struct sim *sim)
{
    struct rows *rows = &sim->rows;
    int64_t before_us = sim->broker.now_us - sim->keep_us;
    size_t count = 0;

    if (sim->keep_us == 0)
        return;
    while (count < TRIM_MAX && count + 1 < rows->event_count
           && rows->events[count].time_us < before_us)
        count++;
    if (count > 0)
        rows_put(sim, PUT_TRIM)->number = count;
}

void log_append(struct rows *rows, struct put *put)
{
    struct event_head head;

    if (rows->event_count == rows->event_capacity) {
        rows->event_capacity = rows->event_capacity ? rows->event_capacity * 2 : 64;
        rows->events =
            reallocarray(rows->events, rows->event_capacity, sizeof *rows->events);
        must(rows->events != NULL);
    }
    must(event_decode(put->body.data, put->body.size, &head));
    rows->events[rows->event_count++] = (struct stored_event){ .number = head.number,
                                                               .time_us = head.time_us,
                                                               .body = put->body };
    put->body = (struct buf){ 0 };
}

void log_remove(struct rows *rows, size_t count)
{
    must(count <= rows->event_count);
    for (size_t i = 0; i < count; i++)
        buf_fini(&rows->events[i].body);
    rows->event_count -= count;
    memmove(rows->events, rows->events + count, rows->event_count * sizeof *rows->events);
}

static void write_snapshot(const struct rows *rows, struct buf *body)
{
    size_t count = 0;

    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        count += rows->runs[run].row.run == run
                 && !run_state_is_final(rows->runs[run].row.state);
    pack_map(body, count);
    for (uint64_t run = 1; run <= SIM_RUNS; run++) {
        const struct run_row *row = &rows->runs[run].row;

        if (row->run != run || run_state_is_final(row->state))
            continue;
        pack_uint(body, run);
        pack_text(body, run_state_name(row->state));
    }
}

/* Map of first, events, and, for who is behind, snapshot. */
void log_answer(struct sim *sim, int to, uint64_t id, uint64_t since)
{
    const struct rows *rows = &sim->rows;
    uint64_t first = rows->event_count > 0 ? rows->events[0].number : 0;
    bool is_behind = first > 0 && since < first - 1;
    size_t from = 0, count;
    scoped_buf body = { 0 };

    while (from < rows->event_count && rows->events[from].number <= since)
        from++;
    count = rows->event_count - from < SIM_PAGE ? rows->event_count - from : SIM_PAGE;
    if (sim->mutation == MUTATION_SNAPSHOT_FORGOTTEN)
        is_behind = false;
    pack_map(&body, is_behind ? 3 : 2);
    pack_text(&body, "first");
    pack_uint(&body, first);
    pack_text(&body, "events");
    pack_list(&body, count);
    for (size_t i = from; i < from + count; i++)
        pack_bytes(&body, rows->events[i].body.data, rows->events[i].body.size);
    if (is_behind) {
        pack_text(&body, "snapshot");
        write_snapshot(rows, &body);
    }
    broker_say(sim, to, MESSAGE_OK, id, true, &body);
}
