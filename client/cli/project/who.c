/* who.c - see who.h. */
#include "client/cli/project/who.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

struct who who_asks(void)
{
    struct who who = { .user = "" };
    const struct passwd *entry = getpwuid(geteuid());

    if (entry)
        snprintf(who.user, sizeof who.user, "%s", entry->pw_name);
    if (gethostname(who.host, sizeof who.host - 1) < 0)
        who.host[0] = '\0';
    return who;
}
