/* xml.h - the texts in an XML document, by expat. Pure. */
#pragma once

#include "codecs/base/base.h"

/* Calls take at the end of each element, with its path ("ListBucketResult/Contents/Key")
 * and the text that stands directly in it. Namespaces are left out. A document type is
 * refused. What take returns, if it is not RC_OK, ends the reading. RC_PROTOCOL: no
 * XML, nested too deep, or a text is too long; RC_NO_MEMORY. */
NODISCARD enum rc xml_read(const void *bytes, size_t size,
                           enum rc (*take)(void *context, const char *path,
                                           const char *text, struct err *err),
                           void *context, struct err *err);
