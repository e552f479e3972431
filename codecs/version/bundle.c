/* bundle.c - see bundle.h. */
#include "codecs/version/bundle.h"

#include <stdlib.h>
#include <string.h>

enum { BUNDLE_FORMAT = 1, SORT_PIECE = 1 << 20 };

static const char magic[] = "sluice-run";
static const char *const names[BUNDLE_TABLE_COUNT] = {
    [BUNDLE_HEAD] = "runs",
    [BUNDLE_ROW] = "run_rows",
    [BUNDLE_PLAN] = "plans",
    [BUNDLE_STAGES] = "stages",
    [BUNDLE_RESOLVED] = "resolved",
    [BUNDLE_NOTES] = "notes",
    [BUNDLE_TASKS] = "tasks",
    [BUNDLE_RESULTS] = "results",
    [BUNDLE_BLOCKS] = "blocks",
    [BUNDLE_LAYERS] = "layers",
    [BUNDLE_VERSIONS] = "versions",
    [BUNDLE_TAGS] = "tags",
    [BUNDLE_DATUM_TAGS] = "datum_tags",
    [BUNDLE_ALIASES] = "aliases",
    [BUNDLE_DATASETS] = "datasets",
};
/* Bytes of a key behind the run's number. */
static const size_t key_sizes[BUNDLE_TABLE_COUNT] = {
    [BUNDLE_STAGES] = 4,   [BUNDLE_RESOLVED] = 4,  [BUNDLE_NOTES] = 4,
    [BUNDLE_TASKS] = 12,   [BUNDLE_RESULTS] = 16,  [BUNDLE_BLOCKS] = 12,
    [BUNDLE_LAYERS] = 4,   [BUNDLE_VERSIONS] = 8,  [BUNDLE_DATUM_TAGS] = 16,
    [BUNDLE_ALIASES] = 16, [BUNDLE_DATASETS] = 16,
};

const char *bundle_table_name(enum bundle_table table)
{
    return (unsigned)table < BUNDLE_TABLE_COUNT ? names[table] : "unknown";
}

void bundle_row_encode(struct buf *rows, enum bundle_table table, const void *key,
                       size_t key_size, const void *value, size_t value_size)
{
    pack_list(rows, 3);
    pack_text(rows, names[table]);
    pack_bytes(rows, key, key_size);
    pack_bytes(rows, value, value_size);
}

void bundle_encode(struct buf *buf, const struct buf *rows, size_t count)
{
    pack_list(buf, 3);
    pack_text(buf, magic);
    pack_uint(buf, BUNDLE_FORMAT);
    pack_list(buf, count);
    buf_add(buf, rows->data, rows->size);
}

static int key_order(struct bytes a, struct bytes b)
{
    return a.size == b.size && a.size > 0 ? memcmp(a.data, b.data, a.size) : 0;
}

static bool read_row(struct reader *reader, struct bundle_row *row)
{
    unsigned table = 0;

    if (reader_list(reader) != 3)
        return false;

    struct bytes name = reader_string(reader);

    while (table < BUNDLE_TABLE_COUNT && !bytes_are(name, names[table]))
        table++;
    row->key = reader_bytes(reader);
    row->value = reader_bytes(reader);
    if (!reader_ok(reader) || table == BUNDLE_TABLE_COUNT
        || row->key.size != key_sizes[table])
        return false;
    row->table = (enum bundle_table)table;
    return true;
}

static int row_order(const void *a, const void *b)
{
    const struct bundle_row *x = a, *y = b;
    int order = (x->table > y->table) - (x->table < y->table);

    if (order == 0 && x->table != BUNDLE_VERSIONS)
        order = key_order(x->key, y->key);
    return order ? order : (x->key.data > y->key.data) - (x->key.data < y->key.data);
}

