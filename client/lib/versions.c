/* versions.c - the records of tasks that ended, as bytes: who asks checks them itself. */
#include "client/lib/client.h"

#include <stdlib.h>
#include <string.h>

enum { VERSIONS_ARENA_MAX = 1 << 28 };

struct versions_box {
    struct sluice_versions versions;
    struct arena *arena;
};

static enum rc undecodable(struct err *err)
{
    return err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
}

static void read_bytes(struct reader *reader, struct arena *arena, const void **to,
                       size_t *size)
{
    struct bytes bytes = reader_bytes(reader);
    void *kept = arena_copy(arena, bytes.data, bytes.size);

    if (!kept)
        reader_fail(reader);
    *to = kept;
    *size = kept ? bytes.size : 0;
}

static void read_version(struct reader *reader, struct arena *arena,
                         struct sluice_version *version)
{
    size_t count = reader_list(reader);

    if (count < 3)
        reader_fail(reader);
    version->number = reader_uint(reader);
    read_bytes(reader, arena, &version->record, &version->record_size);
    read_bytes(reader, arena, &version->result, &version->result_size);
    for (; count > 3 && reader_ok(reader); count--)
        reader_skip(reader);
}

static enum rc read_all(const struct reply *reply, struct arena *arena,
                        struct sluice_versions *versions, struct err *err)
{
    struct reader reader = reply_field(reply, "last");
    struct bytes head = { "", 0 };

    versions->last = reader_uint(&reader);
    if (reader_ok(&reader)) {
        reader = reply_field(reply, "head");
        head = reader_bytes(&reader);
    }
    if (head.size != sizeof versions->head)
        return undecodable(err);
    memcpy(versions->head, head.data, head.size);
    reader = reply_field(reply, "versions");
    versions->count = reader_list(&reader);
    versions->versions = arena_array(arena, versions->count, sizeof *versions->versions);
    if (!versions->versions)
        return err_set(err, RC_NO_MEMORY, "no memory for the broker's answer");
    for (size_t i = 0; i < versions->count && reader_ok(&reader); i++)
        read_version(&reader, arena, &versions->versions[i]);
    return reader_ok(&reader) ? RC_OK : undecodable(err);
}

int sluice_versions(struct sluice *sluice, uint64_t since, uint32_t limit,
                    struct sluice_versions **versions, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = arena_create(VERSIONS_ARENA_MAX);
    struct versions_box *box = arena ? arena_alloc(arena, sizeof *box) : NULL;
    enum rc rc = box ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for versions");

    if (rc == RC_OK)
        rc =
            sluice_call(sluice, MESSAGE_VERSIONS,
                        &(struct request){ .since = since, .limit = limit }, &reply, err);
    if (rc == RC_OK)
        rc = read_all(&reply, arena, &box->versions, err);
    if (rc != RC_OK)
        return (int)rc;
    box->arena = steal(&arena);
    *versions = &box->versions;
    return SLUICE_OK;
}

void sluice_versions_free(struct sluice_versions *versions)
{
    if (versions)
        arena_destroy(((struct versions_box *)versions)->arena);
}

static void *take_bytes(struct reader *reader, size_t *size)
{
    struct bytes bytes = reader_bytes(reader);
    void *copy = reader_ok(reader) ? malloc(bytes.size + 1) : NULL;

    if (copy && bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    *size = bytes.size;
    return copy;
}

int sluice_origin(struct sluice *sluice, uint64_t run, uint32_t stage, void **head,
                  size_t *head_size, void **resolved, size_t *resolved_size,
                  struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    enum rc rc =
        sluice_call(sluice, MESSAGE_ORIGIN,
                    &(struct request){ .run = run, .index = stage }, &reply, err);
    size_t first, second;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "head");
    void *of_run = take_bytes(&reader, &first);

    reader = reply_field(&reply, "stage");

    void *of_stage = take_bytes(&reader, &second);

    if (!of_run || !of_stage) {
        free(of_run);
        free(of_stage);
        return (int)undecodable(err);
    }
    *head = of_run;
    *head_size = first;
    *resolved = of_stage;
    *resolved_size = second;
    return SLUICE_OK;
}
