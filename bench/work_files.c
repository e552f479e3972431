/* work_files.c - many small files from a folder of the project into the folder of a task.
 */
#include "bench/bytes.h"
#include "bench/limits/limits.h"
#include "bench/project.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct metric metrics[] = { { "*", "ms", AT_MOST_LIMITS, 2 } };

static void files_make(const char *folder, size_t count, uint64_t *seed)
{
    char path[PATH_MAX + 32];

    if (mkdir(folder, 0755) != 0)
        fail("cannot make %s", folder);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%05zu", folder, i);
        bytes_write(path, 1024, seed);
    }
}

static void run(const struct bench *bench)
{
    double ours[REPEATS_MAX], again[REPEATS_MAX], limit[REPEATS_MAX];
    size_t count = bench_size(bench, 10000, 200);
    size_t repeats = bench_repeats(bench, 5); /* each leaves its files until the end */
    char files[PATH_MAX], copy[PATH_MAX];
    uint64_t seed = (uint64_t)now_ms() | 1;

    project_write(bench, 1);
    SLUICE(bench, "run", "--step", "one");
    for (size_t i = 0; i < repeats; i++) {
        snprintf(files, sizeof files, "%s/files-%zu", bench->folder, i);
        snprintf(copy, sizeof copy, "%s/.sluice/copy-%zu", bench->folder, i);
        files_make(files, count, &seed);
        if (mkdir(copy, 0755) != 0)
            fail("cannot make %s", copy);
        ours[i] = SLUICE(bench, "run", "--step", "one");
        limit[i] = limit_tar_ms(files, copy);
        again[i] = SLUICE(bench, "run", "--step", "one");
        /* Out of the next snapshot, and not removed: freed inodes slow down whoever makes
         * new ones. */
        snprintf(copy, sizeof copy, "%s/.sluice/files-%zu", bench->folder, i);
        if (rename(files, copy) != 0)
            fail("cannot move %s", files);
    }
    SLUICE(bench, "stop");
    bench_tell_medians(bench, "moved", ours, limit, repeats);
    bench_tell_medians(bench, "again", again, limit, repeats);
}

const struct workload work_files = {
    "files", "sluice run with 10,000 new files of 1 KiB in the project", METRICS(metrics),
    run
};
