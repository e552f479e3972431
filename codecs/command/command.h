/* command.h - commands with their placeholders filled in, as the file format's reference
 * does it.
 *
 * Source: section 8 of docs/valohai-yaml.md. Pure; results live in the arena. */
#pragma once

#include "codecs/plan/plan.h"

/* Appends word as a POSIX shell word, quoted only where needed (Python's shlex.quote). */
void command_quote(struct buf *buf, const char *word, size_t size);

/* The words of one parameter with a value (section 8.3), each unquoted; count 0 if it
 * gives none. RC_INVALID for a pass-as template that is malformed or names an unknown
 * field. */
/* A list of a parameter that is not multiple is RC_INVALID too. */
NODISCARD enum rc command_format_parameter(struct arena *arena,
                                           const struct plan_parameter *parameter,
                                           const struct value *value,
                                           const char *const **words, size_t *count,
                                           struct err *err);

struct command_values {
    const struct plan_parameter *parameters; /* declared ones, in order */
    const struct value *values;              /* by the same index */
    size_t count;
    const struct value
        *extra;              /* VALUE_MAP of values given for undeclared names, or NULL */
    const char *source_path; /* or NULL */
};

/* One command with its placeholders replaced and trimmed. When a pass-as template has a
 * lone brace the command is given back uninterpolated. */
NODISCARD enum rc command_fill(struct arena *arena, const char *command,
                               const struct command_values *values, const char **filled,
                               struct err *err);

/* The first placeholder of a parameter that a brace before it, open on its line, keeps
 * from being replaced (section 8.2); NULL if there is none. *size gets its bytes. */
const char *command_hidden(const char *command, size_t *size);

/* The reference's join (section 8.5) with any joiner. */
NODISCARD enum rc command_join(struct arena *arena, const char *const *commands,
                               size_t count, const char *joiner, const char **script,
                               struct err *err);

/* Casts a given value to the parameter's type and checks it (section 4, value check): a
 * string is parsed for integer, float and flag (true/false/yes/no/1/0, any case); whole
 * floats become integers for integer parameters; an integer given to a float parameter
 * stays one (it prints without ".0", as in the reference); scalars become text for a
 * string parameter; a scalar given to a multiple is wrapped. No value (null, absent, an
 * empty text for a number) is RC_INVALID: whoever allows it asks before.
 * RC_INVALID names the parameter, the value and the limit or the choices. */
NODISCARD enum rc parameter_cast(struct arena *arena,
                                 const struct plan_parameter *parameter,
                                 const struct value *given, struct value *cast,
                                 struct err *err);
