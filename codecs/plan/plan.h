/* plan.h - a run before and while it goes: what the client submits and the broker
 * resolves.
 *
 * A plan is a pipeline (or one step) with everything settled that can be settled before
 * the start: overrides merged, pipeline parameters and command-line values applied,
 * sweeps expanded to columns of values. The client compiles it (compile.h), the wire and
 * the store carry its msgpack form (documented in docs/plan.md), the broker resolves
 * one stage at a time when what it waits for has finished (resolve.h), and the node
 * builds single tasks from a resolved stage (task.h). Everything lives in an arena; plans
 * are plain data, to be changed only before they are encoded. */
#pragma once

#include "codecs/config/config.h"

enum {
    PLAN_STAGES_MAX = 1000000,
    PLAN_EDGES_MAX = 8000000,
    PLAN_TASKS_MAX = 100000000, /* of one stage */
    PLAN_TEXT_MAX = 16 << 20,   /* bytes of one text */
    PLAN_NAME_MAX = 4096,
    PLAN_PRIORITY_MIN = -1000,
    PLAN_PRIORITY_MAX = 1000,
};

struct plan_source {  /* one file, or a URI that may stand for several */
    const char *uri;  /* as it was named: a path, file:, http(s):, or datum://<id> */
    const char *name; /* path below the input's directory; NULL: from the URI */
    const char
        *digest; /* "sha256:<64 hex>"; NULL: the node fetches the URI and computes it */
    const char *md5, *sha1; /* hex, or NULL */
    uint64_t size;          /* bytes; meaningful with digest */
    struct value
        metadata;      /* VALUE_LIST of maps (properties of the file), or VALUE_ABSENT */
    const char *datum; /* id of the datum that it is (UUID text), or NULL */
    const char
        *version; /* of the object, by an object store that keeps versions, or NULL */
    /* Of results only, not part of a plan; NULL if there is none: */
    const char *etag;     /* of what the node fetched, as the server gave it */
    const char *modified; /* of the same, the header Last-Modified */
    const char *input;    /* the stage's input that the node fetched it for */
    uint64_t place;       /* with input: which of its sources */
    const char *location; /* the URI that an output was put to as well */
    const char *node;     /* that keeps an output which the broker may not have */
};

struct plan_input {
    const char *name;
    struct plan_source *sources;
    size_t source_count;
    const char *filename; /* forced local name of a single file, or NULL */
    enum keep_directories keep_directories;
    bool optional, on_demand;
};

struct plan_parameter {
    const char *name;
    enum parameter_type type;
    enum parameter_multiple multiple;
    const char *separator, *pass_as, *pass_true_as, *pass_false_as;
    bool optional, has_min, has_max;
    double min, max;
    struct value choices; /* VALUE_LIST or VALUE_ABSENT */
    struct value value;   /* VALUE_ABSENT: none, VALUE_NULL: explicitly none */
};

struct plan_variable {
    const char *name, *value; /* value NULL: none */
    bool optional;
    bool masked; /* value is a mask that stands for it, see secret.h */
};

enum sweep_mode {
    SWEEP_NONE,    /* one task */
    SWEEP_PRODUCT, /* every combination; the last column varies fastest */
    SWEEP_ZIP, /* position by position; a shorter column repeats its last value; an absent
                  value keeps the parameter's own */
};

struct plan_column {
    uint32_t parameter; /* index into the stage's parameters */
    const struct value *values;
    size_t value_count;
};

enum { WHEN_STARTING = 1, WHEN_COMPLETE = 2, WHEN_ERROR = 4 };
enum then { THEN_NOOP, THEN_STOP, THEN_ERROR, THEN_APPROVAL };

struct plan_action {
    unsigned when;                 /* WHEN_ bits */
    const char *const *conditions; /* all must hold */
    size_t condition_count;
    const enum then *then;
    size_t then_count;
};

struct plan_stage {
    const char *name;     /* unique in the plan */
    enum stage_kind kind; /* STAGE_EXECUTION or STAGE_TASK */
    const char *step, *task, *image, *source_path, *environment, *upload_store,
        *stop_condition, *description;
    const char *const *commands;
    size_t command_count;
    struct plan_parameter *parameters;
    size_t parameter_count;
    struct plan_input *inputs;
    size_t input_count;
    struct plan_variable *variables;
    size_t variable_count;
    double cpu_min, memory_min_mb; /* resources asked for; 0: default */
    double gpus;
    uint64_t time_limit_s, no_output_timeout_s; /* 0: none */

