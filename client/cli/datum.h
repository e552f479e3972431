/* datum.h - what the verbs about names share: their project, who asks, one datum. */
#pragma once

#include "client/cli/cli.h"
#include "client/cli/text/json_out.h"

/* What names belong to: the name of the project's folder. "" if there is none: names then
 * are those of no project. */
const char *names_project(struct cli *cli);
/* "user@host" of whoever runs this; for the record only. */
struct names_user {
    char text[512];
};
struct names_user names_user(void);

/* The one thing that a name stands for. name: a URI, or what follows datum:// in one. The
 * exit code after the fault was said, or EXIT_GO_ON; sluice_resolution_free it. */
int names_resolve(struct cli *cli, const char *name,
                  struct sluice_resolution **resolution);
/* name, or "datum://" before it, in arena; NULL when out of memory. */
const char *names_uri(struct arena *arena, const char *name);

/* Ends a list in an object, both of which were opened in json: prints it with --json,
 * else "no THINGS" if there were none. end: how the reading of it ended. Gives the exit
 * code.
 */
int list_end(const struct cli *cli, int end, struct json *json, bool is_empty,
             const char *things);

void json_datum(struct json *json, const char *key, const struct sluice_datum *datum);
/* Newest first, or in the order of a dataset. */
void datums_print(const struct sluice_datum *datums, size_t count);
