/* yaml_tabs.c - a scan of the gaps between scalars.
 *
 * Marks of libyaml count characters, not bytes, so the scan walks along the whole text
 * once and counts the characters itself. */
#include "codecs/config/yaml_tabs.h"

#include <stdio.h>
#include <string.h>

void yaml_tabs_init(struct yaml_tabs *tabs, const char *text, size_t size)
{
    *tabs = (struct yaml_tabs){ .text = text, .size = size, .place = { 1, 1 } };
}

static bool has_more(const struct yaml_tabs *tabs, size_t end)
{
    return tabs->at < tabs->size && tabs->index < end;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One character on. */
static void step(struct yaml_tabs *tabs)
{
    bool is_break = tabs->text[tabs->at] == '\n';

    do
        tabs->at++;
    while (tabs->at < tabs->size && (tabs->text[tabs->at] & 0xC0) == 0x80);
    tabs->index++;
    tabs->place.column++;
    if (is_break)
        tabs->place = (struct place){ tabs->place.line + 1, 1 };
}

static enum rc refuse_tab(const struct yaml_tabs *tabs, struct yaml_fault *fault)
{
    snprintf(fault->text, sizeof fault->text,
             "no valid YAML: a tab stands where only spaces may");
    fault->hint = "Replace the tab by spaces.";
    fault->place = tabs->place;
    return RC_INVALID;
}

static void step_line(struct yaml_tabs *tabs, size_t end)
{
    while (has_more(tabs, end) && tabs->text[tabs->at] != '\n')
        step(tabs);
}

static void step_word(struct yaml_tabs *tabs, size_t end)
{
    while (has_more(tabs, end) && !is_blank(tabs->text[tabs->at]))
        step(tabs);
}

/* Walks over indicators, comments, tags, anchors and directives. With only_properties it
 * ends before the first character that is none of blank, comment, tag and anchor. */
static enum rc scan_gap(struct yaml_tabs *tabs, size_t end, bool only_properties,
                        struct yaml_fault *fault)
{
    while (has_more(tabs, end)) {
        char c = tabs->text[tabs->at];

        if (c == '\t')
            return refuse_tab(tabs, fault);
        if (c == '#' || (c == '%' && tabs->place.column == 1))
            step_line(tabs, end);
        else if (c == '!' || c == '&' || c == '*')
            step_word(tabs, end);
        else if (only_properties && !is_blank(c))
            break;
        else
            step(tabs);
    }
    return RC_OK;
}

/* The line that begins a block scalar: a comment in it needs a space before it. */
static enum rc scan_header(struct yaml_tabs *tabs, size_t end, struct yaml_fault *fault)
{
    while (has_more(tabs, end) && strchr("|>+-0123456789", tabs->text[tabs->at]))
        step(tabs);
    if (has_more(tabs, end) && tabs->text[tabs->at] == '#') {
        snprintf(fault->text, sizeof fault->text,
                 "no valid YAML: a comment needs a space before it");
        fault->hint = "Put a space before the #.";
        fault->place = tabs->place;
        return RC_INVALID;
    }
    while (has_more(tabs, end) && tabs->text[tabs->at] == ' ')
        step(tabs);
    if (has_more(tabs, end) && tabs->text[tabs->at] == '\t')
        return refuse_tab(tabs, fault);
    return RC_OK;
}

enum rc yaml_tabs_scalar(struct yaml_tabs *tabs, const yaml_event_t *event,
                         struct yaml_fault *fault)
{
    size_t end = event->end_mark.index;
    yaml_scalar_style_t style = event->data.scalar.style;
    bool plain = style == YAML_PLAIN_SCALAR_STYLE;
    enum rc rc = scan_gap(tabs, event->start_mark.index, false, fault);

    if (rc == RC_OK && (event->data.scalar.anchor || event->data.scalar.tag))
        rc = scan_gap(tabs, end, true, fault);
    if (rc == RC_OK
        && (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE))
        rc = scan_header(tabs, end, fault);
    while (rc == RC_OK && has_more(tabs, end)) {
        if (plain && tabs->text[tabs->at] == '\t')
            return refuse_tab(tabs, fault);
        step(tabs);
    }
    return rc;
}

enum rc yaml_tabs_end(struct yaml_tabs *tabs, struct yaml_fault *fault)
{
    return scan_gap(tabs, SIZE_MAX, false, fault);
}
