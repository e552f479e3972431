/* crowd_main.c - `crowd ENDPOINT NODES SLOTS EMPTY at-once|sleeps`: see crowd.h. Prints a
 * line when all nodes have joined and one when the first task has come; ends by SIGTERM.
 */
#include "bench/crowd.h"
#include "bench/measure.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void say_joined(void)
{
    puts("joined");
    fflush(stdout);
}

static void say_tasked(void)
{
    puts("a task");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct crowd_options options;
    struct err err;

    if (argc != 6)
        fail("usage: crowd ENDPOINT NODES SLOTS EMPTY at-once|sleeps");
    options = (struct crowd_options){ .endpoint = argv[1],
                                      .nodes = (unsigned)strtoul(argv[2], NULL, 10),
                                      .slots = (unsigned)strtoul(argv[3], NULL, 10),
                                      .empty_max = (unsigned)strtoul(argv[4], NULL, 10),
                                      .sleeps = strcmp(argv[5], "sleeps") == 0,
                                      .joined = say_joined,
                                      .tasked = say_tasked };
    if (options.nodes < 1 || options.nodes > CROWD_NODES_MAX)
        fail("a crowd has 1 to %d nodes", CROWD_NODES_MAX);
    signal(SIGPIPE, SIG_IGN); /* whoever started us may not listen any more */
    if (crowd_run(&options, &err) != RC_OK)
        fail("%s", err.text);
    return 0;
}
