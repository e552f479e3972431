/* verify.c - see verify.h. */
#include "client/cli/versions/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERIFY_ARENA_MAX = 1 << 30, PAGE_ARENA_MAX = 1 << 30 };

int verify_fail(struct verify *verify, uint64_t version, const char *what,
                const char *format, ...)
{
    va_list arguments;

    verify->fault.version = version;
    verify->fault.what = what;
    va_start(arguments, format);
    if (vsnprintf(verify->fault.text, sizeof verify->fault.text, format, arguments) < 0)
        verify->fault.text[0] = '\0';
    va_end(arguments);
    return EXIT_FAILED;
}

void verify_fini(struct verify *verify)
{
    digester_destroy(verify->digester);
    digest_table_fini(&verify->seen);
}

static int learn_plan(struct verify *verify, uint64_t run,
                      const struct known_plan **known)
{
    struct known_plan *place = &verify->plans[run % PLANS_KNOWN];
    scoped(arena) arena = NULL;
    struct plan *plan;
    void *bytes;
    size_t size;
    struct cli *cli = verify->cli;

    *known = place;
    if (place->run == run && run > 0)
        return EXIT_GO_ON;
    arena = arena_create(VERIFY_ARENA_MAX);
    if (!arena)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    if (sluice_plan(cli->sluice, run, &bytes, &size, &cli->error))
        return cli_fail_last(cli);
    *place = (struct known_plan){ .run = run };
    version_hash(verify->digester, bytes, size, place->hash);
    /* Of one that cannot be read the hash will tell. */
    place->is_readable = plan_decode(arena, bytes, size, &plan, NULL) == RC_OK;
    if (place->is_readable && plan->code.tree)
        snprintf(place->tree, sizeof place->tree, "%s", plan->code.tree);
    free(bytes);
    return EXIT_GO_ON;
}

/* The hash of what the version's stage has in common now, and what it names. */
static int read_class(struct verify *verify, const struct version *version,
                      struct arena *arena, const struct known_plan **plan,
                      struct plan_stage **stage)
{
    void *head, *resolved;
    size_t head_size, resolved_size;
    uint8_t head_hash[DIGEST_SIZE], resolved_hash[DIGEST_SIZE];
    struct cli *cli = verify->cli;
    int end = learn_plan(verify, version->run, plan);

    if (end != EXIT_GO_ON)
        return end;
    if (sluice_origin(cli->sluice, version->run, version->stage, &head, &head_size,
                      &resolved, &resolved_size, &cli->error))
        return cli_fail_last(cli);
    version_hash(verify->digester, head, head_size, head_hash);
    version_hash(verify->digester, resolved, resolved_size, resolved_hash);
    version_class_hash(verify->digester, head_hash, (*plan)->hash, resolved_hash,
                       verify->class_hash);
    if (plan_stage_decode(arena, resolved, resolved_size, stage, NULL) != RC_OK)
        *stage = NULL;
    free(head);
    free(resolved);
    return EXIT_GO_ON;
}

static bool is_same_class(const struct verify *verify, const struct version *version)
{
    return verify->has_class && verify->class_run == version->run
           && verify->class_stage == version->stage;
}

static int check_class(struct verify *verify, uint64_t number,
                       const struct version *version)
{
    scoped(arena) arena = NULL;
    const struct known_plan *plan = NULL;
    struct plan_stage *stage = NULL;
    bool is_known = is_same_class(verify, version);
    int end = EXIT_GO_ON;

    if (!is_known) {
        arena = arena_create(VERIFY_ARENA_MAX);
        if (!arena)
            return cli_fail(verify->cli, EXIT_FAILED, "out of memory");
        end = read_class(verify, version, arena, &plan, &stage);
    }
    if (end != EXIT_GO_ON)
        return end;
    if (memcmp(verify->class_hash, version->class_hash, DIGEST_SIZE) != 0)
        return verify_fail(verify, number, "class",
                           "run %" PRIu64 ", stage %" PRIu32
                           ": the run's record, its plan or the resolved stage "
                           "was changed",
                           version->run, version->stage);
    verify->class_run = version->run;
    verify->class_stage = version->stage;
    verify->has_class = true;
    return plan && plan->is_readable && stage
               ? verify_class_artifacts(verify, number, plan->tree, stage)
               : EXIT_GO_ON;
}

static int check_result(struct verify *verify, const struct sluice_version *stored,
                        const struct version *version)
{
    scoped(arena) arena = arena_create(PAGE_ARENA_MAX);
    uint8_t hash[DIGEST_SIZE] = { 0 };
    struct task_result *result;

    if (!arena)
        return cli_fail(verify->cli, EXIT_FAILED, "out of memory");
    if (stored->result_size > 0 && !hash_is_zero(version->result_hash))
        version_hash(verify->digester, stored->result, stored->result_size, hash);
    if (memcmp(hash, version->result_hash, DIGEST_SIZE) != 0)
        return verify_fail(verify, stored->number, "result",
                           "the result of task %" PRIu64 " of run %" PRIu64
                           ", stage %" PRIu32 " %s",
                           version->index, version->run, version->stage,
                           stored->result_size > 0 ? "was changed" : "is missing");
    if (hash_is_zero(version->result_hash)
        || version->count > 0 /* a block has no files */
        || result_decode(arena, stored->result, stored->result_size, &result, NULL)
               != RC_OK)
        return EXIT_GO_ON;
    return verify_result_artifacts(verify, stored->number, result);
}

