/* yaml.c - builds the tree from libyaml's events: anchors, merge keys, limits.
 *
 * libyaml follows the same grammar as the file format's reference reader, so what is
 * accepted differs only in tabs, which yaml_tabs.c looks for. */
#include "codecs/config/yaml.h"

#include "codecs/config/index.h"
#include "codecs/config/read.h"
#include "codecs/config/scalar.h"
#include "codecs/config/yaml_tabs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { TEXT_PER_WEIGHT = 64 }; /* bytes of a text that weigh as much as a node */

struct open { /* a collection whose end has not come yet */
    struct yaml_node *node;
    size_t first; /* its children begin here in builder.nodes */
    const char *anchor;
};

struct builder {
    struct arena *arena;
    struct yaml_fault *fault;
    const struct yaml_node **nodes; /* children of open collections, and the root */
    size_t node_count, node_capacity;
    struct open open[CONFIG_DEPTH_MAX];
    size_t depth;
    struct index anchors;              /* name -> position in anchored */
    const struct yaml_node **anchored; /* NULL while the node is still open */
    size_t anchor_count, anchor_capacity;
    size_t expanded; /* weight of all that aliases and merge keys brought in */
    struct yaml_tabs tabs;
};

static struct place place_of(yaml_mark_t mark)
{
    return (struct place){ .line = (uint32_t)mark.line + 1,
                           .column = (uint32_t)mark.column + 1 };
}

__attribute__((format(printf, 4, 5))) static enum rc refuse(struct builder *b,
                                                            struct place place,
                                                            const char *hint,
                                                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(b->fault->text, sizeof b->fault->text, format, args);
    va_end(args);
    b->fault->hint = hint;
    b->fault->place = place;
    return RC_INVALID;
}

/* Makes room for one more element of size bytes. */
static enum rc reserve(void **array, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return RC_OK;

    size_t larger = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*array, larger * size);

    if (!grown)
        return RC_NO_MEMORY;
    *array = grown;
    *capacity = larger;
    return RC_OK;
}

static enum rc push(struct builder *b, const struct yaml_node *node)
{
    if (reserve((void **)&b->nodes, &b->node_capacity, b->node_count, sizeof *b->nodes)
        != RC_OK)
        return RC_NO_MEMORY;
    b->nodes[b->node_count++] = node;
    return RC_OK;
}

static struct yaml_node *node_create(struct builder *b, yaml_mark_t mark)
{
    struct yaml_node *node = arena_alloc(b->arena, sizeof *node);

    if (node) {
        node->place = place_of(mark);
        node->weight = 1;
        node->height = 1;
    }
    return node;
}

/* ---- anchors ---- */

/* Remembers the name; the node is filled in by anchor_set when it is complete. */
static enum rc anchor_open(struct builder *b, const yaml_char_t *name, yaml_mark_t mark,
                           const char **kept)
{
    size_t at, size;

    *kept = NULL;
    if (!name)
        return RC_OK;
    size = strlen((const char *)name);
    if (index_find(&b->anchors, (const char *)name, size, &at))
        return refuse(b, place_of(mark), "Give each anchor a name of its own.",
                      "the anchor &%.60s stands twice in the file", (const char *)name);
    if (!(*kept = arena_copy(b->arena, name, size))
        || reserve((void **)&b->anchored, &b->anchor_capacity, b->anchor_count,
                   sizeof *b->anchored)
               != RC_OK)
        return RC_NO_MEMORY;
    b->anchored[b->anchor_count] = NULL;
    return index_put(&b->anchors, *kept, size, b->anchor_count++);
}

static void anchor_set(struct builder *b, const char *name, const struct yaml_node *node)
{
    size_t at;

    if (name && index_find(&b->anchors, name, strlen(name), &at))
        b->anchored[at] = node;
}

static enum rc refuse_expansion(struct builder *b, struct place place)
{
    return refuse(b, place, "Use fewer aliases, or split the file.",
                  "more than %d values after alias expansion", CONFIG_NODES_MAX);
}

