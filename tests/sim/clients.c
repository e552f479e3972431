/* clients.c - people and programs that submit, repeat, cancel, approve and reject. A wish
 * is repeated until it is answered. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

static void submission_of(const struct sim *sim, uint32_t plan, uint8_t submission[16])
{
    uint64_t parts[2] = { mixed(sim->seed, plan), plan };

    memcpy(submission, parts, sizeof parts);
}

static void wish_submit(struct sim *sim, struct client *client, uint32_t plan)
{
    client->wish = WISH_SUBMIT;
    client->plan = plan;
    submission_of(sim, plan, client->submission);
}

/* A run that was acknowledged and goes on; 0: none. */
static uint64_t some_run(struct sim *sim, bool is_endless)
{
    uint64_t first = below(sim, SIM_RUNS);

    for (uint64_t i = 0; i < SIM_RUNS; i++) {
        uint64_t run = 1 + (first + i) % SIM_RUNS;
        const struct stored_run *stored = &sim->rows.runs[run];

        if (stored->row.run == run && stored->row.state == RUN_STARTED
            && (!is_endless || sim->plans[stored->plan].is_endless))
            return run;
    }
    return 0;
}

/* A stage that waits for approval, as a person sees it in the stored state. */
static bool wish_approve(struct sim *sim, struct client *client)
{
    for (uint64_t run = 1; run <= SIM_RUNS; run++) {
        const struct stored_run *stored = &sim->rows.runs[run];

        for (uint32_t i = 0; stored->row.run == run && i < stored->row.stages; i++) {
            if (stored->stages[i].state != STAGE_APPROVAL)
                continue;
            client->wish = WISH_APPROVE;
            client->run = run;
            client->stage = i;
            client->yes = below(sim, 5) > 0;
            return true;
        }
    }
    return false;
}

static void choose(struct sim *sim, struct client *client)
{
    if (sim->plan_next <= sim->plan_count && (sim->is_calm || chance(sim, 600))) {
        wish_submit(sim, client, sim->plan_next++);
        return;
    }
    for (uint32_t plan = 1; plan < sim->plan_next; plan++)
        if (sim->model.acked[plan] == 0 && chance(sim, 300)) {
            wish_submit(sim, client, plan);
            return;
        }
    if (chance(sim, sim->features.repeat)) {
        wish_submit(sim, client, 1 + (uint32_t)below(sim, sim->plan_next - 1 + 1));
        if (client->plan >= sim->plan_next)
            client->wish = WISH_NONE;
        return;
    }
    if ((sim->is_calm || chance(sim, 500)) && wish_approve(sim, client))
        return;

    uint64_t run = 0;

    if (sim->is_calm)
        run = some_run(sim, true);
    else if (chance(sim, sim->features.cancel))
        run = some_run(sim, false);
    if (run > 0) {
        client->wish = WISH_CANCEL;
        client->run = run;
    }
}

static void ask(struct sim *sim, struct client *client)
{
    char text[16];
    struct request request = { .run = client->run };
    enum message_type type = MESSAGE_CANCEL;
    scoped_buf body = { 0 };

    snprintf(text, sizeof text, "%u", client->plan);
    if (client->wish == WISH_SUBMIT) {
        type = MESSAGE_SUBMIT;
        request.run = 0;
        request.submission = client->submission;
        request.plan = (struct bytes){ text, strlen(text) };
    } else if (client->wish == WISH_APPROVE) {
        type = MESSAGE_APPROVE;
        request.index = client->stage;
        request.yes = client->yes;
    }
    request_encode(&body, &request);
    client->id = ++client->next_id;
    sim_post(sim, client->party, PARTY_BROKER, 0, type, client->id, &body);
}

void client_act(struct sim *sim, struct client *client)
{
    if (client->wish == WISH_NONE)
        choose(sim, client);
    if (client->wish != WISH_NONE)
        ask(sim, client);
    sim_push(sim, sim->now_us + SECOND / 2 + (int64_t)below(sim, 4 * SECOND),
             EVENT_CLIENT, client->party);
}

void client_receive(struct sim *sim, struct client *client, const struct letter *letter)
{
    struct message_header header;
    struct reader reader;
    struct err err;

    if (message_header_decode(letter->header.data, letter->header.size, &header, &err)
            != RC_OK
        || header.id != client->id || client->wish == WISH_NONE)
        return;
    if (header.type == MESSAGE_ERROR) {
        /* What was refused for lack of room is tried again, others may go first. */
        if (message_error_decode(letter->body.data, letter->body.size, &err) != RC_FULL
            || client->wish == WISH_SUBMIT)
            client->wish = WISH_NONE;
        return;
    }
    reader_init(&reader, letter->body.data, letter->body.size);
    if (reader_map(&reader) != 1 || !bytes_are(reader_string(&reader), "run"))
        sim_fail(sim, "an answer does not decode");
    if (client->wish == WISH_SUBMIT)
        model_submitted(sim, client->plan, reader_uint(&reader));
    client->wish = WISH_NONE;
}
