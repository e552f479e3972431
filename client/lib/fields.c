/* fields.c - see fields.h. */
#include "client/lib/fields.h"

static void read_value(struct reader *reader, struct arena *arena,
                       const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT:
        *(const char **)field->to = reader_text(reader, arena, LOOK_TEXT_MAX);
        break;
    case FIELD_UINT:
        *(uint64_t *)field->to = reader_uint(reader);
        break;
    case FIELD_UINT32:
        *(uint32_t *)field->to = (uint32_t)reader_uint_max(reader, UINT32_MAX);
        break;
    case FIELD_INT:
        *(int64_t *)field->to = reader_int(reader);
        break;
    case FIELD_BOOL:
        *(bool *)field->to = reader_bool(reader);
        break;
    }
}

void fields_read(struct reader *reader, struct arena *arena, const struct field *fields,
                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind == FIELD_TEXT)
            *(const char **)fields[i].to = "";
    for (size_t n = reader_map(reader); n > 0 && reader_ok(reader); n--) {
        struct bytes key = reader_string(reader);
        size_t i = 0;

        while (i < count && !bytes_are(key, fields[i].key))
            i++;
        if (i < count)
            read_value(reader, arena, &fields[i]);
        else
            reader_skip(reader);
    }
}

enum rc fields_undecodable(struct err *err)
{
    return err_set(err, RC_PROTOCOL, "the broker's answer does not decode");
}

const char *const *fields_texts(struct reader *reader, struct arena *arena, size_t *count)
{
    size_t size = reader_list(reader);
    const char **texts = arena_array(arena, size, sizeof *texts);

    for (size_t i = 0; texts && i < size; i++)
        texts[i] = reader_text(reader, arena, LOOK_TEXT_MAX);
    if (!texts)
        reader_fail(reader);
    *count = size;
    return texts;
}

void *box_create(size_t size, struct arena **arena, struct err *err)
{
    void *box;

    *arena = arena_create(LOOK_ARENA_MAX);
    box = *arena ? arena_alloc(*arena, size) : NULL;
    if (!box)
        err_set(err, RC_NO_MEMORY, "no memory for the broker's answer");
    return box;
}
