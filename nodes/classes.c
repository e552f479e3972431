/* classes.c - the classes a node knows, and what it holds of each attempt. */
#include "nodes/agent_state.h"

#include <stdlib.h>

enum { CLASS_ARENA_MAX = 1 << 30, HAND_ARENA_MAX = 1 << 30 };

static void class_free(struct work_class *class)
{
    arena_destroy(class->arena);
    free(class);
}

struct work_class *class_find(struct agent *agent, uint64_t run, uint32_t stage)
{
    for (uint32_t i = 0; i < agent->class_count; i++)
        if (agent->classes[i]->run == run && agent->classes[i]->stage_number == stage)
            return agent->classes[i];
    return NULL;
}

/* Drops the oldest class that no attempt uses, when there are many. The broker is asked
 * again if it is needed after all. */
static void make_room(struct agent *agent)
{
    if (agent->class_count < agent->settings.classes_max)
        return;
    for (uint32_t i = 0; i < agent->class_count; i++) {
        if (agent->classes[i]->uses > 0)
            continue;
        class_free(agent->classes[i]);
        agent->class_count--;
        for (; i < agent->class_count; i++)
            agent->classes[i] = agent->classes[i + 1];
        return;
    }
}

struct work_class *class_add(struct agent *agent, const void *body, size_t size)
{
    struct work_class *class = calloc(1, sizeof *class);
    struct err err;

    if (class)
        class->arena = arena_create(CLASS_ARENA_MAX);

    char *kept = class && class->arena ? arena_copy(class->arena, body, size) : NULL;

    if (!kept || class_decode(kept, size, class->arena, &class->head, &err) != RC_OK
        || plan_stage_decode(class->arena, class->head.resolved.data,
                             class->head.resolved.size, &class->stage, &err)
               != RC_OK) {
        if (class)
            class_free(class);
        return NULL;
    }
    class->run = class->head.run;
    class->stage_number = class->head.stage;
    if (class_find(agent, class->run, class->stage_number)) {
        struct work_class *known = class_find(agent, class->run, class->stage_number);

        class_free(class);
        return known;
    }
    make_room(agent);
    if (agent->class_count == agent->class_capacity) {
        agent->class_capacity = agent->class_capacity ? agent->class_capacity * 2 : 16;
        agent->classes = reallocarray(agent->classes, agent->class_capacity,
                                      sizeof(struct work_class *));
        must(agent->classes != NULL);
    }
    agent->classes[agent->class_count++] = class;
    return class;
}

void classes_fini(struct agent *agent)
{
    for (uint32_t i = 0; i < agent->class_count; i++)
        class_free(agent->classes[i]);
    free(agent->classes);
}

struct hand *hand_find(struct agent *agent, uint64_t token)
{
    for (uint32_t i = 0; i < agent->hand_count; i++)
        if (agent->hands[i]->token == token)
            return agent->hands[i];
    return NULL;
}

struct hand *hand_add(struct agent *agent, uint64_t token)
{
    struct hand *hand = calloc(1, sizeof *hand);

    must(hand != NULL);
    hand->token = token;
    hand->arena = arena_create(HAND_ARENA_MAX);
    must(hand->arena != NULL);
    if (agent->hand_count == agent->hand_capacity) {
        agent->hand_capacity = agent->hand_capacity ? agent->hand_capacity * 2 : 16;
        agent->hands =
            reallocarray(agent->hands, agent->hand_capacity, sizeof(struct hand *));
        must(agent->hands != NULL);
    }
    agent->hands[agent->hand_count++] = hand;
    return hand;
}

static void hand_free(struct hand *hand)
{
    warm_destroy(hand->warm);
    arena_destroy(hand->arena);
    buf_fini(&hand->job.encoded);
    free(hand);
}

void hand_remove(struct agent *agent, struct hand *hand)
{
    if (hand->class) {
        must(hand->class->uses > 0);
        hand->class->uses--;
    }
    for (uint32_t i = 0; i < agent->hand_count; i++)
        if (agent->hands[i] == hand)
            agent->hands[i] = agent->hands[--agent->hand_count];
    hand_free(hand);
}

void hands_fini(struct agent *agent)
{
    for (uint32_t i = 0; i < agent->hand_count; i++)
        hand_free(agent->hands[i]);
    free(agent->hands);
}
