/*
 * A batch: some records of the worker's topic on their way through the phases, and all that belongs to them: what is asked of
 * the seams, what came back, what is to be published. This header is what a service sees: a handler plans what it needs with
 * the calls below, reads the results from the item, and answers.
 *
 * Who owns what: the records' bytes live in the arena `records`, everything made from them in the arena `work`; both are
 * emptied when the batch is committed. When memory runs out, a call returns NULL (or does nothing), the batch is marked broken
 * and goes through all its phases again from its records: everything it did is idempotent by request id (L1).
 */
#ifndef GALKA_SERVICE_WORKER_BATCH_H
#define GALKA_SERVICE_WORKER_BATCH_H

#include "base/list.h"
#include "base/map.h"
#include "service/worker/offsets.h"
#include "service/worker/service.h"
#include "wire/wire.h"

enum item_state {
        ITEM_LIVE,     /* being worked on */
        ITEM_ANSWERED, /* its reply is planned: nothing more is done for it */
        ITEM_REFUSED,  /* the same, and the reply is an error */
        ITEM_DROPPED,  /* past its deadline before anything was done: no reply */
        ITEM_ABANDONED /* its partition was revoked: its results are ignored, another worker repeats it */
};

enum letter_state { LETTER_WAITING, LETTER_OUT, LETTER_SENT, LETTER_FAILED };

/* One record. */
struct item {
        enum item_state state;
        enum error refusal; /* REFUSED: why */
        bool uncertain;     /* it may have been done: then its deadline alone does not drop it */
        bool inherited;     /* nor here: who had the partition before may have done it */
        bool sent;          /* it is part of the request that is at the store */
        int32_t partition;
        struct offsets_entry offset;
        struct slice value; /* the record; empty if it was too large to be one of ours */

        struct wire_envelope envelope; /* zero in topic notify */
        struct wire_frame frame;
        const struct handler *handler;
        uint64_t not_after_ms;
        void *body; /* the handler's own: what it decoded, what it keeps from phase to phase */

        /* What is asked for it, and what came back (set when the phase is done). Made by the calls below. */
        const struct store_question *early; /* ASK */
        const struct store_answer *early_answer;
        struct password_job *job; /* PASSWORD: job_count of them; their results too */
        size_t job_count;
        const struct presence_request *set; /* PRESENCE_SET */
        const struct presence_result *set_result;
        struct store_op *ops; /* STORE: apply … */
        size_t op_count;
        const struct store_result *results;    /* op_count of them */
        const struct store_question *question; /* … or ask */
        const struct store_answer *answer;
        struct mail_letter *letter; /* MAIL */
        enum letter_state letter_state;
};

/* One who is to be delivered to, once a batch. */
struct recipient {
        struct map_node node;
        struct list_node line; /* in the order they were named */
        uint64_t user;
        const struct presence_result *found; /* set by PRESENCE_GET; NULL: presence did not answer */
};

/* What is to be published, in order. */
struct output {
        struct list_node node;
        struct item *item;
        struct bus_message message; /* a ready record; or topic FRONTENDS and partition −1: a delivery: */
        struct id epoch;            /* of the frontend a ready record is for; zero: none in particular */
        struct slice frame;
        struct recipient **recipients;
        const uint64_t *users; /* whose they are */
        size_t recipient_count;
        unsigned effect;       /* enum wire_effect, of a delivery */
        struct list_node late; /* batch.latest */
        struct id room;        /* of those in it */
        uint8_t code;
        const struct presence_entry *entries; /* a delivery to connections that are known already */
        size_t entry_count;
};

/* Where a batch stands: of the phases alone (phase.h). */
struct progress {
        unsigned phase;          /* enum phase_name */
        bool out;                /* a request is at a seam: its completion is waited for */
        uint64_t tag_first, tag; /* of that request; several requests have a range of tags */
        uint64_t resume_ms;      /* monotonic: not before that; 0: at once */
        unsigned tries;          /* of this phase, or of this range of STORE */
        unsigned restarts;

        bool prepared; /* what this phase submits was made */

        size_t first, end; /* ASK, STORE: the items asked for at the moment; halved when they keep failing */
        struct store_op *ops;
        struct store_result *results;
        struct store_question *questions;
        struct store_answer *answers;

        struct presence_request *requests; /* PRESENCE_SET, PRESENCE_GET, LOST */
        struct presence_result *presence_results;
        size_t request_count;
        struct password_job *jobs;
        size_t job_count;

        size_t letters_out; /* MAIL: submitted, not yet completed */

        struct sending *sendings; /* PUBLISH: records in order, how many there are, how many are in the bus's buffer */
        size_t sending_count, sending_capacity, sent, flushed;
        bool gives_up, marked; /* LOST: there is work; its requests are made */
};

