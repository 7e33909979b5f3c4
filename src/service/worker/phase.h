/*
 * The phases of a batch, one table. `submit` hands one request to a seam, `finish` reads its completion. At most one batch is in
 * a phase, and none overtakes another: a batch enters a phase when the one before it has left it.
 */
#ifndef GALKA_SERVICE_WORKER_PHASE_H
#define GALKA_SERVICE_WORKER_PHASE_H

#include "service/worker/state.h"

/* Phase, its name for the log, the prefix of its two functions, the handlers' function called when it is left. */
#define WORKER_PHASES(X)                                                                                                    \
        X(TAKE, "take", take, HOOK_COUNT)                                                                                   \
        X(NOTE, "note", note, HOOK_COUNT)                                                                                   \
        X(ASK, "ask", ask, HOOK_ASKED)                                                                                      \
        X(PASSWORD, "password", password, HOOK_HASHED)                                                                      \
        X(PRESENCE_SET, "presence set", presence_set, HOOK_PRESENT)                                                         \
        X(STORE, "store", store, HOOK_COUNT)                                                                                \
        X(MAIL, "mail", mail, HOOK_STORED)                                                                                  \
        X(PRESENCE_GET, "presence get", presence_get, HOOK_COUNT)                                                           \
        X(PUBLISH, "publish", publish, HOOK_COUNT)                                                                          \
        X(LOST, "lost", lost, HOOK_COUNT)                                                                                   \
        X(COMMIT, "commit", commit, HOOK_COUNT)

enum phase_name {
#define X(name, ...) PHASE_##name,
        WORKER_PHASES(X)
#undef X
                PHASE_COUNT
};

/* What a submit or finish says about the phase. */
enum phase_step {
        STEP_DONE,  /* on to the next phase (submit: nothing to do here) */
        STEP_OUT,   /* a request is out: finish will be called */
        STEP_LATER, /* submit again, not before progress.resume_ms */
        STEP_BACK   /* LOST: to PUBLISH again */
};

struct phase {
        const char *name;
        enum phase_step (*submit)(struct batch *batch);
        enum phase_step (*finish)(struct batch *batch, const struct completion *completion);
        size_t hook; /* enum handler_hook; HOOK_COUNT: none */
};

extern const struct phase worker_phases[PHASE_COUNT];

/* How often a request is made before something else is tried, and the pauses between. */
#define STORE_TRIES    3 /* of one range of items; then it is halved; of one item: given up */
#define PASSWORD_TRIES 3
#define PRESENCE_TRIES 5
#define PUBLISH_TRIES  8
#define COMMIT_TRIES   5 /* of a worker that stops; others go on */
#define MAIL_TRIES     3
#define MAIL_PAUSE_MS  1000 /* doubled at each try */
#define PAUSE_MS_MIN   10   /* doubled at each try */
#define PAUSE_MS_MAX   1000
#define FULL_PAUSE_MS  2 /* a seam's queue was full */

/* Said to the sender of an item that was given up. */
#define STORE_RETRY_AFTER_MS    1000
#define PASSWORD_RETRY_AFTER_MS 1000
#define PRESENCE_RETRY_AFTER_MS 1000

/* A tag for the one request of this batch, or for one of several that are out together. */
uint64_t phase_tag(struct batch *batch);
void phase_tags_begin(struct batch *batch);
uint64_t phase_tag_more(struct batch *batch);

/* A completion came: the batch that waits for it goes on; nobody may wait for it any more. */
void phase_complete(struct worker *worker, const struct completion *completion);

/* Moves every batch on as far as it goes. True if any moved. */
bool phase_advance(struct worker *worker);

/* STEP_LATER after a pause. */
enum phase_step phase_pause(struct batch *batch, uint64_t pause_ms);

/* A pause that grows with how often something was tried. */
uint64_t phase_pause_ms(unsigned tries);

/* STEP_LATER after such a pause of progress.tries, which it counts up. */
enum phase_step phase_retry(struct batch *batch);

/* The same, and says so in the log. */
enum phase_step phase_failed(struct batch *batch, enum outcome outcome);

/* STEP_LATER after a moment: a seam's queue is full, which is no failure. */
enum phase_step phase_full(struct batch *batch);

/* What the batch has goes to a seam that may work on it in a thread of its own (L10). */
void phase_lend(const struct batch *batch);

/* Why a batch waits, for the log. */
void phase_note(const struct batch *batch, enum event_level level, const char *name, enum outcome outcome);

/* ---- commit.c ---- */

enum error commits_init(struct worker *worker);
void commits_finish(struct worker *worker);

/* Hands to the bus what is due. True if anything went. */
bool commits_advance(struct worker *worker);

/* Hands to the bus all there is to commit, due or not: the partitions are about to be revoked. */
void commits_hurry(struct worker *worker);

/* A completion came; perhaps of a commit that nobody waits for any more. */
void commits_complete(struct worker *worker, const struct completion *completion);

/* The partition was revoked: nothing of it is committed any more, nor waited for. */
void commits_forget(struct worker *worker, uint32_t partition);

/* When commits_advance has something to do, by the monotonic clock; UINT64_MAX: not before a completion. */
uint64_t commits_resume_ms(const struct worker *worker);

/* phase_note.c, commit.c, phase_store.c, phase_presence.c, phase_publish.c, phase_slow.c */
#define X(name, text, prefix, hook)                                                                                         \
        enum phase_step prefix##_submit(struct batch *batch);                                                               \
        enum phase_step prefix##_finish(struct batch *batch, const struct completion *completion);
WORKER_PHASES(X)
#undef X

#endif
