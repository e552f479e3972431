/* broker_folder.c - see broker_folder.h. */
#include "client/cli/broker_folder.h"

#include "client/cli/project/project.h"

#include <string.h>

int broker_folder_find(struct cli *cli, const char *named, const char *way, char **folder)
{
    int end = EXIT_GO_ON;

    if (named) {
        *folder = strdup(named);
        return *folder ? EXIT_GO_ON : cli_fail(cli, EXIT_FAILED, "no memory");
    }
    end = cli_peer(cli);
    if (end != EXIT_GO_ON)
        return end;
    if (cli->peer.broker)
        return cli_fail(cli, EXIT_WRONG,
                        "this reads the broker's files: run it on the broker's machine, "
                        "as the user of brokerd, with %s (its setting directory)",
                        way);
    if (!cli_has_store(cli))
        return cli_fail(cli, EXIT_WRONG,
                        "there is no project with runs here: go to one, or use %s", way);
    *folder = project_path(cli->project, ".sluice");
    return *folder ? EXIT_GO_ON : cli_fail(cli, EXIT_FAILED, "no memory");
}
