/*
 * What a service is to the worker: a topic, a kind of record and a table of handlers by code. A handler's functions are called
 * for one item after another, in record order, when the phase before them has ended; those that are NULL are passed over. An
 * item that was answered, dropped or abandoned is passed over too.
 *
 *      PLAN    the record was taken: decode, check, ask      (in TAKE)
 *      ASKED   the early question was answered               (after ASK)
 *      HASHED  the password job is done                      (after PASSWORD)
 *      PRESENT presence was written, or read                 (after PRESENCE_SET)
 *      STORED  results or answer are there: reply, deliver   (after STORE and MAIL)
 */
#ifndef GALKA_SERVICE_WORKER_SERVICE_H
#define GALKA_SERVICE_WORKER_SERVICE_H

#include "service/worker/worker.h"
#include "wire/wire.h"

struct batch;
struct item;

enum handler_hook { HOOK_PLAN, HOOK_ASKED, HOOK_HASHED, HOOK_STORED, HOOK_PRESENT, HOOK_COUNT };

struct handler {
        enum wire_code code;
        unsigned refusal_effect; /* enum wire_effect of an error reply: Join's connection is signed out again */
        size_t told_by;          /* so many first bytes of a body tell it from others when it comes again; 0: all of it */
        bool again;              /* of batch_publish_of; if the store fails it comes again, for nobody else will ask */
        bool patient;            /* need not be quick: may wait for company (worker_seams.patience_ms) */
        void (*hooks[HOOK_COUNT])(struct batch *batch, struct item *item);
};

struct service {
        const char *name;
        enum bus_topic topic;
        enum wire_topic wire_topic; /* codes of other topics are poison here */
        enum wire_code record;      /* what a record of the topic is: an envelope, or a letter to be sent */
        size_t records_max;         /* of one batch */
        size_t ops_per_record;      /* at most */
        const struct handler *handlers;
        size_t handler_count;
        /* State of a worker's own (a cache); may be NULL. NO_MEMORY. */
        enum error (*start)(void **state);
        void (*stop)(void **state);
};

#endif
