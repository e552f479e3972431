/* lint_parameter.c - rules R1 to R5; the comparisons are Python's. */
#include "codecs/config/lint_rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct subject { /* the parameter that is looked at */
    struct load *load;
    const struct config_step *step;
    const struct config_parameter *parameter;
    const struct yaml_node *node;
    const char *path;
};

static void warn(const struct subject *s, const char *id, const char *key,
                 const char *hint, const char *message)
{
    const struct yaml_node *field = yaml_get(s->node, key);
    struct findings *findings = s->load->findings;

    lint_add(s->load, &(struct finding){
                          .id = id,
                          .message = findings_text(
                              findings, "step `%.80s`, parameter `%.80s`: %.200s",
                              s->step->name, s->parameter->name, message),
                          .path = findings_text(findings, "%s.%s", s->path, key),
                          .hint = hint,
                          .place = field ? field->place : s->parameter->place,
                      });
}

static bool has_text(const struct subject *s, const char *key)
{
    return load_some_text(s->node, key) != NULL;
}

static void lint_passing(const struct subject *s)
{
    if (s->parameter->type == PARAMETER_FLAG) {
        if (load_bool(s->node, "optional", false))
            warn(s, "R1", "optional", "Remove it; a flag is always optional.",
                 "`optional` has no effect on a flag");
        if (has_text(s, "pass-as")
            && (has_text(s, "pass-true-as") || has_text(s, "pass-false-as")))
            warn(s, "R2", "pass-as", "Remove `pass-as`.",
                 "`pass-as` has no effect beside `pass-true-as` or `pass-false-as`");
        return;
    }
    if (has_text(s, "pass-true-as"))
        warn(s, "R3", "pass-true-as", "Use `pass-as`, or `type: flag`.",
             "`pass-true-as` has an effect on flags only");
    if (has_text(s, "pass-false-as"))
        warn(s, "R4", "pass-false-as", "Use `pass-as`, or `type: flag`.",
             "`pass-false-as` has an effect on flags only");
}

/* ---- Python's int() and float() of a text ---- */

/* Digits with single `_` between them; NULL if there is no digit. */
static const char *skip_digits(const char *p)
{
    if (!isdigit((unsigned char)*p))
        return NULL;
    while (isdigit((unsigned char)*p) || (*p == '_' && isdigit((unsigned char)p[1])))
        p++;
    return p;
}

/* Cuts the blanks around text; false if it does not fit or holds a NUL. */
static bool trim(const struct value *text, char *to, size_t size)
{
    const char *from = text->string.data, *end = from + text->string.size;

    while (from < end && isspace((unsigned char)*from))
        from++;
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    if ((size_t)(end - from) >= size || memchr(from, '\0', (size_t)(end - from)))
        return false;
    memcpy(to, from, (size_t)(end - from));
    to[end - from] = '\0';
    return true;
}

static bool is_integer_text(const struct value *text)
{
    char trimmed[5000];

    if (!trim(text, trimmed, sizeof trimmed))
        return false;

    const char *p = skip_digits(trimmed + (*trimmed == '-' || *trimmed == '+'));

    return p && *p == '\0';
}

static bool is_float_text(const struct value *text)
{
    char trimmed[5000];

    if (!trim(text, trimmed, sizeof trimmed))
        return false;

    const char *p = trimmed + (*trimmed == '-' || *trimmed == '+');

    if (strcasecmp(p, "inf") == 0 || strcasecmp(p, "infinity") == 0
        || strcasecmp(p, "nan") == 0)
        return true;

    const char *whole = skip_digits(p);
    const char *end = whole ? whole : p;

    if (*end == '.') {
        const char *fraction = skip_digits(end + 1);

        if (!whole && !fraction)
            return false;
        end = fraction ? fraction : end + 1;
    } else if (!whole) {
        return false;
    }
    if (*end == 'e' || *end == 'E')
        end = skip_digits(end + 1 + (end[1] == '-' || end[1] == '+'));
    return end && *end == '\0';
}

