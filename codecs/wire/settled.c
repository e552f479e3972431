/* settled.c - the files of a result stand in the order of the stage's inputs and of their
 * sources, so one walk over both is enough. */
#include "codecs/wire/settled.h"

#include "codecs/names/scheme.h"
#include "codecs/plan/task.h"

#include <string.h>

struct settling {
    const struct plan_stage *stage;
    uint64_t index;
    const struct plan_source *files;
    size_t count, at; /* files that are used up */
    struct arena *arena;
    struct err *err;
};

/* Whether the next file was fetched for a source of the input, and for which. */
static bool is_of(const struct settling *self, const struct plan_input *input,
                  uint64_t *place)
{
    const struct plan_source *file = &self->files[self->at];

    if (self->at == self->count || !file->input || strcmp(file->input, input->name) != 0)
        return false;
    *place = file->place;
    return true;
}

/* How many of the next files are of the source; passes over those of earlier ones. */
static size_t files_of(struct settling *self, const struct plan_input *input, size_t k)
{
    size_t start;
    uint64_t place;

    while (is_of(self, input, &place) && place < k)
        self->at++;
    start = self->at;
    while (is_of(self, input, &place) && place == k)
        self->at++;
    return self->at - start;
}

/* The URI of a single file is the source's own, since records leave passwords out. */
static enum rc file_settle(struct settling *self, const struct plan_source *source,
                           const struct plan_source *file, struct plan_source *settled)
{
    const char *uri = source->uri;
    enum rc rc = RC_OK;

    if (uri)
        rc = plan_task_uri(self->stage, self->index, uri, self->arena, &uri, self->err);
    if (rc != RC_OK)
        return rc;
    *settled = *source;
    settled->uri = !uri || uri_is_pattern(uri) ? file->uri : uri;
    settled->name = file->name;
    settled->digest = file->digest;
    settled->size = file->size;
    settled->version = file->version;
    settled->etag = file->etag;
    settled->modified = file->modified;
    return RC_OK;
}

/* How many sources the input will have. */
static size_t count_sources(const struct settling *self, const struct plan_input *input)
{
    struct settling walk = *self;
    size_t count = 0;

    for (size_t k = 0; k < input->source_count; k++) {
        size_t found = input->sources[k].digest ? 0 : files_of(&walk, input, k);

        count += found ? found : 1;
    }
    return count;
}

static enum rc input_settle(struct settling *self, struct plan_input *input)
{
    const struct plan_input named = *input;
    size_t count = count_sources(self, &named), to = 0;
    uint64_t place;
    enum rc rc = RC_OK;

    input->sources = arena_array(self->arena, count, sizeof *input->sources);
    if (!input->sources)
        return err_set(self->err, RC_NO_MEMORY, "no memory for input %s", named.name);
    for (size_t k = 0; rc == RC_OK && k < named.source_count; k++) {
        const struct plan_source *source = &named.sources[k];
        size_t found = source->digest ? 0 : files_of(self, &named, k);

        if (found == 0)
            input->sources[to++] = *source;
        for (size_t i = self->at - found; rc == RC_OK && i < self->at; i++)
            rc = file_settle(self, source, &self->files[i], &input->sources[to++]);
    }
    while (is_of(self, &named, &place))
        self->at++;
    input->source_count = to;
    return rc;
}

enum rc settled_stage(const struct plan_stage *stage, uint64_t index,
                      const struct task_result *result, struct arena *arena,
                      struct plan_stage *settled, struct err *err)
{
    struct settling self = { stage, index, result->inputs, result->input_count, 0,
                             arena, err };
    struct plan_stage made = *stage;
    enum rc rc = RC_OK;

    made.inputs = arena_array(arena, stage->input_count, sizeof *made.inputs);
    if (!made.inputs)
        return err_set(err, RC_NO_MEMORY, "no memory for the inputs of stage '%.80s'",
                       stage->name);
    for (size_t i = 0; rc == RC_OK && i < stage->input_count; i++) {
        made.inputs[i] = stage->inputs[i];
        rc = input_settle(&self, &made.inputs[i]);
    }
    if (rc == RC_OK)
        *settled = made;
    return rc;
}
