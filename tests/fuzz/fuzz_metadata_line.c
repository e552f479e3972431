/* fuzz_metadata_line.c - a metadata line is written to the stream as a metadata line. */
#include "codecs/wire/metadata_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(64 << 20);
    scoped_buf line = { 0 };
    struct value map, again;

    if (!arena || !metadata_line_read(arena, (const char *)data, size, &map))
        return 0;
    metadata_line_write(&line, &map, 1743779019321000);
    must(buf_ok(&line) && line.data[line.size - 1] == '\n');
    must(metadata_line_read(arena, (const char *)line.data, line.size, &again));
    must(again.map.count == map.map.count + (value_get(&map, "_time") == NULL));
    return 0;
}
