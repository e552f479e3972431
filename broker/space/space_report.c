/* space_report.c - what a walk found, as its asker gets it. */
#include "broker/space/space_state.h"

#include "codecs/pack/pack.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void space_list(struct space *self, const struct going *going)
{
    self->removed++;
    self->removed_bytes += going->size;
    if (self->listed == SPACE_LISTED_MAX)
        return;
    self->listed++;
    pack_list(&self->list, 3);
    pack_text(&self->list, going->digest);
    pack_uint(&self->list, going->size);
    pack_text(&self->list, going->why);
}

/* Of a damaged file, whose bytes nobody gets: whether it goes. */
static bool take_damaged(void *context, const char *name, uint64_t size,
                         int64_t changed_ns)
{
    struct space *self = context;
    struct going going = { .size = size };

    snprintf(going.digest, sizeof going.digest, "sha256:%.64s", name);
    if (!self->is_gc || changed_ns >= self->since_ns
        || !digest_is_valid(going.digest, strlen(going.digest)))
        return false;
    snprintf(going.why, sizeof going.why, "its bytes were wrong: it had been set aside");
    space_list(self, &going);
    return self->is_real;
}

static void count_rest(struct space *self)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/objects/bad", self->directory) < PATH_MAX)
        self->damaged = space_rest_walk(path, take_damaged, self);
    if (snprintf(path, sizeof path, "%s/objects/tmp", self->directory) < PATH_MAX)
        self->unfinished = space_rest_walk(path, NULL, NULL);
}

/* Bytes that the store's file has on disk. */
static uint64_t store_bytes(const struct space *self)
{
    char path[PATH_MAX];
    struct stat status;

    if (snprintf(path, sizeof path, "%s/store/data.mdb", self->directory) >= PATH_MAX
        || stat(path, &status) != 0)
        return 0;
    return (uint64_t)status.st_blocks * 512;
}

static void report_kind(struct buf *report, const char *name, uint64_t count,
                        uint64_t bytes)
{
    pack_list(report, 3);
    pack_text(report, name);
    pack_uint(report, count);
    pack_uint(report, bytes);
}

static void report_kinds(const struct space *self, struct buf *report)
{
    uint64_t counts[SPACE_KIND_COUNT] = { 0 }, bytes[SPACE_KIND_COUNT] = { 0 };

    for (size_t i = 0; i < self->mark.table.capacity; i++) {
        const struct space_object *object = &self->mark.table.slots[i];

        if (!object->is_there || object->is_remote)
            continue;
        counts[object->kind]++;
        bytes[object->kind] += object->size;
    }
    pack_text(report, "kinds");
    pack_list(report, SPACE_KIND_COUNT + 3);
    for (unsigned i = 0; i < SPACE_KIND_COUNT; i++)
        report_kind(report, space_kind_name((enum space_kind)i), counts[i], bytes[i]);
    report_kind(report, "damaged", self->damaged.files, self->damaged.bytes);
    report_kind(report, "unfinished", self->unfinished.files, self->unfinished.bytes);
    report_kind(report, "store", 1, store_bytes(self));
}

static void report_runs(const struct space *self, struct buf *report)
{
    size_t count =
        self->mark.run_count < SPACE_LISTED_MAX ? self->mark.run_count : SPACE_LISTED_MAX;

    pack_text(report, "runs");
    pack_list(report, count);
    for (size_t i = 0; i < count; i++) {
        const struct space_run *run = &self->mark.runs[i];

        pack_list(report, 6);
        pack_uint(report, run->run);
        pack_text(report, run->title);
        pack_uint(report, run->objects);
        pack_uint(report, run->bytes);
        pack_uint(report, run->own);
        pack_bool(report, run->is_kept);
    }
}

static void report_titles(const struct space *self, struct buf *report)
{
    pack_text(report, "titles");
    pack_list(report, self->mark.title_count);
    for (size_t i = 0; i < self->mark.title_count; i++) {
        const struct space_title *title = &self->mark.titles[i];

        pack_list(report, 5);
        pack_text(report, title->title);
        pack_uint(report, title->runs);
        pack_uint(report, title->objects);
        pack_uint(report, title->bytes);
        pack_uint(report, title->own);
    }
}

static void report_nodes(const struct space *self, struct buf *report)
{
    size_t count = 0, listed = 0;

    for (size_t i = 0; i < self->mark.node_count; i++)
        count += self->mark.nodes[i].objects > 0;
    count = count < SPACE_LISTED_MAX ? count : SPACE_LISTED_MAX;
    pack_text(report, "nodes");
    pack_list(report, count);
    for (size_t i = 0; listed < count; i++) {
        const struct space_node *node = &self->mark.nodes[i];

        if (node->objects == 0)
            continue;
        report_kind(report, node->name, node->objects, node->bytes);
        listed++;
    }
}

void space_report(struct space *self)
{
    struct buf *report = &self->report;

    count_rest(self);
    pack_map(report, 10);
    pack_text(report, "real");
    pack_bool(report, self->is_real);
    report_kinds(self, report);
    report_runs(self, report);
    report_titles(self, report);
    report_nodes(self, report);
    pack_text(report, "count");
    pack_uint(report, self->removed);
    pack_text(report, "bytes");
    pack_uint(report, self->removed_bytes);
    pack_text(report, "young");
    pack_uint(report, self->young);
    pack_text(report, "young_bytes");
    pack_uint(report, self->young_bytes);
    pack_text(report, "files");
    pack_list(report, self->listed);
    buf_add(report, self->list.data, self->list.size);
}
