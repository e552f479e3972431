/* peers.c - the nodes that the broker knows, by number and by name. */
#include "broker/broker_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void peers_fini(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->peer_count; i++) {
        struct node_mail *mail = &broker->peers[i].mail;

        free(mail->tasks);
        free(mail->stops);
        free(mail->drops);
        free(mail->taken);
        table_clear(&broker->peers[i].classes);
    }
    free(broker->peers);
    free(broker->mailed);
    table_clear(&broker->peer_slots);
    broker->peers = NULL;
    broker->mailed = NULL;
    broker->peer_count = broker->peer_capacity = broker->mailed_count = 0;
}

/* The number of the node, or peer_count and the key that a new one gets. Of names with
 * one hash each but the first has a later key; no name is ever taken out. */
static uint32_t find(const struct broker *broker, const char *name, uint64_t *key)
{
    uint32_t number;

    for (*key = bytes_hash(name, strlen(name));; ++*key) {
        if (*key == 0)
            continue;
        if (!table_find(&broker->peer_slots, *key, &number))
            return broker->peer_count;
        if (strcmp(broker->peers[number].name, name) == 0)
            return number;
    }
}

struct peer *peer_by_name(struct broker *broker, const char *name, uint32_t *number)
{
    uint64_t key;
    uint32_t found = find(broker, name, &key);

    if (found == broker->peer_count)
        return NULL;
    *number = found;
    return &broker->peers[found];
}

static bool grow(struct broker *broker)
{
    uint32_t capacity = broker->peer_capacity ? broker->peer_capacity * 2 : 8;
    struct peer *peers = reallocarray(broker->peers, capacity, sizeof *peers);
    uint32_t *mailed;

    if (!peers)
        return false;
    broker->peers = peers;
    mailed = reallocarray(broker->mailed, capacity, sizeof *mailed);
    if (!mailed)
        return false;
    broker->mailed = mailed;
    broker->peer_capacity = capacity;
    return true;
}

struct peer *peer_add(struct broker *broker, uint32_t number, const char *name)
{
    uint64_t key;

    must(number == broker->peer_count);
    if ((broker->peer_count == broker->peer_capacity && !grow(broker))
        || table_reserve(&broker->peer_slots) != RC_OK)
        return NULL;
    if (find(broker, name, &key) == number)
        table_put(&broker->peer_slots, key, number);

    struct peer *peer = &broker->peers[broker->peer_count++];

    *peer = (struct peer){ 0 };
    snprintf(peer->name, sizeof peer->name, "%s", name);
    return peer;
}
