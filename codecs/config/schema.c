/* schema.c - walks tree and tables together. */
#include "codecs/config/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WRONG_FORM = 1000, WRONG_WORD = 100, KEYS_NAMED_MAX = 5 };

struct trail { /* the key path, innermost step first */
    const struct trail *up;
    const char *key; /* NULL: index */
    size_t index;
};

struct check {
    struct findings *findings; /* NULL: only errors and the first fault are kept */
    const char *prefix;        /* path of the root of this check */
    size_t errors;
    size_t unlike; /* how far from this form: see WRONG_FORM, WRONG_WORD */
    char fault[300];
    const char *nearest, *hint;
    struct place place;
};

static void check_node(struct check *check, const struct schema *schema,
                       const struct yaml_node *node, const struct trail *trail);

/* ---- telling ---- */

static void path_text(const struct trail *trail, struct buf *buf)
{
    if (!trail)
        return;
    path_text(trail->up, buf);
    if (buf->size)
        buf_byte(buf, '.');
    if (trail->key)
        buf_text(buf, trail->key);
    else
        buf_printf(buf, "%zu", trail->index);
}

__attribute__((format(printf, 6, 7))) static void report(
    struct check *check, const struct trail *trail, struct place place,
    const char *nearest, const char *hint, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (check->errors++ == 0) {
        snprintf(check->fault, sizeof check->fault, "%.280s", text);
        check->nearest = nearest;
        check->hint = hint;
        check->place = place;
    }
    if (!check->findings)
        return;

    scoped_buf path = { 0 };

    buf_init(&path, 0);
    buf_text(&path, check->prefix);
    path_text(trail, &path);
    findings_add(check->findings,
                 &(struct finding){
                     .level = FINDING_ERROR,
                     .id = "schema",
                     .message = findings_text(check->findings, "%s", text),
                     .path = findings_text(check->findings, "%s", buf_string(&path)),
                     .nearest = nearest,
                     .hint = hint,
                     .place = place,
                 });
}

static void describe(const struct yaml_node *node, char *text, size_t size)
{
    scoped_buf form = { 0 };

    switch (node->value.kind) {
    case VALUE_LIST:
        snprintf(text, size, "%s", node->count ? "a list" : "an empty list");
        return;
    case VALUE_MAP:
        snprintf(text, size, "%s", node->count ? "a mapping" : "an empty mapping");
        return;
    case VALUE_NULL:
    case VALUE_ABSENT:
    case VALUE_KIND_COUNT:
        snprintf(text, size, "empty");
        return;
    case VALUE_BOOL:
        snprintf(text, size, "the boolean %s", node->value.boolean ? "true" : "false");
        return;
    case VALUE_STRING:
        snprintf(text, size, "the text `%.60s`", node->value.string.data);
        return;
    case VALUE_TIMESTAMP:
        snprintf(text, size, "the date %.40s", node->value.string.data);
        return;
    case VALUE_INT:
    case VALUE_FLOAT:
        buf_init(&form, 0);
        value_to_text(&form, &node->value);
        snprintf(text, size, "the number %.40s", buf_string(&form));
        return;
    }
}

/* What stands at the trail's end: its key, or what the schema calls it. */
static const char *name_of(const struct trail *trail, const struct schema *schema,
                           char *text, size_t size)
{
    if (trail && trail->key)
        snprintf(text, size, "`%.80s`", trail->key);
    else if (trail)
        snprintf(text, size, "%s", schema->noun ? schema->noun : "this item");
    else
        snprintf(text, size, "the file");
    return text;
}

/* ---- types ---- */

static unsigned types_of(const struct yaml_node *node)
{
    switch (node->value.kind) {
    case VALUE_NULL:
        return TYPE_NULL;
    case VALUE_BOOL:
        return TYPE_BOOLEAN;
    case VALUE_INT:
        return TYPE_INTEGER | TYPE_NUMBER;
    case VALUE_FLOAT:
        if (isfinite(node->value.real) && floor(node->value.real) == node->value.real)
            return TYPE_INTEGER | TYPE_NUMBER;
        return TYPE_NUMBER;
    case VALUE_STRING:
        return TYPE_STRING;
    case VALUE_LIST:
        return TYPE_LIST;
    case VALUE_MAP:
        return TYPE_MAP;
    case VALUE_TIMESTAMP:
    case VALUE_ABSENT:
    case VALUE_KIND_COUNT:
        break;
    }
    return 0;
}