    enum sweep_mode sweep;
    struct plan_column *columns;
    size_t column_count;
    uint64_t queued_max; /* unfinished tasks at once; 0: no limit */
    enum on_child_error on_child_error;

    enum on_error on_error;
    bool merge_append, reuse;
    const char *code;   /* digest of the tree object of the files that count for it; NULL:
                           the   plan's tree */
    bool sees_own_code; /* it gets the files of that tree and no others */
    struct plan_action *actions;
    size_t action_count;
};

struct plan_edge {
    uint32_t source, target; /* stage indexes, source != target */
    enum edge_end source_type, target_type;
    const char *source_key, *target_key;
};

struct plan_code {      /* where the files of the repository directory come from */
    const char *tree;   /* digest of the tree object, see codecs/plan/tree.h */
    const char *commit; /* git commit, or NULL */
    const char *branch; /* or NULL */
    bool is_dirty;      /* the files differ from the commit */
    uint64_t file_count, bytes;
};

struct plan_asked {     /* who asked for the run; texts NULL if not known */
    const char *user;   /* on the machine of the client */
    const char *host;   /* that machine */
    const char *client; /* name and version of the program */
    const char *parent; /* id of the run that this one was made from */
    const char *why;    /* what was done with it: "reproduce", ... */
    uint64_t time_us;   /* Unix time on the client's clock */
};

struct plan {
    const char *project; /* the project's name */
    const char *title;   /* pipeline or step name */
    bool is_pipeline;    /* false: an ad-hoc run of one step */
    double priority;     /* PLAN_PRIORITY_MIN to _MAX; higher goes first; 0 by default */
    struct plan_code code;
    struct plan_stage *stages;
    size_t stage_count;
    struct plan_edge *edges; /* no cycle; sorted by target, plan_compile and plan_decode
                                give them so */
    size_t edge_count;
    struct value
        parameters; /* VALUE_MAP of the pipeline parameters' values, for the record */
    const char *const
        *notes; /* warnings for the person: ignored edges, image not used, ... */
    size_t note_count;
    struct plan_asked asked;
};

/* The msgpack forms. Decoders check every bound and reference (indexes, cycles, enum
 * ranges), skip unknown fields, and need the whole of the bytes. RC_PROTOCOL with what
 * and where; RC_NO_MEMORY. */
void plan_encode(struct buf *buf, const struct plan *plan);
NODISCARD enum rc plan_decode(struct arena *arena, const void *bytes, size_t size,
                              struct plan **plan, struct err *err);
void plan_stage_encode(struct buf *buf, const struct plan_stage *stage);
NODISCARD enum rc plan_stage_decode(struct arena *arena, const void *bytes, size_t size,
                                    struct plan_stage **stage, struct err *err);

/* Sorts the edges by target, those into one stage staying in their order. Indexes must be
 * valid. RC_NO_MEMORY. */
NODISCARD enum rc plan_edges_sort(struct arena *arena, struct plan *plan,
                                  struct err *err);

/* A resource that a stage asks for (cpu_min, memory_min_mb), in units of 1/unit, rounded
 * up to steps, so that requests that hardly differ are alike; 0: the default. */
uint32_t plan_amount(double amount, double unit, uint32_t step);
enum {
    PLAN_CPU_UNIT = 1000, /* thousandths */
    PLAN_CPU_STEP = 10,
    PLAN_CPU_DEFAULT = 1000
};

/* Whether there is nothing to run: the only command is the shell's null command, ":", and
 * there are no inputs to fetch. */
bool plan_stage_is_empty(const struct plan_stage *stage);

/* Says of each stage whether it is plain: one task, nothing to run, and nothing that an
 * edge, an action or a secret could add to its own words. Its resolved form is the stage
 * as it stands in the plan. */
void plan_plain_stages(const struct plan *plan, bool *plain);
bool plan_stage_is_plain(const struct plan *plan, uint32_t stage);

/* Number of tasks that the stage has now: 1 without a sweep, else by its columns; an
 * empty column of a product gives 0. Above PLAN_TASKS_MAX: PLAN_TASKS_MAX + 1. */
uint64_t plan_stage_task_count(const struct plan_stage *stage);
