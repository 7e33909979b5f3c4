/*
 * Members and groups of the log; see log.h. A rebalance shares a topic's partitions out by range and tells
 * only those whose partitions moved. What a member has to be told is a few bits at its readers, so nothing
 * can pile up.
 */
#include "base/memory.h"
#include "driver/bus/log_inside.h"

/* ---- news ---- */

static void news_set(struct reader *reader, unsigned news)
{
        struct bus_member *member = reader->member;

        member->news_count -= (size_t)__builtin_popcount(reader->news);
        member->news_count += (size_t)__builtin_popcount(news);
        reader->news = news;
}

void reader_tell(struct reader *reader, enum news news)
{
        news_set(reader, reader->news | news);
}

static void reader_start(struct reader *reader, uint64_t offset)
{
        struct partition *partition = reader->partition;

        check(!list_linked(&reader->in_partition));
        list_append(&partition->readers, &reader->in_partition);
        chain_seek(&partition->chain, &reader->cursor, offset);
        reader_tell(reader, NEWS_ASSIGNED);
        reader->member->fresh = true;
}

/* A reader that was not yet told of its start is not told of its end either. */
static void reader_stop(struct reader *reader)
{
        bool told = !(reader->news & NEWS_ASSIGNED);

        list_remove(&reader->in_partition);
        news_set(reader, (reader->news & NEWS_REVOKED) | (told ? NEWS_REVOKED : 0));
}

/* ---- groups ---- */

static uint32_t group_size(const struct topic *topic)
{
        uint32_t count = 0;

        list_each(&topic->group, subscription, struct subscription, in_group)
                count++;
        return count;
}

static void partition_own(struct partition *partition, struct reader *owner)
{
        uint64_t start = partition->committed;

        if (partition->owner == owner)
                return;
        if (partition->owner)
                reader_stop(partition->owner);
        partition->owner = owner;
        if (!owner)
                return;
        if (start == BUS_LOG_NONE || start < chain_first(&partition->chain))
                start = chain_first(&partition->chain);
        reader_start(owner, start);
}

/* Range: the first members have one more where it does not come out even. */
static void group_rebalance(struct topic *topic)
{
        uint32_t members = group_size(topic), index = 0, next = 0;

        if (members == 0) {
                for (uint32_t i = 0; i < topic->count; i++)
                        partition_own(&topic->partitions[i], NULL);
                return;
        }
        list_each(&topic->group, subscription, struct subscription, in_group) {
                uint32_t share = topic->count / members + (index < topic->count % members);

                for (uint32_t end = next + share; next < end; next++)
                        partition_own(&topic->partitions[next], &subscription->readers[next]);
                index++;
        }
        check(next == topic->count);
}

static void group_join(struct subscription *subscription, struct topic *topic)
{
        list_append(&topic->group, &subscription->in_group);
        group_rebalance(topic);
}

static void group_leave(struct subscription *subscription, struct topic *topic)
{
        if (!list_linked(&subscription->in_group))
                return;
        list_remove(&subscription->in_group);
        group_rebalance(topic);
}

/* ---- members ---- */

enum error bus_member_new(struct bus_log *log, struct bus_member **member_out)
{
        struct bus_member *member = memory_new(sizeof(*member));

        if (!member)
                return ERR_NO_MEMORY;
        member->log = log;
        member->id = ++log->last_member_id;
        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                member->subscriptions[i].member = member;
        list_append(&log->members, &member->in_log);
        *member_out = member;
        return ERR_OK;
}

static void unpin_all(struct bus_member *member)
{
        while (member->pin_count)
                segment_unpin(&member->log->pool, member->pins[--member->pin_count]);
}

void bus_member_free(struct bus_member **member_p)
{
        struct bus_member *member = *member_p;

        if (!member)
                return;
        *member_p = NULL;
        unpin_all(member);
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                struct subscription *subscription = &member->subscriptions[i];
                struct topic *topic = &member->log->topics[i];

                group_leave(subscription, topic);
                for (uint32_t n = 0; subscription->readers && n < topic->count; n++) {
                        list_remove(&subscription->readers[n].in_partition);
                        partition_trim(&topic->partitions[n]);
                }
                memory_free(subscription->readers);
        }
        list_remove(&member->in_log);
        memory_free(member);
}