/* An integer beyond 64 bits is held as a float that only an integer can be. */
static bool is_integer(const struct value *value)
{
    if (value->kind == VALUE_STRING)
        return is_integer_text(value);
    return value->kind == VALUE_INT
           || (value->kind == VALUE_FLOAT
               && (value->real >= 0x1p63 || value->real < -0x1p63));
}

static bool is_float(const struct value *value)
{
    if (value->kind == VALUE_STRING)
        return is_float_text(value);
    return value->kind == VALUE_INT || value->kind == VALUE_FLOAT;
}

/* ---- R5 ---- */

static void warn_default(const struct subject *s, const struct value *item,
                         const char *hint, const char *what)
{
    scoped_buf form = { 0 };

    buf_init(&form, 0);
    value_repr(&form, item);
    warn(s, "R5", "default", hint,
         findings_text(s->load->findings, "the default %.80s %s", buf_string(&form),
                       what));
}

static bool as_number(const struct value *value, double *number)
{
    if (value->kind == VALUE_BOOL)
        *number = value->boolean;
    else if (value->kind == VALUE_INT)
        *number = (double)value->integer;
    else if (value->kind == VALUE_FLOAT)
        *number = value->real;
    else
        return false;
    return true;
}

static void lint_bounds(const struct subject *s, const struct value *item)
{
    const struct config_parameter *p = s->parameter;
    char text[80];
    double number;

    if (!as_number(item, &number))
        return;
    if (p->has_min && number < p->min) {
        snprintf(text, sizeof text, "is less than the minimum %g", p->min);
        warn_default(s, item, "Give a default within the bounds.", text);
    }
    if (p->has_max && number > p->max) {
        snprintf(text, sizeof text, "is greater than the maximum %g", p->max);
        warn_default(s, item, "Give a default within the bounds.", text);
    }
}

static void lint_choices(const struct subject *s, const struct value *item)
{
    const struct value *choices = &s->parameter->choices;

    if (choices->kind != VALUE_LIST)
        return;
    for (size_t i = 0; i < choices->list.count; i++)
        if (value_equals_loosely(item, &choices->list.items[i]))
            return;
    warn_default(s, item, "Choose one of the choices, written in the same way.",
                 "is not among the choices");
}

static void lint_default(const struct subject *s, const struct value *item)
{
    switch (s->parameter->type) {
    case PARAMETER_STRING:
        if (item->kind != VALUE_STRING) {
            warn_default(s, item, "Put it in quotes.", "is not text");
            return;
        }
        break;
    case PARAMETER_INTEGER:
        if (!is_integer(item))
            warn_default(s, item, "Write a whole number.", "is not an integer");
        break;
    case PARAMETER_FLOAT:
        if (!is_float(item))
            warn_default(s, item, "Write a number.", "is not a number");
        break;
    case PARAMETER_FLAG:
        break;
    }
    lint_bounds(s, item);
    lint_choices(s, item);
}

void lint_parameter(struct load *load, const struct config_step *step,
                    const struct origin *origin, size_t at)
{
    const struct yaml_node *list = yaml_get(origin->node, "parameters");
    uint32_t index = origin->parameter_at[at];
    const struct value *fallback = &step->parameters[at].fallback;
    struct subject s = {
        .load = load,
        .step = step,
        .parameter = &step->parameters[at],
        .node = list->items[index],
        .path = findings_text(load->findings, "%zu.step.parameters.%" PRIu32,
                              origin->item, index),
    };

    lint_passing(&s);
    if (!value_is_truthy(fallback))
        return;
    if (fallback->kind != VALUE_LIST)
        lint_default(&s, fallback);
    else
        for (size_t i = 0; i < fallback->list.count; i++)
            lint_default(&s, &fallback->list.items[i]);
}
