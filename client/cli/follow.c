/* follow.c - see follow.h.
 *
 * Events only say that something is new; what is shown comes from the broker's picture of
 * the run, fetched at most every REFRESH_MS however many events come. */
#include "client/cli/follow.h"

#include "client/cli/change.h"
#include "client/cli/text/human.h"
#include "client/cli/interrupt.h"
#include "client/cli/load.h"
#include "client/cli/run_view.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    REFRESH_MS = 50,
    TICK_MS = 250,       /* on a terminal the elapsed time goes on */
    LOOK_MS = 2000,      /* look without an event, to be sure */
    FAILURES_SHOWN = 10, /* tasks of a stage whose failure is told */
    TASKS_LOOKED_AT = 10000,
    TAIL_LINES = 5,
    WHY_BYTES = 200,
    RESTARTS_MAX = 3
};

struct failures {
    uint64_t shown[FAILURES_SHOWN]; /* task numbers */
    size_t count;
    char why[WHY_BYTES]; /* of the first */
};

struct follow {
    struct cli *cli;
    uint64_t run;
    struct term term;
    bool is_live;
    struct live live;
    struct sluice_view *view; /* the last picture */
    struct tracker *tracker;
    struct failures *failures; /* by stage */
    struct sluice_events *events;
    int signals;
    int64_t looked_us;
    int64_t kept_us;   /* when the daemons were last seen to */
    size_t note_count; /* told so far */
    unsigned restarts; /* of a broker that was lost */
    bool is_cancelling;
};

static void draw(struct follow *self)
{
    scoped_buf lines = { 0 };

    if (!self->is_live)
        return;
    run_view_render(&lines, &self->term, self->view, now_us());
    live_draw(&self->live, stdout, &lines);
}

static void print_change(struct follow *self, const struct change *change)
{
    scoped_buf line = { 0 };
    scoped_json json = { 0 };

    if (self->cli->json) {
        change_json(&json, change);
        json_print(&json, stdout);
        return;
    }
    /* On a terminal the picture shows all but why a task failed. */
    if (self->is_live && change->kind != CHANGE_TASK)
        return;
    live_clear(&self->live, stdout);
    change_line(&line, &self->term, change);
    fwrite(line.data, 1, line.size, stdout);
    fflush(stdout);
}

static void tell_task(struct follow *self, const struct change *change,
                      const struct sluice_task *task)
{
    scoped(arena) arena = arena_create(LOAD_ARENA_MAX);
    scoped_buf why = { 0 }, tail = { 0 };
    struct task_result *result = NULL;
    struct change told = *change;

    if (arena
        && load_result(self->cli, self->run, change->stage->name, task->index, 0, arena,
                       &result)
               != EXIT_GO_ON)
        result = NULL;
    load_reason(&why, task, result);
    load_tail(self->cli, self->run, change->stage->name, task->index, SLUICE_STDERR,
              TAIL_LINES, &tail);
    told.kind = CHANGE_TASK;
    told.task = task;
    told.time_us = task->ended_us ? task->ended_us : change->time_us;
    told.why = buf_string(&why);
    if (self->failures[change->stage_index].count == 1)
        snprintf(self->failures[change->stage_index].why, WHY_BYTES, "%s", told.why);
    told.tail = buf_string(&tail);
    print_change(self, &told);
}

static bool was_shown(const struct failures *failures, uint64_t task)
{
    for (size_t i = 0; i < failures->count; i++)
        if (failures->shown[i] == task)
            return true;
    return false;
}

/* Looks up which tasks failed, for as many as are worth a person's while. */
static void tell_failures(struct follow *self, const struct change *change)
{
    struct failures *failures = &self->failures[change->stage_index];
    struct sluice_tasks *tasks;

    if (failures->count == FAILURES_SHOWN
        || sluice_tasks(self->cli->sluice, self->run, change->stage->name, 0,
                        TASKS_LOOKED_AT, &tasks, &self->cli->error))
        return;
    for (size_t i = 0; i < tasks->count && failures->count < FAILURES_SHOWN; i++) {
        const struct sluice_task *task = &tasks->tasks[i];
        bool has_failed =
            strcmp(task->state, "error") == 0 || strcmp(task->state, "crashed") == 0;

        if (!has_failed || was_shown(failures, task->index))
            continue;
        failures->shown[failures->count++] = task->index;
        tell_task(self, change, task);
    }
    sluice_tasks_free(tasks);
}

static void on_change(void *context, const struct change *change)
{
    struct follow *self = context;

    if (change->kind == CHANGE_FAILED)
        tell_failures(self, change);
    else
        print_change(self, change);
}

