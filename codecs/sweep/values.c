/* values.c - the values of one variant parameter (style and rules). */
#include "codecs/sweep/rules.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool number_of(const struct value *value, double *number)
{
    if (value && value->kind == VALUE_INT)
        *number = (double)value->integer;
    else if (value && value->kind == VALUE_FLOAT)
        *number = value->real;
    else
        return false;
    return isfinite(*number);
}

__attribute__((cold)) static enum rc rule_wrong(const struct config_variant *variant,
                                                struct err *err, const char *rule,
                                                const char *why)
{
    static const char *const styles[] = {
        [VARIANT_SINGLE] = "single", [VARIANT_MULTIPLE] = "multiple",
        [VARIANT_LINEAR] = "linear", [VARIANT_LOGSPACE] = "logspace",
        [VARIANT_RANDOM] = "random",
    };

    return err_set(err, RC_INVALID, "parameter '%.80s' (line %u, style %s): rule '%s' %s",
                   variant->name, variant->place.line, styles[variant->style], rule, why);
}

/* A number that must be there; synonym may be NULL. */
static enum rc rule_number(const struct config_variant *variant, const char *rule,
                           const char *synonym, double *number, struct err *err)
{
    const struct value *value = value_get(&variant->rules, rule);

    if (!value && synonym)
        value = value_get(&variant->rules, synonym);
    if (!value)
        return rule_wrong(variant, err, rule, "is missing");
    if (!number_of(value, number))
        return rule_wrong(variant, err, rule, "must be a finite number");
    return RC_OK;
}

static bool rule_is_true(const struct config_variant *variant, const char *rule)
{
    const struct value *value = value_get(&variant->rules, rule);

    return value && value_is_truthy(value);
}

enum rc rule_count(const struct config_variant *variant, size_t *count, struct err *err)
{
    double number = 0;
    enum rc rc = rule_number(variant, "count", NULL, &number, err);

    if (rc != RC_OK)
        return rc;
    if (number < 1 || number > SWEEP_VALUES_MAX || number > floor(number))
        return rule_wrong(variant, err, "count",
                          "must be a whole number from 1 to 10000000");
    *count = (size_t)number;
    return RC_OK;
}

/* The shortest decimal that is right to 12 significant digits. */
static double rounded(double number)
{
    char text[40];

    snprintf(text, sizeof text, "%.12g", number);
    return strtod(text, NULL);
}

static bool fits_integer(double number)
{
    return number >= -0x1p63 && number < 0x1p63;
}

/* A computed number as the parameter's type wants it. */
static struct value number_value(double number, enum parameter_type type)
{
    if (type == PARAMETER_INTEGER && fits_integer(number) && !(number > floor(number)))
        return value_int((int64_t)number);
    return value_float(number);
}

static enum rc values_alloc(struct arena *arena, const struct config_variant *variant,
                            size_t count, struct value **list, struct err *err)
{
    struct value *fresh = arena_array(arena, count, sizeof *fresh);

    if (!fresh)
        return err_set(err, RC_NO_MEMORY, "parameter '%.80s': no memory for %zu values",
                       variant->name, count);
    *list = fresh;
    return RC_OK;
}

static enum rc single_values(struct arena *arena, const struct config_variant *variant,
                             enum parameter_type type, struct value **list, size_t *count,
                             struct err *err)
{
    const struct value *value = value_get(&variant->rules, "value");
    double number;

    if (!value)
        return rule_wrong(variant, err, "value", "is missing");

    enum rc rc = values_alloc(arena, variant, 1, list, err);

    if (rc != RC_OK)
        return rc;
    (*list)[0] = value->kind == VALUE_FLOAT && number_of(value, &number)
                     ? number_value(number, type)
                     : *value;
    *count = 1;
    return RC_OK;
}

/* A text that is a number as that number, for rule `numberify`. */
static struct value numberified(const struct value *item)
{
    char *end;

    if (item->kind != VALUE_STRING || item->string.size == 0
        || strlen(item->string.data) != item->string.size)
        return *item;
    errno = 0;

    long long whole = strtoll(item->string.data, &end, 10);

    if (*end == '\0' && errno == 0)
        return value_int(whole);

    double number = strtod(item->string.data, &end);

    return *end == '\0' && isfinite(number) ? value_float(number) : *item;
}

