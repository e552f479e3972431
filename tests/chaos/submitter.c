/* submitter.c - the client: submits runs and waits for their ends. It keeps nothing in
 * memory that it would miss after a kill. */
#include "tests/chaos/roles.h"

#include "client/lib/sluice.h"
#include "codecs/base/buf.h"
#include "codecs/config/read.h"
#include "codecs/plan/compile.h"
#include "codecs/plan/tree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 2000, ACTIVE_MAX = 3, ARENA_BYTES_MAX = 64 << 20, RUNS_MAX = 100000 };

struct submitter {
    const char *folder, *endpoint;
    struct sluice *sluice;
    struct sluice_events *events;
    struct sluice_error error;
    struct lint lint;
    struct buf yaml;
    char tree[72];
    uint64_t *run;  /* by submission; 0: not acknowledged yet */
    bool *is_ended; /* by submission */
    uint64_t count, active;
    int acked_fd;
};

static bool is_passing(int code)
{
    return code == SLUICE_TIMEOUT || code == SLUICE_UNREACHABLE || code == SLUICE_FULL;
}

static int say(const struct submitter *self, const char *what)
{
    fprintf(stderr, "client: %s: code %d: %s\n", what, self->error.code,
            self->error.text);
    return 1;
}

static bool read_work(struct submitter *self)
{
    char path[PATH_MAX];
    struct err err;

    snprintf(path, sizeof path, "%s/valohai.yaml", self->folder);

    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *room = buf_room(&self->yaml, 1 << 16);
    ssize_t got = fd < 0 || !room ? -1 : read(fd, room, 1 << 16);

    if (got <= 0)
        return false;
    buf_grew(&self->yaml, (size_t)got);
    if (lint_file(path, self->yaml.data, self->yaml.size, &self->lint, &err) != RC_OK)
        return false;
    for (size_t i = 0; i < self->lint.finding_count; i++)
        fprintf(stderr, "client: %s: %s\n", self->lint.findings[i].path,
                self->lint.findings[i].message);
    return self->lint.config != NULL;
}

/* What was acknowledged before a kill. */
static void read_acked(struct submitter *self)
{
    char path[PATH_MAX];
    uint64_t submission, run;

    snprintf(path, sizeof path, "%s/acked", self->folder);
    self->acked_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    FILE *file = fopen(path, "re");

    while (file && fscanf(file, "%" SCNu64 " %" SCNu64, &submission, &run) == 2)
        if (submission < RUNS_MAX)
            self->run[submission] = run;
    if (file)
        fclose(file);
}

static int connect_broker(struct submitter *self)
{
    struct sluice_options options = { .timeout_ms = WAIT_MS, .insecure = true };
    scoped_buf bytes = { 0 };
    struct tree tree = { 0 };
    int code;

    do
        code = sluice_connect_with(self->endpoint, &options, &self->sluice, &self->error);
    while (is_passing(code));
    tree_encode(&bytes, &tree);
    while (code == SLUICE_OK
           && (code = sluice_put_bytes(self->sluice, bytes.data, bytes.size, self->tree,
                                       &self->error))
                  != SLUICE_OK
           && is_passing(code))
        code = SLUICE_OK;
    while (code == SLUICE_OK
           && is_passing(code = sluice_events_open(self->sluice, UINT64_MAX, "run/",
                                                   &self->events, &self->error)))
        code = SLUICE_OK;
    return code;
}

static bool compile(struct submitter *self, uint64_t submission, struct buf *bytes)
{
    scoped(arena) arena = arena_create(ARENA_BYTES_MAX);
    char tag[32];
    struct plan_assignment assignment = { .name = "tag" };
    struct plan_request request = { .pipeline = "work",
                                    .parameters = &assignment,
                                    .parameter_count = 1,
                                    .project = "chaos" };
    struct plan *plan;
    struct err err;

    snprintf(tag, sizeof tag, "t%" PRIu64, submission);
    assignment.value = value_text(tag);
    if (!arena
        || plan_compile(self->lint.config, &request, arena, &plan, &err) != RC_OK) {
        fprintf(stderr, "client: the plan: %s\n", arena ? err.text : "no memory");
        return false;
    }
    plan->code.tree = self->tree;
    plan_encode(bytes, plan);
    return buf_ok(bytes);
}

