/* How messages, rooms and people look on standard output: for people, or as JSON lines for scripts. */
#ifndef GALKA_TERMINAL_PRINT_H
#define GALKA_TERMINAL_PRINT_H

#include "terminal/session.h"

/* What stands for a message of somebody whom one blocks. */
#define PRINT_HIDDEN "(a message of somebody you block: --blocked shows it)"

/* A message. `type`: "message", "changed". */
void print_row(struct session *session, const char *type, const struct id *room, const struct wire_row *row);

/* An own message that is not sent: state QUEUED or FAILED. */
/* One who is in a room, with his role. */
void print_member(struct session *session, const struct wire_member *member);

void print_queued(struct session *session, const struct id *room, const struct id *id,
                  const struct wire_operation *operation, enum core_message_state state);

void print_room(struct session *session, const struct core_room_info *info);
void print_person(struct session *session, const struct wire_person *person);
void print_device(struct session *session, const struct wire_device *device);

/* ✓ sent, ✓✓ delivered, coloured (or ✔✔ without colours) read, … queued, ! failed. Three columns wide. */
const char *print_tick(enum core_message_state state, bool colour);

/* "queued", "sent", "delivered", "read", "failed". */
const char *print_state(enum core_message_state state);

/* In local time: "14:02" of today, "03 May 14:02", "03 May 2025" of another year. */
#define CLOCK_SIZE 32
void print_clock(uint64_t time_ms, char text[static CLOCK_SIZE]);

#endif
