/* evaluate.c - walks the tree; recursion ends at NODE_LEVELS_MAX. A tuple or set is not
 * built in memory: a result refers to its node, whose items are evaluated when asked for.
 */
#include "codecs/expression/node.h"

#include <math.h>
#include <string.h>

enum outcome {
    KNOWN,
    UNKNOWN_NAME, /* forgiven by `not`, `is` and `is not` */
    FAILED,       /* never forgiven */
};

struct result {
    struct value value;
    const struct node *items; /* of a tuple or set; value is then null */
};

/* Comparing two large sets item by item takes the product of their sizes. An expression
 * that a person writes stays far below this many steps. */
enum { STEPS_MAX = 1000000 };

struct evaluation {
    const struct expression_names *names;
    size_t steps; /* nodes evaluated and items looked at so far */
};

static enum outcome evaluate(struct evaluation *e, const struct node *node,
                             struct result *result);

static enum outcome give(struct result *result, struct value value)
{
    *result = (struct result){ .value = value };
    return KNOWN;
}

static bool is_truthy(const struct result *result)
{
    return result->items ? result->items->first != NULL : value_is_truthy(&result->value);
}

static bool is_number(const struct result *result)
{
    return !result->items
           && (result->value.kind == VALUE_BOOL || result->value.kind == VALUE_INT
               || result->value.kind == VALUE_FLOAT);
}

static double real_of(const struct value *value)
{
    return value->kind == VALUE_FLOAT  ? value->real
           : value->kind == VALUE_BOOL ? (double)value->boolean
                                       : (double)value->integer;
}

static int64_t integer_of(const struct value *value)
{
    return value->kind == VALUE_BOOL ? value->boolean : value->integer;
}

/* Rounds towards minus infinity, as Python does. false where int64 cannot hold it. */
static bool floor_divide(int64_t a, int64_t b, int64_t *quotient)
{
    if (a == INT64_MIN && b == -1)
        return false;
    *quotient = a / b - (a % b != 0 && (a < 0) != (b < 0));
    return true;
}

/* false: not an integer, or too large for one. b is not 0 for divisions. */
static bool compute_integer(enum node_kind kind, int64_t a, int64_t b, int64_t *c)
{
    switch ((int)kind) {
    case NODE_ADD:
        return !__builtin_add_overflow(a, b, c);
    case NODE_SUBTRACT:
        return !__builtin_sub_overflow(a, b, c);
    case NODE_MULTIPLY:
        return !__builtin_mul_overflow(a, b, c);
    case NODE_FLOOR_DIVIDE:
        return floor_divide(a, b, c);
    default:
        return false;
    }
}

static double compute_real(enum node_kind kind, double a, double b)
{
    switch ((int)kind) {
    case NODE_ADD:
        return a + b;
    case NODE_SUBTRACT:
        return a - b;
    case NODE_MULTIPLY:
        return a * b;
    case NODE_DIVIDE:
        return a / b;
    default:
        return floor(a / b);
    }
}

static enum outcome compute(enum node_kind kind, const struct result *left,
                            const struct result *right, struct result *result)
{
    const struct value *a = &left->value, *b = &right->value;
    bool divides = kind == NODE_DIVIDE || kind == NODE_FLOOR_DIVIDE;
    int64_t integer;

    if (!is_number(left) || !is_number(right) || (divides && real_of(b) == 0))
        return FAILED;
    if (a->kind != VALUE_FLOAT && b->kind != VALUE_FLOAT
        && compute_integer(kind, integer_of(a), integer_of(b), &integer))
        return give(result, value_int(integer));
    return give(result, value_float(compute_real(kind, real_of(a), real_of(b))));
}

static enum outcome equal(struct evaluation *e, const struct result *a,
                          const struct result *b, bool *is_equal);

/* Whether some item of the tuple or set equals the result. */
static enum outcome has_item(struct evaluation *e, const struct node *items,
                             const struct result *wanted, bool *has)
{
    *has = false;
    for (const struct node *item = items->first; item && !*has; item = item->next) {
        struct result result;
        enum outcome outcome = evaluate(e, item, &result);

        if (outcome == KNOWN)
            outcome = equal(e, &result, wanted, has);
        if (outcome != KNOWN)
            return outcome;
    }
    return KNOWN;
}

