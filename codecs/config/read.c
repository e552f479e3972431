/* read.c - the three stages one after another; a stage with errors ends the run. */
#include "codecs/config/read.h"

#include "codecs/config/lint_rules.h"
#include "codecs/config/schema.h"

#include <stdlib.h>

/* A tree of CONFIG_NODES_MAX nodes with its texts and findings fits. */
static const size_t arena_max = (size_t)2 << 30;

static void add_file_fault(struct findings *findings, const char *id, struct place place,
                           const char *hint, const char *message)
{
    findings_add(findings, &(struct finding){ .level = FINDING_ERROR,
                                              .id = id,
                                              .message = message,
                                              .path = "",
                                              .hint = hint,
                                              .place = place });
}

static enum rc read_tree(struct findings *findings, const void *bytes, size_t size,
                         const struct yaml_node **root)
{
    struct yaml_fault fault = { 0 };

    if (size > CONFIG_BYTES_MAX) {
        add_file_fault(findings, "yaml", (struct place){ 0 },
                       "Check that this is the file that is meant.",
                       findings_text(findings, "the file is larger than %d bytes",
                                     CONFIG_BYTES_MAX));
        return RC_INVALID;
    }

    enum rc rc = yaml_read(findings->arena, bytes, size, root, &fault);

    if (rc == RC_INVALID)
        add_file_fault(findings, "yaml", fault.place, fault.hint,
                       findings_text(findings, "%s", fault.text));
    return rc;
}

struct placed { /* a finding and where it stood before sorting */
    struct finding finding;
    size_t at;
};

static int compare_places(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;

    if (a->finding.place.line != b->finding.place.line)
        return a->finding.place.line < b->finding.place.line ? -1 : 1;
    if (a->finding.place.column != b->finding.place.column)
        return a->finding.place.column < b->finding.place.column ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* File order, which is not the tree's where merge keys and aliases are used. */
static enum rc sort_findings(struct findings *findings)
{
    size_t count = findings->count, errors = findings->error_count;
    const struct finding *found;
    struct placed *sorted = calloc(count ? count : 1, sizeof *sorted);
    enum rc rc = sorted ? findings_take(findings, &found) : RC_NO_MEMORY;

    if (rc != RC_OK) {
        free(sorted);
        return rc;
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct placed){ found[i], i };
    qsort(sorted, count, sizeof *sorted, compare_places);
    findings_clear(findings);
    for (size_t i = 0; i < count; i++)
        findings_add(findings, &sorted[i].finding);
    findings->error_count = errors;
    free(sorted);
    return RC_OK;
}

static enum rc check_tree(struct findings *findings, const struct yaml_node *root)
{
    schema_check(&schema_file, root, "", findings);
    if (findings->error_count == 0)
        return RC_OK;

    enum rc rc = sort_findings(findings);

    return rc == RC_OK ? RC_INVALID : rc;
}

static enum rc make_config(struct findings *findings, const char *file,
                           const struct yaml_node *root, struct config **made)
{
    struct load load = { .arena = findings->arena, .findings = findings };
    enum rc rc;

    load.config = arena_alloc(findings->arena, sizeof *load.config);
    if (!load.config)
        return RC_NO_MEMORY;
    load.config->arena = findings->arena;
    load.config->file = findings_text(findings, "%s", file);
    rc = load_file(&load, root);
    if (rc == RC_OK)
        rc = lint_rules(&load);
    if (rc == RC_OK)
        *made = load.config;
    return rc;
}

enum rc lint_file(const char *file, const void *bytes, size_t size, struct lint *lint,
                  struct err *err)
{
    scoped(arena) arena = arena_create(arena_max);
    const struct yaml_node *root = NULL;
    struct config *config = NULL;
    const struct finding *all = NULL;
    struct findings findings;
    enum rc rc;

    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory to read %s", file);
    findings_init(&findings, arena);
    rc = read_tree(&findings, bytes, size, &root);
    if (rc == RC_OK)
        rc = check_tree(&findings, root);
    if (rc == RC_OK)
        rc = make_config(&findings, file, root, &config);
    if ((rc != RC_OK && rc != RC_INVALID) || findings_take(&findings, &all) != RC_OK)
        return err_set(err, RC_NO_MEMORY, "no memory to read %s", file);
    *lint = (struct lint){
        .arena = steal(&arena),
        .findings = all,
        .finding_count = findings.count,
        .error_count = findings.error_count,
        .warning_count = findings.warning_count,
        .config = config,
    };
    return RC_OK;
}

void lint_fini(struct lint *lint)
{
    arena_destroy(lint->arena);
    *lint = (struct lint){ 0 };
}