static enum rc on_alias(struct builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    size_t at;

    if (!index_find(&b->anchors, name, strlen(name), &at))
        return refuse(b, place_of(event->start_mark),
                      "Define it first with &name, or put the text in quotes.",
                      "the alias *%.60s names no anchor above it", name);
    if (!b->anchored[at])
        return refuse(b, place_of(event->start_mark), "Remove the alias.",
                      "the alias *%.60s stands inside of what it names", name);
    if ((b->expanded += b->anchored[at]->weight) > CONFIG_NODES_MAX)
        return refuse_expansion(b, place_of(event->start_mark));
    return push(b, b->anchored[at]);
}

/* ---- scalars ---- */

static bool kind_of_tag(const char *tag, enum value_kind *kind)
{
    static const struct {
        const char *tag;
        enum value_kind kind;
    } known[] = {
        { "str", VALUE_STRING }, { "int", VALUE_INT },   { "float", VALUE_FLOAT },
        { "bool", VALUE_BOOL },  { "null", VALUE_NULL }, { "timestamp", VALUE_TIMESTAMP },
        { "seq", VALUE_LIST },   { "map", VALUE_MAP },
    };
    static const char prefix[] = "tag:yaml.org,2002:";

    if (strncmp(tag, prefix, sizeof prefix - 1) != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(tag + sizeof prefix - 1, known[i].tag) == 0) {
            *kind = known[i].kind;
            return true;
        }
    }
    return false;
}

static enum rc refuse_tag(struct builder *b, yaml_mark_t mark, const yaml_char_t *tag)
{
    return refuse(b, place_of(mark),
                  "Remove the tag, or quote a text that begins with !.",
                  "the tag %.80s is not known or does not fit here", (const char *)tag);
}

static enum rc scalar_fill(struct builder *b, const yaml_event_t *event,
                           struct yaml_node *node)
{
    size_t size = event->data.scalar.length;
    const char *tag = (const char *)event->data.scalar.tag;
    const char *text = arena_copy(b->arena, event->data.scalar.value, size);
    enum value_kind kind = VALUE_STRING;
    enum scalar_verdict verdict;

    if (!text)
        return RC_NO_MEMORY;
    if (tag && strcmp(tag, "!") != 0
        && (!kind_of_tag(tag, &kind) || kind == VALUE_LIST || kind == VALUE_MAP))
        return refuse_tag(b, event->start_mark, event->data.scalar.tag);
    if (event->data.scalar.plain_implicit && (!tag || strcmp(tag, "!") == 0))
        verdict = scalar_resolve(b->arena, text, size, &node->value);
    else
        verdict = scalar_of_kind(b->arena, text, size, kind, &node->value);
    switch (verdict) {
    case SCALAR_VALUE:
        return RC_OK;
    case SCALAR_NO_MEMORY:
        return RC_NO_MEMORY;
    case SCALAR_MERGE:
    case SCALAR_EQUALS:
        /* Only a key may be one of these; map_fill knows, an absent value marks it. */
        node->value = (struct value){ .kind = VALUE_ABSENT,
                                      .string = { .data = text, .size = size } };
        return RC_OK;
    case SCALAR_BAD:
        break;
    }
    return refuse(b, node->place, "Put it in quotes if it is text.",
                  "`%.60s` looks like a number or a date, but is none", text);
}

static enum rc on_scalar(struct builder *b, const yaml_event_t *event)
{
    struct yaml_node *node = node_create(b, event->start_mark);
    const char *anchor;
    enum rc rc;

    if (!node)
        return RC_NO_MEMORY;
    if ((rc = yaml_tabs_scalar(&b->tabs, event, b->fault)) != RC_OK)
        return rc;
    if ((rc = anchor_open(b, event->data.scalar.anchor, event->start_mark, &anchor))
            != RC_OK
        || (rc = scalar_fill(b, event, node)) != RC_OK)
        return rc;
    node->weight += (uint32_t)(node->value.kind == VALUE_STRING
                                   ? node->value.string.size / TEXT_PER_WEIGHT
                                   : 0);
    anchor_set(b, anchor, node);
    return push(b, node);
}

/* ---- collections ---- */

static enum rc on_start(struct builder *b, const yaml_event_t *event,
                        const yaml_char_t *anchor, const yaml_char_t *tag,
                        enum value_kind kind)
{
    enum value_kind tagged = kind;
    struct open open = { .first = b->node_count };
    enum rc rc;

