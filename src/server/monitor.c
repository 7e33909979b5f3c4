/* See monitor.h. */
#include "server/monitor.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "loop/loop.h"
#include "server/health.h"

#define TURN_MS      500
#define ADDRESS_SIZE 64
#define ROLES_MAX    SERVER_ROLES_MAX

/* A role's loop, as it was last seen to turn. */
struct pulse {
        uint64_t turns, seen_ms;
};

struct monitor {
        struct server *server;
        struct net *net;
        struct health *health;
        struct metrics process;
        const struct role *roles;
        size_t count;
        struct pulse pulses[ROLES_MAX];
        char address[ADDRESS_SIZE];
        uint16_t port;
        pthread_t thread;
        bool runs;
        atomic_bool stop, drains;
};

/* ---- pages ---- */

static void look_at_pulses(struct monitor *monitor)
{
        uint64_t now_ms = clock_monotonic_ms(&monitor->server->clock);

        for (size_t i = 0; i < monitor->count; i++) {
                uint64_t turns = metrics_get(monitor->roles[i].metrics, METRIC_ROLE_TURNS);

                if (turns != monitor->pulses[i].turns || monitor->pulses[i].seen_ms == 0)
                        monitor->pulses[i] = (struct pulse){turns, now_ms};
        }
}

static bool say(struct page *page, bool good, const struct metrics *role, const char *well, const char *badly)
{
        page_print(page, "%s %s %u: %s\n", good ? "ok  " : "FAIL", role->role, role->index, good ? well : badly);
        return good;
}

static bool write_live(struct monitor *monitor, struct page *page)
{
        uint64_t now_ms = clock_monotonic_ms(&monitor->server->clock);
        bool all = true;

        for (size_t i = 0; i < monitor->count; i++) {
                bool turns = now_ms - monitor->pulses[i].seen_ms < MONITOR_STALL_MS;

                all &= say(page, turns && !atomic_load(&monitor->roles[i].ended), monitor->roles[i].metrics, "turns",
                           turns ? "has ended" : "does not turn");
        }
        return all;
}

static bool write_ready(struct monitor *monitor, struct page *page)
{
        static const struct {
                unsigned group;
                enum metric metric;
                const char *well, *badly;
        } needs[] = {
                {METRICS_ROLE, METRIC_ROLE_READY, "serves", "does not serve yet"},
                {METRICS_BUS, METRIC_BUS_UP, "the bus answers", "the bus does not answer"},
                {METRICS_STORE, METRIC_STORE_UP, "the store answers", "the store does not answer"},
                {METRICS_PRESENCE, METRIC_PRESENCE_UP, "presence answers", "presence does not answer"},
        };
        bool all = !atomic_load(&monitor->drains);

        if (!all)
                page_print(page, "FAIL the process is stopping\n");
        for (size_t i = 0; i < monitor->count; i++)
                for (size_t n = 0; n < countof(needs); n++)
                        if (monitor->roles[i].metrics->groups & needs[n].group)
                                all &= say(page, metrics_get(monitor->roles[i].metrics, needs[n].metric) == 1,
                                           monitor->roles[i].metrics, needs[n].well, needs[n].badly);
        return all;
}

static uint64_t count_descriptors(void)
{
        DIR *folder = opendir("/proc/self/fd");
        uint64_t count = 0;

        if (!folder)
                return 0;
        for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
                count += entry->d_name[0] != '.';
        closedir(folder);
        return count - 1; /* the folder itself */
}

