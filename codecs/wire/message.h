/* message.h - the messages between clients, nodes and the broker: their header and shared
 * bodies.
 *
 * A message is one frame with the header, a msgpack list [protocol, type, id], and one
 * with the body, a msgpack map. type is a text, id a number that the asker chose and the
 * answer repeats. Between node and broker the header has a fourth element, the session,
 * and id is the number of the message in it (session.h). Unknown fields of a body and
 * further elements of the header are skipped. Catalogue: docs/protocol.md. */
#pragma once

#include "codecs/pack/pack.h"
#include "codecs/plan/plan.h"
#include "codecs/wire/protocol_range.h"

enum { MESSAGE_BODY_MAX = 64 << 20 };

enum message_type {
    /* client to broker; each is answered by MESSAGE_OK or MESSAGE_ERROR */
    MESSAGE_STATUS,
    MESSAGE_SUBMIT,
    MESSAGE_CANCEL,
    MESSAGE_APPROVE,
    MESSAGE_FIND,
    MESSAGE_RUNS,
    MESSAGE_VIEW,
    MESSAGE_PLAN,
    MESSAGE_STAGE,
    MESSAGE_TASKS,
    MESSAGE_RESULT,
    MESSAGE_LOCATE,
    MESSAGE_NODES,
    MESSAGE_EVENTS,
    MESSAGE_SHUTDOWN,
    MESSAGE_EXPLAIN,
    MESSAGE_VERSIONS,
    MESSAGE_ORIGIN,
    MESSAGE_RECORDS,
    MESSAGE_IMPORT,
    MESSAGE_RESOLVE,
    MESSAGE_DATUMS,
    MESSAGE_DATUM,
    MESSAGE_ALIASES,
    MESSAGE_ALIAS,
    MESSAGE_TAG,
    MESSAGE_DATASETS,
    MESSAGE_DATASET,
    MESSAGE_OUTCOMES,
    MESSAGE_LINEAGE,
    MESSAGE_MADE,
    MESSAGE_SPACE,
    /* broker to client */
    MESSAGE_OK,
    MESSAGE_ERROR,
    /* node to broker */
    MESSAGE_JOIN,
    MESSAGE_LEAVE,
    MESSAGE_BEAT,
    MESSAGE_WANT,
    MESSAGE_NOTE,
    MESSAGE_STARTED,
    MESSAGE_RESULTS,
    MESSAGE_BLOCKS,
    MESSAGE_REMOVED,
    MESSAGE_LOOKED,
    /* broker to node */
    MESSAGE_WELCOME,
    MESSAGE_CLASS,
    MESSAGE_ASSIGN,
    MESSAGE_STOP,
    MESSAGE_DROP,
    MESSAGE_TAKEN,
    MESSAGE_REMOVE,
    MESSAGE_LOOK,
    MESSAGE_REJOIN,
    MESSAGE_QUIT,
    MESSAGE_TYPE_COUNT
};

const char *message_type_name(enum message_type type);
/* Whether the message has one form in every protocol, so that peers which have not agreed
 * on one, or cannot, understand it: status, join, rejoin, error. */
bool message_is_timeless(enum message_type type);

struct message_header {
    uint32_t protocol;
    enum message_type type;
    uint64_t id;
    uint64_t session; /* between node and broker (session.h); 0: none */
};
void message_header_encode(struct buf *buf, const struct message_header *header);
/* RC_PROTOCOL for bytes that are no header, RC_UNSUPPORTED for an unknown type, or a
 * protocol that is not ours where that counts (protocol, id and session are set then, so
 * that the asker can be told). */
NODISCARD enum rc message_header_decode(const void *bytes, size_t size,
                                        struct message_header *header, struct err *err);

/* MESSAGE_ERROR: {code: text, text: text}. decode always gives an error code, never
 * RC_OK. */
void message_error_encode(struct buf *buf, const struct err *err);
enum rc message_error_decode(const void *bytes, size_t size, struct err *err);

/* ---- Requests of clients: one map with whichever of these fields the type needs
 * ------------------ */

struct request {
    uint64_t run, index, first, since, before;
    uint32_t limit, attempt;
    bool yes, force, task;        /* task: index is meant */
    const char *stage, *text;     /* in the arena; NULL if absent */
    const uint8_t *submission;    /* 16 bytes, borrowed; NULL if absent */
    struct bytes plan, records;   /* borrowed; size 0 if absent */
    struct protocol_range speaks; /* 0 if absent */
    /* What the requests about names need; texts are NULL if absent. */
    const char *project, *user, *name, *target, *tag, *after;
    const char *const *uris, *const *texts;
    size_t uri_count, text_count;
    const struct plan_source *file; /* digest, name, size, md5, sha1, metadata */
};
enum { REQUEST_TEXTS_MAX = 100000 };
void request_encode(struct buf *buf, const struct request *request);
NODISCARD enum rc request_decode(const void *bytes, size_t size, struct arena *arena,
                                 struct request *request, struct err *err);

/* ---- Bodies between node and broker
 * -------------------------------------------------------------- */

