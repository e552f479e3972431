/* lineage.c - where files came from and what was made of them, as far as one step goes;
 * whoever asks walks on. */
#include "broker/broker_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    DIGESTS_MAX = 1000, /* in one request */
    ENTRIES_MAX = 1000, /* of one digest */
    ENTRIES_DEFAULT = 100,
    TASKS_MAX = 10000, /* in one answer */
    ANSWER_BYTES_MAX = 4 << 20,
    RESULT_ARENA_MAX = 256 << 20
};

static void pack_entries(struct broker *broker, struct buf *body,
                         const struct lineage_entry *entries, size_t count)
{
    pack_list(body, count);
    for (size_t i = 0; i < count; i++) {
        struct run_plan *plan = plan_of(broker, entries[i].run);
        uint32_t stage = entries[i].stage;

        pack_list(body, 5);
        pack_uint(body, entries[i].run);
        pack_uint(body, stage);
        pack_text(body, plan && stage < plan->plan->stage_count
                            ? plan->plan->stages[stage].name
                            : "?");
        pack_uint(body, entries[i].index);
        pack_uint(body, entries[i].count);
    }
}

static enum rc pack_digest(struct broker *broker, const struct request *request,
                           const char *text, struct buf *body, struct err *err)
{
    size_t limit =
        request->limit && request->limit < ENTRIES_MAX ? request->limit : ENTRIES_DEFAULT;
    struct lineage_entry *makers = arena_array(broker->scratch, limit, sizeof *makers);
    struct lineage_entry *users = arena_array(broker->scratch, limit, sizeof *users);
    size_t maker_count, user_count;
    bool more_makers, more_users;
    char digest[DIGEST_TEXT_SIZE];
    enum rc rc = RC_OK;

    if (!makers || !users)
        return err_set(err, RC_NO_MEMORY, "no memory for who made a file");
    if (digest_is_valid(text, strlen(text)))
        memcpy(digest, text, sizeof digest);
    else
        rc = store_lineage_find(broker->store, text, digest, err);
    if (rc == RC_OK)
        rc = store_makers(broker->store, digest, request->run, makers, limit,
                          &maker_count, &more_makers, err);
    if (rc == RC_OK)
        rc = store_users(broker->store, digest, users, limit, &user_count, &more_users,
                         err);
    if (rc != RC_OK)
        return rc;
    pack_list(body, 4);
    pack_text(body, digest);
    pack_entries(broker, body, makers, maker_count);
    pack_entries(broker, body, users, user_count);
    pack_bool(body, more_makers || more_users);
    return RC_OK;
}

enum rc query_lineage(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    enum rc rc = RC_OK;

    if (request->text_count == 0 || request->text_count > DIGESTS_MAX)
        return err_set(err, RC_INVALID, "lineage is asked for 1 to %d digests",
                       DIGESTS_MAX);
    pack_map(body, 1);
    pack_text(body, "files");
    pack_list(body, request->text_count);
    for (size_t i = 0; rc == RC_OK && i < request->text_count; i++)
        rc = pack_digest(broker, request, request->texts[i], body, err);
    return rc;
}

/* [index, outputs]; a task without a result is left out. */
static enum rc pack_made(struct broker *broker, const struct origin *task, uint64_t index,
                         struct buf *list, size_t *count, struct err *err)
{
    scoped(arena) arena = arena_create(RESULT_ARENA_MAX);
    scoped_buf bytes = { 0 };
    struct task_result *result;
    enum rc rc = arena ? store_result(broker->store, task->run, task->stage, task->index,
                                      0, &bytes, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for a result");

    if (rc == RC_OK)
        rc = result_decode(arena, bytes.data, bytes.size, &result, err);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    pack_list(list, 2);
    pack_uint(list, index);
    pack_list(list, result->output_count);
    for (size_t i = 0; i < result->output_count; i++) {
        pack_list(list, 3);
        pack_text(list, result->outputs[i].name);
        pack_text(list, result->outputs[i].digest);
        pack_uint(list, result->outputs[i].size);
    }
    ++*count;
    return RC_OK;
}

enum rc query_made(struct broker *broker, const struct request *request, struct buf *body,
                   struct err *err)
{
    scoped_buf list = { 0 };
    size_t limit =
        request->limit && request->limit < TASKS_MAX ? request->limit : TASKS_MAX;
    struct run_plan *plan;
    struct stage_row row;
    uint64_t index = request->first;
    uint32_t stage;
    size_t count = 0;
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc != RC_OK)
        return rc;
    row = stage_row_of(broker, request->run, stage, broker->scratch);
    for (size_t seen = 0;
         rc == RC_OK && index < row.tasks && seen < limit && list.size < ANSWER_BYTES_MAX;
         index++, seen++) {
        struct origin task;

        reuse_origin(broker, request->run, stage, index, &task);
        rc = pack_made(broker, &task, index, &list, &count, err);
    }
    if (rc != RC_OK)
        return rc;
    if (!buf_ok(&list))
        return err_set(err, RC_FULL, "the outputs are more than an answer may hold");
    pack_map(body, 2);
    pack_text(body, "next");
    pack_uint(body, index < row.tasks ? index : 0);
    pack_text(body, "tasks");
    pack_list(body, count);
    buf_add(body, list.data, list.size);
    return RC_OK;
}