    if (b->depth == CONFIG_DEPTH_MAX)
        return refuse(b, place_of(event->start_mark), "Flatten the structure.",
                      "nested deeper than %d levels", CONFIG_DEPTH_MAX);
    if (tag && strcmp((const char *)tag, "!") != 0
        && (!kind_of_tag((const char *)tag, &tagged) || tagged != kind))
        return refuse_tag(b, event->start_mark, tag);
    if ((rc = anchor_open(b, anchor, event->start_mark, &open.anchor)) != RC_OK)
        return rc;
    if (!(open.node = node_create(b, event->start_mark)))
        return RC_NO_MEMORY;
    open.node->value.kind = kind;
    b->open[b->depth++] = open;
    return RC_OK;
}

/* Adds what a child brings; RC_INVALID beyond the limits. */
static enum rc weigh(struct builder *b, struct yaml_node *node,
                     const struct yaml_node *child)
{
    if (child->weight > CONFIG_NODES_MAX - node->weight)
        return refuse_expansion(b, node->place);
    node->weight += child->weight;
    if (child->height >= node->height)
        node->height = child->height + 1;
    if (node->height > CONFIG_DEPTH_MAX)
        return refuse(b, node->place, "Flatten the structure.",
                      "nested deeper than %d levels after alias expansion",
                      CONFIG_DEPTH_MAX);
    return RC_OK;
}

static enum rc refuse_bare(struct builder *b, const struct yaml_node *node)
{
    return refuse(b, node->place, "Put it in quotes if it is text.",
                  "a bare `%.10s` cannot be a value", node->value.string.data);
}

static enum rc list_fill(struct builder *b, struct yaml_node *node,
                         const struct yaml_node **items, size_t count)
{
    if (!(node->items = arena_array(b->arena, count, sizeof *items)))
        return RC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        enum rc rc = items[i]->value.kind == VALUE_ABSENT ? refuse_bare(b, items[i])
                                                          : weigh(b, node, items[i]);

        if (rc != RC_OK)
            return rc;
        node->items[i] = items[i];
    }
    node->count = count;
    return RC_OK;
}

struct key { /* what makes two keys the same */
    const char *text;
    size_t size;
};

/* Texts are themselves; other scalars get a text that no readable key has, with 1, 1.0
 * and true alike. */
static enum rc key_of(struct builder *b, const struct yaml_node *node, struct key *key)
{
    struct value value = node->value;
    const char *copy;

    if (value.kind == VALUE_STRING || value.kind == VALUE_ABSENT) {
        *key = (struct key){ value.string.data, value.string.size };
        return RC_OK;
    }
    if (value.kind == VALUE_LIST || value.kind == VALUE_MAP)
        return refuse(b, node->place, "Use a text as the key.",
                      "a list or mapping cannot be a key");
    if (value.kind == VALUE_BOOL)
        value = value_float(value.boolean);
    else if (value.kind == VALUE_INT)
        value = value_float((double)value.integer);

    scoped_buf text = { 0 };

    buf_init(&text, 0);
    buf_byte(&text, 1);
    value_to_text(&text, &value);
    if (!buf_ok(&text) || !(copy = arena_copy(b->arena, text.data, text.size)))
        return RC_NO_MEMORY;
    *key = (struct key){ copy, text.size };
    return RC_OK;
}

/* Puts an entry at the end, or in the place of the one with the same key. */
static enum rc entry_put(struct builder *b, struct yaml_node *node, struct index *keys,
                         struct yaml_entry entry)
{
    struct key key = { 0 };
    size_t at;
    enum rc rc = key_of(b, entry.key, &key);

    if (rc != RC_OK)
        return rc;
    if (entry.value->value.kind == VALUE_ABSENT)
        return refuse_bare(b, entry.value);
    if (!index_find(keys, key.text, key.size, &at)) {
        at = node->count++;
        node->entries[at].key = entry.key;
        if (index_put(keys, key.text, key.size, at) != RC_OK)
            return RC_NO_MEMORY;
    }
    node->entries[at].value = entry.value;
    return RC_OK;
}

static bool is_merge(const struct yaml_node *key)
{
    return key->value.kind == VALUE_ABSENT && key->value.string.data[0] == '<';
}

