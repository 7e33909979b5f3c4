/* What people look for, what is pinned, who reacted, and what the server's answers give: rules 11 and 12 while a run goes on. The index itself is looked at at rest. */
#ifndef GALKA_TEST_SIM_FINDER_H
#define GALKA_TEST_SIM_FINDER_H

#include "core/core.h"

#define FINDER_WORD_SIZE 16

struct sim;
struct sim_client;
struct sqlite3;

/* The last search of a client. */
struct finder {
        struct id request, room; /* room: zero: everywhere */
        char word[FINDER_WORD_SIZE];
        uint64_t asked_us;
        struct id pins_request, pins_room; /* the last time he asked what is pinned */
        uint64_t pins_asked_us;
        struct id reactors_request, reactors_room; /* the last time he asked who has which reaction */
        uint64_t reactors_seq, reactors_asked_us;
};

/* Looks for a word of somebody's message, in a room or everywhere. */
enum error finder_search(struct sim *sim, struct sim_client *client);

/* Asks what is pinned in a room. */
enum error finder_pins(struct sim *sim, struct sim_client *client, const struct id *room);

/* Asks who has which reaction to a row. */
enum error finder_reactors(struct sim *sim, struct sim_client *client, const struct id *room, uint64_t seq);

/* An event of a client's core: if it answers that, all of it must be right. */
void finder_hear(struct sim *sim, const struct sim_client *client, const struct core_event *event);

/* The store's index of words has all words of all texts that are there now, and no others. */
void finder_check_index(struct sim *sim, struct sqlite3 *database);

#endif
