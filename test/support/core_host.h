/*
 * A host for a client core in tests: an ordered storage in memory, a socket that is a buffer, a clock that is moved by hand, and a
 * list of what was told to the screen. It can crash at any moment: then only what was applied to its storage is left, and a new
 * core starts from that.
 *
 * Batches are applied and acknowledged at once, unless keep_by_hand is set: then core_host_apply does the oldest ones,
 * one at a time, and a crash loses the rest.
 *
 * Life cycle: core_host_init → core_host_start … core_host_crash → core_host_start … → core_host_finish.
 */
#ifndef GALKA_TEST_SUPPORT_CORE_HOST_H
#define GALKA_TEST_SUPPORT_CORE_HOST_H

#include "support/storage.h"

#define HOST_EVENTS_MAX 4096
#define HOST_TEXT_MAX   48
#define HOST_LISTED_MAX 8

/* An event as it was polled, with the beginning of its text. */
struct host_event {
        enum core_event_kind kind;
        enum error error;
        struct id room, id;
        uint64_t seq;
        enum core_message_state state;
        enum core_phase phase;
        struct wire_row row;      /* without its text, whose beginning is `text` */
        char text[HOST_TEXT_MAX]; /* SETTING: key=value */
        uint64_t number;          /* STATUS, TYPING: the user */
        bool more;                /* STATUS, TYPING: he is online; he types */
        uint32_t listed;          /* PEOPLE, DEVICES, WINDOW: how many */
};

struct host_batch {
        struct host_batch *next;
        uint64_t number;
        struct storage_record *changes; /* a drop's value is its end */
        bool *drops;
        size_t count;
};

struct core_host {
        struct core *core; /* NULL after a crash */
        struct arena arena;
        size_t arena_max, chunk_size; /* 64 MiB, 1 KiB unless set before start */
        struct core_limits limits;
        struct core_time time;
        uint8_t seed[32];

        struct storage storage;
        bool keep_by_hand;
        struct host_batch *batches;
        bool wants_by_hand; /* wants are not answered (a storage that does not answer) */

        bool connect_due;   /* CONNECT was polled, and is to be answered */
        bool linked;        /* the core thinks it is connected */
        bool closed;        /* CLOSE was polled since the flag was cleared */
        size_t socket_room; /* how many bytes the socket still takes; SIZE_MAX: any */
        uint8_t *up;        /* what the core sent and nobody has read */
        size_t up_size, up_room;

        struct host_event *events;
        size_t event_count, event_room;
        unsigned long dropped_events;

        /* Sees every event as it is polled, before anything is done about it; may be NULL. */
        void (*watch)(struct core_host *host, const struct core_event *event);
};

void core_host_init(struct core_host *host, uint8_t seed);
void core_host_finish(struct core_host *host);

/* Makes a core on the storage there is and lets it load. */
void core_host_start(struct core_host *host);

/* The process is killed: the core, what was not applied, and the link are gone. */
void core_host_crash(struct core_host *host);

/* Polls until there is nothing to do. Every function below ends with it. */
void core_host_settle(struct core_host *host);

/* Moves the clock, stopping at each deadline of the core on the way. */
void core_host_advance(struct core_host *host, uint64_t ms);

/* Answers CONNECT. The link is a new one: unread bytes of the old are gone. */
void core_host_connect(struct core_host *host);
void core_host_disconnect(struct core_host *host);
void core_host_receive(struct core_host *host, struct slice bytes);

/* Applies the oldest batch and tells the core (or not: a crash between the two). False: there is none. */
bool core_host_apply(struct core_host *host, bool tell);

/* ---- looking ---- */

void core_host_clear_events(struct core_host *host);
size_t core_host_count(const struct core_host *host, enum core_event_kind kind);

/* The last event of that kind, or NULL. */
const struct host_event *core_host_last(const struct core_host *host, enum core_event_kind kind);

/* Records whose key begins with this. */
size_t core_host_records(const struct core_host *host, struct slice prefix);
const struct storage_record *core_host_record(const struct core_host *host, struct slice key);

/* The row in the storage; false if it is not there. Its text lives as long as the record. */
bool core_host_row(const struct core_host *host, const struct id *room, uint64_t seq, struct wire_row *row);

/* Puts a record there as another process would. */
void core_host_put(struct core_host *host, struct slice key, struct slice value);

#endif
