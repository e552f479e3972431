/* artifact_list.c - see artifact_list.h. */
#include "client/cli/versions/artifact_list.h"

#include "client/cli/load.h"
#include "codecs/wire/result.h"

#include <stdlib.h>
#include <string.h>

void artifact_list_fini(struct artifact_list *list)
{
    digest_table_fini(&list->seen);
    free(list->digests);
}

void artifact_list_add(struct artifact_list *list, const char *digest)
{
    if (!digest || !*digest || !digest_table_add(&list->seen, digest))
        return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        const char **digests = reallocarray(list->digests, capacity, sizeof *digests);

        if (!digests) {
            list->failed = true;
            return;
        }
        list->digests = digests;
        list->capacity = capacity;
    }
    digest = arena_text(list->arena, digest);
    if (!digest) {
        list->failed = true;
        return;
    }
    list->digests[list->count++] = digest;
}

static enum rc add_stage(struct artifact_list *list, const struct bundle_row *row,
                         struct err *err)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct plan_stage *stage;
    enum rc rc =
        arena ? plan_stage_decode(arena, row->value.data, row->value.size, &stage, err)
              : err_set(err, RC_NO_MEMORY, "no memory for a stage");

    for (size_t i = 0; rc == RC_OK && i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            artifact_list_add(list, stage->inputs[i].sources[k].digest);
    return rc;
}

static enum rc add_result(struct artifact_list *list, const struct bundle_row *row,
                          struct err *err)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct task_result *result;
    enum rc rc =
        arena ? result_decode(arena, row->value.data, row->value.size, &result, err)
              : err_set(err, RC_NO_MEMORY, "no memory for a result");

    if (rc != RC_OK)
        return rc;
    artifact_list_add(list, result->environment);
    for (size_t i = 0; i < result->output_count; i++)
        artifact_list_add(list, result->outputs[i].digest);
    for (unsigned i = 0; i < STREAM_COUNT; i++)
        artifact_list_add(list, result->streams[i].digest);
    return RC_OK;
}

enum rc artifact_list_fill(struct artifact_list *list, const struct bundle *bundle,
                           struct err *err)
{
    const struct bundle_row *row = &bundle->rows[bundle->first[BUNDLE_PLAN]];
    struct plan *plan;
    enum rc rc = plan_decode(list->arena, row->value.data, row->value.size, &plan, err);

    if (rc != RC_OK)
        return rc;
    list->tree = plan->code.tree;
    artifact_list_add(list, list->tree);
    for (size_t i = bundle->first[BUNDLE_RESOLVED];
         rc == RC_OK && i < bundle->first[BUNDLE_NOTES]; i++)
        rc = add_stage(list, &bundle->rows[i], err);
    for (size_t i = bundle->first[BUNDLE_RESULTS];
         rc == RC_OK && i < bundle->first[BUNDLE_BLOCKS]; i++)
        rc = add_result(list, &bundle->rows[i], err);
    return rc;
}
