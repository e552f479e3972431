/* sluice.h - libsluice, the public client library of sluice.
 *
 * Everything that the `sluice` command does goes through here: submit runs, look at them,
 * follow events and logs, move artifacts. Wire protocol: docs/protocol.md.
 *
 * Threads: a struct sluice (and what is opened from it) belongs to one thread at a time;
 * different ones may be used at the same time. Memory: texts and bytes in a result are
 * valid until that result is freed with the function named beside it. Calls return 0 or a
 * sluice_code and then fill *error (which may be NULL); output parameters are untouched
 * on failure. No call blocks longer than the connection's timeout without progress. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is built with everything hidden but what stands here. */
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum sluice_code {
    SLUICE_OK,
    SLUICE_NO_MEMORY,
    SLUICE_INVALID, /* what was asked is wrong; the text says what */
    SLUICE_NOT_FOUND,
    SLUICE_CONFLICT, /* the thing's state forbids this */
    SLUICE_FULL,     /* the broker's disk, map or queue is full */
    SLUICE_IO,
    SLUICE_DENIED,
    SLUICE_UNREACHABLE, /* no broker there */
    SLUICE_TIMEOUT,     /* the broker did not answer in time */
    SLUICE_PROTOCOL,
    SLUICE_UNSUPPORTED,
    SLUICE_CANCELLED,
    SLUICE_CORRUPT,
};

struct sluice_error {
    int code;        /* enum sluice_code */
    int sys;         /* errno or the like; 0 if none */
    char text[1000]; /* UTF-8, one line */
};

struct sluice;

/* ---- Connecting
 * ---------------------------------------------------------------------------- */

/* endpoint: where the broker takes requests: ipc://PATH/broker or tcp://HOST:PORT.
 * timeout_ms: 0 for the default of 10 s. */
int sluice_connect(const char *endpoint, uint32_t timeout_ms, struct sluice **sluice,
                   struct sluice_error *error);

struct sluice_options {
    uint32_t timeout_ms; /* 0 for the default of 10 s */
    bool insecure; /* the broker may be on another machine; without it, SLUICE_DENIED, as
                      nothing is encrypted */
};
/* As sluice_connect, which refuses a broker on another machine. */
int sluice_connect_with(const char *endpoint, const struct sluice_options *options,
                        struct sluice **sluice, struct sluice_error *error);
void sluice_close(struct sluice *sluice);

/* The private broker and node of a project: those under <project>/.sluice/, started when
 * none is running and start is true (else SLUICE_UNREACHABLE). The daemons are those that
 * SLUICE_BROKERD and SLUICE_NODED name, else those installed with the running program or
 * with this library, else those in PATH. Two callers
 * at once get the same broker. */
int sluice_open_project(const char *project, bool start, struct sluice **sluice,
                        struct sluice_error *error);

/* Sees to it that the private broker and node still run, and starts those that do not;
 * for who waits for a run of theirs. Nothing to do, and SLUICE_OK, for other brokers. */
int sluice_keep(struct sluice *sluice, struct sluice_error *error);

struct sluice_info {
    const char *endpoint, *events_endpoint, *bulk_endpoint;
    const char *version; /* of the broker */
    const char *store;   /* UUID of its store */
    uint32_t pid;        /* of a broker on this machine, else 0 */
    int64_t started_us;
    uint64_t runs_active, runs, last_event;
    uint32_t nodes;
    uint32_t protocol; /* that is used with it (docs/protocol.md) */
};
/* Answered by the broker. Valid until the next call of sluice_status or sluice_close. */
int sluice_status(struct sluice *sluice, struct sluice_info *info,
                  struct sluice_error *error);

/* Ends a private broker and its node: running tasks are stopped when force is true, else
 * SLUICE_CONFLICT if a run is active. Returns when the broker has said goodbye. */
int sluice_shutdown(struct sluice *sluice, bool force, struct sluice_error *error);

/* ---- Submitting and steering
 * ------------------------------------------------------------------- */

