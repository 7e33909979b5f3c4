/* See instructions.h. vgdb, of valgrind, speaks to a process; what callgrind has counted is in the "totals:" of what it then writes, and
 * it counts anew from there. */
#include "instructions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

#define ANSWER_SECONDS 60

static const struct role {
        const char *name;
        enum cluster_part part;
} roles[INSTRUCTIONS_ROLES] = {
        [INSTRUCTIONS_FRONTEND] = {"frontend", CLUSTER_FRONTENDS},
        [INSTRUCTIONS_SESSION] = {"session", CLUSTER_SESSION},
};

static double now_s(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns once the process has done it. */
static bool tell(int pid, const char *what)
{
        char command[128], line[512] = "", last[512] = "";
        FILE *out;

        snprintf(command, sizeof(command), "vgdb --pid=%d --cmd-time-out=%d %s 2>&1", pid, ANSWER_SECONDS, what);
        out = popen(command, "r");
        while (out && fgets(line, sizeof(line), out))
                memcpy(last, line, sizeof(last));
        if (out && pclose(out) == 0)
                return true;
        fprintf(stderr, "'%s' failed: %s\n", command, *last ? last : "no answer");
        return false;
}

/* What the process has counted until its n-th dump, since the one before. 0: there is none. */
static uint64_t read_total(const struct instructions *instructions, int pid)
{
        char path[4096], line[4096];
        uint64_t total = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%d.%u", instructions->cluster->callgrind, pid, instructions->taken);
        file = fopen(path, "r");
        while (file && !total && fgets(line, sizeof(line), file))
                if (sscanf(line, "totals: %" SCNu64, &total) != 1)
                        total = 0;
        if (file)
                fclose(file);
        if (!total)
                fprintf(stderr, "callgrind counted nothing: %s\n", path);
        return total;
}

bool instructions_begin(struct instructions *instructions, const struct cluster *cluster)
{
        *instructions = (struct instructions){.cluster = cluster};
        if (!cluster->callgrind) {
                fprintf(stderr,
                        "this cluster does not count instructions: tools/cluster --callgrind does (make bench CLUSTER=1)\n");
                return false;
        }
        for (unsigned i = 0; i < cluster->process_count; i++)
                for (int role = 0; role < INSTRUCTIONS_ROLES; role++) {
                        if (cluster->processes[i].part != roles[role].part)
                                continue;
                        if (!tell(cluster->processes[i].pid, "instrumentation on"))
                                return false;
                        instructions->last[i] = now_s();
                }
        return true;
}

static bool take_one(struct instructions *instructions, unsigned index, double *counted, double *seconds)
{
        int pid = instructions->cluster->processes[index].pid;
        uint64_t total;
        double now;

        if (!tell(pid, "dump"))
                return false;
        now = now_s();
        total = read_total(instructions, pid);
        *counted += (double)total;
        *seconds = now - instructions->last[index];
        instructions->last[index] = now;
        return total > 0;
}

bool instructions_take(struct instructions *instructions, struct instructions_count *count)
{
        const struct cluster *cluster = instructions->cluster;

        *count = (struct instructions_count){0};
        instructions->taken++;
        for (unsigned i = 0; i < cluster->process_count; i++)
                for (int role = 0; role < INSTRUCTIONS_ROLES; role++)
                        if (cluster->processes[i].part == roles[role].part &&
                            !take_one(instructions, i, &count->instructions[role], &count->seconds[role]))
                                return false;
        return true;
}

bool instructions_report(struct report *report, const struct instructions_count *idle, const struct instructions_count *busy,
                         uint64_t messages, double marks)
{
        check(messages > 0);
        for (int role = 0; role < INSTRUCTIONS_ROLES; role++) {
                double idle_rate = idle->instructions[role] / idle->seconds[role];
                double each = (busy->instructions[role] - idle_rate * busy->seconds[role]) / (double)messages;
                char name[64], text[96];

                if (!(each > 0)) {
                        fprintf(stderr, "no instructions of %s were counted\n", roles[role].name);
                        return false;
                }
                snprintf(name, sizeof(name), "instructions_per_message.%s", roles[role].name);
                snprintf(text, sizeof(text), "%" PRIu64 " messages, %.2f marks each; idle: %.1f million a second, taken off",
                         messages, marks, idle_rate / 1e6);
                report_add(report, name, each, "", 0, text);
        }
        return true;
}
