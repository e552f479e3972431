/* looks.h - stages that wait until a node has looked what their inputs from elsewhere
 * hold now, before an earlier result may be used. Part of the shell around the core,
 * which has them waiting as for a twin. Nothing is stored: after a restart they are asked
 * again.
 *
 * Nodes do all that needs the outside; one is asked for few stages at a time, the others
 * wait in line. A node that goes, or begins a new session, is not waited for: another is
 * asked. */
#pragma once

#include "broker/store/executions.h"
#include "codecs/wire/look.h"

struct broker;
struct looks;

enum { LOOKS_OF_NODE_MAX = 2 };

struct looks *looks_create(void); /* NULL: no memory */
void looks_destroy(struct looks *looks);
/* All of them, before the core is restored. */
void looks_forget(struct looks *looks);

/* The stage waits from now on; known is the task whose files are compared with. */
void looks_add(struct broker *broker, uint64_t run, uint32_t stage,
               const struct origin *known);
/* Whether the stage waits so. */
bool looks_has(const struct broker *broker, uint64_t run, uint32_t stage);
/* What a node found, while the stage is resolved again because of it; else NULL. */
const struct look_message *looks_answer(const struct broker *broker, uint64_t run,
                                        uint32_t stage);

/* A node came, went, or began anew. */
void looks_wake(struct broker *broker);
/* A node says LOOKED. */
void looks_told(struct broker *broker, uint32_t node, const void *body, size_t size);
/* Asks nodes, as far as there are some; once a turn. */
bool looks_are_due(const struct broker *broker);
void looks_step(struct broker *broker);
