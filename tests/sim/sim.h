/* sim.h - the structs of the simulator, shared by the files of this folder only. The
 * fault model is in sim_main.c.
 *
 * world.c: time, chance, the queue of events, links, trace. rows.c, spans.c, event_log.c:
 * the broker's store. broker_side.c, broker_mail.c, blocks_side.c, reuse_side.c: the
 * shell around the broker's core. node_side.c, node_agent.c, node_empty.c, node_drain.c:
 * supervisor, disk and the shell around the agent's core. clients.c, workload.c: what is
 * asked for. subscribers.c: who follows events. faults.c, lies.c: what goes wrong.
 * model.c, model_resources.c, model_blocks.c, model_events.c, model_memory.c: what must
 * hold. */
#pragma once

#include "broker/core/core.h"
#include "broker/core/twins.h"
#include "codecs/wire/block.h"
#include "codecs/wire/event.h"
#include "codecs/wire/session.h"
#include "nodes/core/agent_core.h"

enum {
    SIM_NODES = 5,
    SIM_CLIENTS = 3,
    SIM_SUBSCRIBERS = 3,
    SIM_PARTIES = 1 + SIM_NODES + SIM_CLIENTS + SIM_SUBSCRIBERS,
    SIM_QUEUE = 8,    /* live events that wait for a subscriber; more are skipped */
    SIM_LIVE_MAX = 6, /* of its cursor */
    SIM_PAGE = 20,    /* events of one answer */
    SIM_STAGES = 8,
    SIM_EDGES = 20,
    SIM_TASKS = 12,
    SIM_WORKS = 4,
    SIM_RUNS = 16,
    SIM_SLOTS = 4,
    SIM_MAIL = 4096,
    SIM_TABLE = 512, /* attempts that a node may know at once */
    NODE_TIMEOUT_MS = 10000,
    SECOND = 1000000,
    KILL_AFTER_US = 15 * SECOND, /* SIGTERM to SIGKILL */
    STEPS_MAX = 3000000,
};

/* What a clock that is right shows when the virtual time is 0. */
static const int64_t SIM_EPOCH_US = INT64_C(1700000000) * SECOND;

/* Parties: the broker is 0, then nodes, then clients, then subscribers. */
enum {
    PARTY_BROKER = 0,
    PARTY_NODE = 1,
    PARTY_CLIENT = 1 + SIM_NODES,
    PARTY_SUBSCRIBER = PARTY_CLIENT + SIM_CLIENTS
};

enum mutation {
    MUTATION_NONE,
    MUTATION_ACK_BEFORE_COMMIT,
    MUTATION_MAIL_BEFORE_COMMIT,
    MUTATION_TOKEN_UNCHECKED,
    MUTATION_SLOT_LEAKED_ON_CANCEL,
    MUTATION_RESULT_TWICE,
    MUTATION_RETRY_FORGOTTEN,
    MUTATION_LOST_NOT_REQUEUED,
    MUTATION_EVENT_SKIPPED,
    MUTATION_STOP_DROPPED,
    MUTATION_STOPPING_FORGOTTEN,
    MUTATION_QUEUED_MAX_IGNORED,
    MUTATION_SUBMISSION_FORGOTTEN,
    MUTATION_GAP_IGNORED,
    MUTATION_SESSION_IGNORED,
    MUTATION_RESULT_FORGOTTEN,
    MUTATION_UNDO_FORGOTTEN,
    MUTATION_EVENT_OF_FAILED_COMMIT,
    MUTATION_SKIPPED_STAGE_UNTOLD,
    MUTATION_JUMP_IGNORED,
    MUTATION_PAUSE_IGNORED,
    MUTATION_HELLO_FORGOTTEN,
    MUTATION_SNAPSHOT_FORGOTTEN,
    MUTATION_DEAF_KEPT,
    MUTATION_TWIN_IGNORED,
    MUTATION_LEADERS_FORGOTTEN,
    MUTATION_RUN_NOT_FREED,
    MUTATION_BLOCK_TOKEN_UNCHECKED,
    MUTATION_BLOCK_TWICE,
    MUTATION_BLOCK_PART_MISREAD,
    MUTATION_BLOCK_FORGOTTEN,
    MUTATION_BLOCK_UNNAMED,
    MUTATION_BLOCK_UNCOUNTED,
    MUTATION_REUSED_UNCOUNTED,
    MUTATION_SPAN_NOT_STORED,
    MUTATION_SPAN_NOT_REMOVED,
    MUTATION_SPAN_WITH_DEVICES,
    MUTATION_BEGUN_IN_BLOCK,
    MUTATION_EMPTY_SLOT_LEAKED,
    MUTATION_DRAIN_IGNORED,
    MUTATION_LIMIT_IGNORED,
    MUTATION_PLAIN_ROW_FORGOTTEN,
    MUTATION_PLAIN_END_FORGOTTEN,
    MUTATION_COUNT
};

