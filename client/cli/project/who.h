/* who.h - who runs this, for the record; what the system does not tell is "". */
#pragma once

#include <limits.h>

struct who {
    char user[LOGIN_NAME_MAX + 1], host[HOST_NAME_MAX + 1];
};
struct who who_asks(void);
