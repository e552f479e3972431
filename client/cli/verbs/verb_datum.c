/* verb_datum.c - `sluice datum ls|show|add`: files that can be named. */
#include "client/cli/datum.h"
#include "client/cli/project/digests.h"
#include "client/cli/text/human.h"
#include "client/cli/project/project.h"
#include "client/cli/reference.h"
#include "client/cli/project/upload.h"
#include "client/cli/verbs/verbs.h"
#include "codecs/plan/tree.h"
#include "codecs/value/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_DEFAULT = 50, PAGE_MAX = 1000 };

struct asked {
    struct texts tags;
    const char *alias, *name, *run;
    uint64_t limit;
};

/* One page: prints it, and gives where the next one begins. */
static int list_page(struct cli *cli, const struct sluice_datum_query *query,
                     struct json *json, uint64_t *left, uint64_t *next)
{
    struct sluice_datums *datums;

    if (sluice_datums(cli->sluice, query, &datums, &cli->error))
        return cli_fail_last(cli);
    for (size_t i = 0; cli->json && i < datums->count; i++)
        json_datum(json, NULL, &datums->datums[i]);
    if (!cli->json && datums->count)
        datums_print(datums->datums, datums->count);
    *left -= datums->count < *left ? datums->count : *left;
    *next = datums->next;
    sluice_datums_free(datums);
    return EXIT_GO_ON;
}

static int list(struct cli *cli, const struct asked *asked)
{
    struct sluice_datum_query query = {
        .glob = cli->word_count > 1 ? cli->words[1] : NULL,
        .tag = asked->tags.count ? asked->tags.items[0] : NULL
    };
    scoped_json json = { 0 };
    uint64_t left = asked->limit;
    int end = asked->tags.count > 1
                  ? cli_fail(cli, EXIT_WRONG, "datum ls takes one --tag")
              : asked->run ? run_find(cli, asked->run, &query.run)
                           : cli_connect(cli, CONNECT_STORE);

    if (end != EXIT_GO_ON)
        return end;
    json_open(&json, NULL, '{');
    json_open(&json, "datums", '[');
    do {
        query.limit = (uint32_t)(left < PAGE_MAX ? left : PAGE_MAX);
        end = list_page(cli, &query, &json, &left, &query.before);
    } while (end == EXIT_GO_ON && left && query.before);
    end = list_end(cli, end, &json, left == asked->limit, "datums");
    if (end == EXIT_DONE && query.before && left < asked->limit)
        cli_note(cli, "there are more: -n N shows N");
    return end;
}

static void print_datum(const struct sluice_datum *datum)
{

    printf("id        %s\n", datum->id);
    printf("uri       datum://%s\n", datum->id);
    printf("name      %s\n", datum->name);
    printf("size      %s\n", human_size(datum->size).text);
    printf("digest    %s\n", datum->digest);
    printf("created   %s\n", human_time(datum->created_us).text);
    if (datum->run)
        printf("from      %" PRIu64 "/%s/%" PRIu64 "\n", datum->run, datum->stage,
               datum->index);
    if (*datum->by)
        printf("by        %s\n", datum->by);
    for (size_t i = 0; i < datum->tag_count; i++)
        printf("%-10s%s\n", i ? "" : "tags", datum->tags[i]);
}

static int show(struct cli *cli)
{
    struct sluice_resolution *resolution;
    scoped_json json = { 0 };
    int end = cli->word_count < 2
                  ? cli_fail(cli, EXIT_WRONG, "usage: %s", help_usage(cli->verb))
                  : cli_connect(cli, CONNECT_STORE);

    if (end == EXIT_GO_ON)
        end = names_resolve(cli, cli->words[1], &resolution);
    if (end != EXIT_GO_ON)
        return end;

    const struct sluice_resolved *found = &resolution->resolved[0];

    if (*found->version) {
        end = cli_fail(cli, EXIT_WRONG, "%s is a dataset: `sluice dataset show` shows it",
                       cli->words[1]);
    } else {
        end = EXIT_DONE;
        if (cli->json) {
            json_datum(&json, NULL, found->files);
            json_print(&json, stdout);
        } else {
            print_datum(found->files);
        }
    }
    sluice_resolution_free(resolution);
    return end;
}

