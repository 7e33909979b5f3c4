/* See upkeep.h. Life of a submission: next_job fills requests, submit, finish by its completion. */
#include "frontend/upkeep.h"

#include "base/memory.h"
#include "frontend/absence.h"
#include "frontend/answer.h"
#include "frontend/ending.h"
#include "frontend/output.h"

#define REMOVALS_AT_FIRST 64
#define ARENA_CHUNK       4096
#define ARENA_MAX         (1u << 20)

static const struct arena_source heap_source = {.take = memory_new, .give = memory_free};

void upkeep_init(struct upkeep *upkeep)
{
        *upkeep = (struct upkeep){.round = 1};
        arena_init(&upkeep->arena, &heap_source, ARENA_CHUNK, ARENA_MAX);
}

void upkeep_finish(struct upkeep *upkeep)
{
        arena_finish(&upkeep->arena);
        memory_free(upkeep->removals);
        upkeep->removals = NULL;
}

void upkeep_begin(struct frontend *frontend)
{
        frontend->upkeep.beat_ms = frontend->now_ms;
        frontend->upkeep.beaten_ms = frontend->now_ms;
}

/* ---- removals: a ring that grows while many leave and shrinks when all are gone ---- */

static bool grow_ring(struct upkeep *upkeep)
{
        uint32_t size = upkeep->removal_size ? upkeep->removal_size * 2 : REMOVALS_AT_FIRST;
        struct removal *grown;

        if (size > UPKEEP_REMOVALS_MAX)
                return false;
        grown = memory_new(size * sizeof(*grown));
        if (!grown)
                return false;
        for (uint32_t i = 0; i < upkeep->removal_count; i++)
                grown[i] = upkeep->removals[(upkeep->removal_first + i) % upkeep->removal_size];
        memory_free(upkeep->removals);
        upkeep->removals = grown;
        upkeep->removal_first = 0;
        upkeep->removal_size = size;
        return true;
}

void upkeep_remove(struct frontend *frontend, const struct id *epoch, uint64_t user, uint64_t connection)
{
        struct upkeep *upkeep = &frontend->upkeep;

        check(user != 0);
        /* An entry that is left over leads here again with the next delivery, and ends with the epoch. */
        if (upkeep->removal_count == upkeep->removal_size && !grow_ring(upkeep))
                return;
        upkeep->removals[(upkeep->removal_first + upkeep->removal_count++) % upkeep->removal_size] =
                (struct removal){.epoch = *epoch, .user = user, .connection = connection};
}

static void forget_removals(struct upkeep *upkeep, uint32_t count)
{
        check(count <= upkeep->removal_count);
        upkeep->removal_first = (upkeep->removal_first + count) % upkeep->removal_size;
        upkeep->removal_count -= count;
        if (upkeep->removal_count == 0 && upkeep->removal_size > REMOVALS_AT_FIRST) {
                memory_free(upkeep->removals);
                upkeep->removals = NULL;
                upkeep->removal_first = upkeep->removal_size = 0;
        }
}

/* ---- suspected loss ---- */

void upkeep_suspect_loss(struct frontend *frontend, const char *why)
{
        struct upkeep *upkeep = &frontend->upkeep;

        event_note(frontend->seams.events, EVENT_WARNING, "frontend.suspected_loss", NULL, {"reason", why, 0});
        upkeep->losses++;
        /* While a republishing is under way it may be too early for some: it begins anew when its submission is back. */
        upkeep->loss = UPKEEP_REPUBLISHING;
        upkeep->cursor = upkeep->cursor_next = 0;
        upkeep->lost_again = upkeep->job == UPKEEP_SET;
}

/* A refresh that pushed out another connection of the user: its frontend must close it. */
static void tell_replaced(struct frontend *frontend, const struct presence_entry *entry)
{
        uint8_t connection[8];
        struct wire_post post = {
                .epoch = entry->epoch,
                .connections = slice_of(connection, sizeof(connection)),
                .effect = WIRE_EFFECT_REPLACED,
                .user = entry->user,
                .device = entry->device,
        };

        be64_put(connection, entry->connection);
        (void)frontend_publish(frontend, entry->frontend, WIRE_CODE_post, &post);
}

static uint8_t other(uint8_t round)
{
        return round == 1 ? 2 : 1;
}

/* All are told. Who was told while others are waited for is waited for in the next round: each has his time. */
static void told(struct upkeep *upkeep, uint64_t overdue_ms)
{
        upkeep->loss = UPKEEP_WHOLE;
        if (upkeep->told == 0)
                return;
        if (upkeep->overdue_ms == 0)
                upkeep->overdue_ms = overdue_ms;
        else
                upkeep->overdue_next_ms = overdue_ms;
}

