/*
 * One topic's reader; see kafka_inside.h. librdkafka puts the records of all its partitions into one queue of ours, apart from
 * everything else: to pause is not to look there, so that what was read ahead stays.
 *
 * Where reading starts is known when the group's committed offsets have come (kafka_group.c), or, where librdkafka goes to the
 * beginning or the end of a partition, when the first record or the news that there is none comes from there. ASSIGNED and LOST
 * wait for it: who publishes after they were told is read.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/kafka_inside.h"

#define SERVE_MAX 64

static void wake(const struct kafka_consumer *consumer)
{
        uint64_t one = 1;
        ssize_t written = write(consumer->wake, &one, sizeof(one));

        (void)written;
}

static struct kafka_held *held_of(struct kafka_consumer *consumer, int32_t partition)
{
        if (partition < 0 || (uint32_t)partition >= consumer->count)
                return NULL;
        return &consumer->held[partition];
}

static int32_t partition_of(const struct kafka_consumer *consumer, const struct kafka_held *held)
{
        return (int32_t)(held - consumer->held);
}

static void backlog_drop(struct kafka_consumer *consumer, int32_t partition);

/* ---- news ---- */

static void news_set(struct kafka_consumer *consumer, struct kafka_held *held, unsigned news)
{
        consumer->news_count -= (size_t)__builtin_popcount(held->news);
        consumer->news_count += (size_t)__builtin_popcount(news);
        held->news = news;
}

void kafka_held_tell(struct kafka_consumer *consumer, struct kafka_held *held, unsigned news)
{
        news_set(consumer, held, held->news | news);
}

void kafka_held_start(struct kafka_consumer *consumer, struct kafka_held *held, int64_t offset)
{
        check(held->state != KAFKA_NOT_HELD && offset >= 0);
        held->state = KAFKA_READING;
        held->position = offset;
        kafka_held_tell(consumer, held, held->starting);
        held->starting = 0;
}

/* Who was not told yet of its start is not told of its end either. */
void kafka_held_stop(struct kafka_consumer *consumer, struct kafka_held *held)
{
        bool told = !(held->news & KAFKA_NEWS_ASSIGNED) && !(held->starting & KAFKA_NEWS_ASSIGNED);

        if (held->state == KAFKA_NOT_HELD)
                return;
        news_set(consumer, held, (held->news & KAFKA_NEWS_REVOKED) | (told ? KAFKA_NEWS_REVOKED : 0));
        backlog_drop(consumer, partition_of(consumer, held));
        held->state = KAFKA_NOT_HELD;
        held->starting = 0;
        held->noted = false;
        held->found = KAFKA_UNKNOWN;
}

static size_t news_of(struct kafka_consumer *consumer, struct kafka_held *held, struct bus_event *events, size_t max)
{
        static const struct {
                enum kafka_news news;
                enum bus_event_kind kind;
        } order[] = {{KAFKA_NEWS_REVOKED, BUS_EVENT_REVOKED},
                     {KAFKA_NEWS_ASSIGNED, BUS_EVENT_ASSIGNED},
                     {KAFKA_NEWS_LOST, BUS_EVENT_LOST}};
        size_t count = 0;

        for (size_t i = 0; i < countof(order) && count < max; i++) {
                if (!(held->news & order[i].news))
                        continue;
                news_set(consumer, held, held->news & ~(unsigned)order[i].news);
                events[count++] = (struct bus_event){.kind = order[i].kind,
                                                     .record = {.topic = consumer->topic,
                                                                .partition = partition_of(consumer, held),
                                                                .offset = (uint64_t)max_of(held->position, 0)}};
        }
        return count;
}

size_t kafka_consumer_poll(struct kafka_consumer *consumer, struct bus_event *events, size_t max)
{
        size_t count = kafka_commit_poll(consumer, events, max);

        if (consumer->leaving == KAFKA_LEAVES && count < max) {
                events[count++] = (struct bus_event){.kind = BUS_EVENT_LEAVING, .record = {.topic = consumer->topic}};
                consumer->leaving = KAFKA_HAS_SAID_SO;
        }
        for (uint32_t i = 0; consumer->news_count && i < consumer->count && count < max; i++)
                count += news_of(consumer, &consumer->held[i], events + count, max - count);
        return count;
}

