/* result.h - what an attempt ended with: sent by the node, stored by the broker, shown to
 * people.
 *
 * The msgpack form is documented in docs/protocol.md ("Result"); everything lives in an
 * arena. */
#pragma once

#include "codecs/pack/pack.h"
#include "codecs/plan/plan.h"

enum cause { /* why an attempt ended; the names (cause_name) are part of the protocol */
             CAUSE_EXIT,           /* by itself; exit_code says how */
             CAUSE_SIGNAL,         /* killed by a signal that we did not send */
             CAUSE_MEMORY,         /* killed by the kernel for memory */
             CAUSE_TIME_LIMIT,     /* the step's time-limit */
             CAUSE_NO_OUTPUT,      /* the step's no-output-timeout */
             CAUSE_STOP_CONDITION, /* the step's stop-condition was met */
             CAUSE_STOPPED,        /* somebody asked to stop */
             CAUSE_START_FAILED,   /* the command could not be started */
             CAUSE_INPUT_FAILED,   /* an input or the code could not be fetched */
             CAUSE_OUTPUT_FAILED,  /* outputs or logs could not be collected or stored */
             CAUSE_LOST,           /* the node or its supervisor died */
             CAUSE_COUNT
};

enum result_status {
    RESULT_COMPLETE,
    RESULT_ERROR,
    RESULT_STOPPED,
    RESULT_CRASHED,
    RESULT_STATUS_COUNT
};

struct usage { /* of an attempt and all its descendants, as far as the kernel tells */
    uint64_t wall_us, user_us, system_us;
    uint64_t memory_peak_bytes;
    uint64_t read_bytes, written_bytes; /* block I/O */
};

enum stream { /* the files that grow while an attempt runs */
              STREAM_STDOUT,
              STREAM_STDERR,
              STREAM_TIMES,    /* when which bytes of the two came: struct time_mark, see
                                  times.h */
              STREAM_METADATA, /* one JSON object a line, each with "_time" */
              STREAM_STATUS, /* lines of the runtime for the person: "<time> <text>\n" */
              STREAM_COUNT
};

struct stream_object {
    uint64_t size;      /* 0: empty, no object */
    const char *digest; /* NULL when empty */
};

struct task_result {
    enum cause cause;
    int32_t exit_code, signal;    /* exit_code -1 if it did not exit */
    const char *message;          /* one line for the person, or NULL */
    int64_t started_us, ended_us; /* of the command, Unix time; 0 if it never started */
    struct usage usage;
    struct plan_source *outputs; /* name, digest, md5, sha1, size, metadata; uri is "" */
    size_t output_count;
    struct plan_source
        *inputs; /* those the node fetched itself: uri, name, digest, size */
    size_t input_count;
    struct value metadata; /* VALUE_MAP: latest value of each key */
    struct stream_object streams[STREAM_COUNT];
    const char *environment; /* digest of the environment object (docs/versions.md), or
                                NULL */
};

enum {
    RESULT_OUTPUTS_MAX = 1000000,
    RESULT_METADATA_MAX = 1 << 20 /* bytes of the latest map */
};

const char *cause_name(enum cause cause); /* "exit", "time-limit", ... */
const char *stream_name(
    enum stream stream); /* "stdout", ...: also the file's name on the node */
const char *result_status_name(enum result_status status);
enum result_status result_status_of(enum cause cause, int32_t exit_code);

/* One file of a result (docs/protocol.md, "File"), which requests carry, too. */
void file_encode(struct buf *buf, const struct plan_source *file);
void file_decode(struct reader *reader, struct arena *arena, struct plan_source *file);

void result_encode(struct buf *buf, const struct task_result *result);
NODISCARD enum rc result_decode(struct arena *arena, const void *bytes, size_t size,
                                struct task_result **result, struct err *err);
