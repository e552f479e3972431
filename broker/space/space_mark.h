/* space_mark.h - which objects are needed, and by which runs. For a thread of its own
 * beside the broker's loop: it reads what was committed, a little at a time.
 *
 * A run that is kept keeps its code, inputs, outputs, logs and the results that it uses
 * of others. Runs that have not ended are kept, and tagged ones; so is what an alias, a
 * tag or a dataset names, and data that a person added. An object that is a list of files
 * keeps these as long as it is there itself. */
#pragma once

#include "broker/artifacts/objects.h"
#include "broker/space/space_table.h"
#include "broker/store/store.h"
#include "codecs/wire/message.h"
#include "codecs/wire/result.h"

enum { SPACE_TITLES_MAX = 64 /* the last is of all that are not among the first */ };

struct space_policy {
    bool has_age, has_last, has_runs;
    int64_t older_than_us; /* runs that ended so long ago go */
    uint64_t keep_last;    /* but not the last so many of a pipeline */
    const uint64_t *runs;  /* those that go, ascending; the others stay */
    size_t run_count;
    int64_t now_us;
};

struct space_run {
    uint64_t run, objects, bytes, own; /* own: bytes that no other run refers to */
    int64_t ended_us;
    char title[96];
    bool is_kept;
};

struct space_title { /* all runs of a pipeline or step */
    char title[96];
    uint64_t runs, objects, bytes, own; /* own: what no other one's runs refer to */
};

struct space_node { /* that ever joined */
    char name[NODE_NAME_MAX + 1];
    uint32_t number;
    uint64_t objects, bytes; /* that it keeps and the store lacks */
    bool is_told;            /* that some of them go, by the loop */
};

struct space_place { /* of an object: a node that may keep it */
    uint32_t node;   /* its place in nodes */
    uint32_t next;   /* plus 1; 0: none */
};

struct space_noted { /* an output that stayed on a node, as its result tells */
    char digest[DIGEST_TEXT_SIZE];
    uint32_t node;
    uint64_t size;
    int64_t ended_us;
};

struct space_mark {
    struct store *store; /* a reader */
    struct objects *objects;
    struct space_policy policy;
    struct space_table table;
    struct space_run *runs; /* the newest first */
    size_t run_count, run_capacity;
    struct space_title titles[SPACE_TITLES_MAX]; /* the one with the newest run first */
    size_t title_count;
    struct space_node *nodes; /* by name */
    size_t node_count;
    struct space_place *places;
    size_t place_count, place_capacity;
    struct space_noted *noted; /* of the results in hand */
    size_t noted_count, noted_capacity;
    bool (*is_ending)(void *context); /* asked now and then; NULL: never */
    void *context;
};

void space_mark_fini(struct space_mark *mark);
/* Outputs that stayed on nodes are found by the results that tell so, and are objects as
 * those of the store unless they were removed. RC_CANCELLED: it was to end. */
NODISCARD enum rc space_mark_all(struct space_mark *mark, struct err *err);
/* A run got a tag after the walk: all that it refers to is kept. RC_OK also if it is not
 * there. */
NODISCARD enum rc space_mark_hold_run(struct space_mark *mark, uint64_t run,
                                      struct err *err);
/* Keeps the files of every list of files that is there and, with only_since, was stored
 * or used since then. */
NODISCARD enum rc space_mark_lists(struct space_mark *mark, int64_t since_ns,
                                   struct err *err);
bool space_is_list(struct space_mark *mark, const char *digest);
/* space_kept.c: outputs that stayed on nodes. */
NODISCARD enum rc space_mark_nodes(struct space_mark *mark, struct err *err);
/* The result's, for space_mark_noted. false: no memory. */
NODISCARD bool space_mark_note(struct space_mark *mark, const struct task_result *result);
/* Enters what was noted into the table, and forgets the notes when hold was called for
 * each. */
NODISCARD enum rc space_mark_noted(struct space_mark *mark,
                                   void (*hold)(const void *context, const char *digest),
                                   const void *context, struct err *err);

/* Whether the policy lets the run go, the rank-th of its pipeline, newest first from 0.
 */
bool space_policy_drops(const struct space_policy *policy, uint64_t run, int64_t ended_us,
                        uint64_t rank);