bool kafka_consumer_has(const struct kafka_consumer *consumer)
{
        return consumer->news_count > 0 || consumer->leaving || kafka_commit_has(consumer) ||
               (consumer->backlog_count && !consumer->paused);
}

/* ---- what librdkafka reads ---- */

/* Its records come into our queue, not among the control events. */
static void send_to_records(struct kafka_consumer *consumer, int32_t partition)
{
        rd_kafka_queue_t *queue =
                rd_kafka_queue_get_partition(consumer->client, consumer->kafka->topics[consumer->topic], partition);

        if (!queue)
                return;
        rd_kafka_queue_forward(queue, consumer->records);
        rd_kafka_queue_destroy(queue);
}

void kafka_consumer_apply(struct kafka_consumer *consumer)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)consumer->count);
        rd_kafka_resp_err_t error;

        for (uint32_t i = 0; i < consumer->count; i++) {
                const struct kafka_held *held = &consumer->held[i];

                if (held->state == KAFKA_NOT_HELD)
                        continue;
                send_to_records(consumer, (int32_t)i);
                rd_kafka_topic_partition_list_add(list, consumer->kafka->topics[consumer->topic], (int32_t)i)->offset =
                        held->state == KAFKA_READING ? held->position : held->start;
        }
        error = rd_kafka_assign(consumer->client, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (error)
                event_note(consumer->report->events, EVENT_ERROR, "bus.kafka_assign_failed", NULL,
                           {"topic", consumer->kafka->topics[consumer->topic], 0}, {"error", rd_kafka_err2name(error), 0});
}

/* ---- records ---- */

/* Read of librdkafka and not handed out: the next one to look at, NULL if there is none. */
static rd_kafka_message_t *backlog_front(struct kafka_consumer *consumer)
{
        ssize_t got;

        if (consumer->backlog_count == 0) {
                got = rd_kafka_consume_batch_queue(consumer->records, 0, consumer->backlog, countof(consumer->backlog));
                consumer->backlog_first = 0;
                consumer->backlog_count = got > 0 ? (size_t)got : 0;
        }
        return consumer->backlog_count ? consumer->backlog[consumer->backlog_first] : NULL;
}

static rd_kafka_message_t *backlog_pop(struct kafka_consumer *consumer)
{
        check(consumer->backlog_count > 0);
        consumer->backlog_count--;
        return consumer->backlog[consumer->backlog_first++];
}

/* What was read of a partition before it was revoked, or before a seek, is not what is to be read now. */
static void backlog_drop(struct kafka_consumer *consumer, int32_t partition)
{
        size_t kept = 0;

        for (size_t i = 0; i < consumer->backlog_count; i++) {
                rd_kafka_message_t *message = consumer->backlog[consumer->backlog_first + i];

                if (message->partition == partition)
                        rd_kafka_message_destroy(message);
                else
                        consumer->backlog[kept++] = message;
        }
        consumer->backlog_first = 0;
        consumer->backlog_count = kept;
}

enum reading { READING_RECORD, READING_NOTHING, READING_NEWS, READING_CHECKED };