static enum rc write_sorted(const struct bundle_row *list, size_t count,
                            bundle_take *take, void *context, struct err *err)
{
    struct buf none = { 0 };
    scoped_buf piece = { 0 };
    enum rc rc = RC_OK;

    bundle_encode(&piece, &none, count);
    for (size_t i = 0; rc == RC_OK && i <= count; i++) {
        if (i == count || piece.size >= SORT_PIECE) {
            rc = buf_ok(&piece) ? take(context, piece.data, piece.size, err)
                                : err_set(err, RC_NO_MEMORY, "a record is too large");
            buf_clear(&piece);
        }
        if (i < count)
            bundle_row_encode(&piece, list[i].table, list[i].key.data, list[i].key.size,
                              list[i].value.data, list[i].value.size);
    }
    return rc;
}

enum rc bundle_sort(const void *rows, size_t size, size_t count, bundle_take *take,
                    void *context, struct err *err)
{
    struct bundle_row *list = reallocarray(NULL, count ? count : 1, sizeof *list);
    struct reader reader;
    enum rc rc = RC_OK;

    if (!list)
        return err_set(err, RC_NO_MEMORY, "no memory for %zu records", count);
    reader_init(&reader, rows, size);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        if (!read_row(&reader, &list[i]))
            rc = err_set(err, RC_INVALID, "records: byte %zu does not decode", reader.at);
    if (rc == RC_OK) {
        qsort(list, count, sizeof *list, row_order);
        rc = write_sorted(list, count, take, context, err);
    }
    free(list);
    return rc;
}

/* Each row stands behind the one before; versions are in the order of their tasks. */
static bool is_behind(const struct bundle_row *row, const struct bundle_row *before)
{
    if (row->table != before->table)
        return row->table > before->table;
    return row->table == BUNDLE_VERSIONS || key_order(before->key, row->key) < 0;
}

static bool has_one_of_each(const struct bundle *bundle)
{
    for (unsigned table = BUNDLE_HEAD; table <= BUNDLE_PLAN; table++)
        if (bundle->first[table + 1] - bundle->first[table] != 1)
            return false;
    return true;
}

enum rc bundle_decode(struct arena *arena, const void *bytes, size_t size,
                      struct bundle *bundle, struct err *err)
{
    struct bundle read = { 0 };
    struct reader reader;
    bool is_good;

    reader_init(&reader, bytes, size);
    is_good = reader_list(&reader) == 3 && bytes_are(reader_string(&reader), magic)
              && reader_uint(&reader) == BUNDLE_FORMAT;
    read.count = is_good ? reader_list(&reader) : 0;
    if (!is_good || !reader_ok(&reader))
        return err_set(err, RC_INVALID,
                       "these are no records of a run that this program "
                       "can read");
    read.rows = arena_array(arena, read.count, sizeof *read.rows);
    if (!read.rows)
        return err_set(err, RC_NO_MEMORY, "no memory for %zu records", read.count);
    for (size_t i = 0; is_good && i < read.count; i++) {
        is_good = read_row(&reader, &read.rows[i])
                  && (i == 0 || is_behind(&read.rows[i], &read.rows[i - 1]));
        if (is_good)
            read.first[read.rows[i].table + 1] = i + 1;
    }
    for (unsigned table = 1; table <= BUNDLE_TABLE_COUNT; table++)
        if (read.first[table] == 0)
            read.first[table] = read.first[table - 1];
    if (!is_good || !reader_at_end(&reader) || !has_one_of_each(&read))
        return err_set(err, RC_INVALID,
                       "records of a run: byte %zu does not decode, or one is missing",
                       reader.at);
    *bundle = read;
    return RC_OK;
}

const struct bundle_row *bundle_find(const struct bundle *bundle, enum bundle_table table,
                                     const void *key, size_t key_size)
{
    size_t low = bundle->first[table], high = bundle->first[table + 1];
    struct bytes wanted = { key, key_size };

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = key_order(bundle->rows[middle].key, wanted);

        if (order == 0)
            return &bundle->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
