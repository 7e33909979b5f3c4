/* See password_simulation.h. */
#include "support/password_simulation.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/map.h"
#include "base/memory.h"

struct simulation {
        struct password password;
        struct completion completions[PASSWORD_SIMULATION_SUBMITS_MAX];
        size_t count;
};

static struct simulation *simulation_of(struct password *password)
{
        return container_of(password, struct simulation, password);
}

void password_simulation_hash(struct slice password, char hash[static PASSWORD_HASH_SIZE])
{
        memset(hash, 0, PASSWORD_HASH_SIZE);
        snprintf(hash, PASSWORD_HASH_SIZE, "$simulation$%zu$%08x", password.size, hash_bytes(password));
}

static enum error simulation_submit(struct password *password, struct password_job *jobs, size_t count, uint64_t tag)
{
        struct simulation *simulation = simulation_of(password);

        if (simulation->count == PASSWORD_SIMULATION_SUBMITS_MAX)
                return ERR_FULL;
        for (size_t i = 0; i < count; i++) {
                char hash[PASSWORD_HASH_SIZE];

                password_simulation_hash(jobs[i].password, hash);
                if (jobs[i].kind == PASSWORD_HASH)
                        memcpy(jobs[i].hash, hash, sizeof(hash));
                else
                        jobs[i].matches = strncmp(jobs[i].hash, hash, sizeof(hash)) == 0;
        }
        simulation->completions[simulation->count++] = (struct completion){tag, OUTCOME_OK};
        return ERR_OK;
}

static size_t simulation_poll(struct password *password, struct completion *completions, size_t max)
{
        struct simulation *simulation = simulation_of(password);
        size_t count = min_of(max, simulation->count);

        memcpy(completions, simulation->completions, sizeof(*completions) * count);
        simulation->count -= count;
        memmove(simulation->completions, simulation->completions + count, sizeof(*completions) * simulation->count);
        return count;
}

static int simulation_fd(struct password *password)
{
        (void)password;
        return -1;
}

static void simulation_free(struct password **password)
{
        if (!*password)
                return;
        memory_free(simulation_of(*password));
        *password = NULL;
}

static const struct password_ops simulation_ops = {
        .free = simulation_free, .fd = simulation_fd, .submit = simulation_submit, .poll = simulation_poll};

enum error password_simulation_new(struct password **password)
{
        struct simulation *simulation = memory_new(sizeof(*simulation));

        if (!simulation)
                return ERR_NO_MEMORY;
        simulation->password.ops = &simulation_ops;
        *password = &simulation->password;
        return ERR_OK;
}
