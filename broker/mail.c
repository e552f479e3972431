/* mail.c - what a turn has for each node, gathered so that one message carries many
 * tasks. */
#include "broker/broker_state.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES_NOTED_MAX = 100000, CLASS_ARENA_MAX = 1 << 30 };

/* What cannot be noted fails the turn: nothing of it is stored or said. */
static void mail_lacks(struct broker *broker, uint32_t node)
{
    struct err err;

    err_set(&err, RC_NO_MEMORY, "no memory for the messages to node %s",
            broker->peers[node].name);
    batch_check(broker, RC_NO_MEMORY, &err);
}

static bool token_add(uint64_t **tokens, size_t *count, size_t *capacity, uint64_t token)
{
    if (*count == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 16;
        uint64_t *moved = reallocarray(*tokens, larger, sizeof *moved);

        if (!moved)
            return false;
        *tokens = moved;
        *capacity = larger;
    }
    (*tokens)[(*count)++] = token;
    return true;
}

/* What the node is sent; it is there with the next flush. */
static struct node_mail *mail_of(struct broker *broker, uint32_t node)
{
    struct peer *peer = &broker->peers[node];

    if (!peer->has_mail)
        broker->mailed[broker->mailed_count++] = node;
    peer->has_mail = true;
    must(broker->mailed_count <= broker->peer_count);
    return &peer->mail;
}

void mail_stop(struct broker *broker, uint32_t node, uint64_t token)
{
    struct node_mail *mail = mail_of(broker, node);

    if (!token_add(&mail->stops, &mail->stop_count, &mail->stop_capacity, token))
        mail_lacks(broker, node);
}

void mail_drop(struct broker *broker, uint32_t node, uint64_t token)
{
    struct node_mail *mail = mail_of(broker, node);

    if (!token_add(&mail->drops, &mail->drop_count, &mail->drop_capacity, token))
        mail_lacks(broker, node);
}

void mail_taken(struct broker *broker, uint32_t node, uint64_t token)
{
    struct node_mail *mail = mail_of(broker, node);

    if (!token_add(&mail->taken, &mail->taken_count, &mail->taken_capacity, token))
        mail_lacks(broker, node);
}

/* Of tasks without a command the node looks at the tokens only. */
static bool follows(const struct assignment *item, const struct assignment *last)
{
    return item->is_empty && last->is_empty && item->run == last->run
           && item->number == last->number && item->token == last->token + last->count
           && item->count <= NODE_SLOTS_MAX - last->count;
}

void mail_task(struct broker *broker, uint32_t node, const struct assignment *item)
{
    struct node_mail *mail = mail_of(broker, node);

    if (mail->task_count > 0 && follows(item, &mail->tasks[mail->task_count - 1])) {
        mail->tasks[mail->task_count - 1].count += item->count;
        return;
    }
    if (mail->task_count == mail->task_capacity) {
        size_t capacity = mail->task_capacity ? mail->task_capacity * 2 : 16;
        struct assignment *tasks = reallocarray(mail->tasks, capacity, sizeof *tasks);

        if (!tasks) {
            mail_lacks(broker, node);
            return;
        }
        mail->tasks = tasks;
        mail->task_capacity = capacity;
    }
    mail->tasks[mail->task_count++] = *item;
}

void peer_send(struct broker *broker, uint32_t node, enum message_type type,
               const struct buf *body)
{
    struct peer *peer = &broker->peers[node];
    struct message_header header = { .protocol = peer->protocol,
                                     .type = type,
                                     .id = session_stamp(&peer->session, type),
                                     .session = peer->session.number };

    outbox_add(&broker->outbox, peer->name, strlen(peer->name), &header, false, body);
}

