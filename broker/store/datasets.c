/* datasets.c - versions of datasets, and which files are in them.
 *
 * A file's record says whether it came from the version that this one was begun with:
 * such a file gives way to one of the same name that is added. */
#include "broker/store/names_key.h"

#include <string.h>

enum { FILE_NAME_BYTES = 400, FILES_ARENA_MAX = 256 << 20 };

static struct name_key version_key(const struct dataset_version *version)
{
    struct name_key key = name_key_of(version->project, version->dataset);

    name_key_text(&key, version->version, NAME_BYTES_MAX);
    return key;
}

/* The texts that a key of datasets is made of. */
static enum rc read_key(const MDB_val *found, struct arena *arena,
                        struct dataset_version *version, struct err *err)
{
    const char **texts[] = { &version->project, &version->dataset, &version->version };
    const char *at = found->mv_data, *end = at + found->mv_size;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *zero = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

        if (!zero)
            return err_set(err, RC_CORRUPT, "store: a key of datasets does not decode");
        *texts[i] = arena_copy(arena, at, (size_t)(zero - at));
        if (!*texts[i])
            return err_set(err, RC_NO_MEMORY, "a list of datasets");
        at = zero + 1;
    }
    return RC_OK;
}

static enum rc read_version(const MDB_val *found, const MDB_val *data,
                            struct arena *arena, struct dataset_version *version,
                            struct err *err)
{
    struct reader reader;
    enum rc rc = record_open(&reader, TABLE_DATASETS, data, err);

    if (rc != RC_OK)
        return rc;
    version->number = reader_uint(&reader);
    version->created_us = reader_int(&reader);
    version->changed_us = reader_int(&reader);
    version->by = reader_text(&reader, arena, PLAN_NAME_MAX);
    version->base = reader_uint(&reader);
    version->files = reader_uint(&reader);
    version->bytes = reader_uint(&reader);
    rc = record_close(&reader, TABLE_DATASETS, err);
    return rc == RC_OK ? read_key(found, arena, version, err) : rc;
}

static enum rc get_version(struct store *store, const struct name_key *key,
                           struct arena *arena, struct dataset_version *version,
                           struct err *err)
{
    struct view view;
    MDB_val found = { key->size, (void *)(uintptr_t)key->bytes }, data;
    struct dataset_version read;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_DATASETS, key->bytes, key->size, &data, err);
    if (rc == RC_OK)
        rc = read_version(&found, &data, arena, &read, err);
    view_end(&view);
    if (rc == RC_OK)
        *version = read;
    return rc;
}

enum rc store_dataset(struct store *store, const char *project, const char *dataset,
                      const char *version, struct arena *arena,
                      struct dataset_version *found, struct err *err)
{
    struct name_key key = version_key(&(struct dataset_version){
        .project = project, .dataset = dataset, .version = version });

    return get_version(store, &key, arena, found, err);
}

enum rc store_dataset_by_number(struct store *store, uint64_t number, struct arena *arena,
                                struct dataset_version *found, struct err *err)
{
    struct key number_key = key_run(number);
    struct name_key key = { .size = 0 };
    struct view view;
    MDB_val data;
    enum rc rc = view_begin(store, &view, err);

    if (rc != RC_OK)
        return rc;
    rc = view_get(&view, TABLE_DATASET_KEYS, number_key.bytes, number_key.size, &data,
                  err);
    if (rc == RC_OK && data.mv_size > sizeof key.bytes)
        rc = err_set(err, RC_CORRUPT, "store: a record of dataset_keys is too long");
    if (rc == RC_OK) {
        memcpy(key.bytes, data.mv_data, data.mv_size);
        key.size = data.mv_size;
    }
    view_end(&view);
    return rc == RC_OK ? get_version(store, &key, arena, found, err) : rc;
}

enum rc store_dataset_put(struct store *store, struct dataset_version *version,
                          struct err *err)
{
    struct name_key key = version_key(version), none = { .size = 0 };
    scoped_buf record = { 0 };
    enum rc rc = RC_OK;

    if (version->number == 0) {
        uint64_t last = 0;
        size_t found = name_numbers(store, TABLE_DATASET_KEYS, &none, 0, &last, 1);
        struct key number = key_run(found ? last + 1 : 1);

        version->number = key_number(number.bytes, number.size);
        rc = db_put(store, TABLE_DATASET_KEYS, number.bytes, number.size, key.bytes,
                    key.size, err);
    }
    record_begin(&record, 7);
    pack_uint(&record, version->number);
    pack_int(&record, version->created_us);
    pack_int(&record, version->changed_us);
    pack_text(&record, version->by);
    pack_uint(&record, version->base);
    pack_uint(&record, version->files);
    pack_uint(&record, version->bytes);
    return rc == RC_OK ? name_put(store, TABLE_DATASETS, &key, &record, err) : rc;
}

