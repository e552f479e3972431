/* log_reader.h - the streams of an attempt, put together again in the order of time.
 *
 * Tasks write stdout and stderr to files of their own; a third stream says when which
 * bytes came. Lines are printed in that order. Memory is bounded: a line longer than
 * LOG_LINE_MAX is printed in pieces. */
#pragma once

#include "client/cli/reference.h"

enum { LOG_LINE_MAX = 1 << 20 };

struct log_request {
    bool follow, times, only_stdout, only_stderr, only_status;
    uint32_t attempt; /* 0: the last one */
};

/* Prints to stdout until the stream ends (follow) or what is there has been printed. */
int log_print(struct cli *cli, const struct target *target,
              const struct log_request *request);
