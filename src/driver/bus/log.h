/*
 * The log: topics of partitions of records, groups with members, committed offsets. Pure: one thread, no
 * clock, no randomness, so the same calls give the same run. The embedded driver wraps it in a lock; the
 * simulator uses it as it is.
 *
 * A member is one reader: it may join the group of any topic, and may read partitions of its own accord.
 * Partitions of a group are shared out by range, members in the order they joined; a partition that stays
 * with its member says nothing. From the moment of a rebalance the old holder's commits are refused, though
 * it learns so only at its next poll, as with Kafka.
 *
 * Retention, by topic:
 *   worked off (all but the two below)  kept until committed; at the bound the partition is full and takes no
 * more FRONTENDS                           kept until its readers have read it; at the bound the oldest go
 * and readers get LOST DEAD_LETTERS                        kept until committed; at the bound the oldest go
 *
 * The log owns its members; bus_log_free frees those that are left.
 */
#ifndef GALKA_DRIVER_BUS_LOG_H
#define GALKA_DRIVER_BUS_LOG_H

#include "seam/bus.h"

#define BUS_PARTITIONS_DEFAULT 4
#define BUS_PARTITIONS_MAX     1024               /* of a topic */
#define BUS_PARTITION_BYTES    (16 * 1024 * 1024) /* the bound of one partition */
#define BUS_PARTITION_RECORDS  131072
#define BUS_PINS_MAX           64 /* segments that one poll may hand out of */
#define BUS_LOG_NONE           UINT64_MAX

/* Zero means the default above. */
struct bus_log_options {
        uint32_t partitions[BUS_TOPIC_COUNT];
        size_t partition_bytes_max;
        uint64_t partition_records_max;
};

struct bus_log;
struct bus_member;

/* NO_MEMORY; CONFIG: more than BUS_PARTITIONS_MAX partitions. */
must_use enum error bus_log_new(const struct bus_log_options *options, struct bus_log **log);
void bus_log_free(struct bus_log **log);

/* ---- writing ---- */

uint32_t bus_log_partitions(const struct bus_log *log, enum bus_topic topic);

/* Where a record with that key goes; the number given, if it is one of the topic's; -1 if there is no such
 * partition. */
int32_t bus_log_partition_of(const struct bus_log *log, const struct bus_message *message);

/* True when the partition takes no more until something is committed. It may be overshot by what one flush
 * holds. */
bool bus_log_full(const struct bus_log *log, enum bus_topic topic, int32_t partition);

/* Does not ask whether it is full. NO_MEMORY: nothing was appended. */
must_use enum error bus_log_append(struct bus_log *log, enum bus_topic topic, int32_t partition, struct slice key,
                                   struct slice value);

/* ---- members ---- */

must_use enum error bus_member_new(struct bus_log *log, struct bus_member **member);

/* Leaves its groups: others take over at once. */
void bus_member_free(struct bus_member **member);

/* A crash: nobody reads for it any more, but its groups do not know; bus_log_expel with this id lets them
 * know. */
uint64_t bus_member_abandon(struct bus_member **member);

uint64_t bus_member_id(const struct bus_member *member);

/* What a group does to a member it has not heard of for too long. An abandoned member is gone then; another
 * one learns of it at its next poll and joins again. An unknown id is ignored. */
void bus_log_expel(struct bus_log *log, uint64_t member_id);

/* As in seam/bus.h. NO_MEMORY; NOT_FOUND: no such partition, or seek of one it does not hold. */
must_use enum error bus_member_subscribe(struct bus_member *member, enum bus_topic topic);
must_use enum error bus_member_assign(struct bus_member *member, enum bus_topic topic, int32_t partition);
must_use enum error bus_member_seek(struct bus_member *member, enum bus_topic topic, int32_t partition, uint64_t offset);
void bus_member_pause(struct bus_member *member, bool paused);

/* As in seam/bus.h. NOT_FOUND: it does not read that partition. */
must_use enum error bus_member_lag(const struct bus_member *member, enum bus_topic topic, int32_t partition,
                                   uint64_t *records);

/* FAILED: it does not hold the partition or was not told yet that it does, or the offset lies past the end. A lower offset than the last
 * changes nothing. */
enum outcome bus_member_commit(struct bus_member *member, enum bus_topic topic, int32_t partition, uint64_t next);

/* ASSIGNED, REVOKED, LOST, then RECORD events. Records are valid until the next poll. */
size_t bus_member_poll(struct bus_member *member, struct bus_event *events, size_t max);

/* True when a poll may bring something. */
bool bus_member_has(const struct bus_member *member);

/* ---- for tests and the simulator ---- */

struct bus_log_state {
        uint64_t first, end; /* offsets: the first record kept, one past the last */
        uint64_t committed;  /* BUS_LOG_NONE: never */
        uint64_t read;       /* what the member that holds it reads next */
        uint64_t owner;      /* id of the member that holds it for the group; 0: nobody */
        size_t bytes;
};

struct bus_log_state bus_log_state(const struct bus_log *log, enum bus_topic topic, int32_t partition);

/* As if retention had run out: forgets the records below offset, whoever still needs them. */
void bus_log_lose(struct bus_log *log, enum bus_topic topic, int32_t partition, uint64_t offset);

#endif
