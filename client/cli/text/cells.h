/* cells.h - values as fields of tables that other programs read. Pure. */
#pragma once

#include "codecs/value/value.h"

/* A string as it is, nothing for what is absent or null, else as JSON, but for numbers
 * that JSON lacks (nan, inf). */
void cell_text(struct buf *buf, const struct value *value);
/* A field of RFC 4180: in quotes where it has to be. */
void cell_csv(struct buf *buf, const char *text);
/* A cell of a Markdown table: on one line, and nothing in it is markup. */
void cell_markdown(struct buf *buf, const char *text);
