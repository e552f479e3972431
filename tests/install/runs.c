/* runs.c - the smallest useful client: prints the runs of the project in the folder
 * given. */
#include <sluice.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct sluice *sluice = NULL;
    struct sluice_runs *runs = NULL;
    struct sluice_error error;
    int code = sluice_open_project(argc > 1 ? argv[1] : ".", true, &sluice, &error);

    if (code == SLUICE_OK)
        code = sluice_runs(sluice, 0, 10, &runs, &error);
    for (size_t i = 0; code == SLUICE_OK && i < runs->count; i++)
        printf("%lu %s %s\n", (unsigned long)runs->runs[i].number, runs->runs[i].title,
               runs->runs[i].state);
    if (code != SLUICE_OK)
        fprintf(stderr, "runs: %s\n", error.text);
    sluice_runs_free(runs);
    sluice_close(sluice);
    return code;
}
