/* parse.c - recursive descent, a function per level of precedence. What Python would
 * parse but the language leaves out is refused where it stands. */
#include "codecs/expression/node.h"
#include "codecs/expression/token.h"
#include "codecs/value/utf8.h"

#include <string.h>

enum { CHARACTERS_MAX = 100000 };

struct parser {
    struct lexer lexer;
    struct token token; /* the one that is looked at */
    unsigned unary;     /* operators of one operand around this place */
    bool no_memory;
};

/* The parse functions give NULL after a failure, which is reported by then. */
static struct node *parse_list_or_one(struct parser *parser, enum token_kind end);
static struct node *parse_or(struct parser *parser);

static struct node *fail(struct parser *parser, const char *what)
{
    (void)lexer_fail(&parser->lexer, parser->token.text, what);
    return NULL;
}

static bool advance(struct parser *parser)
{
    enum rc rc = lexer_next(&parser->lexer, &parser->token);

    parser->no_memory = rc == RC_NO_MEMORY;
    return rc == RC_OK;
}

static void *allocate(struct parser *parser, size_t size)
{
    void *memory = arena_alloc(parser->lexer.arena, size);

    if (!memory) {
        parser->no_memory = true;
        err_set(parser->lexer.err, RC_NO_MEMORY,
                "the expression needs more memory than allowed");
    }
    return memory;
}

static struct node *node_of(struct parser *parser, enum node_kind kind)
{
    struct node *node = allocate(parser, sizeof *node);

    if (node) {
        node->kind = kind;
        node->levels = 1;
    }
    return node;
}

/* Puts child behind the operands of node and gives node; either may be NULL. */
static struct node *adopt(struct parser *parser, struct node *node, struct node *child)
{
    if (!node || !child)
        return NULL;
    if (node->last)
        node->last->next = child;
    else
        node->first = child;
    node->last = child;
    if (node->levels <= child->levels)
        node->levels = child->levels + 1;
    return node->levels <= NODE_LEVELS_MAX
               ? node
               : fail(parser, "the expression is nested too deeply; split it");
}

/* A set's elements must be hashable in Python: sets are not, nor tuples with a set. */
static bool is_hashable(const struct node *node)
{
    if (node->kind == NODE_SET)
        return false;
    if (node->kind == NODE_TUPLE)
        for (const struct node *item = node->first; item; item = item->next)
            if (!is_hashable(item))
                return false;
    return true;
}

/* More items up to the closing token, which is consumed; a comma may stand before it. */
static struct node *parse_items(struct parser *parser, struct node *node,
                                enum token_kind end)
{
    while (node && parser->token.kind != end) {
        node = adopt(parser, node, parse_or(parser));
        if (!node)
            return NULL;
        if (node->kind == NODE_SET && !is_hashable(node->last))
            return fail(parser, "a set cannot hold another set");
        if (parser->token.kind == end)
            break;
        if (parser->token.kind != TOKEN_COMMA)
            return fail(parser, "expected a comma or the end of the list");
        if (!advance(parser))
            return NULL;
    }
    return node && advance(parser) ? node : NULL;
}

static struct node *parse_strings(struct parser *parser)
{
    struct node *node = node_of(parser, NODE_CONSTANT);
    scoped_buf joined = { 0 };

    while (node && parser->token.kind == TOKEN_STRING) {
        buf_add(&joined, parser->token.value.string.data,
                parser->token.value.string.size);
        if (!advance(parser))
            return NULL;
    }
    if (!node)
        return NULL;

    char *data = allocate(parser, joined.size + 1);

    if (!data)
        return NULL;
    if (joined.size > 0)
        memcpy(data, joined.data, joined.size);
    node->constant = (struct value){ .kind = VALUE_STRING,
                                     .string = { .data = data, .size = joined.size } };
    return node;
}

static struct node *parse_constant(struct parser *parser, struct value value)
{
    struct node *node = node_of(parser, NODE_CONSTANT);

    if (!node || !advance(parser))
        return NULL;
    node->constant = value;
    return node;
}

static struct node *parse_name(struct parser *parser)
{
    struct node *node = node_of(parser, NODE_NAME);
    char *name = node ? allocate(parser, parser->token.size + 1) : NULL;

    if (!name)
        return NULL;
    memcpy(name, parser->token.text, parser->token.size);
    node->name = name;
    return advance(parser) ? node : NULL;
}

static struct node *parse_atom(struct parser *parser)
{
    struct node *node;

