/* verb_check.c - `sluice check [FOLDER]`: whether a store is sound. */
#include "broker/backup/check.h"
#include "client/cli/broker_folder.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>

struct faults {
    bool json;
    struct json list;
};

static void take(void *context, const char *table, const char *key, const char *text)
{
    struct faults *faults = context;

    if (!faults->json) {
        printf("%s%s%s: %s\n", table, *key ? " " : "", key, text);
        return;
    }
    json_open(&faults->list, NULL, '{');
    json_text(&faults->list, "table", table);
    json_text(&faults->list, "key", *key ? key : NULL);
    json_text(&faults->list, "text", text);
    json_close(&faults->list, '}');
}

static void print_json(struct faults *faults, const struct check_done *done)
{
    struct json *json = &faults->list;

    json_close(json, ']');
    json_bool(json, "good", done->faults == 0);
    json_uint(json, "records", done->rows);
    json_uint(json, "artifacts", done->artifacts);
    json_uint(json, "missing", done->missing);
    json_uint(json, "bytes", done->bytes);
    json_time(json, "backup", done->copied_us);
    json_close(json, '}');
    json_print(json, stdout);
}

static void print_text(const struct check_done *done, const char *folder)
{
    printf("%s: %" PRIu64 " records, %" PRIu64 " uses of artifacts", folder, done->rows,
           done->artifacts);
    if (done->missing)
        printf(", %" PRIu64 " of them no longer stored", done->missing);
    if (done->bytes)
        printf(", %s read", human_size(done->bytes).text);
    if (done->copied_us)
        printf("; a backup of %s", human_time(done->copied_us).text);
    putchar('\n');
    if (done->faults)
        printf("%" PRIu64 " faults: end the broker, keep this folder, and restore a "
               "backup (docs/backup.md)\n",
               done->faults);
    else
        puts("the store is sound");
}

int verb_check(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    bool with_bytes = false;
    const struct option options[] = { { "bytes", 0, OPTION_FLAG, &with_bytes } };
    scoped_folder char *folder = NULL;
    struct faults faults = { .json = false };
    struct check_done done;
    struct err err;
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 1);

    if (end == EXIT_GO_ON)
        end = broker_folder_find(&cli, cli.word_count ? cli.words[0] : NULL, "FOLDER",
                                 &folder);
    if (end != EXIT_GO_ON)
        return end;
    faults.json = cli.json;
    if (cli.json) {
        json_open(&faults.list, NULL, '{');
        json_open(&faults.list, "faults", '[');
    }
    if (broker_check(folder, with_bytes, take, &faults, &done, &err) != RC_OK) {
        end = cli_fail_err(&cli, exit_code_of((int)err.rc), &err);
    } else {
        end = done.faults ? EXIT_FAILED : EXIT_DONE;
        cli.json ? print_json(&faults, &done) : print_text(&done, folder);
    }
    json_fini(&faults.list);
    return end;
}
