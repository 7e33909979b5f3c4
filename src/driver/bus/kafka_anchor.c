/*
 * Is the log that a frontend reads still the one that it has read? see kafka_inside.h. A log that lost its end while the frontend was cut
 * off, and then grew beyond where it stood, goes on at an offset that is due: what came in between would be missed, and nothing says
 * so. (librdkafka 2.0.2 does not look at the epochs of leaders.) So a record that was surely read before the connection broke, the anchor,
 * is read once more after it: where another one stands, records were lost (L5).
 *
 *      statistics, each second: as many connections as before  → what was read by the last ones is the anchor
 *                               another one was made, or tried → doubt → none more, and a broker answers → back to the anchor
 *                               → the same record → on from where it was
 *                               → another, or none → LOST, then on from where it was
 *
 * Groups are not looked after: requests that are skipped are asked again by their senders.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "driver/bus/kafka_inside.h"

/* Of a message: what makes it this one. */
static struct kafka_anchor anchor_of(const rd_kafka_message_t *message)
{
        rd_kafka_timestamp_type_t type;

        return (struct kafka_anchor){.offset = message->offset,
                                     .time_ms = rd_kafka_message_timestamp(message, &type),
                                     .sum = hash_bytes(slice_of(message->payload, message->len))};
}

void kafka_anchor_note(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
        if (consumer->kind == KAFKA_ASSIGNED)
                consumer->last = anchor_of(message);
}

void kafka_anchor_forget(struct kafka_consumer *consumer)
{
        consumer->last = consumer->settled = consumer->anchor = (struct kafka_anchor){.offset = KAFKA_UNKNOWN};
        consumer->checking = false;
}

/* Connections to all brokers, also those that came to nothing. */
static uint64_t connections(const char *text)
{
        static const char name[] = "\"connects\":";
        uint64_t sum = 0;

        for (const char *at = text; (at = strstr(at, name)); at += sizeof(name) - 1)
                sum += strtoull(at + sizeof(name) - 1, NULL, 10);
        return sum;
}

bool kafka_anchor_doubt(struct kafka_consumer *consumer, const char *statistics)
{
        uint64_t sum = connections(statistics);

        if (consumer->kind != KAFKA_ASSIGNED || consumer->checking)
                return false;
        if (sum != consumer->connections) {
                consumer->connections = sum;
                consumer->doubt = true;
                return false;
        }
        if (consumer->cut_off)
                return false;
        if (consumer->doubt && consumer->anchor.offset != KAFKA_UNKNOWN)
                return true;
        consumer->doubt = false;
        consumer->anchor = consumer->settled;
        consumer->settled = consumer->last;
        return false;
}

enum kafka_check kafka_anchor_check(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
        struct kafka_anchor found;

        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                return KAFKA_CHECK_GOES_ON;
        consumer->checking = false;
        if (message->err)
                return KAFKA_CHECK_OTHER;
        found = anchor_of(message);
        return found.offset == consumer->anchor.offset && found.time_ms == consumer->anchor.time_ms &&
                               found.sum == consumer->anchor.sum
                       ? KAFKA_CHECK_SAME
                       : KAFKA_CHECK_OTHER;
}
