/* input_names.c - see input_names.h. All names of a plan are asked for at once. */
#include "client/cli/project/input_names.h"

#include "client/cli/project/inputs.h"
#include "codecs/names/names.h"
#include "codecs/pack/pack.h"

#include <stdlib.h>
#include <string.h>

struct resolving {
    struct cli *cli;
    struct plan *plan;
    struct arena *arena;
    struct texts uris; /* sorted, each once */
    const struct sluice_resolution *resolution;
};

/* A visitor of every source that is a name. */
typedef int visitor(struct resolving *self, const struct plan_stage *stage,
                    struct plan_input *input, const struct plan_source *source);

static bool is_name(const struct plan_source *source)
{
    return !source->digest && source->uri && name_uri_is(source->uri);
}

static int each_source(struct resolving *self, visitor *visit)
{
    for (size_t s = 0; s < self->plan->stage_count; s++) {
        struct plan_stage *stage = &self->plan->stages[s];

        for (size_t i = 0; i < stage->input_count; i++)
            for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
                const struct plan_source *source = &stage->inputs[i].sources[k];
                int end = is_name(source) ? visit(self, stage, &stage->inputs[i], source)
                                          : EXIT_GO_ON;

                if (end != EXIT_GO_ON)
                    return end;
            }
    }
    return EXIT_GO_ON;
}

static int out_of_memory(const struct resolving *self)
{
    return cli_fail(self->cli, EXIT_FAILED, "out of memory for the inputs");
}

static int collect(struct resolving *self, const struct plan_stage *stage,
                   struct plan_input *input, const struct plan_source *source)
{
    (void)stage;
    (void)input;
    return texts_add(&self->uris, source->uri) ? EXIT_GO_ON : out_of_memory(self);
}

static int by_text(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static const struct sluice_resolved *found_of(const struct resolving *self,
                                              const char *uri)
{
    char **item = bsearch(uri, self->uris.items, self->uris.count, sizeof *item, by_text);

    must(item != NULL);
    return &self->resolution->resolved[item - self->uris.items];
}

static int check(struct resolving *self, const struct plan_stage *stage,
                 struct plan_input *input, const struct plan_source *source)
{
    const struct sluice_resolved *found = found_of(self, source->uri);

    if (!*found->error || inputs_has_edge(self->plan, stage, input->name))
        return EXIT_GO_ON;
    return cli_fail(self->cli, EXIT_WRONG,
                    "input %s of stage %s: %s; give another with -i %s=URI", input->name,
                    stage->name, found->error, input->name);
}

static int check_bytes(struct resolving *self, const struct plan_stage *stage,
                       struct plan_input *input, const struct plan_source *source)
{
    const struct sluice_resolved *found = found_of(self, source->uri);
    const char **digests = arena_array(self->arena, found->file_count, sizeof *digests);
    bool *missing = arena_array(self->arena, found->file_count, sizeof *missing);
    struct cli *cli = self->cli;

    if (!digests || !missing)
        return out_of_memory(self);
    for (size_t i = 0; i < found->file_count; i++)
        digests[i] = found->files[i].digest;
    if (found->file_count
        && sluice_have(cli->sluice, digests, found->file_count, missing, &cli->error))
        return cli_fail_last(cli);
    for (size_t i = 0; i < found->file_count; i++)
        if (missing[i])
            return cli_fail(cli, EXIT_WRONG,
                            "input %s of stage %s: %s: the bytes of %s are gone from the "
                            "store (%s); make it again, or give another with -i %s=URI",
                            input->name, stage->name, source->uri, found->files[i].name,
                            digests[i], input->name);
    return EXIT_GO_ON;
}

/* The properties as the list of one map that sources have. */
static struct value properties_of(struct arena *arena, const struct sluice_datum *datum)
{
    struct value *map = arena_alloc(arena, sizeof *map);
    struct reader reader;

    reader_init(&reader, datum->properties, datum->properties_size);
    if (map && datum->properties)
        reader_value(&reader, arena, map);
    return map && map->kind == VALUE_MAP
               ? (struct value){ .kind = VALUE_LIST, .list = { map, 1 } }
               : (struct value){ .kind = VALUE_ABSENT };
}

static const char *text_or_null(struct arena *arena, const char *text)
{
    return *text ? arena_text(arena, text) : NULL;
}

static bool fill(struct arena *arena, const struct plan_input *input, const char *uri,
                 const struct sluice_datum *datum, struct plan_source *source)
{
    *source = (struct plan_source){
        .uri = uri,
        .name = arena_text(
            arena, inputs_file_name(datum->name, datum->name, input->keep_directories)),
        .digest = arena_text(arena, datum->digest),
        .md5 = text_or_null(arena, datum->md5),
        .sha1 = text_or_null(arena, datum->sha1),
        .size = datum->size,
        .metadata = properties_of(arena, datum),
        .datum = arena_text(arena, datum->id),
    };
    return source->name && source->digest && source->datum;
}

/* The input's sources anew, with files for names. */
static int replace(struct resolving *self, struct plan_input *input)
{
    struct plan_source *sources;
    size_t count = 0, at = 0;

    for (size_t i = 0; i < input->source_count; i++)
        count += is_name(&input->sources[i])
                     ? found_of(self, input->sources[i].uri)->file_count
                     : 1;
    sources = arena_array(self->arena, count, sizeof *sources);
    if (!sources)
        return out_of_memory(self);
    for (size_t i = 0; i < input->source_count; i++) {
        const struct plan_source *source = &input->sources[i];

        if (!is_name(source)) {
            sources[at++] = *source;
            continue;
        }

        const struct sluice_resolved *found = found_of(self, source->uri);

        for (size_t k = 0; k < found->file_count; k++)
            if (!fill(self->arena, input, source->uri, &found->files[k], &sources[at++]))
                return out_of_memory(self);
    }
    input->sources = sources;
    input->source_count = count;
    return EXIT_GO_ON;
}

static int ask(struct resolving *self)
{
    struct sluice_resolution *resolution;
    struct cli *cli = self->cli;
    int end;

    texts_sort(&self->uris);
    if (sluice_resolve(cli->sluice, self->plan->project,
                       (const char *const *)self->uris.items, self->uris.count,
                       &resolution, &cli->error))
        return cli_fail_last(cli);
    self->resolution = resolution;
    end = each_source(self, check);
    if (end == EXIT_GO_ON)
        end = each_source(self, check_bytes);
    for (size_t s = 0; end == EXIT_GO_ON && s < self->plan->stage_count; s++)
        for (size_t i = 0; end == EXIT_GO_ON && i < self->plan->stages[s].input_count;
             i++)
            end = replace(self, &self->plan->stages[s].inputs[i]);
    sluice_resolution_free(resolution);
    return end;
}

int input_names_resolve(struct cli *cli, struct plan *plan, struct arena *arena)
{
    struct resolving self = { .cli = cli, .plan = plan, .arena = arena };
    int end = each_source(&self, collect);

    if (end == EXIT_GO_ON && self.uris.count)
        end = ask(&self);
    texts_fini(&self.uris);
    return end;
}