/* Goes to an offset; what was read of the partition before is outdated from now on, and nothing is waited for. */
static bool go_to(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
        backlog_drop(consumer, partition);
        return rd_kafka_seek(consumer->handle, partition, offset, 0) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * Where a group goes on whose position is gone, while librdkafka is at the oldest record there is. A log that lost its end is shorter
 * than that, and need not be read once more as a whole, which may be a day's work: what is new there came since the broker is back, and
 * is at the end. Of that, what is more than KAFKA_BACK_MAX records before the end is asked again by its senders. May drop what was read.
 */
static int64_t new_start(struct kafka_consumer *consumer, const struct kafka_held *held, int64_t oldest)
{
        const char *topic = consumer->kafka->topics[consumer->topic];
        int32_t partition = partition_of(consumer, held);
        int64_t first = KAFKA_UNKNOWN, end = KAFKA_UNKNOWN, start;

        if (consumer->kind != KAFKA_GROUP || held->state != KAFKA_READING || oldest > held->position ||
            rd_kafka_get_watermark_offsets(consumer->client, topic, partition, &first, &end))
                return oldest;
        start = min_of(end, held->position) - KAFKA_BACK_MAX;
        return start > oldest && go_to(consumer, partition, start) ? start : oldest;
}

/*
 * Whatever it is that comes from there comes from `offset`. What was to be read may be there no more (L5): then librdkafka has gone on
 * by itself, a group with the oldest record there is, a frontend from the end, since old claims of others are not for it. It says so in
 * its log only; here every offset is looked at. (Told to stop instead, auto.offset.reset=error, 2.0.2 can only be started again for all
 * partitions at once, and then mixes records among the control events.)
 */
static bool is_here(const struct kafka_held *held, int64_t offset)
{
        return held->state == KAFKA_READING && held->position == offset;
}

static void start_at(struct kafka_consumer *consumer, struct kafka_held *held, int64_t offset)
{
        if (held->state == KAFKA_READING) {
                held->starting |= KAFKA_NEWS_LOST;
                kafka_commit_lost(consumer, partition_of(consumer, held), offset);
                kafka_anchor_forget(consumer);
        }
        kafka_held_start(consumer, held, offset);
}

/* What was read before is read once more (kafka_anchor.c). */
static enum reading check_anchor(struct kafka_consumer *consumer, struct kafka_held *held, const rd_kafka_message_t *message)
{
        switch (kafka_anchor_check(consumer, message)) {
        case KAFKA_CHECK_GOES_ON:
                return READING_NOTHING;
        case KAFKA_CHECK_SAME:
                return READING_CHECKED;
        case KAFKA_CHECK_OTHER:
                kafka_anchor_forget(consumer);
                kafka_held_tell(consumer, held, KAFKA_NEWS_LOST);
                return READING_CHECKED;
        }
        unreachable();
}

/* What the message is: a record that is due now; nothing; or, first, reason for news, and to be looked at again after them, if it is
 * still there. */
static enum reading read_message(struct kafka_consumer *consumer, struct kafka_held *held, const rd_kafka_message_t *message)
{
        if (!held || held->state == KAFKA_NOT_HELD)
                return READING_NOTHING;
        if (consumer->checking)
                return check_anchor(consumer, held, message);
        if (!message->err && is_here(held, message->offset))
                return READING_RECORD;
        if (!message->err) {
                start_at(consumer, held, new_start(consumer, held, message->offset));
                return READING_NEWS;
        }
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                event_note(consumer->report->events, EVENT_WARNING, "bus.kafka_read_failed", NULL,
                           {"topic", consumer->kafka->topics[consumer->topic], 0},
                           {"partition", NULL, (uint64_t)message->partition}, {"error", rd_kafka_err2name(message->err), 0});
        else if (!is_here(held, message->offset))
                start_at(consumer, held, message->offset);
        return READING_NOTHING;
}

size_t kafka_consumer_records(struct kafka_consumer *consumer, struct bus_event *events, rd_kafka_message_t **messages,
                              size_t max)
{
        rd_kafka_message_t *message;
        size_t count = 0;

        while (count < max && !consumer->news_count && !consumer->leaving && (message = backlog_front(consumer))) {
                struct kafka_held *held = held_of(consumer, message->partition);
                enum reading reading = read_message(consumer, held, message);

                if (reading == READING_NEWS)
                        break;
                messages[count] = backlog_pop(consumer);
                if (reading != READING_RECORD) {
                        rd_kafka_message_destroy(message);
                        if (reading == READING_CHECKED && !go_to(consumer, partition_of(consumer, held), held->position))
                                consumer->doubt = true;
                        continue;
                }
                kafka_anchor_note(consumer, message);
                held->position++;
                events[count++] = (struct bus_event){.kind = BUS_EVENT_RECORD,
                                                     .record = {.topic = consumer->topic,
                                                                .partition = message->partition,
                                                                .offset = (uint64_t)message->offset,
                                                                .key = slice_of(message->key, message->key_len),
                                                                .value = slice_of(message->payload, message->len)}};
        }
        return count;
}

void kafka_consumer_pause(struct kafka_consumer *consumer, bool paused)
{
        static const uint64_t one = 1;

        consumer->paused = paused;
        rd_kafka_queue_io_event_enable(consumer->records, paused ? -1 : consumer->wake, paused ? NULL : &one,
                                       paused ? 0 : sizeof(one));
        if (!paused)
                wake(consumer);
}

/* ---- control ---- */

/*
 * librdkafka says when it has lost all brokers, but not when it has one again: a consumer whose partitions are still hears nothing then.
 * (To ask something meanwhile will not do: version 2.0.2 fails an assertion of its own when such a request times out.) The statistics
 * are a JSON text; a broker with whom there is a connection has this in it, and nothing else has.
 */
static void take_statistics(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        const char *text = rd_kafka_event_stats(event);

        consumer->cut_off = text && !strstr(text, "\"state\":\"UP\"");
        if (text)
                kafka_group_look(consumer, text);
        if (!text || !kafka_anchor_doubt(consumer, text))
                return;
        for (uint32_t i = 0; i < consumer->count; i++)
                if (consumer->held[i].state == KAFKA_READING)
                        consumer->checking = go_to(consumer, (int32_t)i, consumer->anchor.offset);
        consumer->doubt = !consumer->checking;
}

/* Records among the control events are in the wrong queue: they are fetched again into the right one. */
static void read_again(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        const rd_kafka_message_t *message = rd_kafka_event_message_next(event);
        struct kafka_held *held = message ? held_of(consumer, message->partition) : NULL;

        if (!held || held->state == KAFKA_NOT_HELD)
                return;
        event_note(consumer->report->events, EVENT_WARNING, "bus.kafka_wrong_queue", NULL,
                   {"topic", consumer->kafka->topics[consumer->topic], 0}, {"partition", NULL, (uint64_t)message->partition},
                   {"offset", NULL, (uint64_t)message->offset});
        send_to_records(consumer, message->partition);
        backlog_drop(consumer, message->partition);
        rd_kafka_seek(consumer->handle, message->partition, held->state == KAFKA_READING ? held->position : held->start, 0);
}

static void take_event(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_REBALANCE:
                kafka_group_rebalance(consumer, event);
                break;
        case RD_KAFKA_EVENT_FETCH:
                read_again(consumer, event);
                break;
        case RD_KAFKA_EVENT_STATS:
                take_statistics(consumer, event);
                break;
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
                kafka_commit_answered(consumer, event);
                break;
        default:
                kafka_report(consumer->report, event);
        }
        rd_kafka_event_destroy(event);
}

