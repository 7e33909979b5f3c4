/*
 * Questions of one job on one connection that reads: all statements of all its questions in one trip, in one snapshot. Whether the
 * asker's device is live is asked beside them, and what was read for one whose is not is thrown away.
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_ASKING_H
#define GALKA_DRIVER_STORE_POSTGRES_ASKING_H

#include "driver/store/lexicon.h"
#include "driver/store/postgres/connection.h"
#include "seam/outcome.h"

#define CHECK_MS 3600000 /* galkad check walks everything */

struct asking_job {
        const struct store_question *questions;
        size_t count;
        struct store_answer *answers;
        struct arena *arena;
        uint64_t due_us;
};

struct asking {
        const struct store_postgres_options *options;
        struct connection connection;
        void (*on_done)(void *owner, struct asking *asking, enum outcome outcome);
        void *owner;
        bool busy;
        bool counts; /* MEMBERS: the asker does, in that room */
        struct asking_job job;
        struct arena arena; /* parameters */
        struct lexicon lexicon;
        bool failed; /* out of memory */
        uint64_t now_ms;
        struct id era;
        bool live[STORE_QUESTIONS_MAX];
        size_t sent;
        struct {
                enum sql sql;
                size_t question; /* of all: job.count */
        } list[STATEMENTS_MAX];
};

void asking_init(struct asking *asking, const struct store_postgres_options *options, int epoll,
                 void (*on_done)(void *owner, struct asking *asking, enum outcome outcome), void *owner);
void asking_finish(struct asking *asking);

static inline bool asking_can_start(const struct asking *asking)
{
        return !asking->busy && connection_ready(&asking->connection);
}

/* Its end is told by on_done: from here only if memory is short. */
void asking_start(struct asking *asking, const struct asking_job *job);

/* Queues one statement for a question. */
void asking_queue(struct asking *asking, size_t question, enum sql sql, struct parameters *parameters);

/* What a kind of question asks, and what it does with a result. */
void ask_rooms(struct asking *asking, size_t question);
void ask_changes(struct asking *asking, size_t question);
void ask_around(struct asking *asking, size_t question);
void ask_pins(struct asking *asking, size_t question);
void ask_search(struct asking *asking, size_t question);
void ask_people(struct asking *asking, size_t question);
void ask_members(struct asking *asking, size_t question);
void ask_shared(struct asking *asking, size_t question);
void ask_leaving(struct asking *asking, size_t question);
void ask_receipts(struct asking *asking, size_t question);
void ask_check(struct asking *asking, size_t question);
void take_rooms(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_rows(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_search(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_people(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_members(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_shared(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_leaving(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_receipts(struct asking *asking, size_t question, enum sql sql, const PGresult *result);
void take_check(struct asking *asking, size_t question, enum sql sql, const PGresult *result);

#endif
