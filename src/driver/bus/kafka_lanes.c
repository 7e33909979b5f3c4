/*
 * What is published waits here while a request of its partition is under way, and goes together with the next one; see kafka_inside.h.
 * So a request is as large as the load makes it; and librdkafka never has more of a partition than it can send: it looks without rest
 * at records that five requests under way keep it from sending.
 *
 * They go some time after those before them at the soonest (base/pace.h), those of all partitions together: a request, and the answer that it makes
 * for whoever reads the partition, cost a broker more than some fifty records do. The first one after a pause waits for nothing; nor does
 * what is for frontends, since workers keep such a pace themselves (worker_seams.pace_ms).
 */
#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/kafka_inside.h"

#define HELD_FIRST 16

/* A partition. Records in `held` are ours: a block each, the value and then the key. */
struct kafka_lane {
        struct list_node node; /* in lanes->waiting while something is held */
        enum bus_topic topic;
        int32_t partition;
        rd_kafka_message_t *held;
        size_t count, capacity;
        size_t out; /* given to librdkafka, and not reported */
        uint64_t out_ms;
};

enum error kafka_lanes_init(struct kafka_lanes *lanes, const struct bus_kafka *kafka)
{
        *lanes = (struct kafka_lanes){.pace = pace_init(KAFKA_PACE_MS)};
        list_init(&lanes->waiting);
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++) {
                lanes->of[topic] = memory_new(kafka->partitions[topic] * sizeof(struct kafka_lane));
                if (!lanes->of[topic])
                        return ERR_NO_MEMORY;
                lanes->counts[topic] = kafka->partitions[topic];
                for (uint32_t i = 0; i < lanes->counts[topic]; i++) {
                        lanes->of[topic][i].topic = (enum bus_topic)topic;
                        lanes->of[topic][i].partition = (int32_t)i;
                }
        }
        return ERR_OK;
}

static void lane_clear(struct kafka_lane *lane)
{
        for (size_t i = 0; i < lane->count; i++)
                memory_free(lane->held[i].payload);
        lane->count = lane->out = 0;
        list_remove(&lane->node);
}

void kafka_lanes_clear(struct kafka_lanes *lanes)
{
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                for (uint32_t i = 0; i < lanes->counts[topic]; i++)
                        lane_clear(&lanes->of[topic][i]);
        lanes->out = 0;
}

void kafka_lanes_finish(struct kafka_lanes *lanes)
{
        kafka_lanes_clear(lanes);
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++) {
                for (uint32_t i = 0; i < lanes->counts[topic]; i++)
                        memory_free(lanes->of[topic][i].held);
                memory_free(lanes->of[topic]);
        }
        *lanes = (struct kafka_lanes){0};
}

static bool grow(struct kafka_lane *lane)
{
        size_t capacity = lane->capacity ? 2 * lane->capacity : HELD_FIRST;
        void *held;

        if (lane->count < lane->capacity)
                return true;
        held = memory_resize(lane->held, capacity * sizeof(*lane->held));
        if (!held)
                return false;
        lane->held = held;
        lane->capacity = capacity;
        return true;
}

enum error kafka_lanes_hold(struct kafka_lanes *lanes, const struct bus_message *message, int32_t partition, void *mark)
{
        struct kafka_lane *lane = &lanes->of[message->topic][partition];
        uint8_t *block;

        block = grow(lane) ? memory_new(message->value.size + message->key.size) : NULL;
        if (!block)
                return ERR_NO_MEMORY;
        if (message->value.size)
                memcpy(block, message->value.data, message->value.size);
        if (message->key.size)
                memcpy(block + message->value.size, message->key.data, message->key.size);
        lane->held[lane->count++] = (rd_kafka_message_t){.payload = block,
                                                         .len = message->value.size,
                                                         .key = block + message->value.size,
                                                         .key_len = message->key.size,
                                                         ._private = mark};
        if (!list_linked(&lane->node))
                list_append(&lanes->waiting, &lane->node);
        return ERR_OK;
}

/* What librdkafka does not take is refused. */
static void lane_send(struct kafka_producer *producer, struct kafka_lane *lane)
{
        int taken = rd_kafka_produce_batch(producer->topics[lane->topic], lane->partition, RD_KAFKA_MSG_F_FREE, lane->held,
                                           (int)lane->count);

        lane->out = (size_t)max_of(taken, 0);
        producer->lanes.out += lane->out;
        for (size_t i = 0; i < lane->count && taken < (int)lane->count; i++) {
                if (lane->held[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
                        continue;
                kafka_producer_refused(producer, &lane->held[i]);
                memory_free(lane->held[i].payload);
        }
        lane->count = 0;
        list_remove(&lane->node);
}

void kafka_lanes_send(struct kafka_producer *producer)
{
        struct list_node *node = producer->lanes.waiting.head.next;
        uint64_t now_ms = list_empty(&producer->lanes.waiting) ? 0 : kafka_now_ms();
        bool due = now_ms >= producer->lanes.due_ms;

        while (node != &producer->lanes.waiting.head) {
                struct kafka_lane *lane = container_of(node, struct kafka_lane, node);

                node = node->next;
                if (lane->out > 0 || !(due || lane->topic == BUS_FRONTENDS))
                        continue;
                if (lane->topic != BUS_FRONTENDS)
                        producer->lanes.due_ms = now_ms + pace_ms(&producer->lanes.pace);
                lane->out_ms = now_ms;
                lane_send(producer, lane);
        }
}

uint64_t kafka_lanes_due_ms(const struct kafka_lanes *lanes)
{
        return list_empty(&lanes->waiting) ? 0 : lanes->due_ms;
}

void kafka_lanes_reported(struct kafka_lanes *lanes, enum bus_topic topic, int32_t partition)
{
        struct kafka_lane *lane = &lanes->of[topic][partition];

        check(lane->out > 0);
        lane->out--;
        lanes->out--;
        if (lane->out == 0)
                pace_took(&lanes->pace, kafka_now_ms() - lane->out_ms);
}