void kafka_consumer_serve(struct kafka_consumer *consumer)
{
        rd_kafka_event_t *event;

        for (int n = 0; n < SERVE_MAX && (event = rd_kafka_queue_poll(consumer->control, 0)); n++)
                take_event(consumer, event);
        kafka_group_step_out(consumer);
        kafka_group_ask(consumer);
        kafka_commit_send(consumer, false);
}

enum error kafka_consumer_assign(struct kafka_consumer *consumer, int32_t partition)
{
        struct kafka_held *held = held_of(consumer, partition);

        if (!held)
                return ERR_NOT_FOUND;
        check(consumer->kind != KAFKA_GROUP);
        consumer->kind = KAFKA_ASSIGNED;
        if (held->state != KAFKA_NOT_HELD)
                return ERR_OK;
        if (consumer->assigned)
                return ERR_FULL;
        held->state = KAFKA_STARTING;
        held->start = RD_KAFKA_OFFSET_END;
        held->starting = KAFKA_NEWS_ASSIGNED;
        consumer->assigned = true;
        kafka_consumer_apply(consumer);
        return ERR_OK;
}

enum error kafka_consumer_seek(struct kafka_consumer *consumer, int32_t partition, uint64_t offset)
{
        struct kafka_held *held = held_of(consumer, partition);

        if (!held || held->state == KAFKA_NOT_HELD)
                return ERR_NOT_FOUND;
        kafka_held_start(consumer, held, (int64_t)offset);
        return go_to(consumer, partition, (int64_t)offset) ? ERR_OK : ERR_FAILED;
}

/* As of the last answer that brought records, or said that there are none: nobody is asked. */
enum error kafka_consumer_lag(struct kafka_consumer *consumer, int32_t partition, uint64_t *records)
{
        const struct kafka_held *held = held_of(consumer, partition);
        const char *topic = consumer->kafka->topics[consumer->topic];
        int64_t first = KAFKA_UNKNOWN, end = KAFKA_UNKNOWN;

