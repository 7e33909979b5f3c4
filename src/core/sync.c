/* Pages of changes: for gaps, for what the user scrolls to, and in the background. */
#include "core/sync.h"

#include "core/state.h"
#include "rules/limits.h"
#include "rules/room.h"

#define RETRY_FIRST_MS 500

/* ---- asking ---- */

/* False: not now (too many under way, or the output is full). */
static bool fetch(struct core *core, struct room *room, uint64_t after, uint64_t before, uint32_t rows)
{
        struct wire_changes changes = {.after = after, .before = before, .limit = min_of(rows, CHANGES_MAX)};
        struct request *request;

        check(!room->fetching && changes.limit > 0);
        if (core->requests.fetches >= SYNC_FETCHES_MAX)
                return false;
        request = request_send(core, WIRE_CODE_changes, NULL, room, &changes);
        if (!request) {
                room->fetch_ms = core->now_ms + CORE_FULL_PAUSE_MS;
                return false;
        }
        request->fetch.after = after;
        request->fetch.before = before;
        request->fetch.head = room->head;
        room->fetching = request;
        return true;
}

void fetch_touched(struct room *room, uint64_t seq)
{
        struct request *request = room->fetching;

        if (!request || request->touched_count > FETCH_TOUCHED)
                return;
        if (request->touched_count < FETCH_TOUCHED)
                request->fetch.touched[request->touched_count] = seq;
        request->touched_count++;
}

static bool was_touched(const struct request *request, uint64_t seq)
{
        for (unsigned i = 0; i < min_of((unsigned)request->touched_count, (unsigned)FETCH_TOUCHED); i++)
                if (request->fetch.touched[i] == seq)
                        return true;
        return false;
}

/* ---- a page ---- */

/* Puts the rows of a page. *lowest: the lowest `changed` there. A row that was changed live while the page was under way is
 * newer here than in the page, unless the page is about numbers above our head. */
static bool put_rows(struct core *core, struct request *request, const struct wire_change_page *page,
                     struct batch_place *place, uint64_t *lowest, uint32_t *count)
{
        struct room *room = request->room;
        uint64_t head = room->head, before = request->fetch.before ? request->fetch.before : UINT64_MAX;
        struct wire_iterator iterator;
        struct wire_row row;

        before = min_of(before, page->head + 1);
        wire_list_start(&iterator, WIRE_STRUCTURE(change_page), 1, &page->rows);
        while (wire_list_next(&iterator, &row)) {
                if (!room_row_lawful(&row, request->fetch.after, before))
                        return false;
                before = *lowest = row.changed;
                (*count)++;
                if (row.changed <= head && (!holes_has(&room->holes, row.changed) || was_touched(request, row.seq)))
                        continue;
                if (!group_take_row(core, room, &row, false) || !room_put_row(core, room, &row, place) ||
                    !outbox_row_arrived(core, room, &row))
                        return false;
        }
        return true;
}

static void count_rows(struct core *core, struct room *room, const struct wire_change_page *page, uint64_t old_head)
{
        struct wire_iterator iterator;
        struct wire_row row;

        wire_list_start(&iterator, WIRE_STRUCTURE(change_page), 1, &page->rows);
        while (wire_list_next(&iterator, &row))
                if (row.seq > old_head || row.changed > old_head)
                        room_count_row(core, room, &row);
}

static bool take_page(struct core *core, struct request *request, const struct wire_change_page *page, uint32_t *count)
{
        struct room *room = request->room;
        uint64_t lowest = UINT64_MAX, old_head = room->head, from, to;
        struct batch_place place;

        if (page->head == UINT64_MAX || !batch_place(core, &place) || !holes_reserve(&room->holes, &core->memory))
                return false;
        /* Rows and numbers, or neither. A page that says "more" and has none would go round for ever. */
        if (!put_rows(core, request, page, &place, &lowest, count) || (page->more && *count == 0)) {
                batch_undo_rows(core, &place);
                return false;
        }
        to = request->fetch.before ? min_of(request->fetch.before - 1, page->head) : page->head;
        from = page->more ? lowest : request->fetch.after + 1;
        if (from <= to)
                room_cover(core, room, from, to);
        count_rows(core, room, page, old_head);
        room_take_marks(core, room, &page->marks, false);
        room_take_lowest(core, room, &page->lowest);
        room->seen_head = max_of(room->seen_head, page->head);
        return true;
}

static void history_end(struct core *core, struct room *room, enum error error)
{
        if (!room->history_on)
                return;
        room->history_on = false;
        room->history_error = (uint8_t)error;
        room->history_batch = batch_barrier(core);
        room_notice(core, room, NOTICE_HISTORY);
}

bool fetch_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        struct room *room = request->room;
        const struct wire_change_page *page = message;
        uint32_t count = 0;

        (void)frame;
        room->fetching = NULL;
        room->fetch_tries = 0;
        core->sync.scan_ms = 0;
        room_work(core, room);
        if (page->head < request->fetch.head)
                return room_forget_rows(core, room); /* the store went back; the next Join brings the room anew */
        if (request->touched_count > FETCH_TOUCHED)
                return true; /* too much changed meanwhile: asked again */
        if (!take_page(core, request, page, &count))
                return false;
        room->history_rows -= min_of(room->history_rows, count);
        room->gap_ms = 0; /* what is still missing is another gap, with its own half second */
        return live_drain(core, room);
}