static void rejoin_some(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;
        uint8_t round = upkeep->overdue_ms ? other(upkeep->round) : upkeep->round;
        uint64_t within_ms = (uint64_t)frontend->connections.count * UPKEEP_REJOIN_EACH_MS;
        struct wire_rejoin rejoin = {.within_ms = max_of(min_of(within_ms, UPKEEP_REJOIN_MAX_MS), UPKEEP_REJOIN_MIN_MS)};
        struct block *block = answer_build(frontend, WIRE_CODE_rejoin, NULL, &rejoin);

        if (upkeep->cursor == 0) {
                upkeep->told_ms = frontend->now_ms;
                upkeep->told = 0;
        }
        for (int count = 0; block && count < UPKEEP_REJOINS_A_TURN && upkeep->cursor < frontend->connections.fresh;) {
                struct connection *connection = connection_at(&frontend->connections, upkeep->cursor++);

                if (!connection || (connection->state != CONNECTION_READY && connection->state != CONNECTION_JOINING))
                        continue;
                if (!connection->to_rejoin)
                        connection->to_rejoin = round;
                if (connection->state == CONNECTION_READY)
                        output_queue(frontend, connection, piece_of(block));
                else
                        output_hold(frontend, connection, piece_of(block));
                count++;
                upkeep->told++;
        }
        block_drop(&frontend->blocks, block);
        frontend->more = true;
        if (upkeep->cursor < frontend->connections.fresh)
                return;
        told(upkeep, frontend->now_ms + rejoin.within_ms + UPKEEP_OVERDUE_MS);
}

static void end_overdue(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;

        for (int ended = 0; ended < UPKEEP_REJOINS_A_TURN && upkeep->overdue_cursor < frontend->connections.fresh;) {
                struct connection *connection = connection_at(&frontend->connections, upkeep->overdue_cursor++);

                if (!connection || connection->state != CONNECTION_READY || connection->to_rejoin != upkeep->round)
                        continue;
                connection_end(frontend, connection, ERR_RESYNC, 0);
                ended++;
        }
        if (upkeep->overdue_cursor < frontend->connections.fresh) {
                frontend->more = true;
                return;
        }
        upkeep->overdue_cursor = 0;
        upkeep->overdue_ms = upkeep->overdue_next_ms;
        upkeep->overdue_next_ms = 0;
        upkeep->round = other(upkeep->round);
}

/* ---- submissions ---- */

static void add(struct upkeep *upkeep, const struct presence_request *request)
{
        check(upkeep->count < UPKEEP_BATCH);
        upkeep->requests[upkeep->count++] = *request;
}

static void add_connections(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;
        uint32_t slot = upkeep->cursor;

        for (; slot < frontend->connections.fresh && upkeep->count < UPKEEP_BATCH; slot++) {
                const struct connection *connection = connection_at(&frontend->connections, slot);

                if (!connection || connection->user == 0 || connection->state == CONNECTION_SIGNED_OUT)
                        continue;
                add(upkeep, &(struct presence_request){.kind = PRESENCE_SET,
                                                       .refresh = true,
                                                       .entry = {.user = connection->user,
                                                                 .connection = connection->id,
                                                                 .device = connection->device,
                                                                 .epoch = frontend->epoch,
                                                                 .frontend = frontend->options.index}});
        }
        upkeep->cursor_next = slot;
}

static void add_removals(struct upkeep *upkeep)
{
        for (uint32_t i = 0; i < min_of(upkeep->removal_count, UPKEEP_BATCH); i++) {
                const struct removal *removal = &upkeep->removals[(upkeep->removal_first + i) % upkeep->removal_size];

                add(upkeep,
                    &(struct presence_request){
                            .kind = PRESENCE_REMOVE,
                            .entry = {.user = removal->user, .connection = removal->connection, .epoch = removal->epoch}});
        }
}

/* What comes first: the end, the beat, then repairing a loss (also when nobody is left to republish), then removals. */
static enum upkeep_job next_job(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;
        struct presence_entry self = {.epoch = frontend->epoch, .frontend = frontend->options.index};

        upkeep->count = 0;
        if (upkeep->ended || upkeep->beat_ms == 0)
                return UPKEEP_NONE;
        if (upkeep->end_ms) {
                add(upkeep, &(struct presence_request){.kind = PRESENCE_END, .entry = self});
                return UPKEEP_END;
        }
        if (frontend->now_ms >= upkeep->beat_ms) {
                add(upkeep, &(struct presence_request){.kind = PRESENCE_BEAT, .entry = self});
                return UPKEEP_BEAT;
        }
        if (frontend->now_ms < upkeep->retry_ms)
                return UPKEEP_NONE;
        if (upkeep->loss == UPKEEP_REPUBLISHING) {
                add_connections(frontend);
                if (upkeep->count > 0)
                        return UPKEEP_SET;
                upkeep->loss = UPKEEP_REJOINING;
                upkeep->cursor = 0;
        }
        add_removals(upkeep);
        return upkeep->count > 0 ? UPKEEP_REMOVE : UPKEEP_NONE;
}

