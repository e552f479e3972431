/* broker_folder.h - the folder of a broker on this machine, for verbs that read its
 * files.
 */
#pragma once

#include "client/cli/cli.h"

#include <stdlib.h>

static inline void folder_free(char **folder)
{
    free(*folder);
}
#define scoped_folder __attribute__((cleanup(folder_free)))

/* named: as the person wrote it, or NULL for the project's own; way: how to name one.
 * *folder is to be freed. EXIT_GO_ON, or the exit code after the fault was said. */
int broker_folder_find(struct cli *cli, const char *named, const char *way,
                       char **folder);
