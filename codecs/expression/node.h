/* node.h - the tree that the parser builds and the evaluator reads, inside expression/
 * only. */
#pragma once

#include "codecs/expression/expression.h"

enum node_kind {
    NODE_CONSTANT,
    NODE_NAME, /* dotted names too */
    NODE_CALL,
    NODE_TUPLE,
    NODE_SET,
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_PLUS, /* of one operand, as NODE_MINUS */
    NODE_MINUS,
    NODE_ADD, /* from here on: of two operands */
    NODE_SUBTRACT,
    NODE_MULTIPLY,
    NODE_DIVIDE,
    NODE_FLOOR_DIVIDE,
    NODE_EQUAL,
    NODE_NOT_EQUAL,
    NODE_LESS,
    NODE_LESS_EQUAL,
    NODE_GREATER,
    NODE_GREATER_EQUAL,
    NODE_IN,
    NODE_NOT_IN,
    NODE_IS,
    NODE_IS_NOT,
};

/* The reference's limit of 8 counts the root that Python puts above each expression. */
enum { NODE_LEVELS_MAX = 7 };

struct node {
    enum node_kind kind;
    unsigned levels;           /* of the tree that begins here */
    struct value constant;     /* NODE_CONSTANT */
    const char *name;          /* NODE_NAME, NODE_CALL */
    struct node *first, *next; /* the operands are a list: first, its next, ... */
    struct node *last;
};

struct expression {
    const struct node *root;
};
