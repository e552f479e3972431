/* work_transfer.c - one large file: hashed, stored in a broker, fetched to a node. The
 * program `move` does and times it. */
#include "bench/bytes.h"
#include "bench/limits/limits.h"
#include "bench/workload.h"

#include <limits.h>

static const struct metric metrics[] = { { "*", "MB/s", AT_LEAST_LIMITS, 0.8 } };

static void tell(const struct bench *bench, const char *name, double ours_ms,
                 double limit_ms, size_t size)
{
    double megabytes = (double)size / 1e6 * 1e3;

    bench_tell(bench, name, megabytes / ours_ms, megabytes / limit_ms);
}

static void run(const struct bench *bench)
{
    double hash[REPEATS_MAX], digests[REPEATS_MAX], md5[REPEATS_MAX], put[REPEATS_MAX],
        get[REPEATS_MAX], all[REPEATS_MAX], sha[REPEATS_MAX], copy[REPEATS_MAX],
        both[REPEATS_MAX];
    size_t repeats = bench_repeats(bench, 15);
    size_t size = bench_size(bench, 256 << 20, 4 << 20);
    char file[PATH_MAX], scratch[PATH_MAX], text[128];
    uint64_t seed = (uint64_t)now_ms() | 1;

    snprintf(file, sizeof file, "%s/large", bench->folder);
    snprintf(scratch, sizeof scratch, "%s/moved", bench->folder);
    bytes_write(file, size, &seed);
    for (size_t i = 0; i < repeats; i++) {
        run_text((const char *const[]){ MOVE_PROGRAM, scratch, file, NULL }, text,
                 sizeof text);
        bench_check(
            sscanf(text, "%lf %lf %lf %lf", &hash[i], &digests[i], &put[i], &get[i]) == 4,
            "move said %s", text);
        all[i] = hash[i] + put[i];
        run_ms(NULL, (const char *const[]){ "/bin/rm", "-rf", scratch, NULL });
        sha[i] = limit_sha_ms(file);
        md5[i] = limit_md5_ms(file);
        memory_warm(bench->folder, size);
        copy[i] = limit_copy_ms(file, bench->folder);
        both[i] = sha[i] + copy[i];
    }
    tell(bench, "hash", median(hash, repeats), median(sha, repeats), size);
    tell(bench, "digests", median(digests, repeats), median(md5, repeats), size);
    tell(bench, "store", median(put, repeats), median(copy, repeats), size);
    tell(bench, "fetch", median(get, repeats), median(copy, repeats), size);
    tell(bench, "hash+store", median(all, repeats), median(both, repeats), size);
}

const struct workload work_transfer = { "transfer",
                                        "a file of 256 MiB hashed, stored and fetched",
                                        METRICS(metrics), run };