        if (consumer->cut_off)
                return ERR_CLOSED;
        if (!held || held->state == KAFKA_NOT_HELD)
                return ERR_NOT_FOUND;
        if (held->state == KAFKA_STARTING ||
            rd_kafka_get_watermark_offsets(consumer->client, topic, partition, &first, &end) || end < 0)
                return ERR_AGAIN;
        *records = end > held->position ? (uint64_t)(end - held->position) : 0;
        return ERR_OK;
}

/* ---- life ---- */

enum error kafka_consumer_init(struct kafka_consumer *consumer, struct bus_kafka *kafka, enum bus_topic topic, int wake_fd,
                               struct kafka_report *report, char *text)
{
        static const uint64_t one = 1;
        enum error error;

        *consumer = (struct kafka_consumer){
                .kafka = kafka, .topic = topic, .report = report, .wake = wake_fd, .count = kafka->partitions[topic]};
        consumer->held = memory_new(sizeof(*consumer->held) * consumer->count);
        if (!consumer->held)
                return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < consumer->count; i++)
                consumer->held[i].committed = consumer->held[i].found = KAFKA_UNKNOWN;
        kafka_anchor_forget(consumer);
        error = kafka_client_new(kafka, KAFKA_CONSUMER, topic, &consumer->client, text);
        if (error)
                return error;
        rd_kafka_poll_set_consumer(consumer->client);
        consumer->control = rd_kafka_queue_get_consumer(consumer->client);
        rd_kafka_set_log_queue(consumer->client, consumer->control);
        consumer->records = rd_kafka_queue_new(consumer->client);
        consumer->handle = rd_kafka_topic_new(consumer->client, kafka->topics[topic], NULL);
        if (!consumer->handle)
                return ERR_NO_MEMORY;
        rd_kafka_queue_io_event_enable(consumer->control, wake_fd, &one, sizeof(one));
        rd_kafka_queue_io_event_enable(consumer->records, wake_fd, &one, sizeof(one));
        wake(consumer);
        /* Else a partition that is assigned later stands still for half a second, looking for its leader. */
        return kafka_metadata(consumer->client, kafka->options.start_ms) ? ERR_FAILED : ERR_OK;
}

/* What was committed goes out before the group is left, and others start from it. */
static void leave(struct kafka_consumer *consumer)
{
        uint64_t end_ms = kafka_now_ms() + KAFKA_GOODBYE_MS;
        rd_kafka_error_t *error;

        consumer->closing = true;
        kafka_group_give_back(consumer);
        kafka_commit_give_up(consumer);
        while (consumer->requests_out && kafka_now_ms() < end_ms) {
                rd_kafka_event_t *event = rd_kafka_queue_poll(consumer->control, 10);

                if (event)
                        take_event(consumer, event);
        }
        error = rd_kafka_consumer_close_queue(consumer->client, consumer->control);
        if (error) {
                rd_kafka_error_destroy(error);
                return;
        }
        while (!rd_kafka_consumer_closed(consumer->client) && kafka_now_ms() < end_ms) {
                rd_kafka_event_t *event = rd_kafka_queue_poll(consumer->control, 10);

                if (event)
                        take_event(consumer, event);
        }
}

void kafka_consumer_finish(struct kafka_consumer *consumer, bool leave_group)
{
        if (consumer->client && consumer->control && consumer->kind == KAFKA_GROUP && leave_group)
                leave(consumer);
        while (consumer->backlog_count)
                rd_kafka_message_destroy(backlog_pop(consumer));
        if (consumer->wanted)
                rd_kafka_topic_partition_list_destroy(consumer->wanted);
        if (consumer->handle)
                rd_kafka_topic_destroy(consumer->handle);
        if (consumer->records) {
                rd_kafka_queue_io_event_enable(consumer->records, -1, NULL, 0);
                rd_kafka_queue_destroy(consumer->records);
        }
        if (consumer->control) {
                rd_kafka_queue_io_event_enable(consumer->control, -1, NULL, 0);
                rd_kafka_queue_destroy(consumer->control);
        }
        if (consumer->client)
                rd_kafka_destroy_flags(consumer->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        memory_free(consumer->held);
        *consumer = (struct kafka_consumer){0};
}
