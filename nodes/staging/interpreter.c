/* interpreter.c - see interpreter.h. Where Python keeps packages: the documentation of
 * its module `site`; names of their folders: PEP 376 and PEP 427; pyvenv.cfg: PEP 405;
 * how pyenv chooses a version: its README, "Understanding Python version selection". */
#include "nodes/staging/interpreter.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PACKAGES_MAX = 20000, PYENV_NAME_MAX = 64 };

PRINTF_LIKE(2, 3) static bool write_path(char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(path, INTERPRETER_PATH_MAX, format, arguments);
    va_end(arguments);
    return size > 0 && size < INTERPRETER_PATH_MAX;
}

static bool find_program(const char *search, const char *name, char *path)
{
    while (*search) {
        size_t size = strcspn(search, ":");

        if (size > 0 && *search == '/'
            && write_path(path, "%.*s/%s", (int)size, search, name)
            && access(path, X_OK) == 0)
            return true;
        search += size;
        search += *search == ':';
    }
    path[0] = '\0';
    return false;
}

static void add_folder(struct interpreter *interpreter, const char *path)
{
    struct stat info;

    for (unsigned i = 0; i < interpreter->folder_count; i++)
        if (strcmp(interpreter->folders[i], path) == 0)
            return;
    if (interpreter->folder_count < INTERPRETER_FOLDERS_MAX && stat(path, &info) == 0
        && S_ISDIR(info.st_mode))
        snprintf(interpreter->folders[interpreter->folder_count++], INTERPRETER_PATH_MAX,
                 "%s", path);
}

/* The folder above that of the program. */
static bool prefix_of(const char *program, char prefix[INTERPRETER_PATH_MAX])
{
    char copy[INTERPRETER_PATH_MAX];

    return write_path(copy, "%s", program)
           && write_path(prefix, "%s", dirname(dirname(copy)));
}

static void add_prefix(struct interpreter *interpreter, const char *prefix,
                       const char *minor)
{
    static const char *const forms[] = { "lib/python%s/site-packages",
                                         "local/lib/python%s/dist-packages",
                                         "lib/python%s/dist-packages" };
    char inner[128], path[INTERPRETER_PATH_MAX];

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(inner, sizeof inner, forms[i], minor); /* a literal above */
#pragma GCC diagnostic pop
        if (write_path(path, "%s/%s", prefix, inner))
            add_folder(interpreter, path);
    }
    if (write_path(path, "%s/lib/python3/dist-packages", prefix))
        add_folder(interpreter, path);
}

/* What a virtual environment tells: its version, and whether it looks outside, too. */
static bool read_config(const char *prefix, char version[32], bool *looks_outside)
{
    char path[INTERPRETER_PATH_MAX], line[512];

    if (!write_path(path, "%s/pyvenv.cfg", prefix))
        return false;

    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "version = %31[0-9.]", version) == 1
            || sscanf(line, "version_info = %31[0-9.]", version) == 1)
            continue;
        *looks_outside |= strncmp(line, "include-system-site-packages = true", 35) == 0;
    }
    fclose(file);
    return true;
}

/* "3.11" of "/usr/bin/python3.11"; nothing of "/usr/bin/python3". */
static void minor_of(const char *program, char minor[16])
{
    const char *name = strrchr(program, '/');

    minor[0] = '\0';
    if (name && (sscanf(name, "/python%15[0-9.]", minor) != 1 || !strchr(minor, '.')))
        minor[0] = '\0';
}

/* The first word of a file, if it has one. */
static bool read_word(const char *path, char word[PYENV_NAME_MAX])
{
    FILE *file = fopen(path, "re");
    bool is_read = file && fscanf(file, "%63s", word) == 1;

    if (file)
        fclose(file);
    return is_read;
}

/* The nearest .python-version, from the folder upward. */
static bool read_pinned(const char *folder, char name[PYENV_NAME_MAX])
{
    char above[INTERPRETER_PATH_MAX], path[INTERPRETER_PATH_MAX];

    if (!folder || folder[0] != '/' || !write_path(above, "%s", folder))
        return false;
    for (char *end; (end = strrchr(above, '/')); *end = '\0')
        if (write_path(path, "%s/.python-version", above) && read_word(path, name))
            return true;
    return false;
}

/* Puts the program in the place of the shim that starts it. False: it is not there. */
static bool pass_shim(const struct interpreter_search *search, char *program)
{
    static const char shims[] = "/shims";
    char root[INTERPRETER_PATH_MAX], path[INTERPRETER_PATH_MAX], name[PYENV_NAME_MAX];
    char *slash;

    if (!write_path(root, "%s", program) || !(slash = strrchr(root, '/')))
        return true;
    *slash = '\0';
    slash -= slash - root < (int)sizeof shims - 1 ? 0 : sizeof shims - 1;
    if (strcmp(slash, shims) != 0)
        return true;
    *slash = '\0';
    if (!write_path(path, "%s/version", root))
        return false;
    if (search->pyenv_version && search->pyenv_version[0])
        snprintf(name, sizeof name, "%.*s", (int)strcspn(search->pyenv_version, ":"),
                 search->pyenv_version);
    else if (!read_pinned(search->folder, name) && !read_word(path, name))
        return false;
    return strcmp(name, "system") != 0
           && write_path(program, "%s/versions/%s/bin/python3", root, name)
           && access(program, X_OK) == 0;
}

