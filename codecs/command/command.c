/* command.c - the placeholders of a command line, and the join of several into a script.
 */
#include "codecs/command/command.h"
#include "codecs/command/words.h"
#include "codecs/value/utf8.h"

#include <string.h>

static bool is_bare(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9')
           || (byte != '\0' && strchr("_@%+=:,./-", byte));
}

void command_quote(struct buf *buf, const char *word, size_t size)
{
    size_t bare = 0;

    while (bare < size && is_bare(word[bare]))
        bare++;
    if (size > 0 && bare == size) {
        buf_add(buf, word, size);
        return;
    }
    buf_byte(buf, '\'');
    for (size_t i = 0; i < size; i++) {
        if (word[i] == '\'')
            buf_text(buf, "'\"'\"'");
        else
            buf_byte(buf, (unsigned char)word[i]);
    }
    buf_byte(buf, '\'');
}

struct fill {
    struct arena *arena;
    struct buf *out;
    const struct command_values *values;
    struct err *err;
    bool lone_brace;
};

static enum rc add_parameter(struct fill *fill, size_t index, bool *is_first)
{
    const char *const *words;
    size_t count;
    enum rc rc = parameter_words(fill->arena, &fill->values->parameters[index],
                                 &fill->values->values[index], &words, &count,
                                 &fill->lone_brace, fill->err);

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        if (!*is_first)
            buf_byte(fill->out, ' ');
        *is_first = false;
        command_quote(fill->out, words[i], strlen(words[i]));
    }
    return RC_OK;
}

static enum rc add_all_parameters(struct fill *fill)
{
    bool is_first = true;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < fill->values->count && rc == RC_OK; i++)
        rc = add_parameter(fill, i, &is_first);
    return rc;
}

