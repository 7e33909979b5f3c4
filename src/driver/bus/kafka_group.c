/*
 * A member of a group; see kafka_inside.h. An assignment is not taken at once: first the group is asked what is committed of these
 * partitions, since that tells where reading starts and holds the notes of records taken singly (kafka_notes.c).
 *
 *      REBALANCE: assigned → asked, until it is answered → assign to librdkafka → ASSIGNED …
 *      REBALANCE: revoked  → LEAVING → the next poll: what was committed goes out → unassign → REVOKED
 *
 * A member whose coordinator is away for longer than a session lasts forgets by itself who it was, and comes back as another. But the
 * coordinator, started again, has the group from its log, waits for the members that it knows, and gives them up only when a session has
 * passed once more: so long the group stands still. So, shortly before, a member gives its partitions up by joining the group anew, which
 * it can not yet, and keeps its name until it can:
 *
 *      STEADY → coordinator away → for almost a session → subscribe again: REBALANCE: revoked → … → it is back → the same member joins
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "driver/bus/kafka_inside.h"

#define ASK_MS 1000
#define STEP_OUT_MS                                                                                                         \
        1000 /* before the session ends: later than the last statistics before the coordinator went, and its last heartbeat */

static void drop_wanted(struct kafka_consumer *consumer)
{
        if (consumer->wanted)
                rd_kafka_topic_partition_list_destroy(consumer->wanted);
        consumer->wanted = NULL;
}

/* More than there were at the start: nobody publishes there yet, and the worker has no place for them. */
static bool is_new(struct kafka_consumer *consumer, int32_t partition)
{
        if ((uint32_t)partition < consumer->count)
                return false;
        event_note(consumer->report->events, EVENT_ERROR, "bus.partitions_added", NULL,
                   {"topic", consumer->kafka->topics[consumer->topic], 0}, {"partition", NULL, (uint64_t)partition},
                   {"do", "restart the workers, then the frontends", 0});
        return true;
}

static void hold(struct kafka_consumer *consumer, const rd_kafka_topic_partition_t *committed)
{
        struct kafka_held *held = &consumer->held[committed->partition];

        check(held->state == KAFKA_NOT_HELD);
        held->state = KAFKA_STARTING;
        held->start = RD_KAFKA_OFFSET_BEGINNING;
        held->starting = KAFKA_NEWS_ASSIGNED;
        held->committed = KAFKA_UNKNOWN;
        held->noted = false;
        held->found = KAFKA_UNKNOWN;
        if (committed->offset < 0)
                return;
        held->committed = committed->offset;
        kafka_note_read(held, committed->metadata, committed->metadata_size);
        if (held->found != KAFKA_UNKNOWN)
                event_note(consumer->report->events, EVENT_WARNING, "bus.note_found", NULL,
                           {"topic", consumer->kafka->topics[consumer->topic], 0},
                           {"partition", NULL, (uint64_t)committed->partition}, {"offset", NULL, (uint64_t)held->found},
                           {"times", NULL, held->found_count});
        kafka_held_start(consumer, held, committed->offset);
}

/* The first error of the whole, or of a partition. */
static rd_kafka_resp_err_t committed(struct kafka_consumer *consumer)
{
        rd_kafka_resp_err_t error = rd_kafka_committed(consumer->client, consumer->wanted, ASK_MS);

        for (int i = 0; !error && i < consumer->wanted->cnt; i++)
                error = consumer->wanted->elems[i].err;
        return error;
}

/*
 * Waits for the answer: a worker that has just been given its partitions has nothing else to do. librdkafka 2.0.2 has a question
 * without waiting (ListConsumerGroupOffsets), and aborts the process when brokers go away while it is out.
 */
void kafka_group_ask(struct kafka_consumer *consumer)
{
        rd_kafka_resp_err_t error;

        if (!consumer->wanted || kafka_now_ms() < consumer->ask_ms)
                return;
        error = committed(consumer);
        if (error) {
                event_note(consumer->report->events, EVENT_WARNING, "bus.kafka_offsets_unknown", NULL,
                           {"group", consumer->kafka->groups[consumer->topic], 0}, {"error", rd_kafka_err2name(error), 0});
                consumer->ask_ms = kafka_now_ms() + KAFKA_RETRY_MS;
                return;
        }
        for (int i = 0; i < consumer->wanted->cnt; i++)
                if (!is_new(consumer, consumer->wanted->elems[i].partition))
                        hold(consumer, &consumer->wanted->elems[i]);
        drop_wanted(consumer);
        kafka_consumer_apply(consumer);
}

