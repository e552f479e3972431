/* identity.c - the file that lets an agent which restarts know its attempts again. */
#include "nodes/staging/identity.h"

#include "codecs/pack/pack.h"
#include "codecs/plan/task.h"
#include "nodes/staging/folder.h"
#include "nodes/supervisor/own_file.h"

enum { IDENTITY_VERSION = 1, IDENTITY_FIELDS = 19, IDENTITY_MAX = 1 << 30 };

/* The stage of one task only. */
static enum rc stage_reduce(const struct plan_stage *stage, uint64_t index,
                            struct arena *arena, struct plan_stage *reduced,
                            struct err *err)
{
    struct value *values;
    enum rc rc = plan_task_parameters(stage, index, arena, &values, err);

    if (rc != RC_OK)
        return rc;

    struct plan_parameter *parameters =
        arena_array(arena, stage->parameter_count, sizeof *parameters);

    if (!parameters)
        return err_set(err, RC_NO_MEMORY, "no memory to record the attempt");
    for (size_t i = 0; i < stage->parameter_count; i++) {
        parameters[i] = stage->parameters[i];
        parameters[i].value = values[i];
    }
    *reduced = *stage;
    reduced->parameters = parameters;
    reduced->sweep = SWEEP_NONE;
    reduced->columns = NULL;
    reduced->column_count = 0;
    return RC_OK;
}

enum rc identity_write(int folder, const struct attempt_identity *identity,
                       const struct plan_stage *stage, struct arena *arena,
                       struct err *err)
{
    const struct plan_code *code = &identity->code;
    struct plan_stage reduced;
    scoped_buf packed = { 0 }, buf = { 0 };
    enum rc rc = stage_reduce(stage, identity->task_index, arena, &reduced, err);

    if (rc != RC_OK)
        return rc;
    buf_init(&packed, IDENTITY_MAX);
    buf_init(&buf, IDENTITY_MAX);
    plan_stage_encode(&packed, &reduced);
    pack_list(&buf, IDENTITY_FIELDS);
    pack_uint(&buf, IDENTITY_VERSION);
    pack_uint(&buf, identity->token);
    pack_uint(&buf, identity->run_number);
    pack_uint(&buf, identity->task_index);
    pack_uint(&buf, identity->task_count);
    pack_uint(&buf, identity->execution_counter);
    pack_uint(&buf, identity->attempt_number);
    pack_text(&buf, identity->run_id);
    pack_text(&buf, identity->execution_id);
    pack_text(&buf, identity->project_id);
    pack_text(&buf, identity->project);
    pack_text(&buf, identity->title);
    pack_bool(&buf, identity->is_pipeline);
    pack_int(&buf, identity->created_us);
    pack_text(&buf, code->tree);
    pack_text(&buf, code->commit);
    pack_text(&buf, code->branch);
    pack_bool(&buf, code->is_dirty);
    pack_bytes(&buf, packed.data, packed.size);
    if (!buf_ok(&packed) || !buf_ok(&buf))
        return err_set(err, RC_NO_MEMORY, "no memory to record the attempt");
    return own_file_write(folder, "identity", buf.data, buf.size, 0600, err);
}

static const char *read_name(struct reader *reader, struct arena *arena)
{
    return reader_text_or_null(reader, arena, PLAN_NAME_MAX);
}

static struct bytes read_fields(struct reader *reader, struct arena *arena,
                                struct attempt_identity *identity, uint64_t *version)
{
    size_t count = reader_list(reader);

    *version = reader_uint(reader);
    if (count < IDENTITY_FIELDS || *version != IDENTITY_VERSION)
        reader_fail(reader);
    identity->token = reader_uint(reader);
    identity->run_number = reader_uint(reader);
    identity->task_index = reader_uint(reader);
    identity->task_count = reader_uint(reader);
    identity->execution_counter = reader_uint(reader);
    identity->attempt_number = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    identity->run_id = read_name(reader, arena);
    identity->execution_id = read_name(reader, arena);
    identity->project_id = read_name(reader, arena);
    identity->project = read_name(reader, arena);
    identity->title = read_name(reader, arena);
    identity->is_pipeline = reader_bool(reader);
    identity->created_us = reader_int(reader);
    identity->code.tree = read_name(reader, arena);
    identity->code.commit = read_name(reader, arena);
    identity->code.branch = read_name(reader, arena);
    identity->code.is_dirty = reader_bool(reader);

    struct bytes packed = reader_bytes(reader);

    for (size_t i = IDENTITY_FIELDS; i < count && reader_ok(reader); i++)
        reader_skip(reader);
    return packed;
}

enum rc attempt_load(const struct staging *staging, uint64_t token, struct arena *arena,
                     struct attempt_identity *identity, struct plan_stage **stage,
                     struct err *err)
{
    scoped_fd int folder = -1;
    struct attempt_identity read = { 0 };
    struct reader reader;
    uint64_t version = 0;
    scoped_buf buf = { 0 };

    buf_init(&buf, IDENTITY_MAX);

    enum rc rc = folder_open(staging, token, &folder, err);

    if (rc == RC_OK)
        rc = file_read(folder, "identity", IDENTITY_MAX, &buf, err);
    if (rc != RC_OK)
        return rc;
    reader_init(&reader, buf.data, buf.size);

    struct bytes packed = read_fields(&reader, arena, &read, &version);

    if (version > IDENTITY_VERSION)
        return err_set(
            err, RC_UNSUPPORTED,
            "attempts/%lu/identity has version %lu, and this noded reads %d at "
            "most: start the newer noded again",
            (unsigned long)token, (unsigned long)version, IDENTITY_VERSION);

    if (!reader_at_end(&reader) || read.token != token || !read.run_id
        || !read.execution_id || !read.project_id)
        return err_set(err, RC_CORRUPT, "the identity file is damaged at byte %zu",
                       reader.at);
    rc = plan_stage_decode(arena, packed.data, packed.size, stage, err);
    if (rc == RC_OK)
        *identity = read;
    return rc;
}
