/* interrupt.h - signals as something to wait for, beside events. */
#pragma once

#include "codecs/base/base.h"

/* From here on SIGINT, SIGTERM and SIGWINCH do nothing by themselves but make the
 * descriptor readable. -1 on failure; the signals then keep their usual effect. */
int interrupt_open(void);
/* The next one that came, or 0. */
int interrupt_next(int fd);

enum answer { ANSWER_GO_ON, ANSWER_DETACH, ANSWER_CANCEL };
/* Asks the person at the terminal; a signal meanwhile means cancel. Without a terminal on
 * stdin: cancel. */
enum answer interrupt_ask(int fd);
