/* The first question of a link, and the ranges after it. */
#include "core/join.h"

#include "core/state.h"
#include "rules/limits.h"
#include "rules/room.h"

#define RETRY_FIRST_MS 500

/* ---- Join ---- */

/* Not all at the same moment who joined at the same moment. */
static uint64_t compare_time(struct core *core)
{
        return core->now_ms + JOIN_COMPARE_MS - core_random_below(core, JOIN_COMPARE_MS / 8);
}

static bool send_join(struct core *core)
{
        struct wire_cursor cursors[JOIN_ROOMS];
        struct wire_join join = {.era = core->account.era};
        bool again = !id_is_zero(&core->join.id); /* an answer to an earlier try, with lower heads, may still come */
        struct request *request;

        memset(cursors, 0, sizeof(cursors));
        for (uint32_t i = 0; i < core->rooms.count; i++)
                core->rooms.by_id[i]->marks_live = false;
        for (uint32_t i = 0; i < core->rooms.count && join.cursors.count < JOIN_ROOMS; i++) {
                struct room *room = core->rooms.by_time[i];

                if (room->head == 0)
                        continue;
                if (!again)
                        room->asked_head = room->head;
                cursors[join.cursors.count++] = (struct wire_cursor){.room = room->id, .head = room->head};
        }
        join.cursors.items = cursors;
        if (!again)
                core->join.id = core_new_id(core);
        request = request_send(core, WIRE_CODE_join, &core->join.id, NULL, &join);
        if (!request)
                return false;
        core->join.asked = true;
        core->join.again = false;
        return true;
}

/* Rows of a state that are newer than all we have. A state may be older than what was delivered meanwhile; its rows up to our
 * head are not newer than ours, so they are left. False: no memory, or unlawful. */
static bool put_rows(struct core *core, struct room *room, const struct wire_room_state *state, struct batch_place *place)
{
        struct wire_iterator iterator;
        uint64_t before = state->head + 1;
        struct wire_row row;

        wire_list_start(&iterator, WIRE_STRUCTURE(room_state), 5, &state->rows);
        while (wire_list_next(&iterator, &row)) {
                if (!room_row_lawful(&row, 0, before))
                        return false;
                before = row.changed;
                if (row.changed <= room->head || row.changed <= state->rows_after)
                        continue;
                if (!room_put_row(core, room, &row, place) || !outbox_row_arrived(core, room, &row))
                        return false;
        }
        return true;
}

/* The rows, then the numbers; neither without the other. */
static bool take_rows(struct core *core, struct room *room, const struct wire_room_state *state)
{
        struct batch_place place;
        struct wire_iterator iterator;
        struct wire_row row;

        if (!batch_place(core, &place) || !holes_reserve(&room->holes, &core->memory))
                return false;
        if (!put_rows(core, room, state, &place)) {
                batch_undo_rows(core, &place);
                return false;
        }
        room_cover(core, room, max_of(state->rows_after, room->head) + 1, state->head);
        wire_list_start(&iterator, WIRE_STRUCTURE(room_state), 5, &state->rows);
        while (wire_list_next(&iterator, &row))
                if (!holes_has(&room->holes, row.changed))
                        room_count_row(core, room, &row);
        return true;
}

static bool take_state(struct core *core, const struct wire_room_state *state)
{
        struct room *room;

        if (room_kind_of(&state->room) == ROOM_NONE || state->rows_after > state->head || state->head == UINT64_MAX ||
            state->joined_seq > state->head)
                return false;
        room = room_get(core, &state->room);
        if (!room) /* too many: the core shows what it can hold */
                return core->rooms.count >= core->limits.rooms_max;
        core->join.missed |= state->head > room->seen_head;
        room->listed = true;
        room->fetch_off = room->mark_off = false;
        if (state->head < room->asked_head && !room_forget_rows(core, room))
                return false;
        if (room->head == 0 && state->joined_seq > 1) /* what was before one's own join is not ours to fetch */
                room->head = room->seen_head = state->joined_seq - 1;
        room->joined_seq = state->joined_seq;
        if (state->head > room->head && !take_rows(core, room, state))
                return false;
        room_take_marks(core, room, &state->marks, true);
        room_take_lowest(core, room, &state->lowest);
        room_take_time(core, room, state->last_time_ms);
        room_notice(core, room, NOTICE_ROOM);
        return group_take_state(core, room, state) && room_take_peer(core, room, &state->peer) && live_drain(core, room);
}

