/* event.c - events as bytes, and the order in which they are taken. */
#include "codecs/wire/event.h"

static void add_decimal(struct buf *topic, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    buf_add(topic, digits + at, sizeof digits - at);
}

static void add_part(struct buf *topic, const char *text)
{
    buf_text(topic, text);
    buf_byte(topic, '/');
}

/* run/<n>/run/<state>, run/<n>/stage/<name>/<state>,
 * run/<n>/<kind>/<stage>/<index>/<state>, <kind>/<name>/<state>. Names with '/' keep it:
 * topics are matched by prefix only. */
static void topic_of(const struct announcement *what, struct buf *topic)
{
    if (what->subject || what->run == 0) {
        add_part(topic, what->kind);
        add_part(topic, what->subject ? what->subject : what->name);
        buf_text(topic, what->state);
        return;
    }
    buf_add(topic, "run/", 4);
    add_decimal(topic, what->run);
    buf_byte(topic, '/');
    add_part(topic, what->kind);
    if (what->stage)
        add_part(topic, what->stage);
    if (what->stage && what->has_index) {
        add_decimal(topic, what->index);
        buf_byte(topic, '/');
    }
    buf_text(topic, what->state);
}

struct fields {       /* of an event's body: counted first, then written */
    struct buf *body; /* NULL: only counted */
    size_t count;
};

static bool has_field(struct fields *fields, bool is_there, const char *key)
{
    if (!is_there)
        return false;
    fields->count++;
    if (fields->body)
        pack_text(fields->body, key);
    return fields->body != NULL;
}

static void add_text(struct fields *fields, const char *key, const char *text)
{
    if (has_field(fields, text && text[0], key))
        pack_text(fields->body, text);
}

static void add_number(struct fields *fields, const char *key, uint64_t number,
                       bool is_there)
{
    if (has_field(fields, is_there, key))
        pack_uint(fields->body, number);
}

static void add_fields(struct fields *fields, const struct announcement *what)
{
    add_text(fields, "kind", what->kind);
    add_number(fields, "run", what->run, what->run > 0);
    add_text(fields, "stage", what->stage);
    add_number(fields, "index", what->index, what->has_index);
    add_number(fields, "count", what->count, what->count > 0);
    add_number(fields, "attempt", what->attempt, what->attempt > 0);
    add_number(fields, "token", what->token, what->token > 0);
    add_text(fields, "state", what->state);
    add_text(fields, "node", what->node);
    add_text(fields, "name", what->name);
    add_text(fields, "digest", what->digest);
    add_number(fields, "size", what->size, what->size > 0);
    add_text(fields, "cause", what->cause);
    if (has_field(fields, what->has_exit, "exit"))
        pack_int(fields->body, what->exit_code);
    add_text(fields, "reason", what->reason);
    add_text(fields, "target", what->target);
    add_text(fields, "project", what->project);
    add_text(fields, "by", what->by);
}

void event_encode(const struct announcement *what, uint64_t number, int64_t time_us,
                  struct buf *topic, struct buf *body)
{
    struct fields counted = { 0 }, written = { .body = body };

    add_fields(&counted, what);
    topic_of(what, topic);
    pack_map(body, counted.count + 3);
    pack_text(body, "n");
    pack_uint(body, number);
    pack_text(body, "t");
    pack_int(body, time_us);
    pack_text(body, "topic");
    pack_string(body, (const char *)topic->data, topic->size);
    add_fields(&written, what);
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
