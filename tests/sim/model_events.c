/* model_events.c - promise 6, as a subscriber sees it: every event once and in order, as
 * it was committed, and the picture that it makes of them is the stored state. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static unsigned long ul(uint64_t number)
{
    return (unsigned long)number;
}

static uint64_t hash_of(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

void model_event(struct sim *sim, const struct put *put)
{
    struct model *model = &sim->model;

    if (put->number != model->events + 1)
        sim_fail(sim, "event %lu follows event %lu", ul(put->number), ul(model->events));
    if (model->events == model->event_capacity) {
        model->event_capacity = model->event_capacity ? model->event_capacity * 2 : 256;
        model->event_hashes = reallocarray(model->event_hashes, model->event_capacity,
                                           sizeof *model->event_hashes);
        must(model->event_hashes != NULL);
    }
    model->event_hashes[model->events] = hash_of(put->body.data, put->body.size);
    model->events = put->number;
}

static int run_state_of(struct bytes name)
{
    for (int state = 0; state < RUN_STATE_COUNT; state++)
        if (bytes_are(name, run_state_name((enum run_state)state)))
            return 1 + state;
    unreachable_because("events name states");
}

static int stage_state_of(struct bytes name)
{
    for (int state = 0; state < STAGE_STATE_COUNT; state++)
        if (bytes_are(name, stage_state_name((enum stage_state)state)))
            return 1 + state;
    unreachable_because("events name states");
}

struct told {                   /* what a subscriber reads in an event */
    uint64_t run, stage, count; /* count: of tasks */
    struct bytes kind, state;
};

static struct told read_told(const void *body, size_t size)
{
    struct told told = { .count = 1 };
    struct reader reader;

    reader_init(&reader, body, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "run"))
            told.run = reader_uint(&reader);
        else if (bytes_are(key, "stage"))
            told.stage = strtoul(reader_string(&reader).data, NULL, 10);
        else if (bytes_are(key, "count"))
            told.count = reader_uint(&reader);
        else if (bytes_are(key, "kind"))
            told.kind = reader_string(&reader);
        else if (bytes_are(key, "state"))
            told.state = reader_string(&reader);
        else
            reader_skip(&reader);
    }
    must(reader_ok(&reader) && told.run <= SIM_RUNS && told.stage < SIM_STAGES);
    return told;
}

/* Who has heard of every task knows how many have ended. */
static void check_ended(struct sim *sim, const struct subscriber *subscriber)
{
    for (uint64_t run = 1; run <= SIM_RUNS; run++)
        for (uint32_t i = 0; i < sim->rows.runs[run].row.stages; i++) {
            const struct stage_row *row = &sim->rows.runs[run].stages[i];
            uint64_t ended = row->complete + row->failed + row->stopped;

            if (subscriber->picture.ended[run][i] != ended)
                sim_fail(sim, "%s knows of %lu ended tasks of run %lu stage %u, not %lu",
                         party_name(subscriber->party),
                         ul(subscriber->picture.ended[run][i]), ul(run), i, ul(ended));
        }
}

/* As stored, or as it follows for a plain stage that waits for nothing any more. */
static enum stage_state stored_state(const struct sim *sim,
                                     const struct stored_run *stored, uint32_t stage)
{
    const struct sim_plan *plan = &sim->plans[stored->plan];
    const struct stage_row *row = &stored->stages[stage];

    if (row->state != STAGE_WAITING || row->has_row
        || !plan->stage[stage].shape.demand.is_plain)
        return row->state;
    for (size_t i = 0; i < plan->edge_count; i++)
        if (plan->edges[i].target == stage
            && !stage_state_is_final(stored->stages[plan->edges[i].source].state))
            return STAGE_WAITING;
    return STAGE_QUEUED;
}

/* Once all events were heard, the picture must be what is stored. A run that ended before
 * the snapshot is not in it. */
static void check_picture(struct sim *sim, const struct subscriber *subscriber)
{
    const struct picture *picture = &subscriber->picture;

    if (picture->last != sim->model.events)
        return;
    if (!picture->is_partial)
        check_ended(sim, subscriber);
    for (uint64_t run = 1; run <= SIM_RUNS; run++) {
        const struct stored_run *stored = &sim->rows.runs[run];
        bool may_lack = stored->row.run != run
                        || (picture->is_partial && run_state_is_final(stored->row.state));

        if (picture->runs[run] != 1 + (int)stored->row.state
            && !(may_lack && picture->runs[run] == 0))
            sim_fail(sim, "%s believes after event %lu that run %lu is %d, not %d",
                     party_name(subscriber->party), ul(picture->last), ul(run),
                     picture->runs[run] - 1, (int)stored->row.state);
        for (uint32_t i = 0; stored->row.run == run && i < stored->row.stages; i++)
            if (picture->stages[run][i] != 0
                && picture->stages[run][i] != 1 + (int)stored_state(sim, stored, i))
                sim_fail(sim, "%s is wrong about run %lu stage %u after event %lu",
                         party_name(subscriber->party), ul(run), i, ul(picture->last));
    }
}

void model_heard(struct sim *sim, struct subscriber *subscriber, const void *body,
                 size_t size)
{
    struct picture *picture = &subscriber->picture;
    struct told told = read_told(body, size);
    struct event_head head;

    must(event_decode(body, size, &head));
    if (head.number != picture->last + 1)
        sim_fail(sim, "%s hears event %lu after event %lu", party_name(subscriber->party),
                 ul(head.number), ul(picture->last));
    if (head.number > sim->model.events
        || hash_of(body, size) != sim->model.event_hashes[head.number - 1])
        sim_fail(sim, "%s hears an event %lu that was never committed",
                 party_name(subscriber->party), ul(head.number));
    picture->last = head.number;
    if (bytes_are(told.kind, "run"))
        picture->runs[told.run] = run_state_of(told.state);
    else if (bytes_are(told.kind, "stage"))
        picture->stages[told.run][told.stage] = stage_state_of(told.state);
    else if (bytes_are(told.kind, "task") && !bytes_are(told.state, "open"))
        picture->ended[told.run][told.stage] += told.count;
    sim->model.heard++;
    check_picture(sim, subscriber);
}

void model_pictured(struct sim *sim, struct subscriber *subscriber, uint64_t last,
                    struct reader *snapshot)
{
    struct picture *picture = &subscriber->picture;

    if (last <= picture->last)
        sim_fail(sim, "%s, which has event %lu, gets a snapshot of event %lu",
                 party_name(subscriber->party), ul(picture->last), ul(last));
    *picture = (struct picture){ .last = last, .is_partial = true };
    for (size_t n = reader_map(snapshot); n > 0; n--) {
        uint64_t run = reader_uint(snapshot);

        must(reader_ok(snapshot) && run <= SIM_RUNS);
        picture->runs[run] = run_state_of(reader_string(snapshot));
    }
    sim->model.snapshots++;
}

bool model_all_heard(const struct sim *sim)
{
    for (int i = 0; i < SIM_SUBSCRIBERS; i++)
        if (sim->subscribers[i].picture.last != sim->model.events)
            return false;
    return true;
}
