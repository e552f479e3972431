/* agent_adopt.c - takes over what an earlier agent left: running tasks, exits, results.
 *
 * Folders tell what was prepared and collected, the supervisor's list what runs or has
 * ended. A folder that was never started is removed; the broker hands that task out
 * again. */
#include "nodes/agent_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESULT_BYTES_MAX = 64 << 20, LEFT_MEMORY_MAX = 256 << 20 };

/* What stayed here is needed until the broker knows of it. */
static void pin_outputs(struct agent *agent, uint64_t token,
                        const struct task_result *result)
{
    for (size_t i = 0; i < result->output_count; i++)
        if (result->outputs[i].node)
            cache_pin(agent->cache, token, result->outputs[i].digest);
}

/* Reads <attempt>/result into the hand's job; false if there is none. */
static bool read_result(struct agent *agent, struct hand *hand)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/attempts/%lu/result", agent->settings.directory,
             (unsigned long)hand->token);

    scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct task_result *result;
    struct err err;

    if (fd < 0)
        return false;
    buf_init(&hand->job.encoded, RESULT_BYTES_MAX);
    for (;;) {
        void *room = buf_room(&hand->job.encoded, 65536);
        ssize_t got = room ? read(fd, room, 65536) : -1;

        if (got <= 0)
            break;
        buf_grew(&hand->job.encoded, (size_t)got);
    }
    if (result_decode(hand->arena, hand->job.encoded.data, hand->job.encoded.size,
                      &result, &err)
        == RC_OK) {
        pin_outputs(agent, hand->token, result);
        return true;
    }
    buf_fini(&hand->job.encoded);
    return false;
}

static void adopt(struct agent *agent, struct hand *hand, enum agent_state state,
                  int64_t started_us)
{
    agent_input(
        agent, &(struct agent_input){
                   .kind = AGENT_IN_ADOPT,
                   .token = hand->token,
                   .run = hand->identity.run_number,
                   .index = hand->identity.task_index,
                   .number = hand->identity.attempt_number,
                   .state = state,
                   .started_us = started_us,
                   .cpu_milli = agent_cpu_of(hand->stage),
                   .memory_mb = agent_memory_of(hand->stage),
                   .time_limit_us = (int64_t)hand->stage->time_limit_s * 1000000,
                   .no_output_us = (int64_t)hand->stage->no_output_timeout_s * 1000000 });
}

/* An attempt's folder, read into a new hand; NULL when it is not whole. */
static struct hand *load(struct agent *agent, uint64_t token, struct err *err)
{
    struct hand *hand = hand_add(agent, token);
    struct plan_stage *stage;

    if (attempt_load(&agent->staging, token, hand->arena, &hand->identity, &stage, err)
        == RC_OK) {
        hand->stage = stage;
        attempt_pin(&agent->staging, token, stage);
        return hand;
    }
    hand_remove(agent, hand);
    return NULL;
}

static enum rc adopt_folder(struct agent *agent, uint64_t token, struct err *why)
{
    struct hand *hand = load(agent, token, why);

    if (!hand && why->rc == RC_UNSUPPORTED)
        return why->rc; /* not ours to remove */
    if (hand && read_result(agent, hand)) {
        adopt(agent, hand, AGENT_DONE, 0);
        return RC_OK;
    }
    /* The supervisor's list says whether it was started; until then it stays as a hand.
     */
    if (!hand)
        workers_remove(agent->workers, token);
    return RC_OK;
}

enum rc adopt_all(struct agent *agent, struct err *err)
{
    char path[4200];
    struct dirent *entry;
    enum rc rc;

    agent->left_arena = arena_create(LEFT_MEMORY_MAX);
    if (!agent->left_arena)
        return err_set(err, RC_NO_MEMORY, "no memory for the results that are here");
    rc = ended_read(agent->ended_log, agent->left_arena, &agent->left, &agent->left_count,
                    err);
    if (rc != RC_OK)
        return rc;

    snprintf(path, sizeof path, "%s/attempts", agent->settings.directory);

    DIR *folder = opendir(path);

