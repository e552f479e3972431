/* verb_backup.c - `sluice backup DIR`: a copy of the broker's folder that it could start
 * on. Files are read here, so it runs on the broker's machine. */
#include "broker/backup/backup.h"
#include "client/cli/broker_folder.h"
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/verbs/verbs.h"

#include <inttypes.h>

static void print_json(const struct backup_done *done)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_text(&json, "store", done->store);
    json_time(&json, "taken", done->taken_us);
    json_uint(&json, "runs", done->runs);
    json_uint(&json, "event", done->event);
    json_uint(&json, "new_artifacts", done->objects);
    json_uint(&json, "new_bytes", done->bytes);
    json_uint(&json, "linked", done->shared);
    json_uint(&json, "store_bytes", done->store_bytes);
    json_uint(&json, "damaged", done->damaged);
    json_uint(&json, "pruned", done->pruned);
    json_close(&json, '}');
    json_print(&json, stdout);
}

static void print_text(const struct backup_done *done, const char *into)
{
    printf("%s: the store up to run %" PRIu64 " and event %" PRIu64 " (%s), %" PRIu64
           " new artifacts",
           into, done->runs, done->event, human_size(done->store_bytes).text,
           done->objects);
    printf(" (%s", human_size(done->bytes).text);
    if (done->shared)
        printf(", %" PRIu64 " as hard links", done->shared);
    puts(")");
    if (done->pruned)
        printf("%" PRIu64 " artifacts that the broker no longer has were removed\n",
               done->pruned);
}

int verb_backup(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    const char *from = NULL;
    bool prunes = false;
    const struct option options[] = {
        { "from", 0, OPTION_TEXT, &from },
        { "prune", 0, OPTION_FLAG, &prunes },
    };
    scoped_folder char *folder = NULL;
    struct backup_done done;
    struct err err;
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 1);

    if (end == EXIT_GO_ON)
        end = broker_folder_find(&cli, from, "--from FOLDER", &folder);
    if (end != EXIT_GO_ON)
        return end;
    if (backup_make(folder, cli.words[0], prunes, &done, &err) != RC_OK)
        return cli_fail_err(&cli, exit_code_of((int)err.rc), &err);
    if (cli.json)
        print_json(&done);
    else
        print_text(&done, cli.words[0]);
    if (!done.damaged)
        return EXIT_DONE;
    if (!cli.json)
        fprintf(stderr,
                "sluice backup: %" PRIu64 " artifacts were not copied, their bytes are "
                "wrong; `sluice check --bytes` names them\n",
                done.damaged);
    return EXIT_FAILED;
}
