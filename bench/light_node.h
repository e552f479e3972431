/* light_node.h - one node of a crowd: what it says to the broker and hears from it. */
#pragma once

#include "codecs/base/buf.h"
#include "codecs/wire/message.h"
#include "codecs/wire/session.h"

enum { LIGHT_EMPTY_MAX = 16384 }; /* tasks without a command that noded takes at once */

struct done { /* a task that has ended, or a block of them; token 0: it was taken */
    uint64_t token;
    uint64_t count; /* of a block; 0: one task with a result of its own */
    int64_t started_us, ended_us;
    struct buf times; /* of a block */
};

struct light_node {
    char name[NODE_NAME_MAX + 1];
    unsigned slots, empty_max; /* empty_max: tasks without a command at once */
    unsigned early;   /* tasks for each slot that it takes before there is room */
    unsigned running; /* counted by who has the tasks */
    void *socket;
    struct session session;
    bool is_joined;
    int64_t next_us; /* when it beats or joins again */
    /* Ended tasks that the broker has not taken, in their order; told: how many of them
     * were said in this session. */
    struct done *done;
    size_t done_head, done_count, done_capacity, told;
};

/* What the crowd is told by its nodes: a task came, the settings of a stage came. */
struct light_calls {
    void (*on_task)(void *context, struct light_node *node, const struct assignment *task,
                    uint64_t token);
    void (*on_class)(void *context, const struct class_message *class);
    void *context;
};

NODISCARD enum rc light_node_open(struct light_node *node, void *zmq_context,
                                  const char *endpoint, unsigned number, unsigned slots,
                                  unsigned empty_max, struct err *err);
void light_node_close(struct light_node *node);

/* Begins a session; also_tokens are attempts that it has besides those that ended. */
void light_node_join(struct light_node *node, const uint64_t *also_tokens,
                     size_t also_count, int64_t now_us);
void light_node_beat(struct light_node *node);
/* An attempt has ended well. */
void light_node_done(struct light_node *node, const struct done *done);
void light_node_started(struct light_node *node, uint64_t token, int64_t started_us);
/* Takes what has arrived. rejoins: whether the broker wants a new session. */
void light_node_receive(struct light_node *node, const struct light_calls *calls,
                        bool *rejoins);
/* Says what has ended and was not said; false if there was nothing. */
bool light_node_tell(struct light_node *node);
