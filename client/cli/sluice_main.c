/* sluice_main.c - `sluice VERB`: finds the verb. */
#include "client/cli/verbs/verbs.h"
#include "codecs/config/findings.h"

#include <string.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct verb verbs[] = {
    { "run", verb_run },
    { "lint", verb_lint },
    { "ls", verb_ls },
    { "show", verb_show },
    { "explain", verb_explain },
    { "logs", verb_logs },
    { "outputs", verb_outputs },
    { "metadata", verb_metadata },
    { "record", verb_record },
    { "verify", verb_verify },
    { "export", verb_export },
    { "import", verb_import },
    { "backup", verb_backup },
    { "check", verb_check },
    { "cancel", verb_cancel },
    { "approve", verb_approve },
    { "reject", verb_approve },
    { "watch", verb_watch },
    { "nodes", verb_nodes },
    { "status", verb_status },
    { "datum", verb_datum },
    { "alias", verb_alias },
    { "tag", verb_tag },
    { "dataset", verb_dataset },
    { "stop", verb_stop },
    { "help", verb_help },
    { "version", verb_version },
    { "trace", verb_trace },
    { "du", verb_du },
    { "gc", verb_gc },
    { "__complete", verb_complete },
    { "diff", verb_diff },
    { "plot", verb_plot },
    { "compare", verb_compare },
    { "reproduce", verb_reproduce },
};

static int unknown_verb(const char *name)
{
    const char *names[COUNT_OF(verbs)];

    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        names[i] = verbs[i].name;

    if (name[0] == '-') {
        fputs("sluice: name a verb (`sluice help` lists them)\n", stderr);
        return 2;
    }

    const char *nearest = nearest_of(name, names, COUNT_OF(verbs));

    fprintf(stderr, "sluice: there is no verb \"%s\"", name);
    if (nearest)
        fprintf(stderr, "; did you mean \"%s\"?", nearest);
    fputs(" (`sluice help` lists them)\n", stderr);
    return 2;
}

/* A full disk under stdout must not look like success. */
static int run_verb(const struct verb *verb, int argc, char **argv)
{
    int exit_code = verb->run(argc, argv);

    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    fprintf(stderr, "sluice %s: cannot write to standard output\n", verb->name);
    return exit_code ? exit_code : 1;
}

/* Options that every verb takes may stand before it, as in `git -C`: the verb is moved to
 * argv[1], in front of them. */
static void verb_to_front(int argc, char **argv)
{
    static const char *const with_value[] = { "-C", "--project", "--broker", "--context",
                                              "--timeout" };
    int at = 1;

    while (at < argc && argv[at][0] == '-') {
        bool has_value = false;

        for (size_t i = 0; i < COUNT_OF(with_value); i++)
            has_value |= strcmp(argv[at], with_value[i]) == 0;
        at += has_value ? 2 : 1;
    }
    if (at >= argc)
        return;

    char *verb = argv[at];

    memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
    argv[1] = verb;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_print(NULL, stderr);
        return 2;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
        return help_print(NULL, stdout);
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    verb_to_front(argc, argv);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].name, argv[1]) == 0)
            return run_verb(&verbs[i], argc - 1, argv + 1);
    return unknown_verb(argv[1]);
}
