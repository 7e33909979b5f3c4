/*
 * Marks: how far this user has received and read each room, told to the server; and what others' lowest marks say
 * about own messages (ticks).
 *
 * The first mark goes at once, of a live message after a moment, in which the user of an open chat has read it, so that one mark
 * tells both; then at most one a second and room. It is repeated until the server has it: what the server has
 * is in room->marks, what we have in room->delivered and room->read, and while they differ there is work.
 */
#ifndef GALKA_CORE_MARKS_H
#define GALKA_CORE_MARKS_H

#include "core/room.h"

#define MARK_GATHER_MS   20
#define MARK_INTERVAL_MS 1000
#define MARKS_MAX        16 /* under way, of all rooms */

/* A live row of somebody else is about to be taken. */
void marks_gather(struct core *core, struct room *room);

/* Receipts were switched on: of what was read until this was known here, the server has not been told. */
void marks_show_again(struct core *core);

bool marks_room_step(struct core *core, struct room *room);
uint64_t marks_room_due(const struct core *core, const struct room *room);
bool marks_moved(struct core *core, const struct id *room, const struct wire_marks_moved *moved);

/* An answer that nobody waits for any more, as after the room was forgotten for another era: it is news all the same, and the only
 * news there is of one's own mark. */
bool mark_late(struct core *core, const struct wire_frame *frame, const struct wire_marked *marked);

bool mark_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void mark_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

#endif