struct sim;

/* ---- World ---- */

struct letter {
    struct buf header, body;
    int from, to;
};

enum event_kind {
    EVENT_LETTER,     /* arrives */
    EVENT_WAKE,       /* a party's timer */
    EVENT_UP,         /* a party starts again */
    EVENT_AGENT_UP,   /* a node's agent starts again */
    EVENT_PREPARED,   /* an agent's job is done */
    EVENT_COLLECTED,  /* an agent's job is done */
    EVENT_CONDITION,  /* a task meets its stop-condition */
    EVENT_TOLD,       /* the supervisor tells its agent */
    EVENT_EXIT,       /* a task ends */
    EVENT_FAULT,      /* the next thing goes wrong */
    EVENT_CLIENT,     /* a client does something */
    EVENT_SUBSCRIBER, /* a subscriber comes, goes, asks again */
    EVENT_READ,       /* a subscriber reads what has arrived */
    EVENT_CALM,       /* faults end */
};

struct event {
    int64_t at_us;
    uint64_t order;
    enum event_kind kind;
    int party;
    uint64_t life; /* of the process that it is for; another one ignores it */
    uint64_t token;
    int64_t value;
    struct letter *letter;
};

struct link {
    int64_t last_us; /* when the last letter arrives */
    int64_t cut_until_us;
    bool cut_loses;
};

struct features { /* per mille unless said otherwise; 0: off */
    unsigned loss, twice, reorder, partition, broker_crash, agent_crash, node_crash,
        stall, clock, disk, liar, repeat, turn_crash, cancel, away, deaf, drain, upgrade,
        quiet;
    bool letters_wait; /* for a party that is down */
    int64_t delay_us, pace_us;
};

/* ---- Workload ---- */

struct sim_stage {
    struct stage_shape shape;
    uint64_t tasks;
    int counts; /* the stage whose completed tasks give the number of tasks; -1: none */
    bool is_unresolvable;
    unsigned then[8];      /* by WHEN_ bit */
    unsigned fails, stops; /* per mille of its tasks */
    int64_t length_us;
    bool is_short; /* so are preparing and collecting; enough for early hand-outs */
    int64_t time_limit_us, no_output_us; /* 0: none; no task writes anything */
    bool is_endless;                     /* its tasks end when they are stopped */
    unsigned work; /* stages of the same work are equal and use each other's results; 0:
                      none */
};

struct sim_plan {
    uint32_t stages;
    struct sim_stage stage[SIM_STAGES];
    struct core_edge edges[SIM_EDGES];
    size_t edge_count;
    bool is_endless;
};

enum fate { FATE_COMPLETE, FATE_ERROR, FATE_UNSTARTED, FATE_UNPREPARED, FATE_CONDITION };

/* ---- Rows: the broker's store ---- */

