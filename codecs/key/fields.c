/* fields.c - what counts.
 *
 * Counts: the files of the code that the step gets; step, source-path, image, commands
 * and how each parameter is written into them; the parameters' values, used by a command
 * or not, because the config files show them all; input files by name and content, in
 * order, with their properties; the declared variables; the stop-condition, which might
 * have ended an earlier execution before its time.
 *
 * Does not count: names and numbers of run, stage and task, dates and paths; the URI that
 * a file came from; resources, environment, node, time limits and the store of outputs,
 * which decide on where and whether, not on what; properties of files that begin with
 * "valohai.", because tags and aliases sort files and change nothing in them. */
#include "codecs/key/fields.h"

#include <stdlib.h>
#include <string.h>

#include "codecs/names/scheme.h"
#include "codecs/digest/digest.h"
#include "codecs/pack/pack.h"
#include "codecs/plan/secret.h"
#include "codecs/plan/task.h"

enum { NAMES_SHOWN_MAX = 1000 }; /* bytes of names in the text of an input, about */

struct listing {
    struct arena *arena;
    struct key_field *fields;
    size_t count, capacity;
    bool failed;
};

static struct key_field *field_add(struct listing *listing)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 32;
        struct key_field *larger = arena_array(listing->arena, capacity, sizeof *larger);

        if (!larger) {
            listing->failed = true;
            return NULL;
        }
        if (listing->count > 0)
            memcpy(larger, listing->fields, listing->count * sizeof *larger);
        listing->fields = larger;
        listing->capacity = capacity;
    }
    return &listing->fields[listing->count++];
}

/* A field whose text is all there is to it; none for an empty text. */
static void add_text(struct listing *listing, const char *name, const char *text)
{
    if (listing->failed || !text || !text[0])
        return;

    struct key_field *field = field_add(listing);

    if (field && name)
        *field = (struct key_field){ name, text, text, strlen(text), listing->count };
    else
        listing->failed = true;
}

/* A field with a value that people see as text. */
static void add_packed(struct listing *listing, const char *name, const char *text,
                       const struct buf *value)
{
    struct key_field *field = listing->failed ? NULL : field_add(listing);
    void *kept = field ? arena_copy(listing->arena, value->data, value->size) : NULL;

    if (kept && name && text && buf_ok(value))
        *field = (struct key_field){ name, text, kept, value->size, listing->count };
    else
        listing->failed = true;
}

static const char *joined_name(struct listing *listing, const char *kind,
                               const char *first, const char *second)
{
    return arena_printf(listing->arena, "%s:%s%s%s", kind, first, second ? "/" : "",
                        second ? second : "");
}

/* Whether some command takes the parameters in the order of their declaration. */
static bool order_counts(const struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->command_count; i++)
        if (strstr(stage->commands[i], "{parameters}")
            || strstr(stage->commands[i], "{params}"))
            return true;
    return false;
}

static void add_commands(struct listing *listing, const struct plan_stage *stage)
{
    scoped_buf value = { 0 }, text = { 0 };

    buf_init(&value, (size_t)stage->command_count * 8 + ((size_t)256 << 20));
    pack_list(&value, stage->command_count);
    for (size_t i = 0; i < stage->command_count; i++) {
        pack_text(&value, stage->commands[i]);
        buf_printf(&text, "%s%s", i ? "\n" : "", stage->commands[i]);
    }
    add_packed(listing, "command", arena_text(listing->arena, buf_string(&text)), &value);
    if (!order_counts(stage))
        return;
    buf_clear(&value);
    buf_clear(&text);
    for (size_t i = 0; i < stage->parameter_count; i++) {
        pack_text(&value, stage->parameters[i].name);
        buf_printf(&text, "%s%s", i ? ", " : "", stage->parameters[i].name);
    }
    add_packed(listing, "order of parameters",
               arena_text(listing->arena, buf_string(&text)), &value);
}

/* How a parameter is written into a command, which its value does not tell. */
static void add_passing(struct listing *listing, const struct plan_parameter *parameter)
{
    static const char *const types[] = { "string", "integer", "float", "flag" };
    static const char *const multiples[] = { "", ", one by one", ", in one" };
    const char *as[] = { parameter->pass_as, parameter->pass_true_as,
                         parameter->pass_false_as, parameter->separator };
    scoped_buf value = { 0 }, text = { 0 };

    pack_uint(&value, parameter->type);
    pack_uint(&value, parameter->multiple);
    buf_printf(&text, "%s%s", types[parameter->type], multiples[parameter->multiple]);
    for (size_t i = 0; i < COUNT_OF(as); i++) {
        pack_text(&value, as[i]);
        if (as[i] && as[i][0])
            buf_printf(&text, ", %s", as[i]);
    }
    add_packed(listing, joined_name(listing, "passing", parameter->name, NULL),
               arena_text(listing->arena, buf_string(&text)), &value);
}

