/* See check.h. */
#include "sim/check.h"

#include <inttypes.h>

#include "base/memory.h"

static const struct arena_source heap = {memory_new, memory_free};

/* The store's own opinion of itself. */
static void check_itself(struct sim *sim)
{
        const struct store_question question = {.kind = STORE_ASK_CHECK};
        struct store_answer answer = {0};
        struct arena arena;

        arena_init(&arena, &heap, 65536, (size_t)64 << 20);
        if (!engine_ask(sim, &question, &answer, &arena))
                sim_break(sim, "4 logs differ", "the store cannot read what it wrote");
        else if (answer.status || answer.check.faults)
                sim_break(sim, "4 logs differ", "the store finds %" PRIu64 " faults in itself: %.*s", answer.check.faults,
                          (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        arena_finish(&arena);
}

void check_store_alone(struct sim *sim)
{
        struct check_store *store;

        check_itself(sim);
        if (sim->broken.rule)
                return;
        store = check_store_read(sim);
        check_logs(sim, store);
        check_rights(sim, store);
        check_blocking(sim, store);
        check_store_free(&store);
}

uint64_t check_repair_ms(const char *rule)
{
        if (strcmp(rule, CHECK_STATUS_STALE) == 0)
                return SIM_RENEW_MS;
        return strcmp(rule, CHECK_ROWS_MISSING) == 0 || strcmp(rule, CHECK_TICK_MISSING) == 0 ||
                               strcmp(rule, CHECK_TICK_STALE) == 0 || strcmp(rule, CHECK_GROUP_STALE) == 0 ||
                               strcmp(rule, CHECK_SETTING_STALE) == 0 || strcmp(rule, CHECK_LEAVER_STAYS) == 0
                       ? SIM_REPAIR_MS
                       : 0;
}

void check_all(struct sim *sim)
{
        struct check_store *store;

        check_itself(sim);
        store = check_store_read(sim);
        check_logs(sim, store);
        check_rights(sim, store);
        check_blocking(sim, store);
        for (unsigned i = 0; i < sim->clients.count && !sim->broken.rule; i++)
                check_client(sim, store, &sim->clients.all[i]);
        settings_check(sim, store);
        check_marks(sim, store);
        check_leaving(sim, store);
        check_watching(sim);
        check_store_free(&store);
}
