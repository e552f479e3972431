/* verb_status.c - `sluice status`, `sluice nodes`, `sluice stop`: the broker itself. */
#include "client/cli/text/human.h"
#include "client/cli/text/json_out.h"
#include "client/cli/project/project.h"
#include "client/cli/text/term.h"
#include "client/cli/verbs/verbs.h"
#include "client/cli/cli.h"

#include <inttypes.h>

static void print_status(const struct sluice_info *info)
{
    printf("broker     %s\n", info->endpoint);
    printf("version    %s, protocol %" PRIu32 "\n", info->version, info->protocol);
    printf("store      %s\n", info->store);
    if (info->pid)
        printf("process    %" PRIu32 "\n", info->pid);
    printf("since      %s\n", human_time(info->started_us).text);
    printf("runs       %" PRIu64 ", %" PRIu64 " of them active\n", info->runs,
           info->runs_active);
    printf("events     %" PRIu64 "\n", info->last_event);
    printf("nodes      %" PRIu32 "\n", info->nodes);
}

static void print_status_json(const struct sluice_info *info)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_text(&json, "endpoint", info->endpoint);
    json_text(&json, "events_endpoint", info->events_endpoint);
    json_text(&json, "bulk_endpoint", info->bulk_endpoint);
    json_text(&json, "version", info->version);
    json_text(&json, "store", info->store);
    json_uint(&json, "pid", info->pid);
    json_time(&json, "started", info->started_us);
    json_uint(&json, "runs", info->runs);
    json_uint(&json, "runs_active", info->runs_active);
    json_uint(&json, "last_event", info->last_event);
    json_uint(&json, "nodes", info->nodes);
    json_uint(&json, "protocol", info->protocol);
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_status(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    struct sluice_info info;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 0, 0);

    if (end == EXIT_GO_ON)
        end = cli_connect(&cli, CONNECT_RUNNING);
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_status(cli.sluice, &info, &cli.error))
        return cli_fail_last(&cli);
    if (cli.json)
        print_status_json(&info);
    else
        print_status(&info);
    return EXIT_DONE;
}

static void print_nodes(const struct sluice_nodes *nodes)
{
    static const char *const names[] = { "NODE", "STATE", "BUSY", "VERSION", "SEEN" };
    struct term term = term_of(stdout);
    scoped_table table = { .column_count = COUNT_OF(names) };

    table_heading(&table, names);
    for (size_t i = 0; i < nodes->count; i++) {
        const struct sluice_node *node = &nodes->nodes[i];

        table_cell(&table, STYLE_STRONG, "%s", node->name);
        table_cell(&table, style_of_state(node->state), "%s", node->state);
        table_cell(&table, STYLE_PLAIN, "%" PRIu32 "/%" PRIu32, node->busy, node->slots);
        table_cell(&table, STYLE_PLAIN, "%s", node->version);
        table_cell(&table, STYLE_PLAIN, "%s", human_time(node->seen_us).text);
    }
    table_print(&table, &term, stdout);
}

static void print_nodes_json(const struct sluice_nodes *nodes)
{
    scoped_json json = { 0 };

    json_open(&json, NULL, '{');
    json_open(&json, "nodes", '[');
    for (size_t i = 0; i < nodes->count; i++) {
        const struct sluice_node *node = &nodes->nodes[i];

        json_open(&json, NULL, '{');
        json_text(&json, "name", node->name);
        json_text(&json, "state", node->state);
        json_uint(&json, "slots", node->slots);
        json_uint(&json, "busy", node->busy);
        json_text(&json, "version", node->version);
        json_time(&json, "seen", node->seen_us);
        json_uint(&json, "protocol", node->protocol);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    json_print(&json, stdout);
}

int verb_nodes(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    struct sluice_nodes *nodes;
    int end = cli_begin(&cli, argc, argv, NULL, 0, 0, 0);

    if (end == EXIT_GO_ON)
        end = cli_connect(&cli, CONNECT_RUNNING);
    if (end != EXIT_GO_ON)
        return end;
    if (sluice_nodes(cli.sluice, &nodes, &cli.error))
        return cli_fail_last(&cli);
    if (cli.json)
        print_nodes_json(nodes);
    else
        print_nodes(nodes);
    sluice_nodes_free(nodes);
    return EXIT_DONE;
}

static int print_stopped(const struct cli *cli, bool was_running)
{
    scoped_json json = { 0 };

    if (!cli->json) {
        puts(was_running ? "the broker has ended" : "no broker is running here");
        return EXIT_DONE;
    }
    json_open(&json, NULL, '{');
    json_bool(&json, "was_running", was_running);
    json_close(&json, '}');
    json_print(&json, stdout);
    return EXIT_DONE;
}

int verb_stop(int argc, char **argv)
{
    scoped_cli cli = { 0 };
    bool force = false;
    const struct option options[] = { { "force", 0, OPTION_FLAG, &force } };
    int end = cli_begin(&cli, argc, argv, options, COUNT_OF(options), 0, 0);

    if (end != EXIT_GO_ON)
        return end;
    end = cli_peer(&cli);
    if (end != EXIT_GO_ON)
        return end;
    if (cli.peer.broker)
        return cli_fail(&cli, EXIT_WRONG,
                        "this ends only a project's private broker, not the one at %s",
                        cli.peer.broker);
    if (!cli_has_store(&cli))
        return print_stopped(&cli, false);

    int code = sluice_open_project(cli.project, false, &cli.sluice, &cli.error);

    /* A broker that died may have left a node at work; only a broker can end that in
     * order. */
    if (code == SLUICE_UNREACHABLE && force)
        code = sluice_open_project(cli.project, true, &cli.sluice, &cli.error);
    else if (code == SLUICE_UNREACHABLE)
        return print_stopped(&cli, false);
    if (code || sluice_shutdown(cli.sluice, force, &cli.error))
        return cli_fail_last(&cli);
    return print_stopped(&cli, true);
}
