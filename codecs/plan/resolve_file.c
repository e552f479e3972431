/* resolve_file.c - the files that edges bring, and the names they get. */
#include "codecs/plan/resolver.h"

#include <fnmatch.h>
#include <string.h>

#include "codecs/digest/uuid.h"
#include "codecs/plan/task.h"

/* `*` matches '/' too: whether it may is not told by the format. */
static bool glob_matches(const char *glob, const char *name)
{
    return fnmatch(glob, name, 0) == 0;
}

/* The name below the input's directory. suffix keeps what follows the last '/' before the
 * first wildcard. */
static const char *placed_name(const char *name, const char *glob,
                               enum keep_directories keep)
{
    const char *slash = strrchr(name, '/');
    size_t fixed = strcspn(glob, "*?[");

    if (keep == KEEP_FULL)
        return name;
    if (keep == KEEP_SUFFIX && glob[fixed] != '\0') {
        const char *cut = memrchr(glob, '/', fixed);
        size_t skip = cut ? (size_t)(cut + 1 - glob) : 0;

        return skip < strlen(name) && strncmp(name, glob, skip) == 0 ? name + skip : name;
    }
    return slash ? slash + 1 : name;
}

static enum rc source_add(struct resolver *resolver, size_t input_index,
                          const struct plan_source *source)
{
    struct plan_input *input = &resolver->stage->inputs[input_index];
    size_t *room = &resolver->input_rooms[input_index];

    if (input->source_count == *room) {
        size_t wanted = *room ? *room * 2 : 8;
        struct plan_source *sources =
            arena_array(resolver->arena, wanted, sizeof *sources);

        if (!sources)
            return err_set(resolver->err, RC_NO_MEMORY,
                           "stage '%.80s', input '%.80s': no memory for %zu files",
                           resolver->stage->name, input->name, wanted);
        if (input->source_count > 0)
            memcpy(sources, input->sources, input->source_count * sizeof *sources);
        input->sources = sources;
        *room = wanted;
    }
    input->sources[input->source_count++] = *source;
    return RC_OK;
}

/* The input that the edge leads to; with merge mode replace it loses its own files when
 * the first edge reaches it. */
static size_t input_open(struct resolver *resolver, const struct plan_edge *edge)
{
    struct plan_stage *stage = resolver->stage;
    size_t at = stage_input_find(stage, edge->target_key);

    if (at == stage->input_count || resolver->input_is_reached[at])
        return at;
    resolver->input_is_reached[at] = true;
    resolver->input_rooms[at] = stage->inputs[at].source_count;
    if (!stage->merge_append) {
        stage->inputs[at].source_count = 0;
        stage->inputs[at].sources = NULL;
        resolver->input_rooms[at] = 0;
    }
    return at;
}

/* What the task called the file is part of its id, whatever it is called here. */
static enum rc source_datum(struct resolver *resolver, const struct plan_edge *edge,
                            struct plan_source *source)
{
    char id[UUID_TEXT_SIZE];

    if (!source->digest)
        return RC_OK;
    datum_id_derive(source->digest, source->name, id);
    source->datum = arena_text(resolver->arena, id);
    return source->datum ? RC_OK
                         : resolve_fail(resolver, RC_NO_MEMORY, edge,
                                        "no memory for the ids of files");
}

/* The files of one task that match; *brought counts them. */
static enum rc task_outputs_add(struct resolver *resolver, const struct plan_edge *edge,
                                size_t input, uint64_t task, size_t *brought)
{
    const struct upstream *upstream = resolver->upstream;
    const struct plan_source *outputs = NULL;
    size_t count = 0;
    enum rc rc = upstream->outputs(upstream->context, edge->source, task, resolver->arena,
                                   &outputs, &count, resolver->err);

    for (size_t i = 0; i < count && rc == RC_OK; i++) {
        struct plan_source source = outputs[i];

        if (!source.name || !glob_matches(edge->source_key, source.name))
            continue;
        rc = source_datum(resolver, edge, &source);
        source.name = placed_name(source.name, edge->source_key,
                                  resolver->stage->inputs[input].keep_directories);
        if (rc != RC_OK)
            break;
        rc = source_add(resolver, input, &source);
        (*brought)++;
    }
    return rc;
}

enum rc resolve_outputs(struct resolver *resolver, const struct plan_edge *edge)
{
    const struct upstream *upstream = resolver->upstream;
    size_t input = input_open(resolver, edge), brought = 0;
    enum rc rc = RC_OK;

    if (input == resolver->stage->input_count) {
        resolve_note(resolver, edge, "the stage has no such input");
        return RC_OK;
    }

    uint64_t tasks = upstream->task_count(upstream->context, edge->source);

    for (uint64_t task = 0; task < tasks && rc == RC_OK; task++)
        rc = task_outputs_add(resolver, edge, input, task, &brought);
    if (rc == RC_OK && brought == 0)
        resolve_note(resolver, edge, "no output matches");
    return rc;
}

/* A source of a finished stage's input. A URI with a placeholder was another file for
 * each of its tasks; equal ones that follow each other are taken once. */
