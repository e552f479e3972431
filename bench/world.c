/* world.c - see world.h. */
#include "bench/world.h"

#include "bench/light_node.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { RUN_MAX_MS = 600000, STEP_MS = 60000, TASKS_PAGE = 10000 };

void world_must(int code, const struct sluice_error *error)
{
    if (code != SLUICE_OK)
        fail("%s", error->text);
}

static void path_of(const struct world *world, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", world->bench->folder, name);
}

struct sluice *world_connect(const struct world *world)
{
    struct sluice *sluice = NULL;
    struct sluice_error error;

    world_must(sluice_connect(world->endpoint, 120000, &sluice, &error), &error);
    return sluice;
}

void world_prepare(struct world *world, const struct bench *bench, const char *name)
{
    char run[PATH_MAX];

    /* On a busy machine a node may be silent for long, which only the times should show.
     */
    *world = (struct world){ .bench = bench, .loses_nodes = bench->is_quick };
    snprintf(world->folder, sizeof world->folder, "%.400s/%.50s", bench->folder, name);
    snprintf(world->endpoint, sizeof world->endpoint, "ipc://%.490s/run/broker",
             world->folder);
    snprintf(run, sizeof run, "%s/run", world->folder);
    mkdir(world->folder, 0700);
    mkdir(run, 0700);
}

void world_start_broker(struct world *world)
{
    char log[PATH_MAX];

    path_of(world, "brokerd.log", log);
    world->broker = process_start((const char *const[]){ BROKERD_PROGRAM, "--private",
                                                         world->folder, "--idle-exit",
                                                         "0", "--ready-fd", "3", NULL },
                                  log, WORD_ON_3);
}

void world_kill_broker(struct world *world)
{
    process_kill(world->broker);
    world->broker = 0;
}

static void client_open(struct world *world)
{
    struct sluice_error error;
    struct sluice_info info;

    world->sluice = world_connect(world);
    world_must(sluice_status(world->sluice, &info, &error), &error);
    snprintf(world->events, sizeof world->events, "%s", info.events_endpoint);
}

void world_open(struct world *world, const struct bench *bench, const char *name)
{
    world_prepare(world, bench, name);
    world_start_broker(world);
    client_open(world);
}

void world_open_tcp(struct world *world, const struct bench *bench, const char *name)
{
    static const char any[] = "tcp://127.0.0.1:*";
    char log[PATH_MAX], word[WORLD_ENDPOINT_MAX];
    int said;

    world_prepare(world, bench, name);
    path_of(world, "brokerd.log", log);
    world->broker = process_begin(
        (const char *const[]){ BROKERD_PROGRAM, "--directory", world->folder,
                               "--listen-requests", any, "--listen-events", any,
                               "--listen-bulk", any, "--ready-fd", "3", NULL },
        log, WORD_ON_3, &said);
    process_await_line(said, word, sizeof word);
    close(said);
    if (sscanf(word, "ready %511s", world->endpoint) != 1)
        fail("brokerd says %s", word);
    client_open(world);
}

void world_end(struct world *world, pid_t pid)
{
    for (size_t i = 0; i < world->other_count; i++)
        if (world->others[i] == pid) {
            process_end(pid);
            world->others[i] = world->others[--world->other_count];
            return;
        }
    fail("there is no process %d", (int)pid);
}

void world_close(struct world *world)
{
    sluice_close(world->sluice);
    while (world->other_count > 0)
        world_end(world, world->others[0]);
    if (world->broker)
        process_end(world->broker);
}

static pid_t add(struct world *world, const char *const arguments[], const char *log,
                 int *said)
{
    char path[PATH_MAX];

    if (world->other_count == WORLD_OTHERS_MAX)
        fail("more than %d processes", WORLD_OTHERS_MAX);
    path_of(world, log, path);

    pid_t pid = process_begin(arguments, path, WORD_ON_STDOUT, said);

    world->others[world->other_count++] = pid;
    return pid;
}

pid_t world_node(struct world *world, unsigned slots)
{
    char folder[PATH_MAX], cpus[16], name[32];

    snprintf(name, sizeof name, "node-%zu", world->other_count);
    path_of(world, name, folder);
    mkdir(folder, 0700);
    snprintf(cpus, sizeof cpus, "%u", slots);
    return add(world,
               (const char *const[]){ NODED_PROGRAM, "--directory", folder, "--name",
                                      name, "--broker", world->endpoint, "--cpus", cpus,
                                      NULL },
               "noded.log", NULL);
}

