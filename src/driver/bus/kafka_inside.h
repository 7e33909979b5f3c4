/* What the files of the Kafka driver share; see kafka.h. Nobody else includes it. */
#ifndef GALKA_DRIVER_BUS_KAFKA_INSIDE_H
#define GALKA_DRIVER_BUS_KAFKA_INSIDE_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/pace.h"
#include "driver/bus/kafka.h"

#define KAFKA_NAME_SIZE        256
#define KAFKA_FLUSHES_MAX      256    /* tagged flushes of one handle that were not polled; beyond: FULL */
#define KAFKA_COMMITS_MAX      256    /* the same of commits, of one consumer */
#define KAFKA_RECORDS_MAX      256    /* that one poll hands out */
#define KAFKA_BUFFER_RECORDS   200000 /* published and not acknowledged, of one handle */
#define KAFKA_RECORD_BYTES_MAX 1048576
#define KAFKA_PACE_MS          6    /* between requests with records, at most (base/pace.h) */
#define KAFKA_SWEEP_MS         100  /* the descriptor is readable at least so often: wake-ups are not all there is */
#define KAFKA_GOODBYE_MS       3000 /* what freeing a handle may wait for acknowledgements, and for leaving a group */
#define KAFKA_RETRY_MS         200
#define KAFKA_BACK_MAX         500  /* records that are read again of a log that lost its end */
#define KAFKA_UNKNOWN          (-1) /* an offset */

_Static_assert(BUS_VALUE_SIZE_MAX + BUS_KEY_SIZE_MAX + 1024 <= KAFKA_RECORD_BYTES_MAX, "Kafka's own limit holds ours");

struct bus_kafka {
        struct bus_kafka_options options; /* with defaults; its texts are the caller's */
        uint32_t partitions[BUS_TOPIC_COUNT];
        char topics[BUS_TOPIC_COUNT][KAFKA_NAME_SIZE], groups[BUS_TOPIC_COUNT][KAFKA_NAME_SIZE];
        atomic_uint handles;
};

/* ---- options and errors (kafka_options.c, kafka_report.c) ---- */

enum kafka_client { KAFKA_PRODUCER, KAFKA_CONSUMER, KAFKA_PROBE };

/* Checks and completes the options, and makes the names. CONFIG. */
must_use enum error kafka_options_take(struct bus_kafka *kafka, const struct bus_kafka_options *options, char *text);

/* A client of librdkafka. topic: of whose group a consumer is. CONFIG, NO_MEMORY, SYSTEM. */
must_use enum error kafka_client_new(const struct bus_kafka *kafka, enum kafka_client kind, enum bus_topic topic,
                                     rd_kafka_t **client, char *text);

/* Asks the cluster for one client's topics, so that nothing has to wait for it later. Waits at most wait_ms. */
rd_kafka_resp_err_t kafka_metadata(rd_kafka_t *client, unsigned wait_ms);

/* Hands on what librdkafka logs, and its errors, at most one a second of these. */
struct kafka_report {
        struct event_sink *events;
        uint64_t next_ms;
        uint64_t left_out;
};

void kafka_report(struct kafka_report *report, rd_kafka_event_t *event);

uint64_t kafka_now_ms(void);

/* ---- the cluster at the start (kafka_start.c) ---- */

/* A client that only asks. */
struct kafka_probe {
        rd_kafka_t *client;
        rd_kafka_topic_t *topics[BUS_TOPIC_COUNT];
};

must_use enum error kafka_probe_init(struct kafka_probe *probe, const struct bus_kafka *kafka, char *text);
void kafka_probe_finish(struct kafka_probe *probe);

/* Waits until the cluster tells about our topics, or has no good reason not to. CONFIG, FAILED. */
must_use enum error kafka_probe_ask(struct bus_kafka *kafka, struct kafka_probe *probe,
                                    const struct rd_kafka_metadata **metadata, char *text);