enum put_kind {
    PUT_RUN,
    PUT_RUN_ROW,
    PUT_STAGE_ROW,
    PUT_ATTEMPT,
    PUT_ENDED,
    PUT_LOST,
    PUT_NODE,
    PUT_EVENT,
    PUT_TRIM, /* number: how many of the oldest events go */
    PUT_MADE,
    PUT_REUSED,
    PUT_SPAN,      /* count tasks from index on, with tokens from token on */
    PUT_SPAN_TAKE, /* count tasks from index on are in no span any more */
    PUT_BLOCK,     /* count tasks from index on have ended; body: the block */
    PUT_OFFER,     /* of the node; stored by the model only */
};

enum topic { TOPIC_RUN, TOPIC_STAGE, TOPIC_ATTEMPT, TOPIC_TASK, TOPIC_NODE, TOPIC_COUNT };

struct put {
    enum put_kind kind;
    uint64_t run, index, count, token, number;
    uint32_t stage, node, plan;
    uint8_t submission[16];
    struct offer offer;
    struct run_row run_row;
    struct stage_row stage_row; /* retries are owned by the put until it is applied */
    struct attempt_row attempt;
    enum result_status status;
    uint64_t claims; /* the token that the result itself names */
    int64_t at_us;   /* PUT_BLOCK: when its tasks ended, for the broker */
    bool will_retry, is_by_join;
    unsigned work, reused; /* reused: bits of tasks */
    enum topic topic;
    int state;       /* of what the event is about */
    struct buf body; /* owned by the put until it is applied */
};

struct stored_event {
    uint64_t number;
    int64_t time_us;
    struct buf body;
};

struct stored_run {
    uint32_t plan;
    uint8_t submission[16];
    struct run_row row;
    struct stage_row stages[SIM_STAGES];
    unsigned reused[SIM_STAGES]; /* bits of tasks */
};

struct stored_span {
    uint64_t run, first, count, token;
    uint32_t stage, node;
};

struct numbers {
    uint64_t run_next, token_next, event_next;
};

struct rows {
    struct numbers numbers;
    struct stored_run runs[SIM_RUNS + 1]; /* by number; row.run 0: none */
    struct attempt_row *attempts;
    size_t attempt_count, attempt_capacity;
    struct stored_span *spans;
    size_t span_count, span_capacity;
    uint64_t sessions[SIM_NODES];
    struct stored_event *events; /* the kept ones, without a gap */
    size_t event_count, event_capacity;
    bool made[SIM_WORKS][SIM_TASKS]; /* tasks of a work that succeeded */
    struct put *puts;                /* not committed */
    size_t put_count, put_capacity;
};

/* ---- Broker ---- */

struct node_mail {
    struct assignment tasks[SIM_MAIL];
    uint64_t stops[SIM_MAIL], drops[SIM_MAIL], taken[SIM_MAIL];
    size_t task_count, stop_count, drop_count, taken_count;
};

struct peer {
    bool has_joined, takes_empty;
    struct session session;
    bool has_class[SIM_RUNS + 1][SIM_STAGES];
    struct node_mail mail;
};

struct outgoing {
    int to;
    enum message_type type;
    uint64_t id, session;
    bool is_reply, is_event; /* is_event: to all subscribers */
    struct buf body;
};

struct population {
    size_t runs, stages, attempts, retries;
};

struct broker {
    bool is_up;
    struct population most; /* of this core, so far */
    uint64_t life;
    struct core *core;
    struct changes changes;
    size_t applied;
    struct numbers numbers;
    int64_t now_us, clock_us; /* clock_us: what its clock is ahead */
    struct peer peers[SIM_NODES];
    struct letter **inbox;
    size_t inbox_count, inbox_capacity;
    struct outgoing *outbox;
    size_t outbox_count, outbox_capacity;
    int64_t wake_us; /* the next one that is in the queue; INT64_MAX: none */
    int64_t full_until_us;
    uint64_t puts_left; /* until the map is full in the middle of this turn */
    bool is_failing;    /* a write of this turn failed */
    enum rc refused;
    enum input_kind input;
    uint32_t submitting;
    const uint8_t *submission;
    uint64_t submitted;
    uint64_t claims;
    const struct task_block *block; /* of the input in hand */
    int64_t steady_us;              /* since when this core is there */
    bool is_restored;               /* nothing was joined before this life */
    struct twins *twins;
    bool asks_again; /* stages that wait for twins, since the core was restored */
};

