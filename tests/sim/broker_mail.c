/* broker_mail.c - what a turn will say: what broker/mail.c and outbox.c do. */
#include "tests/sim/sim.h"

#include <stdlib.h>

void broker_say(struct sim *sim, int to, enum message_type type, uint64_t id,
                bool is_reply, const struct buf *body)
{
    struct broker *broker = &sim->broker;

    if (broker->outbox_count == broker->outbox_capacity) {
        broker->outbox_capacity =
            broker->outbox_capacity ? broker->outbox_capacity * 2 : 32;
        broker->outbox =
            reallocarray(broker->outbox, broker->outbox_capacity, sizeof *broker->outbox);
        must(broker->outbox != NULL);
    }

    struct outgoing *message = &broker->outbox[broker->outbox_count++];

    *message =
        (struct outgoing){ .to = to, .type = type, .id = id, .is_reply = is_reply };
    if (to < PARTY_CLIENT) {
        struct session *session = &broker->peers[to - PARTY_NODE].session;

        message->session = session->number;
        message->id = session_stamp(session, type);
    }
    buf_add(&message->body, body->data, body->size);
}

void broker_publish(struct sim *sim, const struct buf *body)
{
    struct broker *broker = &sim->broker;

    broker_say(sim, PARTY_SUBSCRIBER, MESSAGE_EVENTS, 0, false, body);
    broker->outbox[broker->outbox_count - 1].is_event = true;
}

static void publish(struct sim *sim, const struct outgoing *message)
{
    for (int i = 0; i < SIM_SUBSCRIBERS; i++)
        sim_post(sim, PARTY_BROKER, PARTY_SUBSCRIBER + i, 0, message->type, message->id,
                 &message->body);
}

static void outbox_clear(struct broker *broker)
{
    for (size_t i = 0; i < broker->outbox_count; i++)
        buf_fini(&broker->outbox[i].body);
    broker->outbox_count = 0;
}

void broker_outbox_send(struct sim *sim, size_t limit)
{
    struct broker *broker = &sim->broker;

    for (size_t i = 0; i < broker->outbox_count && i < limit; i++) {
        const struct outgoing *message = &broker->outbox[i];

        model_told(sim, message);
        if (message->is_event) {
            publish(sim, message);
            continue;
        }
        sim_post(sim, PARTY_BROKER, message->to, message->session, message->type,
                 message->id, &message->body);
    }
    outbox_clear(broker);
}

void broker_outbox_fail(struct sim *sim)
{
    struct broker *broker = &sim->broker;
    struct outgoing failed[(SIM_CLIENTS + SIM_SUBSCRIBERS) * 8];
    size_t count = 0;

    if (sim->mutation == MUTATION_EVENT_OF_FAILED_COMMIT)
        for (size_t i = 0; i < broker->outbox_count; i++)
            if (broker->outbox[i].is_event)
                publish(sim, &broker->outbox[i]);
    for (size_t i = 0; i < broker->outbox_count && count < COUNT_OF(failed); i++)
        if (broker->outbox[i].is_reply)
            failed[count++] = (struct outgoing){ .to = broker->outbox[i].to,
                                                 .id = broker->outbox[i].id };
    outbox_clear(broker);
    for (size_t i = 0; i < count; i++) {
        struct err err;
        scoped_buf body = { 0 };

        err_set(&err, RC_FULL, "the disk is full");
        message_error_encode(&body, &err);
        broker_say(sim, failed[i].to, MESSAGE_ERROR, failed[i].id, true, &body);
    }
}

static void token_add(uint64_t *tokens, size_t *count, uint64_t token)
{
    must(*count < SIM_MAIL);
    tokens[(*count)++] = token;
}

/* Whether a broken broker forgets this stop. */
static bool is_forgotten(const struct sim *sim)
{
    if (sim->mutation == MUTATION_STOP_DROPPED)
        return sim->broker.input != INPUT_JOIN;
    return sim->mutation == MUTATION_STOPPING_FORGOTTEN
           && sim->broker.input == INPUT_JOIN;
}

void broker_mail_change(struct sim *sim, const struct change *change)
{
    struct node_mail *mail = &sim->broker.peers[change->node].mail;

    if (change->kind == CHANGE_TAKEN)
        token_add(mail->taken, &mail->taken_count, change->token);
    if (change->kind == CHANGE_STOP && !is_forgotten(sim))
        token_add(mail->stops, &mail->stop_count, change->token);
    if (change->kind == CHANGE_DROP)
        token_add(mail->drops, &mail->drop_count, change->token);
    if (change->kind == CHANGE_ASSIGN) {
        must(mail->task_count < SIM_MAIL);
        mail->tasks[mail->task_count++] =
            (struct assignment){ .run = change->run,
                                 .stage = change->stage,
                                 .index = change->index,
                                 .count = change->count,
                                 .token = change->token,
                                 .number = change->number,
                                 .gpus = change->gpus,
                                 .is_empty =
                                     stage_of_change(sim, change)->shape.demand.is_empty
                                     && sim->broker.peers[change->node].takes_empty };
    }
}

void broker_mail_class(struct sim *sim, uint32_t node, uint64_t run, uint32_t stage)
{
    scoped_buf body = { 0 };

    if (run == 0 || run > SIM_RUNS || stage >= SIM_STAGES)
        return;
    class_encode(&body, &(struct class_message){ .run = run,
                                                 .stage = stage,
                                                 .run_id = "run",
                                                 .resolved = { "stage", 5 } });
    broker_say(sim, PARTY_NODE + (int)node, MESSAGE_CLASS, 0, false, &body);
}

static void tokens_flush(struct sim *sim, int node, enum message_type type,
                         const uint64_t *tokens, size_t *count)
{
    scoped_buf body = { 0 };

    if (*count == 0)
        return;
    tokens_encode(&body, tokens, *count);
    broker_say(sim, PARTY_NODE + node, type, 0, false, &body);
    *count = 0;
}

static void tasks_flush(struct sim *sim, int node)
{
    struct peer *peer = &sim->broker.peers[node];
    scoped_buf body = { 0 };

    if (peer->mail.task_count == 0)
        return;
    for (size_t i = 0; i < peer->mail.task_count; i++) {
        const struct assignment *task = &peer->mail.tasks[i];

        if (!peer->has_class[task->run][task->stage])
            broker_mail_class(sim, (uint32_t)node, task->run, task->stage);
        peer->has_class[task->run][task->stage] = true;
    }
    assignments_encode(&body, peer->mail.tasks, peer->mail.task_count);
    broker_say(sim, PARTY_NODE + node, MESSAGE_ASSIGN, 0, false, &body);
    peer->mail.task_count = 0;
}

void broker_mail_flush(struct sim *sim)
{
    for (int node = 0; node < sim->node_count; node++) {
        struct node_mail *mail = &sim->broker.peers[node].mail;

        tokens_flush(sim, node, MESSAGE_TAKEN, mail->taken, &mail->taken_count);
        tokens_flush(sim, node, MESSAGE_DROP, mail->drops, &mail->drop_count);
        tasks_flush(sim, node);
        tokens_flush(sim, node, MESSAGE_STOP, mail->stops, &mail->stop_count);
    }
}

void broker_mail_forget(struct sim *sim)
{
    for (int node = 0; node < SIM_NODES; node++) {
        struct node_mail *mail = &sim->broker.peers[node].mail;

        mail->task_count = mail->stop_count = mail->drop_count = mail->taken_count = 0;
    }
}