/* Notes come with the plan, and from nodes while the run goes on; each is told once. */
static void tell_notes(struct follow *self, const struct sluice_view *view)
{
    if (self->note_count < view->note_count)
        live_clear(&self->live, stdout);
    for (; self->note_count < view->note_count; self->note_count++)
        cli_note(self->cli, "%s", view->notes[self->note_count]);
}

/* Opens the stream of the run's events behind the last picture. */
static int open_events(struct follow *self)
{
    scoped_buf topic = { 0 };

    buf_printf(&topic, "run/%" PRIu64 "/", self->run);
    if (sluice_events_open(self->cli->sluice, self->view->event, buf_string(&topic),
                           &self->events, &self->cli->error))
        return cli_fail_last(self->cli);
    return EXIT_GO_ON;
}

/* A call failed. When a private broker died, its tasks go on: it is started again and
 * the run followed from the last picture. */
static int lost_broker(struct follow *self)
{
    struct cli *cli = self->cli;
    bool is_away =
        cli->error.code == SLUICE_UNREACHABLE || cli->error.code == SLUICE_TIMEOUT;

    live_leave(&self->live);
    if (!is_away || !self->view || self->restarts++ == RESTARTS_MAX)
        return cli_fail_last(cli);
    cli_note(cli, "the broker does not answer; looking for it again");
    sluice_events_close(self->events);
    self->events = NULL;
    sluice_close(cli->sluice);
    cli->sluice = NULL;

    int end = cli_connect(cli, CONNECT_START);

    return end == EXIT_GO_ON ? open_events(self) : end;
}

/* A private node that was lost does not come back by itself. */
static int keep(struct follow *self)
{
    if (state_is_final(self->view->run.state)
        || self->looked_us - self->kept_us < LOOK_MS * 1000)
        return EXIT_GO_ON;
    self->kept_us = self->looked_us;
    return sluice_keep(self->cli->sluice, &self->cli->error) ? cli_fail_last(self->cli)
                                                             : EXIT_GO_ON;
}

/* Fetches the picture and tells what is new in it. */
static int look(struct follow *self)
{
    struct sluice_view *view;

    if (sluice_view(self->cli->sluice, self->run, &view, &self->cli->error))
        return lost_broker(self);
    if (!self->failures)
        self->failures = calloc(view->stage_count + 1, sizeof *self->failures);
    tell_notes(self, view);
    sluice_view_free(self->view);
    self->view = view;
    self->looked_us = now_us();
    if (!self->failures
        || !tracker_update(self->tracker, view, self->looked_us, on_change, self))
        return cli_fail(self->cli, EXIT_FAILED, "out of memory");
    draw(self);
    return keep(self);
}

static int cancel(struct follow *self)
{
    if (self->is_cancelling) {
        /* Asked to stop already, and asked again: leave at once; the broker goes on
         * stopping the run. */
        live_leave(&self->live);
        return EXIT_STOPPED;
    }
    self->is_cancelling = true;
    live_clear(&self->live, stdout);
    cli_note(self->cli, "stopping run %" PRIu64, self->run);
    if (sluice_cancel(self->cli->sluice, self->run, &self->cli->error)
        && self->cli->error.code != SLUICE_CONFLICT)
        return cli_fail_last(self->cli);
    return EXIT_GO_ON;
}

static int on_signal(struct follow *self, int signal)
{
    enum answer answer = ANSWER_CANCEL;

    if (signal == SIGWINCH) {
        self->term = term_of(stdout);
        return EXIT_GO_ON;
    }
    if (signal == SIGINT && !self->is_cancelling) {
        live_leave(&self->live);
        answer = interrupt_ask(self->signals);
    }
    if (answer == ANSWER_CANCEL)
        return cancel(self);
    if (answer == ANSWER_GO_ON)
        return EXIT_GO_ON;
    cli_note(self->cli, "run %" PRIu64 " goes on; `sluice show %" PRIu64 "` shows it",
             self->run, self->run);
    return EXIT_DONE;
}

/* Whether the event ends the run: "run/<number>/run/<state>". */
static bool is_run_end(const char *topic)
{
    int used = 0;

    return sscanf(topic, "run/%*[0-9]/run/%n", &used) == 0 && used > 0
           && state_is_final(topic + used);
}

/* Takes all events that are there. *news: there was one; *is_end: it ends the run. */
static int take_events(struct follow *self, bool *news, bool *is_end)
{
    struct sluice_event event;
    int code;

    while ((code = sluice_events_next(self->events, 0, &event, &self->cli->error)) == 0) {
        *news = true;
        *is_end |= is_run_end(event.topic);
    }
    if (code == SLUICE_TIMEOUT)
        return EXIT_GO_ON;
    return lost_broker(self);
}