/* How many entries a merge value brings; RC_INVALID if it is no map or list of maps. */
static enum rc merge_count(struct builder *b, const struct yaml_node *value,
                           size_t *count)
{
    static const char hint[] = "Merge an alias of a mapping: `<<: *name`.";

    if ((b->expanded += value->weight) > CONFIG_NODES_MAX)
        return refuse_expansion(b, value->place);
    if (value->value.kind == VALUE_MAP) {
        *count += value->count;
    } else if (value->value.kind == VALUE_LIST) {
        for (size_t i = 0; i < value->count; i++) {
            if (value->items[i]->value.kind != VALUE_MAP)
                return refuse(b, value->items[i]->place, hint,
                              "only mappings can be merged with <<");
            *count += value->items[i]->count;
        }
    } else {
        return refuse(b, value->place, hint, "only mappings can be merged with <<");
    }
    return RC_OK;
}

static enum rc merge_put(struct builder *b, struct yaml_node *node, struct index *keys,
                         const struct yaml_node *value)
{
    enum rc rc = RC_OK;

    if (value->value.kind == VALUE_MAP) {
        for (size_t i = 0; i < value->count && rc == RC_OK; i++)
            rc = entry_put(b, node, keys, value->entries[i]);
        return rc;
    }
    for (size_t i = value->count; i-- > 0 && rc == RC_OK;) /* the first one wins */
        rc = merge_put(b, node, keys, value->items[i]);
    return rc;
}

/* Merged entries come first, so that the mapping's own ones replace them. */
static enum rc map_fill(struct builder *b, struct yaml_node *node,
                        const struct yaml_node **items, size_t count)
{
    scoped_index keys = { 0 };
    size_t merged = 0;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < count && rc == RC_OK; i += 2)
        if (is_merge(items[i]))
            rc = merge_count(b, items[i + 1], &merged);
    if (rc != RC_OK)
        return rc;
    if (!(node->entries =
              arena_array(b->arena, count / 2 + merged, sizeof *node->entries)))
        return RC_NO_MEMORY;
    for (size_t i = 0; i < count && rc == RC_OK; i += 2)
        if (is_merge(items[i]))
            rc = merge_put(b, node, &keys, items[i + 1]);
    for (size_t i = 0; i < count && rc == RC_OK; i += 2)
        if (!is_merge(items[i]))
            rc = entry_put(b, node, &keys, (struct yaml_entry){ items[i], items[i + 1] });
    for (size_t i = 0; i < node->count && rc == RC_OK; i++) {
        rc = weigh(b, node, node->entries[i].key);
        if (rc == RC_OK)
            rc = weigh(b, node, node->entries[i].value);
    }
    return rc;
}

static enum rc on_end(struct builder *b)
{
    must(b->depth > 0);

    struct open *open = &b->open[--b->depth];
    const struct yaml_node **items = b->nodes ? b->nodes + open->first : NULL;
    size_t count = b->node_count - open->first;
    enum rc rc = open->node->value.kind == VALUE_LIST
                     ? list_fill(b, open->node, items, count)
                     : map_fill(b, open->node, items, count);

    if (rc != RC_OK)
        return rc;
    b->node_count = open->first;
    anchor_set(b, open->anchor, open->node);
    return push(b, open->node);
}

/* ---- the event loop ---- */

static enum rc on_event(struct builder *b, const yaml_event_t *event, size_t *documents)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++*documents > 1)
            return refuse(b, place_of(event->start_mark), "Move it to a file of its own.",
                          "a second document begins here; one file is one document");
        return RC_OK;
    case YAML_ALIAS_EVENT:
        return on_alias(b, event);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, event, event->data.sequence_start.anchor,
                        event->data.sequence_start.tag, VALUE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, event, event->data.mapping_start.anchor,
                        event->data.mapping_start.tag, VALUE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return RC_OK;
}

static enum rc refuse_grammar(struct builder *b, const yaml_parser_t *parser)
{
    static const char indent[] =
        "Look at the indentation, colons, dashes and quotes here and just above.";
    const char *context = parser->context ? parser->context : "";

    switch (parser->error) {
    case YAML_MEMORY_ERROR:
        return RC_NO_MEMORY;
    case YAML_READER_ERROR:
        return refuse(b, (struct place){ 0 }, "Save the file as UTF-8 text.",
                      "byte %zu: %s", parser->problem_offset, parser->problem);
    case YAML_NO_ERROR:
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR:
    case YAML_COMPOSER_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR:
        break;
    }
    return refuse(b, place_of(parser->problem_mark), indent, "no valid YAML: %s%s%s",
                  parser->problem ? parser->problem : "unexpected text",
                  *context ? " " : "", context);
}

