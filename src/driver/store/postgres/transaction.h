/*
 * One transaction at a time on the connection that writes, in two trips:
 *
 *      loading   BEGIN, locks, questions          then operations happen in memory (plan)
 *      saving    what is new or other, COMMIT
 *      undoing   ROLLBACK, after something failed
 *      pausing   before it is tried again
 *
 * A conflict with another transaction is tried again as it was, a few times; then, as after an error that an operation itself is to
 * blame for, the operations are halved until the culprit is alone, and what is before and after it is committed without it (L3).
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_TRANSACTION_H
#define GALKA_DRIVER_STORE_POSTGRES_TRANSACTION_H

#include "driver/store/postgres/world.h"
#include "seam/outcome.h"

#define CONFLICTS_MAX       5  /* tries of one range of operations, before it is halved */
#define CONFLICTS_MAX_ALONE 30 /* of a single operation, before it is given back; its time may be over sooner */

enum transaction_stage {
        TRANSACTION_IDLE,
        TRANSACTION_LOADING,
        TRANSACTION_SAVING,
        TRANSACTION_UNDOING,
        TRANSACTION_PAUSING
};

/* What is to become of the operations after an undo. */
enum transaction_verdict { VERDICT_RELOAD, VERDICT_CONFLICT, VERDICT_CULPRIT, VERDICT_FAILED };

struct transaction_job {
        const struct store_op *ops;
        size_t count;
        struct store_result *results;
        struct arena *arena;
        uint64_t due_us;
};

struct transaction {
        const struct store_postgres_options *options;
        struct connection connection;
        void (*on_done)(void *owner, enum outcome outcome);
        void *owner;
        enum transaction_stage stage;
        enum transaction_verdict verdict;
        struct transaction_job job;
        size_t first, end; /* of its operations, in this try */
        bool partly;       /* some were committed */
        bool committed;    /* the database said so */
        unsigned tries, reloads;
        uint64_t resume_us;
        struct sent sent;
        struct arena arena;
        struct lexicon lexicon;
        struct world world;
        uint64_t upto[STORE_OPS_MAX];
        unsigned long conflicts, halvings; /* since it was made: for tests and the curious */
};

void transaction_init(struct transaction *transaction, const struct store_postgres_options *options, int epoll,
                      void (*on_done)(void *owner, enum outcome outcome), void *owner);
void transaction_finish(struct transaction *transaction);

static inline bool transaction_can_start(const struct transaction *transaction)
{
        return transaction->stage == TRANSACTION_IDLE && connection_ready(&transaction->connection);
}

/* Its end is told by on_done: from here only if memory is short, else from connection_work and transaction_work. */
void transaction_start(struct transaction *transaction, const struct transaction_job *job);

void transaction_work(struct transaction *transaction, uint64_t now_us);

/* When transaction_work is to be called; 0: not. */
static inline uint64_t transaction_due(const struct transaction *transaction)
{
        return transaction->stage == TRANSACTION_PAUSING ? transaction->resume_us : 0;
}

#endif
