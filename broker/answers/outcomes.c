/* outcomes.c - the results of many tasks of a stage in one answer: who looks at a sweep
 * would else ask for each of them. */
#include "broker/broker_state.h"

enum { OUTCOMES_MAX = 10000, OUTCOME_BYTES_MAX = 4 << 20 };

/* [index, bytes], if the task has a result; adds to count. */
static enum rc pack_outcome(struct broker *broker, const struct origin *from,
                            uint64_t index, struct buf *list, size_t *count,
                            struct err *err)
{
    scoped_buf bytes = { 0 };
    enum rc rc =
        store_result(broker->store, from->run, from->stage, from->index, 0, &bytes, err);

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc != RC_OK)
        return rc;
    pack_list(list, 2);
    pack_uint(list, index);
    pack_bytes(list, bytes.data, bytes.size);
    ++*count;
    return RC_OK;
}

/* Adds what fits; *next gets the first task that was not looked at. */
static enum rc pack_outcomes(struct broker *broker, const struct request *request,
                             uint32_t stage, const struct stage_row *row,
                             struct buf *list, size_t *count, uint64_t *next,
                             struct err *err)
{
    uint64_t limit =
        request->limit && request->limit < OUTCOMES_MAX ? request->limit : OUTCOMES_MAX;
    uint64_t first = request->first < row->tasks ? request->first : row->tasks;
    uint64_t end = row->tasks - first < limit ? row->tasks : first + limit;

    for (*next = first; *next < end && list->size < OUTCOME_BYTES_MAX; ++*next) {
        struct origin from = { request->run, *next, stage };
        size_t before = list->size, count_before = *count;

        if (row->reused > 0)
            reuse_origin(broker, request->run, stage, *next, &from);

        enum rc rc = pack_outcome(broker, &from, *next, list, count, err);

        if (rc != RC_OK)
            return rc;
        if (count_before > 0 && list->size > MESSAGE_BODY_MAX / 2) {
            list->size = before; /* this one is the first of the next answer */
            *count = count_before;
            break;
        }
    }
    return buf_ok(list) ? RC_OK
                        : err_set(err, RC_FULL, "a result is larger than an answer");
}

enum rc query_outcomes(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    struct run_plan *plan;
    scoped_buf list = { 0 };
    uint64_t next = 0;
    size_t count = 0;
    uint32_t stage;
    enum rc rc = stage_by_name(broker, request, &plan, &stage, err);

    if (rc == RC_OK) {
        struct stage_row row = stage_row_of(broker, request->run, stage, broker->scratch);

        rc = pack_outcomes(broker, request, stage, &row, &list, &count, &next, err);
    }
    if (rc != RC_OK)
        return rc;
    pack_map(body, 2);
    pack_text(body, "next");
    pack_uint(body, next);
    pack_text(body, "results");
    pack_list(body, count);
    buf_add(body, list.data, list.size);
    return RC_OK;
}
