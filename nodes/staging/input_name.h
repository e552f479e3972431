/* input_name.h - the name that a file gets below its input's folder. Pure. */
#pragma once

#include "codecs/names/scheme.h"
#include "codecs/plan/plan.h"

/* The input's forced file name (if it has one file), else the source's name, else the
 * last segment of the URI (KEEP_FULL: all segments), percent-decoded and made safe:
 * control characters, bytes that are no UTF-8 and encoded slashes become '_'. NULL when
 * out of memory. */
const char *input_file_name(struct arena *arena, const struct plan_input *input,
                            const struct plan_source *source, const char *uri);

/* A set of names, so that each file of an input has its own. Equal names get "-2", "-3",
 * ... before the extension. */
struct name_set {
    void *tree;
};
/* name, or a changed one that is not in the set yet; NULL when out of memory. Texts stay
 * in arena, which must live as long as the set. */
const char *name_set_add(struct name_set *set, struct arena *arena, const char *name);
void name_set_fini(struct name_set *set);

/* Decodes %XX in place where both digits are there; size excludes the NUL. Gives the new
 * size. */
size_t percent_decode(char *text, size_t size);