static const char *types_text(unsigned types, char *text, size_t size)
{
    static const struct {
        unsigned type;
        const char *text;
    } names[] = {
        { TYPE_STRING, "text" },        { TYPE_NUMBER, "a number" },
        { TYPE_INTEGER, "an integer" }, { TYPE_BOOLEAN, "true or false" },
        { TYPE_LIST, "a list" },        { TYPE_MAP, "a mapping of keys" },
        { TYPE_NULL, "empty" },
    };
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (types & names[i].type && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " or " : "",
                                     names[i].text);
    }
    return text;
}

static const char *type_hint(unsigned wanted, const struct yaml_node *node)
{
    enum value_kind kind = node->value.kind;

    if (kind == VALUE_NULL)
        return "Give it a value, indent what belongs to it, or remove the key.";
    if (wanted & TYPE_STRING && kind != VALUE_LIST && kind != VALUE_MAP)
        return "Put the value in quotes to make it text.";
    if (wanted & TYPE_LIST)
        return "Write it as a list: one `- ` item per line.";
    if (wanted & TYPE_MAP)
        return "Write `key: value` lines, indented below it.";
    if (wanted & TYPE_BOOLEAN)
        return "Write true or false, without quotes.";
    if (wanted & (TYPE_NUMBER | TYPE_INTEGER))
        return "Write a number, without quotes.";
    return "Write it as the file format says.";
}

static void check_type(struct check *check, const struct schema *schema,
                       const struct yaml_node *node, const struct trail *trail)
{
    char name[120], is[120], wanted[120];

    if (!schema->types || schema->types & types_of(node))
        return;
    describe(node, is, sizeof is);
    if (!trail || !trail->up)
        check->unlike += WRONG_FORM;
    report(check, trail, node->place, NULL, type_hint(schema->types, node),
           "%s must be %s, but is %s", name_of(trail, schema, name, sizeof name),
           types_text(schema->types, wanted, sizeof wanted), is);
}

/* ---- texts and numbers ---- */

static size_t characters(const struct value *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->string.size; i++)
        count += (text->string.data[i] & 0xC0) != 0x80;
    return count;
}

static void check_words(struct check *check, const struct schema *schema,
                        const struct yaml_node *node, const struct trail *trail)
{
    char name[120], is[120], list[200] = "";
    size_t count = 0, used = 0;

    if (!schema->words)
        return;
    for (; schema->words[count]; count++) {
        if (value_is_text(&node->value, schema->words[count]))
            return;
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                     count ? ", " : "", schema->words[count]);
    }
    if (count == 1)
        check->unlike += WRONG_WORD;
    describe(node, is, sizeof is);
    report(check, trail, node->place,
           node->value.kind == VALUE_STRING
               ? nearest_of(node->value.string.data, schema->words, count)
               : NULL,
           "Write one of these words exactly, in lower case where they are.",
           "%s must be %s%s, but is %s", name_of(trail, schema, name, sizeof name),
           count > 1 ? "one of " : "", list, is);
}

static void check_text(struct check *check, const struct schema *schema,
                       const struct yaml_node *node, const struct trail *trail)
{
    char name[120];

    if (node->value.kind != VALUE_STRING)
        return;
    name_of(trail, schema, name, sizeof name);
    if (schema->length_max && characters(&node->value) > schema->length_max)
        report(check, trail, node->place, NULL, "Shorten it.",
               "%s has %zu characters, at most %zu are allowed", name,
               characters(&node->value), schema->length_max);
    if (schema->pattern && !schema->pattern(node->value.string.data))
        report(check, trail, node->place, NULL, schema->hint,
               "%s has not the form it needs: `%.60s`", name, node->value.string.data);
}

