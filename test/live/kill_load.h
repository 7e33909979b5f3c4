/*
 * Trials of a server under load: what is shared between the users (trial.c), the checker (kill_check.c) and those who do the server
 * harm: kill_load.c kills it, chaos_load.c stands in front of a cluster to which others do. Users write to each other in personal
 * rooms through real sockets; each keeps its storage in memory, which survives the server's ends. What was sent is written down here,
 * what came of it lies in the users' storages.
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

#define TRIAL_REST_SECONDS 60

struct sent {
        struct id id;
        uint32_t room, from;
        uint64_t seq; /* 0: not acknowledged */
        bool saved;   /* acknowledged before a backup was begun */
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
        void (*answered)(struct trial *trial, const struct sent *sent); /* or NULL */
};

/* The rules. A complaint names the first thing that broke it; NULL: it holds. It lives until the next call. */
struct rule {
        const char *name;
        const char *(*complain)(struct trial *trial);
};

extern const struct rule rules[];
extern const size_t rule_count;

/* process.port and users are known: their rooms; users at work, or newcomers with the same accounts. */
void trial_make_rooms(struct trial *trial);
bool trial_begin_load(struct trial *trial, struct load *load, struct view *views);
void trial_end_load(struct load *load, struct view *views);

/* One message; a user who cannot take it on now sends none. */
void trial_send(struct trial *trial, uint32_t room, uint32_t from);

double trial_seconds(struct trial *trial);

/* False: it was not done within so many seconds. */
bool trial_turn_until(struct trial *trial, struct load *load, bool (*done)(struct trial *trial), double limit);

/* Newcomers get everything that there is. False: not within TRIAL_REST_SECONDS. */
bool trial_fetch_as_newcomers(struct trial *trial);

/* Nothing is under way any more: all is answered, received and read. */
bool trial_at_rest(struct trial *trial);

/* The newcomers have every row. */
bool newcomers_complete(struct trial *trial);

#endif
