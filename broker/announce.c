/* announce.c - events: numbered, stored in the batch that made them true, published after
 * it. */
#include "broker/broker_state.h"

/* run/<n>/run/<state>, run/<n>/stage/<name>/<state>,
 * run/<n>/<kind>/<stage>/<index>/<state>, node/<name>/<state>. Names with '/' keep it:
 * topics are matched by prefix only. */
static void topic_of(const struct announcement *what, struct buf *topic)
{
    if (what->run == 0) {
        buf_printf(topic, "%s/%s/%s", what->kind, what->name, what->state);
        return;
    }
    buf_printf(topic, "run/%lu/%s/", (unsigned long)what->run, what->kind);
    if (what->stage)
        buf_printf(topic, "%s/", what->stage);
    if (what->stage && what->has_index)
        buf_printf(topic, "%lu/", (unsigned long)what->index);
    buf_text(topic, what->state);
}

static void add_text(struct buf *body, const char *key, const char *text, size_t *count)
{
    if (!text || !text[0])
        return;
    pack_text(body, key);
    pack_text(body, text);
    (*count)++;
}

static void add_number(struct buf *body, const char *key, uint64_t number, size_t *count)
{
    if (number == 0)
        return;
    pack_text(body, key);
    pack_uint(body, number);
    (*count)++;
}

static size_t add_fields(struct buf *fields, const struct announcement *what)
{
    size_t count = 0;

    add_text(fields, "kind", what->kind, &count);
    add_number(fields, "run", what->run, &count);
    add_text(fields, "stage", what->stage, &count);
    if (what->has_index) {
        pack_text(fields, "index");
        pack_uint(fields, what->index);
        count++;
    }
    add_number(fields, "count", what->count, &count);
    add_number(fields, "attempt", what->attempt, &count);
    add_number(fields, "token", what->token, &count);
    add_text(fields, "state", what->state, &count);
    add_text(fields, "node", what->node, &count);
    add_text(fields, "name", what->name, &count);
    add_text(fields, "digest", what->digest, &count);
    add_number(fields, "size", what->size, &count);
    add_text(fields, "cause", what->cause, &count);
    if (what->has_exit) {
        pack_text(fields, "exit");
        pack_int(fields, what->exit_code);
        count++;
    }
    add_text(fields, "reason", what->reason, &count);
    return count;
}

void announce(struct broker *broker, const struct announcement *what)
{
    uint64_t number = broker->counters.event_next;
    scoped_buf topic = { 0 };
    scoped_buf fields = { 0 };
    scoped_buf body = { 0 };
    struct err err;
    size_t count = add_fields(&fields, what);

    topic_of(what, &topic);
    pack_map(&body, count + 3);
    pack_text(&body, "n");
    pack_uint(&body, number);
    pack_text(&body, "t");
    pack_int(&body, broker->now_us);
    pack_text(&body, "topic");
    pack_string(&body, (const char *)topic.data, topic.size);
    buf_add(&body, fields.data, fields.size);
    must(buf_ok(&body));
    batch_check(broker,
                store_event_put(broker->store, number, body.data, body.size, &err), &err);
    broker->counters.event_next++;
    broker->counters_changed = true;
    outbox_event(&broker->outbox, buf_string(&topic), &body);
}