struct batch {
        struct list_node node;
        struct worker *worker;
        struct arena records, work;
        struct item *items;
        size_t item_count, op_total, record_bytes;
        bool urgent;           /* holds records that are not patient */
        uint64_t since_ms;     /* monotonic: the first record was taken */
        uint64_t taken_ms;     /* it left TAKE */
        bool broken;           /* memory ran out: once more from the records */
        bool singly, noted;    /* taken after a crash: its one record is noted before it is planned; and was (L10) */
        bool must;             /* holds records that must not be given up (revoke, mail) */
        bool lost_all;         /* deliveries to frontends unknown were given up: every partition is told (L5) */
        struct list outputs;   /* struct output */
        struct list latest;    /* those of which only the last of a code and room goes out: batch_deliver_latest */
        struct map recipients; /* struct recipient by user */
        struct list named;     /* the same in order */
        size_t recipient_count;
        struct progress progress;
};

/* ---- for handlers: memory ---- */

/* Zeroed memory that lives as long as the batch; NULL breaks the batch. */
void *batch_take(struct batch *batch, size_t size);
#define batch_new(batch, type)          ((type *)batch_take(batch, sizeof(type)))
#define batch_array(batch, type, count) ((type *)batch_take(batch, sizeof(type) * (count)))

/* Text as a C string; NULL breaks the batch. */
const char *batch_text(struct batch *batch, struct slice text);

/* Folded copy of a text (rules/name.h); empty if memory ran out. */
struct slice batch_fold(struct batch *batch, struct slice text);

/* ---- for handlers: asking ---- */

/* Each returns what is to be filled in, with the sender and deadline set; NULL breaks the batch. At most one of each an item. */
struct store_question *batch_ask_early(struct batch *batch, struct item *item, enum store_question_kind kind); /* in ASK */
struct store_question *batch_ask(struct batch *batch, struct item *item, enum store_question_kind kind);       /* in STORE */
struct password_job *batch_password(struct batch *batch, struct item *item, enum password_kind kind);
struct password_job *batch_passwords(struct batch *batch, struct item *item, size_t count);
struct store_op *batch_apply(struct batch *batch, struct item *item, enum store_op_kind kind, size_t count);
struct mail_letter *batch_letter(struct batch *batch, struct item *item);

/* The item's own connection is to be entered in presence before the store is asked (L4). If the item is refused for good
 * afterwards, the entry is removed again. */
void batch_set_presence(struct batch *batch, struct item *item);

/* Asks presence for something else in the same phase, of the item's connection: to be filled in. In PLAN or ASKED. */
struct presence_request *batch_presence(struct batch *batch, struct item *item, enum presence_kind kind);

/* ---- for handlers: answering ---- */

/* Decodes the item's body as the message of its code into new memory; answers and returns NULL if it is not valid. */
void *batch_decode(struct batch *batch, struct item *item, size_t size);

/* The reply, a struct wire_<name> of `code`; the item is done. effect: enum wire_effect. */
void batch_reply(struct batch *batch, struct item *item, enum wire_code code, const void *message, unsigned effect);

/* An Error frame; the item is done. `field` may be NULL. */
void batch_refuse(struct batch *batch, struct item *item, enum error error, const char *field, uint64_t retry_after_ms);

/* The record is none that a client could have made: it goes to the dead letters without its text (L10), its sender gets an error
 * if he is known; the item is done. */
void batch_poison(struct batch *batch, struct item *item, enum error error);

/* A frame to every connection of these users but the item's own, sent after presence was read. */
void batch_deliver(struct batch *batch, struct item *item, enum wire_code code, const struct id *room, const void *message,
                   const uint64_t *users, size_t user_count);

/* The same, of what is only worth telling as it is last: it takes the place of what the batch was to deliver of the same code and room
 * before; and a frontend may keep it for a moment (WIRE_EFFECT_PATIENT). users lives as long as the batch. */
void batch_deliver_latest(struct batch *batch, struct item *item, enum wire_code code, const struct id *room,
                          const void *message, const uint64_t *users, size_t user_count);

/* A frame to these connections but the item's own. The entries must live as long as the batch. */
void batch_deliver_to(struct batch *batch, struct item *item, enum wire_code code, const struct id *room,
                      const void *message, const struct presence_entry *entries, size_t entry_count);

/* Does something to one connection of a frontend (WIRE_EFFECT_REPLACED), without a frame. */
void batch_post(struct batch *batch, struct item *item, const struct presence_entry *to, unsigned effect);

/* A record to a topic or to one partition of FRONTENDS that must not be given up. The key is copied. */
void batch_publish(struct batch *batch, struct item *item, enum bus_topic topic, int32_t partition, struct slice key,
                   enum wire_code code, const void *message);

/* A frame of the server's own to a service, in that envelope: its epoch and its deadline are set. Its key is the user's. */
void batch_publish_frame(struct batch *batch, struct item *item, enum bus_topic topic, enum wire_code code, uint64_t user,
                         const void *message, struct wire_envelope envelope);

/* The same of a small message between server processes that concerns that user: without a deadline, and nobody waits for an answer. */
void batch_publish_of(struct batch *batch, struct item *item, enum bus_topic topic, enum wire_code code, uint64_t user,
                      const void *message);

/* The item's own record once more, behind all that there is by now. */
void batch_publish_again(struct batch *batch, struct item *item);

const struct worker_seams *batch_seams(const struct batch *batch);
void *batch_service_state(const struct batch *batch);

#endif
