/* steer.c - submitting, cancelling, approving, finding. */
#include "client/lib/client.h"

enum rc reply_run(const struct reply *reply, uint64_t *run, struct err *err)
{
    struct reader reader = reply_field(reply, "run");
    uint64_t number = reader_uint(&reader);

    if (!reader_ok(&reader))
        return err_set(err, RC_PROTOCOL, "the broker's answer has no run");
    *run = number;
    return RC_OK;
}

static int call_for_run(struct sluice *sluice, enum message_type type,
                        const struct request *request, uint64_t *run,
                        struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    enum rc rc = sluice_call(sluice, type, request, &reply, err);
    uint64_t number = 0;

    if (rc == RC_OK)
        rc = reply_run(&reply, &number, err);
    if (rc == RC_OK && run)
        *run = number;
    return (int)rc;
}

int sluice_submit(struct sluice *sluice, const uint8_t submission[16], const void *plan,
                  size_t plan_size, uint64_t *run, struct sluice_error *error)
{
    struct request request = { .submission = submission, .plan = { plan, plan_size } };

    return call_for_run(sluice, MESSAGE_SUBMIT, &request, run, error);
}

int sluice_cancel(struct sluice *sluice, uint64_t run, struct sluice_error *error)
{
    return call_for_run(sluice, MESSAGE_CANCEL, &(struct request){ .run = run }, NULL,
                        error);
}

int sluice_approve(struct sluice *sluice, uint64_t run, const char *stage, bool yes,
                   struct sluice_error *error)
{
    struct request request = { .run = run, .stage = stage, .yes = yes };

    return call_for_run(sluice, MESSAGE_APPROVE, &request, NULL, error);
}

int sluice_find(struct sluice *sluice, const char *text, uint64_t *run,
                struct sluice_error *error)
{
    return call_for_run(sluice, MESSAGE_FIND, &(struct request){ .text = text }, run,
                        error);
}
