/* Answers questions from one snapshot a question. Works on any connection; knows nothing of the writer's memory. */
#ifndef GALKA_DRIVER_STORE_READER_H
#define GALKA_DRIVER_STORE_READER_H

#include "driver/store/writer.h"

/* Sets *answer. False: the database failed (database->code is cleared again), nothing is answered. */
bool reader_ask(struct database *database, const struct store_question *question, const struct id *era, uint64_t now_ms,
                struct store_answer *answer, struct arena *arena);

void read_rooms_question(struct database *database, const struct store_question *question, const struct id *era,
                         struct store_answer *answer, struct arena *arena);
void read_changes_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena);
void read_around_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena);
void read_pins_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                        struct arena *arena);
void read_search_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena);
void read_find_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                        struct arena *arena);
void read_blocks_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena);
void read_profiles_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena);
void read_users_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                         struct arena *arena);
void read_devices_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena);
void read_members_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena);
void read_shared_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena);
void read_among_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                         struct arena *arena);
void read_receipts_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena);
void read_login_question(struct database *database, const struct store_question *question, uint64_t now_ms,
                         struct store_answer *answer, struct arena *arena);
void read_leavers_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena);
void read_leaving_question(struct database *database, const struct store_question *question, struct store_answer *answer);
void read_password_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena);
void read_check_question(struct database *database, struct store_answer *answer, struct arena *arena);

/* Rows of a room that `user` may see with after < changed < before (0: open), newest first, at most rows_max rows and about
 * bytes_left bytes of text, which is counted down; *more tells whether there are others. */
struct store_row *read_changes(struct database *database, uint64_t user, uint64_t room, uint64_t after, uint64_t before,
                               uint32_t rows_max, size_t *bytes_left, size_t *count, bool *more, struct arena *arena);

/* What the room itself says of it. Either of the last two may be NULL. */
bool read_room_line(struct database *database, uint64_t room, uint8_t *kind, struct store_lowest *lowest,
                    struct store_room *group, struct arena *arena);

/* The local number of a room. False: there is none with that id. */
bool read_room_number(struct database *database, const struct id *id, uint64_t *room);

/* The first row at or after a time, up to head + 1. */
uint64_t read_seq_of_time(struct database *database, uint64_t room, uint64_t head, uint64_t time_ms);

/* All rooms that the user is or was in, by their last activity, latest first. NULL with *count 0 if there are none, or failed. */
struct latest_room {
        struct id id;
        uint64_t number, head, time_ms;
};
struct latest_room *read_latest(struct database *database, uint64_t user, size_t *count, struct arena *arena);

/* A room's log as one user may know of it: who is out sees nothing past his leave. */
struct log_end {
        uint64_t head, n, time_ms; /* time_ms: not set where one room is read */
        uint64_t left;             /* STORE_NONE: he is in it */
        bool found;                /* he is or was */
};
struct log_end read_log_end(struct database *database, uint64_t user, uint64_t room, struct member *member);

/* His latest stay; false: he never was there. *left is STORE_NONE while it lasts. */
bool read_stay(struct database *database, uint64_t user, uint64_t room, struct member *member, uint64_t *left);

/* Marks and unread as of that end. */
struct store_marks read_marks(struct database *database, uint64_t room, const struct log_end *end, struct member *member);

/* The local number of a room that the user is in now, with his stay and the head. False: there is no such room, or he is not in it. */
bool read_present(struct database *database, const struct store_question *question, const struct id *id, uint64_t *room,
                  struct member *member, uint64_t *head);

#endif
