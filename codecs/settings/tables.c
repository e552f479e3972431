/* tables.c - the rows. */
#include "codecs/settings/tables.h"

#include "codecs/wire/message.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ENDPOINT_TEXT_MAX = 400 };

#define BROKERD(field) offsetof(struct brokerd_values, field)
#define NODED(field)   offsetof(struct noded_values, field)
#define CONTEXT(field) offsetof(struct context_values, field)
#define SLUICE(field)  offsetof(struct sluice_values, field)
#define STORE(field)   offsetof(struct store_values, field)

static bool is_port(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size <= 5 && strspn(text, "0123456789") == size
           && strtoul(text, NULL, 10) >= 1 && strtoul(text, NULL, 10) <= 65535;
}

bool endpoint_is_valid(const char *text)
{
    const char *port = strrchr(text, ':');

    if (strlen(text) > ENDPOINT_TEXT_MAX || strpbrk(text, " \t\n"))
        return false;
    if (strncmp(text, "ipc://", 6) == 0)
        return text[6] != '\0';
    return strncmp(text, "tcp://", 6) == 0 && port > text + 6 && is_port(port + 1);
}

static bool listen_is_valid(const char *text)
{
    size_t size = strlen(text);

    return is_port(text) || endpoint_is_valid(text)
           || (size > 8 && size <= ENDPOINT_TEXT_MAX && strncmp(text, "tcp://", 6) == 0
               && strcmp(text + size - 2, ":*") == 0);
}

static bool bulk_listen_is_valid(const char *text)
{
    return strncmp(text, "tcp://", 6) == 0 && listen_is_valid(text);
}

static bool outputs_is_valid(const char *text)
{
    return strcmp(text, "broker") == 0 || strcmp(text, "node") == 0;
}

static bool host_is_valid(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size <= 253 && !strpbrk(text, " \t\n/;") && !strstr(text, "://");
}

static bool path_is_valid(const char *text)
{
    return text[0] == '/' && strlen(text) < 4000;
}

static bool url_is_valid(const char *text)
{
    const char *host = strstr(text, "://");

    return (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0)
           && host[3] != '\0' && strlen(text) <= ENDPOINT_TEXT_MAX
           && !strpbrk(text, " \t\n@?#");
}

static bool bucket_is_valid(const char *text)
{
    size_t size = strlen(text);

    return size >= 3 && size <= 63
           && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == size
           && text[0] != '.' && text[0] != '-';
}

static bool prefix_is_valid(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size <= 500 && text[0] != '/' && text[size - 1] != '/'
           && !strpbrk(text, "\n\t");
}

static bool index_is_valid(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size <= 2 && strspn(text, "0123456789") == size
           && strtoul(text, NULL, 10) < 64;
}

static const char *const gpu_words[] = { "auto", "none", NULL };

#define ENDPOINT_ALLOWED "an endpoint such as tcp://broker.lan:7101 or ipc:///run/x"
#define LISTEN_ALLOWED   "a port, or an endpoint such as tcp://0.0.0.0:7101"
#define PATH_ALLOWED     "an absolute path"

