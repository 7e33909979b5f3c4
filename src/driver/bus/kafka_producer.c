/*
 * Publishing; see kafka_inside.h. Records go to librdkafka as soon as their partition has no request under way (kafka_lanes.c). Each
 * carries the number of the flush that it belongs to, and its report settles it there; a flush is answered when all of its records are, and not before
 * those before it.
 *
 *      outcome of a flush   OK: all were acknowledged. FAILED: none was, and none will be. UNCERTAIN: all else
 */
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/map.h"
#include "driver/bus/kafka_inside.h"

#define SLOT_BITS 8
#define PURGE_MS  1000
#define SERVE_MAX 64 /* reports (of many records each) that one call takes in */

_Static_assert(KAFKA_FLUSHES_MAX == 1 << SLOT_BITS, "a record carries its flush's place");

static void wake(const struct kafka_producer *producer)
{
        uint64_t one = 1;
        ssize_t written = write(producer->wake, &one, sizeof(one));

        (void)written; /* it cannot be so full that it is not readable */
}

/* ---- flushes ---- */

static struct kafka_flush *flush_at(struct kafka_producer *producer, size_t n)
{
        return &producer->flushes[(producer->first + n) % KAFKA_FLUSHES_MAX];
}

static struct kafka_flush *flush_open(struct kafka_producer *producer)
{
        return flush_at(producer, producer->count);
}

static void flush_begin(struct kafka_producer *producer)
{
        *flush_open(producer) = (struct kafka_flush){.number = ++producer->last_number};
}

static void *flush_mark(struct kafka_producer *producer)
{
        const struct kafka_flush *flush = flush_open(producer);

        return (void *)(uintptr_t)(flush->number << SLOT_BITS | (uint64_t)(flush - producer->flushes));
}

static enum outcome flush_outcome(const struct kafka_flush *flush)
{
        if (flush->uncertain || (flush->failed && flush->ok))
                return OUTCOME_UNCERTAIN;
        return flush->failed ? OUTCOME_FAILED : OUTCOME_OK;
}

enum error kafka_flush(struct kafka_producer *producer, uint64_t tag)
{
        if (tag && producer->count == KAFKA_FLUSHES_MAX - 1)
                return ERR_FULL;
        if (tag) {
                flush_open(producer)->tag = tag;
                producer->count++;
                if (kafka_producer_has(producer))
                        wake(producer);
        }
        if (producer->client)
                kafka_lanes_send(producer);
        flush_begin(producer); /* without a tag nobody asks how it went: reports find that number no more */
        return ERR_OK;
}

bool kafka_producer_has(const struct kafka_producer *producer)
{
        return producer->count > 0 && producer->flushes[producer->first].left == 0;
}

size_t kafka_producer_poll(struct kafka_producer *producer, struct bus_event *events, size_t max)
{
        size_t count = 0;

        while (count < max && kafka_producer_has(producer)) {
                const struct kafka_flush *flush = flush_at(producer, 0);

                events[count++] = (struct bus_event){.kind = BUS_EVENT_FLUSHED,
                                                     .completion = {.tag = flush->tag, .outcome = flush_outcome(flush)}};
                producer->first = (producer->first + 1) % KAFKA_FLUSHES_MAX;
                producer->count--;
        }
        return count;
}

/* ---- reports ---- */

static void settle(struct kafka_producer *producer, const rd_kafka_message_t *message, enum outcome outcome)
{
        uint64_t mark = (uint64_t)(uintptr_t)message->_private;
        struct kafka_flush *flush = &producer->flushes[mark % KAFKA_FLUSHES_MAX];

        check(producer->out > 0);
        producer->out--;
        producer->bytes -= message->len + message->key_len;
        if (flush->number != mark >> SLOT_BITS)
                return;
        check(flush->left > 0);
        flush->left--;
        if (outcome == OUTCOME_OK)
                flush->ok++;
        else if (outcome == OUTCOME_FAILED)
                flush->failed++;
        else
                flush->uncertain++;
}

void kafka_producer_refused(struct kafka_producer *producer, const rd_kafka_message_t *message)
{
        producer->fatal |= message->err == RD_KAFKA_RESP_ERR__FATAL;
        settle(producer, message, OUTCOME_FAILED);
        wake(producer);
}

static void take_report(struct kafka_producer *producer, const rd_kafka_message_t *message)
{
        int topic = 0;

        while (topic < BUS_TOPIC_COUNT && producer->topics[topic] != message->rkt)
                topic++;
        check(topic < BUS_TOPIC_COUNT);
        kafka_lanes_reported(&producer->lanes, (enum bus_topic)topic, message->partition);
        if (!message->err)
                settle(producer, message, OUTCOME_OK);
        else if (rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED)
                settle(producer, message, OUTCOME_FAILED);
        else
                settle(producer, message, OUTCOME_UNCERTAIN);
}

static void take_event(struct kafka_producer *producer, rd_kafka_event_t *event)
{
        const rd_kafka_message_t *message;

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
                while ((message = rd_kafka_event_message_next(event)))
                        take_report(producer, message);
        } else {
                if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR && rd_kafka_event_error_is_fatal(event))
                        producer->fatal = true;
                kafka_report(producer->report, event);
        }
        rd_kafka_event_destroy(event);
}

/* True if something came. */
static bool serve(struct kafka_producer *producer, int wait_ms)
{
        rd_kafka_event_t *event = rd_kafka_queue_poll(producer->queue, wait_ms);
        bool any = event != NULL;

        for (int n = 0; event && n < SERVE_MAX; n++) {
                take_event(producer, event);
                event = n + 1 < SERVE_MAX ? rd_kafka_queue_poll(producer->queue, 0) : NULL;
        }
        return any;
}

