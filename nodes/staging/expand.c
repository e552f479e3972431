/* expand.c - the list of a pattern's objects is fetched like any other URI, so it is the
 * same for all tasks of a run on a node. */
#include "nodes/staging/expand.h"

#include "codecs/names/scheme.h"
#include "codecs/plan/task.h"
#include "nodes/staging/input_name.h"
#include "nodes/stores/s3.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_BYTES_MAX = 1 << 30 };

struct expansion {
    const struct fetching *fetching;
    const struct plan_input *input;
    struct arena *arena;
    struct plan_source *sources;
    size_t count, capacity;
    struct err *err;
};

static enum rc no_memory(const struct expansion *expansion)
{
    return err_set(expansion->err, RC_NO_MEMORY, "no memory for input %s",
                   expansion->input->name);
}

static enum rc add(struct expansion *expansion, const struct plan_source *source)
{
    if (expansion->count == expansion->capacity) {
        size_t capacity = expansion->capacity ? 2 * expansion->capacity : 8;
        struct plan_source *more =
            arena_array(expansion->arena, capacity, sizeof *expansion->sources);

        if (!more)
            return no_memory(expansion);
        if (expansion->count > 0)
            memcpy(more, expansion->sources, expansion->count * sizeof *more);
        expansion->sources = more;
        expansion->capacity = capacity;
    }
    expansion->sources[expansion->count++] = *source;
    return RC_OK;
}

/* Where the part of a key begins that is kept below the input's folder. */
static const char *kept_part(const struct expansion *expansion, const char *pattern,
                             const char *key)
{
    size_t fixed = strcspn(pattern, "*");
    const char *slash = strrchr(key, '/');

    if (expansion->input->keep_directories == KEEP_FULL)
        return key;
    if (expansion->input->keep_directories == KEEP_NONE || !pattern[fixed])
        return slash ? slash + 1 : key;
    while (fixed > 0 && pattern[fixed - 1] != '/')
        fixed--;
    return key + fixed;
}

static enum rc add_object(struct expansion *expansion, const struct plan_source *source,
                          const char *bucket, const char *pattern, const char *key)
{
    struct plan_source object = *source;

    object.uri = arena_printf(expansion->arena, "s3://%s/%s", bucket, key);
    if (!object.name || !object.name[0])
        object.name = arena_text(expansion->arena, kept_part(expansion, pattern, key));
    return object.uri && object.name ? add(expansion, &object) : no_memory(expansion);
}

static enum rc add_listed(struct expansion *expansion, const struct plan_source *source,
                          const char *bucket, const char *pattern)
{
    struct objects *objects = cache_objects(expansion->fetching->staging->cache);
    struct fetched fetched;
    uint64_t size;
    scoped_fd int fd = -1;
    enum rc rc = fetch_list(expansion->fetching, source->uri, &fetched, expansion->err);

    if (rc == RC_OK)
        rc = objects_read(objects, fetched.digest, &fd, &size, expansion->err);
    if (rc != RC_OK)
        return rc;

    char *list = size <= LIST_BYTES_MAX ? arena_alloc(expansion->arena, size + 1) : NULL;
    char *line;

    if (!list)
        return no_memory(expansion);
    if (pread(fd, list, size, 0) != (ssize_t)size)
        return err_set(expansion->err, RC_IO, "cannot read the list of %s", source->uri);
    while (rc == RC_OK && (line = strsep(&list, "\n")) != NULL) {
        struct plan_source listed = *source;
        const char *key = strsep(&line, "\t"), *size_text = strsep(&line, "\t");

        percent_decode((char *)(uintptr_t)key, strlen(key));
        listed.size = size_text ? strtoull(size_text, NULL, 10) : 0;
        listed.etag = line;
        if (*key)
            rc = add_object(expansion, &listed, bucket, pattern, key);
    }
    return rc;
}

static enum rc expand_source(struct expansion *expansion, const struct plan_stage *stage,
                             uint64_t task_index, const struct plan_source *source)
{
    struct plan_source settled = *source;
    const char *bucket, *key;
    enum rc rc = plan_task_uri(stage, task_index, source->uri ? source->uri : "",
                               expansion->arena, &settled.uri, expansion->err);

    if (rc != RC_OK)
        return rc;
    if (settled.digest || !uri_is_object(settled.uri))
        return add(expansion, &settled);
    if (!s3_uri_parse(expansion->arena, settled.uri, &bucket, &key))
        return err_set(expansion->err, RC_INVALID,
                       "%s is not of the form s3://bucket/key", settled.uri);
    return uri_is_pattern(settled.uri)
               ? add_listed(expansion, &settled, bucket, key)
               : add_object(expansion, &settled, bucket, key, key);
}

enum rc input_expand(const struct fetching *fetching, const struct plan_stage *stage,
                     uint64_t task_index, const struct plan_input *input,
                     struct arena *arena, struct plan_input *settled, struct err *err)
{
    struct err why = { .text = "" };
    struct expansion expansion = {
        .fetching = fetching, .input = input, .arena = arena, .err = &why
    };
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < input->source_count; i++) {
        struct plan_source source = input->sources[i];

        source.place = i;
        rc = expand_source(&expansion, stage, task_index, &source);
    }
    if (rc != RC_OK)
        return err_set(err, rc, "input %s: %s", input->name, why.text);
    *settled = *input;
    settled->sources = expansion.sources;
    settled->source_count = expansion.count;
    return RC_OK;
}
