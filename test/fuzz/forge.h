/*
 * Frames that a server might send, lawful in form and anything in content: made from a script. For targets that put a client
 * core against a server that lies.
 */
#ifndef GALKA_TEST_FUZZ_FORGE_H
#define GALKA_TEST_FUZZ_FORGE_H

#include "script.h"
#include "wire/wire.h"

#define FORGE_ALICE 1
#define FORGE_BOB   2
#define FORGE_ROOMS 8

/* A request that the core sent and that may be answered. */
struct asked {
        uint8_t code;
        struct id request, room;
        struct id operations[16];
        size_t operation_count;
};

/* Whatever an answer of some code needs. */
union reply {
        struct wire_welcome welcome;
        struct wire_error error;
        struct wire_bye bye;
        struct wire_done done;
        struct wire_code_sent code_sent;
        struct wire_signed_in signed_in;
        struct wire_joined joined;
        struct wire_room_page room_page;
        struct wire_change_page change_page;
        struct wire_window window;
        struct wire_found found;
        struct wire_pin_page pin_page;
        struct wire_reactor_list reactor_list;
        struct wire_people people;
        struct wire_device_list device_list;
        struct wire_written written;
        struct wire_marked marked;
        struct wire_delivery delivery;
        struct wire_marks_moved marks_moved;
        struct wire_rejoin rejoin;
};

/* One of the rooms that there are: Alice and Bob, her own, with others, a group, and an id that no room can have. */
struct id forge_room(unsigned index);

/* A row of the self room: a key and a value, mostly. */
struct slice forge_setting(struct script *script);
struct slice forge_text(struct script *script);

/* Fills the message of a code in answer to `asked` (NULL: to nothing). What it points to lives until the next call. */
void forge(struct script *script, uint8_t code, const struct asked *asked, const struct id *era, union reply *reply);

#endif
