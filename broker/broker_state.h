/* broker_state.h - the shell around the core, shared by the files of this folder only.
 *
 * One value's way through a turn: inbox.c takes a message apart -> requests.c, queries.c
 * or nodes.c makes core inputs of it -> apply.c turns the core's changes into store
 * writes, events (announce.c), node mail (mail.c) and answers to the core's questions
 * (questions.c, reuse.c) -> turn.c commits, then outbox.c speaks. */
#pragma once

#include "broker/artifacts/bulk.h"
#include "broker/broker.h"
#include "broker/core/core.h"
#include "broker/core/table.h"
#include "broker/labels.h"
#include "broker/layer.h"
#include "broker/link/link.h"
#include "broker/listeners.h"
#include "broker/looks.h"
#include "broker/outbox.h"
#include "broker/reuse.h"
#include "broker/space/space.h"
#include "broker/store/lineage.h"
#include "broker/store/copy.h"
#include "broker/store/secrets.h"
#include "broker/store/store.h"
#include "codecs/plan/resolve.h"
#include "codecs/wire/block.h"
#include "codecs/wire/event_group.h"
#include "codecs/wire/session.h"

struct class_hash { /* of what the tasks of a stage have in common (versions.c) */
    uint8_t hash[DIGEST_SIZE];
    bool is_known;
};

struct run_plan { /* a decoded plan of an active run */
    uint64_t run;
    int64_t used_us;
    struct arena *arena;
    struct plan *plan;
    struct run_head head;       /* texts in the arena */
    struct class_hash *classes; /* by stage; NULL before the first is asked for */
    uint8_t head_hash[DIGEST_SIZE], plan_hash[DIGEST_SIZE]; /* known with classes */
};

struct node_mail { /* what a turn has for one node */
    struct assignment *tasks;
    size_t task_count, task_capacity;
    uint64_t *stops, *drops, *taken;
    size_t stop_count, stop_capacity, drop_count, drop_capacity, taken_count,
        taken_capacity;
};

struct peer {                     /* a node, by its number */
    char name[NODE_NAME_MAX + 1]; /* also its socket identity; "" for a free number */
    char version[NODE_NAME_MAX + 1];
    struct session session; /* of its last join; stored */
    uint32_t protocol;      /* agreed with it by its last join */
    bool has_joined;        /* since this broker started */
    bool takes_empty;       /* tasks without a command, as such */
    bool removes;           /* it can be told to remove files */
    bool looks;             /* can be asked what inputs hold (looks.h) */
    struct table classes;   /* class keys that were sent since it joined */
    struct node_mail mail;
    bool has_mail;
};

struct client { /* who asked, for the reply */
    unsigned char identity[256];
    size_t identity_size;
    uint64_t id;
};

struct submission { /* what a submit holds while the core takes it */
    struct run_plan plan;
    struct bytes bytes;
    struct plan_secrets *secrets; /* of each stage; NULL: the plan has none */
    uint64_t run;                 /* set when the core has taken it */
};

enum { ASKED_RUNS = 2 };

struct broker {
    struct broker_settings settings;
    void *context; /* libzmq */
    void *requests, *events;
    char requests_at[ENDPOINT_MAX], events_at[ENDPOINT_MAX],
        bulk_at[ENDPOINT_MAX]; /* as told to others */
    struct objects *objects;
    struct bulk_server *bulk;
    struct store *store;
    struct core *core;
    struct counters counters;
    bool counters_changed;
    struct changes changes;
    size_t applied;        /* changes up to here were turned into writes and messages */
    struct arena *scratch; /* of the message in hand */
    struct outbox outbox;
    struct buf event_topic, event_body; /* of the event in hand; kept for the next one */
    struct digester *digester;          /* sha256, of this loop */
    struct unread *answers, *tellings;  /* that clients and nodes have to read */
    struct err batch; /* the first store failure of this turn; rc RC_OK if none */
    enum rc refused;  /* by the core, of the input in hand */
    const struct task_result *result; /* of the input in hand */
    struct bytes result_bytes;
    int64_t started_us;             /* of the input in hand */
    const struct task_block *block; /* of the input in hand */
    struct block_walk block_walk;   /* of that block */
    struct submission *submitting;
    struct labels labels;
    struct layer layer;
    struct listeners listeners; /* to events */
    struct reuse *reuse;
    struct looks *looks;
    struct space *space;
    struct peer *peers;
    uint32_t peer_count, peer_capacity;
    struct table peer_slots; /* hash of the name -> number */
    uint32_t *mailed; /* nodes that have mail, each once; as many places as peers */
    uint32_t mailed_count;
    struct table plan_slots; /* run -> slot */
    struct run_plan *plans;  /* by slot, without holes */
    uint32_t plan_count, plan_capacity;
    int64_t plans_due_us; /* before it no plan has to be dropped */
    uint64_t *visited;    /* runs whose plan came this turn, for the end of it */
    size_t visited_count, visited_capacity;
    uint64_t asked_runs[ASKED_RUNS]; /* have ended, plans stay for now; 0: none */
    int signal_fd;
    int64_t now_us, started_at_us, active_at_us, trim_at_us, readers_at_us;
    int64_t monotonic_us; /* of the moment that now_us names */
    uint64_t token_first; /* of this process: attempts below it began before */
    uint32_t joins_refused;
    bool is_ending; /* leave the loop after this turn */
};