enum {
    NODE_NAME_MAX = 64,
    NODE_TOKENS_MAX = 1000000,
    NODE_SLOTS_MAX = 1000000,
    NODE_LABELS_MAX = 64,
    NODE_EARLY_MAX = 64 /* tasks for each CPU */
};

struct node_hello {
    const char *name, *version; /* name: 1 to NODE_NAME_MAX of letters, digits and ._- */
    struct protocol_range speaks; /* 0 if absent */
    uint32_t cpu_milli;           /* thousandths of CPUs offered */
    uint32_t memory_mb;           /* 0: not limited */
    uint64_t gpus;                /* bit i: device i is offered */
    const char **labels;          /* environments that the node serves */
    size_t label_count;
    bool takes_any_label; /* serves every environment: the node of a private broker */
    uint32_t early;     /* short tasks for each CPU that it takes before there is room */
    uint32_t empty_max; /* tasks without a command that it takes at once, besides those
                           that its CPUs run; 0: it runs them like others */
    bool removes;       /* it understands MESSAGE_REMOVE */
    bool looks;         /* it can be asked what inputs from elsewhere hold now (look.h) */
    uint64_t
        session; /* grows with every join that means a new beginning; repeats keep it */
    uint64_t *tokens; /* attempts the node has: running, or ended and not yet taken */
    size_t token_count;
};
void node_hello_encode(struct buf *buf, const struct node_hello *hello);
NODISCARD enum rc node_hello_decode(const void *bytes, size_t size, struct arena *arena,
                                    struct node_hello *hello, struct err *err);

struct beat { /* of a node; an empty body is one that tells nothing */
    bool has_cpu, has_heard;
    bool is_quiet;      /* with has_heard: no answer is needed if that was the last one */
    uint32_t cpu_milli; /* with has_cpu: what it offers from now on */
    uint64_t heard;     /* with has_heard: number of the last message that it has heard */
};
void beat_encode(struct buf *buf, const struct beat *beat);
NODISCARD enum rc beat_decode(const void *bytes, size_t size, struct beat *beat,
                              struct err *err);

/* Tokens alone: STOP, DROP, TAKEN. */
void tokens_encode(struct buf *buf, const uint64_t *tokens, size_t count);
NODISCARD enum rc tokens_decode(const void *bytes, size_t size, struct arena *arena,
                                uint64_t **tokens, size_t *count, struct err *err);

struct assignment { /* count tasks of one stage: indexes and tokens go up together */
    uint64_t run, index, count, token;
    uint32_t stage, number; /* number: which attempt of the task this is, from 1 */
    uint64_t gpus; /* bit i: device i is its own; a task with devices comes alone */
    bool is_empty; /* no command is to be run: they end at once, as a block */
};
void assignments_encode(struct buf *buf, const struct assignment *items, size_t count);
NODISCARD enum rc assignments_decode(const void *bytes, size_t size, struct arena *arena,
                                     struct assignment **items, size_t *count,
                                     struct err *err);

struct class_message { /* what the tasks of a stage have in common; WANT has run and stage
                          only */
    uint64_t run;
    uint32_t stage;
    const char *run_id, *project, *title;
    bool is_pipeline;
    int64_t created_us;
    struct plan_code code;
    struct bytes resolved; /* plan_stage_encode; borrowed */
};
void class_encode(struct buf *buf, const struct class_message *message);
NODISCARD enum rc class_decode(const void *bytes, size_t size, struct arena *arena,
                               struct class_message *message, struct err *err);

struct started_item {
    uint64_t token;
    int64_t started_us;
};
void started_encode(struct buf *buf, const struct started_item *items, size_t count);
NODISCARD enum rc started_decode(const void *bytes, size_t size, struct arena *arena,
                                 struct started_item **items, size_t *count,
                                 struct err *err);

struct result_item {
    uint64_t token;
    struct bytes result; /* result_encode; borrowed */
};
void results_encode(struct buf *buf, const struct result_item *items, size_t count);
NODISCARD enum rc results_decode(const void *bytes, size_t size, struct arena *arena,
                                 struct result_item **items, size_t *count,
                                 struct err *err);

enum { NODE_FILES_MAX = 10000 };
struct digest_list {
    const char **items;
    size_t count; /* at most NODE_FILES_MAX */
};
/* REMOVE, files that nobody needs: first what the node keeps (kept), second what it may
 * have in its cache (cached). REMOVED, what became of the first: those that are not there
 * any more (gone), and those that something on the node needs (left). */
void files_encode(struct buf *buf, enum message_type type,
                  const struct digest_list *first, const struct digest_list *second);
NODISCARD enum rc files_decode(const void *bytes, size_t size, enum message_type type,
                               struct arena *arena, struct digest_list *first,
                               struct digest_list *second, struct err *err);

struct note { /* what the node has to say to the person about a run, once a run */
    uint64_t run;
    uint32_t stage;
    const char *text; /* one line */
};
void note_encode(struct buf *buf, const struct note *note);
NODISCARD enum rc note_decode(const void *bytes, size_t size, struct arena *arena,
                              struct note *note, struct err *err);

bool node_name_is_valid(const char *name);
