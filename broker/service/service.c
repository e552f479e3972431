/* service.c - see service.h. */
#include "broker/service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_CONFIG = 'c', OPTION_SETTING = 256 };

/* The settings' own options behind the program's. */
static void list_options(struct service_options *options, const struct option *own,
                         struct option *all)
{
    size_t count = 0;

    while (own[count].name) {
        all[count] = own[count];
        count++;
    }
    must(count <= SERVICE_OPTIONS_MAX);
    all[count++] = (struct option){ "config", required_argument, NULL, OPTION_CONFIG };
    for (size_t i = 0; i < options->schema->count; i++) {
        char *name = options->names[i];

        must(strlen(options->schema->rows[i].key) < SERVICE_KEY_MAX);
        snprintf(name, SERVICE_KEY_MAX, "%s", options->schema->rows[i].key);
        for (char *point = name; (point = strchr(point, '.')) != NULL;)
            *point = '-';
        all[count++] =
            (struct option){ name, required_argument, NULL, OPTION_SETTING + (int)i };
    }
    all[count] = (struct option){ NULL, 0, NULL, 0 };
}

int service_answer(const struct settings_schema *schema, const char *usage, int argc,
                   char **argv)
{
    scoped_buf example = { 0 };

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0)
            return printf("%s %s\n", schema->program, SLUICE_VERSION) < 0;
        if (strcmp(argv[i], "--help") == 0)
            return fputs(usage, stdout) < 0;
        if (strcmp(argv[i], "--example") == 0) {
            settings_example(schema, &example);
            return fputs(buf_string(&example), stdout) < 0;
        }
    }
    return -1;
}

bool service_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;
    unsigned long long read = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || read > max)
        return false;
    *number = read;
    return true;
}

bool service_options_read(struct service_options *options, int argc, char **argv,
                          const struct option *own, service_option *take, void *context)
{
    struct option all[SERVICE_OPTIONS_MAX + SETTINGS_MAX + 2];
    bool is_good = true;

    list_options(options, own, all);
    for (int option; (option = getopt_long(argc, argv, "c:", all, NULL)) != -1;) {
        if (option == OPTION_CONFIG)
            options->file = optarg;
        else if (option >= OPTION_SETTING)
            options->texts[option - OPTION_SETTING] = optarg;
        else
            is_good &= option != '?' && take(context, option, optarg);
    }
    if (optind < argc) {
        fprintf(stderr, "%s: \"%s\" is one argument too many\n", options->schema->program,
                argv[optind]);
        return false;
    }
    return is_good;
}

static enum rc read_file(const char *path, struct buf *bytes, struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    buf_init(bytes, SETTINGS_BYTES_MAX + 65536);
    while (bytes->size <= SETTINGS_BYTES_MAX) {
        void *room = buf_room(bytes, 65536);

        if (!room)
            return err_set(err, RC_NO_MEMORY, "no memory to read %s", path);

        ssize_t got = read(fd, room, 65536);

        if (got < 0)
            return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
        if (got == 0)
            break;
        buf_grew(bytes, (size_t)got);
    }
    return RC_OK;
}

struct settings *service_settings(const struct service_options *options, struct err *err)
{
    scoped(settings) settings = settings_create(options->schema);
    scoped_buf bytes = { 0 };

    if (!settings) {
        err_set(err, RC_NO_MEMORY, "no memory for the settings");
        return NULL;
    }
    if (options->file) {
        if (read_file(options->file, &bytes, err) != RC_OK)
            return NULL;
        settings_read(settings, options->file, bytes.data ? (const void *)bytes.data : "",
                      bytes.size);
    }
    for (size_t i = 0; i < options->schema->count; i++)
        if (options->texts[i])
            settings_set(settings, &options->schema->rows[i], options->texts[i]);
    return steal(&settings);
}

void service_tell_changes(const struct settings_schema *schema,
                          const struct settings *before, const struct settings *after)
{
    size_t changed = 0;

    for (size_t i = 0; i < schema->count; i++) {
        const struct setting *row = &schema->rows[i];
        scoped_buf was = { 0 };
        scoped_buf is = { 0 };

        if (settings_agree(before, after, row))
            continue;
        changed++;
        settings_show(before, row, &was);
        settings_show(after, row, &is);
        fprintf(stderr, "%s: %s was \"%s\" and is \"%s\"%s\n", schema->program, row->key,
                buf_string(&was), buf_string(&is),
                row->is_reloadable ? "" : " after a restart; until then nothing changes");
    }
    if (changed == 0)
        fprintf(stderr, "%s: read the settings again; nothing changed\n",
                schema->program);
}