/* broker.c */
void broker_reload(struct broker *broker);

/* turn.c */
int64_t clock_us(void);
int64_t monotonic_us(void);
void broker_step(struct broker *broker, const struct core_input *input); /* and applies */

/* restore.c */
struct core_options core_options_of(const struct broker_settings *settings);
NODISCARD enum rc broker_restore(struct broker *broker, struct err *err);

/* inbox.c */
void inbox_handle(struct broker *broker, const struct link_message *message);

/* requests.c, queries.c: take the request and put the reply's body into body, or fail. */
typedef enum rc request_handler(struct broker *broker, const struct request *request,
                                struct buf *body, struct err *err);
request_handler request_submit, request_cancel, request_approve, request_shutdown;
request_handler query_status, query_find, query_runs, query_view, query_plan, query_stage,
    query_tasks, query_result, query_locate, query_nodes, query_events, query_explain;
NODISCARD enum rc stage_by_name(struct broker *broker, const struct request *request,
                                struct run_plan **plan, uint32_t *stage, struct err *err);

/* What one task of a stage asks of a node; why something is in its state. In scratch. */
const char *demand_text(struct broker *broker, const struct plan_stage *stage);
const char *stage_reason(struct broker *broker, struct run_plan *plan, uint64_t run,
                         uint32_t stage, const struct stage_row *row);

/* names.c: requests about names. */
request_handler request_datum, request_alias, request_tag, request_dataset, query_resolve,
    query_datums, query_aliases, query_datasets;

/* nodes.c */
/* The node uses a protocol that is not ours: it is asked to join anew. */
void node_unspoken(struct broker *broker, const char *identity,
                   const struct message_header *header);
/* A line for the person about a run, from a node or whatever name tells. Lines beyond 64
 * KiB for a stage are dropped. */
void note_add(struct broker *broker, uint64_t run, uint32_t stage, const char *name,
              const char *text);
void node_message(struct broker *broker, const char *identity,
                  const struct message_header *header, const struct link_frame *body);
/* Whether what the node says belongs to a session. */
bool peer_is_open(const struct broker *broker, uint32_t number);

/* peers.c */
struct peer *peer_by_name(struct broker *broker, const char *name, uint32_t *number);
/* NULL: no memory. */
struct peer *peer_add(struct broker *broker, uint32_t number, const char *name);
void peers_fini(struct broker *broker);

/* mail.c */
void mail_task(struct broker *broker, uint32_t node, const struct assignment *item);
void mail_stop(struct broker *broker, uint32_t node, uint64_t token);
void mail_drop(struct broker *broker, uint32_t node, uint64_t token);
void mail_taken(struct broker *broker, uint32_t node, uint64_t token);
/* False: it could not be sent. */
bool mail_class(struct broker *broker, uint32_t node, uint64_t run, uint32_t stage);
/* The same, unless the node has it in this session. */
bool mail_class_once(struct broker *broker, uint32_t node, uint64_t run, uint32_t stage);
void mail_flush(struct broker *broker); /* into the outbox */
void mail_forget(struct broker *broker);
void peer_send(struct broker *broker, uint32_t node, enum message_type type,
               const struct buf *body);

