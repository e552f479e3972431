/* load_fields.c - single keys of a mapping as C values. */
#include "codecs/config/load.h"

#include <string.h>

enum rc load_fault(struct load *load, const char *id, const char *path,
                   struct place place, const char *hint, const char *message)
{
    findings_clear(load->findings);
    findings_add(load->findings, &(struct finding){ .level = FINDING_ERROR,
                                                    .id = id,
                                                    .message = message,
                                                    .path = path,
                                                    .hint = hint,
                                                    .place = place });
    return RC_INVALID;
}

const char *load_text(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = yaml_get(map, key);

    return node && node->value.kind == VALUE_STRING ? node->value.string.data : NULL;
}

const char *load_some_text(const struct yaml_node *map, const char *key)
{
    const char *text = load_text(map, key);

    return text && *text ? text : NULL;
}

bool load_bool(const struct yaml_node *map, const char *key, bool otherwise)
{
    const struct yaml_node *node = yaml_get(map, key);

    return node && node->value.kind == VALUE_BOOL ? node->value.boolean : otherwise;
}

double load_number(const struct yaml_node *map, const char *key, double otherwise)
{
    const struct yaml_node *node = yaml_get(map, key);

    if (node && node->value.kind == VALUE_INT)
        return (double)node->value.integer;
    return node && node->value.kind == VALUE_FLOAT ? node->value.real : otherwise;
}

int64_t load_integer(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = yaml_get(map, key);

    if (node && node->value.kind == VALUE_INT)
        return node->value.integer;
    if (!node || node->value.kind != VALUE_FLOAT)
        return 0;
    if (node->value.real >= 0x1p63)
        return INT64_MAX;
    return node->value.real < -0x1p63 ? INT64_MIN : (int64_t)node->value.real;
}

enum rc load_value(struct load *load, const struct yaml_node *map, const char *key,
                   struct value *value)
{
    const struct yaml_node *node = yaml_get(map, key);

    *value = (struct value){ .kind = VALUE_ABSENT };
    return node ? yaml_value(load->arena, node, value) : RC_OK;
}

enum rc load_texts(struct load *load, const struct yaml_node *map, const char *key,
                   bool some, const char *const **texts, size_t *count)
{
    const struct yaml_node *node = yaml_get(map, key);
    const struct yaml_node *const *items = &node;
    size_t item_count = node ? 1 : 0, used = 0;

    if (node && node->value.kind == VALUE_LIST) {
        items = node->items;
        item_count = node->count;
    }

    const char **array = arena_array(load->arena, item_count, sizeof *array);

    if (!array)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < item_count; i++) {
        const struct value *value = &items[i]->value;

        if (value->kind == VALUE_STRING && (!some || value->string.size > 0))
            array[used++] = value->string.data;
    }
    *texts = array;
    *count = used;
    return RC_OK;
}

size_t load_count(const struct yaml_node *list)
{
    return list && list->value.kind == VALUE_LIST ? list->count : 0;
}

enum rc load_position(struct index *names, const char *name, size_t *count, size_t *at)
{
    size_t size = strlen(name);

    if (index_find(names, name, size, at))
        return RC_OK;
    *at = (*count)++;
    return index_put(names, name, size, *at);
}