static void add_variable(struct listing *listing, const struct plan_variable *variable)
{
    struct buf value = { 0 };
    const char *text = variable->value;

    if (!text)
        return;
    value.data = (unsigned char *)(uintptr_t)text; /* only read */
    value.size = strlen(text);
    if (!variable->masked && variable_is_secret(variable->name))
        text = "a secret";
    add_packed(listing, joined_name(listing, "variable", variable->name, NULL), text,
               &value);
}

/* The name that the file will have is made of this by the node. */
static const char *source_name(struct listing *listing, const struct plan_input *input,
                               const struct plan_source *source)
{
    if (input->filename && input->filename[0] && input->source_count == 1)
        return input->filename;
    if (source->name && source->name[0])
        return source->name;

    const char *shown = source->uri ? uri_shown(listing->arena, source->uri) : "";

    listing->failed |= !shown;
    return shown ? shown : "";
}

/* The content; of a file that is not fetched yet, where it will come from. */
static void add_content(struct listing *listing, const char *name,
                        const struct plan_source *source)
{
    const char *digest = source->digest, *text = digest;
    struct buf value = { 0 };

    if (!digest) {
        const char *uri = source->uri ? uri_shown(listing->arena, source->uri) : "";

        digest = text =
            arena_printf(listing->arena, "not known before the run: %s", uri ? uri : "");
    } else if (source->etag) {
        text = arena_printf(listing->arena, "%s, ETag %s", digest, source->etag);
    }
    if (!digest) {
        listing->failed = true;
        return;
    }
    value.data = (unsigned char *)(uintptr_t)digest; /* only read */
    value.size = strlen(digest);
    add_packed(listing, name, text, &value);
}

/* Properties that a command may read, as one text; false if there is none. */
static bool properties_text(const struct value *metadata, struct buf *text)
{
    bool is_any = false;

    if (metadata->kind != VALUE_LIST)
        return false;
    for (size_t i = 0; i < metadata->list.count; i++) {
        const struct value *map = &metadata->list.items[i];

        buf_text(text, i > 0 ? "; " : "");
        for (size_t k = 0; map->kind == VALUE_MAP && k < map->map.count; k++) {
            const struct value_entry *entry = &map->map.entries[k];

            if (strncmp(entry->key, "valohai.", 8) == 0)
                continue;
            buf_text(text, k > 0 ? ", " : "");
            value_json_string(text, entry->key, strlen(entry->key));
            buf_text(text, ": ");
            value_to_json(text, &entry->value);
            is_any = true;
        }
    }
    return is_any;
}

static void add_file(struct listing *listing, const struct plan_input *input,
                     const struct plan_source *source)
{
    const char *name = source_name(listing, input, source);
    scoped_buf text = { 0 };

    add_content(listing, joined_name(listing, "input", input->name, name), source);
    if (!properties_text(&source->metadata, &text))
        return;
    add_text(listing, joined_name(listing, "properties", input->name, name),
             arena_text(listing->arena, buf_string(&text)));
}

/* The input as a whole: its files' names in order and how they are placed; then each
 * file. */
static void add_input(struct listing *listing, const struct plan_input *input)
{
    static const char *const keeps[] = { "", ", directories kept by suffix",
                                         ", directories kept" };
    scoped_buf value = { 0 }, text = { 0 };

    buf_init(&value, (size_t)1 << 30);
    buf_printf(&text, "%zu %s%s%s", input->source_count,
               input->source_count == 1 ? "file" : "files",
               keeps[input->keep_directories], input->on_demand ? ", on demand" : "");
    for (size_t i = 0; i < input->source_count && text.size < NAMES_SHOWN_MAX; i++)
        buf_printf(&text, "%s%s", i == 0 ? ": " : ", ",
                   source_name(listing, input, &input->sources[i]));
    pack_uint(&value, input->keep_directories);
    pack_bool(&value, input->on_demand);
    for (size_t i = 0; i < input->source_count; i++)
        pack_text(&value, source_name(listing, input, &input->sources[i]));
    add_packed(listing, joined_name(listing, "input", input->name, NULL),
               arena_text(listing->arena, buf_string(&text)), &value);
    for (size_t i = 0; i < input->source_count && !listing->failed; i++)
        add_file(listing, input, &input->sources[i]);
}

