/*
 * The bus over Kafka (librdkafka): handles (struct bus) of one cluster. Laws and traps are told in docs/decisions/0013-kafka.md.
 *
 *   producer  one a handle: idempotent, acks=all. A flush is answered from the delivery reports of its records, several flushes may
 *             be under way, and publishing never waits for a round trip.
 *   consumer  one for each topic that the handle reads. A group: partitions by range, read from what is committed, else from the
 *             beginning. An assigned partition (FRONTENDS): read from the end that the cluster was asked for.
 *
 * Everything runs on the handle's thread: librdkafka calls nothing back, its reports, its log and its errors are taken from queues
 * within poll. The descriptor is an eventfd that those queues write to.
 *
 * Life cycle: bus_kafka_new (asks the cluster, refuses what cannot work) → bus_kafka_open for each handle → handles freed by their
 * `free`, which leaves groups and waits a moment for what was flushed → bus_kafka_free.
 */
#ifndef GALKA_DRIVER_BUS_KAFKA_H
#define GALKA_DRIVER_BUS_KAFKA_H

#include "base/event.h"
#include "seam/bus.h"

#define BUS_KAFKA_ERROR_SIZE 512
#define BUS_KAFKA_PREFIX     "galka."
#define BUS_KAFKA_START_MS   10000 /* how long the cluster may take to answer at the start */
#define BUS_KAFKA_PUBLISH_MS                                                                                                \
        4000 /* so long a request may take; what waited for it too has as long again. Then FAILED or UNCERTAIN */
#define BUS_KAFKA_SESSION_MS   6000 /* a silent worker's partitions go to others; Kafka's own lower bound by default */
#define BUS_KAFKA_BUFFER_BYTES (16 * 1024 * 1024) /* published and not acknowledged, of one handle; beyond: FULL */

/* NULL or zero: the default, where there is one. */
struct bus_kafka_options {
        const char *brokers;        /* "host:port,host:port" */
        const char *security;       /* "plaintext" (default), "ssl", "sasl_plaintext", "sasl_ssl" */
        const char *ca_file;        /* who may sign the brokers' certificates; default: whom the system trusts */
        const char *sasl_mechanism; /* "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512" */
        const char *sasl_user;
        const char *sasl_password; /* from a file or the environment, never from the command line */
        const char *topic_prefix;  /* before the names of topics; default: BUS_KAFKA_PREFIX */
        const char *group_prefix;  /* before the names of groups (named after topics); default: topic_prefix */
        uint32_t partitions_min[BUS_TOPIC_COUNT]; /* that must be there: a frontend needs its index + 1; default: 1 */
        uint32_t start_ms, publish_ms, session_ms;
        size_t buffer_bytes_max;
        struct event_sink *events;
};

struct bus_kafka;

/*
 * Asks the cluster for its topics. CONFIG: an option, the brokers' certificate, user or password, or topics are wrong. FAILED: no
 * broker answered in time. NO_MEMORY, SYSTEM. On error text is one line: what is wrong and what to do.
 */
must_use enum error bus_kafka_new(const struct bus_kafka_options *options, struct bus_kafka **kafka,
                                  char text[static BUS_KAFKA_ERROR_SIZE]);

/* All handles must be gone. */
void bus_kafka_free(struct bus_kafka **kafka);

/*
 * A handle, from any thread; it then belongs to the thread that uses it. `reads` is the topic that it will subscribe to or of which
 * it will be assigned a partition; BUS_TOPIC_COUNT: none. CONFIG: the topic's group has as many members as partitions (one that
 * crashed counts until its session ends, so this waits that long before it refuses). NO_MEMORY, SYSTEM, FAILED.
 */
must_use enum error bus_kafka_open(struct bus_kafka *kafka, enum bus_topic reads, struct bus **bus,
                                   char text[static BUS_KAFKA_ERROR_SIZE]);

/* ---- for tests ---- */

/* The handle's thread dies: nothing is flushed, no group is left. */
void bus_kafka_crash(struct bus **bus);

#endif