/* plan: the msgpack form of a plan (docs/protocol.md, "Plan"), whose files are in the
 * store already. submission: 16 bytes chosen by the caller; repeating the call with the
 * same ones gives the first answer. On return the run is on disk. */
int sluice_submit(struct sluice *sluice, const uint8_t submission[16], const void *plan,
                  size_t plan_size, uint64_t *run, struct sluice_error *error);

struct sluice_submission {
    /* Chosen by the caller, as for sluice_submit. Those that have their first bytes in
     * common and count on in the last ones cost the broker's disk the least. */
    uint8_t id[16];
    const void *plan;
    size_t plan_size;
};
/* The same for count of them in one call, with up to SLUICE_SUBMIT_WINDOW on their way at
 * a time. runs has an entry each: those that are 0 are submitted, others are left out; on
 * return each entry that is not 0 is a run on disk, after a failure, too. So when the
 * call fails, for example as the connection was lost, the same call once more goes on
 * where it ended, and no submission becomes two runs. A submission that the broker
 * refuses ends the call when the others on their way are answered; the text begins with
 * its place, from 0.
 */
enum { SLUICE_SUBMIT_WINDOW = 32 };
int sluice_submit_many(struct sluice *sluice, const struct sluice_submission *submissions,
                       size_t count, uint64_t *runs, struct sluice_error *error);

int sluice_cancel(struct sluice *sluice, uint64_t run, struct sluice_error *error);
/* yes false: reject, which stops the run. */
int sluice_approve(struct sluice *sluice, uint64_t run, const char *stage, bool yes,
                   struct sluice_error *error);

/* ---- Looking
 * ------------------------------------------------------------------------------------ */

/* A run's number from a person's text: a number, "last", or a prefix of its id (4 or more
 * digits). */
int sluice_find(struct sluice *sluice, const char *text, uint64_t *run,
                struct sluice_error *error);

struct sluice_run {
    uint64_t number;
    const char *id;    /* UUID text */
    const char *title; /* name of the pipeline or step */
    bool is_pipeline;
    const char *state;  /* started stopping complete error stopped */
    const char *reason; /* why it ended otherwise than complete: one line, or "" */
    const char *commit; /* git commit, or "" */
    bool is_dirty;
    const char *tree;             /* digest of the code */
    int64_t created_us, ended_us; /* Unix time; ended 0 while it goes on */
    uint32_t stage_count;
    uint64_t tasks, complete, failed, stopped,
        running;     /* sums over stages, of what is known */
    uint64_t reused; /* of complete: tasks that use earlier results */
    const char *const *tags;
    size_t tag_count;
};
struct sluice_runs {
    struct sluice_run *runs; /* newest first */
    size_t count;
};
/* before: only runs with a smaller number; 0: from the newest. */
int sluice_runs(struct sluice *sluice, uint64_t before, uint32_t limit,
                struct sluice_runs **runs, struct sluice_error *error);
/* The same of runs that have the tag (NULL: of all). */
int sluice_runs_tagged(struct sluice *sluice, const char *tag, uint64_t before,
                       uint32_t limit, struct sluice_runs **runs,
                       struct sluice_error *error);
void sluice_runs_free(struct sluice_runs *runs);

struct sluice_stage {
    const char *name, *step;
    bool is_task;       /* a sweep */
    const char *state;  /* waiting approval queued started stopping complete error stopped
                           skipped */
    const char *reason; /* one line why it failed or was skipped, or "" */
    bool is_resolved;   /* task count and parameters are settled */
    uint64_t tasks, queued, running, complete, failed, stopped;
    int64_t started_us, ended_us; /* 0: not yet */
    uint64_t reused;              /* of complete: tasks that use earlier results */
    const char *origin; /* "RUN/STAGE/N" whose result the first of them uses, or "" */
};
struct sluice_view {
    struct sluice_run run;
    struct sluice_stage *stages; /* in the plan's order */
    size_t stage_count;
    const char *const
        *notes; /* what the person should know: ignored edges, images not used, ... */
    size_t note_count;
    int64_t priority; /* higher goes first; 0 by default */
    uint64_t event;   /* number of the last event that is in this picture */
};
int sluice_view(struct sluice *sluice, uint64_t run, struct sluice_view **view,
                struct sluice_error *error);
