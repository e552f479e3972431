/* fuzz_result.c - a result that decodes must encode to bytes that decode to the same. */
#include "codecs/wire/result.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(64 << 20);
    struct task_result *result, *again;
    scoped_buf first = { 0 }, second = { 0 };

    if (!arena || result_decode(arena, data, size, &result, NULL) != RC_OK)
        return 0;
    result_encode(&first, result);
    must(buf_ok(&first));

    enum rc rc = result_decode(arena, first.data, first.size, &again, NULL);

    if (rc != RC_OK)
        return 0; /* the arena's limit, or a map that grew beyond its bound */
    result_encode(&second, again);
    must(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    return 0;
}
