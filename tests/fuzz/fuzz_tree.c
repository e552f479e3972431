/* A tree that decodes encodes to something that decodes again. */
#include "codecs/plan/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 20);
    scoped_buf buf = { 0 };
    struct tree tree, again;
    struct err err;

    if (tree_decode(arena, data, size, &tree, &err) != RC_OK)
        return 0;
    tree_encode(&buf, &tree);

    enum rc rc = tree_decode(arena, buf.data, buf.size, &again, &err);

    must(rc == RC_OK || rc == RC_NO_MEMORY);
    must(rc != RC_OK || again.entry_count == tree.entry_count);
    return 0;
}