/* ---- rebalances ---- */

static void assigned(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
        drop_wanted(consumer);
        if (list->cnt == 0) {
                event_note(consumer->report->events, EVENT_WARNING, "bus.no_partitions", NULL,
                           {"group", consumer->kafka->groups[consumer->topic], 0},
                           {"do", "more partitions (galkad topics) or fewer workers", 0});
                rd_kafka_assign(consumer->client, list);
                return;
        }
        consumer->wanted = rd_kafka_topic_partition_list_copy(list);
        consumer->ask_ms = 0;
        kafka_group_ask(consumer);
}

static void revoked(struct kafka_consumer *consumer)
{
        drop_wanted(consumer);
        kafka_commit_give_up(consumer); /* as long as the others have not joined it counts */
        for (uint32_t i = 0; i < consumer->count; i++) {
                kafka_commit_revoked(consumer, (int32_t)i);
                kafka_held_stop(consumer, &consumer->held[i]);
        }
        rd_kafka_assign(consumer->client, NULL);
        consumer->leaving = KAFKA_STAYS;
}

void kafka_group_give_back(struct kafka_consumer *consumer)
{
        if (consumer->leaving == KAFKA_HAS_SAID_SO || (consumer->leaving && consumer->closing))
                revoked(consumer);
}

/* Somebody reads them, who may have more to commit. */
static bool holds(const struct kafka_consumer *consumer)
{
        for (uint32_t i = 0; i < consumer->count; i++)
                if (consumer->held[i].state != KAFKA_NOT_HELD)
                        return true;
        return false;
}

void kafka_group_rebalance(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !consumer->closing)
                assigned(consumer, rd_kafka_event_topic_partition_list(event));
        else if (holds(consumer) && !consumer->closing)
                consumer->leaving = KAFKA_LEAVES;
        else
                revoked(consumer);
}

/* ---- the subscription ---- */

static rd_kafka_resp_err_t subscribe(struct kafka_consumer *consumer)
{
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_resp_err_t error;

        rd_kafka_topic_partition_list_add(topics, consumer->kafka->topics[consumer->topic], RD_KAFKA_PARTITION_UA);
        error = rd_kafka_subscribe(consumer->client, topics);
        rd_kafka_topic_partition_list_destroy(topics);
        consumer->coordinator_ms = kafka_now_ms();
        consumer->coordinator_away = false;
        return error;
}

enum error kafka_consumer_subscribe(struct kafka_consumer *consumer)
{
        check(consumer->kind != KAFKA_ASSIGNED);
        if (consumer->kind == KAFKA_GROUP)
                return ERR_OK;
        if (subscribe(consumer))
                return ERR_FAILED;
        consumer->kind = KAFKA_GROUP;
        return ERR_OK;
}

/* The statistics are a JSON text, whose part of the group begins so. While it is joining, librdkafka does not forget who it is. */
void kafka_group_look(struct kafka_consumer *consumer, const char *statistics)
{
        bool answers = strstr(statistics, "\"cgrp\": { \"state\": \"up\"") != NULL;

        if (answers)
                consumer->coordinator_ms = kafka_now_ms();
        consumer->coordinator_away = !answers && strstr(statistics, "\"join_state\": \"steady\"") != NULL;
}

void kafka_group_step_out(struct kafka_consumer *consumer)
{
        const struct bus_kafka_options *options = &consumer->kafka->options;

        if (consumer->kind != KAFKA_GROUP || consumer->closing || !consumer->coordinator_away ||
            kafka_now_ms() + STEP_OUT_MS < consumer->coordinator_ms + options->session_ms)
                return;
        event_note(consumer->report->events, EVENT_WARNING, "bus.kafka_coordinator_away", NULL,
                   {"group", consumer->kafka->groups[consumer->topic], 0});
        (void)subscribe(consumer); /* refused: it comes back as another, later */
}