/* Sets *found and the index of the declared parameter of this name. */
static bool find_parameter(const struct command_values *values, const char *name,
                           size_t size, size_t *index)
{
    for (size_t i = 0; i < values->count; i++) {
        const char *declared = values->parameters[i].name;

        if (strlen(declared) == size && memcmp(declared, name, size) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static const struct value *find_value(const struct command_values *values,
                                      const char *name, size_t size)
{
    size_t index;

    if (find_parameter(values, name, size, &index))
        return values->values[index].kind == VALUE_ABSENT ? NULL : &values->values[index];
    if (!values->extra)
        return NULL;
    for (size_t i = 0; i < values->extra->map.count; i++) {
        const struct value_entry *entry = &values->extra->map.entries[i];

        if (strlen(entry->key) == size && memcmp(entry->key, name, size) == 0)
            return &entry->value;
    }
    return NULL;
}

static void add_quoted_value(struct fill *fill, const struct value *value)
{
    scoped_buf text = { 0 };

    value_to_text(&text, value);
    if (!buf_ok(&text))
        fill->out->failed = true;
    command_quote(fill->out, (const char *)text.data, text.size);
}

static bool key_is(const char *key, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(key, text, size) == 0;
}

static bool key_starts(const char **key, size_t *size, const char *prefix)
{
    size_t length = strlen(prefix);

    if (*size < length || memcmp(*key, prefix, length) != 0)
        return false;
    *key += length;
    *size -= length;
    return true;
}

/* *known: whether the key stands for something; if not, nothing was written. */
static enum rc add_placeholder(struct fill *fill, const char *key, size_t size,
                               bool *known)
{
    const char *source_path = fill->values->source_path;
    const struct value *value;
    bool is_first = true;
    size_t index;

    *known = true;
    if (key_is(key, size, "parameters") || key_is(key, size, "params"))
        return add_all_parameters(fill);
    if (source_path && key_is(key, size, "source-path")) {
        command_quote(fill->out, source_path, strlen(source_path));
        return RC_OK;
    }
    if (key_starts(&key, &size, "parameter-value:")) {
        value = find_value(fill->values, key, size);
        if ((*known = value != NULL))
            add_quoted_value(fill, value);
        return RC_OK;
    }
    *known = key_starts(&key, &size, "parameter:")
             && find_parameter(fill->values, key, size, &index);
    return *known ? add_parameter(fill, index, &is_first) : RC_OK;
}

/* The brace that ends the placeholder which starts at open: the first one on the line
 * with a character between. *line_end gets where the search ended when there is none. */
static const char *placeholder_end(const char *open, const char **line_end)
{
    const char *at = open + 1;

    if (*at != '\0' && *at != '\n')
        at++;
    else
        at = open;
    at += strcspn(at, "}\n");
    *line_end = at;
    return *at == '}' ? at : NULL;
}

const char *command_hidden(const char *command, size_t *size)
{
    static const char start[] = "{parameter";
    const char *at = command;

    while ((at = strchr(at, '{')) != NULL) {
        const char *line_end, *close = placeholder_end(at, &line_end);

        for (const char *inner = at + 1;
             close && (inner = strchr(inner, '{')) != NULL && inner < close; inner++)
            if (strncmp(inner, start, sizeof start - 1) == 0) {
                *size = (size_t)(close - inner) + 1;
                return inner;
            }
        at = close ? close + 1 : line_end;
    }
    return NULL;
}

static enum rc fill_all(struct fill *fill, const char *command)
{
    const char *at = command;

    while (*at) {
        const char *open = at + strcspn(at, "{"), *line_end;

        buf_add(fill->out, at, (size_t)(open - at));
        if (!*open)
            break;

        const char *close = placeholder_end(open, &line_end);

        at = close ? close + 1 : line_end;
        if (!close) { /* then no other brace up to here opens one either */
            buf_add(fill->out, open, (size_t)(at - open));
            continue;
        }

        bool known;
        enum rc rc = add_placeholder(fill, open + 1, (size_t)(close - open - 1), &known);

        if (rc != RC_OK)
            return rc;
        if (!known)
            buf_add(fill->out, open, (size_t)(at - open));
    }
    return RC_OK;
}

static enum rc give(struct arena *arena, const char *text, size_t size,
                    const char **given, struct err *err)
{
    char *copy = arena_copy(arena, text, size);

    if (!copy)
        return err_set(err, RC_NO_MEMORY, "a command needs more memory than allowed");
    *given = copy;
    return RC_OK;
}

enum rc command_fill(struct arena *arena, const char *command,
                     const struct command_values *values, const char **filled,
                     struct err *err)
{
    scoped_buf out = { 0 };
    struct fill fill = { .arena = arena, .out = &out, .values = values, .err = err };
    enum rc rc = fill_all(&fill, command);
    const char *text = command;
    size_t size = strlen(command);

    if (rc != RC_OK && !fill.lone_brace)
        return rc;
    if (!buf_ok(&out))
        return err_set(err, RC_NO_MEMORY, "a filled-in command is larger than %zu bytes",
                       out.limit);
    if (rc == RC_OK) {
        text = buf_string(&out);
        size = out.size;
    }
    utf8_trim(&text, &size);
    return give(arena, text, size, filled, err);
}

static bool is_blank(const char *text)
{
    size_t size = strlen(text);

    utf8_trim(&text, &size);
    return size == 0;
}

enum rc command_join(struct arena *arena, const char *const *commands, size_t count,
                     const char *joiner, const char **script, struct err *err)
{
    scoped_buf out = { 0 };
    bool has_before = false;

    for (size_t i = 0; i < count; i++) {
        const char *command = commands[i];

        if (i == 0 && strncmp(command, "#!", 2) == 0) {
            size_t line = strcspn(command, "\n");

            buf_add(&out, command, line);
            buf_byte(&out, '\n');
            command += command[line] ? line + 1 : line;
        }
        if (is_blank(command))
            continue;
        if (has_before)
            buf_text(&out, joiner);
        has_before = true;
        buf_text(&out, command);
    }
    if (!buf_ok(&out))
        return err_set(err, RC_NO_MEMORY, "a joined script is larger than %zu bytes",
                       out.limit);
    return give(arena, buf_string(&out), out.size, script, err);
}
