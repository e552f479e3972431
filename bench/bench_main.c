/* bench.c - the harness: `bench [OPTION...] [WORKLOAD...]`. README.md says what each
 * workload measures.
 *
 * A workload runs in a process of its own, in a folder of its own; whatever becomes of
 * it, this one removes the folder, goes on with the next workload, and tells at its end
 * by its exit status whether one of them failed. A missed target is no failure. */
#include "bench/workload.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct workload *const workloads[] = {
    &work_start,  &work_cli,    &work_process, &work_sleep,       &work_transfer,
    &work_files,  &work_reuse,  &work_empty,   &work_graph,       &work_edge,
    &work_nodes,  &work_idle,   &work_restart, &work_wfinstances, &work_size,
    &work_events, &work_submit, &work_peers,
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static const char usage[] = "usage: bench [OPTION...] [WORKLOAD...]\n"
                            "  --quick      small sizes; for the results, not the times\n"
                            "  --json       an object a line\n"
                            "  --repeat N   measure so often, where a workload allows it "
                            "(15)\n"
                            "  --instances FOLDER   of recorded workflows in "
                            "WfFormat, for wfinstances\n"
                            "  --list       the workloads, their metrics and targets\n";

static const struct workload *find(const char *name)
{
    for (size_t i = 0; i < WORKLOADS; i++)
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    fail("there is no workload \"%s\"; see bench --list", name);
}

static void list(void)
{
    static const char *const words[] = {
        [AT_MOST] = "at most",
        [AT_LEAST] = "at least",
        [AT_MOST_LIMITS] = "at most, times the limit,",
        [AT_LEAST_LIMITS] = "at least, times the limit,",
    };

    for (size_t i = 0; i < WORKLOADS; i++) {
        printf("%s: %s\n", workloads[i]->name, workloads[i]->what);
        for (size_t k = 0; k < workloads[i]->metric_count; k++) {
            const struct metric *metric = &workloads[i]->metrics[k];

            printf("    %-12s %-8s", metric->name, metric->unit);
            if (metric->bound != BOUND_NONE)
                printf(" %s %g", words[metric->bound], metric->target);
            putchar('\n');
        }
    }
}

static void folder_make(char folder[PATH_MAX])
{
    const char *place = getenv("TMPDIR");

    snprintf(folder, PATH_MAX, "%s/sluice-bench-XXXXXX", place ? place : "/tmp");
    if (!mkdtemp(folder))
        fail("cannot make %s: %s", folder, strerror(errno));
}

/* What the daemons of a workload that failed have complained about. */
static void logs_show(const char *folder)
{
    static const char *const names[] = { "brokerd.log", "noded.log", "crowd.log" };
    char path[PATH_MAX + 32], line[1000];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);

        FILE *file = fopen(path, "re");

        for (int lines = 0; file && lines < 20 && fgets(line, sizeof line, file); lines++)
            fprintf(stderr, "%s: %s", names[i], line);
        if (file)
            fclose(file);
    }
}

/* Whether the workload did what it should. */
static bool run(struct bench *bench, const struct workload *workload)
{
    char folder[PATH_MAX];
    int status = -1;

    folder_make(folder);
    bench->workload = workload;
    bench->folder = folder;

    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        workload->run(bench);
        exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0) {
        fprintf(stderr, "bench: %s failed\n", workload->name);
        logs_show(folder);
        run_any((const char *const[]){ SLUICE_PROGRAM, "stop", "--force", "-C", folder,
                                       NULL });
    }
    run_any((const char *const[]){ "/bin/rm", "-rf", folder, NULL });
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
        exit(1);
    return status == 0;
}

static void take_option(struct bench *bench, int option)
{
    switch (option) {
    case 'q':
        bench->is_quick = true;
        break;
    case 'j':
        bench->as_json = true;
        break;
    case 'r':
        bench->repeats = strtoul(optarg, NULL, 10);
        if (bench->repeats < 1 || bench->repeats > REPEATS_MAX)
            fail("--repeat takes a number from 1 to %d", REPEATS_MAX);
        break;
    case 'i':
        bench->instances = optarg;
        break;
    case 'l':
        list();
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "quick", no_argument, NULL, 'q' },
        { "json", no_argument, NULL, 'j' },
        { "repeat", required_argument, NULL, 'r' },
        { "instances", required_argument, NULL, 'i' },
        { "list", no_argument, NULL, 'l' },
        { NULL, 0, NULL, 0 },
    };
    struct bench bench = { .repeats = 15 };
    size_t failed = 0;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        take_option(&bench, option);
    for (int i = optind; i < argc; i++)
        find(argv[i]);
    signal(SIGINT, SIG_IGN);
    for (int i = optind; i < argc; i++)
        failed += !run(&bench, find(argv[i]));
    for (size_t i = 0; optind == argc && i < WORKLOADS; i++)
        if (!workloads[i]->only_by_name)
            failed += !run(&bench, workloads[i]);
    return failed > 0;
}
