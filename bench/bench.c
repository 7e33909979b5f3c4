/* make bench: runs one workload, prints its table, writes build/bench.json. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "workload.h"

static const struct workload workloads[] = {
        {"idle", "memory of 50,000 signed-in connections that only ping", workload_idle},
        {"pairs", "400 users who write to each other: messages a second and latency, durable", workload_pairs},
        {"million", "a room with a million messages, and a member who was away for a year: Join, jumps, searches",
         workload_million},
        {"presence", "presence in Redis: requests a second, beside Redis itself", workload_presence},
        {"room", "a group of 1000 online members: deliveries a second beside a bare fan-out; slow readers", workload_room},
        {"store", "PostgreSQL without a server around it: operations a second", workload_store},
        {"schema", "the spike behind the store's schema: rows a second by several tables", workload_schema},
};

static int usage(void)
{
        fprintf(stderr, "usage: galka-bench WORKLOAD [--galkad FILE] [--folder FOLDER] [--json FILE] [--connections N] "
                        "[--part PART] [--seconds N] [--cluster]\n\nworkloads:\n");
        for (size_t i = 0; i < countof(workloads); i++)
                fprintf(stderr, "  %-8s %s\n", workloads[i].name, workloads[i].help);
        return 2;
}

int main(int argc, char **argv)
{
        struct workload_options options = {.galkad = "build/src/server/galkad", .folder = "build"};
        const char *json = "build/bench.json";
        const struct workload *workload = NULL;
        static struct report report;

        signal(SIGPIPE, SIG_IGN);
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--galkad") == 0 && i + 1 < argc)
                        options.galkad = argv[++i];
                else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc)
                        options.folder = argv[++i];
                else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
                        json = argv[++i];
                else if (strcmp(argv[i], "--connections") == 0 && i + 1 < argc)
                        options.connections = (unsigned)strtoul(argv[++i], NULL, 10);
                else if (strcmp(argv[i], "--part") == 0 && i + 1 < argc)
                        options.part = argv[++i];
                else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
                        options.seconds = (unsigned)strtoul(argv[++i], NULL, 10);
                else if (strcmp(argv[i], "--cluster") == 0)
                        options.cluster = true;
                for (size_t j = 0; j < countof(workloads); j++)
                        if (strcmp(argv[i], workloads[j].name) == 0)
                                workload = &workloads[j];
        }
        if (!workload)
                return usage();
        if (options.cluster)
                report.prefix = "cluster.";
        if (!workload->run(&options, &report))
                return 1;
        report_print(&report);
        if (!report_write(&report, json)) {
                fprintf(stderr, "cannot write %s\n", json);
                return 1;
        }
        return 0;
}