static enum rc input_source_add(struct resolver *resolver, const struct plan_stage *from,
                                const struct plan_source *found, size_t input)
{
    uint64_t tasks =
        found->uri && strstr(found->uri, "{parameter:") ? plan_stage_task_count(from) : 1;
    const char *before = NULL;
    enum rc rc = RC_OK;

    for (uint64_t task = 0; task < tasks && rc == RC_OK; task++) {
        struct plan_source source = *found;

        if (found->uri)
            rc = plan_task_uri(from, task, found->uri, resolver->arena, &source.uri,
                               resolver->err);
        if (rc != RC_OK || (before && strcmp(before, source.uri) == 0))
            continue;
        before = source.uri;
        if (source.name)
            source.name = placed_name(source.name, "",
                                      resolver->stage->inputs[input].keep_directories);
        rc = source_add(resolver, input, &source);
    }
    return rc;
}

static const char *source_file_name(const struct plan_source *source)
{
    const char *name = source->name ? source->name : source->uri;
    const char *slash = name ? strrchr(name, '/') : NULL;

    return source->name || !slash ? name : slash + 1;
}

/* Inputs whose name matches, or, if none does, files whose name does. */
static enum rc matching_inputs_add(struct resolver *resolver,
                                   const struct plan_edge *edge,
                                   const struct plan_stage *from, size_t input,
                                   size_t *brought)
{
    bool by_name = false;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < from->input_count; i++)
        by_name = by_name || glob_matches(edge->source_key, from->inputs[i].name);
    for (size_t i = 0; i < from->input_count; i++) {
        const struct plan_input *candidate = &from->inputs[i];

        if (by_name && !glob_matches(edge->source_key, candidate->name))
            continue;
        for (size_t j = 0; j < candidate->source_count && rc == RC_OK; j++) {
            const char *name = source_file_name(&candidate->sources[j]);

            if (!by_name && (!name || !glob_matches(edge->source_key, name)))
                continue;
            rc = input_source_add(resolver, from, &candidate->sources[j], input);
            (*brought)++;
        }
    }
    return rc;
}

enum rc resolve_inputs(struct resolver *resolver, const struct plan_edge *edge)
{
    const struct plan_stage *from = NULL;
    size_t input = input_open(resolver, edge), brought = 0;

    if (input == resolver->stage->input_count) {
        resolve_note(resolver, edge, "the stage has no such input");
        return RC_OK;
    }

    enum rc rc = resolve_source(resolver, edge, &from);

    if (rc == RC_OK)
        rc = matching_inputs_add(resolver, edge, from, input, &brought);
    if (rc == RC_OK && brought == 0)
        resolve_note(resolver, edge, "no input file matches");
    return rc;
}

struct taken { /* a name that is in use; copies counts how often it was wanted */
    const char *name;
    size_t copies;
};

struct taken_table { /* open addressing, a power of two, never more than half full */
    struct taken *slots;
    size_t mask;
};

static struct taken *taken_find(const struct taken_table *table, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;

    size_t i = (size_t)(hash ^ (hash >> 32)) & table->mask;

    while (table->slots[i].name && strcmp(table->slots[i].name, name) != 0)
        i = (i + 1) & table->mask;
    return &table->slots[i];
}

/* "dir/name.ext" as "dir/name-<number>.ext". */
static const char *numbered(struct arena *arena, const char *name, size_t number)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    size_t size = dot && dot != base ? (size_t)(dot - name) : strlen(name);

    return arena_printf(arena, "%.*s-%zu%s", (int)size, name, number, name + size);
}

static enum rc input_names_settle(struct resolver *resolver, struct plan_input *input)
{
    struct taken_table table = { .mask = 15 };
    struct plan_source *sources; /* a copy: the list may still be the plan's own */

    while (table.mask < 2 * input->source_count)
        table.mask = table.mask * 2 + 1;
    table.slots = arena_array(resolver->arena, table.mask + 1, sizeof *table.slots);
    sources = arena_array(resolver->arena, input->source_count, sizeof *sources);
    if (!table.slots || !sources)
        return err_set(resolver->err, RC_NO_MEMORY,
                       "stage '%.80s', input '%.80s': no memory for %zu names",
                       resolver->stage->name, input->name, input->source_count);
    if (input->source_count > 0)
        memcpy(sources, input->sources, input->source_count * sizeof *sources);
    input->sources = sources;
    for (size_t i = 0; i < input->source_count; i++) {
        const char *wanted = sources[i].name, *name = wanted;

        if (!wanted)
            continue;

        struct taken *first = taken_find(&table, wanted), *slot = first;

        while (name && slot->name) {
            name = numbered(resolver->arena, wanted, ++first->copies);
            slot = name ? taken_find(&table, name) : slot;
        }
        if (!name)
            return err_set(resolver->err, RC_NO_MEMORY,
                           "stage '%.80s': no memory for a file name",
                           resolver->stage->name);
        *slot = (struct taken){ .name = name, .copies = 1 };
        sources[i].name = name;
    }
    return RC_OK;
}

enum rc resolve_names(struct resolver *resolver)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < resolver->stage->input_count && rc == RC_OK; i++)
        if (resolver->input_is_reached[i])
            rc = input_names_settle(resolver, &resolver->stage->inputs[i]);
    return rc;
}