    switch ((int)parser->token.kind) {
    case TOKEN_NAME:
        return parse_name(parser);
    case TOKEN_NUMBER:
        return parse_constant(parser, parser->token.value);
    case TOKEN_STRING:
        return parse_strings(parser);
    case TOKEN_TRUE:
        return parse_constant(parser, value_bool(true));
    case TOKEN_FALSE:
        return parse_constant(parser, value_bool(false));
    case TOKEN_NONE:
        return parse_constant(parser, value_null());
    case TOKEN_OPEN:
        return advance(parser) ? parse_list_or_one(parser, TOKEN_CLOSE) : NULL;
    case TOKEN_OPEN_BRACE:
        if (!advance(parser))
            return NULL;
        node = parse_items(parser, node_of(parser, NODE_SET), TOKEN_CLOSE_BRACE);
        return node && !node->first ? fail(parser, "{} is a mapping, which is not part "
                                                   "of the language")
                                    : node;
    case TOKEN_END:
        return fail(parser, "the expression ends where a value should follow");
    default:
        return fail(parser, "expected a name, a number, a string or a bracket");
    }
}

/* A further part of a dotted name. */
static struct node *parse_attribute(struct parser *parser, struct node *node)
{
    if (!advance(parser))
        return NULL;
    if (node->kind != NODE_NAME)
        return fail(parser, "only names have parts behind a dot");
    if (parser->token.kind != TOKEN_NAME)
        return fail(parser, "expected a name behind the dot");

    size_t size = strlen(node->name), more = parser->token.size;
    char *name = allocate(parser, size + 1 + more + 1);

    if (!name)
        return NULL;
    memcpy(name, node->name, size);
    name[size] = '.';
    memcpy(name + size + 1, parser->token.text, more);
    node->name = name;
    return advance(parser) ? node : NULL;
}

static struct node *parse_call(struct parser *parser, struct node *node)
{
    if (node->kind != NODE_NAME || strchr(node->name, '.'))
        return fail(parser, "only a function with a plain name can be called");
    node->kind = NODE_CALL;
    return advance(parser) ? parse_items(parser, node, TOKEN_CLOSE) : NULL;
}

static struct node *parse_primary(struct parser *parser)
{
    struct node *node = parse_atom(parser);

    while (node) {
        if (parser->token.kind == TOKEN_DOT)
            node = parse_attribute(parser, node);
        else if (parser->token.kind == TOKEN_OPEN)
            node = parse_call(parser, node);
        else
            break;
    }
    return node;
}

/* Signs take numbers only, as far as that can be seen without evaluating. */
static bool can_take_sign(const struct node *node)
{
    if (node->kind == NODE_CONSTANT)
        return node->constant.kind != VALUE_STRING && node->constant.kind != VALUE_NULL;
    return node->kind != NODE_TUPLE && node->kind != NODE_SET;
}

/* An operator of one operand, and what it applies to. Each makes a level of the tree, so
 * more than the tree may have are refused before they use up the stack. */
static struct node *parse_prefixed(struct parser *parser, enum node_kind kind,
                                   struct node *(*operand)(struct parser *))
{
    struct node *node = node_of(parser, kind), *child;

    if (parser->unary >= NODE_LEVELS_MAX)
        return fail(parser, "the expression is nested too deeply; split it");
    if (!node || !advance(parser))
        return NULL;
    parser->unary++;
    child = operand(parser);
    parser->unary--;
    if (child && kind != NODE_NOT && !can_take_sign(child))
        return fail(parser, "a sign can stand only before a number");
    return adopt(parser, node, child);
}

static struct node *parse_sign(struct parser *parser)
{
    if (parser->token.kind == TOKEN_MINUS)
        return parse_prefixed(parser, NODE_MINUS, parse_sign);
    if (parser->token.kind == TOKEN_PLUS)
        return parse_prefixed(parser, NODE_PLUS, parse_sign);
    return parse_primary(parser);
}

static struct node *pair(struct parser *parser, enum node_kind kind, struct node *left,
                         struct node *(*operand)(struct parser *))
{
    struct node *node = node_of(parser, kind);

    if (!node || !advance(parser))
        return NULL;
    return adopt(parser, adopt(parser, node, left), operand(parser));
}

static struct node *parse_product(struct parser *parser)
{
    struct node *left = parse_sign(parser);

    while (left) {
        if (parser->token.kind == TOKEN_STAR)
            left = pair(parser, NODE_MULTIPLY, left, parse_sign);
        else if (parser->token.kind == TOKEN_SLASH)
            left = pair(parser, NODE_DIVIDE, left, parse_sign);
        else if (parser->token.kind == TOKEN_DOUBLE_SLASH)
            left = pair(parser, NODE_FLOOR_DIVIDE, left, parse_sign);
        else
            break;
    }
    return left;
}

static struct node *parse_sum(struct parser *parser)
{
    struct node *left = parse_product(parser);

    while (left) {
        if (parser->token.kind == TOKEN_PLUS)
            left = pair(parser, NODE_ADD, left, parse_product);
        else if (parser->token.kind == TOKEN_MINUS)
            left = pair(parser, NODE_SUBTRACT, left, parse_product);
        else
            break;
    }
    return left;
}

/* Whether a comparing operator stands here. Of "not in" and "is not" the first word is
 * consumed. */
