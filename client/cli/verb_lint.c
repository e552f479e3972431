/* verb_lint.c - reads files, hands them to the linter, prints its findings.
 *
 * All findings of all files are printed before the exit status is decided. */
#include "client/cli/verb_lint.h"

#include "codecs/config/read.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status { STATUS_CLEAN, STATUS_ERRORS, STATUS_UNREADABLE };

static const char *const level_names[] = {
    [FINDING_ERROR] = "error",
    [FINDING_WARNING] = "warning",
    [FINDING_HINT] = "hint",
};

struct style { /* escape sequences; empty without colour */
    const char *strong, *level[3], *faint, *plain;
};

static const struct style coloured = {
    .strong = "\033[1m",
    .level = { [FINDING_ERROR] = "\033[31m",
               [FINDING_WARNING] = "\033[33m",
               [FINDING_HINT] = "\033[36m" },
    .faint = "\033[2m",
    .plain = "\033[0m",
};
static const struct style colourless = {
    .strong = "",
    .level = { "", "", "" },
    .faint = "",
    .plain = "",
};

static const struct style *style_pick(void)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (!no_color || !*no_color) ? &coloured : &colourless;
}

static void print_usage(FILE *to)
{
    fputs(
        "usage: sluice lint [--json] [FILE...]\n"
        "\n"
        "Checks pipeline files (valohai.yaml by default) and prints all that it finds.\n"
        "\n"
        "  --json      print the findings as JSON\n"
        "  -h, --help  print this\n"
        "\n"
        "Exit status: 0 clean or warnings only, 1 errors, 2 a file cannot be read.\n",
        to);
}

/* Reads what is there, up to one byte more than a file may have, so that the linter can
 * say that it is too large. */
static enum rc file_read(const char *file, struct buf *bytes, struct err *err)
{
    scoped_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat stat;

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot open %s", file);
    if (fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode))
        return err_set(err, RC_INVALID, "cannot read %s: it is a directory", file);
    for (;;) {
        size_t room = CONFIG_BYTES_MAX + 1 - bytes->size;
        void *to = buf_room(bytes, room < 65536 ? room : 65536);
        ssize_t got;

        if (room == 0)
            return RC_OK;
        if (!to)
            return err_set(err, RC_NO_MEMORY, "no memory to read %s", file);
        got = read(fd, to, room < 65536 ? room : 65536);
        if (got == 0)
            return RC_OK;
        if (got < 0 && errno != EINTR)
            return err_set_sys(err, RC_IO, errno, "cannot read %s", file);
        if (got > 0)
            buf_grew(bytes, (size_t)got);
    }
}

/* ---- as text ---- */

static void print_finding(const char *file, const struct finding *f,
                          const struct style *style)
{
    printf("%s%s", style->strong, file);
    if (f->place.line)
        printf(":%u:%u", f->place.line, f->place.column);
    printf(":%s %s%s:%s %s [%s]\n", style->plain, style->level[f->level],
           level_names[f->level], style->plain, f->message, f->id);
    if (f->path && *f->path)
        printf("    %sat:%s %s\n", style->faint, style->plain, f->path);
    if (f->nearest)
        printf("    %sdid you mean:%s %s\n", style->faint, style->plain, f->nearest);
    if (f->hint)
        printf("    %shint:%s %s\n", style->faint, style->plain, f->hint);
}

static void print_count(size_t count, const char *noun)
{
    printf("%zu %s%s", count, noun, count == 1 ? "" : "s");
}

static void print_text(const char *file, const struct lint *lint,
                       const struct style *style)
{
    size_t counted = lint->error_count + lint->warning_count, shown = 0;

    for (size_t i = 0; i < lint->finding_count; i++) {
        print_finding(file, &lint->findings[i], style);
        shown += lint->findings[i].level != FINDING_HINT;
    }
    if (counted > shown)
        printf("(%zu further findings are not shown)\n", counted - shown);
    printf("%s: ", file);
    print_count(lint->error_count, "error");
    printf(", ");
    print_count(lint->warning_count, "warning");
    printf("\n");
}

