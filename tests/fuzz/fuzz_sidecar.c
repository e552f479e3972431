/* fuzz_sidecar.c - whatever stands in properties, what is read of them is well-formed. */
#include "codecs/names/names.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(64 << 20);
    scoped_buf notes = { 0 };
    struct sidecar sidecar;
    struct value map;
    struct err err;

    if (!arena || value_from_json(arena, (const char *)data, size, &map, &err) != RC_OK
        || map.kind != VALUE_MAP)
        return 0;

    const struct value list = { .kind = VALUE_LIST, .list = { &map, 1 } };

    if (sidecar_read(arena, "f", &list, &sidecar, &notes, &err) != RC_OK)
        return 0;
    must(!sidecar.alias || alias_is_valid(sidecar.alias));
    must(sidecar.tag_count <= SIDECAR_ENTRIES_MAX
         && sidecar.version_count <= SIDECAR_ENTRIES_MAX);
    for (size_t i = 0; i < sidecar.tag_count; i++)
        must(tag_is_valid(sidecar.tags[i]));
    for (size_t i = 0; i < sidecar.version_count; i++)
        must(name_is_valid(sidecar.versions[i].uri.name)
             && name_is_valid(sidecar.versions[i].uri.version));
    return 0;
}
