/* check_rows.h - between the walk over all tables (check.c) and what each row has to
 * refer to (check_links.c; of tasks that are kept together, check_ranges.c). */
#pragma once

#include "broker/store/check.h"
#include "broker/store/names_key.h"

enum { CHECK_FIELDS_MAX = 24 };

/* A row taken apart by its table's shape. A key of numbers gives their values. */
struct row {
    enum table_id table;
    MDB_val key, data;
    uint64_t keys[4];
    uint64_t numbers[CHECK_FIELDS_MAX]; /* of unsigned and boolean fields */
    struct bytes texts[CHECK_FIELDS_MAX];
};

struct check {
    struct view view; /* its cursor is on the row */
    store_fault *fault;
    void *context;
    uint64_t rows;
    struct counters counters;
    uint64_t last;       /* number of the row before, in tables without gaps; 0: none */
    uint64_t event_last; /* number of the last event of the record */
};

/* The first rule that the row breaks, or NULL. */
typedef const char *row_rule(struct check *check, const struct row *row);

/* Whether there is such a row; data, if not NULL, gets its value. */
bool row_has(struct check *check, enum table_id table, const void *key, size_t size,
             MDB_val *data);
/* Takes a value apart; false: it does not decode. */
bool row_read(enum table_id table, const MDB_val *key, const MDB_val *data,
              struct row *row);

bool has_key(struct check *check, enum table_id table, struct key key);
/* The row of that key, taken apart; false: it is not there, or does not decode. */
bool get_row(struct check *check, enum table_id table, struct key key, struct row *row);

/* The stage has a row, stands in a layer, or waits in a run that goes on. */
bool has_stage(struct check *check, uint64_t run, uint64_t stage);

/* Places in numbers[]. */
enum run_row_field { RUN_ROW_STATE = 0, RUN_ROW_STAGES = 4 };
enum stage_field { STAGE_FIELD_STATE = 0, STAGE_TASKS = 8, STAGE_NEXT = 9 };

row_rule rule_meta, rule_run, rule_run_row, rule_plan, rule_to_run, rule_active,
    rule_stage, rule_of_stage, rule_task, rule_result, rule_attempt, rule_span,
    rule_block, rule_layer, rule_node, rule_artifact, rule_event, rule_version,
    rule_execution, rule_by_step, rule_reused, rule_secret, rule_lineage, rule_removed,
    rule_removal, rule_datum, rule_datum_id, rule_datum_run, rule_alias,
    rule_alias_change, rule_tag, rule_tags_of, rule_dataset, rule_dataset_key,
    rule_dataset_file;