void sluice_view_free(struct sluice_view *view);

/* The plan of a run, and a stage of it (resolved if it is already), as msgpack. free()
 * them. */
int sluice_plan(struct sluice *sluice, uint64_t run, void **plan, size_t *size,
                struct sluice_error *error);
int sluice_stage(struct sluice *sluice, uint64_t run, const char *stage, void **bytes,
                 size_t *size, bool *is_resolved, struct sluice_error *error);

struct sluice_task {
    uint64_t index;
    const char *state; /* queued started stopping complete error stopped crashed */
    uint32_t attempts; /* started so far */
    uint64_t token;    /* of the last attempt; 0 if none */
    const char *node;  /* of the last attempt, or "" */
    const char *cause; /* why the last attempt ended: exit signal memory time-limit ...;
                          "" before */
    int32_t exit_code, signal;
    int64_t started_us, ended_us;
    uint64_t version;   /* number of its version; 0: none (yet) */
    const char *origin; /* "RUN/STAGE/N" whose result it uses (cause "reused"), or "" */
};
struct sluice_tasks {
    struct sluice_task *tasks; /* by index; from the first one asked for */
    size_t count;
    uint64_t total; /* tasks of the stage */
};
/* At most 10,000 at a time. */
int sluice_tasks(struct sluice *sluice, uint64_t run, const char *stage, uint64_t first,
                 uint32_t limit, struct sluice_tasks **tasks, struct sluice_error *error);
void sluice_tasks_free(struct sluice_tasks *tasks);

/* The result of an attempt of a task as msgpack (docs/protocol.md, "Result"); attempt 0:
 * the last one. SLUICE_NOT_FOUND while there is none. free() it. */
int sluice_result(struct sluice *sluice, uint64_t run, const char *stage, uint64_t index,
                  uint32_t attempt, void **result, size_t *size,
                  struct sluice_error *error);

struct sluice_outcome {
    uint64_t index;     /* of the task */
    const void *result; /* as of sluice_result */
    size_t size;
};
struct sluice_outcomes {
    struct sluice_outcome *outcomes; /* by index; tasks without a result are left out */
    size_t count;
    uint64_t next; /* the first task that was not looked at, to ask on from */
};
/* The results of many tasks in one answer, from the task first on: as many of the limit
 * (at most 10,000, 0: so many) as fit into it. */
int sluice_outcomes(struct sluice *sluice, uint64_t run, const char *stage,
                    uint64_t first, uint32_t limit, struct sluice_outcomes **outcomes,
                    struct sluice_error *error);
void sluice_outcomes_free(struct sluice_outcomes *outcomes);

struct sluice_difference {      /* of two execution keys */
    const char *name;           /* of the field: code, parameter:lr, ... */
    const char *before, *after; /* NULL: it has no such field */
};

struct sluice_explanation {
    const char *why;          /* one word: docs/protocol.md, "explain" */
    const char *text;         /* one sentence */
    const char *help;         /* what would help, or "" */
    const char *const *nodes; /* that could run it, and what of them is free */
    size_t node_count;
    const char *const *attempts; /* the last ones that ended, a line each */
    size_t attempt_count;
    const char *origin;  /* RUN/STAGE/N whose result the task uses, or "" */
    const char *nearest; /* RUN/STAGE/N of the nearest earlier success, or "" */
    struct sluice_difference *differences; /* from that one to this one */
    size_t difference_count;
    uint64_t differ; /* how many there are, also those that are not given */
    const char *code_before, *code_after; /* digests of trees, when code differs; or "" */
    bool environment_differs;             /* of the nodes; it does not count */
    const char *unsettled; /* input that is known only when it was fetched, or "" */
};
/* Why a run, a stage (NULL: the run) or a task (index below 0: the stage) waits, goes on
 * or ended so. */