/* blocks.c: empty tasks, which come and go many at a time. */
void span_assigned(struct broker *broker, const struct change *change);
/* The attempt is none of a span any more. */
void span_leave(struct broker *broker, const struct change *change);
void block_ended(struct broker *broker, const struct change *change);
void on_blocks(struct broker *broker, uint32_t node, const struct link_frame *body);

/* batch.c */
void batch_check(struct broker *broker, enum rc rc, const struct err *err);

/* apply.c */
void apply_ended(struct broker *broker, const struct change *change);
void apply_changes(struct broker *broker);

/* versions.c: a final end of a task; row as it will be stored. Gives its number. */
uint64_t version_add(struct broker *broker, const struct change *change,
                     const struct task_row *row, bool has_result);
/* The stage was resolved to these bytes, which its versions name by their hash. */
void class_resolved(struct broker *broker, uint64_t run, uint32_t stage,
                    const struct buf *resolved);
/* The same for tasks that ended as a block, whose encoding is bytes. */
uint64_t version_add_block(struct broker *broker, const struct change *change,
                           const struct task_block *block, const struct buf *bytes);
request_handler query_versions, query_origin;
/* Links a version of another store, whose bytes there were record. Gives its number. */
struct version;
uint64_t version_import(struct broker *broker, uint64_t run,
                        const struct version *version, struct bytes record);

/* export.c, import.c */
request_handler query_records, request_import;

/* outcomes.c */
request_handler query_outcomes;

/* space.c */
request_handler request_space;

/* lineage.c */
request_handler query_lineage, query_made;

/* announce.c */
void announce(struct broker *broker, const struct announcement *announcement);
void announce_group(struct broker *broker, const struct event_group *group);

/* layer_events.c: the list's order is that of the events. */
void announce_members(struct broker *broker, enum event_group_kind kind,
                      const struct layer_list *list);

/* near.c: sets near of the input, in scratch. */
void near_find(struct broker *broker, const struct plan_stage *stage,
               struct core_input *input);
/* The node made the file, and has it if it gives files to others. */
void near_made(struct broker *broker, uint32_t node, const struct plan_source *output);
/* Whether a node that is there says that it has the object, or made it and keeps it. */
bool near_has(struct broker *broker, const char *digest);

/* questions.c */
void answer_resolve(struct broker *broker, uint64_t run, uint32_t stage);
void answer_evaluate(struct broker *broker, uint64_t run, uint32_t stage, unsigned when);

/* plans.c */
struct run_plan *plan_of(struct broker *broker,
                         uint64_t run); /* NULL: no such run, or unreadable */
/* Takes the plan, unless it fails; it stays until the end of the turn at least. */
NODISCARD enum rc plan_keep(struct broker *broker, uint64_t run, struct run_plan *plan);
/* "?" if it is not there. Valid while the plan is. */
const char *stage_name(struct broker *broker, uint64_t run, uint32_t stage);
void plan_drop(struct broker *broker, uint64_t run);
/* Gives a stage that was stored the values of its secrets back, while the run goes on. */
NODISCARD enum rc stage_unmask(struct broker *broker, uint64_t run, uint32_t number,
                               struct arena *arena, struct plan_stage *stage,
                               struct err *err);
/* At the end of a turn: drops what came of runs that are over, or are too many, or in
 * which nothing has happened for a while. */
void plans_leave(struct broker *broker);
void plans_fini(struct broker *broker);
NODISCARD enum rc plan_shapes(struct broker *broker, const struct plan *plan,
                              struct arena *arena, struct stage_shape **shapes,
                              struct core_edge **edges);
/* The resolved stage, as it is stored or as it follows from the plan. RC_NOT_FOUND. */
NODISCARD enum rc resolved_of(struct broker *broker, uint64_t run, uint32_t stage,
                              struct buf *bytes, struct err *err);
struct stage_row stage_row_of(struct broker *broker, uint64_t run, uint32_t stage,
                              struct arena *arena);
/* Tasks that were stopped, with those that the end of their stage kept from starting: no
 * row is written for the latter. */
uint64_t stage_stopped(const struct stage_row *row);
void run_totals(struct broker *broker, uint64_t run, uint32_t stages, struct arena *arena,
                struct run_totals *totals, uint64_t *running);
