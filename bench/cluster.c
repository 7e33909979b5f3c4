/* See cluster.h. PostgreSQL is a family of processes: its time is that of the first one, its children, and those that have ended. */
#include "cluster.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

static const struct part {
        const char *name, *begins; /* of a process, as tools/cluster calls it */
} parts[CLUSTER_PARTS] = {
        [CLUSTER_GENERATOR] = {"generator", NULL},  [CLUSTER_FRONTENDS] = {"frontends", "frontend"},
        [CLUSTER_SESSION] = {"session", "session"}, [CLUSTER_OTHER_WORKERS] = {"other_workers", ""},
        [CLUSTER_KAFKA] = {"kafka", "kafka"},       [CLUSTER_POSTGRES] = {"postgres", "postgres"},
        [CLUSTER_REDIS] = {"redis", "redis"},
};

/* ---- where it is ---- */

static enum cluster_part part_of(const char *name)
{
        for (int part = 0; part < CLUSTER_PARTS; part++)
                if (parts[part].begins && *parts[part].begins &&
                    strncmp(name, parts[part].begins, strlen(parts[part].begins)) == 0)
                        return (enum cluster_part)part;
        return CLUSTER_OTHER_WORKERS;
}

static void read_processes(struct cluster *cluster, char *text)
{
        char *rest = text;
        const char *word;

        while ((word = strtok_r(rest, " ", &rest)) && cluster->process_count < CLUSTER_PROCESSES_MAX) {
                const char *colon = strrchr(word, ':');

                if (!colon)
                        continue;
                cluster->processes[cluster->process_count].pid = atoi(colon + 1);
                cluster->processes[cluster->process_count++].part = part_of(word);
        }
}

bool cluster_init(struct cluster *cluster)
{
        const char *port = getenv("CLUSTER_PORT");
        char *addresses = getenv("CLUSTER_ADDRESSES"), *processes = getenv("CLUSTER_PROCESSES");
        unsigned count = 0;

        *cluster = (struct cluster){.config = getenv("CLUSTER_CONFIG"),
                                    .kafka = getenv("ENGINES_KAFKA"),
                                    .postgres = getenv("ENGINES_POSTGRES"),
                                    .callgrind = getenv("CLUSTER_CALLGRIND")};
        if (!cluster->config || !port || !addresses || !processes || !cluster->kafka || !cluster->postgres) {
                fprintf(stderr, "there is no cluster: run it as tools/cluster --direct run -- galka-bench … (make bench "
                                "CLUSTER=1)\n");
                return false;
        }
        cluster->port = (uint16_t)atoi(port);
        while (count < CLUSTER_ADDRESSES_MAX && (cluster->addresses[count] = strtok_r(addresses, ",", &addresses)))
                count++;
        read_processes(cluster, processes);
        return count > 0;
}

bool cluster_settle(const struct cluster *cluster)
{
        static const char *const statements[] = {"SET client_min_messages = error", "VACUUM ANALYZE", "CHECKPOINT"};
        PGconn *link = PQconnectdb(cluster->postgres);
        bool good = true;

        for (size_t i = 0; i < countof(statements) && good; i++) {
                PGresult *result = PQexec(link, statements[i]);

                good = PQresultStatus(result) == PGRES_COMMAND_OK;
                if (!good)
                        fprintf(stderr, "PostgreSQL: %s: %s\n", statements[i], PQerrorMessage(link));
                PQclear(result);
        }
        PQfinish(link);
        sync();
        return good;
}

/* ---- processor time ---- */

/* Adds a process's own time, and where wanted that of its children that have ended; tells its parent. */
static double read_stat(int pid, bool with_ended, int *parent)
{
        unsigned long user = 0, system = 0;
        long ended_user = 0, ended_system = 0;
        char path[64], text[1024];
        const char *at = NULL;
        FILE *file;

        *parent = 0;
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        file = fopen(path, "r");
        if (!file)
                return 0;
        if (fgets(text, sizeof(text), file))
                at = strrchr(text, ')');
        fclose(file);
        if (!at || sscanf(at + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", parent, &user, &system,
                          &ended_user, &ended_system) != 5)
                return 0;
        if (!with_ended)
                ended_user = ended_system = 0;
        return (double)((long)(user + system) + ended_user + ended_system) / (double)sysconf(_SC_CLK_TCK);
}

static double children_of(int pid)
{
        DIR *folder = opendir("/proc");
        const struct dirent *entry;
        double seconds = 0;

        while (folder && (entry = readdir(folder))) {
                int child = atoi(entry->d_name), parent;
                double own = child > 0 ? read_stat(child, false, &parent) : 0;

                if (child > 0 && parent == pid)
                        seconds += own;
        }
        if (folder)
                closedir(folder);
        return seconds;
}

struct cluster_cpu cluster_cpu_now(const struct cluster *cluster)
{
        struct cluster_cpu cpu = {0};
        int parent;

        cpu.seconds[CLUSTER_GENERATOR] = read_stat(getpid(), false, &parent);
        for (unsigned i = 0; i < cluster->process_count; i++) {
                int pid = cluster->processes[i].pid;
                bool family = cluster->processes[i].part == CLUSTER_POSTGRES;

                cpu.seconds[cluster->processes[i].part] += read_stat(pid, family, &parent) + (family ? children_of(pid) : 0);
        }
        return cpu;
}

double cluster_cpu_of_servers(const struct cluster_cpu *from, const struct cluster_cpu *to)
{
        double seconds = 0;

        for (int part = CLUSTER_GENERATOR + 1; part < CLUSTER_PARTS; part++)
                seconds += to->seconds[part] - from->seconds[part];
        return seconds;
}

void cluster_report_cpu(struct report *report, const struct cluster_cpu *from, const struct cluster_cpu *to,
                        uint64_t messages, const char *suffix, const char *what)
{
        double all = cluster_cpu_of_servers(from, to) + to->seconds[CLUSTER_GENERATOR] - from->seconds[CLUSTER_GENERATOR];

        check(messages > 0);
        for (int part = 0; part < CLUSTER_PARTS; part++) {
                double seconds = to->seconds[part] - from->seconds[part];
                char name[64], text[96];

                snprintf(name, sizeof(name), "pairs.cpu_us_%s%s", parts[part].name, suffix);
                snprintf(text, sizeof(text), "of one message, %s: %.0f %% of all", what, all > 0 ? 100 * seconds / all : 0);
                report_add(report, name, seconds * 1e6 / (double)messages, "us", 0, text);
        }
}
