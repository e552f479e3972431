/* secret.c - see secret.h. */
#include "codecs/plan/secret.h"

#include "codecs/digest/digest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const parts[] = { "password", "passwd", "secret", "credential" };
static const char *const ends[] = { "token", "api_key", "apikey", "access_key",
                                    "private_key" };

static bool has_part(const char *name, const char *part)
{
    size_t size = strlen(part);

    for (; strlen(name) >= size; name++)
        if (strncasecmp(name, part, size) == 0)
            return true;
    return false;
}

bool variable_is_secret(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (has_part(name, parts[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (size >= strlen(ends[i])
            && strcasecmp(name + size - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

void secret_mask(const uint8_t key[SECRET_KEY_SIZE], const char *name, const char *value,
                 char mask[MASK_SIZE])
{
    uint8_t mac[DIGEST_SIZE];
    scoped_buf text = { 0 };

    buf_add(&text, name, strlen(name) + 1);
    buf_text(&text, value);
    must(buf_ok(&text));
    digest_keyed(key, SECRET_KEY_SIZE, text.data, text.size, mac);
    memcpy(mask, "masked:", 7);
    for (size_t i = 0; i < 16; i++)
        snprintf(mask + 7 + 2 * i, 3, "%02x", mac[i]);
}

static bool is_to_be_masked(const struct plan_variable *variable)
{
    return variable->value && !variable->masked && variable_is_secret(variable->name);
}

bool plan_stage_is_masked(const struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->variable_count; i++)
        if (stage->variables[i].masked)
            return true;
    return false;
}

bool plan_stage_has_secrets(const struct plan_stage *stage)
{
    for (size_t i = 0; i < stage->variable_count; i++)
        if (is_to_be_masked(&stage->variables[i]))
            return true;
    return false;
}

enum rc plan_stage_mask(struct arena *arena, const uint8_t key[SECRET_KEY_SIZE],
                        struct plan_stage *stage, struct plan_secrets *secrets,
                        struct err *err)
{
    size_t count = stage->variable_count;
    struct plan_secrets found = { 0 };

    if (plan_stage_has_secrets(stage)) {
        struct plan_variable *variables = arena_array(arena, count, sizeof *variables);

        found.items = arena_array(arena, count, sizeof *found.items);
        if (!variables || !found.items)
            return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for variables",
                           stage->name);
        memcpy(variables, stage->variables, count * sizeof *variables);
        for (size_t i = 0; i < count; i++) {
            char mask[MASK_SIZE];

            if (!is_to_be_masked(&variables[i]))
                continue;
            found.items[found.count++] =
                (struct plan_secret){ variables[i].name, variables[i].value };
            secret_mask(key, variables[i].name, variables[i].value, mask);
            variables[i].value = arena_text(arena, mask);
            variables[i].masked = true;
            if (!variables[i].value)
                return err_set(err, RC_NO_MEMORY, "no memory for a mask");
        }
        stage->variables = variables;
    }
    *secrets = found;
    return RC_OK;
}

void plan_stage_unmask(struct plan_stage *stage, const struct plan_secrets *secrets)
{
    for (size_t i = 0; i < stage->variable_count; i++)
        for (size_t s = 0; s < secrets->count && stage->variables[i].masked; s++)
            if (strcmp(stage->variables[i].name, secrets->items[s].name) == 0) {
                stage->variables[i].value = secrets->items[s].value;
                stage->variables[i].masked = false;
            }
}
