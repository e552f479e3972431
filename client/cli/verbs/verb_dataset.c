/* verb_dataset.c - `sluice dataset ls|show|create|add`: versions of sets of files. */
#include "client/cli/datum.h"
#include "client/cli/text/human.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/base/arena.h"
#include "codecs/names/names.h"

#include <inttypes.h>
#include <string.h>

enum { PAGE_MAX = 1000, ARENA_MAX = 64 << 20 };

struct asked {
    const char *base;
    struct texts exclude;
};

static void print_json(struct json *json, const struct sluice_datasets *datasets)
{
    for (size_t i = 0; i < datasets->count; i++) {
        const struct sluice_dataset *version = &datasets->versions[i];

        json_open(json, NULL, '{');
        json_text(json, "dataset", version->dataset);
        json_text(json, "version", version->version);
        json_uint(json, "files", version->files);
        json_uint(json, "bytes", version->bytes);
        json_text(json, "from", *version->base ? version->base : NULL);
        json_time(json, "created", version->created_us);
        json_time(json, "changed", version->changed_us);
        json_text(json, "by", *version->by ? version->by : NULL);
        json_close(json, '}');
    }
}

static void print_table(const struct sluice_datasets *datasets)
{
    static const char *const names[] = { "DATASET", "VERSION", "FILES",
                                         "SIZE",    "CREATED", "BY" };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names),
                           .right = { false, false, true, true } };

    table_heading(&table, names);
    for (size_t i = 0; i < datasets->count; i++) {
        const struct sluice_dataset *version = &datasets->versions[i];

        table_cell(&table, STYLE_STRONG, "%s", version->dataset);
        table_cell(&table, STYLE_STRONG, "%s", version->version);
        table_cell(&table, STYLE_PLAIN, "%" PRIu64, version->files);
        table_cell(&table, STYLE_PLAIN, "%s", human_size(version->bytes).text);
        table_cell(&table, STYLE_PLAIN, "%s", human_time(version->created_us).text);
        table_cell(&table, STYLE_WAITING, "%s", version->by);
    }
    table_print(&table, &term, stdout);
}

/* last: the URI of the last version of the page before, "" at first. */
static int page(struct cli *cli, const char *dataset, char last[NAME_URI_SIZE],
                struct json *json, size_t *count)
{
    struct sluice_datasets *datasets;

    if (sluice_datasets(cli->sluice, names_project(cli), dataset, *last ? last : NULL,
                        &datasets, &cli->error))
        return cli_fail_last(cli);
    *count = datasets->count;
    if (cli->json)
        print_json(json, datasets);
    else if (datasets->count)
        print_table(datasets);
    if (datasets->count)
        dataset_uri_write(datasets->versions[datasets->count - 1].dataset,
                          datasets->versions[datasets->count - 1].version, last);
    sluice_datasets_free(datasets);
    return EXIT_GO_ON;
}

static int list(struct cli *cli, const char *dataset)
{
    scoped_json json = { 0 };
    char last[NAME_URI_SIZE] = "";
    size_t count = 0, all = 0;
    int end = cli_connect(cli, CONNECT_STORE);

    json_open(&json, NULL, '{');
    json_open(&json, "datasets", '[');
    while (end == EXIT_GO_ON) {
        end = page(cli, dataset, last, &json, &count);
        all += count;
        if (count < PAGE_MAX)
            break;
    }
    return list_end(cli, end, &json, all == 0, "datasets");
}

/* NAME/VERSION with its scheme; NULL when out of memory. */
static const char *version_uri(struct arena *arena, const char *text)
{
    return name_uri_is(text) ? text : arena_printf(arena, "dataset://%s", text);
}

static int show(struct cli *cli, const char *text, struct arena *arena)
{
    struct sluice_resolution *resolution;
    scoped_json json = { 0 };
    const char *uri = version_uri(arena, text);
    int end = uri ? cli_connect(cli, CONNECT_STORE)
                  : cli_fail(cli, EXIT_FAILED, "out of memory");

    if (end == EXIT_GO_ON)
        end = names_resolve(cli, uri, &resolution);
    if (end != EXIT_GO_ON)
        return end;

    const struct sluice_resolved *found = &resolution->resolved[0];

    if (!*found->version) {
        end = cli_fail(cli, EXIT_WRONG, "%s is no dataset: `sluice datum show` shows it",
                       text);
    } else if (cli->json) {
        json_open(&json, NULL, '{');
        json_text(&json, "uri", found->version);
        json_open(&json, "files", '[');
        for (size_t i = 0; i < found->file_count; i++)
            json_datum(&json, NULL, &found->files[i]);
        json_close(&json, ']');
        json_close(&json, '}');
        json_print(&json, stdout);
    } else {
        printf("%s: %zu file%s\n", found->version, found->file_count,
               found->file_count == 1 ? "" : "s");
        if (found->file_count)
            datums_print(found->files, found->file_count);
    }
    sluice_resolution_free(resolution);
    return end == EXIT_GO_ON ? EXIT_DONE : end;
}

static int change(struct cli *cli, const struct asked *asked, bool is_new,
                  struct arena *arena)
{
    size_t count = cli->word_count - 2;
    const char **files = arena_array(arena, count, sizeof *files);
    struct sluice_dataset_change wanted = {
        .uri = version_uri(arena, cli->words[1]),
        .create = is_new,
        .base = asked->base ? version_uri(arena, asked->base) : NULL,
        .exclude = (const char *const *)asked->exclude.items,
        .exclude_count = asked->exclude.count,
        .files = files,
        .file_count = count
    };
    scoped_json json = { 0 };
    int end = files && wanted.uri ? cli_connect(cli, CONNECT_START)
                                  : cli_fail(cli, EXIT_FAILED, "out of memory");

    for (size_t i = 0; end == EXIT_GO_ON && i < count; i++) {
        files[i] = names_uri(arena, cli->words[2 + i]);
        if (!files[i])
            end = cli_fail(cli, EXIT_FAILED, "out of memory");
    }
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_dataset_change(cli->sluice, names_project(cli), names_user().text, &wanted,
                              &cli->error))
        return cli_fail_last(cli);
    if (cli->json) {
        json_open(&json, NULL, '{');
        json_text(&json, "dataset", wanted.uri);
        json_text(&json, "done", is_new ? "created" : "added");
        json_close(&json, '}');
        json_print(&json, stdout);
    } else {
        printf("%s %s\n", wanted.uri, is_new ? "created" : "changed");
    }
    return EXIT_DONE;
}

static int dispatch(struct cli *cli, const struct asked *asked, struct arena *arena)
{
    const char *what = cli->words[0];
    size_t words = cli->word_count;

    if (!arena)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (strcmp(what, "ls") == 0 && words <= 2)
        return list(cli, words == 2 ? cli->words[1] : NULL);
    if (strcmp(what, "show") == 0 && words == 2)
        return show(cli, cli->words[1], arena);
    if (strcmp(what, "create") == 0 && words >= 2)
        return change(cli, asked, true, arena);
    if (strcmp(what, "add") == 0 && words >= 3)
        return change(cli, asked, false, arena);
    return cli_fail(cli, EXIT_WRONG, "usage: %s", help_usage(cli->verb));
}

int verb_dataset(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct asked asked = { 0 };
    const struct option options[] = {
        { "from", 0, OPTION_TEXT, &asked.base },
        { "exclude", 0, OPTION_LIST, &asked.exclude },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, SIZE_MAX);

    if (end == EXIT_GO_ON)
        end = dispatch(&cli, &asked, arena);
    texts_fini(&asked.exclude);
    return end;
}