static enum outcome is_subset(struct evaluation *e, const struct node *a,
                              const struct node *b, bool *is_within)
{
    *is_within = true;
    for (const struct node *item = a->first; item && *is_within; item = item->next) {
        struct result result;
        enum outcome outcome = evaluate(e, item, &result);

        if (outcome == KNOWN)
            outcome = has_item(e, b, &result, is_within);
        if (outcome != KNOWN)
            return outcome;
    }
    return KNOWN;
}

static enum outcome tuples_equal(struct evaluation *e, const struct node *a,
                                 const struct node *b, bool *are_equal)
{
    const struct node *one = a->first, *other = b->first;

    *are_equal = true;
    for (; one && other && *are_equal; one = one->next, other = other->next) {
        struct result left, right;
        enum outcome outcome = evaluate(e, one, &left);

        if (outcome == KNOWN)
            outcome = evaluate(e, other, &right);
        if (outcome == KNOWN)
            outcome = equal(e, &left, &right, are_equal);
        if (outcome != KNOWN)
            return outcome;
    }
    *are_equal = *are_equal && !one && !other;
    return KNOWN;
}

static enum outcome sets_equal(struct evaluation *e, const struct node *a,
                               const struct node *b, bool *are_equal)
{
    enum outcome outcome = is_subset(e, a, b, are_equal);

    return outcome == KNOWN && *are_equal ? is_subset(e, b, a, are_equal) : outcome;
}

static enum outcome equal(struct evaluation *e, const struct result *a,
                          const struct result *b, bool *is_equal)
{
    *is_equal = false;
    if (!a->items && !b->items)
        *is_equal = value_equals_loosely(&a->value, &b->value);
    if (!a->items || !b->items || a->items->kind != b->items->kind)
        return KNOWN;
    return a->items->kind == NODE_SET ? sets_equal(e, a->items, b->items, is_equal)
                                      : tuples_equal(e, a->items, b->items, is_equal);
}

static enum outcome is_in(struct evaluation *e, const struct result *wanted,
                          const struct result *where, bool *is_within)
{
    const struct value *value = &wanted->value, *container = &where->value;

    *is_within = false;
    if (where->items)
        return has_item(e, where->items, wanted, is_within);
    if (container->kind == VALUE_LIST) {
        e->steps += container->list.count;
        for (size_t i = 0; i < container->list.count && !wanted->items; i++)
            if (value_equals_loosely(value, &container->list.items[i]))
                *is_within = true;
        return KNOWN;
    }
    if (container->kind == VALUE_MAP) {
        for (size_t i = 0; i < container->map.count && !wanted->items; i++)
            if (value_is_text(value, container->map.entries[i].key))
                *is_within = true;
        return KNOWN;
    }
    if (container->kind != VALUE_STRING || wanted->items || value->kind != VALUE_STRING)
        return FAILED;
    *is_within = memmem(container->string.data, container->string.size,
                        value->string.data, value->string.size)
                 != NULL;
    return KNOWN;
}

static enum outcome order(enum node_kind kind, const struct result *left,
                          const struct result *right, bool *holds)
{
    int sign;

    if (left->items || right->items)
        return FAILED;
    if (!value_order(&left->value, &right->value, &sign)) {
        *holds = false; /* NaN is in no order with any number */
        return is_number(left) && is_number(right) ? KNOWN : FAILED;
    }
    *holds = kind == NODE_LESS         ? sign < 0
             : kind == NODE_LESS_EQUAL ? sign <= 0
             : kind == NODE_GREATER    ? sign > 0
                                       : sign >= 0;
    return KNOWN;
}

static enum outcome compare(struct evaluation *e, enum node_kind kind,
                            const struct result *left, const struct result *right,
                            struct result *result)
{
    enum outcome outcome = KNOWN;
    bool holds = false;

    switch ((int)kind) {
    case NODE_EQUAL:
    case NODE_NOT_EQUAL:
        outcome = equal(e, left, right, &holds);
        break;
    case NODE_IN:
    case NODE_NOT_IN:
        outcome = is_in(e, left, right, &holds);
        break;
    case NODE_IS:
    case NODE_IS_NOT:
        holds =
            !left->items && !right->items && value_equals(&left->value, &right->value);
        break;
    default:
        outcome = order(kind, left, right, &holds);
        break;
    }
    if (kind == NODE_NOT_EQUAL || kind == NODE_NOT_IN || kind == NODE_IS_NOT)
        holds = !holds;
    return outcome == KNOWN ? give(result, value_bool(holds)) : outcome;
}

