/* Clusters for tests of the Kafka driver: librdkafka's mock, or fresh topics on the brokers of tools/engines. */
#ifndef GALKA_TEST_CONTRACT_KAFKA_WORLD_H
#define GALKA_TEST_CONTRACT_KAFKA_WORLD_H

#include <librdkafka/rdkafka.h>
// clang-format off
#include <librdkafka/rdkafka_mock.h>
// clang-format on

#include "driver/bus/kafka.h"
#include "driver/bus/kafka_topics.h"

struct kafka_world {
        rd_kafka_mock_cluster_t *mock; /* NULL: a real broker */
        struct bus_kafka_options options;
        struct bus_kafka *kafka;
        char prefix[64], brokers[256];
};

/* The broker that tests may use, or NULL. */
const char *kafka_world_broker(void);

/* What worlds that are made from now on ask of the driver, besides where it is. */
extern struct bus_kafka_options kafka_world_options;

/* A cluster with all topics, and a driver on it. */
struct kafka_world *kafka_world_mock(int brokers, int partitions);
struct kafka_world *kafka_world_real(uint32_t partitions);
void kafka_world_free(struct kafka_world *world);

/* The mock's broker takes the next such request at once and answers it after so many ms. */
void kafka_world_answer_late(struct kafka_world *world, int32_t broker, int16_t request, int after_ms);

/* How often a driver of this process gave a producer up and made another. */
unsigned kafka_world_replaced(void);

struct bus *kafka_world_open(struct kafka_world *world, enum bus_topic reads);

#endif
