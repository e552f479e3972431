/* world.c - virtual time, chance, the queue of events, the links, and the trace. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *party_name(int party)
{
    static const char *const names[] = { "broker",  "node1",   "node2",   "node3",
                                         "node4",   "node5",   "client1", "client2",
                                         "client3", "reader1", "reader2", "reader3" };

    must(party >= 0 && party < SIM_PARTIES);
    return names[party];
}

void sim_say(struct sim *sim, const char *format, ...)
{
    char *line = sim->lines[sim->line_count++ % COUNT_OF(sim->lines)];
    int size =
        snprintf(line, sizeof sim->lines[0], "%10.3f ", (double)sim->now_us / SECOND);
    va_list args;

    va_start(args, format);
    vsnprintf(line + size, sizeof sim->lines[0] - (size_t)size, format, args);
    va_end(args);
    if (sim->is_traced)
        puts(line);
}

void sim_print_lines(const struct sim *sim)
{
    uint64_t kept = COUNT_OF(sim->lines);
    uint64_t first = sim->line_count > kept ? sim->line_count - kept : 0;

    for (uint64_t i = first; !sim->is_traced && i < sim->line_count; i++)
        puts(sim->lines[i % kept]);
    printf("replay: sim --seed %lu --trace\n", (unsigned long)sim->seed);
    fflush(stdout);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
    va_list args;

    sim_print_lines(sim);
    fprintf(stderr, "seed %lu: ", (unsigned long)sim->seed);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}

/* splitmix64's finalizer. */
uint64_t mixed(uint64_t a, uint64_t b)
{
    uint64_t z = a + b * 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t below(struct sim *sim, uint64_t limit)
{
    must(limit > 0);
    return mixed(sim->seed, ++sim->chance) % limit;
}

bool chance(struct sim *sim, unsigned per_mille)
{
    return per_mille > 0 && below(sim, 1000) < per_mille;
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct event *a, struct event *b)
{
    struct event kept = *a;

    *a = *b;
    *b = kept;
}

struct event *sim_push(struct sim *sim, int64_t at_us, enum event_kind kind, int party)
{
    if (sim->event_count == sim->event_capacity) {
        sim->event_capacity = sim->event_capacity ? sim->event_capacity * 2 : 256;
        sim->queue = reallocarray(sim->queue, sim->event_capacity, sizeof *sim->queue);
        must(sim->queue != NULL);
    }

    size_t at = sim->event_count++;

    sim->queue[at] = (struct event){ .at_us = at_us > sim->now_us ? at_us : sim->now_us,
                                     .order = sim->order++,
                                     .kind = kind,
                                     .party = party };
    for (; at > 0 && is_before(&sim->queue[at], &sim->queue[(at - 1) / 2]);
         at = (at - 1) / 2)
        swap(&sim->queue[at], &sim->queue[(at - 1) / 2]);
    return &sim->queue[at];
}

static struct event pop(struct sim *sim)
{
    struct event first = sim->queue[0];
    size_t at = 0;

    sim->queue[0] = sim->queue[--sim->event_count];
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < sim->event_count
                && is_before(&sim->queue[child], &sim->queue[least]))
                least = child;
        if (least == at)
            return first;
        swap(&sim->queue[at], &sim->queue[least]);
        at = least;
    }
}

int64_t clock_of(const struct sim *sim, int64_t ahead_us)
{
    return SIM_EPOCH_US + sim->now_us + ahead_us;
}

void letter_destroy(struct letter *letter)
{
    if (!letter)
        return;
    buf_fini(&letter->header);
    buf_fini(&letter->body);
    free(letter);
}

static void miss(struct sim *sim, int to)
{
    if (to >= PARTY_SUBSCRIBER)
        subscriber_misses(&sim->subscribers[to - PARTY_SUBSCRIBER]);
}

