/* peer.c - see peer.h. */
#include "client/cli/peer.h"

#include "codecs/config/findings.h"
#include "codecs/settings/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTEXTS_SHOWN_MAX = 50 };

static const char *variable(const char *name)
{
    const char *text = getenv(name);

    return text && *text ? text : NULL;
}

/* false: there is no place for a person's settings. */
static bool settings_path(char path[PATH_MAX])
{
    const char *base = variable("XDG_CONFIG_HOME"), *home = variable("HOME");
    int size = base   ? snprintf(path, PATH_MAX, "%s/sluice/config.yaml", base)
               : home ? snprintf(path, PATH_MAX, "%s/.config/sluice/config.yaml", home)
                      : PATH_MAX;

    return size < PATH_MAX;
}

/* A file that is not there is an empty one. */
static enum rc read_file(const char *path, struct buf *bytes, struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? RC_OK
                   : err_set_sys(err, RC_INVALID, errno, "cannot read %s", path);
    buf_init(bytes, SETTINGS_BYTES_MAX + 65536);
    while (bytes->size <= SETTINGS_BYTES_MAX) {
        void *room = buf_room(bytes, 65536);
        ssize_t got = room ? read(fd, room, 65536) : -1;

        if (got < 0)
            return err_set_sys(err, RC_INVALID, errno, "cannot read %s", path);
        if (got == 0)
            break;
        buf_grew(bytes, (size_t)got);
    }
    return RC_OK;
}

static void set_timeout(struct settings *settings, const char *text)
{
    for (size_t i = 0; i < sluice_settings.count; i++)
        if (strcmp(sluice_settings.rows[i].key, "timeout") == 0)
            settings_set(settings, &sluice_settings.rows[i], text);
}

static enum rc load_file(struct settings *settings, const char *path, struct buf *bytes,
                         struct err *err)
{
    enum rc rc = read_file(path, bytes, err);

    if (rc == RC_OK && bytes->size > 0)
        settings_read(settings, path, bytes->data, bytes->size);
    return rc;
}

static enum rc load(const struct peer_wish *wish, char path[PATH_MAX],
                    struct settings **settings, struct err *err)
{
    scoped(settings) made = settings_create(&sluice_settings);
    scoped_buf bytes = { 0 }, own_bytes = { 0 };
    char own[PATH_MAX];
    enum rc rc;

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for the settings");
    if (settings_path(path)) {
        rc = load_file(made, path, &bytes, err);
        if (rc != RC_OK)
            return rc;
    }
    if (wish->project
        && snprintf(own, PATH_MAX, "%s/.sluice/config.yaml", wish->project) < PATH_MAX) {
        rc = load_file(made, own, &own_bytes, err);
        if (rc != RC_OK)
            return rc;
    }
    if (wish->timeout)
        set_timeout(made, wish->timeout);

    const char *faults = settings_faults(made);

    if (*faults)
        return err_set(err, RC_INVALID, "%.*s", (int)strlen(faults) - 1, faults);
    *settings = steal(&made);
    return RC_OK;
}

static enum rc unknown_context(const struct setting_entries *contexts, const char *name,
                               const char *path, struct err *err)
{
    const char *names[CONTEXTS_SHOWN_MAX];
    size_t count =
        contexts->count < CONTEXTS_SHOWN_MAX ? contexts->count : CONTEXTS_SHOWN_MAX;
    scoped_buf all = { 0 };

    for (size_t i = 0; i < count; i++) {
        names[i] = contexts->items[i].name;
        buf_printf(&all, "%s, ", names[i]);
    }

    const char *nearest = nearest_of(name, names, count);

    if (nearest)
        return err_set(err, RC_INVALID,
                       "there is no context \"%s\" in %s; did you mean %s?", name, path,
                       nearest);
    return err_set(err, RC_INVALID,
                   "there is no context \"%s\" in %s; there are %sprivate", name, path,
                   buf_string(&all));
}

static enum rc use_context(struct peer *peer, const char *name, const char *path,
                           struct err *err)
{
    const struct sluice_values *values = settings_values(peer->settings);

    if (strcmp(name, "private") == 0)
        return RC_OK;
    for (size_t i = 0; i < values->contexts.count; i++) {
        const struct context_values *context = values->contexts.items[i].values;

        if (strcmp(values->contexts.items[i].name, name) != 0)
            continue;
        if (!context->broker)
            return err_set(err, RC_INVALID,
                           "%s: contexts.%s.broker: has to be set: an endpoint such as "
                           "tcp://broker.lan:7101",
                           path, name);
        peer->broker = context->broker;
        peer->insecure |= context->insecure;
        return RC_OK;
    }
    return unknown_context(&values->contexts, name, path, err);
}

enum rc peer_find(const struct peer_wish *wish, struct peer *peer, struct err *err)
{
    char path[PATH_MAX] = "the settings";
    struct peer found = { .insecure = wish->insecure };
    const struct sluice_values *values;
    const char *context = wish->context;
    enum rc rc = load(wish, path, &found.settings, err);

    if (rc != RC_OK)
        return rc;
    values = settings_values(found.settings);
    found.timeout_ms = (uint32_t)values->timeout_ms;
    found.reuses = values->reuse;
    found.broker = wish->broker;
    if (!found.broker && !context)
        found.broker = variable("SLUICE_BROKER");
    if (!found.broker && !context)
        context = variable("SLUICE_CONTEXT");
    if (!found.broker && !context)
        context = values->context;
    if (!found.broker && context)
        rc = use_context(&found, context, path, err);
    if (rc == RC_OK)
        *peer = found;
    else
        peer_fini(&found);
    return rc;
}

void peer_fini(struct peer *peer)
{
    settings_destroy(peer->settings);
    *peer = (struct peer){ 0 };
}