/* What it read of its own accord nobody takes over, so those readers end here. */
uint64_t bus_member_abandon(struct bus_member **member_p)
{
        struct bus_member *member = *member_p;
        uint64_t id = member->id;

        *member_p = NULL;
        unpin_all(member);
        member->state = MEMBER_ABANDONED;
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                struct subscription *subscription = &member->subscriptions[i];
                struct topic *topic = &member->log->topics[i];

                if (subscription->kind != SUBSCRIPTION_ASSIGNED)
                        continue;
                for (uint32_t n = 0; n < topic->count; n++) {
                        list_remove(&subscription->readers[n].in_partition);
                        partition_trim(&topic->partitions[n]);
                }
        }
        return id;
}

uint64_t bus_member_id(const struct bus_member *member)
{
        return member->id;
}

void bus_log_expel(struct bus_log *log, uint64_t member_id)
{
        list_each(&log->members, member, struct bus_member, in_log) {
                struct bus_member *gone = member;

                if (member->id != member_id)
                        continue;
                if (member->state == MEMBER_ABANDONED) {
                        bus_member_free(&gone);
                        return;
                }
                for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                        group_leave(&member->subscriptions[i], &log->topics[i]);
                member->fresh = true; /* so that it polls, and joins again */
                return;
        }
}

/* ---- where to read ---- */

static enum error subscription_open(struct bus_member *member, enum bus_topic topic)
{
        struct subscription *subscription = &member->subscriptions[topic];
        uint32_t count = bus_log_partitions(member->log, topic);

        if (subscription->readers)
                return ERR_OK;
        subscription->readers = memory_new(sizeof(*subscription->readers) * count);
        if (!subscription->readers)
                return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < count; i++) {
                subscription->readers[i].member = member;
                subscription->readers[i].partition = &member->log->topics[topic].partitions[i];
        }
        return ERR_OK;
}

enum error bus_member_subscribe(struct bus_member *member, enum bus_topic topic)
{
        struct subscription *subscription = &member->subscriptions[topic];
        enum error error = subscription_open(member, topic);

        if (error)
                return error;
        check(subscription->kind != SUBSCRIPTION_ASSIGNED);
        if (subscription->kind == SUBSCRIPTION_GROUP)
                return ERR_OK;
        subscription->kind = SUBSCRIPTION_GROUP;
        group_join(subscription, &member->log->topics[topic]);
        return ERR_OK;
}

enum error bus_member_assign(struct bus_member *member, enum bus_topic topic, int32_t number)
{
        struct partition *partition = bus_log_partition(member->log, topic, number);
        struct subscription *subscription = &member->subscriptions[topic];
        enum error error;

        if (!partition)
                return ERR_NOT_FOUND;
        error = subscription_open(member, topic);
        if (error)
                return error;
        check(subscription->kind != SUBSCRIPTION_GROUP);
        subscription->kind = SUBSCRIPTION_ASSIGNED;
        if (!list_linked(&subscription->readers[number].in_partition))
                reader_start(&subscription->readers[number], partition->chain.end);
        return ERR_OK;
}

/* NULL unless it reads that partition now. */
static struct reader *reader_of(const struct bus_member *member, enum bus_topic topic, int32_t number)
{
        const struct subscription *subscription = &member->subscriptions[topic];

        if (!subscription->readers || !bus_log_partition(member->log, topic, number))
                return NULL;
        return list_linked(&subscription->readers[number].in_partition) ? &subscription->readers[number] : NULL;
}

enum error bus_member_seek(struct bus_member *member, enum bus_topic topic, int32_t number, uint64_t offset)
{
        struct reader *reader = reader_of(member, topic, number);
        uint64_t first, end;

        if (!reader)
                return ERR_NOT_FOUND;
        first = chain_first(&reader->partition->chain);
        end = reader->partition->chain.end;
        if (offset < first || offset > end)
                reader_tell(reader, NEWS_LOST);
        chain_seek(&reader->partition->chain, &reader->cursor, offset < first ? first : min_of(offset, end));
        member->fresh = true;
        partition_trim(reader->partition);
        return ERR_OK;
}

void bus_member_pause(struct bus_member *member, bool paused)
{
        check(member->state != MEMBER_ABANDONED);
        member->state = paused ? MEMBER_PAUSED : MEMBER_READING;
}

enum outcome bus_member_commit(struct bus_member *member, enum bus_topic topic, int32_t number, uint64_t next)
{
        struct reader *reader = reader_of(member, topic, number);
        struct partition *partition;

        if (!reader || reader->partition->owner != reader || next > reader->partition->chain.end)
                return OUTCOME_FAILED;
        if (reader->news & NEWS_ASSIGNED) /* it went and came back, unnoticed: what is committed is of its former stay */
                return OUTCOME_FAILED;
        partition = reader->partition;
        if (partition->committed == BUS_LOG_NONE || partition->committed < next)
                partition->committed = next;
        partition_trim(partition);
        return OUTCOME_OK;
}

