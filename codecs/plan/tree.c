/* tree.c - one writer, and a reader that believes nothing. */
#include "codecs/plan/tree.h"
#include "codecs/digest/digest.h"
#include "codecs/pack/pack.h"

#include <stdlib.h>
#include <string.h>

enum { TREE_VERSION = 1, ENTRY_FIELDS = 5 };
enum { MODE_FILE = 0644, MODE_PROGRAM = 0755, MODE_LINK = 0120000 };

static const char tree_name[] = "sluice-tree";

bool tree_path_is_safe(const char *path)
{
    if (strlen(path) > TREE_PATH_MAX || strchr(path, '\n'))
        return false;
    for (const char *part = path;; part++) {
        size_t size = strcspn(part, "/");

        if (size == 0 || (size == 1 && part[0] == '.')
            || (size == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += size;
        if (*part == '\0')
            return true;
    }
}

static int compare_paths(const void *a, const void *b)
{
    const struct tree_entry *one = a, *other = b;

    return strcmp(one->path, other->path);
}

void tree_encode(struct buf *buf, struct tree *tree)
{
    if (tree->entry_count > 0)
        qsort(tree->entries, tree->entry_count, sizeof *tree->entries, compare_paths);
    pack_list(buf, 3);
    pack_text(buf, tree_name);
    pack_uint(buf, TREE_VERSION);
    pack_list(buf, tree->entry_count);
    for (size_t i = 0; i < tree->entry_count; i++) {
        const struct tree_entry *entry = &tree->entries[i];

        pack_list(buf, ENTRY_FIELDS);
        pack_text(buf, entry->path);
        pack_uint(buf, entry->mode);
        pack_uint(buf, entry->size);
        pack_text(buf, entry->digest);
        pack_text(buf, entry->target);
    }
}

/* NULL if the entry may stand in a tree, else what is wrong with it. */
static const char *entry_fault(const struct tree_entry *entry)
{
    if (!tree_path_is_safe(entry->path))
        return "the path is not a safe relative path";
    if (entry->mode == MODE_LINK)
        return *entry->digest != '\0'   ? "a link has a digest"
               : *entry->target == '\0' ? "a link has no target"
                                        : NULL;
    if (entry->mode != MODE_FILE && entry->mode != MODE_PROGRAM)
        return "the mode is not 0644, 0755 or 0120000";
    if (!digest_is_valid(entry->digest, strlen(entry->digest)))
        return "the digest is not sha256: and 64 hex digits";
    return *entry->target != '\0' ? "a file has a link's target" : NULL;
}

/* Whether some directory of the entry's path is an entry itself. Such a tree would be
 * written through a link of its own, to places outside. */
static bool is_below_an_entry(const struct tree *tree, const struct tree_entry *entry)
{
    char parent[TREE_PATH_MAX + 1];

    memcpy(parent, entry->path, strlen(entry->path) + 1);
    for (char *slash; (slash = strrchr(parent, '/'));) {
        struct tree_entry key = { .path = parent };

        *slash = '\0';
        if (bsearch(&key, tree->entries, tree->entry_count, sizeof key, compare_paths))
            return true;
    }
    return false;
}

static bool has_same_parent(const char *a, const char *b)
{
    const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');

    return end_a && end_b && end_a - a == end_b - b
           && memcmp(a, b, (size_t)(end_a - a)) == 0;
}

static enum rc tree_check(const struct tree *tree, struct err *err)
{
    for (size_t i = 0; i < tree->entry_count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        const char *before = i > 0 ? entry[-1].path : "";
        const char *fault = entry_fault(entry);

        if (!fault && strcmp(before, entry->path) >= 0)
            fault = "the paths are not sorted, or one stands twice";
        if (fault)
            return err_set(err, RC_PROTOCOL, "tree: entry %zu (%.200s): %s", i,
                           entry->path, fault);
    }
    for (size_t i = 0; i < tree->entry_count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        bool is_checked = i > 0 && has_same_parent(entry[-1].path, entry->path);

        if (!is_checked && is_below_an_entry(tree, entry))
            return err_set(err, RC_PROTOCOL,
                           "tree: entry %zu (%.200s): a directory of the path is a file",
                           i, entry->path);
    }
    return RC_OK;
}

static void read_entry(struct reader *reader, struct arena *arena,
                       struct tree_entry *entry)
{
    if (reader_list(reader) != ENTRY_FIELDS)
        reader_fail(reader);
    entry->path = reader_text(reader, arena, TREE_PATH_MAX);
    entry->mode = (uint32_t)reader_uint_max(reader, UINT32_MAX);
    entry->size = reader_uint(reader);
    entry->digest = reader_text(reader, arena, DIGEST_TEXT_SIZE);
    entry->target = reader_text(reader, arena, TREE_PATH_MAX);
}

static enum rc read_head(struct reader *reader, size_t size, struct err *err)
{
    if (size > TREE_BYTES_MAX)
        return err_set(err, RC_PROTOCOL, "tree: %zu bytes, more than %d", size,
                       (int)TREE_BYTES_MAX);

    bool is_tree =
        reader_list(reader) == 3 && bytes_are(reader_string(reader), tree_name);
    uint64_t version = reader_uint(reader);

    if (!is_tree || !reader_ok(reader))
        return err_set(err, RC_PROTOCOL, "tree: the bytes are not a tree object");
    if (version != TREE_VERSION)
        return err_set(err, RC_PROTOCOL,
                       "tree: version %llu is not known, only %d; a newer release may "
                       "read it",
                       (unsigned long long)version, (int)TREE_VERSION);
    return RC_OK;
}

enum rc tree_decode(struct arena *arena, const void *bytes, size_t size,
                    struct tree *tree, struct err *err)
{
    struct reader reader;
    struct tree read = { 0 };

    reader_init(&reader, bytes, size);

    enum rc rc = read_head(&reader, size, err);

    if (rc != RC_OK)
        return rc;
    read.entry_count = reader_list(&reader);
    read.entries = arena_array(arena, read.entry_count, sizeof *read.entries);
    for (size_t i = 0; read.entries && i < read.entry_count && reader_ok(&reader); i++)
        read_entry(&reader, arena, &read.entries[i]);
    if (!read.entries || reader.no_memory)
        return err_set(err, RC_NO_MEMORY,
                       "tree: %zu entries need more memory than "
                       "allowed",
                       read.entry_count);
    if (!reader_at_end(&reader))
        return err_set(err, RC_PROTOCOL, "tree: malformed at byte %zu", reader.at);
    rc = tree_check(&read, err);
    if (rc == RC_OK)
        *tree = read;
    return rc;
}
