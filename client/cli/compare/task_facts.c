/* task_facts.c - see task_facts.h. */
#include "client/cli/compare/task_facts.h"

#include "codecs/config/index.h"

#include <stdlib.h>
#include <string.h>

const char *fact_section_name(enum fact_section section)
{
    static const char *const names[FACT_SECTION_COUNT] = {
        [FACT_COMMAND] = "command",        [FACT_PARAMETERS] = "parameters",
        [FACT_INPUTS] = "inputs",          [FACT_VARIABLES] = "variables",
        [FACT_OUTPUTS] = "outputs",        [FACT_ENVIRONMENT] = "environment",
        [FACT_METRICS] = "metrics",        [FACT_END] = "end",
        [FACT_USE] = "time and resources",
    };

    return names[section];
}

static struct fact *add(struct facts *self, enum fact_section section, const char *name,
                        const char *text)
{
    if (self->count == self->capacity) {
        size_t capacity = 2 * self->capacity + 64;
        struct fact *items = arena_array(self->arena, capacity, sizeof *items);

        if (items && self->count > 0)
            memcpy(items, self->items, self->count * sizeof *items);
        self->failed |= !items;
        if (items) {
            self->items = items;
            self->capacity = capacity;
        }
    }
    self->failed |= !name || !text;
    if (self->failed)
        return NULL;
    self->items[self->count] =
        (struct fact){ .section = section, .name = name, .text = text, .shown = text };
    return &self->items[self->count++];
}

/* Null and absent values are no facts. */
static struct fact *add_value(struct facts *self, enum fact_section section,
                              const char *name, const struct value *value)
{
    scoped_buf text = { 0 };
    struct fact *fact;

    if (!value || value->kind == VALUE_NULL || value->kind == VALUE_ABSENT)
        return NULL;
    if (value->kind == VALUE_STRING)
        value_to_text(&text, value);
    else
        value_to_json(&text, value);
    fact = add(self, section, name, arena_text(self->arena, buf_string(&text)));
    if (fact && (value->kind == VALUE_INT || value->kind == VALUE_FLOAT)) {
        fact->is_number = true;
        fact->number = value->kind == VALUE_INT ? (double)value->integer : value->real;
    }
    return fact;
}

static void add_text(struct facts *self, enum fact_section section, const char *name,
                     const char *text)
{
    if (text && *text)
        add(self, section, name, text);
}

static const char *text_in(const struct value *map, const char *key)
{
    const struct value *value = value_get(map, key);

    return value && value->kind == VALUE_STRING ? value->string.data : NULL;
}

static void add_map(struct facts *self, enum fact_section section,
                    const struct value *map)
{
    for (size_t i = 0; map && map->kind == VALUE_MAP && i < map->map.count; i++)
        if (map->map.entries[i].key[0] != '_')
            add_value(self, section, map->map.entries[i].key, &map->map.entries[i].value);
}

/* A list of objects with a name: their values, or digests of files. */
static void add_list(struct facts *self, enum fact_section section,
                     const struct value *list, const char *key)
{
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->list.count; i++) {
        const struct value *item = &list->list.items[i], *masked;
        const char *name = text_in(item, "name"), *input = text_in(item, "input");
        struct fact *fact;

        if (!name)
            name = text_in(item, "uri");
        if (input)
            name = arena_printf(self->arena, "%s/%s", input, name ? name : "");
        fact = add_value(self, section, name ? name : "", value_get(item, key));
        masked = value_get(item, "masked");
        if (fact && masked && value_is_truthy(masked))
            fact->shown = "(secret)";
    }
}

static void add_command(struct facts *self, const struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->command_count; i++)
        add(self, FACT_COMMAND, arena_printf(self->arena, "line %zu", i + 1),
            stage->commands[i]);
    add_text(self, FACT_COMMAND, "step", stage->step);
    add_text(self, FACT_COMMAND, "image", stage->image);
    add_text(self, FACT_COMMAND, "source-path", stage->source_path);
    add_text(self, FACT_COMMAND, "stop-condition", stage->stop_condition);
}

/* Packages are "name==version". */
static void add_package(struct facts *self, const struct value *package)
{
    const char *text = package->kind == VALUE_STRING ? package->string.data : "";
    const char *equals = strstr(text, "==");

    if (equals)
        add(self, FACT_ENVIRONMENT,
            arena_printf(self->arena, "package %.*s", (int)(equals - text), text),
            equals + 2);
}

