/* script.c - a list of commands as one script.
 *
 * Joining with "&&" on one line lets a comment, a here-document, a trailing backslash or
 * an open quote of one item swallow the next. So each item but the last is given to the
 * shell as a text of its own, by eval, in the same shell:
 *
 *     eval '
 *     <item>
 *     '
 *     case $? in 0) ;; *) exit $? ;; esac
 *     <last item>
 *
 * Whatever an item leaves open ends with it. The status is tested by `case`, not by
 * `||`, because the left side of `||` would switch off a `set -e` of the item. The
 * newline in front keeps an item that starts with a dash from being an option of eval,
 * the one behind completes a here-document. No `set -e` is added. */
#include "codecs/plan/task.h"

#include <string.h>

#include "codecs/command/command.h"

/* One argument of a program may have 128 KiB on Linux; a longer script goes to a file. */
enum { ARGUMENT_SAFE = 100 << 10 };

static const char blanks[] = " \t\r\n\v\f";

/* The size of an item without a last backslash that would join it to nothing: shells
 * disagree on what that means at the end of an eval. */
static size_t item_size(const char *item)
{
    size_t size = strlen(item), slashes = 0;

    while (slashes < size && item[size - 1 - slashes] == '\\')
        slashes++;
    return size - slashes % 2;
}

static void items_join(struct buf *buf, const char *const *items, size_t count,
                       bool is_shell)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = is_shell ? item_size(items[i]) : strlen(items[i]);

        if (i + 1 == count || !is_shell) {
            buf_add(buf, items[i], size);
            if (i + 1 < count)
                buf_byte(buf, '\n');
            continue;
        }

        scoped_buf text = { .limit = buf->limit };

        buf_byte(&text, '\n');
        buf_add(&text, items[i], size);
        buf_byte(&text, '\n');
        buf->failed = buf->failed || !buf_ok(&text);
        buf_text(buf, "eval ");
        command_quote(buf, (const char *)text.data, text.size);
        buf_text(buf, "\ncase $? in 0) ;; *) exit $? ;; esac\n");
    }
}

static bool word_is_shell(const char *word, size_t size)
{
    static const char *const shells[] = { "sh",   "bash", "dash", "ash",    "ksh",
                                          "mksh", "zsh",  "yash", "busybox" };
    const char *slash = memrchr(word, '/', size);

    if (slash) {
        size -= (size_t)(slash + 1 - word);
        word = slash + 1;
    }
    for (size_t i = 0; i < COUNT_OF(shells); i++)
        if (strlen(shells[i]) == size && memcmp(shells[i], word, size) == 0)
            return true;
    return false;
}

/* Whether the interpreter of "#!<line>" is a shell, also by way of env. */
static bool interpreter_is_shell(const char *line, size_t size)
{
    const char *end = line + size;
    bool is_env = false;

    for (const char *word = line; word < end;) {
        size_t skip = strspn(word, blanks), length;

        if (skip >= (size_t)(end - word))
            break;
        word += skip;
        length = strcspn(word, blanks);
        if (length > (size_t)(end - word))
            length = (size_t)(end - word);
        if (word_is_shell(word, length))
            return true;
        if (!is_env && (length < 3 || memcmp(word + length - 3, "env", 3) != 0))
            return false;
        if (is_env && word[0] != '-' && !memchr(word, '=', length))
            return false;
        is_env = true;
        word += length;
    }
    return false;
}

/* Fills items with the non-blank commands; a first line that names an interpreter is
 * taken off and given in line. */
static size_t items_collect(const char *const *commands, size_t count, const char **items,
                            const char **line, size_t *line_size)
{
    size_t item_count = 0;

    *line = NULL;
    *line_size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *item = commands[i];

        if (item[strspn(item, blanks)] == '\0')
            continue;
        if (item_count == 0 && !*line && strncmp(item, "#!", 2) == 0) {
            *line = item;
            *line_size = strcspn(item, "\n");
            item += *line_size + (item[*line_size] == '\n');
            if (item[strspn(item, blanks)] == '\0')
                continue;
        }
        items[item_count++] = item;
    }
    return item_count;
}

static enum rc script_finish(struct buf *buf, struct arena *arena, bool is_file,
                             struct plan_script *script, struct err *err)
{
    const char *text = buf_ok(buf) ? arena_copy(arena, buf->data, buf->size) : NULL;

    if (!text)
        return err_set(err, RC_NO_MEMORY, "a script of over %zu bytes needs more memory",
                       buf->size);
    *script = (struct plan_script){ .text = text, .is_file = is_file };
    return RC_OK;
}

enum rc plan_task_script(const struct plan_stage *stage, uint64_t index,
                         struct arena *arena, struct plan_script *script, struct err *err)
{
    const char *const *commands = NULL;
    enum rc rc = plan_task_commands(stage, index, arena, &commands, err);

    if (rc != RC_OK)
        return rc;

    scoped_buf body = { .limit = 2 * (size_t)PLAN_TEXT_MAX };
    scoped_buf file = { .limit = 2 * (size_t)PLAN_TEXT_MAX };
    const char **items = arena_array(arena, stage->command_count, sizeof *items);
    const char *line;
    size_t line_size;

    if (!items)
        return err_set(err, RC_NO_MEMORY, "stage '%.80s': no memory for %zu commands",
                       stage->name, stage->command_count);

    size_t count =
        items_collect(commands, stage->command_count, items, &line, &line_size);

    items_join(&body, items, count,
               !line || interpreter_is_shell(line + 2, line_size - 2));
    if (!line && body.size < ARGUMENT_SAFE)
        return script_finish(&body, arena, false, script, err);
    if (line)
        buf_add(&file, line, line_size);
    else
        buf_text(&file, "#!/bin/sh");
    buf_byte(&file, '\n');
    buf_add(&file, body.data, body.size);
    file.failed = file.failed || !buf_ok(&body);
    return script_finish(&file, arena, true, script, err);
}