struct version_list {
    struct arena *arena;
    struct dataset_version *versions;
    size_t count, limit;
};

static enum rc list_version(void *context, const MDB_val *found, const MDB_val *data,
                            struct err *err)
{
    struct version_list *list = context;

    if (list->count == list->limit)
        return RC_CANCELLED;

    enum rc rc =
        read_version(found, data, list->arena, &list->versions[list->count], err);

    list->count += rc == RC_OK;
    return rc;
}

enum rc store_datasets(struct store *store, const char *project, const char *dataset,
                       const char *after_dataset, const char *after_version,
                       struct arena *arena, size_t limit,
                       struct dataset_version **versions, size_t *count, struct err *err)
{
    struct name_key prefix = { .size = 0 };
    struct name_key after = version_key(&(struct dataset_version){
        .project = project, .dataset = after_dataset, .version = after_version });
    struct version_list list = { .arena = arena, .limit = limit };
    enum rc rc;

    if (dataset[0])
        prefix = name_key_of(project, dataset);
    else
        name_key_text(&prefix, project, PROJECT_BYTES_MAX);
    list.versions = arena_array(arena, limit, sizeof *list.versions);
    if (!list.versions)
        return err_set(err, RC_NO_MEMORY, "a list of datasets");
    rc = name_visit(store, TABLE_DATASETS, &prefix, after_dataset[0] ? &after : NULL,
                    list_version, &list, err);
    if (rc != RC_OK)
        return rc;
    *versions = list.versions;
    *count = list.count;
    return RC_OK;
}

/* ---- Files */

struct file {
    const char *key; /* version, file name, datum */
    size_t key_size;
    uint64_t datum, size;
    bool is_inherited;
};

struct file_list {
    struct arena *arena;
    struct file *files;
    size_t count, capacity;
};

static struct name_key files_key(uint64_t version)
{
    struct name_key key = { .size = 0 };

    name_key_number(&key, version, 8);
    return key;
}

static struct name_key named_key(uint64_t version, const char *name)
{
    struct name_key key = files_key(version);

    name_key_text(&key, name, FILE_NAME_BYTES);
    return key;
}

static enum rc list_file(void *context, const MDB_val *found, const MDB_val *data,
                         struct err *err)
{
    struct file_list *list = context;
    struct reader reader;
    struct file *file;
    enum rc rc = record_open(&reader, TABLE_DATASET_FILES, data, err);

    if (rc != RC_OK)
        return rc;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct file *files = arena_array(list->arena, capacity, sizeof *files);

        if (!files)
            return err_set(err, RC_NO_MEMORY, "the files of a dataset");
        if (list->count)
            memcpy(files, list->files, list->count * sizeof *files);
        list->files = files;
        list->capacity = capacity;
    }
    file = &list->files[list->count++];
    file->key = arena_copy(list->arena, found->mv_data, found->mv_size);
    file->key_size = found->mv_size;
    if (!file->key)
        return err_set(err, RC_NO_MEMORY, "the files of a dataset");
    file->datum = name_key_last(found);
    file->is_inherited = reader_bool(&reader);
    file->size = reader_uint(&reader);
    return record_close(&reader, TABLE_DATASET_FILES, err);
}

static enum rc files_under(struct store *store, const struct name_key *prefix,
                           struct arena *arena, struct file_list *list, struct err *err)
{
    *list = (struct file_list){ .arena = arena };
    return arena ? name_visit(store, TABLE_DATASET_FILES, prefix, NULL, list_file, list,
                              err)
                 : err_set(err, RC_NO_MEMORY, "the files of a dataset");
}

static enum rc put_file(struct store *store, struct dataset_version *version,
                        const struct name_key *key, uint64_t size, bool is_inherited,
                        struct err *err)
{
    scoped_buf record = { 0 };
    enum rc rc;

    if (version->files >= DATASET_FILES_MAX)
        return err_set(err, RC_CONFLICT,
                       "dataset://%s/%s has %d files already: begin another version",
                       version->dataset, version->version, DATASET_FILES_MAX);
    record_begin(&record, 2);
    pack_bool(&record, is_inherited);
    pack_uint(&record, size);
    rc = name_put(store, TABLE_DATASET_FILES, key, &record, err);
    if (rc == RC_OK) {
        version->files++;
        version->bytes += size;
    }
    return rc;
}