/* What came with an imported version has to tell the same. */
static int check_origin(struct verify *verify, uint64_t number,
                        const struct version *version, struct arena *arena)
{
    struct version there;

    if (version->origin.size == 0)
        return EXIT_GO_ON;
    if (version_decode(arena, version->origin.data, version->origin.size, &there, NULL)
            == RC_OK
        && there.index == version->index && there.attempt == version->attempt
        && there.status == version->status && there.count == version->count
        && memcmp(there.class_hash, version->class_hash, DIGEST_SIZE) == 0
        && memcmp(there.result_hash, version->result_hash, DIGEST_SIZE) == 0)
        return EXIT_GO_ON;
    return verify_fail(verify, number, "record",
                       "the record of version %" PRIu64
                       " and the one that it was imported from differ",
                       number);
}

/* Whether what follows the version has the hash of these bytes of it. */
static bool is_confirmed(struct verify *verify, uint64_t number, const void *record,
                         size_t size, const struct sluice_versions *page)
{
    scoped(arena) arena = arena_create(1 << 20);
    struct sluice_versions *next;
    struct version version;
    uint8_t hash[DIGEST_SIZE];
    bool is_same = false;

    version_hash(verify->digester, record, size, hash);
    if (number == page->last)
        return memcmp(hash, page->head, DIGEST_SIZE) == 0;
    if (!arena || sluice_versions(verify->cli->sluice, number, 1, &next, NULL))
        return false;
    if (next->count == 1
        && version_decode(arena, next->versions[0].record, next->versions[0].record_size,
                          &version, NULL)
               == RC_OK)
        is_same = memcmp(hash, version.previous, DIGEST_SIZE) == 0;
    sluice_versions_free(next);
    return is_same;
}

static int changed_record(struct verify *verify, uint64_t number)
{
    return verify_fail(verify, number, "record",
                       "the record of version %" PRIu64 " was changed", number);
}

static int check_version(struct verify *verify, const struct sluice_version *stored,
                         const struct sluice_versions *page)
{
    scoped(arena) arena = arena_create(PAGE_ARENA_MAX);
    uint64_t number = stored->number;
    struct version version;
    int end = EXIT_GO_ON;

    if (!arena)
        return cli_fail(verify->cli, EXIT_FAILED, "out of memory");
    if (number != verify->version_count + 1)
        return cli_fail(verify->cli, EXIT_FAILED, "the broker leaves versions out");
    if (stored->record_size == 0)
        return verify_fail(verify, number, "record",
                           "the record of version %" PRIu64 " is missing", number);
    if (version_decode(arena, stored->record, stored->record_size, &version, NULL)
        != RC_OK)
        return changed_record(verify, number);
    /* Two neighbours contradict each other; what comes after tells whose fault it is. */
    if (memcmp(version.previous, verify->head, DIGEST_SIZE) != 0)
        return changed_record(verify,
                              number > 1
                                      && is_confirmed(verify, number, stored->record,
                                                      stored->record_size, page)
                                  ? number - 1
                                  : number);
    version_hash(verify->digester, stored->record, stored->record_size, verify->head);
    verify->version_count++;
    if (verify->has_known && memcmp(verify->head, verify->known, DIGEST_SIZE) == 0)
        verify->known_version = number;
    if (verify->run && verify->run != version.run)
        return EXIT_GO_ON;
    end = check_origin(verify, number, &version, arena);
    if (end == EXIT_GO_ON)
        end = check_class(verify, number, &version);
    if (end == EXIT_GO_ON)
        end = check_result(verify, stored, &version);
    /* A hash that fits nothing may itself be what was changed. */
    if (end == EXIT_FAILED && verify->fault.what && !*verify->fault.digest
        && !is_confirmed(verify, number, stored->record, stored->record_size, page))
        end = changed_record(verify, number);
    return end;
}

static int check_page(struct verify *verify, const struct sluice_versions *page)
{
    int end = EXIT_GO_ON;

    for (size_t i = 0; end == EXIT_GO_ON && i < page->count; i++)
        end = check_version(verify, &page->versions[i], page);
    if (end == EXIT_GO_ON && verify->version_count == page->last
        && memcmp(verify->head, page->head, DIGEST_SIZE) != 0)
        end = page->last > 0
                  ? changed_record(verify, page->last)
                  : verify_fail(verify, 0, "head", "the end of the chain was changed");
    return end;
}

int verify_all(struct verify *verify)
{
    struct cli *cli = verify->cli;
    uint64_t last;
    int end;

    verify->digester = digester_create(false);
    if (!verify->digester)
        return cli_fail(cli, EXIT_FAILED, "out of memory");
    do {
        struct sluice_versions *page;

        if (sluice_versions(cli->sluice, verify->version_count, 0, &page, &cli->error))
            return cli_fail_last(cli);
        last = page->count > 0 ? page->last : verify->version_count;
        end = check_page(verify, page);
        sluice_versions_free(page);
    } while (end == EXIT_GO_ON && verify->version_count < last);
    if (end == EXIT_GO_ON && verify->has_known && !verify->known_version)
        end = verify_fail(verify, 0, "head",
                          "no version has the hash that was given: this is another "
                          "store, an older state of it, or it was written anew");
    return end;
}
