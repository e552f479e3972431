/* stores.c - the file of stores, and what stands in for what it does not say. */
#include "nodes/stores/credentials.h"

#include <string.h>

static bool has_secret(const struct stores_values *values)
{
    for (size_t i = 0; i < values->stores.count; i++) {
        const struct store_values *entry = values->stores.items[i].values;

        if (entry->secret_key || entry->session_token)
            return true;
    }
    return false;
}

/* settings lives as long as the caller uses values of it. */
static enum rc stores_read(const char *file, struct arena *arena,
                           struct settings **settings, struct err *err)
{
    scoped(settings) made = settings_create(&stores_settings);
    const char *text;

    if (!made)
        return err_set(err, RC_NO_MEMORY, "no memory for the stores");

    enum rc rc = small_file_read(file, false, arena, &text, err);

    if (rc != RC_OK)
        return rc;
    if (*text)
        settings_read(made, file, text, strlen(text));

    const char *faults = settings_faults(made);

    if (*faults)
        return err_set(err, RC_INVALID, "%.*s", (int)strlen(faults) - 1, faults);
    if (has_secret(settings_values(made)))
        rc = small_file_read(file, true, arena, &text, err);
    if (rc == RC_OK)
        *settings = steal(&made);
    return rc;
}

static const char *copied(struct arena *arena, const char *text, bool *is_short)
{
    const char *copy = text ? arena_text(arena, text) : NULL;

    *is_short |= text && !copy;
    return copy;
}

/* The values without those of the settings, which end before the store does. */
static bool values_copy(struct arena *arena, const struct store_values *from,
                        struct store_values *to)
{
    bool is_short = false;

    *to = *from;
    to->bucket = copied(arena, from->bucket, &is_short);
    to->endpoint = copied(arena, from->endpoint, &is_short);
    to->region = copied(arena, from->region, &is_short);
    to->prefix = copied(arena, from->prefix, &is_short);
    to->credentials = copied(arena, from->credentials, &is_short);
    to->profile = copied(arena, from->profile, &is_short);
    to->access_key = copied(arena, from->access_key, &is_short);
    to->secret_key = copied(arena, from->secret_key, &is_short);
    to->session_token = copied(arena, from->session_token, &is_short);
    return !is_short;
}

static enum rc store_make(const char *name, const struct store_values *given,
                          struct arena *arena, struct store *store, struct err *err)
{
    struct store_values values;
    struct store made = { 0 };
    bool is_short = !values_copy(arena, given, &values);

    made.name = copied(arena, name, &is_short);
    made.bucket = values.bucket;
    made.prefix = values.prefix ? values.prefix : "";
    made.path_style = values.path_style;
    made.is_anonymous = values.anonymous;
    made.keeps_outputs = values.upload;
    made.region = values.region ? values.region : variable_text("AWS_REGION");
    if (!made.region)
        made.region = variable_text("AWS_DEFAULT_REGION");
    if (!made.region)
        made.region = "us-east-1";
    made.endpoint = values.endpoint ? values.endpoint : variable_text("AWS_ENDPOINT_URL");
    made.endpoint = made.endpoint
                        ? arena_text(arena, made.endpoint)
                        : arena_printf(arena, "https://s3.%s.amazonaws.com", made.region);
    if (is_short || !made.endpoint)
        return err_set(err, RC_NO_MEMORY, "no memory for a store");

    if (!strstr(made.endpoint, "://"))
        return err_set(err, RC_INVALID, "AWS_ENDPOINT_URL is no URL: %s", made.endpoint);

    char *end = strchr(made.endpoint, '\0');

    while (end > made.endpoint && end[-1] == '/')
        *--end = '\0';

    enum rc rc = made.is_anonymous ? RC_OK : credentials_find(&values, arena, &made, err);

    if (rc == RC_OK)
        *store = made;
    return rc;
}

enum rc store_of_bucket(const char *file, const char *bucket, struct arena *arena,
                        struct store *store, struct err *err)
{
    static const struct store_values nothing = { .path_style = true };
    scoped(settings) settings = NULL;
    const struct setting_entry *general = NULL;
    enum rc rc = file ? stores_read(file, arena, &settings, err) : RC_OK;

    if (rc != RC_OK)
        return rc;

    const struct stores_values *values = settings ? settings_values(settings) : NULL;

    for (size_t i = 0; values && i < values->stores.count; i++) {
        const struct setting_entry *entry = &values->stores.items[i];
        const struct store_values *found = entry->values;

        if (found->bucket && strcmp(found->bucket, bucket) == 0)
            return store_make(entry->name, found, arena, store, err);
        if (!found->bucket && !general)
            general = entry;
    }
    return general ? store_make(general->name, general->values, arena, store, err)
                   : store_make(NULL, &nothing, arena, store, err);
}

enum rc store_of_name(const char *file, const char *name, struct arena *arena,
                      struct store *store, struct err *err)
{
    scoped(settings) settings = NULL;
    enum rc rc = file ? stores_read(file, arena, &settings, err) : RC_OK;

    if (rc != RC_OK)
        return rc;

    const struct stores_values *values = settings ? settings_values(settings) : NULL;

    for (size_t i = 0; values && i < values->stores.count; i++) {
        const struct setting_entry *entry = &values->stores.items[i];
        const struct store_values *found = entry->values;

        if (strcmp(entry->name, name) != 0)
            continue;
        if (!found->upload) {
            *store = (struct store){ .keeps_outputs = false };
            return RC_OK;
        }
        if (!found->bucket)
            return err_set(err, RC_INVALID,
                           "%s: stores.%s.bucket: has to be set for outputs", file, name);
        return store_make(entry->name, found, arena, store, err);
    }
    return err_set(err, RC_NOT_FOUND,
                   "upload-store: this node knows no store \"%s\": add it to %s (see "
                   "sluice-settings(5)), with upload: false to keep outputs in the "
                   "broker's store only",
                   name, file ? file : "its file of stores");
}
