/* explain.c - one sentence why a run, a stage or a task is as it is, and what would help.
 *
 * Puts together what the core says of waiting (core_why), the plan, the stored rows and
 * the results of attempts. The body is documented in docs/protocol.md ("explain"). */
#include "broker/broker_state.h"
#include "broker/answers/explain_key.h"

#include <string.h>

enum { ATTEMPTS_SHOWN = 5, NODES_SHOWN = 100, STAGES_SHOWN = 3 };

struct answer {
    struct broker *broker;
    struct run_plan *plan;
    uint64_t run, index;
    uint32_t stage;
    const char *why; /* one word, part of the protocol */
    struct buf text, help;
    struct buf nodes, attempts; /* packed texts */
    size_t node_count, attempt_count;
    struct key_story story;
};

static const char *name_of(const struct answer *answer, uint32_t stage)
{
    return stage < answer->plan->plan->stage_count
               ? answer->plan->plan->stages[stage].name
               : "?";
}

static const char *node_name(const struct broker *broker, uint32_t node)
{
    return node < broker->peer_count ? broker->peers[node].name : "?";
}

static struct stage_row row_of(const struct answer *answer, uint32_t stage)
{
    return stage_row_of(answer->broker, answer->run, stage, answer->broker->scratch);
}

/* ---- Waiting ---- */

static const char *why_name(enum why why)
{
    static const char *const names[WHY_COUNT] = {
        [WHY_NOTHING] = "runs", [WHY_UPSTREAM] = "upstream", [WHY_APPROVAL] = "approval",
        [WHY_LIMIT] = "limit",  [WHY_NO_NODE] = "no-node",   [WHY_UNFIT] = "unfit",
        [WHY_AWAY] = "away",    [WHY_BUSY] = "busy",         [WHY_HELD] = "held",
        [WHY_TURN] = "turn",    [WHY_BACKOFF] = "backoff",   [WHY_TWIN] = "twin",
    };
    return names[why];
}

/* The nodes that could run the stage, and what of them is free. */
static void list_nodes(struct answer *answer)
{
    struct broker *broker = answer->broker;
    struct node_view view;

    for (uint32_t i = 0; i < broker->peer_count; i++) {
        scoped_buf line = { 0 };

        if (answer->node_count == NODES_SHOWN)
            return;
        if (!core_could_run(broker->core, answer->run, answer->stage, i)
            || !core_node(broker->core, i, &view))
            continue;
        buf_printf(&line, "%s: ", broker->peers[i].name);
        if (view.state != NODE_ONLINE) {
            buf_text(&line, node_state_name(view.state));
        } else {
            buf_printf(&line, "%g of %g CPU free", (double)view.cpu_free / 1000,
                       view.cpu_milli / 1000.0);
            if (view.memory_mb > 0)
                buf_printf(&line, ", %ld of %u MB", (long)view.memory_free,
                           view.memory_mb);
            if (view.gpus)
                buf_printf(&line, ", %d of %d GPU", __builtin_popcountll(view.gpus_free),
                           __builtin_popcountll(view.gpus));
        }
        pack_text(&answer->nodes, buf_string(&line));
        answer->node_count++;
    }
}

static void say_upstream(struct answer *answer)
{
    const struct plan *plan = answer->plan->plan;
    uint32_t last = UINT32_MAX;
    size_t count = 0;

    buf_printf(&answer->text, "stage %s waits for", name_of(answer, answer->stage));
    for (size_t i = 0; i < plan->edge_count; i++) {
        uint32_t source = plan->edges[i].source;
        struct stage_row row;

        if (plan->edges[i].target != answer->stage || source == last)
            continue;
        row = row_of(answer, source);
        last = source;
        if (stage_state_is_final(row.state) || count++ >= STAGES_SHOWN)
            continue;
        buf_printf(&answer->text, "%s stage %s (%s)", count > 1 ? "," : "",
                   name_of(answer, source), stage_state_name(row.state));
    }
    if (count > STAGES_SHOWN)
        buf_printf(&answer->text, " and %zu more", count - STAGES_SHOWN);
}

static void say_backoff(struct answer *answer, const struct retry *retry)
{
    int64_t left = retry->not_before_us - answer->broker->now_us;

    buf_printf(
        &answer->text,
        "task %lu of stage %s is tried again in %.1f s: %u of its attempts failed, "
        "%u lost their node",
        (unsigned long)retry->index, name_of(answer, answer->stage),
        left > 0 ? (double)left / 1e6 : 0, retry->failures, retry->losses);
}

