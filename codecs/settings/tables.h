/* tables.h - which settings brokerd, noded, sluice and the file of stores have. */
#pragma once

#include "codecs/settings/settings.h"

struct brokerd_values {
    const char *directory, *address, *requests, *events, *bulk, *advertise;
    bool insecure;
    uint64_t node_timeout_ms, events_keep_ms, stages_max;
    uint64_t retry_wait_ms, retry_wait_max_ms;
    uint64_t gc_every_ms, gc_older_than_ms, gc_keep_last, gc_grace_ms;
    uint64_t answers_max, turn_max, message_max, store_max; /* bytes */
    uint64_t requests_max, queue_max, events_max, nodes_max;
    uint64_t bulk_queue_max, uploads_max, uploads_peer_max;
};

struct noded_values {
    const char *directory, *name, *broker, *bulk, *bulk_listen, *bulk_advertise;
    const char *outputs; /* where large ones stay: "broker" or "node" */
    const char *stores;  /* path of the file of object stores */
    bool insecure;
    uint64_t cpus;             /* 0: as many as the machine has processors */
    uint64_t memory;           /* bytes; 0: not limited */
    struct setting_texts gpus; /* indexes, or one of "auto", "none" */
    struct setting_texts labels;
    uint64_t cache_size; /* bytes; 0: no limit */
    uint64_t drain_timeout_ms, stop_grace_ms;
    uint64_t attempts_max, classes_max, workers_max, queue_max, peers_max;
    uint64_t results_max; /* bytes */
};

struct context_values { /* a broker that a person gave a name */
    const char *broker;
    bool insecure;
};

struct sluice_values {
    const char *context;
    struct setting_entries contexts; /* of struct context_values */
    uint64_t timeout_ms;
    bool reuse;
};

struct store_values { /* an S3-compatible object store that has a name */
    const char *bucket, *endpoint, *region, *prefix;
    const char *credentials, *profile;
    const char *access_key, *secret_key, *session_token;
    bool path_style, anonymous, upload;
};

struct stores_values {
    struct setting_entries stores; /* of struct store_values */
};

extern const struct settings_schema brokerd_settings, noded_settings, sluice_settings;
/* The file of stores, and one entry of it. */
extern const struct settings_schema stores_settings, store_settings;

/* "tcp://HOST:PORT" or "ipc://PATH". */
bool endpoint_is_valid(const char *text);
