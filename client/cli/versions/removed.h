/* removed.h - files whose bytes gc has removed, as people and programs are told of them.
 */
#pragma once

#include "client/cli/cli.h"
#include "client/cli/text/json_out.h"

struct removed_file {
    const char *digest, *why;
    int64_t time_us;
};

struct removed {                /* in an arena; zeros: none */
    struct removed_file *files; /* by digest */
    size_t count;
};

struct removed_text {
    char text[240];
};

/* Which of these files are gone; digests may be NULL or "". One question for all; none
 * are known when it is not answered. */
struct removed removed_ask(struct cli *cli, struct arena *arena,
                           const char *const *digests, size_t count);
const struct removed_file *removed_find(const struct removed *removed,
                                        const char *digest); /* NULL: it is there */
/* "bytes removed on 2026-03-01 12:30:05 by gc: why"; "" for NULL. */
struct removed_text removed_text(const struct removed_file *file);
/* The field `removed`, when the file is gone. */
void removed_json(struct json *json, const struct removed *removed, const char *digest);
/* After a file could not be had: says why, and gives the exit code. */
int removed_fail(struct cli *cli, const char *name, const char *digest);
