/* event.c - events as bytes, and the order in which they are taken. */
#include "codecs/wire/event.h"

/* run/<n>/run/<state>, run/<n>/stage/<name>/<state>,
 * run/<n>/<kind>/<stage>/<index>/<state>, <kind>/<name>/<state>. Names with '/' keep it:
 * topics are matched by prefix only. */
static void topic_of(const struct announcement *what, struct buf *topic)
{
    if (what->subject) {
        buf_printf(topic, "%s/%s/%s", what->kind, what->subject, what->state);
        return;
    }
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
    add_text(fields, "target", what->target, &count);
    add_text(fields, "project", what->project, &count);
    add_text(fields, "by", what->by, &count);
    return count;
}

void event_encode(const struct announcement *what, uint64_t number, int64_t time_us,
                  struct buf *topic, struct buf *body)
{
    scoped_buf fields = { 0 };
    size_t count = add_fields(&fields, what);

    topic_of(what, topic);
    pack_map(body, count + 3);
    pack_text(body, "n");
    pack_uint(body, number);
    pack_text(body, "t");
    pack_int(body, time_us);
    pack_text(body, "topic");
    pack_string(body, (const char *)topic->data, topic->size);
    buf_add(body, fields.data, fields.size);
    must(buf_ok(topic) && buf_ok(body));
}

bool event_decode(const void *body, size_t size, struct event_head *head)
{
    struct event_head read = { .topic = { "", 0 } };
    struct reader reader;

    reader_init(&reader, body, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "n"))
            read.number = reader_uint(&reader);
        else if (bytes_are(key, "t"))
            read.time_us = reader_int(&reader);
        else if (bytes_are(key, "topic"))
            read.topic = reader_string(&reader);
        else
            reader_skip(&reader);
    }
    if (!reader_ok(&reader) || read.number == 0)
        return false;
    *head = read;
    return true;
}

void event_cursor_begin(struct event_cursor *cursor, uint64_t since, uint64_t live_max)
{
    *cursor = (struct event_cursor){ .last = since, .live_max = live_max, .asks = true };
}

enum event_verdict event_cursor_live(struct event_cursor *cursor, uint64_t number)
{
    cursor->live++;
    if (number == 0 || number > cursor->last + 1) {
        cursor->asks = true;
        return EVENT_ASK;
    }
    if (number <= cursor->last)
        return EVENT_SKIP;
    cursor->last = number;
    return EVENT_TAKE;
}

enum event_verdict event_cursor_stored(struct event_cursor *cursor, uint64_t number)
{
    if (number <= cursor->last)
        return EVENT_SKIP;
    cursor->last = number;
    return EVENT_TAKE;
}

void event_cursor_page(struct event_cursor *cursor, uint64_t first, uint64_t count)
{
    cursor->live = 0;
    cursor->asks = count > 0;
    if (first > cursor->last + 1)
        cursor->last = first - 1;
}

void event_cursor_pause(struct event_cursor *cursor)
{
    if (cursor->live >= cursor->live_max)
        cursor->asks = true;
}
