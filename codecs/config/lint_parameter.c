/* lint_parameter.c - rules R1 to R5; the comparisons are Python's. */
#include "codecs/config/lint_rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct subject { /* the parameter that is looked at */
    struct load *load;
    const struct config_step *step;
    const struct config_parameter *parameter;
    const struct yaml_node *node;
    const char *path;
    struct index choices; /* by their equality_text */
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

/* What a finding shows of a default: enough to know it, never all of a long one. */
static void show(struct buf *buf, const struct value *item)
{
    struct value cut = *item;

    if (item->kind == VALUE_LIST || item->kind == VALUE_MAP) {
        buf_text(buf, item->kind == VALUE_LIST ? "(a list)" : "(a mapping)");
        return;
    }
    if (item->kind == VALUE_STRING && item->string.size > 60)
        cut.string.size = 60;
    value_repr(buf, &cut);
}

static void warn_default(const struct subject *s, const struct value *item,
                         const char *hint, const char *what)
{
    scoped_buf form = { 0 };

    buf_init(&form, 0);
    show(&form, item);
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

/* Equal texts for what Python's == calls equal: 1, 1.0 and True are. */
static void equality_text(struct buf *buf, const struct value *value)
{
    double number;

    if (value->kind == VALUE_STRING) {
        buf_printf(buf, "s%zu:", value->string.size);
        buf_add(buf, value->string.data, value->string.size);
    } else if (value->kind == VALUE_LIST) {
        buf_byte(buf, '[');
        for (size_t i = 0; i < value->list.count; i++)
            equality_text(buf, &value->list.items[i]);
        buf_byte(buf, ']');
    } else if (value->kind == VALUE_INT) {
        buf_printf(buf, "n%" PRId64, value->integer);
    } else if (as_number(value, &number) && floor(number) == number
               && fabs(number) < 0x1p62) {
        buf_printf(buf, "n%" PRId64, (int64_t)number);
    } else {
        value_repr(buf, value);
    }
}

static enum rc fill_choices(struct subject *s)
{
    const struct value *choices = &s->parameter->choices;
    enum rc rc = RC_OK;

    for (size_t i = 0;
         choices->kind == VALUE_LIST && i < choices->list.count && rc == RC_OK; i++) {
        scoped_buf text = { 0 };
        const char *kept;

        buf_init(&text, 0);
        equality_text(&text, &choices->list.items[i]);
        kept = arena_copy(s->load->arena, text.data, text.size);
        rc = kept ? index_put(&s->choices, kept, text.size, i) : RC_NO_MEMORY;
    }
    return rc;
}

static void lint_choices(const struct subject *s, const struct value *item)
{
    scoped_buf text = { 0 };
    size_t at;

    if (s->parameter->choices.kind != VALUE_LIST)
        return;
    buf_init(&text, 0);
    equality_text(&text, item);
    if (!index_find(&s->choices, (const char *)text.data, text.size, &at))
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

enum rc lint_parameter(struct load *load, const struct config_step *step,
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
        return RC_OK;

    enum rc rc = fill_choices(&s);

    if (rc == RC_OK && fallback->kind != VALUE_LIST)
        lint_default(&s, fallback);
    else if (rc == RC_OK)
        for (size_t i = 0; i < fallback->list.count; i++)
            lint_default(&s, &fallback->list.items[i]);
    index_fini(&s.choices);
    return rc;
}