int sluice_explain(struct sluice *sluice, uint64_t run, const char *stage, int64_t index,
                   struct sluice_explanation **explanation, struct sluice_error *error);
void sluice_explanation_free(struct sluice_explanation *explanation);

struct sluice_node {
    const char *name, *state; /* online away */
    uint32_t slots, busy;
    const char *version;
    int64_t seen_us;
    uint32_t protocol; /* that it uses with the broker; 0: away */
};
struct sluice_nodes {
    struct sluice_node *nodes;
    size_t count;
};
int sluice_nodes(struct sluice *sluice, struct sluice_nodes **nodes,
                 struct sluice_error *error);
void sluice_nodes_free(struct sluice_nodes *nodes);

/* ---- Versions
 * --------------------------------------------------------------------------------- */

struct sluice_version { /* docs/versions.md says how the hashes hang together */
    uint64_t number;    /* from 1, without gaps */
    const void *record; /* NULL or size 0: the store has lost it */
    size_t record_size;
    const void *result; /* of the attempt that the record names; size 0: none */
    size_t result_size;
};
struct sluice_versions {
    struct sluice_version *versions; /* ascending */
    size_t count;
    uint64_t last;    /* number of the last one that there is */
    uint8_t head[32]; /* its hash */
};
/* Those with a greater number than since; as many as fit into an answer. */
int sluice_versions(struct sluice *sluice, uint64_t since, uint32_t limit,
                    struct sluice_versions **versions, struct sluice_error *error);
void sluice_versions_free(struct sluice_versions *versions);
/* The stored record of a run, and its resolved stage with that number in the plan (empty
 * if it is not resolved). free() both. */
int sluice_origin(struct sluice *sluice, uint64_t run, uint32_t stage, void **head,
                  size_t *head_size, void **resolved, size_t *resolved_size,
                  struct sluice_error *error);

/* All records of a run that has ended, to be imported elsewhere (docs/versions.md), into
 * fd; the files that they name are not in it. scratch: for what is not in order yet. Both
 * are empty files, open for reading and writing. */
int sluice_run_records(struct sluice *sluice, uint64_t run, int scratch, int fd,
                       struct sluice_error *error);
/* Makes a run of them, size bytes of a file; the files that they name are in the store
 * already. Checked by the broker, hashes too, and one commit. SLUICE_CONFLICT: the run is
 * there already. */
int sluice_import(struct sluice *sluice, int fd, uint64_t size, uint64_t *run,
                  struct sluice_error *error);
/* ---- Space
 * ---------------------------------------------------------------------------------- */

struct sluice_space_query {
    bool collects;         /* false: only counts */
    bool is_real;          /* with collects: removes; false: says what it would remove */
    uint64_t older_than_s; /* files of runs that ended so long ago; 0: of any age */
    uint32_t keep_last;    /* but not of the last so many of a pipeline; 0: no matter */
    uint64_t grace_s;      /* files that were stored or asked for since stay; at least
                              five minutes */
    const char *const *runs; /* numbers: only files of these; count 0: of all */
    size_t run_count;        /* with neither of these no run's files are removed */
};
struct sluice_space_kind {
    const char *name; /* outputs logs code inputs other unused damaged
                         unfinished store */
    uint64_t files, bytes;
};
struct sluice_space_run {
    uint64_t run, files, bytes, own; /* own: bytes that no other run refers to */
    const char *title;               /* project and pipeline or step */
    bool is_kept;
};
struct sluice_space_title {           /* all runs of a pipeline or step of a project */
    const char *title;                /* "others" for all beyond the first 63 */
    uint64_t runs, files, bytes, own; /* own: what no run of another one refers to */
};
struct sluice_space_node { /* what a node keeps and the broker's store lacks */
    const char *node;
    uint64_t files, bytes;
};
struct sluice_space_file {
    const char *digest, *why;
    uint64_t size;
};
struct sluice_space {
    struct sluice_space_kind *kinds;
    struct sluice_space_run *runs; /* the newest first, at most 10,000 */
    struct sluice_space_title *titles;
    struct sluice_space_file *files; /* removed, or to be removed; at most 10,000 */
    struct sluice_space_node *nodes;
    size_t kind_count, run_count, title_count, file_count, node_count;
    uint64_t count, bytes;       /* of all that is removed */
    uint64_t young, young_bytes; /* not needed, but stored or asked for lately */
};
/* Waits until the broker has counted. */
int sluice_space(struct sluice *sluice, const struct sluice_space_query *query,
                 struct sluice_space **space, struct sluice_error *error);