/* ---- as JSON ---- */

static void json_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, ", \"%s\": ", key);
    if (text)
        value_json_string(out, text, strlen(text));
    else
        buf_text(out, "null");
}

static void json_finding(struct buf *out, const struct finding *f)
{
    buf_printf(out, "{\"level\": \"%s\"", level_names[f->level]);
    json_text(out, "id", f->id);
    json_text(out, "message", f->message);
    json_text(out, "path", f->path);
    if (f->place.line)
        buf_printf(out, ", \"line\": %u, \"column\": %u", f->place.line, f->place.column);
    else
        buf_text(out, ", \"line\": null, \"column\": null");
    json_text(out, "nearest", f->nearest);
    json_text(out, "hint", f->hint);
    buf_byte(out, '}');
}

static void json_file(struct buf *out, const char *file, const struct lint *lint)
{
    buf_text(out, out->size > 1 ? ",\n {\"file\": " : "\n {\"file\": ");
    value_json_string(out, file, strlen(file));
    buf_printf(out, ", \"errors\": %zu, \"warnings\": %zu, \"findings\": [",
               lint->error_count, lint->warning_count);
    for (size_t i = 0; i < lint->finding_count; i++) {
        buf_text(out, i ? ",\n  " : "\n  ");
        json_finding(out, &lint->findings[i]);
    }
    buf_text(out, "]}");
}

/* ---- the verb ---- */

/* Checks one file; with json its findings go there, else to stdout. */
static enum status check(const char *file, struct buf *json, const struct style *style)
{
    scoped_buf bytes = { 0 };
    struct lint lint;
    struct err err = { 0 };
    enum status status;

    buf_init(&bytes, CONFIG_BYTES_MAX + 65536);
    if (file_read(file, &bytes, &err) != RC_OK
        || lint_file(file, bytes.data ? bytes.data : (const void *)"", bytes.size, &lint,
                     &err)
               != RC_OK) {
        fprintf(stderr, "sluice lint: %s\n", err.text);
        return STATUS_UNREADABLE;
    }
    if (json)
        json_file(json, file, &lint);
    else
        print_text(file, &lint, style);
    status = lint.error_count ? STATUS_ERRORS : STATUS_CLEAN;
    lint_fini(&lint);
    return status;
}

static enum status check_all(char **files, size_t count, struct buf *json)
{
    const struct style *style = style_pick();
    enum status worst = STATUS_CLEAN;

    for (size_t i = 0; i < count; i++) {
        enum status status = check(files[i], json, style);

        if (status > worst)
            worst = status;
    }
    return worst;
}

int verb_lint(int argc, char **argv)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    static char default_file[] = "valohai.yaml";
    char *default_files[] = { default_file };
    scoped_buf json = { 0 };
    bool as_json = false;
    int option;

    optind = 0; /* the caller may have read options of its own */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            print_usage(stdout);
            return STATUS_CLEAN;
        }
        if (option != 'j') {
            print_usage(stderr);
            return STATUS_UNREADABLE;
        }
        as_json = true;
    }

    bool given = optind < argc;
    enum status status;

    buf_init(&json, 0);
    buf_byte(&json, '[');
    status = check_all(given ? argv + optind : default_files,
                       given ? (size_t)(argc - optind) : 1, as_json ? &json : NULL);
    if (!as_json)
        return (int)status;
    buf_text(&json, json.size > 1 ? "\n]\n" : "]\n");
    if (!buf_ok(&json)) {
        fputs("sluice lint: the findings are too many for one JSON text; check fewer "
              "files at once\n",
              stderr);
        return STATUS_UNREADABLE;
    }
    fwrite(json.data, 1, json.size, stdout);
    return (int)status;
}