/* A new submission, or the repetition of one: the answer must be the same. */
static int submit(struct submitter *self, uint64_t submission)
{
    uint8_t id[16] = "chaos";
    scoped_buf bytes = { 0 };
    char line[64];
    uint64_t run = 0;
    int code;

    memcpy(id + 8, &submission, sizeof submission);
    if (!compile(self, submission, &bytes))
        return 1;
    do
        code =
            sluice_submit(self->sluice, id, bytes.data, bytes.size, &run, &self->error);
    while (is_passing(code));
    if (code != SLUICE_OK)
        return say(self, "submit");
    if (self->run[submission] != 0 && self->run[submission] != run) {
        fprintf(stderr,
                "client: submission %" PRIu64 " was run %" PRIu64 ", and now is %" PRIu64
                "\n",
                submission, self->run[submission], run);
        return 3;
    }
    if (self->run[submission] == 0) {
        int size =
            snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 "\n", submission, run);

        if (write(self->acked_fd, line, (size_t)size) != size)
            return 1;
    }
    self->run[submission] = run;
    return 0;
}

static bool is_end(const char *state)
{
    return strcmp(state, "complete") == 0 || strcmp(state, "error") == 0
           || strcmp(state, "stopped") == 0;
}

/* The subscription began before the look, so an end is in one of the two. */
static int look(struct submitter *self, uint64_t submission)
{
    struct sluice_view *view = NULL;
    int code;

    do
        code = sluice_view(self->sluice, self->run[submission], &view, &self->error);
    while (is_passing(code));
    if (code != SLUICE_OK)
        return say(self, "view");
    self->is_ended[submission] = is_end(view->run.state);
    sluice_view_free(view);
    if (!self->is_ended[submission])
        self->active++;
    return 0;
}

/* "run/<n>/run/<state>" */
static void take_event(struct submitter *self, const struct sluice_event *event)
{
    char *rest;
    uint64_t run = strtoull(event->topic + strlen("run/"), &rest, 10);

    if (strncmp(rest, "/run/", 5) != 0 || !is_end(rest + 5))
        return;
    for (uint64_t i = 0; i < self->count; i++)
        if (self->run[i] == run && !self->is_ended[i]) {
            self->is_ended[i] = true;
            self->active--;
        }
}

static bool is_enough(const struct submitter *self, uint64_t runs)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/enough", self->folder);
    return self->count >= RUNS_MAX || (self->count >= runs && access(path, F_OK) == 0);
}

static int work(struct submitter *self, uint64_t runs)
{
    struct sluice_event event;
    int end = 0;

    for (;;) {
        while (end == 0 && self->active < ACTIVE_MAX
               && (self->run[self->count] != 0 || !is_enough(self, runs))) {
            uint64_t submission = self->count++;

            end = submit(self, submission);
            if (end == 0)
                end = look(self, submission);
        }
        if (end != 0 || self->active == 0)
            return end;

        int code = sluice_events_next(self->events, WAIT_MS, &event, &self->error);

        if (code == SLUICE_OK)
            take_event(self, &event);
        else if (!is_passing(code))
            return say(self, "events");
    }
}

int role_submit(const char *folder, const char *endpoint, uint64_t runs)
{
    struct submitter self = { .folder = folder,
                              .endpoint = endpoint,
                              .run = calloc(RUNS_MAX + 1, sizeof *self.run),
                              .is_ended = calloc(RUNS_MAX + 1, sizeof *self.is_ended),
                              .acked_fd = -1 };
    int end = 1;

    if (self.run && self.is_ended && read_work(&self)) {
        read_acked(&self);
        end = connect_broker(&self) == SLUICE_OK ? work(&self, runs)
                                                 : say(&self, "connect");
    }
    sluice_events_close(self.events);
    sluice_close(self.sluice);
    lint_fini(&self.lint);
    buf_fini(&self.yaml);
    fd_scoped(&self.acked_fd);
    free(self.run);
    free(self.is_ended);
    return end;
}