static void add_python_path(struct interpreter *interpreter, const char *python_path)
{
    for (const char *at = python_path; at && *at; at += at[0] == ':') {
        char folder[INTERPRETER_PATH_MAX];
        size_t size = strcspn(at, ":");

        if (*at == '/' && write_path(folder, "%.*s", (int)size, at))
            add_folder(interpreter, folder);
        at += size;
    }
}

void interpreter_find(const struct interpreter_search *search,
                      struct interpreter *interpreter)
{
    char program[INTERPRETER_PATH_MAX], real[PATH_MAX], prefix[INTERPRETER_PATH_MAX];
    char minor[16];
    bool looks_outside = false;

    interpreter->path[0] = interpreter->version[0] = '\0';
    interpreter->folder_count = 0;
    if (!find_program(search->path, "python3", interpreter->path)
        && !find_program(search->path, "python", interpreter->path))
        return;
    memcpy(program, interpreter->path, sizeof program);
    if (!pass_shim(search, program) || !realpath(program, real))
        return;
    minor_of(real, minor);
    snprintf(interpreter->version, sizeof interpreter->version, "%s", minor);
    add_python_path(interpreter, search->python_path);
    if (prefix_of(program, prefix)
        && read_config(prefix, interpreter->version, &looks_outside)) {
        add_prefix(interpreter, prefix, minor);
        if (!looks_outside)
            return;
    }
    if (prefix_of(real, prefix))
        add_prefix(interpreter, prefix, minor);
}

static uint64_t stamp_of(uint64_t stamp, const char *text)
{
    for (; *text; text++)
        stamp = (stamp ^ (unsigned char)*text) * 1099511628211u;
    return stamp;
}

uint64_t interpreter_stamp(const struct interpreter *interpreter)
{
    uint64_t stamp = 14695981039346656037u; /* FNV-1a */

    for (unsigned i = 0; i < interpreter->folder_count; i++) {
        struct stat info = { 0 };

        if (stat(interpreter->folders[i], &info) != 0)
            continue;

        const uint64_t parts[] = { info.st_dev, info.st_ino,
                                   (uint64_t)info.st_mtim.tv_sec,
                                   (uint64_t)info.st_mtim.tv_nsec };

        for (size_t k = 0; k < COUNT_OF(parts); k++)
            stamp = (stamp ^ parts[k]) * 1099511628211u;
    }
    stamp = stamp_of(stamp, interpreter->path);
    return stamp_of(stamp, interpreter->version);
}

/* "numpy==1.26.0" of "numpy-1.26.0.dist-info" or "numpy-1.26.0-py3.11.egg-info"; NULL:
 * the folder is of another kind. */
static const char *package_of(struct arena *arena, const char *folder)
{
    char name[NAME_MAX + 1];
    char *end;

    snprintf(name, sizeof name, "%s", folder);
    end = strrchr(name, '.');
    if (!end || (strcmp(end, ".dist-info") != 0 && strcmp(end, ".egg-info") != 0))
        return NULL;
    *end = '\0';
    end = strstr(name, "-py");
    if (end && end[3] >= '0' && end[3] <= '9')
        *end = '\0';
    end = strrchr(name, '-');
    if (!end)
        return arena_text(arena, name);
    *end = '\0';
    return arena_printf(arena, "%s==%s", name, end + 1);
}

static bool add_package(struct packages *packages, const char *name)
{
    if (packages->count == packages->capacity) {
        size_t capacity = packages->capacity ? packages->capacity * 2 : 64;
        const char **names = arena_array(packages->arena, capacity, sizeof *names);

        if (!names)
            return false;
        if (packages->count > 0)
            memcpy(names, packages->names, packages->count * sizeof *names);
        packages->names = names;
        packages->capacity = capacity;
    }
    packages->names[packages->count++] = name;
    return true;
}

static bool add_packages_of(struct packages *packages, const char *folder)
{
    DIR *open = opendir(folder);
    bool fits = true;

    if (!open)
        return true;
    for (const struct dirent *entry;
         fits && packages->count < PACKAGES_MAX && (entry = readdir(open));) {
        const char *name = package_of(packages->arena, entry->d_name);

        fits = !name || add_package(packages, name);
    }
    closedir(open);
    return fits;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum rc interpreter_packages(const struct interpreter *interpreter,
                             struct packages *packages, struct err *err)
{
    size_t kept = 0;

    for (unsigned i = 0; i < interpreter->folder_count; i++)
        if (!add_packages_of(packages, interpreter->folders[i]))
            return err_set(err, RC_NO_MEMORY, "no memory for the list of packages");
    if (packages->count > 0)
        qsort(packages->names, packages->count, sizeof *packages->names, by_name);
    for (size_t i = 0; i < packages->count; i++)
        if (kept == 0 || strcmp(packages->names[kept - 1], packages->names[i]) != 0)
            packages->names[kept++] = packages->names[i];
    packages->count = kept;
    return RC_OK;
}
