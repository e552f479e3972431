/* What an import reads: the manifest, the rows of a run, and a version's record. The
 * first byte tells which. */
#include "codecs/version/bundle.h"
#include "codecs/version/manifest.h"
#include "codecs/version/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void manifest_of(struct arena *arena, const uint8_t *data, size_t size)
{
    scoped_buf json = { 0 };
    struct manifest manifest, again;
    struct err err;

    if (manifest_decode(arena, (const char *)data, size, &manifest, &err) != RC_OK)
        return;
    manifest_encode(&json, &manifest);

    enum rc rc = manifest_decode(arena, (char *)json.data, json.size, &again, &err);

    must(rc == RC_OK || rc == RC_NO_MEMORY);
    must(rc != RC_OK || again.object_count == manifest.object_count);
}

static void bundle_of(struct arena *arena, const uint8_t *data, size_t size)
{
    struct bundle bundle;
    struct err err;

    if (bundle_decode(arena, data, size, &bundle, &err) != RC_OK)
        return;
    must(bundle.first[BUNDLE_TABLE_COUNT] == bundle.count);
    for (size_t i = 0; i < bundle.count; i++) {
        const struct bundle_row *row = &bundle.rows[i];

        must(row->table == BUNDLE_VERSIONS
             || bundle_find(&bundle, row->table, row->key.data, row->key.size) == row);
    }
}

static void version_of(struct arena *arena, const uint8_t *data, size_t size)
{
    scoped_buf bytes = { 0 };
    struct version version, again;
    struct err err;

    if (version_decode(arena, data, size, &version, &err) != RC_OK)
        return;
    version_encode(&bytes, &version);
    must(version_decode(arena, bytes.data, bytes.size, &again, &err) == RC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 20);

    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        manifest_of(arena, data + 1, size - 1);
    else if (data[0] % 3 == 1)
        bundle_of(arena, data + 1, size - 1);
    else
        version_of(arena, data + 1, size - 1);
    return 0;
}
