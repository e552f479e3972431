/* record.h - everything that is known about how one task came to its result, as JSON and,
 * from the same data, as text. */
#pragma once

#include "client/cli/text/json_out.h"
#include "client/cli/reference.h"
#include "client/cli/versions/removed.h"
#include "codecs/plan/plan.h"

struct recorder { /* what the records of a run share, fetched once */
    struct cli *cli;
    const struct target *target;
    struct arena *arena;
    struct plan *plan;
    const struct sluice_stage *stage; /* whose plan is below */
    struct plan_stage *resolved;
    char environment[72];   /* digest of the object below; "" for none */
    struct value facts;     /* VALUE_ABSENT: it is not in the store any more */
    struct removed removed; /* of the files of the record in hand */
};

/* Reads the plan. EXIT_GO_ON, or the exit code after the error was said. */
int recorder_begin(struct recorder *recorder, struct cli *cli,
                   const struct target *target, struct arena *arena);
/* Adds the record of one task of the stage to json, as an item of a list. */
int recorder_write(struct recorder *recorder, const struct sluice_stage *stage,
                   const struct sluice_task *task, struct json *json);

/* The hash of a version, by its number; text gets "sha256:...". */
int version_hash_text(struct cli *cli, uint64_t number, char text[72]);

/* JSON as lines for people: keys, and what they hold below them; nulls are left out. */
void record_print(const struct value *value, unsigned indent, FILE *to);
