/*
 * The bus: topics of partitions of records, as in Kafka. It may repeat records and it may lose the unacknowledged; truth
 * lives in the store. One struct bus is one thread's producer and consumer.
 *
 *   publish   buffered: the record is on its way after flush (or earlier). Order is kept within a partition.
 *   consume   either `subscribe` as a member of a group (partitions are assigned and revoked by rebalance), or `assign` one
 *             partition from a queried end (topic FRONTENDS: partition = index of the frontend).
 *   commit    the offset to go on from after a restart or a rebalance: one past the last record done, never past a hole.
 */
#ifndef GALKA_SEAM_BUS_H
#define GALKA_SEAM_BUS_H

#include "base/error.h"
#include "base/slice.h"
#include "seam/outcome.h"

/* Topic, its name, keyed spreading (1) or explicit partitions (0). */
#define BUS_TOPICS(X)                                                                                                       \
        X(AUTHENTICATION, "authentication", 1)                                                                              \
        X(SESSION, "session", 1)                                                                                            \
        X(QUERY, "query", 1)                                                                                                \
        X(CALL, "call", 1)                                                                                                  \
        X(NOTIFY, "notify", 1)                                                                                              \
        X(FRONTENDS, "frontends", 0)                                                                                        \
        X(DEAD_LETTERS, "dead-letters", 1)

enum bus_topic {
#define X(name, text, keyed) BUS_##name,
        BUS_TOPICS(X)
#undef X
                BUS_TOPIC_COUNT
};

#define BUS_KEY_SIZE_MAX    64
#define BUS_VALUE_SIZE_MAX  (272 * 1024 + 131072) /* a frame down, its connections, an envelope */
#define BUS_PARTITION_BYKEY (-1)

struct bus_message {
        enum bus_topic topic;
        int32_t partition; /* BUS_PARTITION_BYKEY for keyed topics; explicit for FRONTENDS */
        struct slice key;
        struct slice value;
};

struct bus_record {
        enum bus_topic topic;
        int32_t partition;
        uint64_t offset;
        struct slice key, value; /* valid until the next poll */
};

enum bus_event_kind {
        BUS_EVENT_RECORD,
        BUS_EVENT_FLUSHED,   /* tag, outcome: of all published before that flush (and after the flush before it) */
        BUS_EVENT_COMMITTED, /* tag, outcome */
        BUS_EVENT_ASSIGNED,  /* topic, partition; offset: where reading starts */
        BUS_EVENT_LEAVING, /* topic: its partitions are revoked with the next poll, and what is committed until then still counts */
        BUS_EVENT_REVOKED, /* topic, partition: its batches must be abandoned; commits for it are ignored from now on */
        /* topic, partition; offset: where reading goes on. Records may have been skipped (L5). It may be lower than before: a log that
         * lost its end gives new records the numbers of old ones, and what was committed of it says nothing any more. */
        BUS_EVENT_LOST
};

struct bus_event {
        enum bus_event_kind kind;
        struct completion completion; /* FLUSHED, COMMITTED */
        struct bus_record record;     /* RECORD; ASSIGNED, REVOKED, LOST: topic, partition, offset; LEAVING: topic */
};

struct bus;

struct bus_ops {
        /* Leaves groups cleanly. NULLs the pointer. */
        void (*free)(struct bus **bus);

        /* Readable when poll has something; -1 in the simulator. */
        int (*fd)(struct bus *bus);

        /* How many partitions a topic has. */
        uint32_t (*partitions)(struct bus *bus, enum bus_topic topic);

        /* Copies the message into the buffer. FULL: the buffer is at its limit: flush and poll first. TOO_LARGE. */
        enum error (*publish)(struct bus *bus, const struct bus_message *message);

        /* Sends what was published; one FLUSHED event will carry tag. Never waits. With tag 0 no event comes. */
        enum error (*flush)(struct bus *bus, uint64_t tag);

        /* Joins the group named after the topic. Reading of a partition starts at its committed offset, else its beginning. */
        enum error (*subscribe)(struct bus *bus, enum bus_topic topic);

        /* Reads one partition from its present end, without a group. An ASSIGNED event tells the offset. */
        enum error (*assign)(struct bus *bus, enum bus_topic topic, int32_t partition);

        /* Up to max events; 0 when there is nothing. Records of one partition come in order. */
        size_t (*poll)(struct bus *bus, struct bus_event *events, size_t max);

        /* Next offset to read after a restart. One COMMITTED event will carry tag. */
        enum error (*commit)(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t tag);

        /* No records of any subscribed topic until resumed; other events go on. */
        void (*pause)(struct bus *bus, bool paused);

        /* Reads again from offset (an abandoned batch of a partition still held). */
        enum error (*seek)(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t offset);

        /* How many records of a partition that this handle reads it has not handed out yet, as far as is known without asking: an
         * answer may be some seconds old. For those who watch. AGAIN: not known; NOT_FOUND: it does not read that partition;
         * CLOSED: the bus does not answer now (whatever the partition). */
        enum error (*lag)(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t *records);
};

/* Drivers embed this first. */
struct bus {
        const struct bus_ops *ops;
};

static inline const char *bus_topic_name(enum bus_topic topic)
{
        static const char *const names[] = {
#define X(name, text, keyed) text,
                BUS_TOPICS(X)
#undef X
        };

        return names[topic];
}

#endif
