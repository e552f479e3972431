/* lineage.c - one step of where files came from and what was made of them. */
#include "client/lib/fields.h"

struct lineage_box {
    struct sluice_lineages lineages;
    struct arena *arena;
};

struct makes_box {
    struct sluice_makes makes;
    struct arena *arena;
};

static void skip_rest(struct reader *reader, size_t count, size_t known)
{
    if (count < known)
        reader_fail(reader);
    for (; count > known && reader_ok(reader); count--)
        reader_skip(reader);
}

static struct sluice_lineage_entry *read_entries(struct reader *reader,
                                                 struct arena *arena, size_t *count)
{
    size_t size = reader_list(reader);
    struct sluice_lineage_entry *entries = arena_array(arena, size, sizeof *entries);

    if (!entries)
        reader_fail(reader);
    for (size_t i = 0; i < size && reader_ok(reader); i++) {
        size_t fields = reader_list(reader);

        entries[i].run = reader_uint(reader);
        entries[i].stage = (uint32_t)reader_uint_max(reader, UINT32_MAX);
        entries[i].name = reader_text(reader, arena, LOOK_TEXT_MAX);
        entries[i].index = reader_uint(reader);
        entries[i].count = reader_uint(reader);
        skip_rest(reader, fields, 5);
    }
    *count = reader_ok(reader) ? size : 0;
    return entries;
}

static void read_lineage(struct reader *reader, struct arena *arena,
                         struct sluice_lineage *file)
{
    size_t fields = reader_list(reader);

    file->digest = reader_text(reader, arena, LOOK_TEXT_MAX);
    file->makers = read_entries(reader, arena, &file->maker_count);
    file->users = read_entries(reader, arena, &file->user_count);
    file->more = reader_bool(reader);
    skip_rest(reader, fields, 4);
}

int sluice_lineage(struct sluice *sluice, const char *const *digests, size_t count,
                   uint64_t run, uint32_t limit, struct sluice_lineages **lineages,
                   struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct lineage_box *box = box_create(sizeof *box, &arena, err);
    struct request request = {
        .texts = digests, .text_count = count, .run = run, .limit = limit
    };
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_LINEAGE, &request, &reply, err) : RC_NO_MEMORY;

    if (rc != RC_OK)
        return (int)rc;

    struct reader reader = reply_field(&reply, "files");
    struct sluice_lineages *read = &box->lineages;

    read->count = reader_list(&reader);
    read->files = arena_array(arena, read->count, sizeof *read->files);
    for (size_t i = 0; read->files && i < read->count && reader_ok(&reader); i++)
        read_lineage(&reader, arena, &read->files[i]);
    if (!read->files || !reader_ok(&reader) || read->count != count)
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *lineages = read;
    return SLUICE_OK;
}

void sluice_lineages_free(struct sluice_lineages *lineages)
{
    if (lineages)
        arena_destroy(((struct lineage_box *)lineages)->arena);
}

/* The reader is at the outputs of a task; files may be NULL to count them only. */
static size_t read_outputs(struct reader *reader, struct arena *arena, uint64_t index,
                           struct sluice_made *files)
{
    size_t count = reader_list(reader);

    for (size_t i = 0; i < count && reader_ok(reader); i++) {
        if (!files) {
            reader_skip(reader);
            continue;
        }

        size_t fields = reader_list(reader);

        files[i].index = index;
        files[i].name = reader_text(reader, arena, LOOK_TEXT_MAX);
        files[i].digest = reader_text(reader, arena, LOOK_TEXT_MAX);
        files[i].size = reader_uint(reader);
        skip_rest(reader, fields, 3);
    }
    return count;
}

static size_t read_made(struct reader reader, struct arena *arena,
                        struct sluice_made *files, bool *is_good)
{
    size_t tasks = reader_list(&reader), count = 0;

    for (size_t i = 0; i < tasks && reader_ok(&reader); i++) {
        size_t fields = reader_list(&reader);
        uint64_t index = reader_uint(&reader);

        count += read_outputs(&reader, arena, index, files ? files + count : NULL);
        skip_rest(&reader, fields, 2);
    }
    *is_good = reader_ok(&reader);
    return count;
}

int sluice_made(struct sluice *sluice, uint64_t run, const char *stage, uint64_t first,
                uint32_t limit, struct sluice_makes **makes, struct sluice_error *error)
{
    struct err own;
    struct err *err = error_or(error, &own);
    scoped_reply reply = { 0 };
    scoped(arena) arena = NULL;
    struct makes_box *box = box_create(sizeof *box, &arena, err);
    struct request request = {
        .run = run, .stage = stage, .first = first, .limit = limit
    };
    enum rc rc =
        box ? sluice_call(sluice, MESSAGE_MADE, &request, &reply, err) : RC_NO_MEMORY;
    bool is_good = false;

    if (rc != RC_OK)
        return (int)rc;

    struct reader next = reply_field(&reply, "next");
    struct reader tasks = reply_field(&reply, "tasks");
    struct sluice_makes *read = &box->makes;

    read->next = reader_uint(&next);
    read->count = read_made(tasks, arena, NULL, &is_good);
    read->files = is_good ? arena_array(arena, read->count, sizeof *read->files) : NULL;
    if (read->files)
        read_made(tasks, arena, read->files, &is_good);
    if (!read->files || !is_good || !reader_ok(&next))
        return (int)fields_undecodable(err);
    box->arena = steal(&arena);
    *makes = read;
    return SLUICE_OK;
}

void sluice_makes_free(struct sluice_makes *makes)
{
    if (makes)
        arena_destroy(((struct makes_box *)makes)->arena);
}
