/* service.h - how a daemon gets its settings: from a file, from options, and again on
 * SIGHUP.
 *
 * Every setting is an option as well, with dashes for points: --listen-requests. Options
 * win over the file, at a reload too. */
#pragma once

#include "codecs/settings/settings.h"

#include <getopt.h>

enum { SERVICE_OPTIONS_MAX = 16 /* of the program's own */, SERVICE_KEY_MAX = 64 };

struct service_options {
    const struct settings_schema *schema;
    const char *file;                          /* -c, or NULL */
    const char *texts[SETTINGS_MAX];           /* by row; NULL: not given */
    char names[SETTINGS_MAX][SERVICE_KEY_MAX]; /* private */
};

/* Gives an option of the program's own to it; false: its argument is wrong. */
typedef bool service_option(void *context, int option, const char *argument);

/* What ends a program before it starts: --version, --help, --example. The exit status, or
 * -1 to go on. */
int service_answer(const struct settings_schema *schema, const char *usage, int argc,
                   char **argv);

/* A whole number without sign from 0 to max. false: the text is none. */
bool service_number(const char *text, uint64_t max, uint64_t *number);

/* Reads the arguments: those in own (ended by a NULL name; values below 256), -c or
 * --config FILE, and the settings. false: something is wrong and was said on stderr. */
bool service_options_read(struct service_options *options, int argc, char **argv,
                          const struct option *own, service_option *take, void *context);

/* The settings of file and options. NULL: no memory or no such file (*err). There may be
 * faults in them (settings_faults). */
struct settings *service_settings(const struct service_options *options, struct err *err);

/* Says on stderr what a reload changed; false for each row that needs a restart is said,
 * too. */
void service_tell_changes(const struct settings_schema *schema,
                          const struct settings *before, const struct settings *after);
