/*
 * A member of a group; see kafka_inside.h. An assignment is not taken at once: first the group is asked, without waiting, what is
 * committed of these partitions, since that tells where reading starts and holds the notes of records taken singly (kafka_notes.c).
 *
 *      REBALANCE: assigned → asked → answered: assign to librdkafka → ASSIGNED …
 *      REBALANCE: revoked  → what was committed goes out → unassign → REVOKED
 */
#include <stdlib.h>

#include "base/assert.h"
#include "driver/bus/kafka_inside.h"

#define ASK_MS 3000

static void drop_wanted(struct kafka_consumer *consumer)
{
        if (consumer->wanted)
                rd_kafka_topic_partition_list_destroy(consumer->wanted);
        consumer->wanted = NULL;
        consumer->ask_ms = 0;
        consumer->asked++; /* an answer that is still under way is to another question */
}

/* ---- asking for what is committed ---- */

void kafka_group_ask(struct kafka_consumer *consumer)
{
        rd_kafka_ListConsumerGroupOffsets_t *question;
        rd_kafka_AdminOptions_t *options;
        char why[128];

        if (!consumer->wanted || !consumer->ask_ms || kafka_now_ms() < consumer->ask_ms)
                return;
        consumer->ask_ms = 0;
        consumer->asked++;
        question = rd_kafka_ListConsumerGroupOffsets_new(consumer->kafka->groups[consumer->topic], consumer->wanted);
        options = rd_kafka_AdminOptions_new(consumer->client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
        rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, why, sizeof(why));
        rd_kafka_AdminOptions_set_opaque(options, (void *)(uintptr_t)consumer->asked);
        rd_kafka_ListConsumerGroupOffsets(consumer->client, &question, 1, options, consumer->control);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ListConsumerGroupOffsets_destroy(question);
}

/* The answer's partitions, or NULL if any of it is an error. */
static const rd_kafka_topic_partition_list_t *answer_of(rd_kafka_event_t *event, rd_kafka_resp_err_t *error)
{
        const rd_kafka_ListConsumerGroupOffsets_result_t *result = rd_kafka_event_ListConsumerGroupOffsets_result(event);
        const rd_kafka_topic_partition_list_t *list;
        const rd_kafka_group_result_t **groups;
        size_t count = 0;

        *error = rd_kafka_event_error(event);
        groups = *error ? NULL : rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
        if (!groups || count != 1)
                return NULL;
        *error = rd_kafka_error_code(rd_kafka_group_result_error(groups[0]));
        list = *error ? NULL : rd_kafka_group_result_partitions(groups[0]);
        for (int i = 0; list && i < list->cnt; i++) {
                *error = list->elems[i].err;
                if (*error)
                        return NULL;
        }
        return list;
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

void kafka_group_offsets(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        const rd_kafka_topic_partition_list_t *list;
        rd_kafka_resp_err_t error;

        if ((uint64_t)(uintptr_t)rd_kafka_event_opaque(event) != consumer->asked || !consumer->wanted)
                return;
        list = answer_of(event, &error);
        if (!list) {
                event_note(consumer->report->events, EVENT_WARNING, "bus.kafka_offsets_unknown", NULL,
                           {"group", consumer->kafka->groups[consumer->topic], 0}, {"error", rd_kafka_err2name(error), 0});
                consumer->ask_ms = kafka_now_ms() + KAFKA_RETRY_MS;
                return;
        }
        for (int i = 0; i < list->cnt; i++)
                if (!is_new(consumer, list->elems[i].partition))
                        hold(consumer, &list->elems[i]);
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
        consumer->ask_ms = kafka_now_ms();
        kafka_group_ask(consumer);
}

static void revoked(struct kafka_consumer *consumer)
{
        drop_wanted(consumer);
        kafka_commit_send(consumer, true); /* as long as the others have not joined it counts */
        for (uint32_t i = 0; i < consumer->count; i++) {
                kafka_commit_revoked(consumer, (int32_t)i);
                kafka_held_stop(consumer, &consumer->held[i]);
        }
        rd_kafka_assign(consumer->client, NULL);
}

void kafka_group_rebalance(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !consumer->closing)
                assigned(consumer, rd_kafka_event_topic_partition_list(event));
        else
                revoked(consumer);
}

enum error kafka_consumer_subscribe(struct kafka_consumer *consumer)
{
        rd_kafka_topic_partition_list_t *topics;
        rd_kafka_resp_err_t error;

        check(consumer->kind != KAFKA_ASSIGNED);
        if (consumer->kind == KAFKA_GROUP)
                return ERR_OK;
        topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, consumer->kafka->topics[consumer->topic], RD_KAFKA_PARTITION_UA);
        error = rd_kafka_subscribe(consumer->client, topics);
        rd_kafka_topic_partition_list_destroy(topics);
        if (error)
                return ERR_FAILED;
        consumer->kind = KAFKA_GROUP;
        return ERR_OK;
}