static uint64_t resident_bytes(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        unsigned long pages = 0;

        if (!file)
                return 0;
        if (fscanf(file, "%*u %lu", &pages) != 1)
                pages = 0;
        fclose(file);
        return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t microseconds(struct timeval time)
{
        return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void look_at_process(struct monitor *monitor)
{
        struct rusage usage;

        if (getrusage(RUSAGE_SELF, &usage) == 0)
                metrics_set(&monitor->process, METRIC_PROCESS_CPU,
                            microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
        metrics_set(&monitor->process, METRIC_PROCESS_MEMORY, resident_bytes());
        metrics_set(&monitor->process, METRIC_PROCESS_DESCRIPTORS, count_descriptors());
        metrics_set(&monitor->process, METRIC_HEALTH_REQUESTS, health_requests(monitor->health));
}

static bool write_metrics(struct monitor *monitor, struct page *page)
{
        const struct metrics *all[ROLES_MAX + 1] = {&monitor->process};

        look_at_process(monitor);
        for (size_t i = 0; i < monitor->count; i++)
                all[i + 1] = monitor->roles[i].metrics;
        metrics_print(all, monitor->count + 1, page);
        return true;
}

static bool write_page(void *owner, enum health_page kind, struct page *page)
{
        struct monitor *monitor = owner;

        switch (kind) {
        case HEALTH_LIVE:
                return write_live(monitor, page);
        case HEALTH_READY:
                return write_ready(monitor, page);
        case HEALTH_METRICS:
                return write_metrics(monitor, page);
        case HEALTH_PAGE_COUNT:
                break;
        }
        unreachable();
}

/* ---- the thread ---- */

static void *monitor_thread(void *context)
{
        struct monitor *monitor = context;

        while (!atomic_load(&monitor->stop)) {
                look_at_pulses(monitor);
                health_turn(monitor->health, TURN_MS);
        }
        return NULL;
}

enum error monitor_start(struct monitor *monitor, const struct role *roles, size_t count)
{
        check(count <= ROLES_MAX);
        monitor->roles = roles;
        monitor->count = count;
        if (pthread_create(&monitor->thread, NULL, monitor_thread, monitor) != 0)
                return ERR_SYSTEM;
        monitor->runs = true;
        return ERR_OK;
}

void monitor_drain(struct monitor *monitor)
{
        atomic_store(&monitor->drains, true);
}

void monitor_print_address(const struct monitor *monitor)
{
        printf("health on %s:%u\n", monitor->address, monitor->port);
}

/* ---- life ---- */

/* "ADDRESS:PORT", "[ADDRESS]:PORT" or "PORT", which is this machine's own alone. */
static bool split(const char *text, char address[static ADDRESS_SIZE], uint16_t *port)
{
        const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : text;
        size_t size = colon ? (size_t)(colon - text) : 0;
        char *end;
        unsigned long number;

        if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
                text++;
                size -= 2;
        }
        if (*digits < '0' || *digits > '9' || size >= ADDRESS_SIZE)
                return false;
        number = strtoul(digits, &end, 10);
        snprintf(address, ADDRESS_SIZE, "%.*s", (int)size, text);
        if (size == 0)
                snprintf(address, ADDRESS_SIZE, "127.0.0.1");
        *port = (uint16_t)number;
        return !*end && number <= 65535;
}

static enum error listen_there(struct monitor *monitor, char *text)
{
        const char *where = monitor->server->options->health;
        struct net_address bound;
        uint16_t port;
        enum error error = ERR_CONFIG;

        if (split(where, monitor->address, &port))
                error = health_listen(monitor->health, monitor->address, port, &bound);
        if (error == ERR_CONFIG)
                snprintf(text, SERVER_ERROR_SIZE, "--health must be ADDRESS:PORT or PORT, not '%.64s'", where);
        else if (error)
                snprintf(text, SERVER_ERROR_SIZE, "cannot listen for health checks on %s: %s (see --health)", where,
                         strerror(errno));
        else
                monitor->port = bound.port;
        return error;
}

enum error monitor_new(struct server *server, struct monitor **monitor_p, char text[static SERVER_ERROR_SIZE])
{
        struct monitor *monitor = memory_new(sizeof(*monitor));
        struct health_author author = {.write = write_page, .owner = monitor};
        enum error error = monitor ? ERR_OK : ERR_NO_MEMORY;

        *monitor_p = monitor;
        if (!error) {
                monitor->server = server;
                monitor->process.groups = METRICS_PROCESS;
                metrics_set(&monitor->process, METRIC_PROCESS_START, server->clock.wall_ms(&server->clock) / 1000);
                error = loop_net_new(&server->log.sink, &monitor->net);
        }
        if (!error)
                error = health_new(monitor->net, &server->clock, &author, &monitor->health);
        if (!error)
                error = listen_there(monitor, text);
        if (error)
                monitor_free(monitor_p);
        return error;
}

void monitor_free(struct monitor **monitor_p)
{
        struct monitor *monitor = *monitor_p;

        if (!monitor)
                return;
        *monitor_p = NULL;
        atomic_store(&monitor->stop, true);
        if (monitor->runs)
                pthread_join(monitor->thread, NULL);
        health_free(&monitor->health);
        if (monitor->net)
                monitor->net->ops->free(&monitor->net);
        memory_free(monitor);
}