/* ---- Nodes ---- */

struct process {
    uint64_t token;
    enum { PROCESS_RUNNING, PROCESS_EXITED, PROCESS_FAILED, PROCESS_LOST } state;
    int32_t exit_code;
    int32_t signal;
    int64_t started_us;
    bool is_deaf;        /* to SIGTERM */
    uint64_t agent_life; /* of the agent that started it */
    int64_t since_us;    /* virtual time */
    bool is_ending;
    enum fate fate;
};

struct folder {
    uint64_t token, run, index;
    uint32_t stage, number;
    bool is_whole, is_cancelled, has_result;
    struct buf result;
};

struct ended_block { /* of tasks without a command, until it is taken */
    uint64_t token, count;
    int64_t resend_us;
};

struct node {
    int party;
    struct offer offer; /* empty_max: of the agent that runs */
    uint32_t empty_max; /* of an agent that is new enough */
    bool is_up, has_agent;
    uint64_t life, agent_life;
    int64_t clock_us, stalled_until_us;
    int64_t deaf_since_us, deaf_until_us; /* speaks, but hears nothing */
    struct process processes[SIM_TABLE];
    size_t process_count;
    struct folder folders[SIM_TABLE];
    size_t folder_count;
    uint64_t kept_session; /* on disk */
    /* of the agent's process */
    struct agent_core *core;
    struct agent_effects effects;
    size_t applied;
    struct session session;
    bool is_joined, is_listed;
    bool is_dying; /* crashes at the end of this turn, and does nothing more until then */
    bool is_draining, has_left; /* has_left: it goes down at the end of this turn */
    int64_t drain_until_us;
    struct ended_block blocks[SIM_TABLE];
    size_t block_count;
    int64_t now_us, next_beat_us, next_join_us, wake_us;
    bool has_class[SIM_RUNS + 1][SIM_STAGES];
    uint64_t started[SIM_TABLE], reports[SIM_TABLE];
    size_t started_count, report_count;
};

/* ---- Clients ---- */

enum wish_kind { WISH_NONE, WISH_SUBMIT, WISH_CANCEL, WISH_APPROVE };

struct client {
    int party;
    uint64_t next_id, id; /* of the request that waits for its reply */
    enum wish_kind wish;
    uint32_t plan, stage;
    bool yes;
    uint64_t run;
    uint8_t submission[16];
    uint64_t submissions;
};

/* ---- Subscribers ---- */

struct picture {   /* what is known from events; states are counted from 1, 0: unknown */
    uint64_t last; /* as of this event */
    int runs[SIM_RUNS + 1], stages[SIM_RUNS + 1][SIM_STAGES];
    uint64_t ended[SIM_RUNS + 1][SIM_STAGES]; /* tasks */
    bool is_partial;                          /* it began with a snapshot */
};

struct subscriber {
    int party;
    struct event_cursor cursor;
    struct picture picture, kept; /* kept: on its disk */
    struct buf queue[SIM_QUEUE];  /* live, not read yet */
    size_t queued;
    uint64_t pace_us;     /* between two live events */
    uint64_t next_id, id; /* of the question that waits for its answer; 0: none */
    int64_t asked_us, reads_us;
    bool is_away, must_greet; /* must_greet: the connection was broken */
};

/* ---- Model ---- */

enum life { LIFE_NONE, LIFE_LIVE, LIFE_ENDED, LIFE_LOST_BY_JOIN, LIFE_LOST_BY_TIME };

struct known_attempt {
    uint64_t run, index;
    uint32_t stage, node, number;
    enum life life;
    uint64_t gpus;
    bool is_executing, was_executed;
    bool is_kept;   /* its node has a block with it, and was not told that it is taken */
    bool has_begun; /* as the broker knows it */
    int64_t at_us;  /* when it was assigned */
    unsigned truth; /* bits of result_status that its node came to */
};

