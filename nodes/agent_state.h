/* agent_state.h - the shell around the agent's core, shared by the files of this folder
 * only.
 *
 * agent.c: the loop. agent_broker.c: messages from and to the broker. agent_local.c: the
 * supervisor's channel, finished jobs, the follower. agent_effects.c: carries out what
 * the core wants. agent_adopt.c: takes over what an earlier agent left. agent_drain.c:
 * the orderly end. agent_kept.c: outputs that stay here. agent_remove.c: files that
 * nobody needs. agent_session.c: sessions with the broker. agent_empty.c: tasks without a
 * command. agent_warm.c: folders that go from one attempt to the next. classes.c: what
 * tasks have in common. */
#pragma once

#include "broker/artifacts/bulk.h"
#include "broker/link/link.h"
#include "codecs/wire/block.h"
#include "codecs/wire/session.h"
#include "nodes/agent.h"
#include "nodes/announcer.h"
#include "nodes/core/agent_core.h"
#include "nodes/ended.h"
#include "nodes/peers.h"
#include "nodes/staging/follow.h"
#include "nodes/staging/warm.h"
#include "nodes/supervisor/channel.h"
#include "nodes/workers.h"

struct work_class { /* what the tasks of one stage have in common */
    struct arena *arena;
    uint64_t run;
    uint32_t stage_number, uses;
    struct class_message head;
    struct plan_stage *stage;
    struct warm *parked; /* folders without an attempt, the last first */
    uint32_t folders;    /* that are parked, or that an attempt has who may pass it on */
    uint32_t misses;     /* attempts that left something, less those that did not */
    char environment[DIGEST_TEXT_SIZE]; /* as it was at environment_us */
    int64_t environment_us;
};

struct hand {                 /* what the shell holds of one attempt */
    uint64_t token;           /* 0: free */
    struct work_class *class; /* NULL for an adopted one */
    struct arena *arena;      /* identity, stage of an adopted one, result */
    struct attempt_identity identity;
    const struct plan_stage *stage;
    struct job job;
    bool has_job;
    bool is_followed;
    bool has_exited;
    struct warm *warm; /* its folder, when it may be passed on, once it is prepared */
    bool has_folder;   /* it counts among those of its class */
    bool is_waiting;   /* for a folder: it has none */
    bool is_logged;    /* its result is in ended.h's file, and the folder another's */
    unsigned log_file;
    struct channel_message exit; /* EXITED or FAILED */
    char message[ERR_TEXT_MAX];  /* why it failed before it started, or why it was stopped
                                  */
    int64_t started_us;
    int64_t output_us; /* of the last output that the core was told */
};

struct ended_block { /* of tasks without a command, until it is taken */
    struct task_block block;
    struct buf times;
    int64_t resend_us; /* when it is told again; 0: now */
};
struct ended_blocks {
    struct ended_block *items;
    size_t first, count, capacity; /* those from first to count are not taken yet */
};

enum { EMPTY_MAX = 16384 }; /* tasks without a command at once; docs/limits.md */

struct agent {
    struct agent_settings settings;
    void *context, *broker;
    void *monitor; /* tells each time that the connection to the broker is made */
    struct staging staging;
    struct cache *cache;
    struct follower *follower;
    struct workers *workers;
    struct stream_server *streams;
    struct bulk_server *giving; /* of the cache's files to other nodes, or NULL */
    struct announcer *announcer;
    struct peer_options peers;
    char own_endpoint[ENDPOINT_MAX]; /* where others reach it; "" if nowhere */
    struct agent_core *core;
    struct agent_effects effects;
    size_t applied;
    struct hand **hands;
    uint32_t hand_count, hand_capacity;
    struct work_class **classes;
    uint32_t class_count, class_capacity;
    uint32_t parked_count; /* of all classes */
    int signal_fd;
    struct session session;
    uint32_t protocol;       /* agreed with the broker; 0: not yet */
    uint32_t channel;        /* and with the supervisor */
    char bulk[ENDPOINT_MAX]; /* in use; "" until the broker told it */
    struct err failure;      /* why another agent has to begin anew; rc RC_OK if not */
    bool is_joined, is_listed, is_ending, has_said_no_namespace, is_draining;
    int64_t drain_until_us;
    struct ended_blocks ended;
    struct ended_log *ended_log;
    struct arena *left_arena; /* until all is listed: what an earlier agent wrote there */
    struct ended_item *left;
    size_t left_count;
    struct agent_look *looks;       /* under way */
    struct job settling;            /* asks what is kept here and the broker has by now */
    bool is_settling, has_given_up; /* to copy what is kept */
    int64_t next_settle_us;
    struct removal *removals; /* that workers have */
    size_t removal_count;
    char no_namespace[CHANNEL_TEXT_MAX];
    uint64_t told_run; /* the last run that was told how its commands run */
    int64_t now_us, heard_us, next_beat_us, next_join_us;
    int64_t monotonic_us; /* of the moment that now_us names */
    uint64_t timeout_ms;
    uint64_t *started, *reports; /* tokens of what the broker is to be told */
    int64_t tell_us;             /* when it is told at the latest; 0: there is nothing */
    uint32_t started_count, started_capacity, report_count, report_capacity;
};

