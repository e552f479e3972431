/* layer.c - see layer.h. */
#include "codecs/wire/layer.h"

enum { FIELDS_LIVE = 3, FIELDS_ENDED = 6 };

void layer_add(struct buf *places, uint32_t place)
{
    must(place < LAYER_STAGES_MAX);
    buf_byte(places, (unsigned char)(place >> 8));
    buf_byte(places, (unsigned char)place);
}

static uint32_t place_at(const struct stage_layer *layer, uint64_t i)
{
    const unsigned char *at = (const unsigned char *)layer->places.data + 2 * i;

    return (uint32_t)at[0] << 8 | at[1];
}

uint32_t layer_stage(const struct stage_layer *layer, uint64_t i)
{
    must(i < layer_count(layer));
    return layer->first + place_at(layer, i);
}

bool layer_find(const struct stage_layer *layer, uint32_t stage, uint64_t *i)
{
    uint64_t low = 0, high = layer_count(layer);

    while (stage >= layer->first && low < high) {
        uint64_t middle = low + (high - low) / 2;
        uint32_t found = layer->first + place_at(layer, middle);

        if (found == stage) {
            *i = middle;
            return true;
        }
        if (found < stage)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void layer_encode(struct buf *buf, const struct stage_layer *layer)
{
    pack_list(buf, layer->has_ended ? FIELDS_ENDED : FIELDS_LIVE);
    pack_uint(buf, layer->first);
    pack_bytes(buf, layer->places.data, layer->places.size);
    pack_uint(buf, layer->token);
    if (!layer->has_ended)
        return;
    pack_int(buf, layer->ended_us);
    pack_int(buf, layer->block.started_us);
    pack_bytes(buf, layer->block.times.data, layer->block.times.size);
}

bool layer_open(struct bytes bytes, struct stage_layer *layer)
{
    struct stage_layer read = { 0 };
    struct reader reader;
    size_t fields;

    reader_init(&reader, bytes.data, bytes.size);
    fields = reader_list(&reader);
    read.first = (uint32_t)reader_uint_max(&reader, UINT32_MAX - LAYER_STAGES_MAX);
    read.places = reader_bytes(&reader);
    read.token = reader_uint(&reader);
    read.has_ended = fields == FIELDS_ENDED;
    if (read.has_ended) {
        read.ended_us = reader_int(&reader);
        read.block.started_us = reader_int(&reader);
        read.block.times = reader_bytes(&reader);
        read.block.token = read.token;
        read.block.count = layer_count(&read);
    }
    if (!reader_at_end(&reader) || (fields != FIELDS_LIVE && fields != FIELDS_ENDED)
        || read.places.size % 2 != 0 || layer_count(&read) == 0
        || layer_count(&read) > LAYER_STAGES_MAX)
        return false;
    *layer = read;
    return true;
}

bool layer_is_whole(const struct stage_layer *layer)
{
    uint64_t count = layer_count(layer);

    if (place_at(layer, 0) != 0 || place_at(layer, count - 1) >= LAYER_STAGES_MAX
        || layer->token == 0 || layer->token > UINT64_MAX - count)
        return false;
    for (uint64_t i = 1; i < count; i++)
        if (place_at(layer, i) <= place_at(layer, i - 1))
            return false;
    return !layer->has_ended || (layer->ended_us > 0 && block_is_whole(&layer->block));
}