static enum rc multiple_values(struct arena *arena, const struct config_variant *variant,
                               enum parameter_type type, struct value **list,
                               size_t *count, struct err *err)
{
    const struct value *items = value_get(&variant->rules, "items");
    bool is_numberified = rule_is_true(variant, "numberify");

    if (!items || items->kind != VALUE_LIST)
        return rule_wrong(variant, err, "items", "is missing");
    if (items->list.count == 0 || items->list.count > SWEEP_VALUES_MAX)
        return rule_wrong(variant, err, "items", "must have 1 to 10000000 values");

    enum rc rc = values_alloc(arena, variant, items->list.count, list, err);

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < items->list.count; i++) {
        struct value item =
            is_numberified ? numberified(&items->list.items[i]) : items->list.items[i];

        (*list)[i] = item.kind == VALUE_FLOAT ? number_value(item.real, type) : item;
    }
    *count = items->list.count;
    return RC_OK;
}

static enum rc linear_values(struct arena *arena, const struct config_variant *variant,
                             enum parameter_type type, struct value **list, size_t *count,
                             struct err *err)
{
    double start = 0, end = 0, step = 0;
    enum rc rc = rule_number(variant, "start", NULL, &start, err);

    if (rc == RC_OK)
        rc = rule_number(variant, "end", NULL, &end, err);
    if (rc == RC_OK)
        rc = rule_number(variant, "step", NULL, &step, err);
    if (rc != RC_OK)
        return rc;
    if (!(step < 0) && !(step > 0))
        return rule_wrong(variant, err, "step", "must not be 0");

    double steps = floor((end - start) / step + 1e-9);

    if (!(steps >= 0))
        return rule_wrong(variant, err, "step", "leads away from 'end'");
    if (steps >= SWEEP_VALUES_MAX)
        return rule_wrong(variant, err, "step", "gives more than 10000000 values");

    size_t total = (size_t)steps + 1;

    rc = values_alloc(arena, variant, total, list, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < total; i++)
        (*list)[i] = number_value(rounded(start + (double)i * step), type);
    *count = total;
    return RC_OK;
}

static int integer_order(const void *a, const void *b, void *context)
{
    const struct value *list = context;
    const struct value *left = &list[*(const size_t *)a];
    const struct value *right = &list[*(const size_t *)b];

    if (left->integer != right->integer)
        return left->integer < right->integer ? -1 : 1;
    return *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

/* Drops every integer that stood earlier in the list; the order is kept. */
static enum rc duplicates_drop(struct arena *arena, const struct config_variant *variant,
                               struct value *list, size_t *count, struct err *err)
{
    size_t *order = arena_array(arena, *count, sizeof *order);
    bool *is_repeat = arena_array(arena, *count, sizeof *is_repeat);
    size_t kept = 0;

    if (!order || !is_repeat)
        return err_set(err, RC_NO_MEMORY, "parameter '%.80s': no memory for %zu values",
                       variant->name, *count);
    for (size_t i = 0; i < *count; i++)
        order[i] = i;
    qsort_r(order, *count, sizeof *order, integer_order, list);
    for (size_t i = 1; i < *count; i++)
        is_repeat[order[i]] = list[order[i]].integer == list[order[i - 1]].integer;
    for (size_t i = 0; i < *count; i++)
        if (!is_repeat[i])
            list[kept++] = list[i];
    *count = kept;
    return RC_OK;
}

static enum rc logspace_values(struct arena *arena, const struct config_variant *variant,
                               enum parameter_type type, struct value **list,
                               size_t *count, struct err *err)
{
    double start = 0, end = 0, base = 10;
    bool is_floored = rule_is_true(variant, "integerify");
    size_t total = 0;
    enum rc rc = rule_number(variant, "start", "min", &start, err);

    if (rc == RC_OK)
        rc = rule_number(variant, "end", "max", &end, err);
    if (rc == RC_OK)
        rc = rule_count(variant, &total, err);
    if (rc == RC_OK && value_get(&variant->rules, "base"))
        rc = rule_number(variant, "base", NULL, &base, err);
    if (rc != RC_OK)
        return rc;
    if (!(base > 0))
        return rule_wrong(variant, err, "base", "must be above 0");
    if (end < start)
        return rule_wrong(variant, err, "end", "must not be below 'start'");

    rc = values_alloc(arena, variant, total, list, err);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < total; i++) {
        double part = total > 1 ? (double)i / (double)(total - 1) : 0;
        double number = rounded(pow(base, start + part * (end - start)));

        if (!isfinite(number) || (is_floored && !fits_integer(number)))
            return rule_wrong(variant, err, "end", "gives a number that is too large");
        (*list)[i] =
            is_floored ? value_int((int64_t)floor(number)) : number_value(number, type);
    }
    *count = total;
    return is_floored ? duplicates_drop(arena, variant, *list, count, err) : RC_OK;
}