static enum rc drop_inherited(struct store *store, struct dataset_version *version,
                              const struct file_list *list, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; rc == RC_OK && i < list->count; i++) {
        const struct file *file = &list->files[i];

        if (!file->is_inherited)
            continue;
        rc = db_remove(store, TABLE_DATASET_FILES, file->key, file->key_size, err);
        if (rc == RC_OK) {
            version->files--;
            version->bytes -= file->size;
        }
    }
    return rc;
}

enum rc store_dataset_add(struct store *store, struct dataset_version *version,
                          const struct datum *datum, bool *changed, struct err *err)
{
    scoped(arena) arena = arena_create(FILES_ARENA_MAX);
    struct name_key prefix = named_key(version->number, datum->name), key = prefix;
    struct file_list list;
    enum rc rc = files_under(store, &prefix, arena, &list, err);

    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < list.count; i++)
        if (list.files[i].datum == datum->number && !list.files[i].is_inherited) {
            *changed = false;
            return RC_OK;
        }
    rc = drop_inherited(store, version, &list, err);
    name_key_number(&key, datum->number, 8);
    if (rc == RC_OK)
        rc = put_file(store, version, &key, datum->size, false, err);
    if (rc == RC_OK)
        *changed = true;
    return rc;
}

/* The name in a key of files: behind the version, before its zero byte. */
static const char *file_name(const struct file *file)
{
    return file->key + 8;
}

/* Names in keys may be cut. */
static bool is_excluded(const char *name, const char *const *exclude, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, exclude[i], FILE_NAME_BYTES) == 0)
            return true;
    return false;
}

/* Whether a file of this name was added to the version itself. */
static enum rc has_own(struct store *store, const struct name_key *name,
                       struct arena *arena, bool *has, struct err *err)
{
    struct file_list list;
    enum rc rc = files_under(store, name, arena, &list, err);

    *has = false;
    for (size_t i = 0; rc == RC_OK && i < list.count; i++)
        *has |= !list.files[i].is_inherited;
    return rc;
}

enum rc store_dataset_inherit(struct store *store, struct dataset_version *version,
                              uint64_t base, const char *const *exclude,
                              size_t exclude_count, struct err *err)
{
    scoped(arena) arena = arena_create(FILES_ARENA_MAX);
    struct name_key prefix = files_key(base);
    struct file_list list;
    bool was_empty = version->files == 0;
    enum rc rc = files_under(store, &prefix, arena, &list, err);

    for (size_t i = 0; rc == RC_OK && i < list.count; i++) {
        struct name_key key = named_key(version->number, file_name(&list.files[i]));
        bool has = false;

        if (is_excluded(file_name(&list.files[i]), exclude, exclude_count))
            continue;
        if (!was_empty)
            rc = has_own(store, &key, arena, &has, err);
        if (rc != RC_OK || has)
            continue;
        name_key_number(&key, list.files[i].datum, 8);
        rc = put_file(store, version, &key, list.files[i].size, true, err);
    }
    if (rc == RC_OK)
        version->base = base;
    return rc;
}

enum rc store_dataset_shed(struct store *store, struct dataset_version *version,
                           struct err *err)
{
    scoped(arena) arena = arena_create(FILES_ARENA_MAX);
    struct name_key prefix = files_key(version->number);
    struct file_list list;
    enum rc rc = files_under(store, &prefix, arena, &list, err);

    if (rc == RC_OK)
        rc = drop_inherited(store, version, &list, err);
    if (rc == RC_OK)
        version->base = 0;
    return rc;
}

enum rc store_dataset_files(struct store *store, uint64_t number, struct arena *arena,
                            uint64_t **datums, size_t *count, struct err *err)
{
    scoped(arena) scratch = arena_create(FILES_ARENA_MAX);
    struct name_key prefix = files_key(number);
    struct file_list list;
    uint64_t *numbers;
    enum rc rc = files_under(store, &prefix, scratch, &list, err);

    if (rc != RC_OK)
        return rc;
    numbers = arena_array(arena, list.count, sizeof *numbers);
    if (!numbers)
        return err_set(err, RC_NO_MEMORY, "the files of a dataset");
    for (size_t i = 0; i < list.count; i++)
        numbers[i] = list.files[i].datum;
    *datums = numbers;
    *count = list.count;
    return RC_OK;
}