/* Another era: rows, heads, holes and marks are of another past. Outbox and drafts stay (law L9). False: no memory. */
static bool take_era(struct core *core, const struct id *era, bool *changed)
{
        *changed = !id_is_zero(&core->account.era) && !id_equal(&core->account.era, era);
        if (*changed) {
                requests_close(core);
                if (!core_forget(core, true, ERR_OK))
                        return false;
                outbox_fail_targets(core);
        }
        core->account.era = *era;
        return true;
}

static bool take_joined(struct core *core, const struct wire_joined *joined)
{
        struct join *join = &core->join;
        bool was_ready = core->link.state == LINK_READY, changed;
        struct wire_room_state state;
        struct wire_iterator iterator;

        if (joined->profile.user != core->account.user || id_is_zero(&joined->era) ||
            (joined->token.size &&
             (joined->token.size != WIRE_TOKEN_SIZE || be64_get(joined->token.data) != core->account.user)))
                return false;
        /* Told to join again while this Join was under way: what was lost may be newer than what it read. */
        join->again &= join->asked;
        join->asked = join->comparing = false;
        join->id = (struct id){0};
        if (!take_era(core, &joined->era, &changed))
                return false;
        /* The fresh token is for the next link; this one is bound to the old. */
        if (!account_take_person(core, &joined->profile) || !account_take_token(core, joined->token))
                return false;
        wire_list_start(&iterator, WIRE_STRUCTURE(joined), 5, &joined->rooms);
        while (wire_list_next(&iterator, &state))
                if (!take_state(core, &state))
                        return false;
        join->joined = true;
        join->invites = joined->invites != 0;
        join->tries = 0;
        join->compare_ms = compare_time(core);
        if (core->link.state != LINK_READY)
                link_move(core, LINK_READY);
        watch_joined(core);
        if (!blocks_joined(core, joined->blocks))
                return false;
        join->ready_batch = batch_barrier(core);
        join->synced = false;
        join->after = (struct id){0};
        join->list = joined->more ? LIST_DUE : LIST_DONE;
        join->list_ms = core->now_ms;
        if (!joined->more) {
                join->synced = true;
                join->synced_batch = join->ready_batch;
        }
        /* What came between the server's reading and this was taken for known: it was beside numbers of another past. */
        if (changed && was_ready)
                join_again(core, 0);
        core->sync.scan_ms = 0;
        rooms_start_work(core);
        return true;
}

bool join_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        (void)request, (void)frame;
        return take_joined(core, message);
}

bool join_late(struct core *core, const struct wire_frame *frame, const void *message)
{
        if (core->link.state != LINK_JOINING || !id_equal(&frame->request, &core->join.id))
                return true;
        return take_joined(core, message);
}

void join_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct join *join = &core->join;

        join->asked = false;
        (void)request;
        if (error == ERR_CLOSED)
                return;
        if (error == ERR_REVOKED) {
                account_revoked(core);
        } else if (error == ERR_BAD_TOKEN && core->link.state == LINK_JOINING) {
                join->id = (struct id){0};
                link_move(core, LINK_WELCOME);
                account_renew(core);
        } else if (error == ERR_BAD_TOKEN) {
                link_close(core, 0);
        } else if (error_class((unsigned)error) == ERROR_CLASS_REFUSED && error != ERR_LATE) {
                link_close(core, LINK_RETRY_MAX_MS);
        } else {
                uint64_t pause = core_pause_ms(core, join->tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS);

                join->tries = (uint8_t)min_of(join->tries + 1, 30);
                join->again = true;
                join->again_ms = core->now_ms + max_of(retry_after_ms, pause);
        }
}

void join_again(struct core *core, uint64_t within_ms)
{
        if (core->link.state != LINK_READY || core->join.again)
                return;
        core->join.again = true;
        core->join.again_ms = core->now_ms + core_random_below(core, within_ms + 1);
}

void join_overtaken(struct core *core)
{
        struct join *join = &core->join;

        if ((!join->asked && join->list != LIST_ASKED) || core->rooms.count >= core->limits.rooms_max)
                return;
        join->again = true;
        join->again_ms = core->now_ms;
}

/* ---- the list ---- */

/* Nothing can have changed in it behind our back that a cursor does not tell: every mark is at the head, and so cannot move without the
 * head, and if others count now than before, the lowest marks have another version. */
static bool is_settled(const struct room *room)
{
        const struct wire_lowest *lowest = &room->lowest;
        uint64_t head = room->head;

        if (room->marks.read < head || room->marks.delivered < head || room->read > room->marks.read)
                return false;
        return lowest->delivered_first >= head && lowest->shown_first >= head && (lowest->has & WIRE_HAS(lowest, version));
}