static enum rc draw_seed_read(const struct config_variant *variant, struct draw *draw,
                              struct err *err)
{
    const struct value *seed = value_get(&variant->rules, "seed");

    if (!seed || seed->kind == VALUE_NULL)
        return RC_OK;
    if (seed->kind == VALUE_INT)
        draw->seed = (uint64_t)seed->integer;
    else if (seed->kind == VALUE_FLOAT && fits_integer(seed->real))
        draw->seed = (uint64_t)(int64_t)seed->real;
    else
        return rule_wrong(variant, err, "seed", "must be a whole number");
    draw->has_seed = true;
    return RC_OK;
}

enum rc draw_read(const struct config_variant *variant, enum parameter_type type,
                  struct draw *draw, struct err *err)
{
    struct draw fresh = { .is_floored = rule_is_true(variant, "integerify") };
    const struct value *distribution = value_get(&variant->rules, "distribution");
    enum rc rc = rule_number(variant, "min", NULL, &fresh.min, err);

    if (rc == RC_OK)
        rc = rule_number(variant, "max", NULL, &fresh.max, err);
    if (rc == RC_OK)
        rc = draw_seed_read(variant, &fresh, err);
    if (rc != RC_OK)
        return rc;
    if (distribution && !value_is_text(distribution, "uniform")
        && !value_is_text(distribution, ""))
        return rule_wrong(variant, err, "distribution",
                          "is not known; the one that is known is 'uniform'");
    if (fresh.max < fresh.min)
        return rule_wrong(variant, err, "max", "must not be below 'min'");
    fresh.is_whole = type == PARAMETER_INTEGER && !fresh.is_floored;
    if ((fresh.is_whole || fresh.is_floored)
        && (fabs(fresh.min) > 0x1p53 || fabs(fresh.max) > 0x1p53))
        return rule_wrong(variant, err, "max", "is too large for whole numbers");
    if (fresh.is_whole && floor(fresh.max) < ceil(fresh.min))
        return rule_wrong(variant, err, "max", "leaves no whole number above 'min'");
    *draw = fresh;
    return RC_OK;
}

struct value draw_next(const struct draw *draw, struct random *random)
{
    if (draw->is_whole) {
        int64_t low = (int64_t)ceil(draw->min), high = (int64_t)floor(draw->max);

        return value_int(low + (int64_t)random_below(random, (uint64_t)(high - low) + 1));
    }

    double unit = random_unit(random);
    double number = draw->min * (1 - unit) + draw->max * unit;

    return draw->is_floored ? value_int((int64_t)floor(number)) : value_float(number);
}

static enum rc random_values(struct arena *arena, const struct config_variant *variant,
                             enum parameter_type type, uint64_t seed, struct value **list,
                             size_t *count, struct err *err)
{
    struct draw draw;
    size_t total = 0;
    enum rc rc = draw_read(variant, type, &draw, err);

    if (rc == RC_OK)
        rc = rule_count(variant, &total, err);
    if (rc == RC_OK)
        rc = values_alloc(arena, variant, total, list, err);
    if (rc != RC_OK)
        return rc;

    struct random random = { .state = draw.has_seed ? draw.seed : seed };

    for (size_t i = 0; i < total; i++)
        (*list)[i] = draw_next(&draw, &random);
    *count = total;
    return draw.is_floored ? duplicates_drop(arena, variant, *list, count, err) : RC_OK;
}

enum rc sweep_values(struct arena *arena, const struct config_variant *variant,
                     enum parameter_type type, uint64_t seed, const struct value **values,
                     size_t *count, struct err *err)
{
    struct value *list = NULL;
    size_t total = 0;
    enum rc rc = RC_INVALID;

    switch (variant->style) {
    case VARIANT_SINGLE:
        rc = single_values(arena, variant, type, &list, &total, err);
        break;
    case VARIANT_MULTIPLE:
        rc = multiple_values(arena, variant, type, &list, &total, err);
        break;
    case VARIANT_LINEAR:
        rc = linear_values(arena, variant, type, &list, &total, err);
        break;
    case VARIANT_LOGSPACE:
        rc = logspace_values(arena, variant, type, &list, &total, err);
        break;
    case VARIANT_RANDOM:
        rc = random_values(arena, variant, type, seed, &list, &total, err);
        break;
    }
    if (rc != RC_OK)
        return rc;
    *values = list;
    *count = total;
    return RC_OK;
}
