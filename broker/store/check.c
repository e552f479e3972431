/* check.c - every row of every table: its key and value by the shape of the table, then
 * by the table's rule (check_links.c). */
#include "broker/store/check_rows.h"

#include <stdio.h>
#include <string.h>

/* key: sizes of the numbers that it is made of; "" for one of another kind. fields: of
 * the record behind its version: t text, b bytes, u unsigned, i signed, o boolean, * any;
 * what follows ? is absent in older records. NULL: bytes of another format. */
struct shape {
    const char *key, *fields;
    row_rule *rule;
};

static const struct shape shapes[TABLE_COUNT] = {
    [TABLE_META] = { "", NULL, rule_meta },
    [TABLE_RUNS] = { "8", "ttttttboo", rule_run },
    [TABLE_RUN_ROWS] = { "8", "uuuuuuoiiuuuu?u", rule_run_row },
    [TABLE_PLANS] = { "8", NULL, rule_plan },
    [TABLE_IDS] = { "", NULL, rule_to_run },
    [TABLE_SUBMISSIONS] = { "", NULL, rule_to_run },
    [TABLE_ACTIVE] = { "8", NULL, rule_active },
    [TABLE_STAGES] = { "84", "uuuuuuoouuuuuuii*?uu", rule_stage },
    [TABLE_RESOLVED] = { "84", NULL, rule_of_stage },
    [TABLE_NOTES] = { "84", NULL, rule_of_stage },
    [TABLE_TASKS] = { "848", "uuuuuiiii?u", rule_task },
    [TABLE_RESULTS] = { "8484", NULL, rule_result },
    [TABLE_ATTEMPTS] = { "8", "uuuuuuuoou", rule_attempt },
    [TABLE_SPANS] = { "848", "uuu", rule_span },
    [TABLE_BLOCKS] = { "848", "uub", rule_block },
    [TABLE_LAYERS] = { "84", "uub", rule_layer },
    [TABLE_NODES] = { "8", "ttui?u", rule_node },
    [TABLE_ARTIFACTS] = { "", "tuuuui", rule_artifact },
    [TABLE_EVENTS] = { "8", NULL, rule_event },
    [TABLE_VERSIONS] = { "8", NULL, rule_version },
    [TABLE_EXECUTIONS] = { "", "uuu", rule_execution },
    [TABLE_BY_STEP] = { "", NULL, rule_by_step },
    [TABLE_REUSED] = { "84", "*", rule_reused },
    [TABLE_SECRETS] = { "84", "?**", rule_secret },
    [TABLE_MAKERS] = { "", NULL, rule_lineage },
    [TABLE_USERS] = { "", NULL, rule_lineage },
    [TABLE_REMOVED] = { "", "it", rule_removed },
    [TABLE_REMOVALS] = { "", NULL, rule_removal },
    [TABLE_DATUMS] = { "8", "bttuttutuit*", rule_datum },
    [TABLE_DATUM_IDS] = { "", NULL, rule_datum_id },
    [TABLE_DATUM_RUNS] = { "88", NULL, rule_datum_run },
    [TABLE_ALIASES] = { "", "titu", rule_alias },
    [TABLE_ALIAS_CHANGES] = { "", "titu", rule_alias_change },
    [TABLE_TAGS] = { "", NULL, rule_tag },
    [TABLE_TAGS_OF] = { "18", "*", rule_tags_of },
    [TABLE_DATASETS] = { "", "uiituuu", rule_dataset },
    [TABLE_DATASET_KEYS] = { "8", NULL, rule_dataset_key },
    [TABLE_DATASET_FILES] = { "", "ou", rule_dataset_file },
};

bool row_has(struct check *check, enum table_id table, const void *key, size_t size,
             MDB_val *data)
{
    struct err err;
    MDB_val found;

    return size > 0
           && view_get(&check->view, table, key, size, data ? data : &found, &err)
                  == RC_OK;
}

static bool read_key(const char *sizes, const MDB_val *key, struct row *row)
{
    const unsigned char *at = key->mv_data;
    size_t left = key->mv_size;

    for (size_t i = 0; sizes[i]; i++) {
        size_t size = (size_t)(sizes[i] - '0');

        if (left < size)
            return false;
        row->keys[i] = key_number(at, size);
        at += size;
        left -= size;
    }
    return *sizes == '\0' || left == 0;
}

