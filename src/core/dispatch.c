/* From a frame to its handler: one table of what a server may send. Everything is decoded and checked before anyone sees it. */
#include "core/state.h"
#include "rules/room.h"

union dispatch_message {
        struct wire_welcome welcome;
        struct wire_pong pong;
        struct wire_error error;
        struct wire_bye bye;
        struct wire_done done;
        struct wire_code_sent code_sent;
        struct wire_signed_in signed_in;
        struct wire_joined joined;
        struct wire_room_page room_page;
        struct wire_change_page change_page;
        struct wire_window window;
        struct wire_people people;
        struct wire_member_page member_page;
        struct wire_found found;
        struct wire_pin_page pin_page;
        struct wire_reactor_list reactor_list;
        struct wire_device_list device_list;
        struct wire_blocked blocked;
        struct wire_block_list block_list;
        struct wire_written written;
        struct wire_marked marked;
        struct wire_delivery delivery;
        struct wire_marks_moved marks_moved;
        struct wire_rejoin rejoin;
        struct wire_watched watched;
        struct wire_status_moved status_moved;
        struct wire_types types;
};

static bool on_welcome(struct core *core, const struct wire_frame *frame, const void *message)
{
        (void)frame;
        return link_welcome(core, message);
}

static bool on_pong(struct core *core, const struct wire_frame *frame, const void *message)
{
        (void)core, (void)frame, (void)message;
        return true; /* that something was heard is all it says */
}

static bool on_bye(struct core *core, const struct wire_frame *frame, const void *message)
{
        (void)frame;
        return link_bye(core, message);
}

static bool on_error(struct core *core, const struct wire_frame *frame, const void *message)
{
        /* Before Welcome there is no request: it is about Hello. */
        if (core->link.state == LINK_HELLO) {
                core->link.refused = ((const struct wire_error *)message)->code;
                return false;
        }
        return request_answered(core, frame, message);
}

static bool on_delivery(struct core *core, const struct wire_frame *frame, const void *message)
{
        return live_delivery(core, &frame->room, message);
}

static bool on_marks_moved(struct core *core, const struct wire_frame *frame, const void *message)
{
        return marks_moved(core, &frame->room, message);
}

static bool on_rejoin(struct core *core, const struct wire_frame *frame, const void *message)
{
        const struct wire_rejoin *rejoin = message;

        (void)frame;
        join_again(core, rejoin->within_ms);
        return true;
}

static bool on_status_moved(struct core *core, const struct wire_frame *frame, const void *message)
{
        (void)frame;
        return watch_moved(core, message);
}

static bool on_types(struct core *core, const struct wire_frame *frame, const void *message)
{
        return watch_types(core, &frame->room, message);
}

static const struct dispatch_line {
        uint8_t code;
        uint8_t since; /* enum link_state: lawful from then on */
        bool (*handle)(struct core *core, const struct wire_frame *frame, const void *message);
} lines[] = {
        {WIRE_CODE_welcome, LINK_HELLO, on_welcome},
        {WIRE_CODE_pong, LINK_WELCOME, on_pong},
        {WIRE_CODE_error, LINK_HELLO, on_error},
        {WIRE_CODE_bye, LINK_HELLO, on_bye},
        {WIRE_CODE_done, LINK_WELCOME, request_answered},
        {WIRE_CODE_code_sent, LINK_WELCOME, request_answered},
        {WIRE_CODE_signed_in, LINK_WELCOME, request_answered},
        {WIRE_CODE_profile_set, LINK_READY, request_answered},
        {WIRE_CODE_invited, LINK_READY, request_answered},
        {WIRE_CODE_joined, LINK_JOINING, request_answered},
        {WIRE_CODE_room_page, LINK_READY, request_answered},
        {WIRE_CODE_change_page, LINK_READY, request_answered},
        {WIRE_CODE_window, LINK_READY, request_answered},
        {WIRE_CODE_people, LINK_READY, request_answered},
        {WIRE_CODE_member_page, LINK_READY, request_answered},
        {WIRE_CODE_found, LINK_READY, request_answered},
        {WIRE_CODE_pin_page, LINK_READY, request_answered},
        {WIRE_CODE_reactor_list, LINK_READY, request_answered},
        {WIRE_CODE_device_list, LINK_READY, request_answered},
        {WIRE_CODE_blocked, LINK_READY, request_answered},
        {WIRE_CODE_block_list, LINK_READY, request_answered},
        {WIRE_CODE_watched, LINK_READY, request_answered},
        {WIRE_CODE_written, LINK_READY, request_answered},
        {WIRE_CODE_marked, LINK_READY, request_answered},
        {WIRE_CODE_delivery, LINK_READY, on_delivery},
        {WIRE_CODE_marks_moved, LINK_READY, on_marks_moved},
        {WIRE_CODE_rejoin, LINK_READY, on_rejoin},
        {WIRE_CODE_status_moved, LINK_READY, on_status_moved},
        {WIRE_CODE_types, LINK_READY, on_types},
};

bool core_understands(uint8_t code)
{
        for (size_t i = 0; i < countof(lines); i++)
                if (lines[i].code == code)
                        return true;
        return false;
}

bool link_frame(struct core *core, struct slice after_length)
{
        union dispatch_message message;
        struct wire_frame frame;

        if (wire_frame_parse(after_length, &frame) != ERR_OK)
                return false;
        batch_cut(core);
        if (!frame.message) /* a newer server's: nothing for us */
                return true;
        for (size_t i = 0; i < countof(lines); i++) {
                if (lines[i].code != frame.code)
                        continue;
                if ((int)core->link.state < lines[i].since)
                        return false;
                if ((frame.message->header & WIRE_HAS_ROOM) && room_kind_of(&frame.room) == ROOM_NONE)
                        return false;
                if (wire_decode(frame.message->structure, frame.body, &message, NULL) != ERR_OK)
                        return false;
                return lines[i].handle(core, &frame, &message);
        }
        return false; /* a code that only clients send */
}
