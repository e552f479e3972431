/* outcomes.c - the results of many tasks in one answer. */
#include "client/lib/fields.h"

#include <stdlib.h>

struct outcomes_box {
    struct sluice_outcomes outcomes;
    struct arena *arena;
};

static void read_outcome(struct reader *reader, struct arena *arena,
                         struct sluice_outcome *outcome)
{
    size_t count = reader_list(reader);
    struct bytes bytes;

    if (count < 2)
        reader_fail(reader);
    outcome->index = reader_uint(reader);
    bytes = reader_bytes(reader);
    outcome->result = arena_copy(arena, bytes.data, bytes.size);
    outcome->size = bytes.size;
    if (!outcome->result)
        reader_fail(reader);
    for (; count > 2 && reader_ok(reader); count--)
        reader_skip(reader);
}

static enum rc read_outcomes(const struct reply *reply, struct arena *arena,
                             struct sluice_outcomes *outcomes, struct err *err)
{
    struct reader reader = reply_field(reply, "next");

    outcomes->next = reader_uint(&reader);
    if (reader_ok(&reader))
        reader = reply_field(reply, "results");
    outcomes->count = reader_list(&reader);
    outcomes->outcomes = arena_array(arena, outcomes->count, sizeof *outcomes->outcomes);
    for (size_t i = 0; outcomes->outcomes && i < outcomes->count; i++)
        read_outcome(&reader, arena, &outcomes->outcomes[i]);
    return reader_ok(&reader) && outcomes->outcomes ? RC_OK : fields_undecodable(err);
}

/* A broker of an older release is asked for one result. */
static enum rc ask_one(struct sluice *sluice, uint64_t run, const char *stage,
                       uint64_t index, struct arena *arena,
                       struct sluice_outcomes *outcomes, struct err *err)
{
    void *bytes;
    size_t size;
    int code = sluice_result(sluice, run, stage, index, 0, &bytes, &size,
                             (struct sluice_error *)err);

    *outcomes = (struct sluice_outcomes){ .next = index + 1 };
    if (code == SLUICE_NOT_FOUND)
        return RC_OK;
    if (code)
        return (enum rc)code;
    outcomes->outcomes = arena_alloc(arena, sizeof *outcomes->outcomes);

    void *copy = arena_copy(arena, bytes, size);

    free(bytes);
    if (!outcomes->outcomes || !copy)
        return err_set(err, RC_NO_MEMORY, "no memory for the broker's answer");
    *outcomes->outcomes = (struct sluice_outcome){ index, copy, size };
    outcomes->count = 1;
    return RC_OK;
}

int sluice_outcomes(struct sluice *sluice, uint64_t run, const char *stage,
                    uint64_t first, uint32_t limit, struct sluice_outcomes **outcomes,
                    struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct request request = {
        .run = run, .stage = stage, .first = first, .limit = limit
    };
    struct outcomes_box *box = box_create(sizeof *box, &arena, err);
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_OUTCOMES, &request, &reply, err) : RC_NO_MEMORY;

    if (rc == RC_UNSUPPORTED)
        rc = ask_one(sluice, run, stage, first, arena, &box->outcomes, err);
    else if (rc == RC_OK)
        rc = read_outcomes(&reply, arena, &box->outcomes, err);
    if (rc != RC_OK)
        return (int)rc;
    box->arena = steal(&arena);
    *outcomes = &box->outcomes;
    return SLUICE_OK;
}

void sluice_outcomes_free(struct sluice_outcomes *outcomes)
{
    if (outcomes)
        arena_destroy(((struct outcomes_box *)outcomes)->arena);
}
