/* uuid.h - UUIDs that follow from what they name, and their text form. Pure. */
#pragma once

#include "codecs/base/base.h"

enum { UUID_TEXT_SIZE = 37, UUID_BYTES = 16 };

/* A version 8 UUID (RFC 9562) made from SHA-256 over the parts: the same ones give the
 * same UUID everywhere. Used for executions, projects, tasks, stages and datums. */
void uuid_derive(const char *kind, const char *first, const char *second,
                 char uuid[UUID_TEXT_SIZE]);
/* The id of a datum: of a file that holds what digest says and is called name. */
void datum_id_derive(const char *digest, const char *name, char uuid[UUID_TEXT_SIZE]);

/* Reads the whole text, with hex digits of either case; false if it is no UUID. */
bool uuid_read(const char *text, uint8_t bytes[UUID_BYTES]);
void uuid_write(const uint8_t bytes[UUID_BYTES], char text[UUID_TEXT_SIZE]);
