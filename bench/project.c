/* project.c - see project.h. */
#include "bench/project.h"

#include <limits.h>
#include <unistd.h>

static const char steps[] = "- step:\n"
                            "    name: one\n"
                            "    image: none\n"
                            "    command: \"true\"\n"
                            "- step:\n"
                            "    name: many\n"
                            "    image: none\n"
                            "    command: /bin/true\n"
                            "    parameters:\n"
                            "      - name: i\n"
                            "        type: integer\n";

FILE *project_file(const struct bench *bench, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", bench->folder, name);

    FILE *file = fopen(path, "we");

    if (!file)
        fail("cannot write %s", path);
    return file;
}

void project_file_close(FILE *file)
{
    if (fclose(file) != 0)
        fail("cannot write a file of the project");
}

void project_write(const struct bench *bench, size_t tasks)
{
    FILE *file = project_file(bench, "valohai.yaml");

    fputs(steps, file);
    fprintf(file,
            "- task:\n"
            "    name: many\n"
            "    step: many\n"
            "    type: grid_search\n"
            "    parameters:\n"
            "      - name: i\n"
            "        style: linear\n"
            "        rules: { start: 1, end: %zu, step: 1 }\n"
            "- pipeline:\n"
            "    name: many\n"
            "    nodes:\n"
            "      - name: many\n"
            "        type: task\n"
            "        task: many\n"
            "    edges: []\n",
            tasks);
    project_file_close(file);
}

double project_sluice(const struct bench *bench, const char *const words[])
{
    const char *arguments[16] = { SLUICE_PROGRAM };

    for (size_t i = 0; words[i]; i++)
        arguments[i + 1] = words[i];
    return run_ms(bench->folder, arguments);
}
