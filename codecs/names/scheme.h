/* scheme.h - which kinds of URIs a node fetches, and what to say about others. Pure. */
#pragma once

#include "codecs/base/arena.h"

bool uri_is_web(const char *uri);    /* http://, https:// */
bool uri_is_object(const char *uri); /* s3:// */
/* Whether it is one of an object store whose key has wildcards, which are stars. */
bool uri_is_pattern(const char *uri);
/* The URI without user name and password: what is shown and recorded. NULL when out of
 * memory. */
const char *uri_shown(struct arena *arena, const char *uri);
/* What to do instead of a URI of a scheme that nobody here fetches. */
const char *uri_advice(const char *uri);
