/*
 * What the screen shows, without a terminal: a model made by hand, which is drawn and looked at. One model and one screen a program.
 */
#ifndef GALKA_TEST_SUPPORT_VIEW_STAGE_H
#define GALKA_TEST_SUPPORT_VIEW_STAGE_H

#include "terminal/screen/view.h"

#define ME     7
#define BOB    8
#define CAROL  9
#define MINUTE 60000ull
#define DAY    86400000ull
#define NOW    (1795910400000ull + 14 * 3600000) /* Sunday, 29 November 2026, 14:00 */

extern struct model model;
extern struct grid grid;

/* Before and after each test: an empty model, in English. */
int stage_begin(void **state);
int stage_end(void **state);

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_begin, stage_end)

/* main's arguments: the folder of what is expected. */
void stage_open(int argc, char **argv);

/* A user by his names. */
void stage_know(uint64_t user, const char *name, const char *user_name);

/* At the end of the list; its last row is so old. */
struct model_room *stage_add_room(const struct id *id, const char *name, const char *last, uint64_t ago_ms);

/* A text that is so old. */
struct model_row *stage_add_row(uint64_t seq, uint64_t sender, const char *said, uint64_t ago_ms,
                                enum core_message_state state);

/* Bob's room is open, with yesterday's and today's talk. */
void stage_talk(void);

/* As the screen would be in that size. */
void stage_draw(unsigned rows, unsigned columns);

/* The screen's text, without spaces at the ends of lines; until the next call. */
const char *stage_shown(void);

/* Is that what stands in expected/NAME.txt? With UPDATE=1 in the environment it is written there. */
void stage_looks_like(const char *name);

bool stage_sees(const char *said);

/* Of the first cell of what is shown. */
unsigned stage_style_of(const char *said);

#endif
