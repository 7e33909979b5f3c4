/*
 * The topics of a Kafka cluster: makes those that are missing, adds partitions where there are too few, and says what differs from
 * what was asked for. It never deletes a topic, never takes partitions away (Kafka cannot) and never changes what it did not make.
 */
#ifndef GALKA_DRIVER_BUS_KAFKA_TOPICS_H
#define GALKA_DRIVER_BUS_KAFKA_TOPICS_H

#include "driver/bus/kafka.h"

struct bus_kafka_topics {
        uint32_t partitions[BUS_TOPIC_COUNT]; /* 0: BUS_KAFKA_PARTITIONS */
        uint16_t replication;                 /* 0: as many as brokers, at most 3 */
        bool check_only;                      /* changes nothing, tells what would be done */
};

#define BUS_KAFKA_PARTITIONS 12

/* One line of what was found or done, for a person. */
typedef void bus_kafka_topics_say(void *owner, const char *line);

/* What it made is known to the broker that it asks when it returns. CONFIG: an option is wrong; with check_only: something differs. FAILED: the cluster refused, or did not answer: text says what. */
must_use enum error bus_kafka_topics(const struct bus_kafka_options *options, const struct bus_kafka_topics *topics,
                                     bus_kafka_topics_say *say, void *owner, char text[static BUS_KAFKA_ERROR_SIZE]);

#endif
