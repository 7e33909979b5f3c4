/* See claim.h. */
#include "frontend/claim.h"

#include "frontend/listen.h"
#include "frontend/upkeep.h"

static void say(struct frontend *frontend, enum wire_claim_state state, const struct id *answers)
{
        struct wire_claim claim = {.epoch = frontend->epoch, .state = state};

        if (answers)
                claim.answers = *answers;
        /* If the bus takes nothing now, the deadline of the state publishes it again. */
        (void)frontend_publish(frontend, frontend->options.index, WIRE_CODE_claim, &claim);
}

static void enter(struct frontend *frontend, enum claim_state state)
{
        struct claim *claim = &frontend->claim;

        claim->state = state;
        claim->deadline_ms = frontend->now_ms + CLAIM_REPEAT_MS;
        if (state == CLAIM_CLAIMING) {
                claim->seen = false;
                say(frontend, WIRE_CLAIM_CLAIM, NULL);
        } else if (state == CLAIM_ACCEPTING) {
                say(frontend, WIRE_CLAIM_ACCEPTED, NULL);
        }
}

static void give_up(struct frontend *frontend, const char *why)
{
        event_note(frontend->seams.events, EVENT_ERROR, "frontend.partition_lost", NULL,
                   {"index", NULL, frontend->options.index}, {"reason", why, 0});
        frontend->claim.state = CLAIM_GIVEN_UP;
}

static void hold(struct frontend *frontend)
{
        event_note(frontend->seams.events, EVENT_INFO, "frontend.serving", NULL, {"index", NULL, frontend->options.index});
        frontend->claim.state = CLAIM_HOLDING;
        frontend->claim.deadline_ms = 0;
        upkeep_begin(frontend);
        listen_resume(frontend);
}

void claim_assigned(struct frontend *frontend)
{
        if (frontend->claim.state == CLAIM_ASSIGNING)
                enter(frontend, CLAIM_CLAIMING);
}

void claim_doubt(struct frontend *frontend)
{
        struct claim *claim = &frontend->claim;

        if (claim->state == CLAIM_CLAIMING || claim->state == CLAIM_ACCEPTING) {
                enter(frontend, CLAIM_CLAIMING);
        } else if (claim->state == CLAIM_HOLDING) {
                /* Another's "accepted" may have been skipped. Whoever holds the partition now answers this. */
                claim->deadline_ms = frontend->now_ms + CLAIM_REPEAT_MS;
                say(frontend, WIRE_CLAIM_CLAIM, NULL);
        }
}

static void read_claim(struct frontend *frontend, const struct wire_claim *read, bool own)
{
        struct claim *claim = &frontend->claim;

        if (!own) {
                /* seen: ours came before. */
                if (claim->state == CLAIM_HOLDING || claim->seen)
                        say(frontend, WIRE_CLAIM_HELD, &read->epoch);
                return;
        }
        if (claim->state != CLAIM_CLAIMING || claim->seen)
                return;
        claim->seen = true;
        claim->deadline_ms = frontend->now_ms + frontend->options.claim_wait_ms;
}

static void read_answer(struct frontend *frontend, const struct wire_claim *read, bool own)
{
        struct claim *claim = &frontend->claim;
        bool doubted = claim->state == CLAIM_HOLDING && frontend->now_ms < claim->deadline_ms;

        if (own) {
                claim->answered[claim->answered_next++ % CLAIM_ANSWERED_MAX] = read->answers;
                return;
        }
        if (!id_equal(&read->answers, &frontend->epoch))
                return;
        /* After our "accepted" was read back an answer is too late, unless we ask again ourselves. */
        if (claim->state == CLAIM_CLAIMING || claim->state == CLAIM_ACCEPTING || doubted)
                give_up(frontend, "it has a holder");
}

static bool was_answered(const struct claim *claim, const struct id *epoch)
{
        for (size_t i = 0; i < CLAIM_ANSWERED_MAX; i++)
                if (id_equal(&claim->answered[i], epoch))
                        return true;
        return false;
}

static void read_accepted(struct frontend *frontend, const struct wire_claim *read, bool own)
{
        struct claim *claim = &frontend->claim;

        if (own) {
                if (claim->state == CLAIM_ACCEPTING)
                        hold(frontend);
                return;
        }
        if (was_answered(claim, &read->epoch))
                return;
        /* ACCEPTING: ours comes after it in the partition, so the other gives up. */
        if (claim->state == CLAIM_CLAIMING || claim->state == CLAIM_HOLDING)
                give_up(frontend, "another frontend was accepted");
}

void claim_read(struct frontend *frontend, const struct wire_claim *read)
{
        bool own = id_equal(&read->epoch, &frontend->epoch);

        if (frontend->claim.state == CLAIM_ASSIGNING || frontend->claim.state == CLAIM_GIVEN_UP)
                return;
        if (read->state == WIRE_CLAIM_CLAIM)
                read_claim(frontend, read, own);
        else if (read->state == WIRE_CLAIM_HELD)
                read_answer(frontend, read, own);
        else if (read->state == WIRE_CLAIM_ACCEPTED)
                read_accepted(frontend, read, own);
}

void claim_run(struct frontend *frontend)
{
        struct claim *claim = &frontend->claim;

        if (claim->state != CLAIM_CLAIMING && claim->state != CLAIM_ACCEPTING)
                return;
        if (frontend->now_ms < claim->deadline_ms)
                return;
        enter(frontend, claim->seen ? CLAIM_ACCEPTING : CLAIM_CLAIMING);
}

uint64_t claim_next_ms(const struct frontend *frontend)
{
        const struct claim *claim = &frontend->claim;

        return claim->state == CLAIM_CLAIMING || claim->state == CLAIM_ACCEPTING ? claim->deadline_ms : UINT64_MAX;
}
