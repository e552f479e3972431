/* JSON that is read and written reads back as the same value. */
#include "codecs/value/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 }, text = { 0 };
    struct value value, again;
    struct err err;

    if (value_from_json(arena, (const char *)data, size, &value, &err) != RC_OK)
        return 0;
    value_to_text(&text, &value);
    value_to_json(&buf, &value);

    enum rc rc = value_from_json(arena, buf_string(&buf), buf.size, &again, &err);

    must(rc == RC_OK || rc == RC_NO_MEMORY);
    must(rc != RC_OK || value_equals(&value, &again));
    return 0;
}