static void read_field(struct reader *reader, char kind, struct row *row, size_t at)
{
    if (kind == 'u')
        row->numbers[at] = reader_uint(reader);
    else if (kind == 'o')
        row->numbers[at] = reader_bool(reader);
    else if (kind == 'i')
        (void)reader_int(reader);
    else if (kind == 't')
        row->texts[at] = reader_string(reader);
    else if (kind == 'b')
        row->texts[at] = reader_bytes(reader);
    else
        reader_skip(reader);
}

static bool read_fields(const char *fields, enum table_id table, const MDB_val *data,
                        struct row *row)
{
    bool may_end = false;
    struct reader reader;
    struct err err;
    size_t at = 0;

    if (record_open(&reader, table, data, &err) != RC_OK)
        return false;
    for (; *fields; fields++) {
        if (*fields == '?') {
            may_end = true;
            continue;
        }
        if (may_end && reader_at_end(&reader))
            break;
        read_field(&reader, *fields, row, at++);
    }
    return record_close(&reader, table, &err) == RC_OK;
}

bool row_read(enum table_id table, const MDB_val *key, const MDB_val *data,
              struct row *row)
{
    const struct shape *shape = &shapes[table];

    *row = (struct row){ .table = table, .key = *key, .data = *data };
    return read_key(shape->key, key, row)
           && (!shape->fields || read_fields(shape->fields, table, data, row));
}

static void tell(struct check *check, enum table_id table, const MDB_val *key,
                 const char *text)
{
    char hex[2 * 511 + 1] = "";
    const unsigned char *bytes = key ? key->mv_data : NULL;

    for (size_t i = 0; key && i < key->mv_size && i < 511; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    check->fault(check->context, table_name(table), hex, text);
}

static enum rc check_table(struct check *check, enum table_id table, struct err *err)
{
    MDB_val key, data;
    struct row row;
    enum rc rc = view_seek(&check->view, table, "", 0, &key, &data, err);

    check->last = 0;
    for (; rc == RC_OK; rc = view_next(&check->view, MDB_NEXT, &key, &data, err)) {
        const char *text = "the record does not decode";

        if (row_read(table, &key, &data, &row))
            text = shapes[table].rule(check, &row);
        if (text)
            tell(check, table, &key, text);
        check->last = table == TABLE_EVENTS && check->event_last > row.keys[0]
                          ? check->event_last
                          : row.keys[0];
        check->rows++;
    }
    if (check->view.cursor)
        mdb_cursor_close(check->view.cursor);
    check->view.cursor = NULL;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Numbered tables end where the counters say. */
static void check_end(struct check *check, enum table_id table, uint64_t next)
{
    if (next > 1 && check->last + 1 != next && (table == TABLE_VERSIONS || check->last))
        tell(check, table, NULL, "its last rows are missing");
}

enum rc store_check(struct store *store, store_fault *fault, void *context,
                    uint64_t *rows, struct err *err)
{
    struct check check = { .fault = fault, .context = context };
    struct err unread;
    enum rc rc = view_begin(store, &check.view, err);

    if (rc != RC_OK)
        return rc;
    if (store_counters(store, &check.counters, &unread) != RC_OK)
        fault(context, table_name(TABLE_META), "636f756e74657273",
              "the record does not decode");
    for (unsigned i = 0; rc == RC_OK && i < TABLE_COUNT; i++) {
        if (!shapes[i].rule)
            continue;
        rc = check_table(&check, (enum table_id)i, err);
        if (i == TABLE_VERSIONS)
            check_end(&check, TABLE_VERSIONS, check.counters.version_next);
        else if (i == TABLE_EVENTS)
            check_end(&check, TABLE_EVENTS, check.counters.event_next);
    }
    view_end(&check.view);
    if (rc == RC_OK)
        *rows = check.rows;
    return rc;
}

enum rc store_results_each(struct store *store,
                           enum rc (*visit)(void *context,
                                            const struct attempt_row *where,
                                            const void *bytes, size_t size,
                                            struct err *err),
                           void *context, struct err *err)
{
    struct view view;
    MDB_val key, data;
    struct row row;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_seek(&view, TABLE_RESULTS, "", 0, &key, &data, err);
    while (rc == RC_OK) {
        if (row_read(TABLE_RESULTS, &key, &data, &row))
            rc = visit(context,
                       &(struct attempt_row){ .run = row.keys[0],
                                              .stage = (uint32_t)row.keys[1],
                                              .index = row.keys[2],
                                              .number = (uint32_t)row.keys[3] },
                       data.mv_data, data.mv_size, err);
        if (rc == RC_OK)
            rc = view_next(&view, MDB_NEXT, &key, &data, err);
    }
    view_end(&view);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
