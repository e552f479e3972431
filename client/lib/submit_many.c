/* submit_many.c - many submissions, several on their way at a time.
 *
 * The window is what a broker takes from one client by default before it stops reading
 * (its setting requests-max), so that what waits, waits here. Answers may come in any
 * order. */
#include "client/lib/client.h"

enum { WINDOW_BYTES = 16 << 20 }; /* of plans on their way, if they are several */

struct flight { /* submissions without an answer */
    size_t at[SLUICE_SUBMIT_WINDOW];
    uint64_t ids[SLUICE_SUBMIT_WINDOW];
    size_t count, bytes;
};

static bool has_room(const struct flight *flight, size_t size)
{
    return flight->count == 0
           || (flight->count < SLUICE_SUBMIT_WINDOW
               && flight->bytes + size <= WINDOW_BYTES);
}

static enum rc send_one(struct sluice *sluice, const struct sluice_submission *one,
                        size_t at, struct flight *flight, struct err *err)
{
    struct request request = { .submission = one->id,
                               .plan = { one->plan, one->plan_size } };
    enum rc rc = sluice_send(sluice, MESSAGE_SUBMIT, &request, err);

    if (rc != RC_OK)
        return rc;
    flight->at[flight->count] = at;
    flight->ids[flight->count++] = sluice->last_id;
    flight->bytes += one->plan_size;
    return RC_OK;
}

/* The place among those on their way that the answer is for; an answer to something
 * earlier is for none of them. */
static bool find(const struct flight *flight, uint64_t id, size_t *place)
{
    for (size_t i = 0; i < flight->count; i++)
        if (flight->ids[i] == id) {
            *place = i;
            return true;
        }
    return false;
}

/* Takes one answer. *refusal gets the first error that the broker gave. */
static enum rc take_one(struct sluice *sluice,
                        const struct sluice_submission *submissions, uint64_t *runs,
                        struct flight *flight, struct err *refusal, struct err *err)
{
    int64_t until_ms = sluice_now_ms() + sluice->timeout_ms;
    scoped_reply reply = { 0 };
    struct err verdict;
    size_t place, at;
    uint64_t id;

    do {
        reply_fini(&reply);

        enum rc rc = sluice_receive(sluice, until_ms, &reply, &id, err);

        if (rc != RC_OK)
            return rc;
    } while (!find(flight, id, &place));
    at = flight->at[place];
    flight->bytes -= submissions[at].plan_size;
    flight->count--;
    flight->at[place] = flight->at[flight->count];
    flight->ids[place] = flight->ids[flight->count];

    enum rc rc = reply_verdict(&reply, &verdict);

    if (rc == RC_OK)
        rc = reply_run(&reply, &runs[at], &verdict);
    if (rc != RC_OK && refusal->rc == RC_OK)
        err_set(refusal, rc, "%zu: %.900s", at, verdict.text);
    return RC_OK;
}

static enum rc submit_all(struct sluice *sluice,
                          const struct sluice_submission *submissions, size_t count,
                          uint64_t *runs, struct err *err)
{
    struct flight flight = { .count = 0 };
    struct err refusal = { .rc = RC_OK };
    size_t next = 0;
    enum rc rc = RC_OK;

    while (rc == RC_OK) {
        while (next < count && runs[next] != 0)
            next++;
        if (next < count && refusal.rc == RC_OK
            && has_room(&flight, submissions[next].plan_size)) {
            rc = send_one(sluice, &submissions[next], next, &flight, err);
            next++;
        } else if (flight.count > 0) {
            rc = take_one(sluice, submissions, runs, &flight, &refusal, err);
        } else {
            break;
        }
    }
    if (rc == RC_OK && refusal.rc != RC_OK) {
        *err = refusal;
        rc = refusal.rc;
    }
    return rc;
}

int sluice_submit_many(struct sluice *sluice, const struct sluice_submission *submissions,
                       size_t count, uint64_t *runs, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    uint32_t before = sluice->protocol;
    scoped_reply greeting = { 0 };
    enum rc rc = submit_all(sluice, submissions, count, runs, err);

    /* Perhaps the broker was upgraded since. */
    if (rc != RC_UNSUPPORTED)
        return (int)rc;
    rc = sluice_greet(sluice, &greeting, err);
    if (rc != RC_OK)
        return (int)rc;
    return sluice->protocol == before
               ? (int)err_set(err, RC_UNSUPPORTED, "the broker does not know submissions")
               : (int)submit_all(sluice, submissions, count, runs, err);
}
