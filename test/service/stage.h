/*
 * A service's worker on the embedded drivers, every seam under a decorator that fails by a script; the test plays clients and
 * frontends: it publishes envelopes, lets the worker work until it rests, and looks at all that was said. Time moves only as far as
 * the worker wants to wait. Needs cmocka's headers before it.
 */
#ifndef GALKA_TEST_SERVICE_STAGE_H
#define GALKA_TEST_SERVICE_STAGE_H

#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "driver/store/sqlite.h"
#include "rules/room.h"
#include "service/worker/service.h"
#include "support/by_hand.h"
#include "support/fault.h"
#include "wire/envelope.h"

#define STAGE_FRONTENDS 2
#define STAGE_REPLY_MS  5000
#define STAGE_HEARD_MAX 4096

/* What fails: calls first … first + count − 1 of a kind. Every call leaves its letter in `calls`: F(lush) C(ommit) P(resence)
 * A(pply) Q(uestion). */
struct script {
        struct fault_plan plan;
        enum fault_call call;
        enum fault fault;
        unsigned long first, count, seen[FAULT_CALL_COUNT];
        bool culprit; /* this apply has the operation that the store cannot stand */
        char calls[256];
        size_t call_count;
};

/* A client's connection. device 0: signed out. */
struct client {
        uint64_t user, device, connection;
        uint16_t frontend;
};

/* One record that was published. */
struct heard {
        enum bus_topic topic;
        int32_t partition;
        enum wire_code record;
        struct wire_post post;
        struct wire_frame frame; /* of the post */
        struct wire_mail mail;
        struct wire_revoke revoke;
        struct wire_envelope dead;
        struct slice raw;
};

struct stage {
        struct hand_clock clock;
        struct hand_random random;
        struct token_keys keys;
        struct event_sink events;
        struct script script;
        struct arena arena;
        char folder[64];
        struct bus_embedded *embedded;
        struct presence_memory *memory;
        struct store_sqlite *sqlite;
        struct worker_seams seams;
        struct store watch, *watched; /* outermost: sees operations */
        size_t apply_sizes[64], apply_count;
        struct worker *worker;
        const struct service *service;
        struct bus *client;
        struct store *store;
        struct heard *heard;
        size_t heard_count;
        uint64_t ids;
        struct client anna, boris, clara;
};

void stage_start(struct stage *stage, const struct service *service);
void stage_stop(struct stage *stage);

/* Removes its files under it: for processes that are about to die. */
void stage_remove_files(struct stage *stage);

/* A new worker, with stage->seams as they are now. */
void stage_worker_anew(struct stage *stage);

/* The same, with notes. */
void stage_notes(struct stage *stage, struct notes *notes);

/* From now on the script's calls are counted from 1. */
void stage_fail(struct stage *stage, enum fault_call call, enum fault fault, unsigned long first, unsigned long count);

/* A UUIDv7 of now. */
struct id stage_id(struct stage *stage);

/* A client's frame, as its frontend publishes it. Returns the request id. */
struct id stage_send(struct stage *stage, const struct client *client, enum wire_code code, struct id room,
                     const void *message);
void stage_resend(struct stage *stage, const struct client *client, enum wire_code code, struct id room, const void *message,
                  struct id request);

/* Any record. */
void stage_publish(struct stage *stage, enum bus_topic topic, struct slice key, struct slice value);

/* Lets the worker work until it rests, or for so long. Then everything it said is in `heard`. */
void stage_work(struct stage *stage, uint64_t for_ms);

/* Forgets what was heard. */
void stage_forget(struct stage *stage);

/* The reply to a request, or NULL; one that came twice came the same. */
const struct heard *stage_reply(const struct stage *stage, struct id request);

/* Decodes a reply's body, which must have that code. */
void stage_body(const struct heard *heard, enum wire_code code, const struct wire_structure *structure, void *message);

/* The error that a request was answered with; OK: with something else. It must have been answered. */
enum error stage_error(const struct stage *stage, struct id request);

/* How many frames of that code (deliveries, marks) went to the client's connection. */
size_t stage_frames_for(const struct stage *stage, const struct client *client, enum wire_code code);
size_t stage_records(const struct stage *stage, enum bus_topic topic, enum wire_code record);

/* Sends one text; returns its request id and operation id. */
struct sent {
        struct id request, operation;
};
struct sent stage_say(struct stage *stage, const struct client *client, struct id room, const char *text);
struct wire_outcome stage_outcome(const struct stage *stage, struct id request);

/* The store, asked directly. */
struct store_answer stage_ask(struct stage *stage, const struct store_question *question);
size_t stage_rows(struct stage *stage, const struct client *client, struct id room, struct store_row **rows);

/* The offset committed of the service's only partition; 0 if none. */
uint64_t stage_committed(struct stage *stage);

#endif
