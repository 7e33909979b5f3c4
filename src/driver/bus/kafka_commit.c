/*
 * Commits; see kafka_inside.h. While a request is under way others wait, and go together with the next one, each partition with its
 * highest offset. A note of a record (kafka_notes.h) is a commit of the record's own offset with a few words in its metadata; any
 * ordinary commit takes them away.
 *
 *      outcome of a commit   OK: answered. FAILED: refused, or the partition is not held. UNCERTAIN: all else
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "driver/bus/kafka_inside.h"

#define NOTE_WORD "singly"
#define NOTE_SIZE 64

/* ---- notes ---- */

/* Anything else there is nobody's note. */
void kafka_note_read(struct kafka_held *held, const void *metadata, size_t size)
{
        char text[NOTE_SIZE];
        long long offset;
        unsigned count;
        int end = 0;

        if (size == 0 || size >= sizeof(text))
                return;
        memcpy(text, metadata, size);
        text[size] = '\0';
        if (sscanf(text, NOTE_WORD " %lld %u%n", &offset, &count, &end) != 2 || (size_t)end != size || offset < 0 || !count)
                return;
        held->noted = true;
        held->found = offset;
        held->found_count = count;
}

/* ---- answers ---- */

static void answer(struct kafka_consumer *consumer, struct kafka_commit *commit, enum outcome outcome)
{
        struct kafka_held *held = &consumer->held[commit->partition];

        commit->done = true;
        commit->outcome = outcome;
        if (outcome == OUTCOME_OK && held->state != KAFKA_NOT_HELD && !commit->outdated) {
                held->committed = max_of(held->committed, commit->next);
                held->noted = commit->note_count > 0;
                if (commit->next > held->found)
                        held->found = KAFKA_UNKNOWN;
        }
}

bool kafka_commit_has(const struct kafka_consumer *consumer)
{
        for (size_t i = 0; i < consumer->commit_count; i++)
                if (consumer->commits[i].done)
                        return true;
        return false;
}

/* Notes are answered to kafka_notes.c, at most one at a time; what takes them back to nobody. */
size_t kafka_commit_poll(struct kafka_consumer *consumer, struct bus_event *events, size_t max)
{
        size_t count = 0, kept = 0;

        for (size_t i = 0; i < consumer->commit_count; i++) {
                const struct kafka_commit commit = consumer->commits[i];

                if (!commit.done || (!commit.note_count && !commit.takes_back && count == max)) {
                        consumer->commits[kept++] = commit;
                } else if (commit.takes_back) {
                        continue;
                } else if (commit.note_count) {
                        consumer->note_done = true;
                        consumer->note = (struct completion){.tag = commit.tag, .outcome = commit.outcome};
                } else {
                        events[count++] = (struct bus_event){.kind = BUS_EVENT_COMMITTED,
                                                             .completion = {.tag = commit.tag, .outcome = commit.outcome},
                                                             .record = {.topic = consumer->topic,
                                                                        .partition = commit.partition,
                                                                        .offset = (uint64_t)commit.next}};
                }
        }
        consumer->commit_count = kept;
        return count;
}

static enum outcome outcome_of(rd_kafka_resp_err_t error)
{
        switch (error) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
                return OUTCOME_OK;
        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        case RD_KAFKA_RESP_ERR_NOT_COORDINATOR_FOR_GROUP:
        case RD_KAFKA_RESP_ERR_GROUP_COORDINATOR_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_GROUP_LOAD_IN_PROGRESS:
        case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
                return OUTCOME_FAILED; /* the broker says so */
        default:
                return OUTCOME_UNCERTAIN;
        }
}

void kafka_commit_answered(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
        const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
        uint64_t request = (uint64_t)(uintptr_t)rd_kafka_event_opaque(event);
        rd_kafka_resp_err_t all = rd_kafka_event_error(event);

        check(consumer->requests_out > 0);
        consumer->requests_out--;
        for (size_t i = 0; i < consumer->commit_count; i++) {
                struct kafka_commit *commit = &consumer->commits[i];
                rd_kafka_resp_err_t error = all;

                if (commit->request != request || commit->done)
                        continue;
                for (int n = 0; list && !all && n < list->cnt; n++)
                        if (list->elems[n].partition == commit->partition)
                                error = list->elems[n].err;
                answer(consumer, commit, outcome_of(error));
        }
}

/* ---- requests ---- */

static void put(rd_kafka_topic_partition_list_t *list, const char *topic, const struct kafka_commit *commit)
{
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_find(list, topic, commit->partition);
        char text[NOTE_SIZE];

        if (!place) {
                place = rd_kafka_topic_partition_list_add(list, topic, commit->partition);
        } else if (place->offset > commit->next || (place->offset == commit->next && !commit->note_count)) {
                return;
        }
        place->offset = commit->next;
        free(place->metadata);
        place->metadata = NULL;
        place->metadata_size = 0;
        if (!commit->note_count)
                return;
        place->metadata_size =
                (size_t)snprintf(text, sizeof(text), NOTE_WORD " %lld %u", (long long)commit->next, commit->note_count);
        place->metadata = strdup(text); /* the list frees it */
        if (!place->metadata)
                place->metadata_size = 0;
}