enum error bus_member_lag(const struct bus_member *member, enum bus_topic topic, int32_t number, uint64_t *records)
{
        const struct reader *reader = reader_of(member, topic, number);

        if (!reader)
                return ERR_NOT_FOUND;
        /* What was lost is not waited for. */
        *records = reader->partition->chain.end - max_of(reader->cursor.offset, chain_first(&reader->partition->chain));
        return ERR_OK;
}

/* ---- reading ---- */

static struct bus_event event_of(const struct reader *reader, enum bus_event_kind kind)
{
        return (struct bus_event){.kind = kind,
                                  .record = {.topic = reader->partition->topic,
                                             .partition = reader->partition->number,
                                             .offset = reader->cursor.offset}};
}

static size_t reader_poll_news(struct reader *reader, struct bus_event *events, size_t max)
{
        static const struct {
                enum news news;
                enum bus_event_kind kind;
        } order[] = {{NEWS_REVOKED, BUS_EVENT_REVOKED}, {NEWS_ASSIGNED, BUS_EVENT_ASSIGNED}, {NEWS_LOST, BUS_EVENT_LOST}};
        size_t count = 0;

        for (size_t i = 0; i < countof(order) && count < max; i++) {
                if (!(reader->news & order[i].news))
                        continue;
                events[count++] = event_of(reader, order[i].kind);
                news_set(reader, reader->news & ~(unsigned)order[i].news);
        }
        return count;
}

static size_t poll_news(struct bus_member *member, struct bus_event *events, size_t max)
{
        size_t count = 0;

        for (int i = 0; i < BUS_TOPIC_COUNT && member->news_count && count < max; i++) {
                struct subscription *subscription = &member->subscriptions[i];

                for (uint32_t n = 0; subscription->readers && n < member->log->topics[i].count; n++)
                        count += reader_poll_news(&subscription->readers[n], events + count, max - count);
        }
        return count;
}

/* A reader's next record's segment stays while its events are in use. False: no more pins in this poll. */
static bool member_pin(struct bus_member *member, struct segment *segment)
{
        if (member->pin_count && member->pins[member->pin_count - 1] == segment)
                return true;
        check(member->pin_count < BUS_PINS_MAX);
        segment_pin(segment);
        member->pins[member->pin_count++] = segment;
        return member->pin_count < BUS_PINS_MAX;
}

static size_t reader_poll(struct reader *reader, struct bus_event *events, size_t max)
{
        size_t count = 0;

        while (count < max && reader->member->pin_count < BUS_PINS_MAX) {
                struct bus_event event = event_of(reader, BUS_EVENT_RECORD);
                struct segment *segment =
                        chain_read(&reader->partition->chain, &reader->cursor, &event.record.key, &event.record.value);

                if (!segment)
                        break;
                events[count++] = event;
                if (!member_pin(reader->member, segment))
                        break;
        }
        if (count)
                partition_trim(reader->partition);
        return count;
}

static size_t poll_records(struct bus_member *member, struct bus_event *events, size_t max)
{
        size_t count = 0;

        for (int i = 0; i < BUS_TOPIC_COUNT && count < max; i++) {
                struct subscription *subscription = &member->subscriptions[i];
                uint32_t partitions = member->log->topics[i].count;

                for (uint32_t n = 0; subscription->readers && n < partitions && count < max; n++) {
                        struct reader *reader = &subscription->readers[(member->turn + n) % partitions];

                        if (list_linked(&reader->in_partition))
                                count += reader_poll(reader, events + count, max - count);
                }
        }
        member->turn++;
        member->fresh = count == max || member->pin_count == BUS_PINS_MAX;
        return count;
}

/* One that was expelled though it lives joins again, as Kafka's consumers do. */
static void rejoin(struct bus_member *member)
{
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                struct subscription *subscription = &member->subscriptions[i];

                if (subscription->kind == SUBSCRIPTION_GROUP && !list_linked(&subscription->in_group))
                        group_join(subscription, &member->log->topics[i]);
        }
}

size_t bus_member_poll(struct bus_member *member, struct bus_event *events, size_t max)
{
        size_t count;

        check(member->state != MEMBER_ABANDONED);
        unpin_all(member);
        rejoin(member);
        count = poll_news(member, events, max);
        if (member->state == MEMBER_READING && member->fresh && count < max)
                count += poll_records(member, events + count, max - count);
        return count;
}

bool bus_member_has(const struct bus_member *member)
{
        return member->news_count > 0 || (member->fresh && member->state == MEMBER_READING);
}
