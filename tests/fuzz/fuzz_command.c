/* Three lines: a pass-as template, a value, and from the third line on a command. */
#include "codecs/command/command.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    *at = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(arena) arena = arena_create(1 << 20);
    char *at = arena_copy(arena, data, size);
    const char *result, *script;
    struct err err = { 0 };

    if (!at)
        return 0;

    struct plan_parameter parameter = { .name = "p",
                                        .type = (enum parameter_type)(size % 4),
                                        .multiple = (enum parameter_multiple)(size % 3),
                                        .separator = "," };

    parameter.pass_as = take_line(&at);

    struct value given = value_text(take_line(&at)), cast = value_null();

    if (parameter_cast(arena, &parameter, &given, &cast, &err) != RC_OK)
        must(err.text[0] != '\0');

    const struct command_values values = {
        .parameters = &parameter, .values = &cast, .count = 1, .source_path = "a b"
    };

    if (command_fill(arena, at, &values, &result, &err) != RC_OK)
        return 0;
    if (command_join(arena, (const char *const[]){ result, at }, 2, " && ", &script, &err)
        != RC_OK)
        must(err.rc == RC_NO_MEMORY);
    return 0;
}
