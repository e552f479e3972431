/* natural.c - see natural.h. */
#include "client/cli/text/natural.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum rank { RANK_NUMBER, RANK_TEXT, RANK_OTHER };

static bool number_of_text(const char *text, double *number)
{
    char *end;

    if (strchr("0123456789+-.", text[0]) == NULL || text[0] == '\0'
        || strpbrk(text, "xXpPnN") != NULL)
        return false;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number);
}

/* The number that a value stands for is put in its place. */
static enum rank rank_of(struct value *value)
{
    double number;

    switch (value->kind) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
        return RANK_NUMBER;
    case VALUE_STRING:
        if (!number_of_text(value->string.data, &number))
            return RANK_TEXT;
        *value = value_float(number);
        return RANK_NUMBER;
    case VALUE_TIMESTAMP:
        return RANK_TEXT;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_KIND_COUNT:
        break;
    }
    return RANK_OTHER;
}

int natural_order(const struct value *a, const struct value *b)
{
    struct value x = *a, y = *b;
    enum rank of_x = rank_of(&x), of_y = rank_of(&y);
    int order = 0;

    if (of_x != of_y)
        return of_x < of_y ? -1 : 1;
    if (of_x == RANK_TEXT)
        return strverscmp(x.string.data, y.string.data);
    if (of_x == RANK_NUMBER && !value_order(&x, &y, &order))
        order = 0;
    return order;
}

bool natural_is_missing(const struct value *value)
{
    return value->kind == VALUE_ABSENT || value->kind == VALUE_NULL
           || (value->kind == VALUE_FLOAT && isnan(value->real));
}
