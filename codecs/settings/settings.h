/* settings.h - the settings of a program: a table that says what there is, and a reader
 * that checks a YAML file and command-line options against it.
 *
 * A table row is the whole truth about one setting: messages, example files and manual
 * pages are made from it. Faults are collected, so that one start shows all of them; each
 * names file, line, key and what is allowed. Pure: the caller reads the file. */
#pragma once

#include "codecs/base/arena.h"
#include "codecs/base/buf.h"

enum { SETTINGS_MAX = 64, SETTINGS_BYTES_MAX = 1 << 20 /* of a file */ };

enum setting_kind {
    SETTING_TEXT,     /* const char *; NULL if not given */
    SETTING_FLAG,     /* bool */
    SETTING_NUMBER,   /* uint64_t, min to max */
    SETTING_DURATION, /* uint64_t, milliseconds, min to max: "1h 30m", "500ms" */
    SETTING_SIZE,     /* uint64_t, bytes, min to max: "4GiB" */
    SETTING_LIST,     /* struct setting_texts */
    SETTING_PAIRS,    /* struct setting_pairs: a mapping of texts to texts */
    SETTING_EACH,     /* struct setting_entries: a mapping of names to mappings */
};

struct setting_texts {
    const char *const *items;
    size_t count;
};

struct setting_pairs {
    const struct setting_pair {
        const char *key, *value;
    } * items;
    size_t count;
};

struct setting_entries {
    const struct setting_entry {
        const char *name;
        const void *values; /* of the row's schema `each` */
    } * items;
    size_t count;
};

struct setting {
    const char *key; /* "listen.requests" is the key requests in the mapping listen */
    enum setting_kind kind;
    size_t offset;        /* of the field in the struct of values */
    const char *fallback; /* as a person would write it; NULL: not given */
    uint64_t min, max;
    bool (*is_valid)(const char *text); /* of a text, an item, a pair's key; NULL: any */
    const char *allowed;                /* what is_valid takes, for messages */
    const char *const *words; /* SETTING_LIST: these may stand in place of a list */
    const struct settings_schema *each;
    bool is_reloadable;
    const char *help; /* one sentence */
};

struct settings_schema {
    const char *program; /* whose settings they are */
    size_t size;         /* of the struct of values */
    const struct setting *rows;
    size_t count; /* at most SETTINGS_MAX */
};

struct settings;

/* All settings at their fallback. NULL: no memory. */
struct settings *settings_create(const struct settings_schema *schema);
void settings_destroy(struct settings *settings); /* NULL is fine */
SCOPED(settings)

/* Reads a file's bytes. file: its name for messages, borrowed. */
void settings_read(struct settings *settings, const char *file, const void *bytes,
                   size_t size);
/* Overrides one setting by a command-line option; lists as "a,b", pairs as "a=b,c=d". */
void settings_set(struct settings *settings, const struct setting *row, const char *text);
/* Adds a fault that only the program can see, at the place where key was set. */
void settings_fault(struct settings *settings, const char *key, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* All faults so far, a line each; "" if there are none. */
const char *settings_faults(struct settings *settings);

/* The struct of values; lives as long as settings. */
const void *settings_values(const struct settings *settings);
/* The value as a person would write it, appended to out; nothing if it is not given. */
void settings_show(const struct settings *settings, const struct setting *row,
                   struct buf *out);
/* Whether the row's value is the same in both, which have the same schema. */
bool settings_agree(const struct settings *a, const struct settings *b,
                    const struct setting *row);

/* The table as a file with every key at its fallback and its help above it. */
void settings_example(const struct settings_schema *schema, struct buf *out);
/* What is allowed, in words: "a duration from 100ms to 1h". */
void setting_allowed(const struct setting *row, struct buf *out);
