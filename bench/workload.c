/* workload.c - the lines of the harness, see workload.h. */
#include "bench/workload.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

size_t bench_repeats(const struct bench *bench, size_t most)
{
    if (bench->is_quick)
        return 1;
    return bench->repeats < most ? bench->repeats : most;
}

size_t bench_size(const struct bench *bench, size_t full, size_t quick)
{
    return bench->is_quick ? quick : full;
}

static const struct metric *find(const struct workload *workload, const char *name)
{
    const struct metric *any = NULL;

    for (size_t i = 0; i < workload->metric_count; i++) {
        if (strcmp(workload->metrics[i].name, name) == 0)
            return &workload->metrics[i];
        if (strcmp(workload->metrics[i].name, "*") == 0)
            any = &workload->metrics[i];
    }
    if (!any)
        fail("%s has no metric \"%s\"", workload->name, name);
    return any;
}

/* The target as a figure of ours; 0: none. */
static double target_of(const struct metric *metric, double limit)
{
    switch (metric->bound) {
    case BOUND_NONE:
        return 0;
    case AT_MOST:
    case AT_LEAST:
        return metric->target;
    case AT_MOST_LIMITS:
    case AT_LEAST_LIMITS:
        return metric->target * limit;
    }
    return 0;
}

static bool is_met(const struct metric *metric, double ours, double target)
{
    return metric->bound == AT_LEAST || metric->bound == AT_LEAST_LIMITS ? ours >= target
                                                                         : ours <= target;
}

static void print_json(const struct bench *bench, const char *name, const char *unit,
                       const double figures[3], const char *met)
{
    static const char *const keys[] = { "ours", "limit", "target" };

    printf("{\"workload\": \"%s\", \"metric\": \"%s\", \"unit\": \"%s\"",
           bench->workload->name, name, unit);
    for (int i = 0; i < 3; i++)
        if (i == 0 || figures[i] > 0)
            printf(", \"%s\": %.4f", keys[i], figures[i]);
        else
            printf(", \"%s\": null", keys[i]);
    if (figures[1] > 0)
        printf(", \"ratio\": %.4f", figures[0] / figures[1]);
    else
        printf(", \"ratio\": null");
    printf(", \"met\": %s, \"quick\": %s}\n", met, bench->is_quick ? "true" : "false");
}

static void print_line(const struct bench *bench, const char *name, const char *unit,
                       const double figures[3], const char *bound)
{
    printf("%-11s %-22s %11.2f %-8s", bench->workload->name, name, figures[0], unit);
    if (figures[1] > 0)
        printf(" limit %12.2f  ratio %7.2f", figures[1], figures[0] / figures[1]);
    else
        printf(" %33s", "");
    if (figures[2] > 0)
        printf("  %s %.6g", bound, figures[2]);
}

void bench_tell(const struct bench *bench, const char *name, double ours, double limit)
{
    const struct metric *metric = find(bench->workload, name);
    const double figures[3] = { ours, limit, target_of(metric, limit) };
    bool met = is_met(metric, ours, figures[2]);

    if (bench->as_json) {
        print_json(bench, name, metric->unit, figures,
                   figures[2] <= 0 ? "null"
                   : met           ? "true"
                                   : "false");
    } else {
        print_line(bench, name, metric->unit, figures,
                   metric->bound == AT_LEAST || metric->bound == AT_LEAST_LIMITS
                       ? "at least"
                       : "at most");
        puts(figures[2] <= 0 ? "" : met ? ": met" : ": MISSED");
    }
    fflush(stdout);
}

void bench_tell_medians(const struct bench *bench, const char *metric, double *ours,
                        double *limits, size_t count)
{
    bench_tell(bench, metric, median(ours, count), median(limits, count));
}

void bench_check(bool holds, const char *format, ...)
{
    char text[500];
    va_list list;

    if (holds)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fail("%s", text);
}