static const struct setting brokerd_rows[] = {
    { "directory", SETTING_TEXT, BROKERD(directory), .is_valid = path_is_valid,
      .allowed = PATH_ALLOWED,
      .help = "Where the store and the artifacts are; only one broker may have it." },
    { "listen.address", SETTING_TEXT, BROKERD(address), "127.0.0.1",
      .is_valid = host_is_valid, .allowed = "an address of this machine, or 0.0.0.0",
      .help = "The address of the ports below; 0.0.0.0 is every address." },
    { "listen.requests", SETTING_TEXT, BROKERD(requests), "7101",
      .is_valid = listen_is_valid, .allowed = LISTEN_ALLOWED,
      .help = "Where clients and nodes ask." },
    { "listen.events", SETTING_TEXT, BROKERD(events), "7102", .is_valid = listen_is_valid,
      .allowed = LISTEN_ALLOWED, .help = "Where events are published." },
    { "listen.bulk", SETTING_TEXT, BROKERD(bulk), "7103", .is_valid = listen_is_valid,
      .allowed = LISTEN_ALLOWED, .help = "Where files are moved." },
    { "advertise", SETTING_TEXT, BROKERD(advertise), .is_valid = host_is_valid,
      .allowed = "a host name or address", .is_reloadable = true,
      .help = "The host by which others reach the broker; if not given, the one that "
              "they used." },
    { "insecure", SETTING_FLAG, BROKERD(insecure), "false",
      .help = "Lets the broker listen beyond this machine, without encryption and "
              "passwords." },
    { "node-timeout", SETTING_DURATION, BROKERD(node_timeout_ms), "10s", .min = 100,
      .max = 3600000, .is_reloadable = true,
      .help = "A node that is silent for so long is lost, and others get its tasks." },
    { "retry-wait", SETTING_DURATION, BROKERD(retry_wait_ms), "1s", .min = 0,
      .max = 3600000, .is_reloadable = true,
      .help = "How long a task that failed waits before it is tried again; doubled with "
              "each further failure." },
    { "retry-wait-max", SETTING_DURATION, BROKERD(retry_wait_max_ms), "1m", .min = 0,
      .max = 86400000, .is_reloadable = true, .help = "The longest such wait." },
    { "events-keep", SETTING_DURATION, BROKERD(events_keep_ms), "0", .min = 0,
      .max = 315360000000, .is_reloadable = true,
      .help = "How long events are kept; 0 is for ever." },
    { "gc-every", SETTING_DURATION, BROKERD(gc_every_ms), "0", .min = 0,
      .max = 31536000000, .is_reloadable = true,
      .help = "How often the broker removes files that nothing needs, as sluice gc does; "
              "0 is never." },
    { "gc-older-than", SETTING_DURATION, BROKERD(gc_older_than_ms), "0", .min = 0,
      .max = 315360000000, .is_reloadable = true,
      .help = "Then also files of runs that ended so long ago, unless tagged or named; 0 "
              "is of any age if gc-keep-last is set." },
    { "gc-keep-last", SETTING_NUMBER, BROKERD(gc_keep_last), "0", .min = 0,
      .max = 1000000000, .is_reloadable = true,
      .help = "But not those of the last so many runs of each pipeline or step; 0 is no "
              "matter." },
    { "gc-grace", SETTING_DURATION, BROKERD(gc_grace_ms), "1d", .min = 300000,
      .max = 31536000000, .is_reloadable = true,
      .help = "What was stored or asked for since then stays in any case." },
    { "stages-max", SETTING_NUMBER, BROKERD(stages_max), "4000000", .min = 1,
      .max = 100000000,
      .help =
          "Unfinished stages of all runs together; beyond, submissions are refused." },
    { "answers-max", SETTING_SIZE, BROKERD(answers_max), "64MiB", .min = 1 << 20,
      .max = 1 << 30, .is_reloadable = true,
      .help = "Answers that may wait for one client that does not read them; beyond, it "
              "gets errors, and a node is put off." },
    { "requests-max", SETTING_NUMBER, BROKERD(requests_max), "32", .min = 1, .max = 10000,
      .help = "Messages of one client or node that may wait to be taken; beyond, it is "
              "slowed." },
    { "message-max", SETTING_SIZE, BROKERD(message_max), "64MiB", .min = 1 << 20,
      .max = MESSAGE_BODY_MAX,
      .help = "How large a message to the broker may be; a larger one ends the "
              "connection." },
    { "turn-max", SETTING_SIZE, BROKERD(turn_max), "32MiB", .min = 1 << 20,
      .max = 512 << 20, .is_reloadable = true,
      .help = "How much is said after one commit; beyond, messages wait for the next." },
    { "queue-max", SETTING_NUMBER, BROKERD(queue_max), "10000", .min = 100,
      .max = 1000000,
      .help = "Messages that may wait for one client or node that does not read; further "
              "ones are dropped, and asked for again." },
    { "events-max", SETTING_NUMBER, BROKERD(events_max), "10000", .min = 2000,
      .max = 1000000,
      .help = "Events that may wait for one subscriber that does not read; further ones "
              "it has to fetch." },
    { "nodes-max", SETTING_NUMBER, BROKERD(nodes_max), "100000", .min = 1, .max = 100000,
      .help = "Nodes that ever joined; beyond, no other one may." },
    { "uploads-max", SETTING_NUMBER, BROKERD(uploads_max), "256", .min = 1, .max = 4096,
      .help = "Files that arrive at once; beyond, the sender has to try again." },
    { "uploads-peer-max", SETTING_NUMBER, BROKERD(uploads_peer_max), "8", .min = 1,
      .max = 4096, .help = "Files that arrive at once from one sender." },
    { "bulk-queue-max", SETTING_NUMBER, BROKERD(bulk_queue_max), "64", .min = 16,
      .max = 4096,
      .help =
          "Messages of at most 1 MiB that may wait for, and from, one peer that moves "
          "files; further answers are dropped, and asked for again." },
    { "store-max", SETTING_SIZE, BROKERD(store_max), "0", .min = 0, .max = 1ull << 50,
      .is_reloadable = true,
      .help =
          "How large the store may grow; shortly before, submissions are refused; 0 is "
          "no limit but the disk." },
};