void kafka_commit_send(struct kafka_consumer *consumer, bool all)
{
        rd_kafka_topic_partition_list_t *list;
        rd_kafka_resp_err_t error;

        if (consumer->requests_out && !all)
                return;
        list = NULL;
        for (size_t i = 0; i < consumer->commit_count; i++) {
                struct kafka_commit *commit = &consumer->commits[i];

                if (commit->request || commit->done)
                        continue;
                if (!list) {
                        list = rd_kafka_topic_partition_list_new((int)consumer->count);
                        consumer->requests++;
                }
                commit->request = consumer->requests;
                put(list, consumer->kafka->topics[consumer->topic], commit);
        }
        if (!list)
                return;
        error = rd_kafka_commit_queue(consumer->client, list, consumer->control, NULL,
                                      (void *)(uintptr_t)consumer->requests);
        rd_kafka_topic_partition_list_destroy(list);
        if (!error) {
                consumer->requests_out++;
                return;
        }
        for (size_t i = 0; i < consumer->commit_count; i++)
                if (consumer->commits[i].request == consumer->requests && !consumer->commits[i].done)
                        answer(consumer, &consumer->commits[i], OUTCOME_FAILED);
}

/*
 * Who gives a partition up has not crashed, and what was in his hand is not to blame: the note is put back to what it said when the
 * partition came. A note that waits does not go out at all; one that is on its way is overtaken by nothing. Where a higher offset is
 * being committed the record is done with.
 */
static void take_note_back(struct kafka_consumer *consumer, int32_t partition)
{
        const struct kafka_held *held = &consumer->held[partition];
        int64_t at = held->noted ? held->committed : KAFKA_UNKNOWN, done = KAFKA_UNKNOWN;

        for (size_t i = 0; i < consumer->commit_count; i++) {
                struct kafka_commit *commit = &consumer->commits[i];

                if (commit->partition != partition || commit->done)
                        continue;
                if (commit->note_count && !commit->request)
                        answer(consumer, commit, OUTCOME_FAILED);
                else if (commit->note_count)
                        at = max_of(at, commit->next);
                else
                        done = max_of(done, commit->next);
        }
        if (at == KAFKA_UNKNOWN || done > at || consumer->commit_count == KAFKA_COMMITS_MAX)
                return;
        consumer->commits[consumer->commit_count++] =
                (struct kafka_commit){.partition = partition,
                                      .next = at,
                                      .note_count = held->found == at ? held->found_count : 0,
                                      .takes_back = true};
}

void kafka_commit_give_up(struct kafka_consumer *consumer)
{
        for (uint32_t i = 0; i < consumer->count; i++)
                if (consumer->held[i].state != KAFKA_NOT_HELD)
                        take_note_back(consumer, (int32_t)i);
        kafka_commit_send(consumer, true);
}

/* What did not go out before the partition went away never will. */
void kafka_commit_revoked(struct kafka_consumer *consumer, int32_t partition)
{
        for (size_t i = 0; i < consumer->commit_count; i++) {
                struct kafka_commit *commit = &consumer->commits[i];

                if (commit->partition == partition && !commit->request && !commit->done)
                        answer(consumer, commit, OUTCOME_FAILED);
        }
}

void kafka_commit_lost(struct kafka_consumer *consumer, int32_t partition, int64_t next)
{
        struct kafka_held *held = &consumer->held[partition];

        kafka_commit_revoked(consumer, partition);
        for (size_t i = 0; i < consumer->commit_count; i++)
                consumer->commits[i].outdated |= consumer->commits[i].partition == partition;
        held->committed = held->found = KAFKA_UNKNOWN;
        held->noted = false;
        if (consumer->kind == KAFKA_GROUP && consumer->commit_count < KAFKA_COMMITS_MAX)
                consumer->commits[consumer->commit_count++] =
                        (struct kafka_commit){.partition = partition, .next = next, .takes_back = true};
}

enum error kafka_commit(struct kafka_consumer *consumer, int32_t partition, int64_t next, unsigned note_count, uint64_t tag)
{
        const struct kafka_held *held;
        struct kafka_commit *commit;

        if (partition < 0 || (uint32_t)partition >= consumer->count)
                return ERR_NOT_FOUND;
        if (consumer->commit_count == KAFKA_COMMITS_MAX)
                return ERR_FULL;
        held = &consumer->held[partition];
        commit = &consumer->commits[consumer->commit_count++];
        *commit = (struct kafka_commit){.tag = tag, .partition = partition, .next = next, .note_count = note_count};
        if (consumer->kind != KAFKA_GROUP || held->state == KAFKA_NOT_HELD)
                answer(consumer, commit, OUTCOME_FAILED);
        else if (next < held->committed || (next == held->committed && !note_count && !held->noted))
                commit->done = true; /* a lower one than the last changes nothing */
        else if (note_count)
                kafka_commit_send(consumer, false);
        return ERR_OK; /* else it goes at the next poll, with those of other partitions that come until then */
}