static enum rc read_events(struct builder *b, yaml_parser_t *parser)
{
    size_t documents = 0;
    bool done = false;
    enum rc rc = RC_OK;

    while (rc == RC_OK && !done) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return refuse_grammar(b, parser);
        done = event.type == YAML_STREAM_END_EVENT;
        rc = on_event(b, &event, &documents);
        yaml_event_delete(&event);
    }
    return rc == RC_OK ? yaml_tabs_end(&b->tabs, b->fault) : rc;
}

static enum rc root_take(struct builder *b, const struct yaml_node **root)
{
    if (b->node_count == 0) {
        struct yaml_node *null = node_create(b, (yaml_mark_t){ 0 });

        if (!null)
            return RC_NO_MEMORY;
        null->value = value_null();
        *root = null;
        return RC_OK;
    }
    must(b->node_count == 1);
    if (b->nodes[0]->value.kind == VALUE_ABSENT)
        return refuse_bare(b, b->nodes[0]);
    *root = b->nodes[0];
    return RC_OK;
}

enum rc yaml_read(struct arena *arena, const void *bytes, size_t size,
                  const struct yaml_node **root, struct yaml_fault *fault)
{
    struct builder b = { .arena = arena, .fault = fault };
    yaml_parser_t parser;
    enum rc rc;

    if (!yaml_parser_initialize(&parser))
        return RC_NO_MEMORY;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, bytes, size);
    yaml_tabs_init(&b.tabs, bytes, size);
    rc = read_events(&b, &parser);
    if (rc == RC_OK)
        rc = root_take(&b, root);
    yaml_parser_delete(&parser);
    index_fini(&b.anchors);
    free(b.nodes);
    free(b.anchored);
    return rc;
}

/* ---- use of the tree ---- */

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
    size_t size = strlen(key);

    if (!node || node->value.kind != VALUE_MAP)
        return NULL;
    for (size_t i = 0; i < node->count; i++) {
        const struct value *name = &node->entries[i].key->value;

        if ((name->kind == VALUE_STRING || name->kind == VALUE_ABSENT)
            && name->string.size == size && memcmp(name->string.data, key, size) == 0)
            return node->entries[i].value;
    }
    return NULL;
}

static enum rc key_text(struct arena *arena, const struct value *key, const char **text)
{
    scoped_buf form = { 0 };

    if (key->kind == VALUE_STRING || key->kind == VALUE_ABSENT) {
        *text = key->string.data;
        return RC_OK;
    }
    buf_init(&form, 0);
    value_to_text(&form, key);
    *text = buf_ok(&form) ? arena_copy(arena, form.data, form.size) : NULL;
    return *text ? RC_OK : RC_NO_MEMORY;
}

static enum rc list_value(struct arena *arena, const struct yaml_node *node,
                          struct value *value)
{
    struct value *items = arena_array(arena, node->count, sizeof *items);
    enum rc rc = items ? RC_OK : RC_NO_MEMORY;

    for (size_t i = 0; i < node->count && rc == RC_OK; i++)
        rc = yaml_value(arena, node->items[i], &items[i]);
    if (rc == RC_OK)
        *value = (struct value){ .kind = VALUE_LIST,
                                 .list = { .items = items, .count = node->count } };
    return rc;
}

enum rc yaml_value(struct arena *arena, const struct yaml_node *node, struct value *value)
{
    struct value_entry *entries;
    enum rc rc = RC_OK;

    if (node->value.kind == VALUE_LIST)
        return list_value(arena, node, value);
    if (node->value.kind != VALUE_MAP) {
        *value = node->value;
        return RC_OK;
    }
    if (!(entries = arena_array(arena, node->count, sizeof *entries)))
        return RC_NO_MEMORY;
    for (size_t i = 0; i < node->count && rc == RC_OK; i++) {
        rc = key_text(arena, &node->entries[i].key->value, &entries[i].key);
        if (rc == RC_OK)
            rc = yaml_value(arena, node->entries[i].value, &entries[i].value);
    }
    if (rc == RC_OK)
        *value = (struct value){ .kind = VALUE_MAP,
                                 .map = { .entries = entries, .count = node->count } };
    return rc;
}
