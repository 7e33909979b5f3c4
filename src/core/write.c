/* Write frames: which entries go, and what each answer means. */
#include "core/outbox.h"
#include "core/state.h"
#include "rules/limits.h"
#include "rules/row.h"

#define RETRY_FIRST_MS  250
#define DOUBT_MAX_MS    2000 /* the longest pause where no answer came: that it did not has taken seconds already */
#define FRAME_EXTRA     (WIRE_HEADER_SIZE_MAX + 16)
#define OPERATION_EXTRA 80

/* ---- sending ---- */

/* The next entries of a room that may go together, in order. */
static uint32_t collect(struct core *core, struct room *room, struct entry **entries)
{
        uint32_t count = 0, max = room->write_single ? 1 : core->link.operations_max;
        size_t size = FRAME_EXTRA;

        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state == ENTRY_FAILED || entry->state == ENTRY_ANSWERED || entry->state == ENTRY_RETRYING)
                        continue;
                if (entry->state != ENTRY_QUEUED || entry->wait_ms > core->now_ms || count == max)
                        break;
                if (!entry->here) {
                        if (count == 0)
                                (void)loader_want_text(core, &room->id, &entry->id);
                        break;
                }
                size += entry->operation.text.size + entry->operation.origin.size + OPERATION_EXTRA;
                if (size > core->link.up_max)
                        break;
                entries[count++] = entry;
        }
        return count;
}

static void want_retry_texts(struct core *core, struct room *room)
{
        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state == ENTRY_RETRYING && !loader_want_text(core, &room->id, &entry->id))
                        return;
        }
}

bool write_room_step(struct core *core, struct room *room)
{
        struct wire_operation operations[OPERATIONS_MAX];
        struct entry *entries[OPERATIONS_MAX];
        struct wire_write write = {0};

        if (list_empty(&room->outbox))
                return false;
        want_retry_texts(core, room);
        if (core->link.state != LINK_READY || room->writing || room->write_ms > core->now_ms ||
            core->requests.writes >= OUTBOX_WRITES_MAX)
                return true;
        write.operations.count = collect(core, room, entries);
        if (write.operations.count == 0)
                return true;
        for (uint32_t i = 0; i < write.operations.count; i++) {
                operations[i] = entries[i]->operation;
                operations[i].id = entries[i]->id;
        }
        write.operations.items = operations;
        room->writing = request_send(core, WIRE_CODE_write, NULL, room, &write);
        if (!room->writing) {
                room->write_ms = core->now_ms + CORE_FULL_PAUSE_MS;
                return true;
        }
        for (uint32_t i = 0; i < write.operations.count; i++) {
                entries[i]->state = ENTRY_FLYING;
                entries[i]->sent_ms = core->now_ms;
        }
        /* Behind the others, so that every room has its turn. */
        list_remove(&room->work);
        list_append(&core->rooms.work, &room->work);
        return true;
}

uint64_t write_room_due(const struct core *core, const struct room *room)
{
        if (core->link.state != LINK_READY || room->writing || core->requests.writes >= OUTBOX_WRITES_MAX)
                return UINT64_MAX;
        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state == ENTRY_QUEUED && (entry->here || core->loader.want == WANT_NONE))
                        return max_of(entry->wait_ms, room->write_ms);
                if (entry->state == ENTRY_KEEPING)
                        break;
        }
        return UINT64_MAX;
}

/* ---- what an answer means for one entry ---- */

enum verdict { VERDICT_DONE, VERDICT_RETRY, VERDICT_DOUBT, VERDICT_REFUSED };

static enum verdict verdict_of(unsigned status)
{
        if (status == ERR_LATE) /* this attempt was not done and never will be; the message may still go */
                return VERDICT_RETRY;
        switch (error_class(status)) {
        case ERROR_CLASS_OK:
                return VERDICT_DONE;
        case ERROR_CLASS_BUSY:
                return VERDICT_RETRY;
        case ERROR_CLASS_UNKNOWN:
        case ERROR_CLASS_LOCAL:
                return VERDICT_DOUBT;
        case ERROR_CLASS_REFUSED:
                return VERDICT_REFUSED;
        }
        return VERDICT_DOUBT;
}

static void pause_room(struct core *core, struct room *room, enum verdict verdict, uint64_t retry_after_ms)
{
        uint64_t pause_max_ms = verdict == VERDICT_DOUBT ? DOUBT_MAX_MS : CORE_RETRY_MAX_MS;
        uint64_t pause = core_pause_ms(core, room->write_tries, RETRY_FIRST_MS, pause_max_ms);

        room->write_ms = core->now_ms + max_of(retry_after_ms, pause);
        room->write_tries = (uint8_t)min_of(room->write_tries + 1, 30);
}

static void doubt(struct core *core, struct entry *entry)
{
        entry->state = ENTRY_QUEUED;
        entry->doubt_ms = max_of(core->now_ms, UINT64_C(1));
}

static void refuse(struct core *core, struct room *room, struct entry *entry, enum error error)
{
        uint64_t past_ms = entry->doubt_ms + core->link.reply_ms + core->link.margin_ms;

        if (entry->doubt_ms == 0 || entry->sent_ms >= past_ms) {
                outbox_fail(core, room, entry, error);
                return;
        }
        entry->state = ENTRY_QUEUED;
        entry->wait_ms = past_ms;
}

