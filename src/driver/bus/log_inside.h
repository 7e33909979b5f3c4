/* What log.c (topics, writing, retention) and member.c (groups, reading) share. Nobody else includes it. */
#ifndef GALKA_DRIVER_BUS_LOG_INSIDE_H
#define GALKA_DRIVER_BUS_LOG_INSIDE_H

#include "base/list.h"
#include "driver/bus/chain.h"
#include "driver/bus/log.h"

enum retention {
        RETENTION_WORK,    /* until committed; full at the bound */
        RETENTION_PASSING, /* until read; the oldest go at the bound */
        RETENTION_KEEP     /* until committed; the oldest go at the bound */
};

/* Events that a reader has not been told yet, in the order they are told. */
enum news { NEWS_REVOKED = 1, NEWS_ASSIGNED = 2, NEWS_LOST = 4 };

/* A member's place in one partition. It reads while it is linked in the partition's list. */
struct reader {
        struct list_node in_partition;
        struct bus_member *member;
        struct partition *partition;
        struct cursor cursor;
        unsigned news; /* set of enum news */
};

struct partition {
        struct bus_log *log;
        enum bus_topic topic;
        int32_t number;
        struct chain chain;
        uint64_t committed;   /* BUS_LOG_NONE: never */
        struct reader *owner; /* the group's reader, NULL if the group is empty */
        struct list readers;  /* owner included */
};

/* A member's readers of one topic, one a partition; linked in the group if it subscribed. */
struct subscription {
        struct list_node in_group;
        struct bus_member *member;
        struct reader *readers;
        enum { SUBSCRIPTION_NONE, SUBSCRIPTION_ASSIGNED, SUBSCRIPTION_GROUP } kind;
};

struct bus_member {
        struct list_node in_log;
        struct bus_log *log;
        uint64_t id;
        struct subscription subscriptions[BUS_TOPIC_COUNT];
        size_t news_count; /* of its readers' news bits */
        uint32_t turn;     /* which partition a poll begins with */
        enum { MEMBER_READING, MEMBER_PAUSED, MEMBER_ABANDONED } state;
        bool fresh; /* a record may lie before one of its readers */
        struct segment *pins[BUS_PINS_MAX];
        size_t pin_count;
};

struct topic {
        struct partition *partitions;
        uint32_t count;
        enum retention retention;
        struct list group; /* of subscriptions, in the order they joined */
};

struct bus_log {
        struct topic topics[BUS_TOPIC_COUNT];
        struct list members;
        struct segment_pool pool;
        size_t partition_bytes_max;
        uint64_t partition_records_max;
        uint64_t last_member_id;
};

struct partition *bus_log_partition(const struct bus_log *log, enum bus_topic topic, int32_t number);

/* Forgets what nobody needs any more by the topic's retention. */
void partition_trim(struct partition *partition);

/* Forgets all below offset; readers that were not there yet go on at it and are told. */
void partition_lose(struct partition *partition, uint64_t offset);

void reader_tell(struct reader *reader, enum news news);

#endif