static void add_environment(struct facts *self, const struct value *object)
{
    for (size_t i = 0; object && object->kind == VALUE_MAP && i < object->map.count;
         i++) {
        const struct value_entry *entry = &object->map.entries[i];
        const struct value *packages = value_get(&entry->value, "packages");

        if (strcmp(entry->key, "python") != 0 || entry->value.kind != VALUE_MAP) {
            add_value(self, FACT_ENVIRONMENT, entry->key, &entry->value);
            continue;
        }
        add_text(self, FACT_ENVIRONMENT, "python", text_in(&entry->value, "version"));
        add_text(self, FACT_ENVIRONMENT, "python's path", text_in(&entry->value, "path"));
        for (size_t k = 0;
             packages && packages->kind == VALUE_LIST && k < packages->list.count; k++)
            add_package(self, &packages->list.items[k]);
    }
}

/* A result that was reused is no other result: that counts as little as the node does. */
static void add_end(struct facts *self, const struct value *task)
{
    static const char *const ends[] = { "state", "exit_code", "signal" };
    const char *cause = text_in(task, "cause");
    bool is_reused = cause && strcmp(cause, "reused") == 0;

    for (size_t i = 0; i < COUNT_OF(ends); i++)
        add_value(self, FACT_END, ends[i], value_get(task, ends[i]));
    add_text(self, FACT_END, "cause", is_reused ? "exit" : cause);
    add_value(self, FACT_USE, "reused from", value_get(task, "origin"));
    add_value(self, FACT_USE, "seconds", value_get(task, "seconds"));
    add_value(self, FACT_USE, "node", value_get(task, "node"));
}

void facts_of(struct facts *self, const struct value *record,
              const struct plan_stage *stage)
{
    const struct value *task = value_get(record, "task");
    const struct value *environment = value_get(record, "environment");

    add_command(self, stage);
    add_list(self, FACT_PARAMETERS, value_get(record, "parameters"), "value");
    add_list(self, FACT_INPUTS, value_get(record, "inputs"), "digest");
    add_list(self, FACT_INPUTS, value_get(record, "fetched"), "digest");
    add_list(self, FACT_VARIABLES, value_get(record, "variables"), "value");
    add_environment(self, environment ? value_get(environment, "object") : NULL);
    add_list(self, FACT_OUTPUTS, value_get(record, "outputs"), "digest");
    add_map(self, FACT_METRICS, value_get(record, "metadata"));
    if (task)
        add_end(self, task);
    add_value(self, FACT_END, "message", value_get(record, "message"));
    add_map(self, FACT_USE, value_get(record, "usage"));
}

/* What a fact is called among all, with how often it came before. */
static const char *key_of(const struct facts *self, struct index *seen,
                          const struct fact *fact)
{
    const char *key =
        arena_printf(self->arena, "%u %s", (unsigned)fact->section, fact->name);
    size_t times = 0;

    if (!key)
        return NULL;
    (void)index_find(seen, key, strlen(key), &times);
    if (index_put(seen, key, strlen(key), times + 1) != RC_OK)
        return NULL;
    return times ? arena_printf(self->arena, "%s\n%zu", key, times) : key;
}

static int by_section(const void *a, const void *b)
{
    const struct fact_change *x = a, *y = b;
    const struct fact *of_x = x->before ? x->before : x->after;
    const struct fact *of_y = y->before ? y->before : y->after;
    int order = (int)of_x->section - (int)of_y->section;

    if (order == 0)
        order = strverscmp(of_x->name, of_y->name);
    return order ? order : (of_x > of_y) - (of_x < of_y);
}

enum rc facts_compare(const struct facts *before, const struct facts *after,
                      struct fact_changes *changes)
{
    scoped_index places = { 0 }, seen = { 0 }, seen_after = { 0 };
    bool *matched = arena_array(before->arena, after->count + 1, sizeof *matched);
    struct fact_change *items =
        arena_array(before->arena, before->count + after->count + 1, sizeof *items);
    size_t count = 0, at;

    if (!matched || !items || before->failed || after->failed)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < after->count; i++) {
        const char *key = key_of(after, &seen_after, &after->items[i]);

        if (!key || index_put(&places, key, strlen(key), i) != RC_OK)
            return RC_NO_MEMORY;
    }
    for (size_t i = 0; i < before->count; i++) {
        const char *key = key_of(before, &seen, &before->items[i]);
        const struct fact *other = NULL;

        if (!key)
            return RC_NO_MEMORY;
        if (index_find(&places, key, strlen(key), &at)) {
            matched[at] = true;
            other = &after->items[at];
        }
        if (!other || strcmp(other->text, before->items[i].text) != 0)
            items[count++] = (struct fact_change){ &before->items[i], other };
    }
    for (size_t i = 0; i < after->count; i++)
        if (!matched[i])
            items[count++] = (struct fact_change){ NULL, &after->items[i] };
    qsort(items, count, sizeof *items, by_section);
    *changes = (struct fact_changes){ .items = items, .count = count };
    for (size_t i = 0; i < count; i++)
        changes->counts |=
            (items[i].before ? items[i].before : items[i].after)->section != FACT_USE;
    return RC_OK;
}