/* What alters a row is done when the server has it: its row comes with the answer, or (it was done before) with what fills the
 * gap. False: no memory, or unlawful. */
static bool altered(struct core *core, struct room *room, const struct wire_outcome *outcome)
{
        struct wire_delivery delivery = {.has = WIRE_HAS(delivery, row), .number = outcome->seq, .row = outcome->row};

        if (!outbox_done(core, room, &outcome->id, outcome->seq))
                return false;
        if (outcome->has & WIRE_HAS(outcome, row))
                return live_delivery(core, &room->id, &delivery);
        live_behind(core, room, outcome->seq);
        return true;
}

/* False: no memory, or unlawful. */
static bool settle(struct core *core, struct room *room, struct entry *entry, const struct wire_outcome *outcome)
{
        switch (verdict_of((unsigned)outcome->status)) {
        case VERDICT_DONE:
                if (outcome->seq == 0 || outcome->seq == UINT64_MAX)
                        return false;
                room->write_tries = 0;
                if (row_alters((unsigned)entry->operation.kind, entry->operation.target))
                        return altered(core, room, outcome);
                entry->state = ENTRY_ANSWERED;
                return live_own(core, room, &outcome->id, outcome->seq, outcome->time_ms, outcome->n);
        case VERDICT_RETRY:
                entry->state = ENTRY_QUEUED;
                pause_room(core, room, VERDICT_RETRY, outcome->retry_after_ms);
                return true;
        case VERDICT_DOUBT:
                doubt(core, entry);
                pause_room(core, room, VERDICT_DOUBT, outcome->retry_after_ms);
                return true;
        case VERDICT_REFUSED:
                refuse(core, room, entry, (enum error)outcome->status);
                return true;
        }
        unreachable();
}

/* ---- answers ---- */

static bool is_any_done(const struct wire_written *written)
{
        struct wire_iterator iterator;
        struct wire_outcome outcome;
        bool done = false;

        wire_list_start(&iterator, WIRE_STRUCTURE(written), 1, &written->outcomes);
        while (wire_list_next(&iterator, &outcome))
                done |= outcome.status == ERR_OK;
        return done;
}

bool write_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        const struct wire_written *written = message;
        struct room *room = request ? request->room : room_find(core, &frame->room);
        struct wire_iterator iterator;
        struct wire_outcome outcome;
        bool out = false;

        if (!room && is_any_done(written))
                room = room_get(core, &frame->room);
        if (!room)
                return true;
        if (request)
                room->writing = NULL;
        wire_list_start(&iterator, WIRE_STRUCTURE(written), 1, &written->outcomes);
        while (wire_list_next(&iterator, &outcome)) {
                struct entry *entry = outbox_find(room, &outcome.id);

                /* Done again, in an era that did not know it (L9): its sender gets no delivery of it. */
                if (!entry && outcome.status == ERR_OK)
                        live_behind(core, room, outcome.seq);
                /* Of a late answer only what was done is believed: of what was not, a newer attempt may be under way. */
                if (!entry || entry->state == ENTRY_ANSWERED || entry->state == ENTRY_FAILED ||
                    (!request && outcome.status != ERR_OK) || (request && entry->state != ENTRY_FLYING))
                        continue;
                out |= outcome.status == ERR_REVOKED;
                if (!settle(core, room, entry, &outcome))
                        return false;
        }
        if (request) { /* those it says nothing about */
                list_each(&room->outbox, entry, struct entry, node) {
                        if (entry->state == ENTRY_FLYING) {
                                doubt(core, entry);
                                pause_room(core, room, VERDICT_DOUBT, 0);
                        }
                }
                room->write_single = false;
        }
        room_work(core, room);
        if (out)
                account_revoked(core);
        return true;
}

/* The frame as a whole was refused: it is the fault of one operation, or of them all. */
static void refuse_frame(struct core *core, struct room *room, enum error error)
{
        uint32_t flying = 0;

        list_each(&room->outbox, entry, struct entry, node)
                flying += entry->state == ENTRY_FLYING;
        room->write_single = flying > 1;
        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state != ENTRY_FLYING)
                        continue;
                if (flying > 1)
                        entry->state = ENTRY_QUEUED;
                else
                        refuse(core, room, entry, error);
        }
}

void write_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct room *room = request->room;
        enum verdict verdict = verdict_of((unsigned)error);

        room->writing = NULL;
        room_work(core, room);
        if (error == ERR_REVOKED) {
                account_revoked(core);
                return;
        }
        /* About the connection, not about the message: another one is needed. */
        if (error == ERR_BAD_TOKEN || error == ERR_NOT_NOW || error == ERR_BAD_FRAME || error == ERR_UNKNOWN_CODE)
                verdict = VERDICT_RETRY;
        if (verdict == VERDICT_REFUSED) {
                refuse_frame(core, room, error);
                return;
        }
        list_each(&room->outbox, entry, struct entry, node) {
                if (entry->state != ENTRY_FLYING)
                        continue;
                if (verdict == VERDICT_RETRY)
                        entry->state = ENTRY_QUEUED;
                else
                        doubt(core, entry);
        }
        if (error != ERR_CLOSED)
                pause_room(core, room, verdict, retry_after_ms);
        if (error == ERR_BAD_TOKEN || error == ERR_NOT_NOW)
                link_close(core, 0);
}
