/* work.c - see work.h. */
#include "tests/chaos/work.h"

#include <string.h>

enum { OUTPUT_EVERY = 7 };

const struct work_stage work_stages[WORK_STAGES] = {
    { "first", 40, "" },
    { "second", 30, "f" },
    { "third", 29, "f" },
    { "gather", 1, "st" },
};

size_t work_stage_find(const char *name)
{
    size_t i = 0;

    while (i < WORK_STAGES && strcmp(work_stages[i].name, name) != 0)
        i++;
    return i;
}

static void write_step(struct buf *yaml, const struct work_stage *stage,
                       const char *ledger)
{
    buf_printf(yaml,
               "- step:\n"
               "    name: %s\n"
               "    image: none\n"
               "    command:\n"
               "      - n={parameter-value:n}\n"
               "      - echo \"$PWD\" >> %s/{parameter-value:tag}-%s-$n\n",
               stage->name, ledger, stage->name);
    if (strcmp(stage->name, "first") == 0)
        buf_text(yaml, "      - sleep 0.$(printf %03d $((n % 50 + 1)))\n");
    if (strcmp(stage->name, "third") == 0)
        buf_printf(yaml,
                   "      - if [ $((n %% %d)) -eq 0 ]; then echo $n > "
                   "\"$VH_OUTPUTS_DIR/$n.txt\"; fi\n"
                   "      - 'echo \"{\\\"n\\\": $n}\"'\n",
                   OUTPUT_EVERY);
    if (strcmp(stage->name, "gather") == 0)
        buf_printf(yaml,
                   "      - test $(cat \"$VH_INPUTS_DIR\"/files/* | wc -l) -eq %d\n",
                   (int)work_stages[2].tasks / OUTPUT_EVERY);
    buf_text(yaml, "    parameters:\n"
                   "      - {name: n, type: integer, default: 1}\n"
                   "      - {name: tag, type: string, default: none}\n");
    if (strcmp(stage->name, "gather") == 0)
        buf_text(yaml, "    inputs:\n      - name: files\n");
    if (stage->tasks > 1)
        buf_printf(yaml,
                   "- task:\n"
                   "    name: %s-sweep\n"
                   "    step: %s\n"
                   "    type: grid_search\n"
                   "    parameters:\n"
                   "      - name: n\n"
                   "        style: linear\n"
                   "        rules: {start: 1, end: %d, step: 1}\n",
                   stage->name, stage->name, (int)stage->tasks);
}

void work_write(const char *ledger, struct buf *yaml)
{
    for (size_t i = 0; i < WORK_STAGES; i++)
        write_step(yaml, &work_stages[i], ledger);
    buf_text(yaml, "- pipeline:\n"
                   "    name: work\n"
                   "    parameters:\n"
                   "      - name: tag\n"
                   "        default: none\n"
                   "        targets: [");
    for (size_t i = 0; i < WORK_STAGES; i++)
        buf_printf(yaml, "%s%s.parameter.tag", i ? ", " : "", work_stages[i].name);
    buf_text(yaml, "]\n    nodes:\n");
    for (size_t i = 0; i < WORK_STAGES; i++) {
        const struct work_stage *stage = &work_stages[i];

        if (stage->tasks > 1)
            buf_printf(yaml, "      - {name: %s, type: task, task: %s-sweep}\n",
                       stage->name, stage->name);
        else
            buf_printf(yaml, "      - {name: %s, type: execution, step: %s}\n",
                       stage->name, stage->name);
    }
    buf_text(yaml, "    edges:\n"
                   "      - [first.dependency.*, second.dependency.*]\n"
                   "      - [first.dependency.*, third.dependency.*]\n"
                   "      - [second.dependency.*, gather.dependency.*]\n"
                   "      - [third.output.*.txt, gather.input.files]\n");
}
