/* resubmit.c - submits the plan of a run once more, as it is, to the private broker of
 * the project in this folder: what a program may do that does not ask for the files
 * first.
 *
 *   resubmit RUN
 *
 * Exit: 0 and the new run's number; 1 and the broker's words; 2 wrong usage. */
#include "client/lib/sluice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

int main(int argc, char **argv)
{
    struct sluice *sluice = NULL;
    struct sluice_error error;
    uint8_t submission[16];
    void *plan = NULL;
    size_t size;
    uint64_t run;
    int rc;

    if (argc != 2 || getrandom(submission, sizeof submission, 0) != sizeof submission)
        return 2;
    rc = sluice_open_project(".", false, &sluice, &error);
    if (rc == SLUICE_OK)
        rc = sluice_plan(sluice, strtoull(argv[1], NULL, 10), &plan, &size, &error);
    if (rc == SLUICE_OK)
        rc = sluice_submit(sluice, submission, plan, size, &run, &error);
    if (rc == SLUICE_OK)
        printf("%" PRIu64 "\n", run);
    else
        fprintf(stderr, "resubmit: %s\n", error.text);
    free(plan);
    if (sluice)
        sluice_close(sluice);
    return rc == SLUICE_OK ? 0 : 1;
}