/* ---- the client ---- */

static enum error client_open(struct kafka_producer *producer, char *text)
{
        static const uint64_t one = 1;
        enum error error = kafka_client_new(producer->kafka, KAFKA_PRODUCER, BUS_TOPIC_COUNT, &producer->client, text);

        if (error)
                return error;
        producer->queue = rd_kafka_queue_get_main(producer->client);
        rd_kafka_set_log_queue(producer->client, NULL);
        for (int i = 0; i < BUS_TOPIC_COUNT && !error; i++) {
                producer->topics[i] = rd_kafka_topic_new(producer->client, producer->kafka->topics[i], NULL);
                if (!producer->topics[i])
                        error = ERR_NO_MEMORY;
        }
        rd_kafka_queue_io_event_enable(producer->queue, producer->wake, &one, sizeof(one));
        wake(producer); /* it is told of what comes into an empty queue only */
        return error;
}

static void client_close(struct kafka_producer *producer)
{
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                if (producer->topics[i])
                        rd_kafka_topic_destroy(producer->topics[i]);
                producer->topics[i] = NULL;
        }
        if (producer->queue) {
                rd_kafka_queue_io_event_enable(producer->queue, -1, NULL, 0);
                rd_kafka_queue_destroy(producer->queue);
        }
        if (producer->client)
                rd_kafka_destroy(producer->client);
        producer->queue = NULL;
        producer->client = NULL;
}

/* Takes back what is not acknowledged; each record is reported. */
static void purge(struct kafka_producer *producer)
{
        uint64_t end_ms = kafka_now_ms() + PURGE_MS;

        if (producer->lanes.out == 0)
                return;
        rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        while (producer->lanes.out > 0 && kafka_now_ms() < end_ms)
                serve(producer, 10);
}

/* The numbers of an idempotent producer got out of step with a broker's, say: librdkafka takes no more with this client. */
static enum error replace(struct kafka_producer *producer)
{
        char text[BUS_KAFKA_ERROR_SIZE];

        event_note(producer->report->events, EVENT_ERROR, "bus.kafka_producer_replaced", NULL,
                   {"unsettled", NULL, producer->out});
        if (producer->client)
                purge(producer);
        client_close(producer);
        for (size_t n = 0; n <= producer->count; n++) {
                struct kafka_flush *flush = flush_at(producer, n);

                flush->uncertain += flush->left;
                flush->left = 0;
        }
        producer->out = 0;
        producer->bytes = 0;
        kafka_lanes_clear(&producer->lanes);
        if (client_open(producer, text) != ERR_OK) {
                client_close(producer);
                return ERR_FAILED;
        }
        producer->fatal = false;
        return ERR_OK;
}

void kafka_producer_serve(struct kafka_producer *producer)
{
        if (producer->client) {
                serve(producer, 0);
                kafka_lanes_send(producer);
        }
        if (producer->fatal)
                (void)replace(producer);
}

/* ---- publishing ---- */

static int32_t partition_of(const struct bus_kafka *kafka, const struct bus_message *message)
{
        static const bool keyed[] = {
#define X(name, text, keyed) keyed,
                BUS_TOPICS(X)
#undef X
        };
        uint32_t count = kafka->partitions[message->topic];

        if (message->partition == BUS_PARTITION_BYKEY && keyed[message->topic])
                return (int32_t)(hash_bytes(message->key) % count);
        return message->partition >= 0 && (uint32_t)message->partition < count ? message->partition : -1;
}

enum error kafka_publish(struct kafka_producer *producer, const struct bus_message *message)
{
        enum error error;
        int32_t partition;
        size_t size;

        if (message->key.size > BUS_KEY_SIZE_MAX || message->value.size > BUS_VALUE_SIZE_MAX)
                return ERR_TOO_LARGE;
        partition = partition_of(producer->kafka, message);
        if (partition < 0)
                return ERR_NOT_FOUND;
        if (producer->fatal && replace(producer) != ERR_OK)
                return ERR_FAILED;
        size = message->value.size + message->key.size;
        if (producer->out >= KAFKA_BUFFER_RECORDS || size > producer->kafka->options.buffer_bytes_max - producer->bytes)
                return ERR_FULL;
        error = kafka_lanes_hold(&producer->lanes, message, partition, flush_mark(producer));
        if (error)
                return error;
        flush_open(producer)->left++;
        producer->out++;
        producer->bytes += size;
        return ERR_OK;
}

/* ---- life ---- */

enum error kafka_producer_init(struct kafka_producer *producer, struct bus_kafka *kafka, int wake_fd,
                               struct kafka_report *report, char *text)
{
        rd_kafka_resp_err_t asked;
        enum error error;

        *producer = (struct kafka_producer){.kafka = kafka, .report = report, .wake = wake_fd};
        flush_begin(producer);
        error = kafka_lanes_init(&producer->lanes, kafka);
        if (!error)
                error = client_open(producer, text);
        if (error)
                return error;
        asked = kafka_metadata(producer->client, kafka->options.start_ms); /* else the first record waits for it */
        if (!asked)
                return ERR_OK;
        snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka at %.200s stopped answering: %s", kafka->options.brokers,
                 rd_kafka_err2str(asked));
        return ERR_FAILED;
}

void kafka_producer_finish(struct kafka_producer *producer, unsigned wait_ms)
{
        uint64_t end_ms = kafka_now_ms() + wait_ms;

        if (producer->client) {
                kafka_lanes_send(producer);
                while (producer->out > 0 && kafka_now_ms() < end_ms) {
                        serve(producer, 10);
                        kafka_lanes_send(producer);
                }
                purge(producer);
        }
        client_close(producer);
        kafka_lanes_finish(&producer->lanes);
}