static void say_twin(struct answer *answer)
{
    struct origin leader;

    if (looks_has(answer->broker, answer->run, answer->stage)) {
        buf_printf(&answer->text,
                   "stage %s waits until a node has looked whether its inputs from "
                   "elsewhere are as an earlier task had them",
                   name_of(answer, answer->stage));
        return;
    }
    buf_printf(&answer->text,
               "stage %s waits to use the result of an equal stage that is at work",
               name_of(answer, answer->stage));
    if (!reuse_leader(answer->broker, answer->run, answer->stage, &leader))
        return;
    buf_printf(&answer->text, ", %s", reuse_stage_reference(answer->broker, &leader));
}

static void say_waiting_for_node(struct answer *answer, const struct why_view *view)
{
    const struct plan_stage *planned = &answer->plan->plan->stages[answer->stage];
    const char *demand = demand_text(answer->broker, planned);

    if (view->why == WHY_NO_NODE) {
        buf_printf(&answer->text, "stage %s waits for a node: none is online",
                   planned->name);
        buf_text(&answer->help, "start noded on a machine that this broker is reachable "
                                "from; `sluice nodes` lists those it knows");
    } else if (view->why == WHY_UNFIT) {
        buf_printf(&answer->text, "no node has what stage %s asks for: %s", planned->name,
                   demand);
        buf_text(&answer->help, "ask for less, or add a node that has it");
    } else if (view->why == WHY_AWAY) {
        buf_printf(&answer->text,
                   "stage %s asks for %s, and the nodes that could run it are away",
                   planned->name, demand);
        buf_text(&answer->help, "bring one of these nodes back, or ask for less");
    } else if (view->why == WHY_HELD) {
        buf_printf(&answer->text,
                   "stage %s asks for %s, and what is free is kept for a larger request "
                   "that has waited longer",
                   planned->name, demand);
        buf_text(&answer->help, "a higher --priority goes before it");
    } else {
        buf_printf(&answer->text,
                   "stage %s asks for %s, and none of the %u nodes that could run it has "
                   "that free now",
                   planned->name, demand, view->fit_nodes);
        buf_text(&answer->help,
                 "wait for running tasks to end, add a node, or give a --priority");
    }
    list_nodes(answer);
}

static void say_stage_waits(struct answer *answer)
{
    struct stage_row row = row_of(answer, answer->stage);
    const struct plan_stage *planned = &answer->plan->plan->stages[answer->stage];
    struct why_view view;

    core_why(answer->broker->core, answer->run, answer->stage, &view);
    answer->why = why_name(view.why);
    switch (view.why) {
    case WHY_NOTHING:
        buf_printf(&answer->text, "stage %s is %s: %lu of %lu tasks run, %lu have ended",
                   planned->name, stage_state_name(row.state), (unsigned long)row.running,
                   (unsigned long)row.tasks,
                   (unsigned long)(row.complete + row.failed + row.stopped));
        break;
    case WHY_UPSTREAM:
        say_upstream(answer);
        break;
    case WHY_APPROVAL:
        buf_printf(&answer->text, "stage %s waits for a person", planned->name);
        buf_printf(&answer->help, "sluice approve %lu %s, or sluice reject %lu %s",
                   (unsigned long)answer->run, planned->name, (unsigned long)answer->run,
                   planned->name);
        break;
    case WHY_LIMIT:
        buf_printf(&answer->text,
                   "%lu tasks of stage %s run, as many as maximum-queued-executions "
                   "lets",
                   (unsigned long)row.running, planned->name);
        buf_text(&answer->help, "raise maximum-queued-executions");
        break;
    case WHY_TWIN:
        say_twin(answer);
        break;
    case WHY_BACKOFF:
        say_backoff(answer, &row.retries[0]);
        break;
    case WHY_TURN:
        buf_printf(&answer->text, "stage %s is next in line", planned->name);
        break;
    case WHY_NO_NODE:
    case WHY_UNFIT:
    case WHY_AWAY:
    case WHY_BUSY:
    case WHY_HELD:
        say_waiting_for_node(answer, &view);
        break;
    case WHY_COUNT:
        unreachable_because("the core gives no such answer");
    }
}

/* ---- Attempts and their ends ---- */