struct known_task {
    uint64_t live; /* token; 0: none */
    unsigned finals, losses, begun_losses, failures, executing;
    int told; /* the state of its last event */
};

struct model {
    struct known_attempt *attempts; /* by token */
    size_t attempt_count;
    struct known_task tasks[SIM_RUNS + 1][SIM_STAGES][SIM_TASKS];
    int told_run[SIM_RUNS + 1], told_stage[SIM_RUNS + 1][SIM_STAGES];
    uint64_t events, heard, snapshots;
    uint64_t *event_hashes; /* of their bodies */
    size_t event_capacity;
    uint64_t
        acked[SIM_RUNS + 1]; /* by submission's plan: the run that was acknowledged */
    uint64_t commits, executions, re_executions, reuses;
    bool made[SIM_WORKS][SIM_TASKS];
    struct offer offers[SIM_NODES]; /* as the broker has stored them */
    int told_node[SIM_NODES];       /* by its last event since the core was made */
    bool in_block[SIM_RUNS + 1][SIM_STAGES][SIM_TASKS];
    bool has_row[SIM_RUNS + 1][SIM_STAGES][SIM_TASKS];
    uint64_t blocks, empties; /* blocks committed, tasks in them */
};

/* ---- All of it ---- */

struct sim {
    uint64_t seed, chance;
    enum mutation mutation;
    bool is_traced, is_calm;
    int64_t now_us, calm_us, bound_us;
    uint64_t order, steps;
    struct event *queue; /* a heap */
    size_t event_count, event_capacity;
    struct link links[SIM_PARTIES][SIM_PARTIES];
    struct features features;
    struct sim_plan plans[SIM_RUNS + 1]; /* by number, from 1 */
    uint32_t plan_count, plan_next;
    struct rows rows;
    struct broker broker;
    int node_count, client_count;
    struct node nodes[SIM_NODES];
    struct client clients[SIM_CLIENTS];
    struct subscriber subscribers[SIM_SUBSCRIBERS];
    uint64_t retry_first_us, retry_max_us; /* settings of the broker */
    int64_t keep_us; /* events that are older are forgotten; 0: none is */
    struct model model;
    char lines[64][200]; /* the last ones of the trace */
    uint64_t line_count;
};

/* world.c */
void sim_run(struct sim *sim); /* one seed, from start to end */
void sim_fini(struct sim *sim);
void sim_say(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);
__attribute__((noreturn)) void sim_fail(struct sim *sim, const char *format, ...)
    PRINTF_LIKE(2, 3);
void sim_print_lines(const struct sim *sim);
uint64_t below(struct sim *sim, uint64_t limit); /* a number from 0 to limit - 1 */
bool chance(struct sim *sim, unsigned per_mille);
uint64_t mixed(uint64_t a, uint64_t b); /* a hash; no state */
struct event *sim_push(struct sim *sim, int64_t at_us, enum event_kind kind, int party);
void sim_post(struct sim *sim, int from, int to, uint64_t session, enum message_type type,
              uint64_t id, const struct buf *body);
void letter_destroy(struct letter *letter);
const char *party_name(int party);
int64_t clock_of(const struct sim *sim, int64_t ahead_us); /* what a clock shows */

/* workload.c */
void workload_make(struct sim *sim);
enum fate fate_of(const struct sim *sim, uint64_t run, uint32_t stage, uint64_t index,
                  uint64_t number, int64_t *length_us);
const struct sim_stage *stage_of(const struct sim *sim, uint64_t run, uint32_t stage);

/* rows.c */
struct put *rows_put(struct sim *sim, enum put_kind kind);
void rows_commit(struct sim *sim);
void rows_abort(struct sim *sim);
uint64_t rows_by_submission(const struct sim *sim, const uint8_t submission[16]);
struct core *rows_restore(struct sim *sim, int64_t now_us);
void rows_compare(struct sim *sim);
void rows_fini(struct rows *rows);

