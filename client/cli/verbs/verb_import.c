/* verb_import.c - `sluice import FILE`: a run of another broker becomes one of this.
 *
 * The file is read twice: first all of it is checked, every digest too, and nobody is
 * asked or told anything; then its files are stored, and at last the broker takes the
 * records in one commit. */
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/versions/tar_file.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/version/bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct import {
    struct cli *cli;
    struct arena *arena;
    const char *path;
    struct buf json;
    int records; /* a file without a name */
    uint64_t records_size;
    struct manifest manifest;
    uint64_t run;
};

/* records: where these go, or negative: they are only checked. */
static enum rc read_head(struct import *import, struct tar_reader *reader, int records,
                         struct err *err)
{
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
    enum rc rc;

    buf_clear(&import->json);
    rc = tar_read(reader, "manifest.json", MANIFEST_BYTES_MAX, &import->json, -1, digest,
                  &size, err);
    if (rc == RC_OK)
        rc = tar_read(reader, "records", (uint64_t)BUNDLE_FILE_MIB_MAX << 20, NULL,
                      records, digest, &import->records_size, err);
    if (rc == RC_OK)
        rc = manifest_decode(import->arena, (char *)import->json.data, import->json.size,
                             &import->manifest, err);
    if (rc == RC_OK && strcmp(digest, import->manifest.records) != 0)
        rc = err_set(err, RC_CORRUPT, "the records were changed: they give %s, not %s",
                     digest, import->manifest.records);
    return rc;
}

static enum rc read_object(struct tar_reader *reader, const char *expected, int fd,
                           uint64_t *size, struct err *err)
{
    char digest[DIGEST_TEXT_SIZE], name[TAR_NAME_SIZE];
    enum rc rc;

    tar_object_name(expected, name);
    rc = tar_read(reader, name, INT64_MAX, NULL, fd, digest, size, err);
    if (rc == RC_OK && strcmp(digest, expected) != 0)
        rc = err_set(err, RC_CORRUPT, "%s was changed: it gives %s", name, digest);
    return rc;
}

static enum rc check_records(const struct import *import, struct err *err)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    size_t size = import->records_size ? import->records_size : 1;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, import->records, 0);
    struct bundle bundle;
    enum rc rc = RC_NO_MEMORY;

    if (bytes == MAP_FAILED)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read the records");
    if (arena)
        rc = bundle_decode(arena, bytes, import->records_size, &bundle, err);
    else
        err_set(err, rc, "no memory for the records");
    munmap(bytes, size);
    return rc;
}

static int check_file(struct import *import)
{
    scoped(tar_reader) reader = NULL;
    uint64_t size;
    struct err err;
    enum rc rc = tar_reader_create(import->path, &reader, &err);

    if (rc == RC_OK)
        rc = read_head(import, reader, import->records, &err);
    if (rc == RC_OK)
        rc = check_records(import, &err);
    for (size_t i = 0; rc == RC_OK && i < import->manifest.object_count; i++)
        rc = read_object(reader, import->manifest.objects[i], -1, &size, &err);
    if (rc == RC_OK)
        rc = tar_read_end(reader, &err);
    return rc == RC_OK ? EXIT_GO_ON
                       : cli_fail(import->cli, EXIT_WRONG, "%s: %s; nothing was changed",
                                  import->path, err.text);
}

static int check_broker(struct import *import)
{
    struct cli *cli = import->cli;
    uint64_t run;
    int code = sluice_find(cli->sluice, import->manifest.id, &run, &cli->error);

    if (code == SLUICE_NOT_FOUND)
        return EXIT_GO_ON;
    return code ? cli_fail_last(cli)
                : cli_fail(cli, EXIT_WRONG, "run %s is here already: it is run %" PRIu64,
                           import->manifest.id, run);
}

