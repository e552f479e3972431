/* transfer.c - see transfer.h. */
#include "bench/transfer.h"

#include "bench/limits.h"
#include "bench/measure.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LARGE_BYTES = 256 << 20,
    REPEATS_MAX = 15,
    FILES = 10000,
    FILE_BYTES = 1024,
    MB = 1000000,
};

/* Bytes that no file system and no store has twice. */
static void bytes_fill(uint64_t *words, size_t bytes, uint64_t *seed)
{
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        words[i] = *seed;
    }
}

static void file_write(const char *path, size_t bytes, uint64_t *seed)
{
    uint64_t words[FILE_BYTES / sizeof(uint64_t)];
    FILE *file = fopen(path, "we");

    for (size_t done = 0; file && done < bytes; done += sizeof words) {
        bytes_fill(words, sizeof words, seed);
        if (fwrite(words, sizeof words, 1, file) != 1)
            fail("cannot write %s", path);
    }
    if (!file || fclose(file) != 0)
        fail("cannot write %s", path);
}

static void folder_remove(const char *path)
{
    run_ms(NULL, (const char *const[]){ "/bin/rm", "-rf", path, NULL });
}

static void print(const char *name, double ours_ms, double limit_ms, bool as_json)
{
    double megabytes = (double)LARGE_BYTES / MB * 1000;

    metric_print(&(struct metric){ "transfer", name, "MB/s", megabytes / ours_ms,
                                   megabytes / limit_ms, 0.8 * megabytes / limit_ms },
                 as_json);
}

void bench_transfer(const char *folder, size_t repeats, bool as_json)
{
    double hash[REPEATS_MAX], put[REPEATS_MAX], get[REPEATS_MAX], all[REPEATS_MAX],
        sha[REPEATS_MAX], copy[REPEATS_MAX], both[REPEATS_MAX];
    char file[PATH_MAX], scratch[PATH_MAX], text[128];
    uint64_t seed = (uint64_t)now_ms() | 1;

    repeats = repeats < REPEATS_MAX ? repeats : REPEATS_MAX;
    snprintf(file, sizeof file, "%s/large", folder);
    snprintf(scratch, sizeof scratch, "%s/moved", folder);
    file_write(file, LARGE_BYTES, &seed);
    for (size_t i = 0; i < repeats; i++) {
        run_text((const char *const[]){ MOVE_PROGRAM, scratch, file, NULL }, text,
                 sizeof text);
        if (sscanf(text, "%lf %lf %lf", &hash[i], &put[i], &get[i]) != 3)
            fail("move said %s", text);
        all[i] = hash[i] + put[i];
        folder_remove(scratch);
        sha[i] = limit_sha_ms(file);
        memory_warm(folder, LARGE_BYTES);
        copy[i] = limit_copy_ms(file, folder);
        both[i] = sha[i] + copy[i];
    }
    print("hash", median(hash, repeats), median(sha, repeats), as_json);
    print("store", median(put, repeats), median(copy, repeats), as_json);
    print("fetch", median(get, repeats), median(copy, repeats), as_json);
    print("hash+store", median(all, repeats), median(both, repeats), as_json);
}

/* A folder of FILES new files in the project. */
static void files_make(const char *folder, uint64_t *seed)
{
    char path[PATH_MAX + 32];

    if (mkdir(folder, 0755) != 0)
        fail("cannot make %s", folder);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%05u", folder, i);
        file_write(path, FILE_BYTES, seed);
    }
}

void bench_files(const char *folder, size_t repeats, bool as_json)
{
    double ours[REPEATS_MAX], again[REPEATS_MAX], limit[REPEATS_MAX];
    char files[PATH_MAX], copy[PATH_MAX];
    const char *run[] = { SLUICE_PROGRAM, "run", "--step", "one", NULL };
    uint64_t seed = (uint64_t)now_ms() | 1;

    repeats = repeats < 5 ? repeats : 5; /* each leaves its files until the end */
    run_ms(folder, run);
    for (size_t i = 0; i < repeats; i++) {
        snprintf(files, sizeof files, "%s/files-%zu", folder, i);
        snprintf(copy, sizeof copy, "%s/.sluice/copy-%zu", folder, i);
        files_make(files, &seed);
        if (mkdir(copy, 0755) != 0)
            fail("cannot make %s", copy);
        ours[i] = run_ms(folder, run);
        limit[i] = limit_tar_ms(files, copy);
        again[i] = run_ms(folder, run);
        /* Out of the next snapshot, and not removed: freed inodes slow down whoever makes
         * new ones. */
        snprintf(copy, sizeof copy, "%s/.sluice/files-%zu", folder, i);
        if (rename(files, copy) != 0)
            fail("cannot move %s", files);
    }
    run_ms(folder, (const char *const[]){ SLUICE_PROGRAM, "stop", NULL });

    double least = median(limit, repeats);

    metric_print(&(struct metric){ "files", "moved", "ms", median(ours, repeats), least,
                                   2 * least },
                 as_json);
    metric_print(&(struct metric){ "files", "again", "ms", median(again, repeats), least,
                                   2 * least },
                 as_json);
}
