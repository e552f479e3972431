/* watcher.c - a subscriber that may be killed at any moment and goes on. */
#include "tests/chaos/roles.h"

#include "client/lib/sluice.h"
#include "codecs/base/base.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 1000, TAIL_BYTES = 4096, LINE_BYTES = 1024 };

uint64_t watched_last(const char *file)
{
    char text[TAIL_BYTES + 1];
    scoped_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t got = size <= 0 ? 0
                            : pread(fd, text, TAIL_BYTES,
                                    size > TAIL_BYTES ? size - TAIL_BYTES : 0);

    /* A line is one write, so the file ends with a whole one. */
    if (got <= 0 || text[got - 1] != '\n')
        return 0;
    text[got - 1] = '\0';

    const char *line = strrchr(text, '\n');

    return strtoull(line ? line + 1 : text, NULL, 10);
}

static bool is_passing(int code)
{
    return code == SLUICE_TIMEOUT || code == SLUICE_UNREACHABLE || code == SLUICE_FULL;
}

int role_watch(const char *file, const char *endpoint, uint64_t last)
{
    struct sluice_options options = { .timeout_ms = WAIT_MS, .insecure = true };
    struct sluice *sluice = NULL;
    struct sluice_events *events = NULL;
    struct sluice_event event;
    struct sluice_error error = { 0 };
    uint64_t number = watched_last(file);
    scoped_fd int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int code;

    do
        code = sluice_connect_with(endpoint, &options, &sluice, &error);
    while (is_passing(code));
    if (code == SLUICE_OK)
        code = sluice_events_open(sluice, number, "", &events, &error);
    while ((code == SLUICE_OK || is_passing(code)) && number < last) {
        char line[LINE_BYTES];

        code = sluice_events_next(events, WAIT_MS, &event, &error);
        if (code != SLUICE_OK)
            continue;
        number = event.number;

        int size = snprintf(line, sizeof line, "%" PRIu64 " %s\n", number, event.topic);

        if (write(fd, line, (size_t)size) != size)
            return 2;
    }
    if (code != SLUICE_OK && !is_passing(code))
        fprintf(stderr, "subscriber: code %d: %s\n", code, error.text);
    sluice_events_close(events);
    sluice_close(sluice);
    return number >= last ? 0 : 1;
}