static const char *help_for(enum cause cause)
{
    switch (cause) {
    case CAUSE_EXIT:
    case CAUSE_SIGNAL:
        return "`sluice logs` shows what it printed";
    case CAUSE_MEMORY:
        return "ask for more memory (resources: memory: min), or let it need less";
    case CAUSE_TIME_LIMIT:
        return "raise the step's time-limit, or let it end sooner";
    case CAUSE_NO_OUTPUT:
        return "raise the step's no-output-timeout, or let it print that it goes on";
    case CAUSE_START_FAILED:
        return "look whether the command and its interpreter are on that node";
    case CAUSE_INPUT_FAILED:
        return "look whether the input's URI is right and can be reached from that node";
    case CAUSE_OUTPUT_FAILED:
        return "look whether node and broker have room on their disks";
    case CAUSE_LOST:
        return "look into the logs of these nodes; a task that takes nodes down often "
               "needs more memory than it asks for";
    case CAUSE_STOP_CONDITION:
    case CAUSE_STOPPED:
    case CAUSE_COUNT:
        break;
    }
    return "";
}

static void say_cause(struct buf *out, enum cause cause, int32_t exit_code,
                      int32_t signal)
{
    if (cause == CAUSE_EXIT)
        buf_printf(out, "exit code %d", exit_code);
    else if (cause == CAUSE_SIGNAL)
        buf_printf(out, "killed by signal %d", signal);
    else if (cause == CAUSE_MEMORY)
        buf_text(out, "killed for memory");
    else if (cause == CAUSE_LOST)
        buf_text(out, "its node was lost");
    else
        buf_text(out, cause_name(cause));
}

/* False: the attempt left no result, as when its node was lost. */
static bool read_attempt(const struct answer *answer, uint32_t number,
                         struct task_result **result)
{
    scoped_buf bytes = { 0 };
    struct err err;

    return store_result(answer->broker->store, answer->run, answer->stage, answer->index,
                        number, &bytes, &err)
               == RC_OK
           && result_decode(answer->broker->scratch, bytes.data, bytes.size, result, &err)
                  == RC_OK;
}

static void list_attempts(struct answer *answer, const struct task_row *row)
{
    bool has_ended = row->state != TASK_ASSIGNED && row->state != TASK_STARTED;
    uint32_t last = has_ended ? row->attempts : row->attempts - 1;

    for (uint32_t n = last > ATTEMPTS_SHOWN ? last - ATTEMPTS_SHOWN + 1 : 1; n <= last;
         n++) {
        struct task_result *result;
        scoped_buf line = { 0 };

        buf_printf(&line, "attempt %u: ", n);
        if (!read_attempt(answer, n, &result)) {
            buf_text(&line, "its node was lost");
        } else {
            say_cause(&line, result->cause, result->exit_code, result->signal);
            if (result->message && result->message[0])
                buf_printf(&line, ": %s", result->message);
        }
        pack_text(&answer->attempts, buf_string(&line));
        answer->attempt_count++;
    }
}

static void say_task_ended(struct answer *answer, const struct task_row *row)
{
    struct task_result *result;

    answer->why = task_state_name(row->state);
    if (row->state == TASK_COMPLETE) {
        buf_printf(&answer->text, "task %lu of stage %s is complete, on node %s",
                   (unsigned long)answer->index, name_of(answer, answer->stage),
                   node_name(answer->broker, row->node));
        return;
    }
    buf_printf(&answer->text,
               "task %lu of stage %s %s on node %s: ", (unsigned long)answer->index,
               name_of(answer, answer->stage),
               row->state == TASK_STOPPED ? "was stopped" : "failed",
               node_name(answer->broker, row->node));
    say_cause(&answer->text, row->cause, row->exit_code, row->signal);
    if (row->cause == CAUSE_LOST)
        buf_printf(&answer->text, ", as its %u. one; it was given up", CORE_LOSSES_MAX);
    else if (read_attempt(answer, row->attempts, &result) && result->message
             && result->message[0])
        buf_printf(&answer->text, ": %s", result->message);
    if (row->attempts > 1)
        buf_printf(&answer->text, " (attempt %u)", row->attempts);
    buf_text(&answer->help, help_for(row->cause));
}

static const struct retry *retry_of(const struct stage_row *row, uint64_t index)
{
    for (uint32_t i = 0; i < row->retry_count; i++)
        if (row->retries[i].index == index)
            return &row->retries[i];
    return NULL;
}

/* ---- A task, a stage, a run ---- */

static void say_stage(struct answer *answer);

