/* version.c - see version.h. */
#include "codecs/version/version.h"

#include <string.h>

enum { VERSION_FORMAT = 1, FIELDS = 12 };

void version_encode(struct buf *buf, const struct version *version)
{
    pack_list(buf, version->count > 0         ? FIELDS + 2
                   : version->origin.size > 0 ? FIELDS + 1
                                              : FIELDS);
    pack_uint(buf, VERSION_FORMAT);
    pack_bytes(buf, version->previous, DIGEST_SIZE);
    pack_uint(buf, version->run);
    pack_uint(buf, version->stage);
    pack_uint(buf, version->index);
    pack_uint(buf, version->attempt);
    pack_uint(buf, version->status);
    pack_text(buf, version->node);
    pack_int(buf, version->started_us);
    pack_int(buf, version->ended_us);
    pack_bytes(buf, version->class_hash, DIGEST_SIZE);
    pack_bytes(buf, version->result_hash, DIGEST_SIZE);
    if (version->origin.size > 0 || version->count > 0)
        pack_bytes(buf, version->origin.data, version->origin.size);
    if (version->count > 0)
        pack_uint(buf, version->count);
}

static void read_hash(struct reader *reader, uint8_t hash[DIGEST_SIZE])
{
    struct bytes bytes = reader_bytes(reader);

    if (bytes.size == DIGEST_SIZE)
        memcpy(hash, bytes.data, DIGEST_SIZE);
    else
        reader_fail(reader);
}

enum rc version_decode(struct arena *arena, const void *bytes, size_t size,
                       struct version *version, struct err *err)
{
    struct version read = { 0 };
    struct reader reader;

    reader_init(&reader, bytes, size);

    size_t count = reader_list(&reader);
    uint64_t format = reader_uint(&reader);

    if (reader_ok(&reader) && format != VERSION_FORMAT)
        return err_set(err, RC_CORRUPT, "version record: format %lu is not known",
                       (unsigned long)format);
    if (count < FIELDS)
        reader_fail(&reader);
    read_hash(&reader, read.previous);
    read.run = reader_uint(&reader);
    read.stage = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    read.index = reader_uint(&reader);
    read.attempt = (uint32_t)reader_uint_max(&reader, UINT32_MAX);
    read.status = (enum result_status)reader_uint_max(&reader, RESULT_STATUS_COUNT - 1);
    read.node = reader_text(&reader, arena, VERSION_NODE_MAX);
    read.started_us = reader_int(&reader);
    read.ended_us = reader_int(&reader);
    read_hash(&reader, read.class_hash);
    read_hash(&reader, read.result_hash);
    if (count > FIELDS)
        read.origin = reader_bytes(&reader);
    if (count > FIELDS + 1)
        read.count = reader_uint_max(&reader, PLAN_TASKS_MAX);
    for (size_t i = FIELDS + 2; i < count; i++)
        reader_skip(&reader);
    if (reader_ok(&reader) && !reader_at_end(&reader))
        reader_fail(&reader);
    if (!reader_ok(&reader))
        return err_set(err, RC_CORRUPT, "version record: byte %zu does not decode",
                       reader.at);
    *version = read;
    return RC_OK;
}

void version_hash(struct digester *digester, const void *bytes, size_t size,
                  uint8_t hash[DIGEST_SIZE])
{
    digester_add(digester, bytes, size);
    digester_end_raw(digester, hash);
}

void version_class_hash(struct digester *digester, const uint8_t head[DIGEST_SIZE],
                        const uint8_t plan[DIGEST_SIZE],
                        const uint8_t resolved[DIGEST_SIZE], uint8_t hash[DIGEST_SIZE])
{
    digester_add(digester, head, DIGEST_SIZE);
    digester_add(digester, plan, DIGEST_SIZE);
    digester_add(digester, resolved, DIGEST_SIZE);
    digester_end_raw(digester, hash);
}

bool hash_is_zero(const uint8_t hash[DIGEST_SIZE])
{
    static const uint8_t zeros[DIGEST_SIZE];

    return memcmp(hash, zeros, DIGEST_SIZE) == 0;
}