/* Digest and size of the file; its absolute path to *path, to be freed. */
static int hash(struct cli *cli, const char *file, char **path, struct digest_set *set,
                uint64_t *size)
{
    scoped(digests) digests = digests_create(NULL);
    struct err err;

    *path = realpath(file, NULL);
    if (!*path)
        return cli_fail(cli, EXIT_WRONG, "there is no file %s", file);
    if (!digests)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (digests_get(digests, *path, true, set, size, &err) != RC_OK)
        return cli_fail_err(cli, EXIT_WRONG, &err);
    return EXIT_GO_ON;
}

static int store(struct cli *cli, const struct asked *asked, const char *path,
                 const struct digest_set *set, uint64_t size, char id[37])
{
    const char *slash = strrchr(path, '/');
    struct upload upload = { .path = path, .digest = set->sha256, .size = size };
    struct sluice_new_datum datum = { .name = asked->name ? asked->name : slash + 1,
                                      .digest = set->sha256,
                                      .md5 = set->md5,
                                      .sha1 = set->sha1,
                                      .size = size,
                                      .alias = asked->alias,
                                      .tags = (const char *const *)asked->tags.items,
                                      .tag_count = asked->tags.count };
    int end = tree_path_is_safe(datum.name)
                  ? cli_connect(cli, CONNECT_START)
                  : cli_fail(cli, EXIT_WRONG,
                             "\"%s\" is no safe relative path: give a "
                             "--name",
                             datum.name);

    if (end == EXIT_GO_ON)
        end = upload_files(cli, &upload, 1);
    if (end == EXIT_GO_ON
        && sluice_datum_add(cli->sluice, names_project(cli), names_user().text, &datum,
                            id, &cli->error))
        end = cli_fail_last(cli);
    return end;
}

static int add(struct cli *cli, const struct asked *asked)
{
    struct digest_set set;
    uint64_t size = 0;
    char *path = NULL, id[37];
    scoped_json json = { 0 };
    int end = cli->word_count < 2
                  ? cli_fail(cli, EXIT_WRONG, "usage: %s", help_usage(cli->verb))
                  : hash(cli, cli->words[1], &path, &set, &size);

    if (end == EXIT_GO_ON)
        end = store(cli, asked, path, &set, size, id);
    free(path);
    if (end != EXIT_GO_ON)
        return end;
    if (cli->json) {
        json_open(&json, NULL, '{');
        json_text(&json, "id", id);
        json_text(&json, "digest", set.sha256);
        json_uint(&json, "size", size);
        json_close(&json, '}');
        json_print(&json, stdout);
    } else {
        printf("datum://%s\n", id);
    }
    return EXIT_DONE;
}

int verb_datum(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    struct asked asked = { .limit = LIMIT_DEFAULT };
    const struct option options[] = {
        { "tag", 't', OPTION_LIST, &asked.tags },
        { "alias", 0, OPTION_TEXT, &asked.alias },
        { "name", 0, OPTION_TEXT, &asked.name },
        { "run", 0, OPTION_TEXT, &asked.run },
        { "limit", 'n', OPTION_NUMBER, &asked.limit },
    };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 1, 2);

    if (end == EXIT_GO_ON && asked.limit == 0)
        end = cli_fail(&cli, EXIT_WRONG, "-n takes 1 or more");
    if (end == EXIT_GO_ON) {
        const char *what = cli.words[0];

        end = strcmp(what, "ls") == 0     ? list(&cli, &asked)
              : strcmp(what, "show") == 0 ? show(&cli)
              : strcmp(what, "add") == 0
                  ? add(&cli, &asked)
                  : cli_fail(&cli, EXIT_WRONG, "say ls, show or add, not \"%s\"", what);
    }
    texts_fini(&asked.tags);
    return end;
}
