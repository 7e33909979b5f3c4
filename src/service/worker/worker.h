/*
 * A worker: takes records of one topic in batches and brings each batch through named phases. It never blocks: each phase
 * submits one request to a seam and ends with its polled completion, so that a server thread can sleep on descriptors and the
 * simulator can step, interleave and drop workers between any two phases.
 *
 *      TAKE → (NOTE) → ASK → PASSWORD → PRESENCE_SET → STORE → MAIL → PRESENCE_GET → PUBLISH → (LOST) → COMMIT → done
 *
 * Phases without work are passed over. Laws: L1 and L3 are the store's; L4: Join sets presence, then asks the store
 * (PRESENCE_SET before STORE; Join's store part is an ask), everybody else applies, then gets presence; offsets are committed only
 * after the flush of the batch's replies and deliveries was acknowledged, never past a hole.
 *
 * A service (auth, session, query, notify) is a table of functions that plan a batch and read results; it knows no seam but
 * through the batch. Batches go through in order; while one is in a phase, others may be in other phases; one at a time is in
 * STORE.
 */
#ifndef GALKA_SERVICE_WORKER_WORKER_H
#define GALKA_SERVICE_WORKER_WORKER_H

#include "base/event.h"
#include "crypto/token.h"
#include "seam/bus.h"
#include "seam/clock.h"
#include "seam/mail.h"
#include "seam/notes.h"
#include "seam/password.h"
#include "seam/presence.h"
#include "seam/random.h"
#include "seam/store.h"

#define WORKER_BATCH_MAX   400 /* records of one batch */
#define WORKER_BATCHES_MAX 4   /* batches in flight */

struct service;

/* Whoever wants to know how batches fare. Called on the worker's thread, once a batch. */
struct worker_watch {
        void (*batch_done)(struct worker_watch *watch, size_t records, uint64_t ms);
};

/* Counters since the start. */
struct worker_counts {
        uint64_t records, batches; /* taken; done */
        uint64_t retries;          /* requests to a seam that were made again */
        uint64_t late, poison;     /* records dropped undone; given to the dead letters */
        uint64_t in_flight;        /* batches now */
};

/* Who may make an account. */
enum registration { REGISTRATION_OPEN, REGISTRATION_INVITE, REGISTRATION_CLOSED };

/* What a worker works with. Seams that its service does not need may be NULL. All stay the caller's. */
struct worker_seams {
        struct bus *bus;
        struct store *store;
        struct presence *presence;
        struct password *password;
        struct mail *mail;
        struct notes *notes; /* NULL: crashes are not looked into */
        struct clock *clock;
        struct random *random;
        struct event_sink *events;
        const struct token_keys *keys;
        struct worker_watch *watch; /* may be NULL */
        enum registration registration;
        bool member_invites;  /* members may invite others */
        uint32_t patience_ms; /* a batch of nothing but patient records waits so long for others; 0: not at all */
        uint32_t pace_ms;     /* between the starts of two batches, unless one is full, at most (base/pace.h); 0: none */
        uint32_t commit_ms;   /* between two commits of offsets; 0: none */
};

struct worker;

/* The services there are. */
extern const struct service service_auth, service_session, service_query, service_notify;

/* Subscribes to the service's topic. NO_MEMORY, or the bus's error. batch_max: at most WORKER_BATCH_MAX; 0 is that. */
must_use enum error worker_new(const struct service *service, const struct worker_seams *seams, size_t batch_max,
                               struct worker **worker);

/* Abandons what is in flight (the bus will repeat it). It touches no seam: free store, presence, password and mail before it
 * unless they hold no request of this worker (drained), for what was submitted lies in the worker's memory. */
void worker_free(struct worker **worker);

/* Polls every seam once and moves batches on as far as they go. Returns true if anything moved (call again before sleeping). */
bool worker_step(struct worker *worker);

/* Milliseconds until worker_step wants to be called even if no descriptor is readable (retry pauses); -1: no such time. */
int worker_wait_ms(const struct worker *worker);

struct worker_counts worker_counts(const struct worker *worker);

/* No new batches; true once all that was taken is done and committed (SIGTERM). */
bool worker_drain(struct worker *worker);

#endif
