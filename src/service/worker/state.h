/*
 * A worker's inside, shared by the files of this folder and by nobody else.
 *
 * Batches are made once and change between two lists: idle, and in flight in the order of their records. The last in flight may
 * still be taking records.
 */
#ifndef GALKA_SERVICE_WORKER_STATE_H
#define GALKA_SERVICE_WORKER_STATE_H

#include "base/pace.h"
#include "service/worker/batch.h"

#define WORKER_EVENTS_MAX   64                 /* bus events of one poll */
#define WORKER_RECORDS_SIZE (8 * 1024 * 1024)  /* bytes of one batch's records; then it takes no more */
#define WORKER_VALUE_MAX    (66 * 1024)        /* an envelope with the largest frame, or a letter */
#define WORKER_WORK_SIZE    (96 * 1024 * 1024) /* bytes of all that one batch's records may lead to */
#define WORKER_CHUNK_SIZE   (256 * 1024)
#define WORKER_UNCERTAIN_MS 60000 /* past its deadline, what may have been done is asked for so long */
#define WORKER_INHERIT_MS   60000 /* so long after it got a partition, an operation may be one that another worker had done */

/* A partition's commit. */
struct committing {
        struct list_node node; /* in worker->committing while there is something to commit */
        uint32_t partition;
        bool out; /* a request, that of `next` and `tag` */
        unsigned tries;
        uint64_t next, tag, resume_ms;
};

struct worker {
        const struct service *service;
        struct worker_seams seams;
        void *state; /* the service's own */
        size_t batch_max;
        struct batch *batches; /* WORKER_BATCHES_MAX */
        struct list idle, flight;
        struct offsets offsets;
        struct committing *commits; /* by partition */
        struct list committing;
        uint64_t commit_due_ms; /* monotonic, as all of these */
        uint64_t taken_ms;      /* when the last batch left TAKE */
        struct pace pace;       /* of batches, by what the store takes */
        uint64_t *assigned_ms;  /* by partition: since when it is ours (monotonic) */
        uint64_t next_tag;
        bool paused, draining;
        bool skipped; /* records were lost: the next batch tells every frontend */
        enum notes_care care;
        struct worker_counts counts;
        uint64_t hold_ms;   /* no records before that (memory ran out) */
        bool presence_down; /* the last batch gave presence up: the next one tries only once */
        uint8_t *scratch;   /* WIRE_DOWN_SIZE_MAX: where frames are encoded */
};

/* The batch right before this one in record order, or NULL. */
static inline struct batch *batch_older(const struct worker *worker, const struct batch *batch)
{
        struct list_node *node = batch->node.prev;

        return node == &worker->flight.head ? NULL : container_of(node, struct batch, node);
}

static inline uint64_t worker_now_ms(const struct worker *worker)
{
        return clock_monotonic_ms(worker->seams.clock);
}

/* ---- batch.c ---- */

must_use enum error batch_init(struct batch *batch, struct worker *worker);
void batch_finish(struct batch *batch);

/* Empties it for new records. */
void batch_reset(struct batch *batch);

/* Adds a record: copies it, parses it, lets its handler plan. A record that cannot be read goes to the dead letters. There must
 * be room. A record for whose copy there is no memory is not taken: false. */
bool batch_add_record(struct batch *batch, const struct bus_record *record);

/* How many more records it may take now. */
size_t batch_room(const struct batch *batch);

/* Forgets everything but the records, and lets handlers plan anew. */
void batch_restart(struct batch *batch);

/* Its partition was revoked: what is left of it is ignored. */
void batch_abandon(struct batch *batch, int32_t partition);

/* Drops the items whose deadline has passed before anything was done for them; what the store has answered stays. */
void batch_drop_late(struct batch *batch);

void item_drop(struct batch *batch, struct item *item);

/* Lets the item's handler plan. */
void item_plan(struct batch *batch, struct item *item);

/* True if it is known to crash workers (phase_note.c). */
bool item_is_deadly(const struct batch *batch, const struct item *item);

/* Calls a function (enum handler_hook) of every live item's handler. */
void batch_call(struct batch *batch, size_t hook);

/* ---- output.c ---- */

/* The entry of the item's connection in presence. */
struct presence_entry item_presence(const struct item *item);

/* A record ready for the bus: code byte and body. */
void output_record(struct batch *batch, struct item *item, struct bus_message message, enum wire_code code, const void *body,
                   size_t size_max);

#endif