/* NULL: there is no such topic. */
const struct rd_kafka_metadata_topic *kafka_probe_topic(const struct bus_kafka *kafka, enum bus_topic topic,
                                                        const struct rd_kafka_metadata *metadata);

must_use enum error kafka_start_check(struct bus_kafka *kafka, char *text);
must_use enum error kafka_start_place(struct bus_kafka *kafka, rd_kafka_t *client, enum bus_topic topic, char *text);

/* ---- producer (kafka_producer.c) ---- */

/* The records published between two flushes. */
struct kafka_flush {
        uint64_t number;
        uint64_t tag;
        uint64_t left, ok, failed, uncertain;
};

/*
 * Records on their way to librdkafka, by partition (kafka_lanes.c). One request of a partition is under way at a time; what comes
 * meanwhile is held, and given to librdkafka when that one is reported, in time with others.
 */
struct kafka_lanes {
        struct kafka_lane *of[BUS_TOPIC_COUNT];
        uint32_t counts[BUS_TOPIC_COUNT];
        struct list waiting; /* lanes that hold something */
        size_t out;          /* records given to librdkafka, and not reported */
        uint64_t due_ms;     /* nothing goes sooner, but what is for frontends */
        struct pace pace;
};

/* Flushes are a ring: answered from `first`, and the one at `first + count` takes what is published now. */
struct kafka_producer {
        struct bus_kafka *kafka;
        rd_kafka_t *client;
        rd_kafka_queue_t *queue;
        rd_kafka_topic_t *topics[BUS_TOPIC_COUNT];
        struct kafka_report *report;
        struct kafka_flush flushes[KAFKA_FLUSHES_MAX];
        size_t first, count;
        uint64_t last_number;
        struct kafka_lanes lanes;
        uint64_t out; /* records that were not reported, held ones too */
        size_t bytes; /* their keys and values */
        bool fatal;   /* librdkafka gave this client up: the next call makes another */
        int wake;
};

/* wake: an eventfd that becomes readable when there is something to serve. */
must_use enum error kafka_producer_init(struct kafka_producer *producer, struct bus_kafka *kafka, int wake,
                                        struct kafka_report *report, char *text);

/* Waits at most wait_ms for what was published. Half-built ones are fine. */
void kafka_producer_finish(struct kafka_producer *producer, unsigned wait_ms);

must_use enum error kafka_publish(struct kafka_producer *producer, const struct bus_message *message);
must_use enum error kafka_flush(struct kafka_producer *producer, uint64_t tag);

/* Takes reports in. */
void kafka_producer_serve(struct kafka_producer *producer);
size_t kafka_producer_poll(struct kafka_producer *producer, struct bus_event *events, size_t max);
bool kafka_producer_has(const struct kafka_producer *producer);

/* A record that librdkafka did not take. */
void kafka_producer_refused(struct kafka_producer *producer, const rd_kafka_message_t *message);

/* kafka_lanes.c. NO_MEMORY. Half-built ones may be finished. */
must_use enum error kafka_lanes_init(struct kafka_lanes *lanes, const struct bus_kafka *kafka);
void kafka_lanes_finish(struct kafka_lanes *lanes);

/* Drops what is held, and forgets what was given away: the client that had it is gone. */
void kafka_lanes_clear(struct kafka_lanes *lanes);

/* Holds a copy of the message; mark: what its report bears. NO_MEMORY. */
must_use enum error kafka_lanes_hold(struct kafka_lanes *lanes, const struct bus_message *message, int32_t partition,
                                     void *mark);

/* Gives librdkafka what is held for partitions that have nothing under way. */
void kafka_lanes_send(struct kafka_producer *producer);

/* When that is to be called again, if no report comes before; 0: nothing is held. */
uint64_t kafka_lanes_due_ms(const struct kafka_lanes *lanes);
void kafka_lanes_reported(struct kafka_lanes *lanes, enum bus_topic topic, int32_t partition);

/* ---- consumer (kafka_consumer.c, kafka_group.c, kafka_commit.c) ---- */