static void check_number(struct check *check, const struct schema *schema,
                         const struct yaml_node *node, const struct trail *trail)
{
    double number;
    char name[120];

    if (node->value.kind == VALUE_INT)
        number = (double)node->value.integer;
    else if (node->value.kind == VALUE_FLOAT)
        number = node->value.real;
    else
        return;
    name_of(trail, schema, name, sizeof name);
    if (schema->has_min && number < schema->min)
        report(check, trail, node->place, NULL, "Give a larger number.",
               "%s is %g, but must be at least %g", name, number, schema->min);
    if (schema->has_max && number > schema->max)
        report(check, trail, node->place, NULL, "Give a smaller number.",
               "%s is %g, but must be at most %g", name, number, schema->max);
}

/* ---- lists and mappings ---- */

static void check_list(struct check *check, const struct schema *schema,
                       const struct yaml_node *node, const struct trail *trail)
{
    if (node->value.kind != VALUE_LIST)
        return;
    for (size_t i = 0; i < node->count; i++) {
        struct trail step = { .up = trail, .index = i };

        if (schema->items)
            check_node(check, schema->items, node->items[i], &step);
        if (schema->tuple_item && i < schema->tuple_max)
            check_node(check, schema->tuple_item, node->items[i], &step);
    }
    if (schema->tuple_item && node->count > schema->tuple_max)
        report(check, trail, node->place, NULL, "Remove the others.",
               "%s has %zu items, at most %zu are allowed",
               schema->noun ? schema->noun : "the list", node->count, schema->tuple_max);
}

static const struct schema *property_of(const struct schema *schema, const char *key)
{
    for (const struct schema_property *p = schema->properties; p && p->key; p++)
        if (strcmp(p->key, key) == 0)
            return p->schema;
    return NULL;
}

/* A key as text; only text keys can be properties. */
static const char *key_name(const struct yaml_node *key, char *text, size_t size)
{
    if (key->value.kind == VALUE_STRING || key->value.kind == VALUE_ABSENT)
        return key->value.string.data;
    describe(key, text, size);
    return text;
}

static bool is_known(const struct schema *schema, const struct yaml_node *key)
{
    return (key->value.kind == VALUE_STRING || key->value.kind == VALUE_ABSENT)
           && property_of(schema, key->value.string.data) != NULL;
}

/* The known key that is nearest to a misspelt one and not given already. */
static const char *nearest_key(const struct schema *schema, const struct yaml_node *node,
                               const char *key)
{
    const char *candidates[64];
    size_t count = 0;

    for (const struct schema_property *p = schema->properties;
         p && p->key && count < COUNT_OF(candidates); p++)
        if (!yaml_get(node, p->key))
            candidates[count++] = p->key;
    return nearest_of(key, candidates, count);
}

static void check_unknown_keys(struct check *check, const struct schema *schema,
                               const struct yaml_node *node, const struct trail *trail)
{
    const struct yaml_node *first = NULL;
    char list[400] = "", name[120], text[80];
    size_t count = 0, used = 0;

    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->entries[i].key;

        if (is_known(schema, key))
            continue;
        /* The finding has room for the nearest of the first; the others tell theirs here.
         */
        const char *near =
            first ? nearest_key(schema, node, key_name(key, text, sizeof text)) : NULL;

        first = first ? first : key;
        if (count++ < KEYS_NAMED_MAX && used < sizeof list)
            used += (size_t)snprintf(
                list + used, sizeof list - used, "%s`%.40s`%s%.40s%s", used ? ", " : "",
                key_name(key, text, sizeof text), near ? " (nearest: `" : "",
                near ? near : "", near ? "`)" : "");
    }
    if (!first)
        return;
    if (count > KEYS_NAMED_MAX && used < sizeof list)
        snprintf(list + used, sizeof list - used, " and %zu more",
                 count - KEYS_NAMED_MAX);
    report(check, trail, first->place,
           nearest_key(schema, node, key_name(first, text, sizeof text)),
           "Remove it, or correct its spelling and indentation.", "%s has no key %s",
           name_of(trail, schema, name, sizeof name), list);
}