static int store_object(struct import *import, struct tar_reader *reader,
                        const char *digest, bool is_wanted)
{
    struct cli *cli = import->cli;
    scoped_fd int fd = -1;
    uint64_t size;
    struct err err;
    FILE *file = is_wanted ? tmpfile() : NULL;
    int end = EXIT_GO_ON;

    if (is_wanted && !file)
        return cli_fail(cli, EXIT_FAILED, "cannot make a temporary file: %s",
                        strerror(errno));
    if (file)
        fd = dup(fileno(file));
    if (read_object(reader, digest, fd, &size, &err) != RC_OK)
        end = cli_fail_err(cli, EXIT_FAILED, &err);
    else if (is_wanted
             && sluice_put(cli->sluice, fd, digest, size, NULL, NULL, &cli->error))
        end = cli_fail_last(cli);
    if (file)
        fclose(file);
    return end;
}

static int store_objects(struct import *import)
{
    struct cli *cli = import->cli;
    struct manifest *manifest = &import->manifest;
    scoped(tar_reader) reader = NULL;
    bool *missing = arena_array(import->arena, manifest->object_count, sizeof *missing);
    struct err err;
    int end = EXIT_GO_ON;

    if (!missing)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (manifest->object_count > 0
        && sluice_have(cli->sluice, manifest->objects, manifest->object_count, missing,
                       &cli->error))
        return cli_fail_last(cli);
    if (tar_reader_create(import->path, &reader, &err) != RC_OK
        || read_head(import, reader, -1, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_FAILED, &err);
    for (size_t i = 0; end == EXIT_GO_ON && i < import->manifest.object_count; i++)
        end = store_object(import, reader, import->manifest.objects[i], missing[i]);
    return end;
}

static int take(struct import *import)
{
    struct cli *cli = import->cli;

    if (sluice_import(cli->sluice, import->records, import->records_size, &import->run,
                      &cli->error))
        return cli_fail_last(cli);
    return EXIT_GO_ON;
}

/* Of the run, those that it got here among them: names that were left as they are. */
static void tell_notes(struct import *import)
{
    struct sluice_view *view;

    if (import->cli->json
        || sluice_view(import->cli->sluice, import->run, &view, &import->cli->error))
        return;
    for (size_t i = 0; i < view->note_count; i++)
        cli_note(import->cli, "%s", view->notes[i]);
    sluice_view_free(view);
}

static void print_import(const struct import *import)
{
    scoped_json json = { 0 };

    if (!import->cli->json) {
        printf("run %" PRIu64 ": %s, which was run %" PRIu64 "\n", import->run,
               import->manifest.title, import->manifest.number);
        return;
    }
    json_open(&json, NULL, '{');
    json_uint(&json, "run", import->run);
    json_text(&json, "run_id", import->manifest.id);
    json_uint(&json, "was", import->manifest.number);
    json_text(&json, "store", import->manifest.store);
    json_uint(&json, "missing", import->manifest.missing_count);
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_import(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    struct import import = { .cli = &cli, .arena = arena, .records = -1 };
    FILE *file = tmpfile();
    int end = cli_begin(&cli, argc, argv, NULL, 0, 1, 1);

    if (end == EXIT_GO_ON && !arena)
        end = cli_fail(&cli, EXIT_FAILED, "out of memory");
    if (end == EXIT_GO_ON && !file)
        end = cli_fail(&cli, EXIT_FAILED, "cannot make a temporary file: %s",
                       strerror(errno));
    buf_init(&import.json, MANIFEST_BYTES_MAX);
    if (end == EXIT_GO_ON) {
        import.path = cli.words[0];
        import.records = fileno(file);
        end = check_file(&import);
    }
    if (end == EXIT_GO_ON)
        end = cli_peer(&cli);
    if (end == EXIT_GO_ON && !cli_has_store(&cli) && !cli_project(&cli))
        end = cli_fail(&cli, EXIT_WRONG,
                       "there is no project in this folder or above: go to one, or name "
                       "a broker with --broker");
    if (end == EXIT_GO_ON)
        end = cli_connect(&cli, CONNECT_START);
    if (end == EXIT_GO_ON)
        end = check_broker(&import);
    if (end == EXIT_GO_ON)
        end = store_objects(&import);
    if (end == EXIT_GO_ON)
        end = take(&import);
    if (end == EXIT_GO_ON) {
        print_import(&import);
        tell_notes(&import);
    }
    buf_fini(&import.json);
    if (file)
        fclose(file);
    return end == EXIT_GO_ON ? EXIT_DONE : end;
}
