/* settings.c - the values of a program's settings, where each came from, and the faults.
 */
#include "codecs/settings/settings.h"

#include "codecs/config/findings.h"
#include "codecs/config/yaml.h"
#include "codecs/settings/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_MAX = 64 << 20, FAULTS_MAX = 64 << 10, NAME_MAX_SHOWN = 60 };

struct settings {
    const struct settings_schema *schema;
    struct arena *arena;
    const char *file; /* NULL: none was read */
    char *values;
    uint32_t lines[SETTINGS_MAX]; /* in the file; 0: not there */
    bool is_option[SETTINGS_MAX]; /* set by the command line */
    struct buf faults;
};

struct spot { /* what is read, and how to name it in a fault */
    struct settings *settings;
    const struct settings_schema *schema;
    char *values;
    const char *prefix;  /* of keys within the schema: "" or "listen." */
    const char *outside; /* before that, of keys in an entry: "" or "contexts.lab." */
    bool is_top;         /* the settings' own schema: lines are kept */
};

static void fault(struct spot *spot, uint32_t line, const char *key, const char *format,
                  ...) PRINTF_LIKE(4, 5);

static void fault(struct spot *spot, uint32_t line, const char *key, const char *format,
                  ...)
{
    struct buf *faults = &spot->settings->faults;
    char text[ERR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    if (line > 0)
        buf_printf(faults, "%s:%u: %s%s: %s\n", spot->settings->file, line, spot->outside,
                   key, text);
    else
        buf_printf(faults, "--%s: %s\n", key, text);
}

static void fault_allowed(struct spot *spot, uint32_t line, const struct setting *row,
                          const char *text)
{
    scoped_buf allowed = { 0 };

    setting_allowed(row, &allowed);
    fault(spot, line, row->key, "\"%.*s\" is not %s", NAME_MAX_SHOWN, text,
          buf_string(&allowed));
}

/* ---- Values from texts
 * --------------------------------------------------------------- */

static bool flag_parse(const char *text, bool *flag)
{
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;

    if (!is_true && strcmp(text, "false") != 0 && strcmp(text, "no") != 0)
        return false;
    *flag = is_true;
    return true;
}

static bool number_parse(const char *text, uint64_t *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 19)
        return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool amount_parse(const struct setting *row, const char *text, uint64_t *to)
{
    uint64_t amount;
    bool is_good = row->kind == SETTING_NUMBER ? number_parse(text, &amount)
                   : row->kind == SETTING_SIZE ? size_parse(text, &amount)
                                               : duration_ms_parse(text, &amount);

    if (!is_good || amount < row->min || amount > row->max)
        return false;
    *to = amount;
    return true;
}

static const char *keep(struct spot *spot, const char *text)
{
    const char *kept = arena_text(spot->settings->arena, text);

    if (!kept)
        buf_text(&spot->settings->faults, "the settings are too large\n");
    return kept ? kept : "";
}

/* A setting with one value. */
static bool scalar_parse(struct spot *spot, const struct setting *row, const char *text)
{
    char *to = spot->values + row->offset;

    switch (row->kind) {
    case SETTING_FLAG:
        return flag_parse(text, (bool *)to);
    case SETTING_NUMBER:
    case SETTING_DURATION:
    case SETTING_SIZE:
        return amount_parse(row, text, (uint64_t *)(void *)to);
    case SETTING_TEXT:
        if (row->is_valid ? !row->is_valid(text) : *text == '\0')
            return false;
        *(const char **)(void *)to = keep(spot, text);
        return true;
    case SETTING_LIST:
    case SETTING_PAIRS:
    case SETTING_EACH:
        break;
    }
    return false;
}

static bool is_word(const struct setting *row, const char *text)
{
    for (size_t i = 0; row->words && row->words[i]; i++)
        if (strcmp(row->words[i], text) == 0)
            return true;
    return false;
}

static void list_store(struct spot *spot, const struct setting *row, const char **items,
                       size_t count)
{
    *(struct setting_texts *)(void *)(spot->values + row->offset) =
        (struct setting_texts){ items, count };
}

/* "a,b" or a word; "a=b,c=d". The text is cut up in a copy. */
static bool several_parse(struct spot *spot, const struct setting *row, const char *text)
{
    struct arena *arena = spot->settings->arena;
    char *copy = arena_text(arena, text), *rest = copy, *item;
    const char **items = arena_array(arena, strlen(text) + 1, sizeof *items);
    struct setting_pair *pairs = arena_array(arena, strlen(text) + 1, sizeof *pairs);
    bool is_whole = is_word(row, text);
    size_t count = 0;

    if (!copy || !items || !pairs)
        return false;
    while ((item = strsep(&rest, ",")) != NULL) {
        char *value = strchr(item, '=');

        if (row->kind == SETTING_PAIRS && value) {
            *value = '\0';
            pairs[count].value = value + 1;
        }
        if ((row->kind == SETTING_PAIRS && !value)
            || (row->is_valid && !is_whole && !row->is_valid(item)))
            return false;
        items[count] = pairs[count].key = item;
        count++;
    }
    if (row->kind == SETTING_LIST)
        list_store(spot, row, items, count);
    else
        *(struct setting_pairs *)(void *)(spot->values + row->offset) =
            (struct setting_pairs){ pairs, count };
    return true;
}

static bool text_parse(struct spot *spot, const struct setting *row, const char *text)
{
    return row->kind == SETTING_LIST || row->kind == SETTING_PAIRS
               ? several_parse(spot, row, text)
               : scalar_parse(spot, row, text);
}

/* ---- Values from a tree
 * -------------------------------------------------------------- */

/* The text of a scalar as it would be given on the command line; NULL for others. */
static const char *node_text(struct spot *spot, const struct yaml_node *node)
{
    switch (node->value.kind) {
    case VALUE_BOOL:
        return node->value.boolean ? "true" : "false";
    case VALUE_INT: {
        const char *text =
            arena_printf(spot->settings->arena, "%lld", (long long)node->value.integer);

        return text ? text : "";
    }
    case VALUE_STRING:
    case VALUE_TIMESTAMP:
        return strlen(node->value.string.data) == node->value.string.size
                   ? node->value.string.data
                   : NULL;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_FLOAT:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_KIND_COUNT:
        break;
    }
    return NULL;
}

static void read_scalar(struct spot *spot, const struct setting *row,
                        const struct yaml_node *node)
{
    const char *text = node_text(spot, node);
    scoped_buf allowed = { 0 };

    if (text && row->kind == SETTING_LIST && !is_word(row, text)) {
        setting_allowed(row, &allowed);
        fault(spot, node->place.line, row->key, "\"%.*s\" is no list; write %s",
              NAME_MAX_SHOWN, text, buf_string(&allowed));
        return;
    }
    if (text && row->kind != SETTING_PAIRS && text_parse(spot, row, text))
        return;
    if (text) {
        fault_allowed(spot, node->place.line, row, text);
        return;
    }
    setting_allowed(row, &allowed);
    fault(spot, node->place.line, row->key, "the value has to be %s",
          buf_string(&allowed));
}

static void read_list(struct spot *spot, const struct setting *row,
                      const struct yaml_node *node)
{
    const char **items = arena_array(spot->settings->arena, node->count, sizeof *items);

    for (size_t i = 0; items && i < node->count; i++) {
        const struct yaml_node *item = node->items[i];
        const char *text = node_text(spot, item);

        if (!text || (row->is_valid && !row->is_valid(text))) {
            fault_allowed(spot, item->place.line, row, text ? text : "(not a text)");
            return;
        }
        items[i] = keep(spot, text);
    }
    list_store(spot, row, items, items ? node->count : 0);
}

static void read_pairs(struct spot *spot, const struct setting *row,
                       const struct yaml_node *node)
{
    struct setting_pair *pairs =
        arena_array(spot->settings->arena, node->count, sizeof *pairs);

    for (size_t i = 0; pairs && i < node->count; i++) {
        const char *key = node_text(spot, node->entries[i].key);
        const char *value = node_text(spot, node->entries[i].value);

        if (!key || !value || (row->is_valid && !row->is_valid(key))) {
            fault_allowed(spot, node->entries[i].key->place.line, row,
                          key ? key : "(not a text)");
            return;
        }
        pairs[i] = (struct setting_pair){ keep(spot, key), keep(spot, value) };
    }
    *(struct setting_pairs *)(void *)(spot->values + row->offset) =
        (struct setting_pairs){ pairs, pairs ? node->count : 0 };
}

static void read_map(struct spot *spot, const struct yaml_node *node);
static void set_fallbacks(struct spot *spot);

static void read_each(struct spot *spot, const struct setting *row,
                      const struct yaml_node *node)
{
    struct arena *arena = spot->settings->arena;
    struct setting_entry *entries = arena_array(arena, node->count, sizeof *entries);

    for (size_t i = 0; entries && i < node->count; i++) {
        const struct yaml_entry *entry = &node->entries[i];
        const char *name = node_text(spot, entry->key);
        char *values = arena_alloc(arena, row->each->size);
        const char *outside =
            arena_printf(arena, "%s.%s.", row->key, name ? name : "(not a text)");
        struct spot inside = { spot->settings, row->each, values, "", outside, false };

        if (!name || !values || !outside || entry->value->value.kind != VALUE_MAP) {
            fault(spot, entry->key->place.line, row->key, "%s has to be a mapping",
                  name ? name : "an entry with a name that is a text");
            return;
        }
        set_fallbacks(&inside);
        read_map(&inside, entry->value);
        entries[i] = (struct setting_entry){ keep(spot, name), values };
    }
    *(struct setting_entries *)(void *)(spot->values + row->offset) =
        (struct setting_entries){ entries, entries ? node->count : 0 };
}

static void read_setting(struct spot *spot, const struct setting *row,
                         const struct yaml_node *node)
{
    enum value_kind kind = node->value.kind;

    if (spot->is_top)
        spot->settings->lines[row - spot->schema->rows] = node->place.line;
    if (kind == VALUE_LIST && row->kind == SETTING_LIST)
        read_list(spot, row, node);
    else if (kind == VALUE_MAP && row->kind == SETTING_PAIRS)
        read_pairs(spot, row, node);
    else if (kind == VALUE_MAP && row->kind == SETTING_EACH)
        read_each(spot, row, node);
    else
        read_scalar(spot, row, node);
}

/* ---- Keys
 * ---------------------------------------------------------------------------- */

/* Whether the key, of a row, starts with prefix; then what stands behind it. */
static const char *behind(const char *key, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(key, prefix, size) == 0 ? key + size : NULL;
}

static const struct setting *row_of(const struct spot *spot, const char *key)
{
    for (size_t i = 0; i < spot->schema->count; i++) {
        const char *rest = behind(spot->schema->rows[i].key, spot->prefix);

        if (rest && strcmp(rest, key) == 0)
            return &spot->schema->rows[i];
    }
    return NULL;
}

static bool is_group(const struct spot *spot, const char *key)
{
    size_t size = strlen(key);

    for (size_t i = 0; i < spot->schema->count; i++) {
        const char *rest = behind(spot->schema->rows[i].key, spot->prefix);

        if (rest && strncmp(rest, key, size) == 0 && rest[size] == '.')
            return true;
    }
    return false;
}

/* The keys at this place, as far as they go before a point; each once. */
static size_t names_here(struct spot *spot, const char *names[SETTINGS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < spot->schema->count; i++) {
        const char *rest = behind(spot->schema->rows[i].key, spot->prefix);
        const char *name =
            rest ? arena_copy(spot->settings->arena, rest, strcspn(rest, ".")) : NULL;

        if (name && (count == 0 || strcmp(names[count - 1], name) != 0))
            names[count++] = name;
    }
    return count;
}

static void fault_unknown(struct spot *spot, uint32_t line, const char *key)
{
    const char *names[SETTINGS_MAX] = { NULL };
    size_t count = names_here(spot, names);
    const char *nearest = nearest_of(key, names, count);
    scoped_buf all = { 0 };
    char shown[NAME_MAX_SHOWN * 2];

    snprintf(shown, sizeof shown, "%s%.*s", spot->prefix, NAME_MAX_SHOWN, key);
    for (size_t i = 0; i < count; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    if (nearest)
        fault(spot, line, shown, "there is no such key; did you mean %s?", nearest);
    else
        fault(spot, line, shown, "there is no such key; there are %s", buf_string(&all));
}

static void read_group(struct spot *spot, const char *key, const struct yaml_node *node)
{
    char prefix[NAME_MAX_SHOWN * 2];
    struct spot inside = *spot;

    snprintf(prefix, sizeof prefix, "%s%s.", spot->prefix, key);
    inside.prefix = prefix;
    if (node->value.kind == VALUE_MAP)
        read_map(&inside, node);
    else
        fault(spot, node->place.line, key, "the value has to be a mapping of keys");
}

static void read_map(struct spot *spot, const struct yaml_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_entry *entry = &node->entries[i];
        const char *key = node_text(spot, entry->key);
        const struct setting *row = key ? row_of(spot, key) : NULL;

        if (row)
            read_setting(spot, row, entry->value);
        else if (key && is_group(spot, key))
            read_group(spot, key, entry->value);
        else
            fault_unknown(spot, entry->key->place.line, key ? key : "(not a text)");
    }
}

/* ---- The whole
 * ----------------------------------------------------------------------- */

static struct spot top_of(struct settings *settings)
{
    return (struct spot){ settings, settings->schema, settings->values, "", "", true };
}

static void set_fallbacks(struct spot *spot)
{
    for (size_t i = 0; i < spot->schema->count; i++) {
        const struct setting *row = &spot->schema->rows[i];

        if (row->fallback)
            must(text_parse(spot, row, row->fallback));
    }
}

struct settings *settings_create(const struct settings_schema *schema)
{
    scoped(settings) settings = calloc(1, sizeof *settings);

    must(schema->count <= SETTINGS_MAX);
    if (!settings || !(settings->arena = arena_create(ARENA_MAX))
        || !(settings->values = arena_alloc(settings->arena, schema->size)))
        return NULL;
    settings->schema = schema;
    buf_init(&settings->faults, FAULTS_MAX);

    struct spot spot = top_of(settings);

    set_fallbacks(&spot);
    return steal(&settings);
}

void settings_destroy(struct settings *settings)
{
    if (!settings)
        return;
    arena_destroy(settings->arena);
    buf_fini(&settings->faults);
    free(settings);
}

void settings_read(struct settings *settings, const char *file, const void *bytes,
                   size_t size)
{
    struct spot spot = top_of(settings);
    const struct yaml_node *root;
    struct yaml_fault bad = { 0 };

    settings->file = file;
    if (size > SETTINGS_BYTES_MAX) {
        buf_printf(&settings->faults, "%s: larger than %d bytes\n", file,
                   SETTINGS_BYTES_MAX);
        return;
    }

    enum rc rc = yaml_read(settings->arena, bytes, size, &root, &bad);

    if (rc == RC_INVALID)
        buf_printf(&settings->faults, "%s:%u: %s%s%s\n", file, bad.place.line, bad.text,
                   bad.hint ? "; " : "", bad.hint ? bad.hint : "");
    else if (rc != RC_OK)
        buf_printf(&settings->faults, "%s: no memory to read it\n", file);
    else if (root->value.kind == VALUE_MAP)
        read_map(&spot, root);
    else if (root->value.kind != VALUE_NULL)
        buf_printf(&settings->faults, "%s:%u: the file has to be a mapping of keys\n",
                   file, root->place.line);
}

void settings_set(struct settings *settings, const struct setting *row, const char *text)
{
    struct spot spot = top_of(settings);

    settings->is_option[row - settings->schema->rows] = true;
    if (!text_parse(&spot, row, text))
        fault_allowed(&spot, 0, row, text);
}

static size_t index_of(const struct settings *settings, const char *key)
{
    size_t i = 0;

    while (i < settings->schema->count && strcmp(settings->schema->rows[i].key, key) != 0)
        i++;
    must(i < settings->schema->count);
    return i;
}

void settings_fault(struct settings *settings, const char *key, const char *format, ...)
{
    size_t i = index_of(settings, key);
    char text[ERR_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    if (settings->is_option[i])
        buf_printf(&settings->faults, "--%s: %s\n", key, text);
    else if (settings->lines[i] > 0)
        buf_printf(&settings->faults, "%s:%u: %s: %s\n", settings->file,
                   settings->lines[i], key, text);
    else
        buf_printf(&settings->faults, "%s%s%s: %s\n",
                   settings->file ? settings->file : "", settings->file ? ": " : "", key,
                   text);
}

const char *settings_faults(struct settings *settings)
{
    if (!buf_ok(&settings->faults))
        return "too many faults in the settings\n";
    return buf_string(&settings->faults);
}

const void *settings_values(const struct settings *settings)
{
    return settings->values;
}
