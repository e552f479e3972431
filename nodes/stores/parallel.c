/* parallel.c - a shared index; a thread that cannot be started is done without. */
#include "nodes/stores/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS_MAX = 16 };

struct sharing {
    size_t count;
    bool (*work)(void *context, size_t index);
    void *context;
    atomic_size_t next;
    atomic_bool is_over;
};

static void *share(void *argument)
{
    struct sharing *sharing = argument;

    while (!sharing->is_over) {
        size_t index = atomic_fetch_add(&sharing->next, 1);

        if (index >= sharing->count)
            break;
        if (!sharing->work(sharing->context, index))
            sharing->is_over = true;
    }
    return NULL;
}

void parallel_each(size_t count, unsigned threads,
                   bool (*work)(void *context, size_t index), void *context)
{
    struct sharing sharing = { .count = count, .work = work, .context = context };
    pthread_t others[THREADS_MAX];
    unsigned started = 0;

    while (started + 1 < threads && started + 1 < count && started < THREADS_MAX
           && pthread_create(&others[started], NULL, share, &sharing) == 0)
        started++;
    share(&sharing);
    for (unsigned i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}
