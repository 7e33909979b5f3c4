/*
 * Rooms as the writer keeps them in memory: head, ordinal, time, present members with their marks, lowest marks. Right because there
 * is one writer; dropped whole when a transaction is rolled back, and when there are too many.
 */
#ifndef GALKA_DRIVER_STORE_ROOMS_H
#define GALKA_DRIVER_STORE_ROOMS_H

#include "base/map.h"
#include "driver/store/database.h"
#include "driver/store/marks.h"

#define ROOMS_CACHED_MAX 65536

struct room {
        struct map_node node;
        struct id id;
        uint64_t number; /* the local one */
        uint8_t kind;
        bool blocked; /* personal: one of the two blocks the other */
        uint64_t head, n, time_ms, members_version;
        struct store_lowest lowest;
        struct member *members; /* present ones */
        uint32_t member_count, refresh_at;
};

struct room_cache {
        struct map map;
};

must_use enum error room_cache_init(struct room_cache *rooms);
void room_cache_finish(struct room_cache *rooms);

/* Forgets all. */
void room_cache_drop(struct room_cache *rooms);

/* The room with that id; NULL if there is none, or on failure (database->code). Valid until the next room_cache_ call. */
struct room *room_cache_find(struct room_cache *rooms, struct database *database, const struct id *id);

/* Does one of the two block the other? (write_block.c) */
bool block_between(struct database *database, uint64_t a, uint64_t b);

/* How many people that one blocks. */
uint64_t count_blocks(struct database *database, uint64_t user);

/* Makes a room with its first members. NULL on failure. */
struct room *room_cache_make(struct room_cache *rooms, struct database *database, const struct id *id,
                             const struct member *members, uint32_t member_count, uint64_t members_version,
                             struct slice title);

/* A line for a new stay, and a line in the user's list of rooms. */
bool member_insert(struct database *database, const struct id *id, uint64_t room, const struct member *member);

struct member *room_member(struct room *room, uint64_t user);

/* Writes the member's marks and counters as they are now. */
bool member_store(struct database *database, struct room *room, struct member *member);

/* Computes the lowest marks; stores them with a new version and returns true if they are others. */
bool room_lower(struct database *database, struct room *room);

/* The same, with a new version whatever they are: somebody is told others than before. */
bool room_lower_anew(struct database *database, struct room *room);

/* Has the user switched receipts off? Of whom nothing is known: no. */
bool user_without_receipts(struct database *database, uint64_t user);

/* Has he switched them since all his rooms took notice? */
bool user_receipts_due(struct database *database, uint64_t user);

/* Reads MEMBER_COLUMNS of a row; left_seq goes to *left (STORE_NONE: present). */
struct member member_read(sqlite3_stmt *statement, uint64_t *left);

/* Countable rows of that sender with from < seq <= to. */
uint64_t count_own(struct database *database, uint64_t room, uint64_t from, uint64_t to, uint64_t user);

/* The room's ordinal at operation seq. */
uint64_t n_at(struct database *database, uint64_t room, uint64_t seq);

/* Head, ordinal and time of a room's log; zeros for an empty one. */
void read_head(struct database *database, uint64_t room, uint64_t *head, uint64_t *n, uint64_t *time_ms);

#endif