static int compare_fields(const void *a, const void *b)
{
    const struct key_field *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    if (order != 0)
        return order;
    return one->place < other->place ? -1 : one->place > other->place;
}

static enum rc listing_end(struct listing *listing, const struct plan_stage *stage,
                           struct key_fields *fields, struct err *err)
{
    if (listing->failed)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for its key",
                       stage->name);
    if (listing->count > 0)
        qsort(listing->fields, listing->count, sizeof *listing->fields, compare_fields);
    *fields = (struct key_fields){ listing->fields, listing->count };
    return RC_OK;
}

/* An image that is named by its digest is that one, whatever it is called besides. */
static void add_image(struct listing *listing, const char *image)
{
    const char *at = image ? strchr(image, '@') : NULL;
    struct buf value = { 0 };

    if (!at || !digest_is_valid(at + 1, strlen(at + 1))) {
        add_text(listing, "image", image);
        return;
    }
    value.data = (unsigned char *)(uintptr_t)(at + 1); /* only read */
    value.size = strlen(at + 1);
    add_packed(listing, "image", image, &value);
}

static void list_class(struct listing *listing, const struct plan_stage *stage,
                       const char *tree)
{
    bool has_own = stage->code && stage->code[0];

    add_text(listing, "code", has_own ? stage->code : tree);
    add_text(listing, "step", stage->step);
    add_text(listing, "source-path", stage->source_path);
    add_image(listing, stage->image);
    add_text(listing, "stop-condition", stage->stop_condition);
    add_commands(listing, stage);
    for (size_t i = 0; i < stage->parameter_count; i++)
        add_passing(listing, &stage->parameters[i]);
    for (size_t i = 0; i < stage->variable_count; i++)
        add_variable(listing, &stage->variables[i]);
    for (size_t i = 0; i < stage->input_count; i++)
        add_input(listing, &stage->inputs[i]);
}

enum rc key_fields_of_class(const struct plan_stage *stage, const char *tree,
                            struct arena *arena, struct key_fields *fields,
                            struct err *err)
{
    struct listing listing = { .arena = arena };

    list_class(&listing, stage, tree);
    return listing_end(&listing, stage, fields, err);
}

enum rc key_parameter_pack(const struct plan_stage *stage, uint64_t index,
                           size_t parameter, struct buf *buf, struct err *err)
{
    struct value value = plan_task_parameter(stage, index, parameter);
    const struct plan_parameter *declared = &stage->parameters[parameter];

    if (value.kind == VALUE_ABSENT)
        return RC_OK;
    if (value.kind == VALUE_STRING) {
        scoped(arena) arena = arena_create(PLAN_TEXT_MAX);
        enum rc rc = arena ? plan_parameter_native(arena, declared, &value, &value, err)
                           : err_set(err, RC_NO_MEMORY, "no memory for a key");

        if (rc != RC_OK)
            return rc;
        pack_value(buf, &value);
        return RC_OK;
    }
    pack_value(buf, &value);
    return RC_OK;
}

static enum rc list_parameter(struct listing *listing, const struct plan_stage *stage,
                              uint64_t index, size_t parameter, struct err *err)
{
    struct value value = plan_task_parameter(stage, index, parameter);
    const char *name = stage->parameters[parameter].name;
    scoped_buf packed = { 0 }, text = { 0 };
    enum rc rc = key_parameter_pack(stage, index, parameter, &packed, err);

    if (rc != RC_OK || packed.size == 0)
        return rc;
    value_to_json(&text, &value);
    add_packed(listing, joined_name(listing, "parameter", name, NULL),
               arena_text(listing->arena, buf_string(&text)), &packed);
    return RC_OK;
}

enum rc key_fields_of_task(const struct plan_stage *stage, const char *tree,
                           uint64_t index, struct arena *arena, struct key_fields *fields,
                           struct err *err)
{
    struct listing listing = { .arena = arena };
    enum rc rc = RC_OK;

    if (index >= plan_stage_task_count(stage))
        return err_set(err, RC_INVALID, "stage '%.80s' has no task %llu", stage->name,
                       (unsigned long long)index);
    list_class(&listing, stage, tree);
    for (size_t i = 0; rc == RC_OK && i < stage->parameter_count; i++)
        rc = list_parameter(&listing, stage, index, i, err);
    return rc == RC_OK ? listing_end(&listing, stage, fields, err) : rc;
}

const struct plan_source *key_unsettled(const struct plan_stage *stage,
                                        const struct plan_input **input)
{
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++)
            if (!stage->inputs[i].sources[k].digest) {
                *input = &stage->inputs[i];
                return &stage->inputs[i].sources[k];
            }
    return NULL;
}
