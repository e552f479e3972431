/* template.c - str.format() with named fields. */
#include "codecs/command/format.h"

#include <string.h>

struct filling {
    struct buf *buf;
    const struct format_fields *fields;
    bool *lone_brace;
    struct err *err;
};

static enum rc brace_fault(struct filling *f, const char *what)
{
    *f->lone_brace = true;
    return err_set(f->err, RC_INVALID, "template: %s; write {{ or }} for a literal brace",
                   what);
}

/* The end of a format spec: the brace that closes its field, or NULL. */
static const char *spec_end(const char *at, const char *end)
{
    for (unsigned depth = 0; at < end; at++) {
        if (*at == '{')
            depth++;
        else if (*at == '}' && depth-- == 0)
            return at;
    }
    return NULL;
}

static bool is_name(const char *text, size_t size, const char *name)
{
    return size == strlen(name) && memcmp(text, name, size) == 0;
}

static enum rc add_field(struct filling *f, const char *name, size_t name_size,
                         char conversion, const char *spec, size_t spec_size)
{
    struct value value;
    scoped_buf converted = { 0 };

    if (is_name(name, name_size, "name"))
        value = value_text(f->fields->name);
    else if (is_name(name, name_size, "value") || is_name(name, name_size, "v"))
        value = *f->fields->value;
    else
        return err_set(f->err, RC_INVALID,
                       "template: unknown field {%.*s}; it may be {name}, {value} or {v}",
                       (int)(name_size < 80 ? name_size : 80), name);
    if (conversion == 'r')
        value_repr(&converted, &value);
    else if (conversion == 's')
        value_to_text(&converted, &value);
    else if (conversion != '\0')
        return err_set(f->err, RC_INVALID, "template: unknown conversion !%c",
                       conversion);
    if (conversion != '\0')
        value = (struct value){ .kind = VALUE_STRING,
                                .string = { .data = buf_string(&converted),
                                            .size = converted.size } };
    return format_value(f->buf, &value, spec, spec_size, f->err);
}

/* One field, from behind its opening brace; *at then stands behind the closing one. */
static enum rc fill_field(struct filling *f, const char **at, const char *end)
{
    const char *name = *at, *spec = "";
    size_t name_size = 0, spec_size = 0;
    char conversion = '\0';

    while (name + name_size < end && !strchr("{}!:", name[name_size]))
        name_size++;
    *at = name + name_size;
    if (*at == end)
        return brace_fault(f, "a { is not closed");
    if (**at == '{')
        return brace_fault(f, "a { stands inside a field");
    if (**at == '!') {
        if (end - *at < 3 || ((*at)[2] != ':' && (*at)[2] != '}'))
            return brace_fault(f, "a conversion is not followed by : or }");
        conversion = (*at)[1];
        *at += 2;
    }
    if (**at == ':') {
        spec = *at + 1;
        *at = spec_end(spec, end);
        if (!*at)
            return brace_fault(f, "a { is not closed");
        spec_size = (size_t)(*at - spec);
    }
    (*at)++;
    return add_field(f, name, name_size, conversion, spec, spec_size);
}

enum rc format_template(struct buf *buf, const char *text, size_t size,
                        const struct format_fields *fields, bool *lone_brace,
                        struct err *err)
{
    struct filling f = {
        .buf = buf, .fields = fields, .lone_brace = lone_brace, .err = err
    };
    const char *at = text, *end = text + size;

    *lone_brace = false;
    while (at < end) {
        char byte = *at++;
        bool is_doubled = at < end && *at == byte;

        if (byte == '{' && !is_doubled) {
            enum rc rc = fill_field(&f, &at, end);

            if (rc != RC_OK)
                return rc;
            continue;
        }
        if (byte == '}' && !is_doubled)
            return brace_fault(&f, "a lone }");
        if (byte == '{' || byte == '}')
            at++;
        buf_byte(buf, (unsigned char)byte);
    }
    return RC_OK;
}