/* The resolved stage as a node needs it: with its secrets. */
static enum rc resolved_open(struct broker *broker, uint64_t run, uint32_t stage,
                             struct buf *resolved, struct err *err)
{
    scoped(arena) arena = arena_create(CLASS_ARENA_MAX);
    struct plan_stage *read;
    struct plan_secrets secrets;
    enum rc rc = arena ? resolved_of(broker, run, stage, resolved, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a class");

    if (rc == RC_OK)
        rc = store_secrets(broker->store, run, stage, arena, &secrets, err);
    if (rc != RC_OK || secrets.count == 0)
        return rc;
    rc = plan_stage_decode(arena, resolved->data, resolved->size, &read, err);
    if (rc != RC_OK)
        return rc;
    plan_stage_unmask(read, &secrets);
    buf_clear(resolved);
    plan_stage_encode(resolved, read);
    return buf_ok(resolved) ? RC_OK : err_set(err, RC_NO_MEMORY, "class is too large");
}

bool mail_class(struct broker *broker, uint32_t node, uint64_t run, uint32_t stage)
{
    struct run_plan *plan = plan_of(broker, run);
    const struct run_row *row = core_run(broker->core, run);
    scoped_buf resolved = { 0 };
    scoped_buf body = { 0 };
    struct err err;

    if (!plan || resolved_open(broker, run, stage, &resolved, &err) != RC_OK)
        return false;
    class_encode(&body, &(struct class_message){
                            .run = run,
                            .stage = stage,
                            .run_id = plan->head.id,
                            .project = plan->plan->project,
                            .title = plan->plan->title,
                            .is_pipeline = plan->plan->is_pipeline,
                            .created_us = row ? row->created_us : 0,
                            .code = plan->plan->code,
                            .resolved = { (const char *)resolved.data, resolved.size },
                        });
    if (!buf_ok(&body))
        return false;
    peer_send(broker, node, MESSAGE_CLASS, &body);
    return true;
}

bool mail_class_once(struct broker *broker, uint32_t node, uint64_t run, uint32_t stage)
{
    struct peer *peer = &broker->peers[node];
    uint64_t key = run << 20 | stage;
    uint32_t sent;

    if (table_find(&peer->classes, key, &sent))
        return true;
    if (peer->classes.count >= CLASSES_NOTED_MAX)
        table_clear(&peer->classes); /* a class that comes twice does no harm */
    if (!mail_class(broker, node, run, stage))
        return false;
    if (table_reserve(&peer->classes) == RC_OK)
        table_put(&peer->classes, key, 1);
    return true;
}

/* Each class goes out before the first of its tasks, once a join. Empty tasks need
 * none. */
static void classes_flush(struct broker *broker, uint32_t node)
{
    const struct node_mail *mail = &broker->peers[node].mail;

    for (size_t i = 0; i < mail->task_count; i++)
        if (!mail->tasks[i].is_empty)
            mail_class_once(broker, node, mail->tasks[i].run, mail->tasks[i].stage);
}

static void tokens_flush(struct broker *broker, uint32_t node, enum message_type type,
                         const uint64_t *tokens, size_t *count)
{
    scoped_buf body = { 0 };

    if (*count == 0)
        return;
    tokens_encode(&body, tokens, *count);
    peer_send(broker, node, type, &body);
    *count = 0;
}

static void node_flush(struct broker *broker, uint32_t node)
{
    struct node_mail *mail = &broker->peers[node].mail;

    tokens_flush(broker, node, MESSAGE_TAKEN, mail->taken, &mail->taken_count);
    /* Before the tasks: what is dropped has to go before they may start. */
    tokens_flush(broker, node, MESSAGE_DROP, mail->drops, &mail->drop_count);
    if (mail->task_count > 0) {
        scoped_buf body = { 0 };

        classes_flush(broker, node);
        assignments_encode(&body, mail->tasks, mail->task_count);
        peer_send(broker, node, MESSAGE_ASSIGN, &body);
        mail->task_count = 0;
    }
    /* A stop may be for a task of this very turn, so it comes after the tasks. */
    tokens_flush(broker, node, MESSAGE_STOP, mail->stops, &mail->stop_count);
}

void mail_flush(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->mailed_count; i++) {
        node_flush(broker, broker->mailed[i]);
        broker->peers[broker->mailed[i]].has_mail = false;
    }
    broker->mailed_count = 0;
}

void mail_forget(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->mailed_count; i++) {
        struct peer *peer = &broker->peers[broker->mailed[i]];
        struct node_mail *mail = &peer->mail;

        mail->task_count = mail->stop_count = mail->drop_count = mail->taken_count = 0;
        peer->has_mail = false;
    }
    broker->mailed_count = 0;
}
