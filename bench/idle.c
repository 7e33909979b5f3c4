/*
 * idle: signed-in connections that only ping. Memory is the Private_Dirty of the server with all of them less that with none,
 * divided by their number: connection, presence, heartbeat and all.
 *
 * A process may hold fewer descriptors than that here, so the users live on several threads with a descriptor table each.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "load.h"
#include "loop/loop.h"
#include "workload.h"

#define CONNECTIONS  50000
#define THREADS      4
#define JOIN_SECONDS 40
#define REST_SECONDS 6 /* more than one ping interval */
#define PING_MS      "5000"
#define FRONTENDS    "4"

static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", NULL};

struct part {
        pthread_t thread;
        const struct process_user *users;
        uint32_t count;
        uint16_t port;
        atomic_uint ready;
        atomic_bool stop, failed;
};

static void *run_part(void *context)
{
        struct part *part = context;
        struct load load;

        if (loop_own_descriptors() != ERR_OK || load_init(&load, part->count, addresses, part->port) != ERR_OK) {
                atomic_store(&part->failed, true);
                return NULL;
        }
        load.reads = false;
        while (!atomic_load(&part->stop)) {
                /* As many new ones a turn as may connect at once: no storm of retries. */
                for (int i = 0; i < 64 && load.user_count < part->count && load.user_count < load.ready_count + 128; i++) {
                        const struct process_user *user = &part->users[load.user_count];

                        if (!load_add(&load, user->user, user->device, user->token))
                                atomic_store(&part->failed, true);
                }
                load_turn(&load, 10);
                atomic_store(&part->ready, load.ready_count);
        }
        load_finish(&load);
        return NULL;
}

static unsigned ready_in_all(struct part *parts)
{
        unsigned ready = 0;

        for (int i = 0; i < THREADS; i++)
                ready += atomic_load(&parts[i].ready);
        return ready;
}

/* Private_Dirty while `count` users are connected, less that before; 0 on failure. */
static uint64_t measure(struct process *process, const struct process_user *users, uint32_t count, unsigned *ready)
{
        static struct part parts[THREADS];
        uint64_t before, after;

        sleep(1);
        before = process_private_dirty(process);
        for (int i = 0; i < THREADS; i++) {
                uint32_t from = count / THREADS * (uint32_t)i;

                parts[i] = (struct part){.users = users + from,
                                         .port = process->port,
                                         .count = i == THREADS - 1 ? count - from : count / THREADS};
                if (pthread_create(&parts[i].thread, NULL, run_part, &parts[i]) != 0)
                        atomic_store(&parts[i].failed, true);
        }
        for (int i = 0; i < JOIN_SECONDS * 10 && ready_in_all(parts) < count; i++)
                usleep(100000);
        sleep(REST_SECONDS);
        *ready = ready_in_all(parts);
        after = process_private_dirty(process);
        for (int i = 0; i < THREADS; i++) {
                atomic_store(&parts[i].stop, true);
                pthread_join(parts[i].thread, NULL);
        }
        return after > before ? after - before : 0;
}

bool workload_idle(const struct workload_options *options, struct report *report)
{
        static const char *const arguments[] = {"--frontends", FRONTENDS, "--ping-ms", PING_MS, NULL};
        uint32_t count = options->connections ? options->connections : CONNECTIONS;
        struct process_user *users = calloc(count, sizeof(*users));
        struct process process;
        unsigned ready = 0;
        uint64_t bytes;
        bool good;

        good = users && process_init(&process, options->galkad, options->folder) &&
               process_import(&process, "idle", count, users) &&
               process_start(&process, "127.0.0.1,127.0.0.2,127.0.0.3", arguments);
        if (good) {
                bytes = measure(&process, users, count, &ready);
                good = ready == count && bytes > 0;
                if (good)
                        report_add(report, "idle.bytes_per_connection", (double)bytes / count, "bytes", 0,
                                   "Private_Dirty of the server, presence and heartbeats included");
                else
                        fprintf(stderr, "only %u of %u users were ready\n", ready, count);
                if (good)
                        report_add(report, "idle.connections", count, "", 0, "signed in, pinging every " PING_MS " ms");
                process_stop(&process, SIGTERM);
        }
        process_finish(&process);
        free(users);
        return good;
}