static pid_t crowd(struct world *world, unsigned nodes, unsigned slots,
                   unsigned empty_max, const char *how, int *said)
{
    char node_text[16], slot_text[16], empty_text[16];

    snprintf(node_text, sizeof node_text, "%u", nodes);
    snprintf(slot_text, sizeof slot_text, "%u", slots);
    snprintf(empty_text, sizeof empty_text, "%u", empty_max);
    return add(world,
               (const char *const[]){ CROWD_PROGRAM, world->endpoint, node_text,
                                      slot_text, empty_text, how, NULL },
               "crowd.log", said);
}

static pid_t crowd_joined(struct world *world, unsigned nodes, unsigned slots,
                          unsigned empty_max, const char *how)
{
    int said;
    pid_t pid = crowd(world, nodes, slots, empty_max, how, &said);

    process_await_line(said, NULL, 0);
    close(said);
    return pid;
}

pid_t world_crowd_begin(struct world *world, unsigned nodes, unsigned slots, int *said)
{
    return crowd(world, nodes, slots, LIGHT_EMPTY_MAX, "at-once", said);
}

pid_t world_crowd(struct world *world, unsigned nodes, unsigned slots)
{
    return crowd_joined(world, nodes, slots, LIGHT_EMPTY_MAX, "at-once");
}

pid_t world_crowd_sharing(struct world *world, unsigned nodes, unsigned empty_max)
{
    return crowd_joined(world, nodes, 1, empty_max, "at-once");
}

pid_t world_sleepers(struct world *world, unsigned nodes, unsigned slots)
{
    return crowd_joined(world, nodes, slots, 0, "sleeps");
}

uint64_t world_submit(struct world *world, const struct buf *plan)
{
    uint64_t run = 0;

    world_submit_several(world->sluice, plan, 1, &run);
    return run;
}

/* The names begin with the same random bytes, and count on. */
void world_submit_several(struct sluice *sluice, const struct buf *plan, size_t count,
                          uint64_t *runs)
{
    struct sluice_submission *all = calloc(count + 1, sizeof *all);
    uint64_t *own = runs ? runs : calloc(count + 1, sizeof *own);
    struct sluice_error error;
    uint8_t begin[12];

    if (!all || !own || getrandom(begin, sizeof begin, 0) != sizeof begin)
        fail("cannot make %zu submissions", count);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = __builtin_bswap32((uint32_t)i);

        all[i].plan = plan->data;
        all[i].plan_size = plan->size;
        memcpy(all[i].id, begin, sizeof begin);
        memcpy(all[i].id + sizeof begin, &number, sizeof number);
    }
    world_must(sluice_submit_many(sluice, all, count, own, &error), &error);
    if (!runs)
        free(own);
    free(all);
}

static void submit_all(const struct world *world, const struct buf *plan, size_t runs)
{
    struct sluice *sluice = world_connect(world);

    world_submit_several(sluice, plan, runs, NULL);
    sluice_close(sluice);
    _exit(0);
}

void world_submit_many(struct world *world, const struct buf *plan, size_t runs,
                       size_t clients)
{
    int status;

    for (size_t i = 0; i < clients; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("cannot start a client");
        if (pid == 0)
            submit_all(world, plan, runs / clients + (i < runs % clients));
    }
    for (size_t i = 0; i < clients; i++)
        if (wait(&status) < 0 || status != 0)
            fail("a client failed");
}

void world_await_all(struct world *world)
{
    struct sluice_error error;
    struct sluice_info info;

    do {
        pause_ms(20);
        world_must(sluice_status(world->sluice, &info, &error), &error);
    } while (info.runs_active > 0);
}

/* The next topic that comes; false when none does. */
static bool receive(void *socket, char *topic, size_t size, int timeout_ms)
{
    zmq_pollitem_t item = { socket, 0, ZMQ_POLLIN, 0 };
    char rest[1 << 16];
    int got, more = 1;
    size_t more_size = sizeof more;

    if (zmq_poll(&item, 1, timeout_ms) <= 0)
        return false;
    got = zmq_recv(socket, topic, size - 1, 0);
    if (got < 0)
        return false;
    topic[(size_t)got < size ? (size_t)got : size - 1] = '\0';
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) == 0 && more)
        if (zmq_recv(socket, rest, sizeof rest, 0) < 0)
            return false;
    return true;
}