/* agent.c */
int64_t agent_clock_us(void);
uint32_t agent_cpu_of(const struct plan_stage *stage); /* as the broker counts */
uint32_t agent_memory_of(const struct plan_stage *stage);
void agent_offer(struct agent *agent); /* to its core: what may run at once */
void agent_input(struct agent *agent,
                 const struct agent_input *input); /* and carries out */

enum rc agent_use_bulk(struct agent *agent, const char *endpoint, struct err *err);

/* agent_kept.c */
void kept_step(struct agent *agent);
void kept_settled(struct agent *agent);
/* Whether a drain has to wait for what is kept here. */
bool kept_is_due(const struct agent *agent);
void kept_tell(const struct agent *agent); /* in the log, before the node ends */

/* agent_remove.c */
void removal_begin(struct agent *agent, const struct link_frame *body,
                   struct arena *arena);
void removal_ended(struct agent *agent, struct removal *removal);
void removals_fini(struct agent *agent);
/* agent_look.c */
void look_begin(struct agent *agent, const void *body, size_t size);
void look_end(struct agent *agent, struct job *job);
void looks_cancel(struct agent *agent);
void looks_fini(struct agent *agent);

/* agent_drain.c */
void drain_begin(struct agent *agent);
void drain_step(struct agent *agent);
int64_t drain_deadline_us(const struct agent *agent);
uint32_t agent_slots(const struct agent *agent); /* to offer: none while draining */
void agent_tell_slots(struct agent *agent);

/* agent_broker.c */
void broker_receive(struct agent *agent);
void broker_join(struct agent *agent);
void broker_send(struct agent *agent, enum message_type type, const struct buf *body);
/* Adds what the node has heard. */
void broker_beat(struct agent *agent, const struct beat *beat);
void broker_tell(struct agent *agent);             /* started and results, now or soon */
int64_t broker_tell_us(const struct agent *agent); /* when; INT64_MAX: nothing waits */
void broker_timers(struct agent *agent);

/* agent_empty.c */
void empty_run(struct agent *agent, const struct assignment *tasks);
void empty_taken(struct agent *agent, uint64_t token); /* of the first of a block */
void empty_repeat(struct agent *agent);                /* all of them */
void empty_tell(struct agent *agent);                  /* those that are due */
int64_t empty_deadline_us(const struct agent *agent);  /* INT64_MAX: none is */
size_t empty_count(const struct agent *agent);         /* tasks that are not taken yet */
size_t empty_tokens(const struct agent *agent, uint64_t *tokens); /* of so many */
void empty_fini(struct agent *agent);

/* agent_session.c */
void agent_session_load(struct agent *agent);
/* told: the last number that the broker knows, 0 if none. */
void agent_session_begin(struct agent *agent, uint64_t told);

/* agent_local.c */
void channel_drain(struct agent *agent);
void channel_tell(struct agent *agent, enum channel_kind kind, uint64_t token,
                  int signal);
void jobs_drain(struct agent *agent);
void follow_drain(struct agent *agent);
void on_stop_condition(void *context, uint64_t token, const char *condition);

void agent_prepared(struct agent *agent, struct hand *hand); /* as its job tells */

/* agent_warm.c */
void warm_begin(struct agent *agent, struct hand *hand); /* prepares it, now or later */
/* Takes a hand that waits out of the line; false: it does not wait. */
bool warm_cancel(struct agent *agent, struct hand *hand);
/* Whether that was all of collecting: the hand has its result, and no folder. */
bool warm_collect(struct agent *agent, struct hand *hand,
                  const struct agent_effect *effect, struct task_result *result);
void warm_end(struct agent *agent, struct hand *hand); /* its folder is not passed on */
void warm_drop(struct agent *agent, int64_t kept_us);  /* those unused for so long */

/* agent_effects.c */
void effects_apply(struct agent *agent);

/* agent_adopt.c */
NODISCARD enum rc adopt_all(struct agent *agent, struct err *err);
void adopt_told(struct agent *agent, const struct channel_message *message);
void adopt_end(struct agent *agent); /* all was told */

/* classes.c, hands */
struct work_class *class_find(struct agent *agent, uint64_t run, uint32_t stage);
struct work_class *class_add(struct agent *agent, const void *body, size_t size);
void classes_fini(struct agent *agent);
struct hand *hand_find(struct agent *agent, uint64_t token);
struct hand *hand_add(struct agent *agent, uint64_t token);
void hand_remove(struct agent *agent, struct hand *hand);
void hands_fini(struct agent *agent);