static const struct setting noded_rows[] = {
    { "directory", SETTING_TEXT, NODED(directory), .is_valid = path_is_valid,
      .allowed = PATH_ALLOWED,
      .help = "Where tasks run and files are cached; only one node may have it." },
    { "name", SETTING_TEXT, NODED(name), .is_valid = node_name_is_valid,
      .allowed = "1 to 64 letters, digits, dots, dashes and underscores",
      .help = "The node's name, which no other node of the broker has; if not given, the "
              "machine's." },
    { "broker", SETTING_TEXT, NODED(broker), "tcp://127.0.0.1:7101",
      .is_valid = endpoint_is_valid, .allowed = ENDPOINT_ALLOWED,
      .help = "Where the broker takes requests." },
    { "bulk", SETTING_TEXT, NODED(bulk), .is_valid = endpoint_is_valid,
      .allowed = ENDPOINT_ALLOWED,
      .help = "Where the broker moves files; if not given, the broker tells." },
    { "bulk-listen", SETTING_TEXT, NODED(bulk_listen), .is_valid = bulk_listen_is_valid,
      .allowed = "an endpoint such as tcp://10.0.0.7:7104",
      .help = "Where other nodes get files that this one has; if not given, nowhere." },
    { "bulk-advertise", SETTING_TEXT, NODED(bulk_advertise), .is_valid = host_is_valid,
      .allowed = "a host name or address",
      .help = "The host by which other nodes reach this one; if not given, the one of "
              "bulk-listen." },
    { "outputs", SETTING_TEXT, NODED(outputs), "broker", .is_valid = outputs_is_valid,
      .allowed = "broker or node",
      .help = "Where large outputs go when a task has ended: to the broker, or nowhere "
              "until somebody asks for them, which needs bulk-listen." },
    { "peers-max", SETTING_NUMBER, NODED(peers_max), "4", .min = 0, .max = 64,
      .help =
          "Other nodes that one thread fetches files from; 0 is none: files come from "
          "the broker." },
    { "insecure", SETTING_FLAG, NODED(insecure), "false",
      .help = "Lets the node talk to other machines, without encryption." },
    { "cpus", SETTING_NUMBER, NODED(cpus), "0", .min = 0, .max = NODE_SLOTS_MAX,
      .is_reloadable = true,
      .help = "Processors for tasks, and so how many tasks of one processor run at once; "
              "0 is all of them." },
    { "memory", SETTING_SIZE, NODED(memory), "0", .min = 0, .max = 1ull << 50,
      .help = "Memory for tasks; 0 is no limit." },
    { "gpus", SETTING_LIST, NODED(gpus), "auto", .is_valid = index_is_valid,
      .allowed = "auto, none, or a list of indexes below 64 such as [0, 1]",
      .words = gpu_words,
      .help = "GPUs for tasks, by index; auto is every NVIDIA device of the machine." },
    { "labels", SETTING_LIST, NODED(labels), .is_valid = node_name_is_valid,
      .allowed = "a list of names such as [gpu-large, lab], each of letters, digits, "
                 "dots, dashes and underscores",
      .help =
          "The environments that the node serves: steps that name one run only there." },
    { "cache-size", SETTING_SIZE, NODED(cache_size), "0", .min = 0, .max = 1ull << 60,
      .help = "How much disk the cache of files may fill; 0 is no limit." },
    { "stores", SETTING_TEXT, NODED(stores), .is_valid = path_is_valid,
      .allowed = PATH_ALLOWED,
      .help = "The file of object stores, for s3:// inputs and upload-store; it is read "
              "anew at each use." },
    { "attempts-max", SETTING_NUMBER, NODED(attempts_max), "16384", .min = 1,
      .max = 16384,
      .help = "Attempts that run, or have ended and are not known to the broker; beyond, "
              "further ones fail." },
    { "classes-max", SETTING_NUMBER, NODED(classes_max), "256", .min = 1, .max = 100000,
      .help =
          "Stages whose settings are kept, besides those with tasks; others are asked "
          "for again." },
    { "workers-max", SETTING_NUMBER, NODED(workers_max), "64", .min = 1, .max = 1024,
      .help =
          "Threads that fetch inputs and store outputs; tasks wait in line for them." },
    { "results-max", SETTING_SIZE, NODED(results_max), "8MiB", .min = 1 << 10,
      .max = 32 << 20,
      .help = "How much one message of results holds; a larger result comes alone." },
    { "queue-max", SETTING_NUMBER, NODED(queue_max), "10000", .min = 100, .max = 1000000,
      .help = "Messages that may wait for the broker, or from it; further ones are "
              "repeated later." },
    { "drain-timeout", SETTING_DURATION, NODED(drain_timeout_ms), "0", .min = 0,
      .max = 31536000000, .is_reloadable = true,
      .help = "How long running tasks may go on after SIGTERM; then they are stopped and "
              "given to other nodes." },
    { "stop-grace", SETTING_DURATION, NODED(stop_grace_ms), "15s", .min = 0,
      .max = 3600000,
      .help = "How long a task that is stopped has from SIGTERM to SIGKILL." },
};

