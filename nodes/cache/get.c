/* get.c - an object from the first source that has it. What arrived is kept in the folder
 * when a source breaks off, and the next try, of whichever source, goes on from there. */
#include "nodes/cache/cache_state.h"

enum { WRONG_MAX = 3 /* times that a source may give wrong bytes */ };

static bool may_pass(enum rc rc)
{
    return rc == RC_UNREACHABLE || rc == RC_TIMEOUT || rc == RC_FULL;
}

static enum rc writer_open(struct cache *cache, const char *digest,
                           struct object_writer **writer, struct err *err)
{
    enum rc rc = object_writer_resume(cache->objects, digest, -1, writer, err);

    /* Something else holds what arrived before: a file of its own will do. */
    return rc == RC_CONFLICT ? object_writer_create(cache->objects, writer, err) : rc;
}

/* One try. *is_whole: all the bytes came now, and from this source. */
static enum rc get_once(struct cache *cache, const struct cache_source *source,
                        const char *digest, bool *is_whole, struct err *err)
{
    scoped(object_writer) writer = NULL;
    enum rc rc = writer_open(cache, digest, &writer, err);

    if (rc != RC_OK)
        return rc;
    *is_whole = object_writer_size(writer) == 0;
    rc = source->get(source->context, digest, writer, err);
    if (rc == RC_CONFLICT) {
        *is_whole = true;
        rc = object_writer_restart(writer, err);
        if (rc == RC_OK)
            rc = source->get(source->context, digest, writer, err);
    }
    if (rc == RC_OK)
        rc = object_writer_commit(steal(&writer), digest, NULL, NULL, err);
    return rc;
}

/* Wrong bytes are not kept, so another try begins anew. */
static enum rc get_from(struct cache *cache, const struct cache_source *source,
                        const char *digest, struct err *err)
{
    enum rc rc = RC_CORRUPT;

    for (int wrong = 0; rc == RC_CORRUPT && wrong < WRONG_MAX;) {
        bool is_whole = false;

        rc = get_once(cache, source, digest, &is_whole, err);
        wrong += is_whole;
        if (rc == RC_CORRUPT && is_whole && source->doubt)
            source->doubt(source->context, digest);
    }
    return rc;
}

/* Each source once. A failure that may pass is what counts of several. */
static enum rc get_from_any(struct cache *cache, const struct cache_sources *sources,
                            const char *digest, struct err *err)
{
    enum rc rc = err_set(err, RC_NOT_FOUND, "no object %s in the node's cache", digest);

    for (size_t i = 0; i < sources->count; i++) {
        struct err why = { .text = "" };
        enum rc got = get_from(cache, &sources->items[i], digest, &why);

        if (got == RC_OK)
            return RC_OK;
        if (may_pass(rc) && !may_pass(got))
            continue;
        rc = got;
        if (err)
            *err = why;
        if (got == RC_CANCELLED)
            break;
    }
    return rc;
}

enum rc object_get(struct cache *cache, const struct cache_sources *sources,
                   const char *digest, uint64_t size, struct err *err)
{
    struct err why = { .text = "" };
    enum rc rc;

    cache_trim(cache, size);
    while (may_pass(rc = get_from_any(cache, sources, digest, &why))) {
        if (sources->cancelled && *sources->cancelled) {
            rc = err_set(&why, RC_CANCELLED, "stopped while %s was fetched", digest);
            break;
        }
        if (rc == RC_FULL && cache_remove_oldest(cache))
            continue;
        if (!sources->wait || !sources->wait(sources->context, &why))
            break;
    }
    if (err && rc != RC_OK)
        *err = why;
    return rc;
}
