/* See pairs_report.h. */
#include "pairs_report.h"

#include "driver/store/limit.h"
#include "limit.h"
#include "limit_engines.h"

#define LIMIT_SECONDS 2.0

static double syncs_ms(const struct pairs_latency *latency, double share)
{
        return (double)histogram_quantile(&latency->syncs, share) / 1e3;
}

void pairs_report_few(struct report *report, const struct pairs_measured *few, const char *folder)
{
        double appends = folder ? store_append_limit(folder, PAIRS_FEW_PARTNERS * PAIRS_USERS, 400, LIMIT_SECONDS) : 0;
        double echo = limit_echo(PAIRS_USERS, LIMIT_SECONDS);

        report_add(report, "pairs.messages_per_second", few->messages_per_second, "1/s", appends,
                   folder ? "rows/s appended by the same schema, 800 rooms" : "800 rooms");
        report_add(report, "pairs.delivered_per_second", few->delivered_per_second, "1/s", echo,
                   "bare epoll echo round trips/s, 400 connections");
        report_add(report, "pairs.marks_per_second", few->marks_per_second, "1/s", 0, "beside those messages, 800 rooms");
        report_add(report, "pairs.ack_p50_ms", few->ack_p50_ms, "ms", 0, "closed loop, 1600 under way, 800 rooms");
        report_add(report, "pairs.ack_p99_ms", few->ack_p99_ms, "ms", 0, "closed loop, 1600 under way, 800 rooms");
        report_add(report, "pairs.server_cpu_us_per_message", few->server_cpu_us, "us", 0,
                   "all threads, marks included, 800 rooms");
}

void pairs_report_many(struct report *report, const struct pairs_measured *many, const char *folder)
{
        double appends = folder ? store_append_limit(folder, PAIRS_MANY_PARTNERS * PAIRS_USERS, 400, LIMIT_SECONDS) : 0;

        report_add(report, "pairs.messages_per_second_20000_rooms", many->messages_per_second, "1/s", appends,
                   folder ? "rows/s appended by the same schema, 20,000 rooms" : "20,000 rooms");
        report_add(report, "pairs.marks_per_second_20000_rooms", many->marks_per_second, "1/s", 0,
                   "beside those messages, 20,000 rooms");
}

void pairs_report_latency(struct report *report, const struct pairs_latency *latency)
{
        report_add(report, "pairs.p99_ms_at_1000", latency->p99_ms, "ms", syncs_ms(latency, 0.99),
                   "p99 of one fdatasync; from due to arrived, 800 rooms");
        report_add(report, "pairs.p50_ms_at_1000", latency->p50_ms, "ms", syncs_ms(latency, 0.50), "p50 of one fdatasync");
        report_add(report, "pairs.p999_ms_at_1000", latency->p999_ms, "ms", syncs_ms(latency, 0.999),
                   "p99.9 of one fdatasync");
        report_add(report, "pairs.generator_late_p99_ms", latency->late_p99_ms, "ms", 0,
                   "contained in the latency: the generator sent so late");
        report_add(report, "pairs.server_cpu_us_at_1000", latency->server_cpu_us, "us", 0,
                   "of one message, all threads, marks included");
        report_add(report, "pairs.marks_per_second_at_1000", latency->marks_per_second, "1/s", 0, "beside those messages");
        report_add(report, "pairs.fdatasync_per_second", latency->syncs_per_second, "1/s", 0,
                   "4 KiB writes in the same folder");
}

/* Where a cluster's processor time went, and what its engines give by themselves. */
void pairs_report_cluster(struct report *report, const struct cluster *cluster, const struct pairs_measured *few,
                          const struct pairs_latency *latency)
{
        struct limit_postgres postgres = limit_postgres(cluster->postgres, 2 * LIMIT_SECONDS);
        double kafka = limit_kafka(cluster->kafka, LIMIT_SECONDS);

        if (few->messages)
                cluster_report_cpu(report, &few->cpu[0], &few->cpu[1], few->messages, "", "800 rooms");
        if (latency->p99_ms > 0)
                cluster_report_cpu(report, &latency->cpu[0], &latency->cpu[1], latency->messages, "_at_1000",
                                   "at 1000 a second");
        report_add(report, "pairs.limit_kafka_per_second", kafka, "1/s", 0,
                   "Kafka alone: records of 200 B there and back, one partition");
        report_add(report, "pairs.limit_postgres_commits_per_second", postgres.commits, "1/s", 0,
                   "PostgreSQL alone, one connection: inserts of one line");
        report_add(report, "pairs.limit_postgres_lines_per_second", postgres.lines, "1/s", 0,
                   "the same, 100 lines a statement");
}
