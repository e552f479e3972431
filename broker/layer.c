/* layer.c - see layer.h. */
#include "broker/broker_state.h"
#include "codecs/wire/event_group.h"

#include <stdlib.h>

enum { GROUP_MIN = 8 }; /* fewer share a page with other events */

void layer_fini(struct layer *layer)
{
    free(layer->queued.members);
    free(layer->assigned.members);
    free(layer->ended.members);
    buf_fini(&layer->texts);
}

void layer_forget(struct layer *layer)
{
    layer->queued.count = layer->assigned.count = layer->ended.count = 0;
}

/* False: no memory. */
static bool list_add(struct layer_list *list, const struct change *change)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct layer_member *members =
            reallocarray(list->members, capacity, sizeof *members);

        if (!members)
            return false;
        list->members = members;
        list->capacity = capacity;
    }
    list->members[list->count++] = (struct layer_member){ .run = change->run,
                                                          .token = change->token,
                                                          .stage = change->stage,
                                                          .node = change->node };
    return true;
}

static bool is_plain(const struct broker *broker, const struct change *change)
{
    return core_stage_is_plain(broker->core, change->run, change->stage);
}

/* The member that ended last, if it is of the stage. */
static struct layer_member *last_ended(struct layer *layer, const struct change *change)
{
    struct layer_list *ended = &layer->ended;
    struct layer_member *last =
        ended->count > 0 ? &ended->members[ended->count - 1] : NULL;

    return last && last->run == change->run && last->stage == change->stage ? last : NULL;
}

bool layer_takes_stage(struct broker *broker, const struct change *change)
{
    struct layer *layer = &broker->layer;
    struct layer_member *last;

    if (change->state == STAGE_QUEUED)
        return is_plain(broker, change) && list_add(&layer->queued, change);
    last = last_ended(layer, change);
    if (!last || last->is_complete)
        return false;
    if (change->state == STAGE_STARTED)
        return last->has_started = true;
    if (change->state != STAGE_COMPLETE || !last->has_started)
        return false;
    return last->is_complete = true;
}

bool layer_takes_assigned(struct broker *broker, const struct change *change)
{
    return change->number == 1 && change->gpus == 0 && is_plain(broker, change)
           && list_add(&broker->layer.assigned, change);
}

bool layer_takes_ended(struct broker *broker, const struct change *change)
{
    return is_plain(broker, change) && list_add(&broker->layer.ended, change);
}

static const char *name_of(struct broker *broker, const struct layer_member *member)
{
    return stage_name(broker, member->run, member->stage);
}

static struct announcement stage_event(struct broker *broker,
                                       const struct layer_member *member,
                                       enum stage_state state)
{
    return (struct announcement){ .kind = "stage",
                                  .run = member->run,
                                  .stage = name_of(broker, member),
                                  .count = 1,
                                  .state = stage_state_name(state) };
}

static struct announcement task_event(struct broker *broker,
                                      const struct layer_member *member, bool has_ended)
{
    return (struct announcement){ .kind = has_ended ? "task" : "attempt",
                                  .run = member->run,
                                  .stage = name_of(broker, member),
                                  .has_index = true,
                                  .count = 1,
                                  .token = member->token,
                                  .attempt = 1,
                                  .node = broker->peers[member->node].name,
                                  .cause = has_ended ? cause_name(CAUSE_EXIT) : NULL,
                                  .has_exit = has_ended,
                                  .state = has_ended ? "complete" : "assigned" };
}

static void announce_one(struct broker *broker, enum event_group_kind kind,
                         const struct layer_member *member)
{
    struct announcement what = kind == EVENTS_QUEUED
                                   ? stage_event(broker, member, STAGE_QUEUED)
                                   : task_event(broker, member, kind == EVENTS_ENDED);

    announce(broker, &what);
    if (member->has_started) {
        what = stage_event(broker, member, STAGE_STARTED);
        announce(broker, &what);
    }
    if (member->is_complete) {
        what = stage_event(broker, member, STAGE_COMPLETE);
        announce(broker, &what);
    }
}

/* How many members from the first on one group can tell of. */
static size_t group_size(enum event_group_kind kind, const struct layer_member *first,
                         size_t count)
{
    size_t size = 0;

    while (size < count && size < EVENT_GROUP_STAGES_MAX && first[size].run == first->run
           && first[size].node == first->node
           && (kind == EVENTS_QUEUED || first[size].token == first->token + size)
           && (kind != EVENTS_ENDED || first[size].is_complete))
        size++;
    return size;
}

static void announce_members(struct broker *broker, enum event_group_kind kind,
                             const struct layer_member *members, size_t count)
{
    struct buf *texts = &broker->layer.texts;
    struct event_group group = { .kind = kind,
                                 .time_us = broker->now_us,
                                 .run = members->run,
                                 .token = members->token,
                                 .count = count };

    buf_clear(texts);
    if (kind != EVENTS_QUEUED)
        buf_text(texts, broker->peers[members->node].name);
    buf_byte(texts, 0);
    for (size_t i = 0; i < count; i++) {
        buf_text(texts, name_of(broker, &members[i]));
        buf_byte(texts, 0);
    }
    group.texts = (struct bytes){ (const char *)texts->data, texts->size };
    must(buf_ok(texts));
    announce_group(broker, &group);
}

static void list_flush(struct broker *broker, enum event_group_kind kind,
                       struct layer_list *list)
{
    size_t at = 0;

    while (at < list->count) {
        size_t count = group_size(kind, &list->members[at], list->count - at);

        if (count >= GROUP_MIN) {
            announce_members(broker, kind, &list->members[at], count);
            at += count;
        } else {
            announce_one(broker, kind, &list->members[at++]);
        }
    }
    list->count = 0;
}

void layer_flush(struct broker *broker)
{
    struct layer *layer = &broker->layer;

    if (layer->is_flushing
        || layer->queued.count + layer->assigned.count + layer->ended.count == 0)
        return;
    layer->is_flushing = true;
    list_flush(broker, EVENTS_ENDED, &layer->ended);
    list_flush(broker, EVENTS_QUEUED, &layer->queued);
    list_flush(broker, EVENTS_ASSIGNED, &layer->assigned);
    layer->is_flushing = false;
}