    if (!folder && errno == ENOENT)
        return RC_OK;
    if (!folder)
        return err_set_sys(err, rc_of_errno(errno), errno, "cannot read %s", path);
    while (rc == RC_OK && (entry = readdir(folder)) != NULL) {
        char *end;
        uint64_t token = strtoull(entry->d_name, &end, 10);

        if (token > 0 && *end == '\0')
            rc = adopt_folder(agent, token, err);
    }
    closedir(folder);
    return rc;
}

static void adopt_running(struct agent *agent, struct hand *hand, enum agent_state state,
                          const struct channel_message *message)
{
    struct err err;

    hand->started_us = message->kind == CHANNEL_EXITED
                           ? message->time_us - (int64_t)message->usage.wall_us
                           : message->time_us;
    adopt(agent, hand, state, hand->started_us);
    hand->is_followed = follow_add(agent->follower, hand->token,
                                   hand->identity.task_index, hand->stage, &err)
                        == RC_OK;
    if (!hand->is_followed)
        attempt_say(&agent->staging, hand->token, "output is not followed: %s", err.text);
}

/* A result whose folder has gone to another attempt; false: there is none. */
static bool adopt_left(struct agent *agent, uint64_t token)
{
    for (size_t i = 0; i < agent->left_count; i++) {
        const struct ended_item *item = &agent->left[i];
        struct hand *hand;

        if (item->token != token)
            continue;
        hand = hand_add(agent, token);
        hand->is_logged = true;
        hand->log_file = item->file;
        ended_keep(agent->ended_log, item->file);
        buf_init(&hand->job.encoded, RESULT_BYTES_MAX);
        buf_add(&hand->job.encoded, item->encoded.data, item->encoded.size);
        must(buf_ok(&hand->job.encoded));
        agent_input(agent, &(struct agent_input){ .kind = AGENT_IN_ADOPT,
                                                  .token = token,
                                                  .run = item->run,
                                                  .stage = item->stage,
                                                  .index = item->index,
                                                  .number = item->number,
                                                  .state = AGENT_DONE });
        return true;
    }
    return false;
}

void adopt_end(struct agent *agent)
{
    arena_destroy(agent->left_arena);
    agent->left_arena = NULL;
    agent->left = NULL;
    agent->left_count = 0;
    ended_begin(agent->ended_log);
}

/* What the supervisor knows, before CHANNEL_LISTED. */
void adopt_told(struct agent *agent, const struct channel_message *message)
{
    struct hand *hand = hand_find(agent, message->token);
    struct err err;

    if (!hand && message->kind == CHANNEL_EXITED && adopt_left(agent, message->token))
        return;
    if (!hand) {
        /* Its folder is gone: nobody can use what it made. */
        if (message->kind == CHANNEL_STARTED)
            channel_tell(agent, CHANNEL_SIGNAL, message->token, 9);
        channel_tell(agent, CHANNEL_FORGET, message->token, 0);
        return;
    }
    if (agent_attempt(agent->core, message->token))
        return; /* its result is there */
    if (message->kind == CHANNEL_STARTED) {
        adopt_running(agent, hand, AGENT_RUNNING, message);
    } else if (message->kind == CHANNEL_EXITED || message->kind == CHANNEL_FAILED) {
        adopt_running(agent, hand, AGENT_RUNNING, message);
        hand->has_exited = message->kind == CHANNEL_EXITED;
        hand->exit = *message;
        if (message->kind == CHANNEL_FAILED)
            snprintf(hand->message, sizeof hand->message, "%s", message->text);
        if (hand->is_followed
            && follow_finish(agent->follower, hand->token, agent->now_us, &err) != RC_OK)
            attempt_say(&agent->staging, hand->token, "output was not read: %s",
                        err.text);
        agent_input(agent, &(struct agent_input){ .kind = message->kind == CHANNEL_FAILED
                                                              ? AGENT_IN_UNSTARTED
                                                              : AGENT_IN_EXITED,
                                                  .token = hand->token });
    } else if (message->kind == CHANNEL_LOST) {
        channel_tell(agent, CHANNEL_FORGET, message->token, 0);
    }
}