static void send_one(struct sim *sim, struct letter *letter)
{
    struct link *link = &sim->links[letter->from][letter->to];
    int64_t longest = sim->is_calm ? 20000 : sim->features.delay_us;
    int64_t at = sim->now_us + 500 + (int64_t)below(sim, (uint64_t)longest);

    if (link->cut_until_us > sim->now_us) {
        if (link->cut_loses) {
            sim_say(sim, "  cut off: %s to %s", party_name(letter->from),
                    party_name(letter->to));
            miss(sim, letter->to);
            letter_destroy(letter);
            return;
        }
        at += link->cut_until_us - sim->now_us;
    }
    if (sim->is_calm || !chance(sim, sim->features.reorder)) {
        at = at > link->last_us ? at : link->last_us;
        link->last_us = at;
    }
    sim_push(sim, at, EVENT_LETTER, letter->to)->letter = letter;
}

void sim_post(struct sim *sim, int from, int to, uint64_t session, enum message_type type,
              uint64_t id, const struct buf *body)
{
    bool is_lost = !sim->is_calm && chance(sim, sim->features.loss);
    int copies = !sim->is_calm && chance(sim, sim->features.twice) ? 2 : 1;

    sim_say(sim, "  %s -> %s %s %lu%s%s", party_name(from), party_name(to),
            message_type_name(type), (unsigned long)id, is_lost ? " (lost)" : "",
            copies > 1 ? " (twice)" : "");
    if (is_lost)
        miss(sim, to);
    for (int i = 0; i < copies && !is_lost; i++) {
        struct letter *letter = calloc(1, sizeof *letter);

        must(letter != NULL);
        letter->from = from;
        letter->to = to;
        message_header_encode(
            &letter->header,
            &(struct message_header){
                .protocol = PROTOCOL_FIRST, .type = type, .id = id, .session = session });
        buf_add(&letter->body, body->data, body->size);
        must(buf_ok(&letter->header) && buf_ok(&letter->body));
        send_one(sim, letter);
    }
}

static bool is_there(const struct sim *sim, int party)
{
    if (party == PARTY_BROKER)
        return sim->broker.is_up;
    if (party >= PARTY_CLIENT)
        return true;
    return sim->nodes[party - PARTY_NODE].is_up
           && sim->nodes[party - PARTY_NODE].has_agent;
}

static void deliver(struct sim *sim, const struct event *event)
{
    struct letter *letter = event->letter;
    int to = letter->to;

    if (!is_there(sim, to)) {
        if (sim->features.letters_wait)
            sim_push(sim, sim->now_us + SECOND / 4, EVENT_LETTER, to)->letter = letter;
        else
            letter_destroy(letter);
        return;
    }
    if (to == PARTY_BROKER) {
        broker_receive(sim, letter);
        return;
    }
    if (to >= PARTY_SUBSCRIBER) {
        subscriber_receive(sim, &sim->subscribers[to - PARTY_SUBSCRIBER], letter);
        letter_destroy(letter);
        return;
    }
    if (to >= PARTY_CLIENT) {
        client_receive(sim, &sim->clients[to - PARTY_CLIENT], letter);
        letter_destroy(letter);
        return;
    }

    struct node *node = &sim->nodes[to - PARTY_NODE];

    if (node->deaf_until_us > sim->now_us) {
        letter_destroy(letter);
        return;
    }
    if (node->stalled_until_us > sim->now_us) {
        sim_push(sim, node->stalled_until_us, EVENT_LETTER, to)->letter = letter;
        return;
    }
    agent_receive(sim, node, letter);
    letter_destroy(letter);
}

static struct node *node_of(struct sim *sim, const struct event *event)
{
    return &sim->nodes[event->party - PARTY_NODE];
}

static void come_up(struct sim *sim, const struct event *event)
{
    if (event->party == PARTY_BROKER) {
        if (!sim->broker.is_up)
            broker_start(sim);
    } else if (!node_of(sim, event)->is_up) {
        node_start(sim, node_of(sim, event));
    }
}