static void say_task(struct answer *answer)
{
    struct stage_row stage = row_of(answer, answer->stage);
    struct origin origin;
    const struct retry *retry = retry_of(&stage, answer->index);
    struct task_row row;
    struct err err;
    bool has_row = store_task(answer->broker->store, answer->run, answer->stage,
                              answer->index, &row, &err)
                   == RC_OK;

    if (reuse_origin(answer->broker, answer->run, answer->stage, answer->index,
                     &origin)) {
        answer->why = task_state_name(TASK_COMPLETE);
        buf_printf(&answer->text, "task %lu of stage %s is complete",
                   (unsigned long)answer->index, name_of(answer, answer->stage));
        return;
    }
    if (has_row)
        list_attempts(answer, &row);
    if (has_row && (row.state == TASK_ASSIGNED || row.state == TASK_STARTED)) {
        answer->why = "runs";
        buf_printf(&answer->text, "task %lu of stage %s %s on node %s, attempt %u",
                   (unsigned long)answer->index, name_of(answer, answer->stage),
                   row.state == TASK_STARTED ? "runs" : "is about to start",
                   node_name(answer->broker, row.node), row.attempts);
    } else if (has_row && row.state != TASK_QUEUED) {
        say_task_ended(answer, &row);
    } else if (retry && retry->not_before_us > answer->broker->now_us) {
        answer->why = why_name(WHY_BACKOFF);
        say_backoff(answer, retry);
    } else {
        if (stage_state_is_final(stage.state))
            buf_printf(&answer->text,
                       "task %lu was not started: ", (unsigned long)answer->index);
        say_stage(answer);
    }
}

struct search { /* for the first task of a stage that failed */
    bool found;
    uint64_t index;
};

static void visit_failed(void *context, uint64_t index, const struct task_row *row)
{
    struct search *search = context;

    if (!search->found && (row->state == TASK_ERROR || row->state == TASK_CRASHED))
        *search = (struct search){ true, index };
}

static bool find_failed(struct answer *answer, const struct stage_row *row)
{
    struct search search = { 0 };
    struct err err;

    if (row->failed == 0
        || store_tasks(answer->broker->store, answer->run, answer->stage, 0, row->tasks,
                       visit_failed, &search, &err)
               != RC_OK)
        return false;
    answer->index = search.index;
    return search.found;
}

static void say_stage_ended(struct answer *answer, const struct stage_row *row)
{
    const char *reason =
        stage_reason(answer->broker, answer->plan, answer->run, answer->stage, row);
    bool of_tasks = row->reason == REASON_TASK_FAILED || row->reason == REASON_POISON;

    answer->why = stage_state_name(row->state);
    buf_printf(&answer->text, "stage %s is %s", name_of(answer, answer->stage),
               stage_state_name(row->state));
    if (row->tasks > 1)
        buf_printf(&answer->text, " (%lu of %lu tasks complete, %lu failed)",
                   (unsigned long)row->complete, (unsigned long)row->tasks,
                   (unsigned long)row->failed);
    if (of_tasks && find_failed(answer, row)) {
        buf_text(&answer->text, ": ");
        say_task(answer);
    } else if (row->reason != REASON_NONE) {
        buf_printf(&answer->text, ": %.*s", (int)strcspn(reason, "\n"), reason);
        if (row->reason == REASON_UPSTREAM)
            buf_printf(&answer->help, "sluice explain %lu/%s", (unsigned long)answer->run,
                       name_of(answer, row->reason_stage));
        else if (row->reason == REASON_UNFIT)
            buf_text(&answer->help, "ask for less, or add a node that has it");
    }
}

static void say_stage(struct answer *answer)
{
    struct stage_row row = row_of(answer, answer->stage);

    if (stage_state_is_final(row.state))
        say_stage_ended(answer, &row);
    else
        say_stage_waits(answer);
}

/* The stage that tells most about a run that goes on: one that waits for something else
 * than another stage. */
static bool find_waiting(struct answer *answer)
{
    for (uint32_t i = 0; i < answer->plan->plan->stage_count; i++) {
        struct why_view view;

        core_why(answer->broker->core, answer->run, i, &view);
        if (view.why != WHY_NOTHING && view.why != WHY_UPSTREAM) {
            answer->stage = i;
            return true;
        }
    }
    return false;
}

static enum rc say_run(struct answer *answer, struct err *err)
{
    struct broker *broker = answer->broker;
    const struct run_row *live = core_run(broker->core, answer->run);
    struct run_row row;
    struct run_totals totals;
    uint64_t running = 0;
    enum rc rc;

