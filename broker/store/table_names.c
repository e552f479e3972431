/* table_names.c - what the tables are called in the file. */
#include "broker/store/tables.h"

static const char *const names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_RUNS] = "runs",
    [TABLE_RUN_ROWS] = "run_rows",
    [TABLE_PLANS] = "plans",
    [TABLE_IDS] = "ids",
    [TABLE_SUBMISSIONS] = "submissions",
    [TABLE_ACTIVE] = "active",
    [TABLE_STAGES] = "stages",
    [TABLE_RESOLVED] = "resolved",
    [TABLE_NOTES] = "notes",
    [TABLE_TASKS] = "tasks",
    [TABLE_RESULTS] = "results",
    [TABLE_ATTEMPTS] = "attempts",
    [TABLE_SPANS] = "spans",
    [TABLE_BLOCKS] = "blocks",
    [TABLE_LAYERS] = "layers",
    [TABLE_NODES] = "nodes",
    [TABLE_ARTIFACTS] = "artifacts",
    [TABLE_EVENTS] = "events",
    [TABLE_VERSIONS] = "versions",
    [TABLE_EXECUTIONS] = "executions",
    [TABLE_BY_STEP] = "by_step",
    [TABLE_REUSED] = "reused",
    [TABLE_MAKERS] = "makers",
    [TABLE_USERS] = "users",
    [TABLE_REMOVED] = "removed",
    [TABLE_REMOVALS] = "removals",
    [TABLE_SECRETS] = "secrets",
    [TABLE_DATUMS] = "datums",
    [TABLE_DATUM_IDS] = "datum_ids",
    [TABLE_DATUM_RUNS] = "datum_runs",
    [TABLE_ALIASES] = "aliases",
    [TABLE_ALIAS_CHANGES] = "alias_changes",
    [TABLE_TAGS] = "tags",
    [TABLE_TAGS_OF] = "tags_of",
    [TABLE_DATASETS] = "datasets",
    [TABLE_DATASET_KEYS] = "dataset_keys",
    [TABLE_DATASET_FILES] = "dataset_files",
};

const char *table_name(enum table_id table)
{
    return names[table];
}