static void send_range(struct core *core)
{
        struct wire_cursor cursors[JOIN_CURSORS_MAX];
        struct join *join = &core->join;
        struct wire_rooms rooms = {.after = join->after, .limit = ROOMS_MAX};
        uint32_t from = rooms_above(core, &join->after);
        uint32_t i = from;
        struct request *request;

        memset(cursors, 0, sizeof(cursors));
        for (; i < core->rooms.count && i - from < JOIN_CURSORS_MAX; i++) {
                struct room *room = core->rooms.by_id[i];

                room->asked_head = room->head;
                room->marks_live = false;
                if (room->head && is_settled(room))
                        cursors[rooms.cursors.count++] =
                                (struct wire_cursor){.room = room->id, .head = room->head, .lowest = room->lowest.version};
        }
        rooms.cursors.items = cursors;
        if (i < core->rooms.count) /* cursors beyond are for another range */
                rooms.until = core->rooms.by_id[i - 1]->id;
        request = request_send(core, WIRE_CODE_rooms, NULL, NULL, &rooms);
        if (!request) {
                join->list_ms = core->now_ms + RETRY_FIRST_MS;
                return;
        }
        request->rooms.after = join->after;
        request->rooms.until = rooms.until;
        join->list = LIST_ASKED;
}

bool join_rooms_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        const struct wire_room_page *page = message;
        struct join *join = &core->join;
        struct wire_room_state state;
        struct wire_iterator iterator;
        struct id through = id_is_zero(&page->through) ? request->rooms.until : page->through;

        (void)frame;
        if (!id_is_zero(&through) && id_compare(&through, &request->rooms.after) <= 0)
                return false; /* would go round for ever */
        wire_list_start(&iterator, WIRE_STRUCTURE(room_page), 1, &page->rooms);
        while (wire_list_next(&iterator, &state))
                if (!take_state(core, &state))
                        return false;
        join->tries = 0;
        join->after = through;
        join->list = LIST_DUE;
        join->list_ms = core->now_ms;
        if (id_is_zero(&through)) {
                join->list = LIST_DONE;
                join->synced = true;
                join->synced_batch = batch_barrier(core);
                if (join->comparing && join->missed)
                        join_again(core, JOIN_MISSED_MS);
                join->comparing = false;
        }
        core->sync.scan_ms = 0;
        return true;
}

void join_rooms_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct join *join = &core->join;

        (void)request;
        if (error == ERR_CLOSED || request_ended_link(core, error))
                return;
        join->list = LIST_DUE;
        join->list_ms =
                core->now_ms + max_of(retry_after_ms, core_pause_ms(core, join->tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS));
        join->tries = (uint8_t)min_of(join->tries + 1, 30);
}

/* ---- when ---- */

void join_step(struct core *core)
{
        struct join *join = &core->join;

        if (core->link.state == LINK_WELCOME && core->account.state == ACCOUNT_SIGNED_IN && !account_comes_first(core)) {
                if (send_join(core))
                        link_move(core, LINK_JOINING);
                else
                        link_close(core, 0);
        }
        if (core->link.state < LINK_JOINING)
                return;
        if (join->again && join->again_ms <= core->now_ms && !join->asked && join->list != LIST_ASKED && !send_join(core))
                join->again_ms = core->now_ms + RETRY_FIRST_MS;
        if (core->link.state != LINK_READY)
                return;
        if (join->list == LIST_DONE && join->compare_ms <= core->now_ms) {
                join->compare_ms = compare_time(core);
                join->comparing = true;
                join->missed = false;
                join->after = (struct id){0};
                join->list = LIST_DUE;
                join->list_ms = core->now_ms;
        }
        if (join->list == LIST_DUE && join->list_ms <= core->now_ms && !join->asked)
                send_range(core);
}

uint64_t join_due(const struct core *core)
{
        const struct join *join = &core->join;
        uint64_t due = UINT64_MAX;

        if (join->again && !join->asked && join->list != LIST_ASKED && core->link.state >= LINK_JOINING)
                due = join->again_ms;
        if (core->link.state != LINK_READY)
                return due;
        if (join->list == LIST_DUE && !join->asked)
                due = min_of(due, join->list_ms);
        return join->list == LIST_DONE ? min_of(due, join->compare_ms) : due;
}

void join_link_lost(struct core *core)
{
        core->join = (struct join){.list = LIST_DONE};
}