void sluice_space_free(struct sluice_space *space);
/* Calls take for each of the digests whose bytes were removed and that neither the store
 * nor a node has. why: until take returns. */
typedef void sluice_removed_take(void *context, size_t i, int64_t removed_us,
                                 const char *why);
int sluice_removed(struct sluice *sluice, const char *const *digests, size_t count,
                   sluice_removed_take *take, void *context, struct sluice_error *error);

/* ---- Lineage
 * --------------------------------------------------------------------------------- */

struct sluice_lineage_entry { /* tasks of a stage in a row that made a file; count 0: the
                                 stage, which used it */
    uint64_t run, index, count;
    uint32_t stage; /* its number in the plan */
    const char *name;
};
struct sluice_lineage {
    const char *digest;
    struct sluice_lineage_entry *makers, *users; /* ascending */
    size_t maker_count, user_count;
    bool more; /* there are others beyond the limit */
};
struct sluice_lineages {
    struct sluice_lineage *files; /* in the order asked */
    size_t count;
};
/* Who made files and who used them. digests: 1 to 1,000, or the beginning of one,
 * "sha256:" and some digits. run: makers are only of that run, or else of the last before
 * it that made the file; 0: all. limit: entries for each file and side; 0: 100. */
int sluice_lineage(struct sluice *sluice, const char *const *digests, size_t count,
                   uint64_t run, uint32_t limit, struct sluice_lineages **lineages,
                   struct sluice_error *error);
void sluice_lineages_free(struct sluice_lineages *lineages);

struct sluice_made { /* a file that a task made */
    uint64_t index;
    const char *name, *digest;
    uint64_t size;
};
struct sluice_makes {
    struct sluice_made *files; /* by task */
    size_t count;
    uint64_t next; /* first task that was not looked at; 0: there is none */
};
/* Outputs of the tasks from first on, as many as fit into an answer, at most of limit
 * tasks (0: 10,000). A task that uses another's result has its outputs. */
int sluice_made(struct sluice *sluice, uint64_t run, const char *stage, uint64_t first,
                uint32_t limit, struct sluice_makes **makes, struct sluice_error *error);
void sluice_makes_free(struct sluice_makes *makes);

/* ---- Streams
 * ---------------------------------------------------------------------------------- */

enum sluice_stream {
    SLUICE_STDOUT,
    SLUICE_STDERR,
    SLUICE_TIMES, /* 24-byte marks: when which bytes came (docs/protocol.md, "Streams") */
    SLUICE_METADATA, /* a JSON object a line */
    SLUICE_STATUS,   /* lines of the runtime */
};

/* Reads at most size bytes from offset of a stream of the task's last attempt, running or
 * ended. *got may be 0. *is_final: the attempt has ended and *total is the stream's size
 * for good. *attempt gets the attempt's number (from 1; 0: none has started): when it
 * grows, begin again at offset 0. */
int sluice_stream_read(struct sluice *sluice, uint64_t run, const char *stage,
                       uint64_t index, enum sluice_stream stream, uint64_t offset,
                       void *bytes, size_t size, size_t *got, uint64_t *total,
                       bool *is_final, uint32_t *attempt, struct sluice_error *error);

/* ---- Artifacts
 * --------------------------------------------------------------------------------- */

typedef void sluice_progress(void *context, uint64_t done, uint64_t total); /* bytes */

/* missing[i] tells whether the store lacks digests[i] ("sha256:<hex>"). */
int sluice_have(struct sluice *sluice, const char *const *digests, size_t count,
                bool *missing, struct sluice_error *error);
