/* light_node.c - see light_node.h. */
#include "bench/light_node.h"

#include "bench/measure.h"
#include "broker/link/link.h"
#include "codecs/wire/block.h"
#include "codecs/wire/result.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { ARENA_MAX = 256 << 20, TOLD_MAX = 20000 /* tasks in a message, or one block */ };

enum rc light_node_open(struct light_node *node, void *zmq_context, const char *endpoint,
                        unsigned number, unsigned slots, unsigned empty_max,
                        struct err *err)
{
    *node = (struct light_node){ .slots = slots, .empty_max = empty_max };
    snprintf(node->name, sizeof node->name, "light-%u", number);
    return link_connect(zmq_context, ZMQ_DEALER, endpoint, node->name, &node->socket,
                        err);
}

void light_node_close(struct light_node *node)
{
    link_close(node->socket);
    for (size_t i = 0; i < node->done_count; i++)
        buf_fini(&node->done[node->done_head + i].times);
    free(node->done);
}

static void say(struct light_node *node, enum message_type type, const struct buf *body)
{
    scoped_buf header = { 0 };
    struct link_frame frames[2];
    struct err err;

    message_header_encode(
        &header, &(struct message_header){ .protocol = protocol_ours().lowest,
                                           .type = type,
                                           .id = session_stamp(&node->session, type),
                                           .session = node->session.number });
    frames[0] = (struct link_frame){ header.data, header.size };
    frames[1] = (struct link_frame){ body->data, body->size };
    if (link_send(node->socket, frames, 2, &err) != RC_OK)
        fail("%s cannot say %s: %s", node->name, message_type_name(type), err.text);
}

static uint64_t tasks_of(const struct done *done)
{
    return done->token == 0 ? 0 : done->count == 0 ? 1 : done->count;
}

void light_node_join(struct light_node *node, const uint64_t *also_tokens,
                     size_t also_count, int64_t now_us)
{
    const struct done *done = node->done + node->done_head;
    size_t count = 0, room = also_count + 1;
    scoped_buf body = { 0 };
    uint64_t *tokens;

    for (size_t i = 0; i < node->done_count; i++)
        room += tasks_of(&done[i]);
    tokens = calloc(room, sizeof *tokens);
    must(tokens != NULL);
    for (size_t i = 0; i < node->done_count; i++)
        for (uint64_t n = 0; n < tasks_of(&done[i]); n++)
            tokens[count++] = done[i].token + n;
    for (size_t i = 0; i < also_count; i++)
        tokens[count++] = also_tokens[i];
    node->is_joined = false;
    session_begin(&node->session, session_next(&node->session, now_us, 0));
    node_hello_encode(&body, &(struct node_hello){ .name = node->name,
                                                   .version = SLUICE_VERSION,
                                                   .speaks = protocol_ours(),
                                                   .cpu_milli = node->slots * 1000,
                                                   .early = node->early,
                                                   .empty_max = node->empty_max,
                                                   .session = node->session.number,
                                                   .tokens = tokens,
                                                   .token_count = count });
    say(node, MESSAGE_JOIN, &body);
    free(tokens);
}

void light_node_beat(struct light_node *node)
{
    scoped_buf body = { 0 };

    beat_encode(&body, &(struct beat){ .has_heard = true,
                                       .heard = node->session.heard,
                                       .is_quiet = true });
    say(node, MESSAGE_BEAT, &body);
}

void light_node_started(struct light_node *node, uint64_t token, int64_t started_us)
{
    scoped_buf body = { 0 };

    started_encode(&body, &(struct started_item){ token, started_us }, 1);
    say(node, MESSAGE_STARTED, &body);
}

void light_node_done(struct light_node *node, const struct done *done)
{
    size_t end = node->done_head + node->done_count;

    if (end == node->done_capacity && node->done_head > node->done_count) {
        memmove(node->done, node->done + node->done_head,
                node->done_count * sizeof *node->done);
        node->done_head = 0;
        end = node->done_count;
    }
    if (end == node->done_capacity) {
        node->done_capacity = node->done_capacity ? node->done_capacity * 2 : 64;
        node->done = reallocarray(node->done, node->done_capacity, sizeof *node->done);
        must(node->done != NULL);
    }
    node->done[end] = *done;
    node->done_count++;
}

/* The broker takes results in the order in which they were said, nearly always. */
static void forget(struct light_node *node, uint64_t token)
{
    for (size_t i = 0; i < node->done_count; i++)
        if (node->done[node->done_head + i].token == token) {
            node->done[node->done_head + i].token = 0;
            buf_fini(&node->done[node->done_head + i].times);
            break;
        }
    while (node->told > 0 && node->done[node->done_head].token == 0) {
        node->done_head++;
        node->done_count--;
        node->told--;
    }
}

static void on_tokens_taken(struct light_node *node, const struct link_frame *body,
                            struct arena *arena)
{
    uint64_t *tokens;
    size_t count;
    struct err err;

    if (tokens_decode(body->data, body->size, arena, &tokens, &count, &err) != RC_OK)
        fail("%s hears no tokens: %s", node->name, err.text);
    for (size_t i = 0; i < count; i++)
        forget(node, tokens[i]);
}

/* As noded ends tasks without a command: each by itself, where it is read. */
static void run_block(struct light_node *node, uint64_t token, uint64_t count)
{
    int64_t last = wall_us();
    struct done done = { .token = token, .count = count, .started_us = last };

    for (uint64_t i = 0; i < count; i++) {
        int64_t started_us = wall_us();

        block_add(&done.times, &last, started_us, wall_us());
    }
    must(buf_ok(&done.times));
    light_node_done(node, &done);
}

