/* Topics, writing and retention of the log; see log.h. Members and groups are in member.c. */
#include "driver/bus/log.h"

#include "base/map.h"
#include "base/memory.h"
#include "driver/bus/log_inside.h"

static enum retention retention_of(enum bus_topic topic)
{
        switch (topic) {
        case BUS_FRONTENDS:
                return RETENTION_PASSING;
        case BUS_DEAD_LETTERS:
                return RETENTION_KEEP;
        default:
                return RETENTION_WORK;
        }
}

static enum error topic_init(struct bus_log *log, enum bus_topic number, uint32_t count)
{
        struct topic *topic = &log->topics[number];

        list_init(&topic->group);
        topic->retention = retention_of(number);
        if (count > BUS_PARTITIONS_MAX)
                return ERR_CONFIG;
        topic->partitions = memory_new(sizeof(*topic->partitions) * count);
        if (!topic->partitions)
                return ERR_NO_MEMORY;
        topic->count = count;
        for (uint32_t i = 0; i < count; i++) {
                struct partition *partition = &topic->partitions[i];

                partition->log = log;
                partition->topic = number;
                partition->number = (int32_t)i;
                partition->committed = BUS_LOG_NONE;
                list_init(&partition->readers);
                chain_init(&partition->chain, &log->pool);
        }
        return ERR_OK;
}

enum error bus_log_new(const struct bus_log_options *options, struct bus_log **log_out)
{
        struct bus_log *log = memory_new(sizeof(*log));
        enum error error = ERR_OK;

        if (!log)
                return ERR_NO_MEMORY;
        list_init(&log->members);
        log->partition_bytes_max = options->partition_bytes_max ? options->partition_bytes_max : BUS_PARTITION_BYTES;
        log->partition_records_max = options->partition_records_max ? options->partition_records_max : BUS_PARTITION_RECORDS;
        for (int i = 0; i < BUS_TOPIC_COUNT && !error; i++)
                error = topic_init(log, i, options->partitions[i] ? options->partitions[i] : BUS_PARTITIONS_DEFAULT);
        if (error) {
                bus_log_free(&log);
                return error;
        }
        *log_out = log;
        return ERR_OK;
}

void bus_log_free(struct bus_log **log_p)
{
        struct bus_log *log = *log_p;

        if (!log)
                return;
        *log_p = NULL;
        list_each(&log->members, member, struct bus_member, in_log) {
                struct bus_member *gone = member;

                bus_member_free(&gone);
        }
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                for (uint32_t n = 0; n < log->topics[i].count; n++)
                        chain_finish(&log->topics[i].partitions[n].chain);
                memory_free(log->topics[i].partitions);
        }
        segment_pool_finish(&log->pool);
        memory_free(log);
}

/* ---- writing ---- */

uint32_t bus_log_partitions(const struct bus_log *log, enum bus_topic topic)
{
        check((unsigned)topic < BUS_TOPIC_COUNT);
        return log->topics[topic].count;
}

struct partition *bus_log_partition(const struct bus_log *log, enum bus_topic topic, int32_t number)
{
        if (number < 0 || (uint32_t)number >= bus_log_partitions(log, topic))
                return NULL;
        return &log->topics[topic].partitions[number];
}

int32_t bus_log_partition_of(const struct bus_log *log, const struct bus_message *message)
{
        static const bool keyed[] = {
#define X(name, text, keyed) keyed,
                BUS_TOPICS(X)
#undef X
        };
        uint32_t count = bus_log_partitions(log, message->topic);

        if (message->partition == BUS_PARTITION_BYKEY && keyed[message->topic])
                return (int32_t)(hash_bytes(message->key) % count);
        return bus_log_partition(log, message->topic, message->partition) ? message->partition : -1;
}

static bool over_bound(const struct partition *partition)
{
        const struct bus_log *log = partition->log;

        return partition->chain.bytes >= log->partition_bytes_max ||
               chain_count(&partition->chain) >= log->partition_records_max;
}

bool bus_log_full(const struct bus_log *log, enum bus_topic topic, int32_t number)
{
        const struct partition *partition = bus_log_partition(log, topic, number);

        check(partition);
        return log->topics[topic].retention == RETENTION_WORK && over_bound(partition);
}

enum error bus_log_append(struct bus_log *log, enum bus_topic topic, int32_t number, struct slice key, struct slice value)
{
        struct partition *partition = bus_log_partition(log, topic, number);
        enum retention retention = log->topics[topic].retention;
        enum error error;

        check(partition);
        if (retention != RETENTION_WORK && over_bound(partition))
                partition_lose(partition, chain_first(&partition->chain) + 1 + chain_count(&partition->chain) / 8);
        error = chain_append(&partition->chain, key, value);
        if (error)
                return error;
        list_each(&partition->readers, reader, struct reader, in_partition)
                reader->member->fresh = true;
        if (retention == RETENTION_PASSING && list_empty(&partition->readers))
                partition_trim(partition);
        return ERR_OK;
}

/* ---- retention ---- */

void partition_trim(struct partition *partition)
{
        uint64_t needed = partition->chain.end;

        if (partition->log->topics[partition->topic].retention != RETENTION_PASSING) {
                if (partition->committed == BUS_LOG_NONE)
                        return;
                needed = partition->committed;
        }
        /* The group's owner may have been sent back below what is committed by a seek; it is not made to lose
         * that. */
        list_each(&partition->readers, reader, struct reader, in_partition)
                needed = min_of(needed, reader->cursor.offset);
        if (needed > chain_first(&partition->chain))
                chain_trim(&partition->chain, needed);
}

void partition_lose(struct partition *partition, uint64_t offset)
{
        offset = min_of(offset, partition->chain.end);
        if (offset <= chain_first(&partition->chain))
                return;
        chain_trim(&partition->chain, offset);
        if (partition->committed != BUS_LOG_NONE && partition->committed < offset)
                partition->committed = offset;
        list_each(&partition->readers, reader, struct reader, in_partition) {
                if (reader->cursor.offset >= offset)
                        continue;
                chain_seek(&partition->chain, &reader->cursor, offset);
                reader_tell(reader, NEWS_LOST);
        }
}

/* ---- for tests and the simulator ---- */

struct bus_log_state bus_log_state(const struct bus_log *log, enum bus_topic topic, int32_t number)
{
        const struct partition *partition = bus_log_partition(log, topic, number);

        check(partition);
        return (struct bus_log_state){.first = chain_first(&partition->chain),
                                      .end = partition->chain.end,
                                      .committed = partition->committed,
                                      .read = partition->owner ? partition->owner->cursor.offset : 0,
                                      .owner = partition->owner ? partition->owner->member->id : 0,
                                      .bytes = partition->chain.bytes};
}

void bus_log_lose(struct bus_log *log, enum bus_topic topic, int32_t number, uint64_t offset)
{
        struct partition *partition = bus_log_partition(log, topic, number);

        check(partition);
        partition_lose(partition, offset);
}