/* Stores the open file, from its start; digest is that of its bytes. */
int sluice_put(struct sluice *sluice, int fd, const char *digest, uint64_t size,
               sluice_progress *progress, void *context, struct sluice_error *error);
/* Stores many files of at most SLUICE_SMALL_MAX bytes, many in a message: much cheaper
 * than one by one. read gives the bytes of files[i], all of its size, in room; what it
 * returns ends the call when it is not SLUICE_OK. done and total count bytes. */
enum { SLUICE_SMALL_MAX = 65536 };
struct sluice_small {
    const char *digest;
    uint64_t size;
};
typedef int sluice_small_read(void *context, size_t i, void *room,
                              struct sluice_error *error);
int sluice_put_small(struct sluice *sluice, const struct sluice_small *files,
                     size_t count, sluice_small_read *read, sluice_progress *progress,
                     void *context, struct sluice_error *error);
int sluice_put_bytes(struct sluice *sluice, const void *bytes, size_t size,
                     char digest[72], struct sluice_error *error);
/* Writes the artifact's bytes to fd, checked: on SLUICE_CORRUPT discard what was written.
 */
int sluice_get(struct sluice *sluice, const char *digest, int fd,
               sluice_progress *progress, void *context, struct sluice_error *error);

/* ---- Names
 * -------------------------------------------------------------------------------------
 *
 * Datums are files with names, known by id and alias; aliases and datasets belong to a
 * project. docs/names.md tells what they are. user: who changes something, for the record
 * ("" if nobody is to be named). */

struct sluice_datum {
    uint64_t number; /* in the order in which they came; lists go by it */
    const char *id;  /* UUID text */
    const char *name, *digest, *md5, *sha1; /* the last two may be "" */
    uint64_t size;                          /* bytes */
    uint64_t run, index;                    /* the first task that made it; run 0: none */
    const char *stage;
    const char *by; /* who added it, if no task did */
    int64_t created_us;
    const char *const *tags;
    size_t tag_count;
    const void *properties; /* msgpack: a map, or absent */
    size_t properties_size;
};
struct sluice_datums {
    struct sluice_datum *datums; /* newest first */
    size_t count;
    uint64_t next; /* for the query that goes on; 0: that was all */
};
struct sluice_datum_query {
    const char *glob, *tag; /* of the name; NULL: any */
    uint64_t run;           /* that made it; 0: any */
    uint64_t before;        /* only smaller numbers; 0: from the newest */
    uint32_t limit; /* at most 1000; an answer may hold fewer although more follow */
};
int sluice_datums(struct sluice *sluice, const struct sluice_datum_query *query,
                  struct sluice_datums **datums, struct sluice_error *error);
void sluice_datums_free(struct sluice_datums *datums);

struct sluice_resolved {
    const char *uri;     /* as it was asked */
    const char *error;   /* why it stands for nothing, or "" */
    const char *version; /* of a dataset, dataset://NAME/VERSION; else "" */
    struct sluice_datum *files;
    size_t file_count;
};
struct sluice_resolution {
    struct sluice_resolved *resolved; /* in the order asked */
    size_t count;
};
/* What datum://ID, datum://ALIAS and dataset://NAME/VERSION mean at this moment; at most
 * 10,000 at once. A URI that stands for nothing is no failure of the call. */
int sluice_resolve(struct sluice *sluice, const char *project, const char *const *uris,
                   size_t count, struct sluice_resolution **resolution,
                   struct sluice_error *error);
void sluice_resolution_free(struct sluice_resolution *resolution);

struct sluice_new_datum {
    const char *name, *digest; /* the bytes are stored already */
    const char *md5, *sha1;    /* hex, or NULL */
    uint64_t size;
    const char *alias; /* or NULL */
    const char *const *tags;
    size_t tag_count;
};
int sluice_datum_add(struct sluice *sluice, const char *project, const char *user,
                     const struct sluice_new_datum *datum, char id[37],
                     struct sluice_error *error);