static void dispatch(struct sim *sim, const struct event *event)
{
    switch (event->kind) {
    case EVENT_LETTER:
        deliver(sim, event);
        break;
    case EVENT_UP:
        come_up(sim, event);
        break;
    case EVENT_AGENT_UP:
        if (node_of(sim, event)->is_up && node_of(sim, event)->life == event->life
            && !node_of(sim, event)->has_agent)
            agent_start(sim, node_of(sim, event));
        break;
    case EVENT_WAKE:
        if (event->party == PARTY_BROKER) {
            if (event->life == sim->broker.life)
                broker_wake(sim);
            break;
        }
        agent_event(sim, node_of(sim, event), event);
        break;
    case EVENT_PREPARED:
    case EVENT_COLLECTED:
    case EVENT_CONDITION:
    case EVENT_TOLD:
        agent_event(sim, node_of(sim, event), event);
        break;
    case EVENT_EXIT:
        process_exit(sim, node_of(sim, event), event);
        break;
    case EVENT_FAULT:
        fault_strike(sim);
        break;
    case EVENT_CLIENT:
        client_act(sim, &sim->clients[event->party - PARTY_CLIENT]);
        break;
    case EVENT_SUBSCRIBER:
        subscriber_act(sim, &sim->subscribers[event->party - PARTY_SUBSCRIBER]);
        break;
    case EVENT_READ:
        subscriber_read(sim, &sim->subscribers[event->party - PARTY_SUBSCRIBER]);
        break;
    case EVENT_CALM:
        faults_end(sim);
        break;
    }
}

static void begin(struct sim *sim)
{
    workload_make(sim);
    faults_choose(sim);
    sim->rows.numbers = (struct numbers){ 1, 1, 1 };
    broker_start(sim);
    for (int i = 0; i < sim->node_count; i++) {
        sim->nodes[i].party = PARTY_NODE + i;
        sim_push(sim, (int64_t)below(sim, 2 * SECOND), EVENT_UP, PARTY_NODE + i);
    }
    for (int i = 0; i < sim->client_count; i++) {
        sim->clients[i].party = PARTY_CLIENT + i;
        sim_push(sim, (int64_t)below(sim, 3 * SECOND), EVENT_CLIENT, PARTY_CLIENT + i);
    }
    for (int i = 0; i < SIM_SUBSCRIBERS; i++)
        subscriber_start(sim, &sim->subscribers[i], PARTY_SUBSCRIBER + i);
    sim_push(sim, sim->features.pace_us, EVENT_FAULT, PARTY_BROKER);
    sim_push(sim, sim->calm_us, EVENT_CALM, PARTY_BROKER);
}

void sim_run(struct sim *sim)
{
    begin(sim);
    while (!model_is_done(sim)) {
        if (sim->event_count == 0)
            sim_fail(sim, "nothing is left to happen, and the work is not done");

        struct event event = pop(sim);

        must(event.at_us >= sim->now_us);
        sim->now_us = event.at_us;
        dispatch(sim, &event);
        if (sim->is_calm && sim->now_us > sim->bound_us)
            break;
        if (++sim->steps > STEPS_MAX)
            sim_fail(sim, "more than %d steps: something goes round in circles",
                     STEPS_MAX);
    }
    model_finish(sim);
}

void sim_fini(struct sim *sim)
{
    for (size_t i = 0; i < sim->event_count; i++)
        letter_destroy(sim->queue[i].letter);
    free(sim->queue);
    broker_fini(&sim->broker);
    for (int i = 0; i < sim->node_count; i++)
        node_fini(&sim->nodes[i]);
    for (int i = 0; i < SIM_SUBSCRIBERS; i++)
        subscriber_fini(&sim->subscribers[i]);
    rows_fini(&sim->rows);
    free(sim->model.attempts);
    free(sim->model.event_hashes);
}
