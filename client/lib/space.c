/* space.c - what holds how much, and removing what nothing needs. */
#include "client/lib/fields.h"

#include <poll.h>
#include <string.h>

enum { ASK_EVERY_MS = 50, REMOVED_AT_ONCE = 10000, REASONS_MAX = 32 << 20 };

struct space_box {
    struct sluice_space space;
    struct arena *arena;
};

static enum rc ask(struct sluice *sluice, const struct request *request,
                   struct reply *reply, uint64_t *job, bool *is_done, struct err *err)
{
    enum rc rc = sluice_call(sluice, MESSAGE_SPACE, request, reply, err);
    struct reader reader;
    struct bytes state, text;

    if (rc != RC_OK)
        return rc;
    reader = reply_field(reply, "job");
    *job = reader_uint(&reader);
    reader = reply_field(reply, "state");
    state = reader_string(&reader);
    reader = reply_field(reply, "error");
    text = reader_string(&reader);
    if (!reader_ok(&reader))
        return fields_undecodable(err);
    if (bytes_are(state, "failed"))
        return err_set(err, RC_IO, "%.*s", (int)text.size, text.data);
    *is_done = bytes_are(state, "done");
    if (!*is_done && !bytes_are(state, "working"))
        return err_set(err, RC_CANCELLED, "the broker ended meanwhile: begin again");
    return RC_OK;
}

static void read_kinds(struct reader *reader, struct arena *arena,
                       struct sluice_space *space)
{
    space->kind_count = reader_list(reader);
    space->kinds = arena_array(arena, space->kind_count, sizeof *space->kinds);
    if (!space->kinds)
        reader_fail(reader);
    for (size_t i = 0; i < space->kind_count && reader_ok(reader); i++) {
        reader_list(reader);
        space->kinds[i].name = reader_text(reader, arena, LOOK_TEXT_MAX);
        space->kinds[i].files = reader_uint(reader);
        space->kinds[i].bytes = reader_uint(reader);
    }
}

static void read_nodes(struct reader *reader, struct arena *arena,
                       struct sluice_space *space)
{
    space->node_count = reader_list(reader);
    space->nodes = arena_array(arena, space->node_count, sizeof *space->nodes);
    if (!space->nodes)
        reader_fail(reader);
    for (size_t i = 0; i < space->node_count && reader_ok(reader); i++) {
        reader_list(reader);
        space->nodes[i].node = reader_text(reader, arena, LOOK_TEXT_MAX);
        space->nodes[i].files = reader_uint(reader);
        space->nodes[i].bytes = reader_uint(reader);
    }
}

static void read_runs(struct reader *reader, struct arena *arena,
                      struct sluice_space *space)
{
    space->run_count = reader_list(reader);
    space->runs = arena_array(arena, space->run_count, sizeof *space->runs);
    if (!space->runs)
        reader_fail(reader);
    for (size_t i = 0; i < space->run_count && reader_ok(reader); i++) {
        struct sluice_space_run *run = &space->runs[i];

        reader_list(reader);
        run->run = reader_uint(reader);
        run->title = reader_text(reader, arena, LOOK_TEXT_MAX);
        run->files = reader_uint(reader);
        run->bytes = reader_uint(reader);
        run->own = reader_uint(reader);
        run->is_kept = reader_bool(reader);
    }
}

static void read_titles(struct reader *reader, struct arena *arena,
                        struct sluice_space *space)
{
    space->title_count = reader_list(reader);
    space->titles = arena_array(arena, space->title_count, sizeof *space->titles);
    if (!space->titles)
        reader_fail(reader);
    for (size_t i = 0; i < space->title_count && reader_ok(reader); i++) {
        struct sluice_space_title *title = &space->titles[i];

        reader_list(reader);
        title->title = reader_text(reader, arena, LOOK_TEXT_MAX);
        title->runs = reader_uint(reader);
        title->files = reader_uint(reader);
        title->bytes = reader_uint(reader);
        title->own = reader_uint(reader);
    }
}

static void read_files(struct reader *reader, struct arena *arena,
                       struct sluice_space *space)
{
    space->file_count = reader_list(reader);
    space->files = arena_array(arena, space->file_count, sizeof *space->files);
    if (!space->files)
        reader_fail(reader);
    for (size_t i = 0; i < space->file_count && reader_ok(reader); i++) {
        reader_list(reader);
        space->files[i].digest = reader_text(reader, arena, LOOK_TEXT_MAX);
        space->files[i].size = reader_uint(reader);
        space->files[i].why = reader_text(reader, arena, LOOK_TEXT_MAX);
    }
}

