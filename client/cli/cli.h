/* cli.h - what every verb starts with: options, connection, one way to fail.
 *
 * A verb is `int verb_x(int argc, char **argv)` with argv[0] its own name; it returns the
 * exit code of the program. Results go to stdout, errors to stderr: as text, or as one
 * JSON object with --json. */
#pragma once

#include "client/cli/options.h"
#include "client/cli/peer.h"
#include "client/lib/sluice.h"
#include "codecs/base/base.h"

enum exit_code {
    EXIT_GO_ON = -1, /* not an exit code: nothing ended yet */
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* the run failed, or something broke on the way */
    EXIT_WRONG = 2,  /* wrong usage, a wrong file, a name that does not exist */
    EXIT_UNREACHABLE = 3,
    EXIT_STOPPED = 4,
    EXIT_DIFFERENT = 5, /* what was run again gave other outputs */
};

enum connect {
    CONNECT_START,  /* starts the project's private broker if none is running */
    CONNECT_STORE,  /* the same, but only if the project has a store already */
    CONNECT_RUNNING /* never starts anything */
};

struct cli {
    const char *verb;
    bool json;
    const char *folder;    /* -C, or NULL */
    struct peer_wish wish; /* --broker, --context, --insecure, --timeout */
    struct peer peer;      /* found by cli_peer */
    bool has_peer;
    char **words; /* borrowed from argv: arguments that are no options */
    size_t word_count;
    char *project; /* absolute, or NULL before cli_project found it; owned */
    struct sluice *sluice;
    struct sluice_error error; /* of the last call of libsluice */
};

/* Reads the arguments: the verb's own options and those that all verbs have. EXIT_GO_ON,
 * or the exit code after an error or the help text was printed. */
int cli_begin(struct cli *cli, int argc, char **argv, const struct option *options,
              size_t option_count, size_t words_min, size_t words_max);
void cli_end(struct cli *cli);
#define scoped_cli __attribute__((cleanup(cli_end))) struct cli

/* Finds the project's folder if it is not known yet; false when there is none. */
bool cli_project(struct cli *cli);
/* Finds which broker is meant. EXIT_GO_ON, or the exit code after the fault was said. */
int cli_peer(struct cli *cli);
/* There is a broker to ask, or one to start; after cli_peer. */
bool cli_has_store(struct cli *cli);
int cli_connect(struct cli *cli, enum connect how);

/* Print what is wrong, return the exit code. cli_fail_last prints cli->error. */
int cli_fail(const struct cli *cli, int exit_code, const char *format, ...)
    PRINTF_LIKE(3, 4);
int cli_fail_err(const struct cli *cli, int exit_code, const struct err *err);
int cli_fail_last(const struct cli *cli);
/* A line for the person that is no error: stderr, "sluice: ..."; silent with --json. */
void cli_note(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);

/* The exit code for an enum sluice_code. */
int exit_code_of(int code);
