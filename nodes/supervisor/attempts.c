/* attempts.c - a hash table of lists, and one list through those that wait. */
#include "nodes/supervisor/attempts.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

struct attempts {
    size_t count;
    struct attempt *first, *last; /* that wait to be told */
    struct attempt *buckets[BUCKETS];
};

struct attempts *attempts_create(void)
{
    return calloc(1, sizeof(struct attempts));
}

void attempts_destroy(struct attempts *attempts)
{
    if (!attempts)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (attempts->buckets[i])
            attempts_drop(attempts, attempts->buckets[i]);
    free(attempts);
}

size_t attempts_count(const struct attempts *attempts)
{
    return attempts->count;
}

static size_t bucket_of(uint64_t token)
{
    return (size_t)(token * 0x9E3779B97F4A7C15u >> 52);
}

struct attempt *attempts_find(const struct attempts *attempts, uint64_t token)
{
    struct attempt *attempt = attempts->buckets[bucket_of(token)];

    while (attempt && attempt->fact.token != token)
        attempt = attempt->next_in_bucket;
    return attempt;
}

struct attempt *attempts_add(struct attempts *attempts, uint64_t token)
{
    struct attempt **bucket = &attempts->buckets[bucket_of(token)];
    struct attempt *attempt;

    must(!attempts_find(attempts, token));
    if (attempts->count >= ATTEMPT_MAX || !(attempt = calloc(1, sizeof *attempt)))
        return NULL;
    attempt->fact.kind = CHANNEL_START;
    attempt->fact.token = token;
    attempt->keeper.fd = -1;
    attempt->next_in_bucket = *bucket;
    *bucket = attempt;
    attempts->count++;
    return attempt;
}

void attempts_drop(struct attempts *attempts, struct attempt *attempt)
{
    struct attempt **at = &attempts->buckets[bucket_of(attempt->fact.token)];

    if (attempt->is_waiting)
        attempts_told(attempts, attempt);
    while (*at != attempt)
        at = &(*at)->next_in_bucket;
    *at = attempt->next_in_bucket;
    attempts->count--;
    free(attempt);
}

void attempts_each(const struct attempts *attempts,
                   void (*visit)(void *context, struct attempt *attempt), void *context)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct attempt *attempt = attempts->buckets[i]; attempt;
             attempt = attempt->next_in_bucket)
            visit(context, attempt);
}

void attempts_tell(struct attempts *attempts, struct attempt *attempt)
{
    if (attempt->is_waiting)
        return;
    attempt->is_waiting = true;
    attempt->before = attempts->last;
    attempt->after = NULL;
    if (attempts->last)
        attempts->last->after = attempt;
    else
        attempts->first = attempt;
    attempts->last = attempt;
}

struct attempt *attempts_waiting(const struct attempts *attempts)
{
    return attempts->first;
}

void attempts_told(struct attempts *attempts, struct attempt *attempt)
{
    must(attempt->is_waiting);
    attempt->is_waiting = false;
    if (attempt->before)
        attempt->before->after = attempt->after;
    else
        attempts->first = attempt->after;
    if (attempt->after)
        attempt->after->before = attempt->before;
    else
        attempts->last = attempt->before;
}

bool attempt_has_ended(const struct attempt *attempt)
{
    return attempt->fact.kind != CHANNEL_START && attempt->fact.kind != CHANNEL_STARTED;
}