/* Events of a partition that were not told yet, in the order they are told. */
enum kafka_news { KAFKA_NEWS_REVOKED = 1, KAFKA_NEWS_ASSIGNED = 2, KAFKA_NEWS_LOST = 4 };

/* A partition of a consumer's topic. */
struct kafka_held {
        enum { KAFKA_NOT_HELD, KAFKA_STARTING, KAFKA_READING } state;
        unsigned news;     /* set of enum kafka_news */
        unsigned starting; /* news that are due when it is known where reading starts */
        int64_t start;     /* STARTING: an offset or one of librdkafka's names for it */
        int64_t position;  /* READING: the next record */
        int64_t committed; /* KAFKA_UNKNOWN: never */
        bool noted;        /* a note of ours stands there (kafka_notes.h): the same offset may be committed again */
        int64_t found;     /* the record that a note was found of when the partition came; KAFKA_UNKNOWN: none, or passed */
        unsigned found_count;
};

struct kafka_commit {
        uint64_t request; /* which request it went with; 0: it waits */
        uint64_t tag;
        int32_t partition;
        int64_t next;
        unsigned note_count; /* > 0: a note of the record at `next` */
        bool takes_back;     /* a note of ours, or what a log that was cut had: nobody asked for it */
        bool outdated;       /* of a log that was cut */
        bool done;
        enum outcome outcome;
};

/* A record that was read. */
struct kafka_anchor {
        int64_t offset; /* KAFKA_UNKNOWN: none */
        int64_t time_ms;
        uint32_t sum;
};

struct kafka_consumer {
        struct bus_kafka *kafka;
        enum bus_topic topic;
        enum { KAFKA_NO_READER, KAFKA_GROUP, KAFKA_ASSIGNED } kind;
        rd_kafka_t *client;
        rd_kafka_queue_t *control,
                *records; /* rebalances, commits, errors, log; records alone, so that they can be held back */
        rd_kafka_topic_t *handle;
        struct kafka_report *report;
        struct kafka_held *held;
        uint32_t count;
        size_t news_count;
        rd_kafka_message_t *backlog[KAFKA_RECORDS_MAX]; /* read of `records`, not handed out */
        size_t backlog_first, backlog_count;
        bool paused, closing;
        bool cut_off;  /* no broker has a connection with us, as of the last statistics */
        bool assigned; /* a partition without a group: one a topic, since a second one would start the first anew */
        int wake;

        /* kafka_anchor.c */
        struct kafka_anchor last, settled,
                anchor; /* read last; when the statistics before came; when those before them came */
        uint64_t connections;
        bool doubt, checking;

        rd_kafka_topic_partition_list_t *wanted; /* assigned by the group, while its committed offsets are asked for */
        uint64_t ask_ms;                         /* not before then */
        enum { KAFKA_STAYS, KAFKA_LEAVES, KAFKA_HAS_SAID_SO } leaving; /* the group wants its partitions back */
        uint64_t coordinator_ms; /* then the group's coordinator was last known to answer */
        bool coordinator_away;   /* it did not, as of the last statistics, and we are in the group */

        struct kafka_commit commits[KAFKA_COMMITS_MAX];
        size_t commit_count;
        uint64_t requests, requests_out;
        bool note_done; /* a completion for kafka_notes.c */
        struct completion note;
};

must_use enum error kafka_consumer_init(struct kafka_consumer *consumer, struct bus_kafka *kafka, enum bus_topic topic,
                                        int wake, struct kafka_report *report, char *text);

/* leave: sends what waits to be committed and leaves the group. Half-built ones are fine. */
void kafka_consumer_finish(struct kafka_consumer *consumer, bool leave);