static bool find_comparison(struct parser *parser, enum node_kind *kind, bool *failed)
{
    static const struct {
        enum token_kind token;
        enum node_kind node;
    } plain[] = {
        { TOKEN_EQUAL, NODE_EQUAL },     { TOKEN_NOT_EQUAL, NODE_NOT_EQUAL },
        { TOKEN_LESS, NODE_LESS },       { TOKEN_LESS_EQUAL, NODE_LESS_EQUAL },
        { TOKEN_GREATER, NODE_GREATER }, { TOKEN_GREATER_EQUAL, NODE_GREATER_EQUAL },
        { TOKEN_IN, NODE_IN },
    };

    *failed = false;
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (parser->token.kind == plain[i].token) {
            *kind = plain[i].node;
            return true;
        }
    if (parser->token.kind != TOKEN_NOT && parser->token.kind != TOKEN_IS)
        return false;

    bool is_not_in = parser->token.kind == TOKEN_NOT;
    struct parser before = *parser;

    if (!advance(parser)) {
        *failed = true;
        return false;
    }
    *kind = is_not_in ? NODE_NOT_IN : NODE_IS_NOT;
    if (parser->token.kind == (is_not_in ? TOKEN_IN : TOKEN_NOT))
        return true;
    *parser = before;
    *kind = NODE_IS;
    return !is_not_in;
}

static struct node *parse_comparison(struct parser *parser)
{
    struct node *left = parse_sum(parser);
    enum node_kind kind;
    bool failed;

    if (!left || !find_comparison(parser, &kind, &failed))
        return left && !failed ? left : NULL;
    left = pair(parser, kind, left, parse_sum);
    if (left && find_comparison(parser, &kind, &failed))
        return fail(parser, "comparisons cannot be chained; join two with `and`");
    return left && !failed ? left : NULL;
}

static struct node *parse_not(struct parser *parser)
{
    if (parser->token.kind == TOKEN_NOT)
        return parse_prefixed(parser, NODE_NOT, parse_not);
    return parse_comparison(parser);
}

/* a and b and c is one node with three operands, as in Python's tree. */
static struct node *parse_chain(struct parser *parser, enum token_kind token,
                                enum node_kind kind,
                                struct node *(*operand)(struct parser *))
{
    struct node *left = operand(parser);

    if (!left || parser->token.kind != token)
        return left;

    struct node *node = adopt(parser, node_of(parser, kind), left);

    while (node && parser->token.kind == token)
        node = advance(parser) ? adopt(parser, node, operand(parser)) : NULL;
    return node;
}

static struct node *parse_and(struct parser *parser)
{
    return parse_chain(parser, TOKEN_AND, NODE_AND, parse_not);
}

static struct node *parse_or(struct parser *parser)
{
    return parse_chain(parser, TOKEN_OR, NODE_OR, parse_and);
}

/* One expression, or a tuple when a comma follows it, up to the closing token, which is
 * consumed. Between parentheses () is the empty tuple. */
static struct node *parse_list_or_one(struct parser *parser, enum token_kind end)
{
    struct node *one;

    if (end == TOKEN_CLOSE && parser->token.kind == TOKEN_CLOSE)
        return parse_items(parser, node_of(parser, NODE_TUPLE), end);

    unsigned unary = parser->unary;

    parser->unary = 0; /* brackets have a limit of their own */
    one = parse_or(parser);
    parser->unary = unary;
    if (one && parser->token.kind == TOKEN_COMMA) {
        one = adopt(parser, node_of(parser, NODE_TUPLE), one);
        return one && advance(parser) ? parse_items(parser, one, end) : NULL;
    }
    if (one && parser->token.kind != end)
        return fail(parser, end == TOKEN_CLOSE ? "expected a closing parenthesis"
                                               : "unexpected text behind the expression");
    return one && (end == TOKEN_END || advance(parser)) ? one : NULL;
}

/* Behind lines that hold only blanks or a comment. */
static const char *first_line(const char *text)
{
    for (;;) {
        const char *at = text + strspn(text, " \t\f");

        if (*at == '#')
            at += strcspn(at, "\r\n");
        if (*at != '\r' && *at != '\n')
            return text;
        text = at + 1;
    }
}

enum rc expression_parse(struct arena *arena, const char *text,
                         struct expression **expression, struct err *err)
{
    struct parser parser = {
        .lexer = { .arena = arena, .err = err, .start = text, .at = text }
    };
    struct expression *result = allocate(&parser, sizeof *result);

    if (!result)
        return RC_NO_MEMORY;
    parser.lexer.at = first_line(text);
    if (*parser.lexer.at == ' ' || *parser.lexer.at == '\t')
        return lexer_fail(&parser.lexer, parser.lexer.at,
                          "a blank may not stand before the expression");
    if (utf8_count(text, strlen(text)) > CHARACTERS_MAX)
        return lexer_fail(&parser.lexer, text, "the expression is too long");
    if (advance(&parser))
        result->root = parse_list_or_one(&parser, TOKEN_END);
    if (!result->root)
        return parser.no_memory ? RC_NO_MEMORY : RC_INVALID;
    *expression = result;
    return RC_OK;
}