void fetch_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct room *room = request->room;

        room->fetching = NULL;
        core->sync.scan_ms = 0;
        room_work(core, room);
        if (request_ended_link(core, error))
                return;
        if (error_class((unsigned)error) == ERROR_CLASS_REFUSED && error != ERR_LATE) {
                room->fetch_off = true;
                room->gap_ms = 0;
                history_end(core, room, error);
                return;
        }
        room->fetch_ms = core->now_ms +
                         max_of(retry_after_ms, core_pause_ms(core, room->fetch_tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS));
        room->fetch_tries = (uint8_t)min_of(room->fetch_tries + 1, 30);
}

/* ---- history ---- */

enum error core_history(struct core *core, const struct id *id, uint64_t seq, uint32_t rows_max, struct core_time time)
{
        struct room *room = room_find(core, id);

        core_set_time(core, time);
        if (!room)
                return ERR_NOT_FOUND;
        if (rows_max == 0)
                return ERR_BAD_FIELD;
        if (room->history_on)
                return ERR_FULL;
        if (seq == 0)
                seq = room->head > rows_max ? room->head - rows_max + 1 : 1;
        room->history_on = true;
        room->history_low = seq;
        room->history_rows = rows_max;
        if (core->link.state != LINK_READY)
                history_end(core, room, holes_top(&room->holes) < seq ? ERR_OK : ERR_AGAIN);
        room_work(core, room);
        core_step(core);
        return ERR_OK;
}

static void history_step(struct core *core, struct room *room)
{
        const struct hole *hole = holes_highest(&room->holes);

        if (!hole || hole->high < room->history_low || room->history_rows == 0) {
                history_end(core, room, ERR_OK);
                return;
        }
        if (room->fetch_off)
                history_end(core, room, ERR_NOT_ALLOWED);
        else if (!room->fetching && room->fetch_ms <= core->now_ms)
                (void)fetch(core, room, max_of(hole->low, room->history_low) - 1, hole->high + 1, room->history_rows);
}

/* ---- when ---- */

bool sync_room_step(struct core *core, struct room *room)
{
        if (core->link.state != LINK_READY)
                return false;
        if (room->gap_ms && room->gap_ms <= core->now_ms && !room->fetching && !room->fetch_off &&
            room->fetch_ms <= core->now_ms)
                (void)fetch(core, room, room->head, 0, CHANGES_MAX);
        if (room->history_on)
                history_step(core, room);
        return (room->gap_ms && !room->fetch_off) || room->history_on;
}

uint64_t sync_room_due(const struct core *core, const struct room *room)
{
        bool full = core->requests.fetches >= SYNC_FETCHES_MAX;

        if (core->link.state != LINK_READY || room->fetching || full || room->fetch_off)
                return UINT64_MAX;
        if (room->history_on)
                return room->fetch_ms;
        return room->gap_ms ? max_of(room->gap_ms, room->fetch_ms) : UINT64_MAX;
}

/* The highest hole that is to be filled in the background; false if there is none. */
static bool background_hole(const struct core *core, const struct room *room, struct hole *hole)
{
        const struct hole *highest = holes_highest(&room->holes);
        uint64_t floor = room_floor(core, room);

        if (!highest || highest->high <= floor || room->fetch_off)
                return false;
        *hole = (struct hole){max_of(highest->low, floor + 1), highest->high};
        return true;
}

static void background_step(struct core *core)
{
        struct id self = room_personal(core->account.user, core->account.user);
        uint64_t next_ms = UINT64_MAX;
        struct hole hole;

        /* The self room first: it has the settings of all others. */
        for (uint32_t i = 0; i <= core->rooms.count; i++) {
                struct room *room = i ? core->rooms.by_time[i - 1] : room_find(core, &self);

                if (!room || !background_hole(core, room, &hole) || room->fetching || room->history_on)
                        continue;
                if (room->fetch_ms > core->now_ms)
                        next_ms = min_of(next_ms, room->fetch_ms);
                else if (core->requests.fetches >= SYNC_BACKGROUND)
                        return; /* an answer lets it be looked at again */
                else if (!fetch(core, room, hole.low - 1, hole.high + 1, CHANGES_MAX))
                        next_ms = min_of(next_ms, core->now_ms + RETRY_FIRST_MS);
        }
        core->sync.scan_ms = next_ms;
}

void sync_step(struct core *core)
{
        if (core->link.state != LINK_READY)
                return;
        peers_step(core);
        if (core->sync.scan_ms <= core->now_ms && core->requests.fetches < SYNC_BACKGROUND)
                background_step(core);
}

uint64_t sync_due(const struct core *core)
{
        uint64_t due = UINT64_MAX;

        if (core->link.state != LINK_READY)
                return UINT64_MAX;
        if (core->requests.fetches < SYNC_BACKGROUND)
                due = core->sync.scan_ms;
        if (core->sync.peers_due && !core->sync.peers_asked)
                due = min_of(due, core->sync.peers_ms);
        return due;
}

void sync_link_lost(struct core *core)
{
        people_not_answered(core);
        core->sync.peers_asked = false;
        core->sync.peers_due = true;
        core->sync.peers_ms = 0;
        for (uint32_t i = 0; i < core->rooms.count; i++) {
                struct room *room = core->rooms.by_id[i];

                /* What is held is not known to be whole any more after Join; it is fetched. */
                held_forget(core, room);
                outbox_unanswered(room);
                room->gap_ms = room->fetch_ms = room->write_ms = room->mark_ms = 0;
                room->listed = room->peer_asked = false;
                history_end(core, room, ERR_CLOSED);
        }
}
