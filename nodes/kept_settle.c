/* kept_settle.c - see kept_settle.h. */
#include "nodes/kept_settle.h"

#include <stdlib.h>

static enum rc copy_one(struct cache *cache, struct bulk_client *broker,
                        const char *digest, struct err *err)
{
    scoped_fd int fd = -1;
    uint64_t size = 0;
    enum rc rc = objects_read(cache_objects(cache), digest, &fd, &size, err);

    if (rc == RC_OK)
        rc = bulk_put(broker, fd, digest, size, NULL, NULL, err);
    if (rc == RC_OK)
        cache_unkeep(cache, digest);
    return rc;
}

/* Goes on after a file that fails, but not when the broker is away or full. */
static enum rc copy_all(struct cache *cache, struct bulk_client *broker,
                        char (*digests)[DIGEST_TEXT_SIZE], const bool *missing,
                        size_t count, const atomic_bool *cancelled, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < count; i++) {
        struct err why = { .text = "" };
        enum rc one = RC_OK;

        if (*cancelled)
            return err_set(err, RC_CANCELLED, "there was no time for all of them");
        if (missing[i])
            one = copy_one(cache, broker, digests[i], &why);
        if (one != RC_OK)
            rc = err_set(err, one, "%s", why.text);
        if (one == RC_UNREACHABLE || one == RC_TIMEOUT || one == RC_FULL)
            break;
    }
    return rc;
}

enum rc kept_settle(struct cache *cache, struct bulk_client *broker, bool copies,
                    const atomic_bool *cancelled, struct err *err)
{
    char(*digests)[DIGEST_TEXT_SIZE];
    size_t count = cache_kept(cache, &digests);
    const char **pointers = calloc(count + 1, sizeof *pointers);
    bool *missing = calloc(count + 1, sizeof *missing);
    enum rc rc = RC_OK;

    if (!pointers || !missing)
        rc = err_set(err, RC_NO_MEMORY, "no memory to ask what the broker has");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        pointers[i] = digests[i];
    if (rc == RC_OK && count > 0)
        rc = bulk_have(broker, pointers, count, missing, err);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        if (!missing[i])
            cache_unkeep(cache, digests[i]);
    if (rc == RC_OK && copies)
        rc = copy_all(cache, broker, digests, missing, count, cancelled, err);
    free(pointers);
    free(missing);
    free(digests);
    return rc;
}
