/* Marks up, ticks down. */
#include "core/marks.h"

#include "core/join.h"
#include "core/state.h"

#define RETRY_FIRST_MS 1000

/* What the server should have. */
static uint64_t delivered_of(const struct room *room)
{
        return max_of(room->delivered, room->marks.delivered);
}

static uint64_t read_of(const struct room *room)
{
        return min_of(room->read, delivered_of(room));
}

/* Own messages need no mark: nobody's tick or badge depends on them. */
static bool is_due(const struct core *core, const struct room *room)
{
        if (room->mark_off || room->left)
                return false;
        if (room->others_head > room->marks.delivered && delivered_of(room) > room->marks.delivered)
                return true;
        if (room->others_head > room->marks.read && read_of(room) > room->marks.read)
                return true;
        return room->show_again && read_of(room) > room->marks.shown && !settings_without_receipts(core);
}

void marks_show_again(struct core *core)
{
        for (uint32_t i = 0; i < core->rooms.count; i++) {
                struct room *room = core->rooms.by_id[i];

                room->show_again = true;
                room_work(core, room);
        }
}

void marks_gather(struct core *core, struct room *room)
{
        if (!is_due(core, room))
                room->mark_ms = max_of(room->mark_ms, core->now_ms + MARK_GATHER_MS);
}

bool marks_room_step(struct core *core, struct room *room)
{
        struct wire_mark mark;

        if (!is_due(core, room))
                return room->marking != NULL;
        if (core->link.state != LINK_READY || room->marking || room->mark_ms > core->now_ms ||
            core->requests.marks >= MARKS_MAX)
                return true;
        mark = (struct wire_mark){.delivered = delivered_of(room), .read = read_of(room)};
        mark.shown = settings_without_receipts(core) ? room->marks.shown : max_of(mark.read, room->marks.shown);
        room->marking = request_send(core, WIRE_CODE_mark, NULL, room, &mark);
        if (!room->marking) {
                room->mark_ms = core->now_ms + CORE_FULL_PAUSE_MS;
                return true;
        }
        room->marking->mark.delivered = mark.delivered;
        room->marking->mark.read = mark.read;
        room->marking->mark.shown = mark.shown;
        room->mark_ms = core->now_ms + MARK_INTERVAL_MS;
        return true;
}

uint64_t marks_room_due(const struct core *core, const struct room *room)
{
        if (!is_due(core, room) || core->link.state != LINK_READY || room->marking || core->requests.marks >= MARKS_MAX)
                return UINT64_MAX;
        return room->mark_ms;
}

static bool take(struct core *core, struct room *room, const struct wire_marked *marked)
{
        room_take_marks(core, room, &marked->marks, false);
        room_take_lowest(core, room, &marked->lowest);
        return live_drain(core, room); /* they may tell of operations that were not delivered */
}

bool mark_late(struct core *core, const struct wire_frame *frame, const struct wire_marked *marked)
{
        struct room *room = room_find(core, &frame->room);

        return !room || take(core, room, marked);
}

bool mark_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        const struct wire_marked *marked = message;
        struct room *room = request->room;

        (void)frame;
        room->marking = NULL;
        room->mark_tries = 0;
        room->show_again &= request->mark.shown < request->mark.read; /* it went before they were on again */
        return take(core, room, marked);
}

void mark_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct room *room = request->room;

        room->marking = NULL;
        room_work(core, room);
        if (error == ERR_CLOSED || request_ended_link(core, error))
                return;
        if (error_class((unsigned)error) == ERROR_CLASS_REFUSED && error != ERR_LATE) {
                room->mark_off = true;
        } else {
                uint64_t pause = core_pause_ms(core, room->mark_tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS);

                room->mark_tries = (uint8_t)min_of(room->mark_tries + 1, 30);
                room->mark_ms = core->now_ms + max_of(retry_after_ms, pause);
        }
}

bool marks_moved(struct core *core, const struct id *id, const struct wire_marks_moved *moved)
{
        struct room *room = room_find(core, id);

        if (!room) { /* it comes with a Join's answer, or was left out: there are too many */
                join_overtaken(core);
                return true;
        }
        if (moved->has & WIRE_HAS(marks_moved, marks))
                room_take_marks(core, room, &moved->marks, false);
        if (moved->has & WIRE_HAS(marks_moved, lowest))
                room_take_lowest(core, room, &moved->lowest);
        return live_drain(core, room);
}

void core_read(struct core *core, const struct id *id, uint64_t seq, struct core_time time)
{
        struct room *room = room_find(core, id);

        core_set_time(core, time);
        if (!room || min_of(seq, room->head) <= room->read)
                return;
        room->read = min_of(seq, room->head);
        room_dirty(core, room, false);
        room_notice(core, room, NOTICE_ROOM);
        room_work(core, room);
        core_step(core);
}

/* ---- ticks ---- */

/* The lowest of the others: without the one who asks, that is the second where he holds the first himself. */
static bool lowest_of_others(const struct wire_lowest *lowest, uint64_t me, uint32_t first_bit, uint64_t first,
                             uint64_t holder, uint32_t second_bit, uint64_t second, uint64_t *value)
{
        bool mine = holder == me;

        if (!(lowest->has & (mine ? second_bit : first_bit)))
                return false;
        *value = mine ? second : first;
        return true;
}

#define LOWEST(of, me, name, value)                                                                                         \
        lowest_of_others(of, me, WIRE_HAS(lowest, name##_first), (of)->name##_first, (of)->name##_user,                     \
                         WIRE_HAS(lowest, name##_second), (of)->name##_second, value)

static struct core_ticks ticks_of(const struct wire_lowest *lowest, uint64_t me)
{
        struct core_ticks ticks = {0};
        uint64_t mark;

        if (!LOWEST(lowest, me, counted, &ticks.from))
                return (struct core_ticks){0};
        if (LOWEST(lowest, me, delivered, &mark))
                ticks.delivered = mark;
        if (LOWEST(lowest, me, shown, &mark))
                ticks.read = mark;
        return ticks;
}

struct core_ticks core_ticks(const struct core_room_info *info, uint64_t me)
{
        return ticks_of(&info->lowest, me);
}

enum core_message_state core_row_state(const struct core *core, const struct id *id, uint64_t seq, uint64_t sender)
{
        const struct room *room = room_find(core, id);
        struct core_ticks ticks;

        if (!room || sender != core->account.user)
                return CORE_MESSAGE_SENT;
        ticks = ticks_of(&room->lowest, core->account.user);
        if (ticks.from >= seq)
                return CORE_MESSAGE_SENT;
        return ticks.read >= seq ? CORE_MESSAGE_READ : ticks.delivered >= seq ? CORE_MESSAGE_DELIVERED : CORE_MESSAGE_SENT;
}
