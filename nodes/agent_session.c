/* agent_session.c - the sessions with the broker (codecs/wire/session.h): each begins
 * with a join, and the last number stays on disk, so that no clock that is set back lets
 * an old join look like a newer one. */
#include "nodes/agent_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_SIZE = 20 };

static int open_number(const struct agent *agent, int flags)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/session", agent->settings.directory);
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void agent_session_load(struct agent *agent)
{
    char text[NUMBER_SIZE + 1] = "";
    scoped_fd int fd = open_number(agent, O_RDONLY);

    if (fd >= 0 && read(fd, text, NUMBER_SIZE) > 0)
        session_begin(&agent->session, strtoull(text, NULL, 10));
}

/* Of one size and in one write, so that it is never half a number. */
static void save(const struct agent *agent)
{
    char text[NUMBER_SIZE + 1];
    scoped_fd int fd = open_number(agent, O_WRONLY | O_CREAT);

    snprintf(text, sizeof text, "%0*lu", NUMBER_SIZE,
             (unsigned long)agent->session.number);
    if (fd < 0 || write(fd, text, NUMBER_SIZE) != NUMBER_SIZE)
        fprintf(stderr, "noded: the number of the session is not kept: %s\n",
                strerror(errno));
}

void agent_session_begin(struct agent *agent, uint64_t told)
{
    session_begin(&agent->session, session_next(&agent->session, agent->now_us, told));
    save(agent);
    agent->is_joined = false;
    broker_join(agent);
}