static enum outcome evaluate_pair(struct evaluation *e, const struct node *node,
                                  struct result *result)
{
    bool forgives = node->kind == NODE_IS || node->kind == NODE_IS_NOT;
    struct result sides[2];
    const struct node *side = node->first;

    for (size_t i = 0; i < 2; i++, side = side->next) {
        enum outcome outcome = evaluate(e, side, &sides[i]);

        if (outcome == UNKNOWN_NAME && forgives)
            outcome = give(&sides[i], value_null());
        if (outcome != KNOWN)
            return outcome;
    }
    return node->kind < NODE_EQUAL ? compute(node->kind, &sides[0], &sides[1], result)
                                   : compare(e, node->kind, &sides[0], &sides[1], result);
}

/* Stops at the first operand that decides, before unknown names behind it. */
static enum outcome evaluate_chain(struct evaluation *e, const struct node *node,
                                   struct result *result)
{
    bool decider = node->kind == NODE_OR;

    for (const struct node *operand = node->first; operand; operand = operand->next) {
        struct result one;
        enum outcome outcome = evaluate(e, operand, &one);

        if (outcome != KNOWN)
            return outcome;
        if (is_truthy(&one) == decider)
            return give(result, value_bool(decider));
    }
    return give(result, value_bool(!decider));
}

static enum outcome evaluate_not(struct evaluation *e, const struct node *node,
                                 struct result *result)
{
    struct result operand;
    enum outcome outcome = evaluate(e, node->first, &operand);

    if (outcome == UNKNOWN_NAME)
        return give(result, value_bool(true));
    return outcome == KNOWN ? give(result, value_bool(!is_truthy(&operand))) : outcome;
}

static enum outcome evaluate_sign(struct evaluation *e, const struct node *node,
                                  struct result *result)
{
    const struct result zero = { .value = value_int(0) };
    struct result operand;
    enum outcome outcome = evaluate(e, node->first, &operand);

    if (outcome != KNOWN)
        return outcome;
    if (node->kind == NODE_MINUS && operand.value.kind == VALUE_FLOAT && !operand.items)
        return give(result, value_float(-operand.value.real));
    return node->kind == NODE_MINUS ? compute(NODE_SUBTRACT, &zero, &operand, result)
                                    : compute(NODE_ADD, &operand, &zero, result);
}

/* All items must be known, even those that nobody asks for. */
static enum outcome evaluate_items(struct evaluation *e, const struct node *node,
                                   struct result *result)
{
    for (const struct node *item = node->first; item; item = item->next) {
        struct result one;
        enum outcome outcome = evaluate(e, item, &one);

        if (outcome != KNOWN)
            return outcome;
        if (node->kind == NODE_SET && !one.items
            && (one.value.kind == VALUE_LIST || one.value.kind == VALUE_MAP))
            return FAILED; /* Python cannot put these into a set */
    }
    *result = (struct result){ .value = value_null(), .items = node };
    return KNOWN;
}

static enum outcome evaluate_name(struct evaluation *e, const struct node *node,
                                  struct result *result)
{
    struct value value;

    if (!e->names->find(e->names->context, node->name, &value)
        || value.kind == VALUE_ABSENT)
        return UNKNOWN_NAME;
    return give(result, value);
}

static enum outcome evaluate(struct evaluation *e, const struct node *node,
                             struct result *result)
{
    if (e->steps++ >= STEPS_MAX)
        return FAILED;
    switch ((int)node->kind) {
    case NODE_CONSTANT:
        return give(result, node->constant);
    case NODE_NAME:
        return evaluate_name(e, node, result);
    case NODE_CALL:
        return FAILED; /* there are no functions */
    case NODE_TUPLE:
    case NODE_SET:
        return evaluate_items(e, node, result);
    case NODE_AND:
    case NODE_OR:
        return evaluate_chain(e, node, result);
    case NODE_NOT:
        return evaluate_not(e, node, result);
    case NODE_PLUS:
    case NODE_MINUS:
        return evaluate_sign(e, node, result);
    default:
        return evaluate_pair(e, node, result);
    }
}

bool expression_is_met(const struct expression *expression,
                       const struct expression_names *names)
{
    struct evaluation e = { .names = names };
    struct result result;

    return evaluate(&e, expression->root, &result) == KNOWN && is_truthy(&result);
}
