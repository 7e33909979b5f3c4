/* Live operations: apply, drop or hold. */
#include "core/marks.h"
#include "core/state.h"
#include "core/sync.h"
#include "rules/room.h"

/* ---- held ones ---- */

static void held_free(struct core *core, struct held *held)
{
        list_remove(&held->node);
        core->sync.held_count--;
        recycler_give(&core->memory, held, sizeof(*held) + held->size);
}

void held_forget(struct core *core, struct room *room)
{
        while (!list_empty(&room->held))
                held_free(core, container_of(list_first(&room->held), struct held, node));
}

/* The server is ahead of us: whatever is missing is asked for if it does not come by itself. */
static void note_gap(struct core *core, struct room *room, uint64_t number)
{
        room->seen_head = max_of(room->seen_head, number);
        if (room->gap_ms == 0)
                room->gap_ms = core->now_ms + SYNC_GAP_MS;
        room_work(core, room);
}

void live_behind(struct core *core, struct room *room, uint64_t number)
{
        if (number > room->head && number < UINT64_MAX)
                note_gap(core, room, number);
}

/* A place for operation `number` in the list, in order. NULL if it is there already or there is no room: then it is fetched. */
static struct held *hold(struct core *core, struct room *room, uint64_t number, size_t size)
{
        struct list_node *before = &room->held.head;
        struct held *held;

        note_gap(core, room, number);
        list_each(&room->held, other, struct held, node) {
                if (other->number == number)
                        return NULL;
                if (other->number > number && before == &room->held.head)
                        before = &other->node;
        }
        if (core->sync.held_count >= core->limits.held_max)
                return NULL;
        held = recycler_take(&core->memory, sizeof(*held) + size);
        if (!held)
                return NULL;
        held->number = number;
        held->size = (uint32_t)size;
        list_insert_before(before, &held->node);
        core->sync.held_count++;
        return held;
}

static void hold_delivery(struct core *core, struct room *room, const struct wire_delivery *delivery)
{
        size_t size = record_row_size(&delivery->row) + 32;
        struct held *held = hold(core, room, delivery->number, size);
        uint8_t *at;

        if (!held)
                return;
        at = wire_encode(WIRE_STRUCTURE(delivery), delivery, held->body, held->body + size);
        check(at);
        held->time_ms = (uint64_t)(at - held->body); /* where it begins */
}

/* ---- applying ---- */

/* Operation head + 1 (or the first we hear of a room). False: no memory. */
static bool apply(struct core *core, struct room *room, uint64_t number, const struct wire_row *row)
{
        struct batch_place place;
        bool next = number == room->head + 1;

        if (!batch_place(core, &place) || !holes_reserve(&room->holes, &core->memory))
                return false;
        /* Its title, and who one is in it: unless it begins here. */
        if (room->kind == ROOM_GROUP && !room->listed && room->head == 0 && number > 1)
                join_again(core, 0);
        if (row && !group_take_row(core, room, row, next))
                return false;
        if (row && row->sender != core->account.user)
                marks_gather(core, room);
        if (row && (!room_put_row(core, room, row, NULL) || !outbox_row_arrived(core, room, row))) {
                batch_undo_rows(core, &place);
                return false;
        }
        if (!row)
                room->others_head = max_of(room->others_head, number);
        room_cover(core, room, number, number);
        if (row)
                room_count_row(core, room, row);
        return true;
}

static bool apply_held(struct core *core, struct room *room, struct held *held)
{
        struct wire_delivery delivery;
        struct wire_row row;

        if (held->own) {
                if (!outbox_make_row(core, room, &held->id, held->number, held->time_ms, held->n, &row))
                        return true; /* discarded meanwhile: the gap brings it */
                return apply(core, room, held->number, &row);
        }
        check(wire_decode(WIRE_STRUCTURE(delivery), slice_of(held->body + held->time_ms, held->size - held->time_ms),
                          &delivery, NULL) == ERR_OK);
        return apply(core, room, held->number, delivery.has & WIRE_HAS(delivery, row) ? &delivery.row : NULL);
}

bool live_drain(struct core *core, struct room *room)
{
        while (!list_empty(&room->held)) {
                struct held *held = container_of(list_first(&room->held), struct held, node);
                bool done = true;

                if (held->number > room->head + 1)
                        break;
                if (held->number == room->head + 1)
                        done = apply_held(core, room, held);
                else if (held->own) /* it is in a hole: acknowledged, and fetched with the rest */
                        done = outbox_done(core, room, &held->id, held->number);
                held_free(core, held);
                if (!done)
                        return false;
        }
        if (room->seen_head <= room->head)
                room->gap_ms = 0;
        else
                note_gap(core, room, room->seen_head);
        return true;
}

bool live_delivery(struct core *core, const struct id *id, const struct wire_delivery *delivery)
{
        const struct wire_row *row = delivery->has & WIRE_HAS(delivery, row) ? &delivery->row : NULL;
        uint64_t number = delivery->number;
        struct room *room;

        /* The operation made the row or altered an older one; since then others may have altered it again. */
        if (number == 0 || number == UINT64_MAX ||
            (row && (row->seq > number || !room_row_lawful(row, number - 1, UINT64_MAX))))
                return false;
        if (row && row->seq == number)
                watch_spoke(core, id, row->sender);
        room = room_get(core, id);
        if (!room)
                return core->rooms.count >= core->limits.rooms_max;
        if (number <= room->head) /* we have it; an own message may learn so that it was done */
                return !row || outbox_row_arrived(core, room, row);
        /* The first we hear of a room: what was before is a hole in it, not a gap. */
        if (number > room->head + 1 && (room->listed || room->head > 0)) {
                hold_delivery(core, room, delivery);
                return true;
        }
        return apply(core, room, number, row) && live_drain(core, room);
}

bool live_own(struct core *core, struct room *room, const struct id *id, uint64_t seq, uint64_t time_ms, uint64_t n)
{
        struct wire_row row;
        struct held *held;

        if (seq <= room->head)
                return outbox_done(core, room, id, seq);
        if (seq == room->head + 1 || (room->head == 0 && !room->listed)) {
                if (!outbox_make_row(core, room, id, seq, time_ms, n, &row)) {
                        live_behind(core, room, seq);
                        return true;
                }
                return apply(core, room, seq, &row) && live_drain(core, room);
        }
        held = hold(core, room, seq, 0);
        if (!held) /* it comes with what fills the gap */
                return outbox_done(core, room, id, seq);
        held->own = true;
        held->id = *id;
        held->time_ms = time_ms;
        held->n = n;
        return true;
}
