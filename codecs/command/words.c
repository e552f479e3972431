/* words.c - a template is split into words first and filled in after, so that blanks in a
 * value never make another word. */
#include "codecs/command/words.h"
#include "codecs/command/command.h"
#include "codecs/command/format.h"
#include "codecs/value/utf8.h"

#include <string.h>

struct words {
    struct arena *arena;
    struct err *err;
    const struct plan_parameter *parameter;
    const char **items;
    size_t count, capacity;
    bool lone_brace;
};

static enum rc out_of_memory(struct words *words)
{
    return err_set(words->err, RC_NO_MEMORY,
                   "parameter '%s': its words need more memory than allowed",
                   words->parameter->name);
}

static enum rc words_add(struct words *words, struct buf *word)
{
    if (words->count == words->capacity) {
        size_t capacity = words->capacity ? words->capacity * 2 : 4;
        const char **items = arena_array(words->arena, capacity, sizeof *items);

        if (!items)
            return out_of_memory(words);
        if (words->count > 0)
            memcpy(items, words->items, words->count * sizeof *items);
        words->items = items;
        words->capacity = capacity;
    }

    char *copy = buf_ok(word) ? arena_copy(words->arena, word->data, word->size) : NULL;

    if (!copy)
        return out_of_memory(words);
    words->items[words->count++] = copy;
    return RC_OK;
}

static bool is_blank_at(const char *text, size_t *length)
{
    return utf8_is_blank(utf8_next(text, strnlen(text, 4), length));
}

/* Where the next word of the template begins and its size, 0 at the end. */
static size_t next_word(const char **at)
{
    size_t size = 0, length;

    for (; **at && is_blank_at(*at, &length); *at += length)
        ;
    for (; (*at)[size] && !is_blank_at(*at + size, &length); size += length)
        ;
    return size;
}

static enum rc fill(struct words *words, const char *template, const struct value *value)
{
    struct format_fields fields = { .name = words->parameter->name, .value = value };
    size_t size;

    for (const char *at = template; (size = next_word(&at)) > 0; at += size) {
        scoped_buf word = { 0 };
        struct err err;
        enum rc rc = format_template(&word, at, size, &fields, &words->lone_brace, &err);

        if (rc != RC_OK)
            return err_set(words->err, rc, "parameter '%.100s': pass-as '%.200s': %.500s",
                           fields.name, template, err.text);
        if ((rc = words_add(words, &word)) != RC_OK)
            return rc;
    }
    return RC_OK;
}

static bool is_given(const char *text)
{
    return text && *text;
}

static enum rc flag_words(struct words *words, const struct value *value)
{
    const struct plan_parameter *parameter = words->parameter;
    bool is_set = value_is_truthy(value);
    const char *template = is_given(parameter->pass_as) ? parameter->pass_as : "--{name}";

    if (is_given(parameter->pass_true_as) || is_given(parameter->pass_false_as))
        template = is_set ? parameter->pass_true_as : parameter->pass_false_as;
    else if (!is_set)
        template = NULL;
    return template ? fill(words, template, value) : RC_OK;
}

static enum rc separate_words(struct words *words, const char *template,
                              const struct value *list)
{
    scoped_buf joined = { 0 };

    if (list->list.count == 0)
        return RC_OK;
    for (size_t i = 0; i < list->list.count; i++) {
        if (i > 0)
            buf_text(&joined, words->parameter->separator);
        value_to_text(&joined, &list->list.items[i]);
    }
    if (!buf_ok(&joined))
        return out_of_memory(words);

    struct value text = { .kind = VALUE_STRING,
                          .string = { .data = buf_string(&joined),
                                      .size = joined.size } };

    return fill(words, template, &text);
}

static enum rc list_words(struct words *words, const char *template,
                          const struct value *value)
{
    struct value single = { .kind = VALUE_LIST, .list = { .items = value, .count = 1 } };
    const struct value *list = value->kind == VALUE_LIST ? value : &single;

    if (words->parameter->multiple == MULTIPLE_SEPARATE)
        return separate_words(words, template, list);
    for (size_t i = 0; i < list->list.count; i++) {
        enum rc rc = fill(words, template, &list->list.items[i]);

        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc value_words(struct words *words, const struct value *value)
{
    const struct plan_parameter *parameter = words->parameter;
    const char *template =
        is_given(parameter->pass_as) ? parameter->pass_as : "--{name}={value}";

    if (value->kind == VALUE_ABSENT || value->kind == VALUE_NULL)
        return RC_OK;
    if (parameter->type == PARAMETER_FLAG)
        return flag_words(words, value);
    if (parameter->multiple != MULTIPLE_NONE)
        return list_words(words, template, value);
    if (value->kind == VALUE_LIST)
        return err_set(words->err, RC_INVALID,
                       "parameter '%s' has a list of values but is not `multiple`",
                       parameter->name);
    return fill(words, template, value);
}

enum rc parameter_words(struct arena *arena, const struct plan_parameter *parameter,
                        const struct value *value, const char *const **words,
                        size_t *count, bool *lone_brace, struct err *err)
{
    struct words found = { .arena = arena, .err = err, .parameter = parameter };
    enum rc rc = value_words(&found, value);

    *lone_brace = found.lone_brace;
    if (rc != RC_OK)
        return rc;
    *words = found.items;
    *count = found.count;
    return RC_OK;
}

enum rc command_format_parameter(struct arena *arena,
                                 const struct plan_parameter *parameter,
                                 const struct value *value, const char *const **words,
                                 size_t *count, struct err *err)
{
    bool lone_brace;

    return parameter_words(arena, parameter, value, words, count, &lone_brace, err);
}
