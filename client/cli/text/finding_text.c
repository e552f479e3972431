/* finding_text.c - see finding_text.h. */
#include "client/cli/text/finding_text.h"

const char *finding_level_name(enum finding_level level)
{
    static const char *const names[] = {
        [FINDING_ERROR] = "error",
        [FINDING_WARNING] = "warning",
        [FINDING_HINT] = "hint",
    };

    return names[level];
}

static void print_detail(FILE *to, const struct term *term, const char *name,
                         const char *text)
{
    if (text && *text)
        fprintf(to, "    %s%s:%s %s\n", style_on(term, STYLE_WAITING), name,
                style_off(term, STYLE_WAITING), text);
}

void finding_print(FILE *to, const struct term *term, const char *file,
                   const struct finding *finding)
{
    static const enum style styles[] = {
        [FINDING_ERROR] = STYLE_BAD,
        [FINDING_WARNING] = STYLE_STRONG,
        [FINDING_HINT] = STYLE_BUSY,
    };
    enum style style = styles[finding->level];

    fprintf(to, "%s%s", style_on(term, STYLE_STRONG), file);
    if (finding->place.line)
        fprintf(to, ":%u:%u", finding->place.line, finding->place.column);
    fprintf(to, ":%s %s%s:%s %s [%s]\n", style_off(term, STYLE_STRONG),
            style_on(term, style), finding_level_name(finding->level),
            style_off(term, style), finding->message, finding->id);
    print_detail(to, term, "at", finding->path);
    print_detail(to, term, "did you mean", finding->nearest);
    print_detail(to, term, "hint", finding->hint);
}
