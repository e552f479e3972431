/* pipeline_file.h - the project's valohai.yaml, read and checked. */
#pragma once

#include "client/cli/cli.h"
#include "codecs/base/buf.h"
#include "codecs/config/read.h"

#define PIPELINE_FILE "valohai.yaml"

struct pipeline_file {
    char *path;
    struct buf bytes;
    struct lint lint; /* config is not NULL after EXIT_GO_ON */
};

/* Finds the project, reads the file; its errors are printed as `sluice lint` prints them.
 * EXIT_WRONG when there is none or it has errors. */
int pipeline_file_read(struct cli *cli, struct pipeline_file *file);
/* The same without a word, for completion. */
bool pipeline_file_try(struct cli *cli, struct pipeline_file *file);
void pipeline_file_fini(struct pipeline_file *file);
