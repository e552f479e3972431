/* options.c - see options.h. */
#include "client/cli/options.h"

#include "codecs/config/findings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64, OPTIONS_MAX = 64 };

static const struct option *by_name(const struct option *options, size_t count,
                                    const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0)
            return &options[i];
    return NULL;
}

static const struct option *by_letter(const struct option *options, size_t count,
                                      char letter)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

static enum rc unknown(const struct option *options, size_t count, const char *name,
                       size_t size, struct err *err)
{
    char text[NAME_BYTES_MAX];
    const char *names[OPTIONS_MAX];

    if (size < sizeof text) {
        memcpy(text, name, size);
        text[size] = '\0';
        for (size_t i = 0; i < count && i < OPTIONS_MAX; i++)
            names[i] = options[i].name;

        const char *nearest =
            nearest_of(text, names, count < OPTIONS_MAX ? count : OPTIONS_MAX);

        if (nearest)
            return err_set(err, RC_INVALID, "unknown option --%s; did you mean --%s?",
                           text, nearest);
    }
    return err_set(err, RC_INVALID, "unknown option --%.*s", (int)size, name);
}

static enum rc assign_signed(const struct option *option, const char *value,
                             struct err *err)
{
    const char *digits = value + (value[0] == '-');
    char *end;

    errno = 0;
    long long number = strtoll(value, &end, 10);

    if (digits[0] < '0' || digits[0] > '9' || *end || errno)
        return err_set(err, RC_INVALID, "--%s needs a whole number, not \"%s\"",
                       option->name, value);
    *(int64_t *)option->target = number;
    return RC_OK;
}

static enum rc assign(const struct option *option, const char *value, struct err *err)
{
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->target = true;
        return RC_OK;
    case OPTION_TEXT:
        *(const char **)option->target = value;
        return RC_OK;
    case OPTION_LIST:
        if (!texts_add(option->target, value))
            return err_set(err, RC_NO_MEMORY, "out of memory");
        return RC_OK;
    case OPTION_SIGNED:
        return assign_signed(option, value, err);
    case OPTION_NUMBER:
        break;
    }

    char *end;

    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end || errno)
        return err_set(err, RC_INVALID, "--%s needs a whole number, not \"%s\"",
                       option->name, value);
    *(uint64_t *)option->target = number;
    return RC_OK;
}

struct cursor {
    int argc, at;
    char **argv;
    const struct option *options;
    size_t option_count;
};

/* The value behind the option (rest, if not NULL), or the next argument. */
static enum rc take(struct cursor *cursor, const struct option *option, const char *rest,
                    struct err *err)
{
    if (!rest && option->kind != OPTION_FLAG) {
        if (cursor->at + 1 >= cursor->argc)
            return err_set(err, RC_INVALID, "--%s needs a value", option->name);
        rest = cursor->argv[++cursor->at];
    }
    return assign(option, rest, err);
}

static enum rc read_long(struct cursor *cursor, const char *text, struct err *err)
{
    size_t size = strcspn(text, "=");
    const struct option *option =
        by_name(cursor->options, cursor->option_count, text, size);

    if (!option)
        return unknown(cursor->options, cursor->option_count, text, size, err);
    if (text[size] && option->kind == OPTION_FLAG)
        return err_set(err, RC_INVALID, "--%s takes no value", option->name);
    return take(cursor, option, text[size] ? text + size + 1 : NULL, err);
}

static enum rc read_letters(struct cursor *cursor, const char *text, struct err *err)
{
    for (; *text; text++) {
        const struct option *option =
            by_letter(cursor->options, cursor->option_count, *text);

        if (!option)
            return err_set(err, RC_INVALID, "unknown option -%c", *text);
        if (option->kind != OPTION_FLAG)
            return take(cursor, option, text[1] ? text + 1 : NULL, err);
        enum rc rc = assign(option, NULL, err);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc options_read(int argc, char **argv, const struct option *options,
                     size_t option_count, size_t *word_count, struct err *err)
{
    struct cursor cursor = {
        .argc = argc, .argv = argv, .options = options, .option_count = option_count
    };
    size_t words = 0;
    bool only_words = false;

    for (cursor.at = 1; cursor.at < argc; cursor.at++) {
        char *text = argv[cursor.at];
        enum rc rc = RC_OK;

        if (only_words || text[0] != '-' || !text[1])
            argv[1 + words++] = text;
        else if (strcmp(text, "--") == 0)
            only_words = true;
        else if (text[1] == '-')
            rc = read_long(&cursor, text + 2, err);
        else
            rc = read_letters(&cursor, text + 1, err);
        if (rc != RC_OK)
            return rc;
    }
    *word_count = words;
    return RC_OK;
}