static void check_map(struct check *check, const struct schema *schema,
                      const struct yaml_node *node, const struct trail *trail)
{
    char name[120];

    if (node->value.kind != VALUE_MAP)
        return;
    for (const char *const *key = schema->required; key && *key; key++)
        if (!yaml_get(node, *key))
            report(check, trail, node->place, NULL, "Add the key here.",
                   "%s lacks the key `%s`", name_of(trail, schema, name, sizeof name),
                   *key);
    if (schema->closed)
        check_unknown_keys(check, schema, node, trail);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_entry *entry = &node->entries[i];
        char text[80];
        const char *key = key_name(entry->key, text, sizeof text);
        struct trail step = { .up = trail, .key = key };

        if (is_known(schema, entry->key))
            check_node(check, property_of(schema, key), entry->value, &step);
        if (schema->any_value && *key)
            check_node(check, schema->any_value, entry->value, &step);
    }
}

/* ---- alternatives ---- */

/* How many of the alternatives node meets; the least unlike one that it fails is tried
 * last into *best. */
static size_t count_met(const struct schema *const *alternatives,
                        const struct yaml_node *node, const struct trail *trail,
                        struct check *best, const struct schema **best_schema)
{
    size_t met = 0, least = SIZE_MAX;

    for (; *alternatives; alternatives++) {
        /* Paths begin anew, so that a wrong type at the root shows as the wrong form. */
        struct trail root = trail ? *trail : (struct trail){ 0 };
        struct check probe = { .prefix = "" };

        root.up = NULL;
        check_node(&probe, *alternatives, node, trail ? &root : NULL);
        if (probe.errors == 0) {
            met++;
        } else if (probe.unlike + probe.errors < least) {
            least = probe.unlike + probe.errors;
            *best = probe;
            *best_schema = *alternatives;
        }
    }
    return met;
}

static void check_alternatives(struct check *check, const struct schema *schema,
                               const struct yaml_node *node, const struct trail *trail)
{
    const struct schema *const *alternatives =
        schema->one_of ? schema->one_of : schema->any_of;
    struct check best = { 0 };
    const struct schema *form = NULL;
    char name[120];

    if (!alternatives)
        return;

    size_t met = count_met(alternatives, node, trail, &best, &form);

    if (met == 1 || (met > 1 && !schema->one_of))
        return;
    name_of(trail, schema, name, sizeof name);
    if (schema->choice)
        report(check, trail, node->place, NULL, schema->hint, "%s %s", name,
               schema->choice);
    else if (best.unlike >= WRONG_FORM)
        report(check, trail, node->place, NULL, best.hint, "%s", best.fault);
    else if (form && form->noun)
        report(check, trail, best.place, best.nearest, best.hint,
               "%s is not valid as %s: %.240s", name, form->noun, best.fault);
    else
        report(check, trail, best.place, best.nearest, best.hint, "%s", best.fault);
}

/* An empty top-level item is often one whose keys are not indented enough. Each finding
 * about it gets a hint; an empty value has no findings further down. */
static void add_hints(struct check *check, const struct yaml_node *node,
                      const struct trail *trail, size_t errors)
{
    struct value none = node->value;

    if (!check->findings || !trail || !trail->up || trail->up->up)
        return;
    if (none.kind == VALUE_LIST || none.kind == VALUE_MAP ? node->count > 0
                                                          : value_is_truthy(&none))
        return;
    for (; errors > 0; errors--)
        findings_add(check->findings,
                     &(struct finding){
                         .level = FINDING_HINT,
                         .id = "schema",
                         .message = "the YAML is valid, but the indentation of what "
                                    "belongs to this item is probably wrong",
                         .path = findings_text(check->findings, "%zu.%.100s",
                                               trail->up->index, trail->key),
                         .hint = "Indent the lines that belong to it by two more spaces.",
                         .place = node->place,
                     });
}

static void check_node(struct check *check, const struct schema *schema,
                       const struct yaml_node *node, const struct trail *trail)
{
    size_t errors = check->errors;

    if (schema->never)
        report(check, trail, node->place, NULL, "Remove it.", "this must not be here");
    check_type(check, schema, node, trail);
    check_words(check, schema, node, trail);
    check_text(check, schema, node, trail);
    check_number(check, schema, node, trail);
    check_list(check, schema, node, trail);
    check_map(check, schema, node, trail);
    check_alternatives(check, schema, node, trail);
    add_hints(check, node, trail, check->errors - errors);
}

void schema_check(const struct schema *schema, const struct yaml_node *node,
                  const char *path, struct findings *findings)
{
    struct check check = { .findings = findings, .prefix = path };

    check_node(&check, schema, node, NULL);
}
