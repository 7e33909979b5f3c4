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
void read_find_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                        struct arena *arena);
void read_profiles_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena);
void read_devices_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena);
void read_login_question(struct database *database, const struct store_question *question, uint64_t now_ms,
                         struct store_answer *answer, struct arena *arena);
void read_check_question(struct database *database, struct store_answer *answer, struct arena *arena);

/* Rows of a room that `user` may see with after < changed < before (0: open), newest first, at most rows_max rows and about
 * bytes_left bytes of text, which is counted down; *more tells whether there are others. */
struct store_row *read_changes(struct database *database, uint64_t user, uint64_t room, uint64_t after, uint64_t before,
                               uint32_t rows_max, size_t *bytes_left, size_t *count, bool *more, struct arena *arena);

/* A user's last stay in a room with marks and unread as of head. False: never was in it. */
bool read_member(struct database *database, uint64_t user, uint64_t room, uint64_t head, uint64_t n, struct member *member,
                 uint64_t *left, struct store_marks *marks);

bool read_lowest(struct database *database, uint64_t room, uint8_t *kind, struct store_lowest *lowest);

#endif
