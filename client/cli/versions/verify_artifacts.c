/* verify_artifacts.c - each artifact is read through once. */
#include "client/cli/versions/verify.h"
#include "codecs/plan/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TREE_MEMORY_MAX = 1 << 30, TREE_SIZE_MAX = 256 << 20 };

static void add_bytes(void *context, uint64_t done, uint64_t total)
{
    (void)done;
    *(uint64_t *)context = total;
}

/* Reads the artifact into fd; its bytes are checked on the way. */
static int read_through(struct verify *verify, uint64_t version, const char *digest,
                        const char *what, int fd, bool *is_there)
{
    uint64_t size = 0;
    struct cli *cli = verify->cli;
    int code = sluice_get(cli->sluice, digest, fd, add_bytes, &size, &cli->error);

    *is_there = code == SLUICE_OK;
    verify->artifact_count += code == SLUICE_OK;
    verify->bytes += code == SLUICE_OK ? size : 0;
    if (code == SLUICE_OK)
        return EXIT_GO_ON;
    if (code != SLUICE_NOT_FOUND && code != SLUICE_CORRUPT)
        return cli_fail_last(cli);
    verify->missing_count += code == SLUICE_NOT_FOUND;
    if (code == SLUICE_NOT_FOUND && verify->allows_missing)
        return EXIT_GO_ON;
    snprintf(verify->fault.digest, sizeof verify->fault.digest, "%s", digest);
    verify->fault.is_missing = code == SLUICE_NOT_FOUND;
    return verify_fail(verify, version, "artifact", "%s %s %s", what, digest,
                       code == SLUICE_CORRUPT ? "was changed" : "is missing");
}

static int check(struct verify *verify, uint64_t version, const char *digest,
                 const char *what)
{
    scoped_fd int fd = -1;
    bool is_there;

    if (!digest || !*digest || !digest_table_add(&verify->seen, digest))
        return EXIT_GO_ON;
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(verify->cli, EXIT_FAILED, "cannot open /dev/null");
    return read_through(verify, version, digest, what, fd, &is_there);
}

static int check_entries(struct verify *verify, uint64_t version, int fd)
{
    scoped(arena) arena = arena_create(TREE_MEMORY_MAX);
    off_t size = lseek(fd, 0, SEEK_END);
    void *bytes = size > 0 && size <= TREE_SIZE_MAX ? malloc((size_t)size) : NULL;
    struct tree tree;
    struct err err;
    int end = EXIT_GO_ON;

    if (!arena || !bytes || pread(fd, bytes, (size_t)size, 0) != size)
        end = cli_fail(verify->cli, EXIT_FAILED, "no memory for the list of files");
    else if (tree_decode(arena, bytes, (size_t)size, &tree, &err) != RC_OK)
        end = cli_fail_err(verify->cli, EXIT_FAILED, &err);
    for (size_t i = 0; end == EXIT_GO_ON && i < tree.entry_count; i++)
        end = check(verify, version, tree.entries[i].digest, tree.entries[i].path);
    free(bytes);
    return end;
}

static int check_tree(struct verify *verify, uint64_t version, const char *digest)
{
    scoped_fd int fd = -1;
    bool is_there;
    int end;

    if (!digest || !*digest || !digest_table_add(&verify->seen, digest))
        return EXIT_GO_ON;
    fd = memfd_create("tree", MFD_CLOEXEC);
    if (fd < 0)
        return cli_fail(verify->cli, EXIT_FAILED, "cannot make a file in memory");
    end = read_through(verify, version, digest, "the list of the code's files", fd,
                       &is_there);
    return end == EXIT_GO_ON && is_there ? check_entries(verify, version, fd) : end;
}

int verify_result_artifacts(struct verify *verify, uint64_t version,
                            const struct task_result *result)
{
    int end = check(verify, version, result->environment, "the environment");

    for (size_t i = 0; end == EXIT_GO_ON && i < result->output_count; i++)
        end = check(verify, version, result->outputs[i].digest, result->outputs[i].name);
    for (unsigned i = 0; end == EXIT_GO_ON && i < STREAM_COUNT; i++)
        end = check(verify, version, result->streams[i].digest,
                    stream_name((enum stream)i));
    return end;
}

int verify_class_artifacts(struct verify *verify, uint64_t version, const char *tree,
                           const struct plan_stage *stage)
{
    int end = check_tree(verify, version, tree);

    for (size_t i = 0; end == EXIT_GO_ON && i < stage->input_count; i++)
        for (size_t k = 0; end == EXIT_GO_ON && k < stage->inputs[i].source_count; k++)
            end = check(verify, version, stage->inputs[i].sources[k].digest,
                        stage->inputs[i].sources[k].name);
    return end;
}
