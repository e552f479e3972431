/* download.h - artifacts into a folder, and never outside of it.
 *
 * Names come from tasks, the folder may hold anything: each part of a path is opened on
 * its own without following symbolic links. A file appears under its name only when it
 * is whole and its hash was checked. */
#pragma once

#include "client/cli/cli.h"

struct download;
/* Makes the folder if it is not there. */
int download_open(struct cli *cli, const char *folder, bool overwrite,
                  struct download **download);
void download_close(struct download *download); /* NULL is fine */
/* path: relative, '/'-separated. EXIT_WRONG when the file is there and may not be
 * replaced, or the path leads outside. */
int download_file(struct download *download, const char *path, const char *digest);