static void submit_next(struct frontend *frontend)
{
        struct presence *presence = frontend->seams.presence;
        struct upkeep *upkeep = &frontend->upkeep;
        enum upkeep_job job = next_job(frontend);

        if (job == UPKEEP_NONE)
                return;
        arena_reset(&upkeep->arena);
        memset(upkeep->results, 0, sizeof(upkeep->results));
        if (presence->ops->submit(presence, upkeep->requests, upkeep->count, upkeep->results, &upkeep->arena, job) ==
            ERR_OK) {
                upkeep->job = job;
                return;
        }
        upkeep->retry_ms = frontend->now_ms + UPKEEP_RETRY_MS;
        if (job == UPKEEP_BEAT)
                upkeep->beat_ms = upkeep->retry_ms;
}

static void beat_done(struct frontend *frontend, enum outcome outcome)
{
        struct upkeep *upkeep = &frontend->upkeep;
        uint64_t silent_ms = frontend->now_ms - upkeep->beaten_ms;
        bool ok = outcome == OUTCOME_OK;

        upkeep->beat_ms = frontend->now_ms + (ok ? PRESENCE_BEAT_MS : UPKEEP_RETRY_MS);
        upkeep->beat_doubt |= outcome == OUTCOME_UNCERTAIN;
        if (!ok)
                return;
        upkeep->beaten_ms = frontend->now_ms;
        if (upkeep->results[0].lost)
                upkeep_suspect_loss(frontend, "a delivery was given up");
        else if (upkeep->results[0].forgot)
                upkeep_suspect_loss(frontend, "presence forgot this frontend");
        else if (silent_ms > PRESENCE_LEASE_MS)
                upkeep_suspect_loss(frontend, "presence was not reached for too long");
        else if (upkeep->beat_doubt)
                upkeep_suspect_loss(frontend, "presence's answer to a beat was lost");
        else if (!upkeep->beats && frontend->connections.fresh > 0)
                /* Presence says `forgot` only of what it knew to beat: entries of clients that joined before may be gone unnoticed. */
                upkeep_suspect_loss(frontend, "clients came before the first beat");
        upkeep->beat_doubt = false;
        upkeep->beats = true;
}

static void set_done(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;

        for (uint32_t i = 0; i < upkeep->count; i++)
                for (size_t r = 0; r < upkeep->results[i].count; r++)
                        tell_replaced(frontend, &upkeep->results[i].entries[r]);
        if (!upkeep->lost_again)
                upkeep->cursor = upkeep->cursor_next;
        upkeep->lost_again = false;
}

static void removed(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;

        for (uint32_t i = 0; i < upkeep->count; i++)
                absence_note(frontend, upkeep->requests[i].entry.user);
        forget_removals(upkeep, upkeep->count);
}

static void finish(struct frontend *frontend, enum outcome outcome)
{
        struct upkeep *upkeep = &frontend->upkeep;
        enum upkeep_job job = upkeep->job;
        bool ok = outcome == OUTCOME_OK;

        upkeep->job = UPKEEP_NONE;
        if (!ok)
                upkeep->retry_ms = frontend->now_ms + UPKEEP_RETRY_MS;
        if (job == UPKEEP_BEAT)
                beat_done(frontend, outcome);
        else if (job == UPKEEP_SET && ok)
                set_done(frontend);
        else if (job == UPKEEP_REMOVE && ok)
                removed(frontend);
        else if (job == UPKEEP_END)
                upkeep->ended = true;
}

void upkeep_run(struct frontend *frontend)
{
        struct presence *presence = frontend->seams.presence;
        struct completion completion;

        /* Also when nothing is awaited: the driver may have a connection to look after. */
        while (presence->ops->poll(presence, &completion, 1) == 1) {
                check(frontend->upkeep.job != UPKEEP_NONE && completion.tag == frontend->upkeep.job);
                finish(frontend, completion.outcome);
        }
        if (frontend->upkeep.job == UPKEEP_NONE)
                submit_next(frontend);
        if (frontend->upkeep.loss == UPKEEP_REJOINING)
                rejoin_some(frontend);
        if (frontend->upkeep.overdue_ms && frontend->now_ms >= frontend->upkeep.overdue_ms)
                end_overdue(frontend);
}

bool upkeep_end(struct frontend *frontend)
{
        struct upkeep *upkeep = &frontend->upkeep;

        if (upkeep->beat_ms == 0)
                return true;
        if (upkeep->end_ms == 0)
                upkeep->end_ms = frontend->now_ms + UPKEEP_END_MS;
        return upkeep->ended || frontend->now_ms >= upkeep->end_ms;
}

static uint64_t work_next_ms(const struct frontend *frontend)
{
        const struct upkeep *upkeep = &frontend->upkeep;
        bool work = upkeep->removal_count > 0 || upkeep->loss != UPKEEP_WHOLE;

        if (upkeep->end_ms)
                return upkeep->job ? upkeep->end_ms : frontend->now_ms;
        if (upkeep->job || upkeep->beat_ms == 0)
                return UINT64_MAX;
        return work ? min_of(upkeep->beat_ms, max_of(upkeep->retry_ms, frontend->now_ms)) : upkeep->beat_ms;
}

uint64_t upkeep_next_ms(const struct frontend *frontend)
{
        uint64_t overdue_ms = frontend->upkeep.overdue_ms;

        return min_of(work_next_ms(frontend), overdue_ms ? overdue_ms : UINT64_MAX);
}
