/* inputs_look.c - a strong ETag and the size stand for the bytes; of the objects of a
 * pattern the list tells both. A file without one is fetched, as for a task. */
#include "nodes/staging/inputs_look.h"

#include "codecs/names/scheme.h"
#include "nodes/staging/download.h"
#include "nodes/staging/environment.h"
#include "nodes/staging/expand.h"
#include "nodes/staging/input_name.h"
#include "nodes/staging/inputs.h"
#include "nodes/stores/parallel.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOOKS_AT_ONCE = 4, LOOK_ARENA_MAX = 256 << 20 };

struct looking {
    struct input_look *look;
    struct fetching fetching;
    struct arena *arena;               /* of this look alone */
    pthread_mutex_t lock;              /* of both arenas and the answer's text */
    const struct plan_input *input;    /* expanded */
    struct plan_source *found;         /* one for each of its sources */
    const struct plan_source **before; /* of each, what the earlier task had; or NULL */
};

static void say(struct looking *self, const char *format, ...) PRINTF_LIKE(2, 3);

/* The first reason counts. */
static void say(struct looking *self, const char *format, ...)
{
    struct err text = { .text = "" };
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text.text, sizeof text.text, format, arguments);
    va_end(arguments);
    for (char *at = text.text; *at; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    pthread_mutex_lock(&self->lock);
    if (!self->look->text)
        self->look->text = arena_text(self->look->arena, text.text);
    if (!self->look->text)
        self->look->text = "there was no memory to look at the inputs";
    pthread_mutex_unlock(&self->lock);
}

/* Whether the bytes are those of before; *is_known: that could be told. */
static enum rc compare(struct looking *self, const struct plan_source *source,
                       const char *uri, const struct plan_source *before, bool *is_known,
                       struct err *err)
{
    scoped(arena) arena = arena_create(LOOK_ARENA_MAX);
    struct web_sameness now = { .etag = "" };
    enum rc rc = RC_OK;

    *is_known = false;
    if (!before || !before->etag || before->etag[0] != '"' || self->fetching.is_fresh
        || !(uri_is_web(uri) || uri_is_object(uri)))
        return RC_OK;
    if (!arena)
        return err_set(err, RC_NO_MEMORY, "no memory to look at %s", before->uri);
    if (source->etag) { /* the list has told it */
        snprintf(now.etag, sizeof now.etag, "%s", source->etag);
        now.is_same =
            strcmp(source->etag, before->etag) == 0 && source->size == before->size;
    } else {
        rc = download_compare(&self->fetching, arena, uri, before, &now, err);
    }
    if (rc != RC_OK)
        return rc;
    *is_known = now.is_same;
    if (!now.is_same && strcmp(now.etag, before->etag) == 0)
        say(self, "%s: its size is another than %" PRIu64, before->uri, before->size);
    else if (!now.is_same && now.etag[0] == '"')
        say(self, "%s: its ETag changed from %s to %s", before->uri, before->etag,
            now.etag);
    return RC_OK;
}

static const char *kept_text(struct looking *self, const char *text)
{
    return text && text[0] ? arena_text(self->look->arena, text) : NULL;
}

/* With the lock. */
static void note(struct looking *self, struct plan_source *found, const char *uri,
                 const char *digest, uint64_t size, const char *etag)
{
    found->uri = kept_text(self, uri_shown(self->arena, uri));
    found->name = kept_text(self, found->name);
    found->digest = kept_text(self, digest);
    found->etag = kept_text(self, etag);
    found->input = kept_text(self, self->input->name);
    found->size = size;
    if (!found->uri || !found->name || !found->digest || !found->input)
        self->look->text = "there was no memory to look at the inputs";
}

static bool has_reason(struct looking *self)
{
    pthread_mutex_lock(&self->lock);
    bool has = self->look->text != NULL;
    pthread_mutex_unlock(&self->lock);
    return has;
}

