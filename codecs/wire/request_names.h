/* request_names.h - the fields of requests about names. Inner to this folder. */
#pragma once

#include "codecs/wire/message.h"

/* How many of them are set; then they are written. */
size_t request_names_count(const struct request *request);
void request_names_encode(struct buf *buf, const struct request *request);
/* Reads the value of the key; false if it is none of these, and nothing was read. */
bool request_names_field(struct reader *reader, struct arena *arena, struct bytes key,
                         struct request *request);
