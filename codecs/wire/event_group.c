/* event_group.c - see event_group.h. */
#include "codecs/wire/event_group.h"

#include "codecs/wire/result.h"
#include "codecs/wire/state.h"

enum { GROUP_FIELDS = 7 };

static unsigned events_each(enum event_group_kind kind)
{
    return kind == EVENTS_ENDED ? 3 : 1;
}

uint64_t event_group_events(const struct event_group *group)
{
    return group->count * events_each(group->kind);
}

void event_group_encode(struct buf *buf, const struct event_group *group)
{
    pack_list(buf, GROUP_FIELDS);
    pack_uint(buf, EVENT_GROUP_FORMAT);
    pack_uint(buf, group->kind);
    pack_int(buf, group->time_us);
    pack_uint(buf, group->run);
    pack_uint(buf, group->token);
    pack_uint(buf, group->count);
    pack_bytes(buf, group->texts.data, group->texts.size);
}

static bool has_texts(struct bytes texts, uint64_t count)
{
    uint64_t ends = 0;

    for (size_t i = 0; i < texts.size; i++)
        ends += texts.data[i] == '\0';
    return ends == count + 1 && texts.data[texts.size - 1] == '\0';
}

bool event_group_decode(const void *bytes, size_t size, struct event_group *group)
{
    struct event_group read = { 0 };
    struct reader reader;

    reader_init(&reader, bytes, size);
    if (reader_list(&reader) != GROUP_FIELDS
        || reader_uint(&reader) != EVENT_GROUP_FORMAT)
        return false;
    read.kind =
        (enum event_group_kind)reader_uint_max(&reader, EVENT_GROUP_KIND_COUNT - 1);
    read.time_us = reader_int(&reader);
    read.run = reader_uint(&reader);
    read.token = reader_uint(&reader);
    read.count = reader_uint_max(&reader, EVENT_GROUP_STAGES_MAX);
    read.texts = reader_bytes(&reader);
    if (!reader_at_end(&reader) || read.count == 0 || !has_texts(read.texts, read.count))
        return false;
    *group = read;
    return true;
}

void event_group_begin(struct event_group_walk *walk, const struct event_group *group)
{
    *walk = (struct event_group_walk){ .group = group, .node = group->texts.data };
    walk->stage = walk->node + strlen(walk->node) + 1;
}

static struct announcement of_stage(const struct event_group_walk *walk,
                                    enum stage_state state)
{
    return (struct announcement){ .kind = "stage",
                                  .run = walk->group->run,
                                  .stage = walk->stage,
                                  .count = 1,
                                  .state = stage_state_name(state) };
}

static struct announcement of_task(const struct event_group_walk *walk)
{
    bool has_ended = walk->group->kind == EVENTS_ENDED;

    return (struct announcement){ .kind = has_ended ? "task" : "attempt",
                                  .run = walk->group->run,
                                  .stage = walk->stage,
                                  .has_index = true,
                                  .count = 1,
                                  .token = walk->group->token + walk->place,
                                  .attempt = 1,
                                  .node = walk->node,
                                  .cause = has_ended ? cause_name(CAUSE_EXIT) : NULL,
                                  .has_exit = has_ended,
                                  .state = has_ended ? "complete" : "assigned" };
}

bool event_group_next(struct event_group_walk *walk, struct announcement *what)
{
    enum event_group_kind kind = walk->group->kind;

    if (walk->place == walk->group->count)
        return false;
    if (kind == EVENTS_QUEUED)
        *what = of_stage(walk, STAGE_QUEUED);
    else if (kind == EVENTS_ASSIGNED || walk->part == 0)
        *what = of_task(walk);
    else
        *what = of_stage(walk, walk->part == 1 ? STAGE_STARTED : STAGE_COMPLETE);
    if (++walk->part < events_each(kind))
        return true;
    walk->part = 0;
    if (++walk->place < walk->group->count)
        walk->stage += strlen(walk->stage) + 1;
    return true;
}