static int wait_for_news(struct follow *self, bool has_news)
{
    struct pollfd waits[2] = {
        { .fd = sluice_events_fd(self->events), .events = POLLIN },
        { .fd = self->signals, .events = POLLIN },
    };
    int timeout = has_news ? REFRESH_MS : self->is_live ? TICK_MS : LOOK_MS;

    if (poll(waits, self->signals >= 0 ? 2 : 1, timeout) < 0 && errno != EINTR)
        return cli_fail(self->cli, EXIT_FAILED, "cannot wait: %s", strerror(errno));
    for (int signal; (signal = interrupt_next(self->signals));) {
        int end = on_signal(self, signal);

        if (end != EXIT_GO_ON)
            return end;
    }
    return EXIT_GO_ON;
}

static int follow_loop(struct follow *self)
{
    bool has_news = false;

    while (!state_is_final(self->view->run.state)) {
        bool is_end = false;
        int end = take_events(self, &has_news, &is_end);
        int64_t since_us = now_us() - self->looked_us;

        if (end == EXIT_GO_ON
            && (is_end || (has_news && since_us >= REFRESH_MS * 1000)
                || since_us >= LOOK_MS * 1000)) {
            has_news = false;
            end = look(self);
            if (end == EXIT_GO_ON)
                continue;
        }
        if (end == EXIT_GO_ON)
            end = wait_for_news(self, has_news);
        if (end != EXIT_GO_ON)
            return end;
        draw(self);
    }
    return EXIT_GO_ON;
}

static void print_failed_stage(const struct follow *self, size_t index)
{
    const struct sluice_stage *stage = &self->view->stages[index];
    const struct failures *failures = &self->failures[index];
    scoped_buf line = { 0 };

    if (strcmp(stage->state, "error") != 0 && !stage->failed)
        return;
    buf_text(&line, "  ");
    text_fit(&line, stage->name, self->term.width);
    if (stage->tasks > 1)
        buf_printf(&line, ": %" PRIu64 " of %" PRIu64 " tasks failed", stage->failed,
                   stage->tasks);
    buf_text(&line, ": ");
    text_fit(&line, failures->count ? failures->why : stage->reason, ERR_TEXT_MAX);
    printf("%s\n", buf_string(&line));
    if (!failures->count)
        return;
    buf_clear(&line);
    text_fit(&line, stage->name, ERR_TEXT_MAX);
    printf("    see: sluice logs %" PRIu64 "/%s", self->run, buf_string(&line));
    if (stage->tasks > 1)
        printf("/%" PRIu64, failures->shown[0]);
    putchar('\n');
}

static void print_summary(const struct follow *self)
{
    const struct sluice_run *run = &self->view->run;
    enum style style = style_of_state(run->state);
    scoped_json json = { 0 };
    scoped_buf reason = { 0 };

    if (self->cli->json) {
        json_open(&json, NULL, '{');
        json_text(&json, "change", "end");
        json_view_fields(&json, self->view);
        json_close(&json, '}');
        json_print(&json, stdout);
        return;
    }
    text_fit(&reason, run->reason, ERR_TEXT_MAX);
    printf("run %" PRIu64 " %s%s%s after %s%s%s\n", run->number,
           style_on(&self->term, style), run->state, style_off(&self->term, style),
           human_duration(run->ended_us - run->created_us).text, *run->reason ? ": " : "",
           buf_string(&reason));
    for (size_t i = 0; i < self->view->stage_count; i++)
        print_failed_stage(self, i);
    fflush(stdout);
}

static int follow_to_end(struct follow *self)
{
    int end = look(self);

    if (end == EXIT_GO_ON)
        end = open_events(self);
    if (end == EXIT_GO_ON)
        end = follow_loop(self);
    if (end != EXIT_GO_ON)
        return end;
    print_summary(self);
    return strcmp(self->view->run.state, "complete") == 0  ? EXIT_DONE
           : strcmp(self->view->run.state, "stopped") == 0 ? EXIT_STOPPED
                                                           : EXIT_FAILED;
}

int follow_run(struct cli *cli, uint64_t run)
{
    struct follow self = { .cli = cli,
                           .run = run,
                           .term = term_of(stdout),
                           .tracker = tracker_create(),
                           .signals = interrupt_open() };
    int end;

    self.is_live = self.term.is_terminal && !cli->json;
    end =
        self.tracker ? follow_to_end(&self) : cli_fail(cli, EXIT_FAILED, "out of memory");
    if (self.events)
        sluice_events_close(self.events);
    sluice_view_free(self.view);
    tracker_destroy(self.tracker);
    free(self.failures);
    fd_scoped(&self.signals);
    return end;
}