static bool look_at(void *context, size_t index)
{
    struct looking *self = context;
    const struct plan_source *source = &self->input->sources[index];
    struct plan_source *found = &self->found[index];
    struct fetched fetched;
    struct err err = { .text = "" };
    const struct plan_source *before = self->before[index];
    bool is_known = false;
    enum rc rc;

    if (source->digest)
        return true;
    rc = compare(self, source, source->uri, before, &is_known, &err);
    if (rc == RC_OK && !is_known && source->etag && !before)
        say(self, "%s is new", source->uri);
    if (has_reason(self))
        return false;
    if (rc == RC_OK && !is_known)
        rc = fetch_uri(&self->fetching, source->uri, &fetched, &err);
    if (rc != RC_OK) {
        say(self, "%s", err.text);
        return false;
    }
    pthread_mutex_lock(&self->lock);
    if (is_known)
        note(self, found, source->uri, before->digest, before->size, before->etag);
    else
        note(self, found, source->uri, fetched.digest, fetched.size, fetched.etag);
    pthread_mutex_unlock(&self->lock);
    return !has_reason(self);
}

/* The names have to be those that the files would get. */
static enum rc name_all(struct looking *self, struct err *err)
{
    struct name_set names = { 0 };
    const char *uri;
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < self->input->source_count; i++) {
        self->found[i].place = self->input->sources[i].place;
        rc = input_source_name(self->arena, self->input, &self->input->sources[i], &names,
                               &self->found[i].name, &uri, err);
    }
    name_set_fini(&names);
    return rc;
}

static bool is_it(const struct looking *self, const struct plan_source *before, size_t i)
{
    return before->input && before->place == self->found[i].place
           && strcmp(before->name, self->found[i].name) == 0
           && strcmp(before->input, self->input->name) == 0;
}

/* Both are in the same order, so what is next is looked at first. */
static void before_find(struct looking *self)
{
    const struct input_look *look = self->look;
    size_t at = 0;

    for (size_t i = 0; i < self->input->source_count; i++)
        for (size_t n = 0; n < look->file_count && !self->before[i]; n++) {
            const struct plan_source *file = &look->files[(at + n) % look->file_count];

            if (self->input->sources[i].digest || !is_it(self, file, i))
                continue;
            self->before[i] = file;
            at = (size_t)(file - look->files) + 1;
        }
}

static bool has_unsettled(const struct plan_input *input)
{
    for (size_t i = 0; i < input->source_count; i++)
        if (!input->sources[i].digest)
            return true;
    return false;
}

static void found_add(struct looking *self)
{
    struct input_look *look = self->look;
    size_t count = self->input->source_count;
    struct plan_source *longer =
        arena_array(look->arena, look->found_count + count, sizeof *longer);

    if (!longer) {
        look->text = "there was no memory to look at the inputs";
        return;
    }
    if (look->found_count > 0)
        memcpy(longer, look->found, look->found_count * sizeof *longer);
    for (size_t i = 0; i < count; i++)
        if (self->found[i].digest)
            longer[look->found_count++] = self->found[i];
    look->found = longer;
}

static void look_at_input(struct looking *self, const struct plan_input *named)
{
    struct plan_input expanded;
    struct err err = { .text = "" };
    enum rc rc = input_expand(&self->fetching, self->look->stage, 0, named, self->arena,
                              &expanded, &err);

    if (rc == RC_OK) {
        self->input = &expanded;
        self->found =
            arena_array(self->arena, expanded.source_count, sizeof *self->found);
        self->before =
            arena_array(self->arena, expanded.source_count, sizeof *self->before);
        rc = self->found && self->before
                 ? name_all(self, &err)
                 : err_set(&err, RC_NO_MEMORY, "no memory for input %s", named->name);
    }
    if (rc != RC_OK) {
        say(self, "%s", err.text);
        return;
    }
    before_find(self);
    parallel_each(expanded.source_count, LOOKS_AT_ONCE, look_at, self);
    if (!self->look->text)
        found_add(self);
}

void inputs_look(const struct staging *staging, struct input_look *look,
                 const atomic_bool *cancelled)
{
    scoped(arena) arena = arena_create(LOOK_ARENA_MAX);
    uint64_t holder = cache_holder(staging->cache);
    struct looking self = {
        .look = look,
        .fetching = { staging, holder, look->run_id,
                      stage_flag_is_set(look->stage, "VH_NO_DATA_CACHE"), cancelled },
        .arena = arena
    };

    if (!arena) {
        look->text = "there was no memory to look at the inputs";
        return;
    }
    pthread_mutex_init(&self.lock, NULL);
    for (size_t i = 0; !look->text && i < look->stage->input_count; i++)
        if (has_unsettled(&look->stage->inputs[i]))
            look_at_input(&self, &look->stage->inputs[i]);
    pthread_mutex_destroy(&self.lock);
    if (look->text)
        look->found_count = 0;
    cache_release(staging->cache, holder);
}
