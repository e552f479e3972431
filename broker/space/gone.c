/* gone.c - see gone.h. */
#include "broker/space/gone.h"

#include "broker/artifacts/places.h"
#include "broker/broker_state.h"
#include "broker/store/removed.h"
#include "codecs/names/scheme.h"
#include "codecs/wire/times.h"

#include <string.h>

enum { ASKED_MAX = 10000, ANSWER_MAX = 16 << 20 };

static bool is_anywhere(struct broker *broker, const char *digest)
{
    struct node_place found[PLACE_NODES_MAX];

    if (objects_use(broker->objects, digest, NULL))
        return true;
    if (places_find(bulk_server_places(broker->bulk), digest, found) == 0)
        return false;
    space_use(broker, digest);
    return true;
}

/* RC_NOT_FOUND: it was removed, and is nowhere. What was never there is not known. */
static enum rc use(struct broker *broker, const char *digest, const char *of,
                   const char *name, struct err *err)
{
    char when[TIME_TEXT_SIZE];
    const char *why;
    int64_t removed_us;

    if (!digest || !digest[0] || is_anywhere(broker, digest)
        || store_removed(broker->store, digest, broker->scratch, &removed_us, &why, NULL)
               != RC_OK)
        return RC_OK;
    time_text(removed_us, when);
    return err_set(err, RC_NOT_FOUND,
                   "%.100s: the bytes of %.300s (%.80s) were removed on %.19s UTC by gc: "
                   "%.200s; add the file again, or run again what made it",
                   of, name, digest, when, why);
}

/* A node may fetch the bytes from elsewhere, and takes them only if they are the same. */
static bool has_other_way(const struct plan_source *source)
{
    return source->uri && (uri_is_web(source->uri) || uri_is_object(source->uri));
}

static enum rc use_inputs(struct broker *broker, const struct plan_stage *stage,
                          const struct plan_stage *before, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < stage->input_count; i++) {
        const struct plan_input *input = &stage->inputs[i];
        bool is_known = before && i < before->input_count
                        && before->inputs[i].source_count == input->source_count;

        for (size_t k = 0; rc == RC_OK && k < input->source_count; k++) {
            const struct plan_source *source = &input->sources[k];
            const char *same = is_known ? before->inputs[i].sources[k].digest : NULL;

            if (source->digest && same && strcmp(source->digest, same) == 0)
                continue;
            rc = use(broker, source->digest, stage->name,
                     source->name ? source->name : source->uri, err);
            if (rc == RC_NOT_FOUND && (stage->reuse || has_other_way(source)))
                rc = RC_OK;
        }
    }
    return rc;
}

/* Stages of a plan are often alike: what the one before it named was looked at. */
enum rc plan_use_files(struct broker *broker, const struct plan *plan, struct err *err)
{
    const char *code = plan->code.tree;
    enum rc rc = use(broker, code, "the run", "its code", err);

    for (size_t i = 0; rc == RC_OK && i < plan->stage_count; i++) {
        const struct plan_stage *stage = &plan->stages[i];
        const struct plan_stage *before = i > 0 ? &plan->stages[i - 1] : NULL;

        if (before && before->reuse && !stage->reuse)
            before = NULL;
        rc = use_inputs(broker, stage, before, err);
        if (rc == RC_OK && stage->code && (!code || strcmp(stage->code, code) != 0))
            rc = use(broker, stage->code, stage->name, "its code", err);
        if (stage->code)
            code = stage->code;
    }
    return rc;
}

/* What was never removed costs a look into the store and none at the disk. */
enum rc query_gone(struct broker *broker, const struct request *request, struct buf *body,
                   struct err *err)
{
    scoped_buf rows = { 0 };
    struct node_place found[PLACE_NODES_MAX];
    size_t count = 0;

    if (request->text_count > ASKED_MAX)
        return err_set(err, RC_INVALID, "space: ask about at most %d files at once",
                       ASKED_MAX);
    buf_init(&rows, ANSWER_MAX);
    for (size_t i = 0; i < request->text_count; i++) {
        const char *digest = request->texts[i], *why;
        int64_t removed_us;

        if (!digest_is_valid(digest, strlen(digest)))
            return err_set(err, RC_INVALID, "space: '%.80s' is no digest", digest);
        if (store_removed(broker->store, digest, broker->scratch, &removed_us, &why, NULL)
                != RC_OK
            || objects_has(broker->objects, digest, NULL)
            || places_find(bulk_server_places(broker->bulk), digest, found) > 0)
            continue;
        pack_list(&rows, 3);
        pack_uint(&rows, i);
        pack_int(&rows, removed_us);
        pack_text(&rows, why);
        count++;
    }
    if (!buf_ok(&rows))
        return err_set(err, RC_NO_MEMORY, "no memory for the answer");
    pack_map(body, 1);
    pack_text(body, "gone");
    pack_list(body, count);
    buf_add(body, rows.data, rows.size);
    return RC_OK;
}