struct sluice_alias {
    const char *name;
    const char
        *target; /* datum://ID or dataset://NAME/VERSION; "" in a history: removed */
    const char *by;
    int64_t changed_us;
    uint64_t changes; /* so far; in a history the number of this one */
};
struct sluice_aliases {
    struct sluice_alias *aliases;
    size_t count;
};
/* By name, behind the alias after (NULL: from the first), at most 1000. */
int sluice_aliases(struct sluice *sluice, const char *project, const char *after,
                   struct sluice_aliases **aliases, struct sluice_error *error);
/* What one pointed to, the newest first, at most 1000. */
int sluice_alias_history(struct sluice *sluice, const char *project, const char *name,
                         struct sluice_aliases **changes, struct sluice_error *error);
void sluice_aliases_free(struct sluice_aliases *aliases);
/* name: NAME, or dataset://DATASET/NAME for a version. target: what it is to point to, by
 * id, alias or version, with or without the scheme; NULL removes the alias. */
int sluice_alias_set(struct sluice *sluice, const char *project, const char *user,
                     const char *name, const char *target, struct sluice_error *error);

/* Adds tags to a run (0: none) and to datums, or removes them. */
struct sluice_tagging {
    uint64_t run;
    const char *const *uris;
    size_t uri_count;
    const char *const *tags;
    size_t tag_count;
    bool remove;
};
int sluice_tag(struct sluice *sluice, const char *project, const char *user,
               const struct sluice_tagging *tagging, struct sluice_error *error);

struct sluice_dataset { /* a version of one */
    const char *dataset, *version, *by;
    const char *base; /* the version it was begun with, or "" */
    uint64_t files, bytes;
    int64_t created_us, changed_us;
};
struct sluice_datasets {
    struct sluice_dataset *versions;
    size_t count;
};
/* Versions of a dataset (NULL: of all), by name, behind the one that the URI after names
 * (NULL: from the first), at most 1000. */
int sluice_datasets(struct sluice *sluice, const char *project, const char *dataset,
                    const char *after, struct sluice_datasets **datasets,
                    struct sluice_error *error);
void sluice_datasets_free(struct sluice_datasets *datasets);

struct sluice_dataset_change {
    const char *uri;  /* of the version */
    bool create;      /* it must be new */
    const char *base; /* a new version begins with the files of this one; NULL: empty */
    const char *const *exclude; /* names of files of base that are left out */
    size_t exclude_count;
    const char *const *files; /* datums to add */
    size_t file_count;
};
int sluice_dataset_change(struct sluice *sluice, const char *project, const char *user,
                          const struct sluice_dataset_change *change,
                          struct sluice_error *error);

/* ---- Events
 * ------------------------------------------------------------------------------------ */

struct sluice_event {
    uint64_t number;
    int64_t time_us;
    const char *topic; /* "run/12/stage/train/complete", see docs/protocol.md, "Events" */
    const void *body;  /* msgpack map */
    size_t body_size;
};
struct sluice_events;

/* Every event whose number is greater than since and whose topic begins with prefix (""
 * for all), first from the stored log, then live, without a gap or a double, also over a
 * restart of the broker. since UINT64_MAX: only those to come. Where the broker has
 * forgotten the events after since, the first thing given has the topic "snapshot"
 * (whatever the prefix), the number before that of the oldest kept event, and as body
 * {first, runs}: the runs that go on, as in the answer to "runs". */
int sluice_events_open(struct sluice *sluice, uint64_t since, const char *prefix,
                       struct sluice_events **events, struct sluice_error *error);
/* Waits at most timeout_ms: SLUICE_TIMEOUT if none came. Valid until the next call. */
int sluice_events_next(struct sluice_events *events, uint32_t timeout_ms,
                       struct sluice_event *event, struct sluice_error *error);
/* A descriptor that becomes readable when something may have come: call next with timeout
 * 0 until it says SLUICE_TIMEOUT. */
int sluice_events_fd(struct sluice_events *events);
void sluice_events_close(struct sluice_events *events);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
