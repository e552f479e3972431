/* show.c - settings as a person would write them. */
#include "codecs/settings/settings.h"

#include "codecs/settings/units.h"

#include <string.h>

static void show_entries(const struct setting *row, const struct setting_entries *entries,
                         struct buf *out);

static void show_value(const struct setting *row, const char *at, struct buf *out)
{
    const char *text;
    const struct setting_texts *texts;
    const struct setting_pairs *pairs;

    switch (row->kind) {
    case SETTING_TEXT:
        text = *(const char *const *)(const void *)at;
        buf_text(out, text ? text : "");
        break;
    case SETTING_FLAG:
        buf_text(out, *(const bool *)at ? "true" : "false");
        break;
    case SETTING_NUMBER:
        buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)(const void *)at);
        break;
    case SETTING_DURATION:
        duration_ms_show(*(const uint64_t *)(const void *)at, out);
        break;
    case SETTING_SIZE:
        size_show(*(const uint64_t *)(const void *)at, out);
        break;
    case SETTING_LIST:
        texts = (const void *)at;
        for (size_t i = 0; i < texts->count; i++)
            buf_printf(out, "%s%s", i ? "," : "", texts->items[i]);
        break;
    case SETTING_PAIRS:
        pairs = (const void *)at;
        for (size_t i = 0; i < pairs->count; i++)
            buf_printf(out, "%s%s=%s", i ? "," : "", pairs->items[i].key,
                       pairs->items[i].value);
        break;
    case SETTING_EACH:
        show_entries(row, (const void *)at, out);
    }
}

static void show_entries(const struct setting *row, const struct setting_entries *entries,
                         struct buf *out)
{
    for (size_t i = 0; i < entries->count; i++) {
        buf_printf(out, "%s%s(", i ? "," : "", entries->items[i].name);
        for (size_t k = 0; k < row->each->count; k++) {
            const struct setting *inner = &row->each->rows[k];

            buf_printf(out, "%s%s=", k ? " " : "", inner->key);
            show_value(inner, (const char *)entries->items[i].values + inner->offset,
                       out);
        }
        buf_byte(out, ')');
    }
}

void settings_show(const struct settings *settings, const struct setting *row,
                   struct buf *out)
{
    show_value(row, (const char *)settings_values(settings) + row->offset, out);
}

bool settings_agree(const struct settings *a, const struct settings *b,
                    const struct setting *row)
{
    scoped_buf left = { 0 };
    scoped_buf right = { 0 };

    settings_show(a, row, &left);
    settings_show(b, row, &right);
    return strcmp(buf_string(&left), buf_string(&right)) == 0;
}

static void show_range(const struct setting *row, const char *noun,
                       void (*show)(uint64_t, struct buf *), struct buf *out)
{
    buf_printf(out, "%s from ", noun);
    show(row->min, out);
    buf_text(out, " to ");
    show(row->max, out);
}

void setting_allowed(const struct setting *row, struct buf *out)
{
    if (row->allowed) {
        buf_text(out, row->allowed);
        return;
    }
    switch (row->kind) {
    case SETTING_TEXT:
        buf_text(out, "a text");
        break;
    case SETTING_FLAG:
        buf_text(out, "true or false");
        break;
    case SETTING_NUMBER:
        buf_printf(out, "a whole number from %llu to %llu", (unsigned long long)row->min,
                   (unsigned long long)row->max);
        break;
    case SETTING_DURATION:
        show_range(row, "a duration (ms, s, m, h, d, w)", duration_ms_show, out);
        break;
    case SETTING_SIZE:
        show_range(row, "a size (KiB, MiB, GiB, TiB)", size_show, out);
        break;
    case SETTING_LIST:
        buf_text(out, "a list of texts");
        break;
    case SETTING_PAIRS:
        buf_text(out, "a mapping of texts to texts");
        break;
    case SETTING_EACH:
        buf_text(out, "a mapping of names to mappings");
    }
}

static void example_row(const struct setting *row, const char *indent, struct buf *out)
{
    const char *point = strchr(row->key, '.');
    const char *name = point ? point + 1 : row->key;

    buf_printf(out, "%s# %s\n", indent, row->help);
    if (row->fallback)
        buf_printf(out, "%s%s: %s\n", indent, name, row->fallback);
    else
        buf_printf(out, "%s# %s:\n", indent, name);
}

void settings_example(const struct settings_schema *schema, struct buf *out)
{
    const char *group = "";
    size_t group_size = 0;

    for (size_t i = 0; i < schema->count; i++) {
        const struct setting *row = &schema->rows[i];
        const char *point = strchr(row->key, '.');
        size_t size = point ? (size_t)(point - row->key) : 0;

        if (size > 0 && (size != group_size || strncmp(group, row->key, size) != 0))
            buf_printf(out, "\n%.*s:\n", (int)size, row->key);
        else
            buf_text(out, "\n");
        group = row->key;
        group_size = size;
        example_row(row, size ? "  " : "", out);
    }
}