static enum rc read_report(const struct reply *reply, struct arena *arena,
                           struct sluice_space *space, struct err *err)
{
    const struct field fields[] = {
        { "count", FIELD_UINT, &space->count },
        { "bytes", FIELD_UINT, &space->bytes },
        { "young", FIELD_UINT, &space->young },
        { "young_bytes", FIELD_UINT, &space->young_bytes },
    };
    struct reader outer = reply_field(reply, "report"), reader;
    struct bytes bytes = reader_bytes(&outer);

    reader_init(&reader, bytes.data, bytes.size);
    fields_read(&reader, arena, fields, COUNT_OF(fields));
    if (!reader_ok(&outer) || !reader_ok(&reader))
        return fields_undecodable(err);
    reader_init(&reader, bytes.data, bytes.size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "kinds"))
            read_kinds(&reader, arena, space);
        else if (bytes_are(key, "runs"))
            read_runs(&reader, arena, space);
        else if (bytes_are(key, "titles"))
            read_titles(&reader, arena, space);
        else if (bytes_are(key, "nodes"))
            read_nodes(&reader, arena, space);
        else if (bytes_are(key, "files"))
            read_files(&reader, arena, space);
        else
            reader_skip(&reader);
    }
    return reader_ok(&reader) ? RC_OK : fields_undecodable(err);
}

int sluice_space(struct sluice *sluice, const struct sluice_space_query *query,
                 struct sluice_space **space, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct space_box *box = box_create(sizeof *box, &arena, err);
    struct request request = { .name = query->collects ? "gc" : "du",
                               .yes = query->is_real,
                               .since = query->older_than_s,
                               .limit = query->keep_last,
                               .first = query->grace_s,
                               .texts = query->runs,
                               .text_count = query->run_count };
    uint64_t job = 0, now = 0;
    bool is_done = false;
    enum rc rc = box ? ask(sluice, &request, &reply, &job, &is_done, err) : RC_NO_MEMORY;

    while (rc == RC_OK && !is_done) {
        poll(NULL, 0, ASK_EVERY_MS);
        reply_fini(&reply);
        reply = (struct reply){ .size = 0 };
        rc = ask(sluice, &(struct request){ .run = job }, &reply, &now, &is_done, err);
        if (rc == RC_OK && now != job)
            rc = err_set(err, RC_CONFLICT, "somebody else began to count meanwhile");
    }
    if (rc == RC_OK)
        rc = read_report(&reply, arena, &box->space, err);
    if (rc != RC_OK)
        return (int)rc;
    box->arena = steal(&arena);
    *space = &box->space;
    return SLUICE_OK;
}

void sluice_space_free(struct sluice_space *space)
{
    if (space)
        arena_destroy(((struct space_box *)space)->arena);
}

static enum rc removed_some(struct sluice *sluice, const char *const *digests,
                            size_t first, size_t count, sluice_removed_take *take,
                            void *context, struct err *err)
{
    struct request request = { .name = "gone",
                               .texts = digests + first,
                               .text_count = count };
    scoped(arena) arena = arena_create(REASONS_MAX);
    scoped_reply reply = { 0 };
    enum rc rc = arena ? sluice_call(sluice, MESSAGE_SPACE, &request, &reply, err)
                       : err_set(err, RC_NO_MEMORY, "no memory for the answer");
    struct reader reader;

    if (rc != RC_OK)
        return rc;
    reader = reply_field(&reply, "gone");
    for (size_t n = reader_list(&reader); n > 0 && reader_ok(&reader); n--) {
        size_t fields = reader_list(&reader);
        uint64_t i = reader_uint(&reader);
        int64_t removed_us = reader_int(&reader);
        const char *why = reader_text(&reader, arena, LOOK_TEXT_MAX);

        if (fields != 3 || i >= count)
            reader_fail(&reader);
        if (reader_ok(&reader))
            take(context, first + i, removed_us, why);
    }
    return reader_ok(&reader) ? RC_OK : fields_undecodable(err);
}

int sluice_removed(struct sluice *sluice, const char *const *digests, size_t count,
                   sluice_removed_take *take, void *context, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    enum rc rc = RC_OK;

    for (size_t at = 0; rc == RC_OK && at < count; at += REMOVED_AT_ONCE)
        rc = removed_some(sluice, digests, at,
                          count - at < REMOVED_AT_ONCE ? count - at : REMOVED_AT_ONCE,
                          take, context, err);
    return (int)rc;
}