    if (live)
        row = *live;
    else if ((rc = store_run_row(broker->store, answer->run, &row, &totals, err))
             != RC_OK)
        return rc;
    answer->why = run_state_name(row.state);
    if (!run_state_is_final(row.state)) {
        run_totals(broker, answer->run, row.stages, broker->scratch, &totals, &running);
        buf_printf(&answer->text, "run %lu goes on, %lu tasks run",
                   (unsigned long)answer->run, (unsigned long)running);
        if (find_waiting(answer)) {
            buf_text(&answer->text, "; ");
            say_stage(answer);
        }
        return RC_OK;
    }
    buf_printf(&answer->text, "run %lu is %s", (unsigned long)answer->run,
               run_state_name(row.state));
    if (row.reason == REASON_CANCELLED) {
        buf_text(&answer->text, ": cancelled");
    } else if (row.reason == REASON_ACTION) { /* the stage itself may be complete */
        buf_printf(&answer->text, ": an action of stage %s ended the run",
                   name_of(answer, row.reason_stage));
        buf_printf(&answer->help, "sluice explain %lu/%s", (unsigned long)answer->run,
                   name_of(answer, row.reason_stage));
    } else if (row.state != RUN_COMPLETE && row.reason_stage < row.stages) {
        buf_text(&answer->text, ": ");
        answer->stage = row.reason_stage;
        say_stage(answer);
    }
    return RC_OK;
}

static void write_answer(struct answer *answer, struct buf *body)
{
    pack_map(body, 5 + KEY_STORY_FIELDS);
    pack_text(body, "why");
    pack_text(body, answer->why);
    pack_text(body, "text");
    pack_text(body, buf_string(&answer->text));
    pack_text(body, "help");
    pack_text(body, buf_string(&answer->help));
    pack_text(body, "nodes");
    pack_list(body, answer->node_count);
    buf_add(body, answer->nodes.data, answer->nodes.size);
    pack_text(body, "attempts");
    pack_list(body, answer->attempt_count);
    buf_add(body, answer->attempts.data, answer->attempts.size);
    key_story_write(&answer->story, body);
}

/* Of a stage: its first task that was not satisfied by an earlier one; 0 if all were. */
static uint64_t first_own(const struct answer *answer, const struct stage_row *row)
{
    struct reused_range *ranges;
    size_t count;
    uint64_t index = 0;
    struct err err;

    if (row->reused == 0 || row->reused == row->tasks
        || store_reused(answer->broker->store, answer->run, answer->stage,
                        answer->broker->scratch, &ranges, &count, &err)
               != RC_OK)
        return 0;
    for (size_t i = 0; i < count && ranges[i].first == index; i++)
        index += ranges[i].count;
    return index;
}

/* What its execution key has to say, once the stage's values are settled. */
static void say_key(struct answer *answer, bool is_task)
{
    struct stage_row row = row_of(answer, answer->stage);
    uint64_t index = is_task ? answer->index : first_own(answer, &row);

    if (!row.is_resolved || index >= row.tasks)
        return;
    key_story_tell(answer->broker, answer->run, answer->stage, index,
                   answer->broker->scratch, &answer->story);
    if (!is_task && row.reused > 0 && row.tasks > 1)
        buf_printf(&answer->text, "; %lu of %lu tasks are reused",
                   (unsigned long)row.reused, (unsigned long)row.tasks);
    if (strcmp(answer->why, "complete") == 0 || strcmp(answer->why, "runs") == 0)
        key_story_say(&answer->story, &answer->text);
}

static enum rc explain(struct answer *answer, const struct request *request,
                       struct err *err)
{
    enum rc rc;

    if (!request->stage) {
        answer->plan = plan_of(answer->broker, request->run);
        if (!answer->plan)
            return err_set(err, RC_NOT_FOUND, "there is no run %lu",
                           (unsigned long)request->run);
        return say_run(answer, err);
    }
    rc = stage_by_name(answer->broker, request, &answer->plan, &answer->stage, err);
    if (rc != RC_OK)
        return rc;
    if (!request->task) {
        say_stage(answer);
        return RC_OK;
    }

    struct stage_row row = row_of(answer, answer->stage);

    if (row.is_resolved && request->index >= row.tasks)
        return err_set(err, RC_NOT_FOUND, "stage %s has no task %lu", request->stage,
                       (unsigned long)request->index);
    say_task(answer);
    return RC_OK;
}

enum rc query_explain(struct broker *broker, const struct request *request,
                      struct buf *body, struct err *err)
{
    struct answer answer = {
        .broker = broker, .run = request->run, .index = request->index, .why = ""
    };
    enum rc rc = explain(&answer, request, err);

    if (rc == RC_OK && request->stage)
        say_key(&answer, request->task);
    if (rc == RC_OK)
        write_answer(&answer, body);
    buf_fini(&answer.text);
    buf_fini(&answer.help);
    buf_fini(&answer.nodes);
    buf_fini(&answer.attempts);
    return rc;
}
