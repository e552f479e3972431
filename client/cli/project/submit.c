/* submit.c - see submit.h. */
#include "client/cli/project/submit.h"

#include "client/cli/project/who.h"
#include "codecs/plan/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { SUBMISSION_BYTES = 16 };

/* For the record; what the system does not tell stays away. */
static void sign(struct arena *arena, struct plan *plan, const char *parent,
                 const char *why)
{
    struct who who = who_asks();
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    plan->asked = (struct plan_asked){
        .user = *who.user ? arena_text(arena, who.user) : NULL,
        .host = *who.host ? arena_text(arena, who.host) : NULL,
        .client = "sluice " SLUICE_VERSION,
        .parent = parent,
        .why = why,
        .time_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
    };
}

int submit_plan(struct cli *cli, struct arena *arena, struct plan *plan,
                const char *parent, const char *why, uint64_t *run)
{
    uint8_t submission[SUBMISSION_BYTES];
    scoped_buf bytes = { .limit = TREE_BYTES_MAX };

    sign(arena, plan, parent, why);
    plan_encode(&bytes, plan);
    if (!buf_ok(&bytes))
        return cli_fail(cli, EXIT_FAILED, "the plan is too large");
    if (getrandom(submission, sizeof submission, 0) != sizeof submission)
        return cli_fail(cli, EXIT_FAILED, "no random numbers: %s", strerror(errno));
    if (sluice_submit(cli->sluice, submission, bytes.data, bytes.size, run, &cli->error))
        return cli_fail_last(cli);
    return EXIT_GO_ON;
}
