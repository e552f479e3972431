/* agent_look.c - the broker asks what the inputs of a stage hold now: a worker looks, and
 * it is told. */
#include "nodes/agent_state.h"
#include "codecs/wire/look.h"

#include <stddef.h>
#include <stdlib.h>

enum { LOOK_ARENA_MAX = 256 << 20 };

struct agent_look {
    struct job job;
    uint64_t run;
    uint32_t stage;
    struct work_class *class;
    struct input_look look;
    struct agent_look *next;
};

static void look_free(struct agent_look *item)
{
    arena_destroy(item->look.arena);
    free(item);
}

static void tell(struct agent *agent, const struct look_message *message)
{
    scoped_buf body = { 0 };

    buf_init(&body, MESSAGE_BODY_MAX);
    look_encode(&body, message);
    if (!buf_ok(&body)) {
        buf_clear(&body);
        buf_init(&body, MESSAGE_BODY_MAX);
        look_encode(&body, &(struct look_message){ .run = message->run,
                                                   .stage = message->stage,
                                                   .text = "there are too many files" });
    }
    broker_send(agent, MESSAGE_LOOKED, &body);
}

/* What is looked at already is told when that is done, whichever session asked. */
static bool is_looking(const struct agent *agent, const struct look_message *asked)
{
    for (const struct agent_look *item = agent->looks; item; item = item->next)
        if (item->run == asked->run && item->stage == asked->stage)
            return true;
    return false;
}

void look_begin(struct agent *agent, const void *body, size_t size)
{
    struct agent_look *item = calloc(1, sizeof *item);
    struct look_message asked;
    struct err err;

    must(item != NULL);
    item->look.arena = arena_create(LOOK_ARENA_MAX);
    if (!item->look.arena
        || look_decode(body, size, item->look.arena, &asked, &err) != RC_OK
        || is_looking(agent, &asked)) {
        look_free(item);
        return;
    }
    item->run = asked.run;
    item->stage = asked.stage;
    item->class = class_find(agent, asked.run, asked.stage);
    if (!item->class) {
        tell(agent, &(struct look_message){ .run = asked.run,
                                            .stage = asked.stage,
                                            .text = "the node does not know the stage" });
        look_free(item);
        return;
    }
    item->class->uses++;
    item->look.run_id = item->class->head.run_id;
    item->look.stage = item->class->stage;
    item->look.files = asked.files;
    item->look.file_count = asked.file_count;
    item->job = (struct job){ .kind = JOB_LOOK, .look = &item->look };
    item->next = agent->looks;
    agent->looks = item;
    workers_submit(agent->workers, &item->job);
}

void look_end(struct agent *agent, struct job *job)
{
    struct agent_look *item =
        (struct agent_look *)((char *)job - offsetof(struct agent_look, job));
    struct agent_look **at = &agent->looks;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    must(item->class->uses > 0);
    item->class->uses--;
    tell(agent, &(struct look_message){ .run = item->run,
                                        .stage = item->stage,
                                        .files = item->look.found,
                                        .file_count = item->look.found_count,
                                        .text = item->look.text });
    look_free(item);
}

void looks_cancel(struct agent *agent)
{
    for (struct agent_look *item = agent->looks; item; item = item->next)
        item->job.cancelled = true;
}

void looks_fini(struct agent *agent)
{
    while (agent->looks) {
        struct agent_look *item = agent->looks;

        agent->looks = item->next;
        look_free(item);
    }
}
