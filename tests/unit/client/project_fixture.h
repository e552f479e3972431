/* project_fixture.h - a folder for a test, and what a verb prints. */
#pragma once

#include "codecs/base/buf.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char folder[64]; /* absolute, and the working directory */
    char printed[65536];
    size_t printed_size;
};

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    if (!fixture)
        return -1;
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/sluice-test-XXXXXX");
    *state = fixture;
    return mkdtemp(fixture->folder) && chdir(fixture->folder) == 0 ? 0 : -1;
}

static int fixture_remove(const char *path, const struct stat *status, int type,
                          struct FTW *at)
{
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    int failed = chdir("/");

    failed |= nftw(fixture->folder, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return failed;
}

/* Writes a file below the working directory, with the folders that it needs. */
static inline void fixture_file(const char *path, const char *text)
{
    char folder[256];
    FILE *file;

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        mkdir(folder, 0777);
    }
    file = fopen(path, "w");
    must(file != NULL);
    must(fputs(text, file) >= 0);
    must(fclose(file) == 0);
}

/* Runs a verb with arguments up to a NULL; what it prints to stdout and stderr goes to
 * fixture->printed. */
static inline int fixture_run(struct fixture *fixture, int (*verb)(int, char **),
                              const char *const *words)
{
    char *argv[16], texts[16][256];
    int argc = 0, saved[2] = { dup(1), dup(2) }, code;
    FILE *capture = tmpfile();

    must(capture != NULL);
    for (; words[argc]; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", words[argc]);
        argv[argc] = texts[argc];
    }
    argv[argc] = NULL;
    fflush(stdout);
    must(dup2(fileno(capture), 1) == 1 && dup2(fileno(capture), 2) == 2);
    code = verb(argc, argv);
    fflush(stdout);
    must(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
    close(saved[0]);
    close(saved[1]);
    rewind(capture);
    fixture->printed_size =
        fread(fixture->printed, 1, sizeof fixture->printed - 1, capture);
    fixture->printed[fixture->printed_size] = '\0';
    fclose(capture);
    return code;
}
#define RUN(fixture, verb, ...)                                                          \
    fixture_run(fixture, verb, (const char *const[]){ __VA_ARGS__, NULL })
