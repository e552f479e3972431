/* verb_export.c - `sluice export RUN [-o FILE]`: a run with all its files in one. */
#include "client/cli/versions/artifact_list.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/versions/tar_file.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/plan/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TREE_SIZE_MAX = 256 << 20 };

struct export
{
    struct cli *cli;
    const struct target *target;
    struct arena *arena;
    const char *path; /* of the file */
    char *part;       /* its name while it is written */
    char *folder;     /* that it is in */
    void *records;    /* mapped */
    size_t records_size;
    struct artifact_list list;
    struct manifest manifest;
    uint64_t bytes;
};

static void export_fini(struct export *export)
{
    free(export->part);
    free(export->folder);
    if (export->records_size > 0)
        munmap(export->records, export->records_size);
    artifact_list_fini(&export->list);
}

/* A file without a name beside the one that is written, where there is room for it. */
static int scratch_file(const struct export *export)
{
    int fd = open(export->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    return fd >= 0 ? fd : memfd_create("export", MFD_CLOEXEC);
}

/* The files of the code stand in the list that the plan names. */
static int add_code(struct export *export)
{
    struct cli *cli = export->cli;
    scoped_fd int fd = -1;
    struct tree tree;
    struct err err;
    int code;

    if (!export->list.tree || !*export->list.tree)
        return EXIT_GO_ON;
    fd = memfd_create("tree", MFD_CLOEXEC);
    code = sluice_get(cli->sluice, export->list.tree, fd, NULL, NULL, &cli->error);
    if (code == SLUICE_NOT_FOUND)
        return EXIT_GO_ON;
    if (code)
        return cli_fail_last(cli);

    off_t size = lseek(fd, 0, SEEK_END);
    void *bytes = size > 0 && size <= TREE_SIZE_MAX
                      ? arena_alloc(export->arena, (size_t)size)
                      : NULL;

    if (!bytes || pread(fd, bytes, (size_t)size, 0) != size)
        return cli_fail(cli, EXIT_FAILED, "no memory for the list of files");
    if (tree_decode(export->arena, bytes, (size_t)size, &tree, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_FAILED, &err);
    for (size_t i = 0; i < tree.entry_count; i++)
        artifact_list_add(&export->list, tree.entries[i].digest);
    return EXIT_GO_ON;
}

/* They may be more than there is memory for, so they lie in a file. */
static int get_records(struct export *export)
{
    struct cli *cli = export->cli;
    scoped_fd int scratch = scratch_file(export), fd = scratch_file(export);
    void *bytes;
    off_t size;

    if (scratch < 0 || fd < 0)
        return cli_fail(cli, EXIT_WRONG, "cannot write beside %s: %s", export->path,
                        strerror(errno));
    if (sluice_run_records(cli->sluice, export->target->run, scratch, fd, &cli->error))
        return cli_fail_last(cli);
    size = lseek(fd, 0, SEEK_END);
    bytes = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (!bytes || bytes == MAP_FAILED)
        return cli_fail(cli, EXIT_FAILED, "cannot read the records: %s", strerror(errno));
    export->records = bytes;
    export->records_size = (size_t)size;
    return EXIT_GO_ON;
}

static int gather(struct export *export)
{
    struct cli *cli = export->cli;
    struct bundle bundle;
    struct err err;
    int end = get_records(export);

    if (end != EXIT_GO_ON)
        return end;
    export->list.arena = export->arena;
    if (bundle_decode(export->arena, export->records, export->records_size, &bundle, &err)
            != RC_OK
        || artifact_list_fill(&export->list, &bundle, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_FAILED, &err);
    return add_code(export);
}

/* What a node keeps comes into the store when somebody asks for it. */
static bool comes_from_a_node(const struct export *export, const char *digest)
{
    scoped_fd int fd = scratch_file(export);

    return fd >= 0
           && sluice_get(export->cli->sluice, digest, fd, NULL, NULL, &export->cli->error)
                  == SLUICE_OK;
}

/* What the store has, and what it does not have any more. */
static int sort_out(struct export *export)
{
    struct artifact_list *list = &export->list;
    struct manifest *manifest = &export->manifest;
    struct cli *cli = export->cli;
    bool *missing = arena_array(export->arena, list->count, sizeof *missing);

    manifest->objects = arena_array(export->arena, list->count, sizeof(char *));
    manifest->missing = arena_array(export->arena, list->count, sizeof(char *));
    if (list->failed || !missing || !manifest->objects || !manifest->missing)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (list->count > 0
        && sluice_have(cli->sluice, list->digests, list->count, missing, &cli->error))
        return cli_fail_last(cli);
    for (size_t i = 0; i < list->count; i++)
        if (missing[i] && !comes_from_a_node(export, list->digests[i]))
            manifest->missing[manifest->missing_count++] = list->digests[i];
        else
            manifest->objects[manifest->object_count++] = list->digests[i];
    return EXIT_GO_ON;
}

/* Who keeps the file can tell later whether the store was made anew. */
static int tell_head(struct export *export)
{
    struct sluice_versions *versions;
    char *head = arena_alloc(export->arena, DIGEST_TEXT_SIZE);

    if (!head)
        return cli_fail(export->cli, EXIT_FAILED, "out of memory");
    if (sluice_versions(export->cli->sluice, INT64_MAX, 1, &versions,
                        &export->cli->error))
        return cli_fail_last(export->cli);
    if (versions->last > 0) {
        digest_text(versions->head, head);
        export->manifest.head = head;
    }
    sluice_versions_free(versions);
    return EXIT_GO_ON;
}

static int describe(struct export *export)
{
    const struct sluice_run *run = &export->target->view->run;
    char *digest = arena_alloc(export->arena, DIGEST_TEXT_SIZE);
    struct sluice_info info;

    if (!digest)
        return cli_fail(export->cli, EXIT_FAILED, "out of memory");
    if (sluice_status(export->cli->sluice, &info, &export->cli->error))
        return cli_fail_last(export->cli);
    digest_bytes(export->records, export->records_size, digest);
    export->manifest.store = arena_text(export->arena, info.store);
    export->manifest.id = run->id;
    export->manifest.title = run->title;
    export->manifest.state = run->state;
    export->manifest.number = run->number;
    export->manifest.records = digest;
    export->manifest.records_size = export->records_size;
    return export->manifest.store ? EXIT_GO_ON
                                  : cli_fail(export->cli, EXIT_FAILED, "out of memory");
}

static int write_object(struct export *export, struct tar_writer *writer,
                        const char *digest)
{
    struct cli *cli = export->cli;
    scoped_fd int fd = scratch_file(export);
    char name[TAR_NAME_SIZE];
    struct err err;

    if (fd < 0)
        return cli_fail(cli, EXIT_FAILED, "cannot write beside %s: %s", export->path,
                        strerror(errno));
    if (sluice_get(cli->sluice, digest, fd, NULL, NULL, &cli->error))
        return cli_fail_last(cli);
    export->bytes += (uint64_t)lseek(fd, 0, SEEK_END);
    tar_object_name(digest, name);
    return tar_write_file(writer, name, fd, &err) == RC_OK
               ? EXIT_GO_ON
               : cli_fail_err(cli, EXIT_FAILED, &err);
}

static int write_tar(struct export *export, int fd)
{
    scoped(tar_writer) writer = NULL;
    scoped_buf json = { 0 };
    struct err err;
    enum rc rc = tar_writer_create(fd, &writer, &err);
    int end = EXIT_GO_ON;

    buf_init(&json, MANIFEST_BYTES_MAX);
    manifest_encode(&json, &export->manifest);
    if (rc == RC_OK && !buf_ok(&json))
        rc = err_set(&err, RC_FULL, "the run has too many files");
    if (rc == RC_OK)
        rc = tar_write_bytes(writer, "manifest.json", json.data, json.size, &err);
    if (rc == RC_OK)
        rc = tar_write_bytes(writer, "records", export->records, export->records_size,
                             &err);
    for (size_t i = 0;
         rc == RC_OK && end == EXIT_GO_ON && i < export->manifest.object_count; i++)
        end = write_object(export, writer, export->manifest.objects[i]);
    if (end != EXIT_GO_ON)
        return end;
    if (rc == RC_OK)
        rc = tar_write_end(writer, &err);
    if (rc == RC_OK && fsync(fd) != 0)
        rc =
            err_set_sys(&err, rc_of_errno(errno), errno, "cannot write %s", export->path);
    return rc == RC_OK ? EXIT_GO_ON : cli_fail_err(export->cli, EXIT_FAILED, &err);
}

static int name_file(struct export *export)
{
    const char *slash;

    if (!export->path)
        export->path =
            arena_printf(export->arena, "run-%.8s.sluice", export->target->view->run.id);
    slash = export->path ? strrchr(export->path, '/') : NULL;
    if (slash)
        export->folder = strndup(
            export->path, slash == export->path ? 1 : (size_t)(slash - export->path));
    else
        export->folder = strdup(".");
    if (!export->path || !export->folder)
        return cli_fail(export->cli, EXIT_FAILED, "out of memory");
    return EXIT_GO_ON;
}

/* The file has its name when it is whole. */
static int write_file(struct export *export)
{
    scoped_fd int fd = -1;
    int end;

    export->part = malloc(strlen(export->path) + sizeof ".part");
    if (!export->part)
        return cli_fail(export->cli, EXIT_FAILED, "out of memory");
    stpcpy(stpcpy(export->part, export->path), ".part");
    fd = open(export->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return cli_fail(export->cli, EXIT_WRONG, "cannot write %s: %s", export->part,
                        strerror(errno));
    end = write_tar(export, fd);
    if (end == EXIT_GO_ON && rename(export->part, export->path) != 0)
        end = cli_fail(export->cli, EXIT_FAILED, "cannot rename %s: %s", export->part,
                       strerror(errno));
    if (end != EXIT_GO_ON)
        unlink(export->part);
    return end;
}

static void print_export(const struct export *export)
{
    const struct manifest *manifest = &export->manifest;
    scoped_json json = { 0 };

    if (!export->cli->json) {
        printf("%s: run %" PRIu64 " with %zu files (%s)\n", export->path,
               export->target->run, manifest->object_count,
               human_size(export->bytes).text);
        if (manifest->missing_count)
            printf("%zu files are not in the store any more\n", manifest->missing_count);
        return;
    }
    json_open(&json, NULL, '{');
    json_uint(&json, "run", export->target->run);
    json_text(&json, "run_id", manifest->id);
    json_text(&json, "file", export->path);
    json_uint(&json, "files", manifest->object_count);
    json_uint(&json, "bytes", export->bytes);
    json_uint(&json, "missing", manifest->missing_count);
    json_text(&json, "head", manifest->head);
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_export(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped_target target = { 0 };
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct export export = { .cli = &cli, .target = &target, .arena = arena };
    const struct option options[] = { { "output", 'o', OPTION_TEXT, &export.path } };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end == EXIT_GO_ON)
        end = target_open(&cli, cli.words[0], TARGET_RUN, &target);
    if (end == EXIT_GO_ON && !arena)
        end = cli_fail(&cli, EXIT_FAILED, "out of memory");
    if (end == EXIT_GO_ON)
        end = name_file(&export);
    if (end == EXIT_GO_ON)
        end = gather(&export);
    if (end == EXIT_GO_ON)
        end = sort_out(&export);
    if (end == EXIT_GO_ON)
        end = describe(&export);
    if (end == EXIT_GO_ON)
        end = tell_head(&export);
    if (end == EXIT_GO_ON)
        end = write_file(&export);
    if (end == EXIT_GO_ON)
        print_export(&export);
    export_fini(&export);
    return end == EXIT_GO_ON ? EXIT_DONE : end;
}
