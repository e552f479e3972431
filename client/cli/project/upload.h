/* upload.h - brings local files into the broker's store. */
#pragma once

#include "client/cli/cli.h"

struct upload {
    const char *path, *digest; /* borrowed until upload_files returns */
    uint64_t size;
};

/* Sends those that the store lacks; on a terminal with a line that shows how far it is.
 */
int upload_files(struct cli *cli, const struct upload *files, size_t count);
