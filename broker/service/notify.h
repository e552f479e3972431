/* notify.h - tells the service manager how the daemon does (sd_notify(3)'s protocol). */
#pragma once

/* Sends lines such as "READY=1" to the socket in NOTIFY_SOCKET; does nothing if there is
 * none. A manager that does not listen is no failure of ours. */
void service_notify(const char *state);
