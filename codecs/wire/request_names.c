/* request_names.c - see request_names.h. */
#include "codecs/wire/request_names.h"

#include "codecs/wire/result.h"

static void add_list(struct buf *buf, const char *key, const char *const *texts,
                     size_t count)
{
    if (count == 0)
        return;
    pack_text(buf, key);
    pack_list(buf, count);
    for (size_t i = 0; i < count; i++)
        pack_text(buf, texts[i]);
}

size_t request_names_count(const struct request *request)
{
    return (size_t)(request->project != NULL) + (request->user != NULL)
           + (request->name != NULL) + (request->target != NULL) + (request->tag != NULL)
           + (request->after != NULL) + (request->file != NULL) + (request->uri_count > 0)
           + (request->text_count > 0);
}

void request_names_encode(struct buf *buf, const struct request *request)
{
    const struct {
        const char *key, *text;
    } texts[] = { { "project", request->project }, { "user", request->user },
                  { "name", request->name },       { "target", request->target },
                  { "tag", request->tag },         { "after", request->after } };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (texts[i].text) {
            pack_text(buf, texts[i].key);
            pack_text(buf, texts[i].text);
        }
    if (request->file) {
        pack_text(buf, "file");
        file_encode(buf, request->file);
    }
    add_list(buf, "uris", request->uris, request->uri_count);
    add_list(buf, "texts", request->texts, request->text_count);
}

static void read_list(struct reader *reader, struct arena *arena,
                      const char *const **texts, size_t *count)
{
    size_t found = reader_list(reader);
    const char **list = NULL;

    if (found <= REQUEST_TEXTS_MAX)
        list = arena_array(arena, found, sizeof *list);
    if (!list) {
        reader_fail(reader);
        return;
    }
    for (size_t i = 0; i < found && reader_ok(reader); i++)
        list[i] = reader_text(reader, arena, PLAN_NAME_MAX);
    *texts = list;
    *count = found;
}

bool request_names_field(struct reader *reader, struct arena *arena, struct bytes key,
                         struct request *request)
{
    const struct {
        const char *key, **text;
    } texts[] = { { "project", &request->project }, { "user", &request->user },
                  { "name", &request->name },       { "target", &request->target },
                  { "tag", &request->tag },         { "after", &request->after } };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (bytes_are(key, texts[i].key)) {
            *texts[i].text = reader_text(reader, arena, PLAN_NAME_MAX);
            return true;
        }
    if (bytes_are(key, "uris")) {
        read_list(reader, arena, &request->uris, &request->uri_count);
    } else if (bytes_are(key, "texts")) {
        read_list(reader, arena, &request->texts, &request->text_count);
    } else if (bytes_are(key, "file")) {
        struct plan_source *file = arena_alloc(arena, sizeof *file);

        if (file)
            file_decode(reader, arena, file);
        else
            reader_fail(reader);
        request->file = file;
    } else {
        return false;
    }
    return true;
}
