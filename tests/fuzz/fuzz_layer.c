/* fuzz_layer.c - layers and groups of events that decode can be walked, and encode to
 * the same. */
#include "codecs/wire/event_group.h"
#include "codecs/wire/layer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_layer(const struct stage_layer *layer)
{
    scoped_buf bytes = { 0 };
    struct stage_layer again;
    uint64_t place;
    int64_t started, ended;

    for (uint64_t i = 0; i < layer_count(layer); i++)
        must(layer_find(layer, layer_stage(layer, i), &place) && place == i);
    if (layer->has_ended)
        block_times(&layer->block, layer_count(layer) - 1, &started, &ended);
    layer_encode(&bytes, layer);
    must(layer_open((struct bytes){ (const char *)bytes.data, bytes.size }, &again));
    must(layer_is_whole(&again) && again.first == layer->first);
}

static void look_at_group(const struct event_group *group)
{
    struct event_group_walk walk;
    struct announcement what;
    uint64_t count = 0;

    event_group_begin(&walk, group);
    while (event_group_next(&walk, &what)) {
        must(strlen(what.stage) < group->texts.size);
        count++;
    }
    must(count == event_group_events(group));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage_layer layer;
    struct event_group group;
    uint64_t place;

    if (event_group_decode(data, size, &group))
        look_at_group(&group);
    if (!layer_open((struct bytes){ (const char *)data, size }, &layer))
        return 0;
    (void)layer_find(&layer, layer.first + 7, &place);
    if (layer_is_whole(&layer))
        look_at_layer(&layer);
    return 0;
}
