/* near.c - which nodes have bytes of a stage's inputs, for the core to prefer them.
 *
 * Asked once a stage, of a bounded number of files, from what nodes told the bulk thread;
 * so it costs the loop no file and no message. */
#include "broker/broker_state.h"

#include <string.h>

enum {
    NEAR_FILES_MAX = 1000,   /* of a stage are looked at */
    NEAR_NODES_MAX = 64,     /* are weighed */
    NEAR_FILE_MIN = 1 << 20, /* smaller ones are quickly moved */
};

struct weighing {
    char names[NEAR_NODES_MAX][PLACE_NAME_MAX + 1];
    uint64_t bytes[NEAR_NODES_MAX];
    size_t count;
};

static void weigh(struct weighing *self, const char *node, uint64_t bytes)
{
    size_t i = 0;

    while (i < self->count && strcmp(self->names[i], node) != 0)
        i++;
    if (i == NEAR_NODES_MAX)
        return;
    if (i == self->count) {
        memcpy(self->names[i], node, strlen(node) + 1);
        self->bytes[self->count++] = 0;
    }
    self->bytes[i] += bytes;
}

static void weigh_inputs(struct weighing *self, struct places *places,
                         const struct plan_stage *stage)
{
    struct node_place found[PLACE_NODES_MAX];
    size_t looked = 0;

    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
            const struct plan_source *source = &stage->inputs[i].sources[k];

            if (!source->digest || source->size < NEAR_FILE_MIN)
                continue;
            if (looked++ == NEAR_FILES_MAX)
                return;
            for (size_t n = places_find(places, source->digest, found); n-- > 0;)
                weigh(self, found[n].node, source->size);
        }
}

/* The heaviest that is left, which is taken out; NULL if none is. */
static const char *heaviest(struct weighing *self, uint64_t *bytes)
{
    size_t best = 0;

    for (size_t i = 1; i < self->count; i++)
        if (self->bytes[i] > self->bytes[best])
            best = i;
    if (self->count == 0 || self->bytes[best] == 0)
        return NULL;
    *bytes = self->bytes[best];
    self->bytes[best] = 0;
    return self->names[best];
}

void near_find(struct broker *broker, const struct plan_stage *stage,
               struct core_input *input)
{
    struct weighing weighing;
    struct core_near *near;
    const char *name;
    uint64_t bytes;

    weighing.count = 0;
    weigh_inputs(&weighing, bulk_server_places(broker->bulk), stage);
    if (weighing.count == 0 || !broker->scratch
        || !(near = arena_array(broker->scratch, CORE_NEAR_MAX, sizeof *near)))
        return;
    input->near = near;
    while (input->near_count < CORE_NEAR_MAX
           && (name = heaviest(&weighing, &bytes)) != NULL) {
        uint32_t number;

        if (peer_by_name(broker, name, &number))
            near[input->near_count++] = (struct core_near){ number, bytes };
    }
}

void near_made(struct broker *broker, uint32_t node, const struct plan_source *output)
{
    struct places *places = bulk_server_places(broker->bulk);

    if (node >= broker->peer_count)
        return;
    if (output->node) {
        places_expect(places, broker->peers[node].name, output->digest);
        space_kept(broker, node, output->digest);
    } else if (output->size >= NEAR_FILE_MIN) {
        places_add(places, broker->peers[node].name, output->digest);
    }
}

bool near_has(struct broker *broker, const char *digest)
{
    struct node_place found[PLACE_NODES_MAX];
    size_t count = places_find(bulk_server_places(broker->bulk), digest, found);
    struct node_view view;
    uint32_t number;

    while (count-- > 0)
        if (peer_by_name(broker, found[count].node, &number)
            && core_node(broker->core, number, &view) && view.state == NODE_ONLINE) {
            space_use(broker, digest);
            return true;
        }
    return false;
}
