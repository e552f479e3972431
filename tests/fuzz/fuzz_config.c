/* Any bytes give findings or a config, the counts agree with the list, and nothing is
 * counted twice. */
#include "codecs/config/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lint lint;
    struct err err;
    size_t counted = 0;

    if (lint_file("fuzz.yaml", data, size, &lint, &err) != RC_OK)
        return 0;
    for (size_t i = 0; i < lint.finding_count; i++) {
        must(lint.findings[i].message && lint.findings[i].path && lint.findings[i].id);
        counted += lint.findings[i].level != FINDING_HINT;
    }
    must(counted == lint.error_count + lint.warning_count
         || lint.finding_count == CONFIG_FINDINGS_MAX);
    must(lint.config || lint.error_count > 0);
    lint_fini(&lint);
    return 0;
}