/* Only the events of the run itself, so that the client costs the broker nothing more.
 * What is published after the hello has come back does not pass it. */
static void *subscribe(const struct world *world, void *context, uint64_t run)
{
    char topic[600], hello[40];
    void *socket = zmq_socket(context, ZMQ_SUB);
    int no_linger = 0;

    snprintf(topic, sizeof topic, "run/%lu/run/", (unsigned long)run);
    snprintf(hello, sizeof hello, "hello/run-%lu", (unsigned long)run);
    if (!socket || zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger) < 0
        || zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic)) < 0
        || zmq_setsockopt(socket, ZMQ_SUBSCRIBE, hello, strlen(hello)) < 0
        || zmq_connect(socket, world->events) < 0)
        fail("cannot subscribe to %s: %s", world->events, zmq_strerror(zmq_errno()));
    if (!receive(socket, topic, sizeof topic, STEP_MS) || strcmp(topic, hello) != 0)
        fail("the broker did not greet a subscriber");
    return socket;
}

static void await_end(void *socket, uint64_t run)
{
    char topic[600];
    const char *state;

    do {
        if (!receive(socket, topic, sizeof topic, RUN_MAX_MS))
            fail("run %lu did not end", (unsigned long)run);
        state = strrchr(topic, '/') + 1;
        if (strcmp(state, "error") == 0 || strcmp(state, "stopped") == 0)
            fail("run %lu ended with %s", (unsigned long)run, state);
    } while (strcmp(state, "complete") != 0);
}

double world_run(struct world *world, const struct buf *plan, uint64_t *run)
{
    void *context = zmq_ctx_new();
    struct sluice_error error;
    struct sluice_info info;

    world_must(sluice_status(world->sluice, &info, &error), &error);

    void *socket = subscribe(world, context, info.runs + 1);
    double start = now_ms();

    *run = world_submit(world, plan);
    bench_check(*run == info.runs + 1, "somebody else has begun a run");
    await_end(socket, *run);

    double took = now_ms() - start;

    zmq_close(socket);
    zmq_ctx_term(context);
    return took;
}

static void check_task(const struct world *world, const struct sluice_task *task,
                       uint64_t index, const char *stage)
{
    bench_check(task->index == index, "%s: task %lu stands where %lu should", stage,
                (unsigned long)task->index, (unsigned long)index);
    bench_check(strcmp(task->state, "complete") == 0 && task->exit_code == 0
                    && strcmp(task->cause, "exit") == 0,
                "%s/%lu is %s", stage, (unsigned long)index, task->state);
    bench_check((task->attempts == 1 || world->loses_nodes) && task->token > 0
                    && task->node[0] != '\0' && task->started_us > 0
                    && task->ended_us >= task->started_us,
                "%s/%lu lacks attempt, node or times", stage, (unsigned long)index);
}

void world_check_stage(struct world *world, uint64_t run, const char *stage,
                       uint64_t tasks)
{
    struct sluice_error error;
    uint64_t seen = 0;

    while (seen < tasks) {
        struct sluice_tasks *page;

        world_must(
            sluice_tasks(world->sluice, run, stage, seen, TASKS_PAGE, &page, &error),
            &error);
        bench_check(page->total == tasks && page->count > 0, "%s has %lu tasks", stage,
                    (unsigned long)page->total);
        for (size_t i = 0; i < page->count; i++)
            check_task(world, &page->tasks[i], seen + i, stage);
        seen += page->count;
        sluice_tasks_free(page);
    }
}

void world_check_run(struct world *world, uint64_t run, size_t stages)
{
    struct sluice_error error;
    struct sluice_view *view;

    world_must(sluice_view(world->sluice, run, &view, &error), &error);
    bench_check(strcmp(view->run.state, "complete") == 0 && view->stage_count == stages,
                "run %lu is %s and has %zu stages", (unsigned long)run, view->run.state,
                view->stage_count);
    for (size_t i = 0; i < view->stage_count; i++)
        bench_check(strcmp(view->stages[i].state, "complete") == 0
                        && view->stages[i].complete == view->stages[i].tasks,
                    "stage %s is %s", view->stages[i].name, view->stages[i].state);
    for (size_t i = 0; i < view->stage_count; i++)
        world_check_stage(world, run, view->stages[i].name, view->stages[i].tasks);
    sluice_view_free(view);
}
