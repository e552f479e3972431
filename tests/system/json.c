/* json.c - reads JSON values, one after the other, from standard input and prints a part
 * of each.
 *
 *   json [PATH]              PATH is keys and indexes with dots between, "#" counts
 * items; without one the input is only checked json --until TEXT PATH   prints nothing
 * and ends as soon as the part ends with TEXT
 *
 * Texts are printed as they are, null as "null", all else as compact JSON with sorted
 * keys. Exit: 0; 1 the part is missing, or TEXT did not come; 2 the input is not JSON. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *part_of(const json_t *value, const char *path)
{
    char key[256];

    while (value && *path) {
        size_t length = strcspn(path, ".");

        snprintf(key, sizeof key, "%.*s", (int)length, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
                                     : json_object_get(value, key);
        path += length;
        if (*path == '.')
            path++;
    }
    return value;
}

static bool print(const json_t *value, const char *path)
{
    size_t length = strlen(path);
    bool counts = length > 0 && path[length - 1] == '#';
    char upper[1024];

    snprintf(upper, sizeof upper, "%.*s", (int)(counts ? length - 1 : length), path);

    const json_t *part = part_of(value, upper);

    if (!part)
        return false;
    if (counts) {
        printf("%zu\n",
               json_is_array(part) ? json_array_size(part) : json_object_size(part));
    } else if (json_is_string(part)) {
        printf("%s\n", json_string_value(part));
    } else {
        json_dumpf(part, stdout,
                   JSON_COMPACT | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY
                       | JSON_SORT_KEYS);
        putchar('\n');
    }
    return true;
}

static bool ends_with(const json_t *value, const char *path, const char *text)
{
    const char *have = json_string_value(part_of(value, path));
    size_t length = strlen(text);

    return have && strlen(have) >= length
           && strcmp(have + strlen(have) - length, text) == 0;
}

int main(int argc, char **argv)
{
    const size_t flags = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES
                         | JSON_ALLOW_NUL;
    const char *until = argc == 4 && strcmp(argv[1], "--until") == 0 ? argv[2] : NULL;
    const char *path = argc > 1 ? argv[argc - 1] : NULL;
    bool found = !until;

    for (bool first = true;; first = false) {
        json_error_t error;
        int byte;

        while ((byte = getchar()) == '\n' || byte == ' ')
            ;
        if (byte == EOF && !first)
            break;
        ungetc(byte, stdin);

        json_t *value = json_loadf(stdin, flags, &error);

        if (!value) {
            fprintf(stderr, "json: %s at byte %d\n", error.text, error.position);
            return 2;
        }
        if (until && ends_with(value, path, until)) {
            json_decref(value);
            return 0;
        }
        if (!until && path && !print(value, path))
            found = false;
        json_decref(value);
    }
    return found ? 0 : 1;
}