static void on_assign(struct light_node *node, const struct link_frame *body,
                      struct arena *arena, const struct light_calls *calls)
{
    struct assignment *items;
    size_t count;
    struct err err;

    if (assignments_decode(body->data, body->size, arena, &items, &count, &err) != RC_OK)
        fail("%s hears no tasks: %s", node->name, err.text);
    for (size_t i = 0; i < count; i++) {
        must(items[i].count <= BLOCK_TASKS_MAX || !items[i].is_empty);
        if (items[i].is_empty)
            run_block(node, items[i].token, items[i].count);
        for (uint64_t n = 0; n < items[i].count && !items[i].is_empty; n++)
            calls->on_task(calls->context, node, &items[i], items[i].token + n);
    }
}

static void handle(struct light_node *node, const struct message_header *header,
                   const struct link_frame *body, const struct light_calls *calls,
                   bool *rejoins)
{
    scoped(arena) arena = arena_create(ARENA_MAX);
    struct class_message class;
    struct err err;

    must(arena != NULL);
    if (header->type == MESSAGE_ASSIGN) {
        on_assign(node, body, arena, calls);
    } else if (header->type == MESSAGE_CLASS) {
        if (class_decode(body->data, body->size, arena, &class, &err) != RC_OK)
            fail("%s hears no class: %s", node->name, err.text);
        calls->on_class(calls->context, &class);
    } else if (header->type == MESSAGE_TAKEN) {
        on_tokens_taken(node, body, arena);
    } else if (header->type == MESSAGE_WELCOME) {
        node->is_joined = true;
        node->told = 0;
    } else if (header->type == MESSAGE_REJOIN) {
        *rejoins = *rejoins
                   || session_is_broken(&node->session, node->is_joined, header->session);
    } else if (header->type == MESSAGE_ERROR) {
        message_error_decode(body->data, body->size, &err);
        fail("%s is refused: %s", node->name, err.text);
    }
}

void light_node_receive(struct light_node *node, const struct light_calls *calls,
                        bool *rejoins)
{
    struct link_message message;
    struct message_header header;
    struct err err;

    while (link_receive(node->socket, &message, &err) == RC_OK) {
        if (message.count != 2
            || message_header_decode(message.frames[0].data, message.frames[0].size,
                                     &header, &err)
                   != RC_OK)
            fail("%s does not understand the broker", node->name);
        switch (session_hear(&node->session, &header)) {
        case SESSION_TAKE:
            handle(node, &header, &message.frames[1], calls, rejoins);
            break;
        case SESSION_SKIP:
            break;
        case SESSION_BREAK:
            *rejoins = *rejoins || node->is_joined;
            break;
        }
        link_free(&message);
    }
}

/* A result like that of a process which ended well and left nothing. */
static void encode(struct buf *buf, const struct done *done)
{
    result_encode(
        buf, &(struct task_result){
                 .cause = CAUSE_EXIT,
                 .started_us = done->started_us,
                 .ended_us = done->ended_us,
                 .usage = { .wall_us = (uint64_t)(done->ended_us - done->started_us) },
                 .metadata = { .kind = VALUE_MAP },
             });
}

static void tell_results(struct light_node *node, const struct done *done, size_t count)
{
    struct result_item *items = calloc(count, sizeof *items);
    size_t *ends = calloc(count, sizeof *ends), said = 0, start = 0;
    scoped_buf bytes = { 0 };
    scoped_buf body = { 0 };

    must(items && ends);
    for (size_t i = 0; i < count; i++) {
        if (done[i].count == 0)
            encode(&bytes, &done[i]);
        ends[i] = bytes.size;
    }
    must(buf_ok(&bytes));
    for (size_t i = 0; i < count; start = ends[i++])
        if (done[i].token && ends[i] > start)
            items[said++] = (struct result_item){
                done[i].token, { (const char *)bytes.data + start, ends[i] - start }
            };
    results_encode(&body, items, said);
    if (said > 0)
        say(node, MESSAGE_RESULTS, &body);
    free(items);
    free(ends);
}

static void tell_blocks(struct light_node *node, const struct done *done, size_t count)
{
    struct task_block *blocks = calloc(count, sizeof *blocks);
    scoped_buf body = { 0 };
    size_t said = 0;

    must(blocks != NULL);
    for (size_t i = 0; i < count; i++)
        if (done[i].token && done[i].count > 0)
            blocks[said++] =
                (struct task_block){ .token = done[i].token,
                                     .count = done[i].count,
                                     .started_us = done[i].started_us,
                                     .times = { (const char *)done[i].times.data,
                                                done[i].times.size } };
    blocks_encode(&body, blocks, said);
    if (said > 0)
        say(node, MESSAGE_BLOCKS, &body);
    free(blocks);
}

bool light_node_tell(struct light_node *node)
{
    const struct done *done = node->done + node->done_head + node->told;
    size_t left = node->done_count - node->told, count = 0;

    if (!node->is_joined || left == 0)
        return false;
    for (uint64_t tasks = 0; count < left && tasks < TOLD_MAX; count++)
        tasks += tasks_of(&done[count]);
    node->told += count;
    tell_results(node, done, count);
    tell_blocks(node, done, count);
    return true;
}
