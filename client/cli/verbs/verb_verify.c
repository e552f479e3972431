/* verb_verify.c - `sluice verify [RUN]`: whether anything was changed. */
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/load.h"
#include "client/cli/reference.h"
#include "client/cli/verbs/verbs.h"
#include "client/cli/versions/tar_file.h"
#include "client/cli/versions/verify.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static void print_json(const struct verify *verify, bool is_good)
{
    const struct verify_fault *fault = &verify->fault;
    scoped_json json = { 0 };
    char head[DIGEST_TEXT_SIZE];

    digest_text(verify->head, head);
    json_open(&json, NULL, '{');
    json_bool(&json, "good", is_good);
    json_uint(&json, "versions", verify->version_count);
    json_uint(&json, "artifacts", verify->artifact_count);
    json_uint(&json, "bytes", verify->bytes);
    json_uint(&json, "missing", verify->missing_count);
    if (verify->known_version)
        json_uint(&json, "known", verify->known_version);
    else
        json_text(&json, "known", NULL);
    json_text(&json, "head", is_good && verify->version_count ? head : NULL);
    if (is_good) {
        json_text(&json, "fault", NULL);
    } else {
        json_open(&json, "fault", '{');
        json_uint(&json, "version", fault->version);
        json_text(&json, "what", fault->what);
        json_bool(&json, "missing", fault->is_missing);
        json_text(&json, "digest", *fault->digest ? fault->digest : NULL);
        json_text(&json, "text", fault->text);
        json_close(&json, '}');
    }
    json_close(&json, '}');
    json_print(&json, stdout);
}

static void print_text(const struct verify *verify, bool is_good)
{
    char head[DIGEST_TEXT_SIZE];

    if (!is_good && verify->fault.version)
        printf("version %" PRIu64 ": ", verify->fault.version);
    if (!is_good) {
        printf("%s%s\n", verify->fault.text,
               verify->fault.is_missing
                   ? " (if `sluice gc` removed files: --allow-missing counts them)"
                   : "");
        return;
    }
    printf("%" PRIu64 " versions, %" PRIu64 " artifacts (%s): all as they were stored\n",
           verify->version_count, verify->artifact_count, human_size(verify->bytes).text);
    if (verify->missing_count)
        printf("%" PRIu64 " artifacts are not in the store\n", verify->missing_count);
    if (verify->known_version)
        printf("version %" PRIu64 " has the hash that was given: nothing up to it was "
               "changed since\n",
               verify->known_version);
    digest_text(verify->head, head);
    if (verify->version_count)
        printf("version %" PRIu64 " has the hash %s\n", verify->version_count, head);
    if (verify->version_count && !verify->has_known)
        cli_note(
            verify->cli,
            "kept elsewhere, that hash tells later, with --head, whether all this was "
            "made anew; the file of an exported run has one, too");
}

/* An exported run tells the hash of the last version that there was. */
static int read_exported(struct verify *verify, const char *path)
{
    scoped(tar_reader) reader = NULL;
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    scoped_buf json = { 0 };
    struct manifest manifest;
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
    struct err err;
    enum rc rc = arena ? tar_reader_create(path, &reader, &err)
                       : err_set(&err, RC_NO_MEMORY, "out of memory");

    buf_init(&json, MANIFEST_BYTES_MAX);
    if (rc == RC_OK)
        rc = tar_read(reader, "manifest.json", MANIFEST_BYTES_MAX, &json, -1, digest,
                      &size, &err);
    if (rc == RC_OK)
        rc = manifest_decode(arena, (char *)json.data, json.size, &manifest, &err);
    if (rc == RC_OK && !manifest.head)
        rc = err_set(&err, RC_INVALID, "it was exported by a release that told no hash");
    if (rc != RC_OK)
        return cli_fail(verify->cli, EXIT_WRONG, "--head: %s: %s", path, err.text);
    digest_raw(manifest.head, verify->known);
    return EXIT_GO_ON;
}

static int read_head(struct verify *verify, const char *text)
{
    int end = EXIT_GO_ON;

    if (!text)
        return EXIT_GO_ON;
    if (digest_is_valid(text, strlen(text)))
        digest_raw(text, verify->known);
    else if (access(text, F_OK) == 0)
        end = read_exported(verify, text);
    else
        end = cli_fail(verify->cli, EXIT_WRONG,
                       "--head: \"%s\" is no hash and no file; give it as verify printed "
                       "it, sha256: and 64 hex digits, or the file of an exported run",
                       text);
    verify->has_known = end == EXIT_GO_ON;
    return end;
}

int verb_verify(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    struct verify verify = { .cli = &cli };
    const char *head = NULL;
    const struct option options[] = {
        { "head", 0, OPTION_TEXT, &head },
        { "allow-missing", 0, OPTION_FLAG, &verify.allows_missing },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 1);

    if (end == EXIT_GO_ON)
        end = read_head(&verify, head);
    if (end == EXIT_GO_ON && cli.word_count > 0)
        end = run_find(&cli, cli.words[0], &verify.run);
    else if (end == EXIT_GO_ON)
        end = cli_connect(&cli, CONNECT_STORE);
    if (end != EXIT_GO_ON)
        return end;
    end = verify_all(&verify);
    if (end == EXIT_GO_ON || verify.fault.what) {
        (cli.json ? print_json : print_text)(&verify, end == EXIT_GO_ON);
        end = end == EXIT_GO_ON ? EXIT_DONE : EXIT_FAILED;
    }
    verify_fini(&verify);
    return end;
}