/* spans.c */
void span_put(struct rows *rows, const struct put *put);
void span_take(struct rows *rows, const struct put *put);
bool spans_have(const struct sim *sim, const struct change *change);
/* The attempts of all of them, in order. */
void spans_walk(const struct rows *rows,
                void (*visit)(void *context, const struct attempt_row *row),
                void *context);
size_t rows_live(const struct rows *rows); /* attempts, those in spans too */

/* event_log.c */
void log_tell(struct sim *sim, enum topic topic, const struct change *change, int state);
void log_trim(struct sim *sim);
void log_append(struct rows *rows, struct put *put); /* takes the body */
void log_remove(struct rows *rows, size_t count);
void log_answer(struct sim *sim, int to, uint64_t id, uint64_t since);

/* broker_side.c */
void broker_start(struct sim *sim);
void broker_crash(struct sim *sim);
void broker_receive(struct sim *sim, struct letter *letter); /* takes */
void broker_wake(struct sim *sim);
void broker_step(struct sim *sim, const struct core_input *input);
const struct sim_stage *stage_of_change(const struct sim *sim,
                                        const struct change *change);
void broker_ended(struct sim *sim, const struct change *change);
void broker_fini(struct broker *broker);

/* broker_mail.c */
void broker_say(struct sim *sim, int to, enum message_type type, uint64_t id,
                bool is_reply, const struct buf *body);
void broker_publish(struct sim *sim, const struct buf *body);
void broker_mail_change(struct sim *sim, const struct change *change);
void broker_mail_class(struct sim *sim, uint32_t node, uint64_t run, uint32_t stage);
void broker_mail_flush(struct sim *sim);
void broker_mail_forget(struct sim *sim);
void broker_outbox_send(struct sim *sim, size_t limit);
void broker_outbox_fail(struct sim *sim);

/* blocks_side.c */
void span_assigned(struct sim *sim, const struct change *change);
void span_leave(struct sim *sim, const struct change *change);
void block_ended(struct sim *sim, const struct change *change);
void broker_blocks(struct sim *sim, int node, const struct letter *letter,
                   struct arena *arena);

/* broker_inbox.c */
void broker_handle(struct sim *sim, const struct letter *letter);

/* reuse_side.c */
void reuse_answer(struct sim *sim, unsigned work, struct core_input *input,
                  struct core_range ranges[SIM_TASKS]);
size_t reuse_ranges(unsigned reused, struct core_range ranges[SIM_TASKS]);
void reuse_made(struct sim *sim, const struct change *change, unsigned work);
void reuse_ended(struct sim *sim, uint64_t run, uint32_t stage);
void reuse_rebuild(struct sim *sim);
void reuse_ask_again(struct sim *sim);

/* node_side.c */
void node_start(struct sim *sim, struct node *node);
void node_crash(struct sim *sim, struct node *node);
void agent_crash(struct sim *sim, struct node *node);
void process_start(struct sim *sim, struct node *node, uint64_t token);
void process_signal(struct sim *sim, struct node *node, uint64_t token, int signal);
void process_forget(struct sim *sim, struct node *node, uint64_t token);
void process_exit(struct sim *sim, struct node *node, const struct event *event);
void process_list(struct sim *sim, struct node *node);
/* By what a time limit ends the task of the folder: the earlier one; 0: by none. */
int64_t limit_us(const struct sim *sim, const struct folder *folder);
struct process *process_find(struct node *node, uint64_t token);
struct folder *folder_find(struct node *node, uint64_t token);
struct folder *folder_add(struct sim *sim, struct node *node,
                          const struct agent_attempt *attempt);
void folder_remove(struct node *node, uint64_t token);
void node_fini(struct node *node);

/* node_agent.c */
void agent_start(struct sim *sim, struct node *node);
void agent_event(struct sim *sim, struct node *node, const struct event *event);
void agent_receive(struct sim *sim, struct node *node, const struct letter *letter);
void agent_say(struct sim *sim, struct node *node, enum message_type type,
               const struct buf *body);
