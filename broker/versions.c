/* versions.c - a record of each task that has ended, and what clients ask about them.
 *
 * What a task costs here is one short record and the hashing of it and of its result;
 * what its stage has in common is hashed once. Verifying is left to those who ask, on
 * their side of the socket: this loop only reads. */
#include "broker/broker_state.h"
#include "broker/store/blocks.h"
#include "broker/store/layers.h"
#include "broker/store/versions.h"
#include "codecs/version/version.h"

#include <string.h>

enum { ANSWER_BYTES_MAX = 4 << 20, VERSIONS_MAX = 10000, PLAN_BYTES_MAX = 1 << 30 };

static enum rc read_hash(struct broker *broker, enum rc rc, const struct buf *bytes,
                         uint8_t hash[DIGEST_SIZE])
{
    if (rc == RC_OK)
        version_hash(broker->digester, bytes->data, bytes->size, hash);
    return rc;
}

static enum rc hash_run(struct broker *broker, uint64_t run, struct run_plan *plan,
                        struct err *err)
{
    scoped_buf head = { 0 }, bytes = { 0 };
    enum rc rc;

    buf_init(&bytes, PLAN_BYTES_MAX);
    rc = read_hash(broker, store_run_record(broker->store, run, &head, err), &head,
                   plan->head_hash);
    if (rc == RC_OK)
        rc = read_hash(broker, store_plan(broker->store, run, &bytes, err), &bytes,
                       plan->plan_hash);
    return rc;
}

static enum rc classes_open(struct broker *broker, uint64_t run, struct run_plan *plan,
                            struct err *err)
{
    enum rc rc = plan->classes ? RC_OK : hash_run(broker, run, plan, err);

    if (rc != RC_OK || plan->classes)
        return rc;
    plan->classes =
        arena_array(plan->arena, plan->plan->stage_count, sizeof *plan->classes);
    return plan->classes
               ? RC_OK
               : err_set(err, RC_NO_MEMORY, "no memory for the hashes of a run");
}

/* The hash of what the tasks of a stage have in common; worked out once while the run
 * goes on. */
static enum rc class_hash(struct broker *broker, uint64_t run, uint32_t stage,
                          const struct class_hash **hash, struct err *err)
{
    struct run_plan *plan = plan_of(broker, run);
    scoped_buf resolved = { 0 };
    uint8_t resolved_hash[DIGEST_SIZE];
    struct class_hash *class;
    enum rc rc;

    if (!plan)
        return err_set(err, RC_CORRUPT, "the plan of run %lu cannot be read",
                       (unsigned long)run);
    rc = classes_open(broker, run, plan, err);
    if (rc != RC_OK)
        return rc;
    class = &plan->classes[stage];
    if (!class->is_known) {
        rc = read_hash(broker, resolved_of(broker, run, stage, &resolved, err), &resolved,
                       resolved_hash);
        if (rc != RC_OK)
            return rc;
        version_class_hash(broker->digester, plan->head_hash, plan->plan_hash,
                           resolved_hash, class->hash);
        class->is_known = true;
    }
    *hash = class;
    return RC_OK;
}

void class_resolved(struct broker *broker, uint64_t run, uint32_t stage,
                    const struct buf *resolved)
{
    struct run_plan *plan = plan_of(broker, run);
    uint8_t hash[DIGEST_SIZE];
    struct err err;

    if (!plan || classes_open(broker, run, plan, &err) != RC_OK)
        return; /* it is worked out from the store when it is asked for */
    version_hash(broker->digester, resolved->data, resolved->size, hash);
    version_class_hash(broker->digester, plan->head_hash, plan->plan_hash, hash,
                       plan->classes[stage].hash);
    plan->classes[stage].is_known = true;
}

/* Ends the chain with this record. */
static enum rc append(struct broker *broker, struct version *version, uint64_t *number,
                      struct err *err)
{
    scoped_buf record = { 0 };
    struct counters *counters = &broker->counters;
    enum rc rc;

    memcpy(version->previous, counters->version_head, DIGEST_SIZE);
    version_encode(&record, version);
    if (!buf_ok(&record))
        return err_set(err, RC_NO_MEMORY, "no memory for a version");
    rc = store_version_put(broker->store, counters->version_next, record.data,
                           record.size, err);
    if (rc != RC_OK)
        return rc;
    version_hash(broker->digester, record.data, record.size, counters->version_head);
    *number = counters->version_next++;
    broker->counters_changed = true;
    return RC_OK;
}

uint64_t version_add(struct broker *broker, const struct change *change,
                     const struct task_row *row, bool has_result)
{
    struct version version = { .run = change->run,
                               .stage = change->stage,
                               .index = change->index,
                               .attempt = change->number,
                               .status = change->status,
                               .node = change->node < broker->peer_count
                                           ? broker->peers[change->node].name
                                           : "",
                               .started_us = row->started_us,
                               .ended_us = row->ended_us };
    const struct class_hash *class = NULL;
    uint64_t number = 0;
    struct err err;
    enum rc rc = class_hash(broker, change->run, change->stage, &class, &err);

    if (rc == RC_OK) {
        memcpy(version.class_hash, class->hash, DIGEST_SIZE);
        if (has_result)
            version_hash(broker->digester, broker->result_bytes.data,
                         broker->result_bytes.size, version.result_hash);
        rc = append(broker, &version, &number, &err);
    }
    batch_check(broker, rc, &err);
    return number;
}

