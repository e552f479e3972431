/* tail.h - reads stdout and stderr of one attempt as they grow, and keeps the times
 * index.
 *
 * First the marks that are in the index already are gone through again, with their times,
 * so that an agent which restarts sees the same lines at the same times; from then on
 * each growth gets a new mark. Single-threaded. */
#pragma once

#include "codecs/wire/times.h"

struct tail {
    int folder;                /* of the attempt, borrowed until tail_close */
    int out, error, times;     /* descriptors, owned; no times before the first mark */
    uint64_t out_at, error_at; /* bytes read; of stderr only the size matters */
    uint64_t times_at, times_size; /* replayed marks; those that are to be replayed */
    int64_t last_us;               /* of the latest mark, 0: none */
    int64_t out_us;                /* of the bytes read last from stdout */
    struct buf line;               /* an unfinished line */
    bool is_overlong;              /* the unfinished line is too long to be looked at */
};

struct line_taker { /* gets each line of stdout that is short enough, without newline */
    void *context;
    void (*take)(void *context, const char *line, size_t size, int64_t unix_us);
};

enum { TAIL_PIECE_BYTES = 256 << 10 };

NODISCARD enum rc tail_open(struct tail *tail, int folder, struct err *err);
void tail_close(struct tail *tail);
/* Reads what is there, at most some pieces of TAIL_PIECE_BYTES into piece. true: there is
 * more. */
bool tail_read(struct tail *tail, char *piece, int64_t now_us,
               const struct line_taker *taker);
/* The last line, if it has no newline. */
void tail_end(struct tail *tail, const struct line_taker *taker);