void agent_drain(struct sim *sim, struct node *node); /* it is asked to end */
void agent_beat(struct sim *sim, struct node *node, bool has_cpu);
uint32_t agent_cpu(const struct node *node); /* what it offers now */

/* node_empty.c */
void empty_run(struct sim *sim, struct node *node, const struct assignment *tasks);
void empty_taken(struct sim *sim, struct node *node, uint64_t token);
void empty_repeat(struct node *node);
void empty_tell(struct sim *sim, struct node *node);
int64_t empty_deadline_us(const struct node *node);
size_t empty_tokens(const struct node *node, uint64_t *tokens, size_t max);
void empty_forget(struct sim *sim, struct node *node);
/* Times of the task with this token, by which its result is known again. */
int64_t block_time_of(uint64_t token); /* its start */
void block_add_token(struct buf *times, int64_t *last, uint64_t token);
uint64_t block_claim(int64_t started_us);

/* node_drain.c */
void drain_begin(struct sim *sim, struct node *node);
void drain_step(struct sim *sim, struct node *node);
int64_t drain_deadline_us(const struct node *node);

/* node_effects.c */
void agent_feed(struct sim *sim, struct node *node, const struct agent_input *input);

/* clients.c */
void client_act(struct sim *sim, struct client *client);
void client_receive(struct sim *sim, struct client *client, const struct letter *letter);

/* subscribers.c */
void subscriber_start(struct sim *sim, struct subscriber *subscriber, int party);
void subscriber_act(struct sim *sim, struct subscriber *subscriber);
void subscriber_read(struct sim *sim, struct subscriber *subscriber);
void subscriber_receive(struct sim *sim, struct subscriber *subscriber,
                        const struct letter *letter);
void subscriber_misses(struct subscriber *subscriber);
void subscriber_fini(struct subscriber *subscriber);

/* faults.c */
void faults_choose(struct sim *sim);
void fault_strike(struct sim *sim);
void faults_end(struct sim *sim);

/* lies.c */
uint64_t strange_token(struct sim *sim, const struct node *node);
/* How many attempts from token on a block may name without making up a result of the
 * node's own. */
uint64_t strange_count(struct sim *sim, const struct node *node, uint64_t token);
void lie(struct sim *sim, struct node *node);

/* model.c */
void model_commit(struct sim *sim, const struct put *put);
void model_committed(struct sim *sim);
void model_submitted(struct sim *sim, uint32_t plan, uint64_t run);
void model_deaf(struct sim *sim);
void model_told(struct sim *sim, const struct outgoing *message);
void model_begins(struct sim *sim, uint64_t token, uint32_t node);
void model_ends(struct sim *sim, uint64_t token);
void model_result(struct sim *sim, uint64_t token, enum result_status status);
void model_kept(struct sim *sim, uint64_t token, bool is_kept);
/* The node forgets an attempt whose result, it was told, is taken. */
void model_taken(struct sim *sim, uint64_t token, uint32_t node);
void model_finish(struct sim *sim);
bool model_is_done(const struct sim *sim);

/* model_resources.c */
/* As of the attempt that came last: its node may have become smaller before. */
void model_resources(struct sim *sim, uint64_t token, const struct offer *offer,
                     bool is_executing);
/* The stage fails because no node could run it. */
void model_unfit(struct sim *sim, uint64_t run, uint32_t stage);

/* model_blocks.c */
void model_rows(struct sim *sim, const struct put *put);

/* model_events.c */
void model_event(struct sim *sim, const struct put *put);
void model_heard(struct sim *sim, struct subscriber *subscriber, const void *body,
                 size_t size);
/* last: the event up to which the snapshot stands for all. */
void model_pictured(struct sim *sim, struct subscriber *subscriber, uint64_t last,
                    struct reader *snapshot);
bool model_all_heard(const struct sim *sim);

/* model_memory.c */
void model_memory(struct sim *sim);    /* after a commit */
void model_no_memory(struct sim *sim); /* when there is no core */
