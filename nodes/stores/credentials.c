/* credentials.c - the file format is that of ~/.aws/credentials: sections in brackets,
 * "name = value" lines, comments from '#' or ';' at the start of a line. */
#include "nodes/stores/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20 };

const char *variable_text(const char *name)
{
    const char *text = getenv(name);

    return text && *text ? text : NULL;
}

enum rc secrets_are_private(int fd, const char *path, struct err *err)
{
    struct stat found;

    if (fstat(fd, &found) != 0)
        return err_set_sys(err, RC_IO, errno, "cannot look at %s", path);
    if (found.st_mode & 077)
        return err_set(err, RC_DENIED,
                       "%s holds secrets and others may read it: chmod 600 it", path);
    return RC_OK;
}

enum rc small_file_read(const char *path, bool has_secrets, struct arena *arena,
                        const char **text, struct err *err)
{
    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat found;
    enum rc rc;

    if (fd < 0 || fstat(fd, &found) != 0)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    if (!S_ISREG(found.st_mode) || found.st_size > FILE_BYTES_MAX)
        return err_set(err, RC_INVALID, "%s is no file of at most %d bytes", path,
                       FILE_BYTES_MAX);
    rc = has_secrets ? secrets_are_private(fd, path, err) : RC_OK;
    if (rc != RC_OK)
        return rc;

    char *bytes = arena_alloc(arena, (size_t)found.st_size + 1);
    ssize_t got = bytes ? read(fd, bytes, (size_t)found.st_size) : 0;

    if (!bytes)
        return err_set(err, RC_NO_MEMORY, "no memory to read %s", path);
    if (got < 0)
        return err_set_sys(err, RC_IO, errno, "cannot read %s", path);
    bytes[got] = '\0';
    *text = bytes;
    return RC_OK;
}

static char *trimmed(char *text)
{
    size_t size;

    text += strspn(text, " \t\r");
    size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1]))
        text[--size] = '\0';
    return text;
}

static void take_line(char *line, bool is_wanted, struct store *store)
{
    char *value = strchr(line, '=');

    if (!value || !is_wanted)
        return;
    *value++ = '\0';
    line = trimmed(line);
    value = trimmed(value);
    if (strcmp(line, "aws_access_key_id") == 0)
        store->access_key = value;
    else if (strcmp(line, "aws_secret_access_key") == 0)
        store->secret_key = value;
    else if (strcmp(line, "aws_session_token") == 0)
        store->session_token = value;
}

/* The keys of one section of a text, which is cut up. */
static void take_section(char *text, const char *profile, struct store *store)
{
    bool is_wanted = false;
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        line = trimmed(line);
        if (line[0] == '[') {
            line[strcspn(line, "]")] = '\0';
            is_wanted = strcmp(trimmed(line + 1), profile) == 0;
        } else if (line[0] != '#' && line[0] != ';')
            take_line(line, is_wanted, store);
    }
}

static enum rc from_file(const char *path, const char *profile, struct arena *arena,
                         struct store *store, struct err *err)
{
    const char *text;
    enum rc rc = small_file_read(path, true, arena, &text, err);

    if (rc != RC_OK)
        return rc;
    take_section((char *)(uintptr_t)text, profile, store);
    if (!store->access_key || !store->secret_key)
        return err_set(err, RC_DENIED,
                       "%s has no aws_access_key_id and aws_secret_access_key in [%s]",
                       path, profile);
    store->origin = arena_text(arena, path);
    return store->origin ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for a store");
}

/* The person's own file; none is no failure here. */
static enum rc from_home(const char *profile, struct arena *arena, struct store *store,
                         struct err *err)
{
    const char *path = variable_text("AWS_SHARED_CREDENTIALS_FILE");
    const char *home = variable_text("HOME");

    if (!path && home)
        path = arena_printf(arena, "%s/.aws/credentials", home);
    if (path && access(path, F_OK) == 0)
        return from_file(path, profile, arena, store, err);
    return err_set(err, RC_DENIED,
                   "there are no credentials for the object store%s%s: give access-key "
                   "and secret-key in the file of stores, or AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY to the node, or write ~/.aws/credentials; or "
                   "say anonymous: true if the bucket is public",
                   store->name ? " " : "", store->name ? store->name : "");
}

enum rc credentials_find(const struct store_values *values, struct arena *arena,
                         struct store *store, struct err *err)
{
    const char *profile =
        values->profile ? values->profile : variable_text("AWS_PROFILE");

    if (!profile)
        profile = "default";
    if (values->access_key && values->secret_key) {
        store->access_key = values->access_key;
        store->secret_key = values->secret_key;
        store->session_token = values->session_token;
        store->origin = "the file of stores";
        return RC_OK;
    }
    if (values->access_key || values->secret_key)
        return err_set(err, RC_INVALID,
                       "the store %s has one of access-key and secret-key: it needs both",
                       store->name);
    if (values->credentials)
        return from_file(values->credentials, profile, arena, store, err);
    store->access_key = variable_text("AWS_ACCESS_KEY_ID");
    store->secret_key = variable_text("AWS_SECRET_ACCESS_KEY");
    store->session_token = variable_text("AWS_SESSION_TOKEN");
    store->origin = "AWS_ACCESS_KEY_ID of the node";
    if (store->access_key && store->secret_key && !values->profile)
        return RC_OK;
    store->access_key = store->secret_key = store->session_token = NULL;
    return from_home(profile, arena, store, err);
}
