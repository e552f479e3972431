/* json_out.h - one line of JSON, written field by field. docs/cli-json.md names the
 * forms. */
#pragma once

#include "client/lib/sluice.h"
#include "codecs/value/value.h"
#include "codecs/wire/result.h"

#include <stdio.h>

struct json {
    struct buf buf;
    bool needs_comma;
};

void json_fini(struct json *json);
#define scoped_json __attribute__((cleanup(json_fini))) struct json

/* key NULL: inside of a list, or the outermost. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *text); /* NULL: null */
void json_uint(struct json *json, const char *key, uint64_t number);
void json_int(struct json *json, const char *key, int64_t number);
void json_bool(struct json *json, const char *key, bool boolean);
/* RFC 3339 in UTC with microseconds; 0: null. */
void json_time(struct json *json, const char *key, int64_t time_us);
/* Seconds from start to end (or now, while end is 0); null before the start. */
void json_duration(struct json *json, const char *key, int64_t start_us, int64_t end_us);
void json_value(struct json *json, const char *key, const struct value *value);

/* Prints the line and empties json for the next one. */
void json_print(struct json *json, FILE *to);

/* The forms that several verbs share. */
void json_run(struct json *json, const char *key, const struct sluice_run *run);
void json_stage(struct json *json, const char *key, const struct sluice_stage *stage);
void json_task(struct json *json, const char *key, const struct sluice_task *task);
void json_usage(struct json *json, const struct usage *usage);
/* The fields of a view, into an object that is open. */
void json_view_fields(struct json *json, const struct sluice_view *view);
