/* look.c - see look.h. */
#include "codecs/wire/look.h"

#include <string.h>

void look_encode(struct buf *buf, const struct look_message *message)
{
    pack_map(buf, 3u + (message->text != NULL));
    pack_text(buf, "run");
    pack_uint(buf, message->run);
    pack_text(buf, "stage");
    pack_uint(buf, message->stage);
    pack_text(buf, "files");
    pack_list(buf, message->file_count);
    for (size_t i = 0; i < message->file_count; i++)
        file_encode(buf, &message->files[i]);
    if (message->text) {
        pack_text(buf, "text");
        pack_text(buf, message->text);
    }
}

static void files_decode(struct reader *reader, struct arena *arena,
                         struct look_message *message)
{
    size_t count = reader_list(reader);

    message->files = count <= LOOK_FILES_MAX
                         ? arena_array(arena, count, sizeof *message->files)
                         : NULL;
    if (!message->files) {
        reader_fail(reader);
        return;
    }
    message->file_count = count;
    for (size_t i = 0; i < count && reader_ok(reader); i++)
        file_decode(reader, arena, &message->files[i]);
}

enum rc look_decode(const void *bytes, size_t size, struct arena *arena,
                    struct look_message *message, struct err *err)
{
    struct look_message read = { 0 };
    struct reader reader;

    reader_init(&reader, bytes, size);
    for (size_t n = reader_map(&reader); n > 0 && reader_ok(&reader); n--) {
        struct bytes key = reader_string(&reader);

        if (bytes_are(key, "run"))
            read.run = reader_uint(&reader);
        else if (bytes_are(key, "stage"))
            read.stage = (uint32_t)reader_uint_max(&reader, PLAN_STAGES_MAX);
        else if (bytes_are(key, "files"))
            files_decode(&reader, arena, &read);
        else if (bytes_are(key, "text"))
            read.text = reader_text_or_null(&reader, arena, LOOK_TEXT_MAX);
        else
            reader_skip(&reader);
    }
    if (!reader_at_end(&reader))
        return err_set(err, RC_PROTOCOL, "look: byte %zu does not decode", reader.at);
    *message = read;
    return RC_OK;
}
