/* verify.h - checks the chain of versions, what their hashes are of, and every artifact
 * that they name.
 *
 * Everything is hashed here, not by the broker: records come as they are stored, and
 * artifacts in pieces as any reader gets them, so the broker goes on with its work and
 * what is checked is what a task would have got. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/digest/digest_set.h"
#include "codecs/version/version.h"

struct verify_fault {
    uint64_t version;              /* 0: none */
    const char *what;              /* "record", "class", "result", "artifact", "head" */
    bool is_missing;               /* an artifact that is not in the store */
    char digest[DIGEST_TEXT_SIZE]; /* of an artifact; else "" */
    char text[ERR_TEXT_MAX];       /* one sentence */
};

/* Of a run: its plan is asked for once, not once for each stage. */
struct known_plan {
    uint64_t run; /* 0: none */
    bool is_readable;
    uint8_t hash[DIGEST_SIZE];
    char tree[DIGEST_TEXT_SIZE]; /* of the code; "" if there is none */
};
enum { PLANS_KNOWN = 64 };

struct verify {
    struct cli *cli;
    uint64_t run; /* only what this run's versions name; 0: all */
    bool allows_missing;
    bool has_known; /* a version has to have the hash known */
    uint8_t known[DIGEST_SIZE];
    uint64_t known_version; /* that has it; 0: none so far */
    struct digester *digester;
    struct digest_table seen; /* artifacts that were looked at */
    uint64_t version_count, artifact_count, missing_count, bytes;
    uint8_t head[DIGEST_SIZE]; /* hash of the version before, at the end of the last */
    struct verify_fault fault;
    /* Of the run and stage that were looked at last. */
    uint64_t class_run;
    uint32_t class_stage;
    bool has_class;
    uint8_t class_hash[DIGEST_SIZE];
    struct known_plan plans[PLANS_KNOWN]; /* each at its run's number modulo that */
};

/* EXIT_GO_ON: all is as it was; EXIT_FAILED with verify->fault set, or the exit code of
 * another failure, which was said. */
int verify_all(struct verify *verify);
void verify_fini(struct verify *verify);

/* verify_artifacts.c: the files that a result, and that a plan and a resolved stage name.
 */
int verify_result_artifacts(struct verify *verify, uint64_t version,
                            const struct task_result *result);
int verify_class_artifacts(struct verify *verify, uint64_t version, const char *tree,
                           const struct plan_stage *stage);
/* Notes the first fault; gives EXIT_FAILED. */
int verify_fail(struct verify *verify, uint64_t version, const char *what,
                const char *format, ...) PRINTF_LIKE(4, 5);
