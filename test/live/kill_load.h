/*
 * kill -9 under load: what is shared between the load (kill_load.c) and the checker (kill_check.c). Users write to each other in
 * personal rooms through real sockets; each keeps its storage in memory, which survives the server's ends. What was sent is written
 * down here, what came of it lies in the users' storages.
 */
#ifndef GALKA_TEST_LIVE_KILL_LOAD_H
#define GALKA_TEST_LIVE_KILL_LOAD_H

#include "load.h"
#include "process.h"
#include "support/storage.h"

#define USERS     40
#define PARTNERS  2 /* each writes to the next two, and so gets from the two before him */
#define ROOMS     (USERS * PARTNERS)
#define SENDS_MAX 400000

struct sent {
        struct id id;
        uint32_t room, from;
        uint64_t seq; /* 0: not acknowledged */
};

struct room_of_two {
        struct id id;
        uint32_t members[2];
};

/* One user's device and what it keeps. */
struct view {
        struct load_user *user;
        struct storage storage;
};

struct trial {
        struct process process;
        struct process_user users[USERS];
        struct room_of_two rooms[ROOMS];
        struct load load, late; /* those who were there all the time; newcomers with the same accounts */
        struct view views[USERS], late_views[USERS];
        struct sent *sent;
        size_t sent_count, acknowledged, refused;
};

/* The rules. A complaint names the first thing that broke it; NULL: it holds. It lives until the next call. */
struct rule {
        const char *name;
        const char *(*complain)(struct trial *trial);
};

extern const struct rule rules[];
extern const size_t rule_count;

/* Nothing is under way any more: all is answered, received and read. */
bool trial_at_rest(struct trial *trial);

/* The newcomers have every row. */
bool newcomers_complete(struct trial *trial);

#endif
