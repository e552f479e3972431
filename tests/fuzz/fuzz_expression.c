/* Any text parses or fails with a text; what parses can be evaluated. */
#include "codecs/expression/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every name has a value, its kind by the length of the name. */
static bool find(void *context, const char *name, struct value *value)
{
    static const struct value items[] = { { .kind = VALUE_INT, .integer = 1 } };
    const struct value values[] = {
        value_null(),
        value_bool(true),
        value_int(INT64_MIN),
        value_float(0.5),
        value_text("text"),
        { .kind = VALUE_LIST, .list = { .items = items, .count = 1 } },
    };
    size_t length = 0;

    (void)context;
    while (name[length])
        length++;
    if (length % 7 == COUNT_OF(values))
        return false;
    *value = values[length % 7];
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 20);
    const struct expression_names names = { .find = find };
    struct expression *expression;
    struct err err = { 0 };
    const char *text = arena_copy(arena, data, size);

    if (!text)
        return 0;
    if (expression_parse(arena, text, &expression, &err) == RC_OK)
        (void)expression_is_met(expression, &names);
    else
        must(err.text[0] != '\0');
    return 0;
}