must_use enum error kafka_consumer_subscribe(struct kafka_consumer *consumer);
must_use enum error kafka_consumer_assign(struct kafka_consumer *consumer, int32_t partition);
must_use enum error kafka_consumer_seek(struct kafka_consumer *consumer, int32_t partition, uint64_t offset);
must_use enum error kafka_consumer_lag(struct kafka_consumer *consumer, int32_t partition, uint64_t *records);
void kafka_consumer_pause(struct kafka_consumer *consumer, bool paused);

/* Takes control events in; may tell news and answer commits. */
void kafka_consumer_serve(struct kafka_consumer *consumer);
size_t kafka_consumer_poll(struct kafka_consumer *consumer, struct bus_event *events, size_t max);
bool kafka_consumer_has(const struct kafka_consumer *consumer);

/* Up to max records, none while there are news; each event's memory is that of the message put beside it. */
size_t kafka_consumer_records(struct kafka_consumer *consumer, struct bus_event *events, rd_kafka_message_t **messages,
                              size_t max);

/* The position of a partition is known: news that waited for it are due. */
void kafka_held_start(struct kafka_consumer *consumer, struct kafka_held *held, int64_t offset);
void kafka_held_tell(struct kafka_consumer *consumer, struct kafka_held *held, unsigned news);
void kafka_held_stop(struct kafka_consumer *consumer, struct kafka_held *held);

/* Lets librdkafka read exactly what is held, from where it is. */
void kafka_consumer_apply(struct kafka_consumer *consumer);

/* kafka_group.c */
void kafka_group_rebalance(struct kafka_consumer *consumer, rd_kafka_event_t *event);
void kafka_group_ask(struct kafka_consumer *consumer);

/* Before events are looked for: gives the partitions back of which it was said that it would. */
void kafka_group_give_back(struct kafka_consumer *consumer);

/* Is there a coordinator? As of the statistics. */
void kafka_group_look(struct kafka_consumer *consumer, const char *statistics);

/* Steps out of its partitions when the coordinator has been away for almost as long as a session lasts. */
void kafka_group_step_out(struct kafka_consumer *consumer);

/* kafka_commit.c; note_count > 0: a note of the record at next. */
must_use enum error kafka_commit(struct kafka_consumer *consumer, int32_t partition, int64_t next, unsigned note_count,
                                 uint64_t tag);
void kafka_commit_send(struct kafka_consumer *consumer, bool all);

/* All partitions are given up: sends what waits, and takes back what was noted. */
void kafka_commit_give_up(struct kafka_consumer *consumer);
void kafka_commit_answered(struct kafka_consumer *consumer, rd_kafka_event_t *event);
void kafka_commit_revoked(struct kafka_consumer *consumer, int32_t partition);

/* The log was reset to `next`: what was committed before is of another one. Tells the broker too: or what another worker starts from
 * would be beyond records that came since. */
void kafka_commit_lost(struct kafka_consumer *consumer, int32_t partition, int64_t next);
size_t kafka_commit_poll(struct kafka_consumer *consumer, struct bus_event *events, size_t max);
bool kafka_commit_has(const struct kafka_consumer *consumer);
void kafka_note_read(struct kafka_held *held, const void *metadata, size_t size);

/* kafka_anchor.c: of a partition that is read without a group. */
void kafka_anchor_note(struct kafka_consumer *consumer, const rd_kafka_message_t *message);
void kafka_anchor_forget(struct kafka_consumer *consumer);

/* True: there is an anchor, and reason to look whether it is still there; the caller goes back to it and sets `checking`. */
bool kafka_anchor_doubt(struct kafka_consumer *consumer, const char *statistics);

enum kafka_check { KAFKA_CHECK_GOES_ON, KAFKA_CHECK_SAME, KAFKA_CHECK_OTHER };

/* What comes first from there. */
enum kafka_check kafka_anchor_check(struct kafka_consumer *consumer, const rd_kafka_message_t *message);

/* ---- the handle (kafka.c) ---- */

/* The reader of a topic, NULL if the handle has none. For kafka_notes.c. */
struct kafka_consumer *kafka_consumer_of(struct bus *bus, enum bus_topic topic);

#endif
