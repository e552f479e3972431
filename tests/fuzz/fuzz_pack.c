/* A value that reads from any bytes is as long as what is skipped, and packs to bytes
 * that read back as the same value. */
#include "codecs/pack/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct reader reader, skipper;
    struct value value, again;

    reader_init(&skipper, data, size);
    reader_skip(&skipper);
    must(skipper.at <= size);
    reader_init(&reader, data, size);
    reader_value(&reader, arena, &value);
    must(reader.at <= size);
    if (!reader_ok(&reader))
        return 0;
    must(reader_ok(&skipper) && skipper.at == reader.at);
    pack_value(&buf, &value);
    reader_init(&reader, buf.data, buf.size);
    reader_value(&reader, arena, &again);
    must(reader.no_memory || (reader_at_end(&reader) && value_equals(&value, &again)));
    return 0;
}