static const struct setting context_rows[] = {
    { "broker", SETTING_TEXT, CONTEXT(broker), .is_valid = endpoint_is_valid,
      .allowed = ENDPOINT_ALLOWED, .help = "Where the broker takes requests." },
    { "insecure", SETTING_FLAG, CONTEXT(insecure), "false",
      .help = "Lets sluice talk to a broker on another machine, without encryption." },
};

static const struct settings_schema context_settings = {
    "sluice", sizeof(struct context_values), context_rows, COUNT_OF(context_rows)
};

static const struct setting sluice_rows[] = {
    { "context", SETTING_TEXT, SLUICE(context),
      .help =
          "The context to use if none is named; private is the project's own broker." },
    { "contexts", SETTING_EACH, SLUICE(contexts), .each = &context_settings,
      .allowed = "a mapping such as {lab: {broker: tcp://broker.lan:7101}}",
      .help = "Brokers by name, each with broker and insecure." },
    { "timeout", SETTING_DURATION, SLUICE(timeout_ms), "10s", .min = 100, .max = 3600000,
      .help = "How long to wait for the broker's answer." },
    { "reuse", SETTING_FLAG, SLUICE(reuse), "false",
      .help =
          "Whether runs use the results of equal earlier executions, as with --reuse." },
};

static const struct setting store_rows[] = {
    { "bucket", SETTING_TEXT, STORE(bucket), .is_valid = bucket_is_valid,
      .allowed = "3 to 63 lower-case letters, digits, dots and dashes",
      .help = "The bucket; s3:// inputs of it use this store; without one the store is "
              "for all buckets that no other has." },
    { "endpoint", SETTING_TEXT, STORE(endpoint), .is_valid = url_is_valid,
      .allowed = "a URL such as https://minio.lan:9000",
      .help = "Where the store is; if not given, AWS_ENDPOINT_URL, else Amazon S3 in the "
              "region." },
    { "region", SETTING_TEXT, STORE(region), .is_valid = node_name_is_valid,
      .allowed = "a name such as eu-central-1",
      .help = "The region; if not given, AWS_REGION or AWS_DEFAULT_REGION, else "
              "us-east-1." },
    { "prefix", SETTING_TEXT, STORE(prefix), .is_valid = prefix_is_valid,
      .allowed = "a key such as team/outputs, without a slash at start and end",
      .help = "What the keys of outputs start with." },
    { "path-style", SETTING_FLAG, STORE(path_style), "true",
      .help = "The bucket stands in the path of URLs; false: in the host's name." },
    { "upload", SETTING_FLAG, STORE(upload), "true",
      .help = "false: steps that name this store keep their outputs in the broker's "
              "store only." },
    { "anonymous", SETTING_FLAG, STORE(anonymous), "false",
      .help = "Requests are not signed, for buckets that everybody may read." },
    { "credentials", SETTING_TEXT, STORE(credentials), .is_valid = path_is_valid,
      .allowed = PATH_ALLOWED,
      .help = "A file of credentials as ~/.aws/credentials, which only its owner may "
              "read." },
    { "profile", SETTING_TEXT, STORE(profile),
      .help =
          "Which credentials of that file; if not given, AWS_PROFILE, else default." },
    { "access-key", SETTING_TEXT, STORE(access_key),
      .help = "The id of the key, with secret-key; if neither these nor credentials are "
              "given, AWS_ACCESS_KEY_ID and its like, else ~/.aws/credentials." },
    { "secret-key", SETTING_TEXT, STORE(secret_key),
      .help = "The secret; then only its owner may read the file." },
    { "session-token", SETTING_TEXT, STORE(session_token),
      .help = "The token that comes with keys that expire." },
};

const struct settings_schema store_settings = { "stores", sizeof(struct store_values),
                                                store_rows, COUNT_OF(store_rows) };

static const struct setting stores_rows[] = {
    { "stores", SETTING_EACH, offsetof(struct stores_values, stores),
      .each = &store_settings,
      .allowed = "a mapping such as {results: {bucket: team-results}}",
      .help = "Object stores by the names that upload-store may have." },
};

const struct settings_schema stores_settings = { "stores", sizeof(struct stores_values),
                                                 stores_rows, COUNT_OF(stores_rows) };

const struct settings_schema brokerd_settings = { "brokerd",
                                                  sizeof(struct brokerd_values),
                                                  brokerd_rows, COUNT_OF(brokerd_rows) };
const struct settings_schema noded_settings = { "noded", sizeof(struct noded_values),
                                                noded_rows, COUNT_OF(noded_rows) };
const struct settings_schema sluice_settings = { "sluice", sizeof(struct sluice_values),
                                                 sluice_rows, COUNT_OF(sluice_rows) };