uint64_t version_add_block(struct broker *broker, const struct change *change,
                           const struct task_block *block, const struct buf *bytes)
{
    struct version version = { .run = change->run,
                               .stage = change->stage,
                               .index = change->index,
                               .attempt = change->number,
                               .status = RESULT_COMPLETE,
                               .node = broker->peers[change->node].name,
                               .started_us = block->started_us,
                               .count = block->count };
    const struct class_hash *class = NULL;
    uint64_t number = 0;
    int64_t started_us;
    struct err err;
    enum rc rc = class_hash(broker, change->run, change->stage, &class, &err);

    block_times(block, block->count - 1, &started_us, &version.ended_us);
    if (rc == RC_OK) {
        memcpy(version.class_hash, class->hash, DIGEST_SIZE);
        version_hash(broker->digester, bytes->data, bytes->size, version.result_hash);
        rc = append(broker, &version, &number, &err);
    }
    batch_check(broker, rc, &err);
    return number;
}

uint64_t version_import(struct broker *broker, uint64_t run,
                        const struct version *version, struct bytes record)
{
    struct version linked = *version;
    uint64_t number = 0;
    struct err err;

    linked.run = run;
    if (linked.origin.size == 0) /* else it came from further away, and keeps that */
        linked.origin = record;
    batch_check(broker, append(broker, &linked, &number, &err), &err);
    return number;
}

static void bytes_field(struct buf *body, const char *key, const struct buf *bytes)
{
    pack_text(body, key);
    pack_bytes(body, bytes->data, bytes->size);
}

/* The block or layer that the version is of. */
static enum rc read_together(struct broker *broker, const struct version *version,
                             struct buf *bytes, struct err *err)
{
    enum rc rc = store_block(broker->store, version->run, version->stage, version->index,
                             bytes, err);

    return rc == RC_NOT_FOUND
               ? store_layer(broker->store, version->run, version->stage, bytes, err)
               : rc;
}

/* [number, record, result]; what is not there, or not readable, is empty. */
static enum rc pack_version(struct broker *broker, uint64_t number, struct buf *body,
                            struct err *err)
{
    scoped(arena) arena = arena_create(1 << 16);
    scoped_buf record = { 0 }, result = { 0 };
    struct version version;
    enum rc rc = store_version(broker->store, number, &record, err);

    if (rc == RC_OK && arena
        && version_decode(arena, record.data, record.size, &version, err) == RC_OK)
        rc = version.count > 0
                 ? read_together(broker, &version, &result, err)
                 : store_result(broker->store, version.run, version.stage, version.index,
                                version.attempt, &result, err);
    if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_CORRUPT)
        return rc;
    pack_list(body, 3);
    pack_uint(body, number);
    pack_bytes(body, record.data, record.size);
    pack_bytes(body, result.data, result.size);
    return RC_OK;
}

enum rc query_versions(struct broker *broker, const struct request *request,
                       struct buf *body, struct err *err)
{
    uint64_t last = broker->counters.version_next - 1;
    size_t limit =
        request->limit && request->limit < VERSIONS_MAX ? request->limit : VERSIONS_MAX;
    scoped_buf list = { 0 };
    size_t count = 0;
    enum rc rc = RC_OK;

    for (uint64_t number = request->since;
         rc == RC_OK && number < last && count < limit && list.size < ANSWER_BYTES_MAX;
         number++, count++)
        rc = pack_version(broker, number + 1, &list, err);
    if (rc != RC_OK)
        return rc;
    if (!buf_ok(&list))
        return err_set(err, RC_FULL, "the versions are larger than an answer may be");
    pack_map(body, 3);
    pack_text(body, "last");
    pack_uint(body, last);
    pack_text(body, "head");
    pack_bytes(body, broker->counters.version_head, DIGEST_SIZE);
    pack_text(body, "versions");
    pack_list(body, count);
    buf_add(body, list.data, list.size);
    return RC_OK;
}

enum rc query_origin(struct broker *broker, const struct request *request,
                     struct buf *body, struct err *err)
{
    scoped_buf head = { 0 }, resolved = { 0 };
    enum rc rc = store_run_record(broker->store, request->run, &head, err);

    if (rc == RC_NOT_FOUND)
        return err_set(err, rc, "there is no run %lu", (unsigned long)request->run);
    if (rc == RC_OK && request->index <= UINT32_MAX)
        rc = resolved_of(broker, request->run, (uint32_t)request->index, &resolved, err);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    pack_map(body, 2);
    bytes_field(body, "head", &head);
    bytes_field(body, "stage", &resolved);
    return RC_OK;
}
