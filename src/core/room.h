/*
 * Rooms as the client knows them: head, holes, marks, lowest marks, peer, and what is under way for each. Rows are not here:
 * they are in the host's storage.
 *
 * `head` and `holes` are what the batches made so far will have kept; head_kept and delivered are what the host has kept. A
 * room lives until everything is forgotten (another era, sign-out).
 *
 * Rooms are found by id in a sorted array, listed by last activity in another. Three lists: work (something is under way: outbox,
 * marks, gap, history), dirty (its record is to be kept), notice (events for the screen).
 */
#ifndef GALKA_CORE_ROOM_H
#define GALKA_CORE_ROOM_H

#include "base/list.h"
#include "core/batch.h"
#include "core/holes.h"
#include "core/record.h"

#define ROOM_SOFT_KEEP_MS 2000 /* marks and ticks are kept with the next rows, or after so long */

enum room_notice { NOTICE_ROOM = 1, NOTICE_TICKS = 2, NOTICE_HISTORY = 4 };

struct request;

/* group.c: what is known of a group beside its log. */
struct group {
        struct slice title; /* ours */
        uint8_t role;       /* one's own, rules/role.h */
        uint64_t members;   /* how many */
        uint64_t told_seq;  /* the server's last word on these is as of this number */
        bool missed;        /* a row that changes them was fetched, or never came: another word is awaited */
};

struct room {
        struct id id;
        uint8_t kind; /* rules/room.h */
        bool left;
        bool listed;       /* this link's Join or room list has told of it */
        bool fetch_off;    /* its rows were refused: not before the next Join */
        bool mark_off;     /* its marks were refused: not before the next Join */
        bool show_again;   /* receipts are on again: what was read meanwhile is to be shown */
        bool marks_live;   /* own marks rose since it was last asked for: what is answered may be older */
        bool peer_asked;   /* a profile was asked for on this link */
        bool write_single; /* a frame was refused as a whole: one operation a frame, to find the culprit */
        uint8_t notices;   /* enum room_notice */
        uint8_t write_tries, fetch_tries, mark_tries;
        uint8_t history_error;
        bool history_on;
        struct list_node work, dirty, notice;

        uint64_t head, head_kept;
        uint64_t seen_head;  /* the server is known to be there */
        uint64_t asked_head; /* our head in the last question: an answer below it means that the store went back */
        uint64_t delivered;  /* how far all is kept without holes */
        uint64_t joined_seq;
        uint64_t last_time_ms;
        uint64_t others_head; /* highest row of somebody else: own ones need no mark */
        uint64_t recent;      /* bit i: row head − i counts as unread (by somebody else) */
        struct holes holes;

        struct wire_marks marks; /* as the server has them */
        uint64_t read;           /* what the user has read */
        struct wire_lowest lowest;
        struct wire_person peer; /* its texts are ours */
        struct group *group;     /* groups; NULL until something is known of it */

        struct list outbox; /* struct entry */
        uint32_t queued;
        struct list held; /* struct held, rising */
        struct request *writing, *marking, *fetching;
        uint64_t write_ms, mark_ms, fetch_ms; /* not before */
        uint64_t gap_ms;                      /* when a gap is filled by asking; 0: there is none */
        uint64_t history_low, history_batch;
        uint32_t history_rows;
};

struct rooms {
        struct room **by_id, **by_time;
        uint32_t count, size;
        struct list work, dirty, notice;
        uint64_t keep_ms; /* when the dirty ones are to be kept */
};

void rooms_init(struct rooms *rooms);

/* Frees all rooms; those with an outbox stay, empty, if keep_outbox. */
void rooms_forget(struct core *core, bool keep_outbox);

struct room *room_find(const struct core *core, const struct id *id);

/* Finds or makes. NULL: no memory, or rooms_max. The id must be one that a room can have. */
struct room *room_get(struct core *core, const struct id *id);

/* The first room whose id is above `after`, by index into by_id. */
uint32_t rooms_above(const struct core *core, const struct id *after);

/* Every room is looked at: a link is ready. */
void rooms_start_work(struct core *core);

void room_work(struct core *core, struct room *room);
void room_notice(struct core *core, struct room *room, unsigned notices);

/* The record is to be kept: now, or soon (marks and ticks: losing them costs nothing). */
void room_dirty(struct core *core, struct room *room, bool now);

/* Adds the room's record to the open batch; false: no memory. When it is kept: room_was_kept. */
bool room_keep(struct core *core, struct room *room);
void room_was_kept(struct core *core, const struct batch_item *item);
bool room_restore(struct core *core, const struct record_room *record);

/* Reads a row's numbers: is it one that a server may send with changed in (after, before)? */
bool room_row_lawful(const struct wire_row *row, uint64_t after, uint64_t before);

/* Puts a row into the open batch (at place, or last). False: no memory. */
bool room_put_row(struct core *core, struct room *room, const struct wire_row *row, struct batch_place *place);

/* After the head moved: counts a row as unread if it is. */
void room_count_row(const struct core *core, struct room *room, const struct wire_row *row);

/* Operations from … to are known now (from = to + 1: none, but `to` exists): raises the head, makes or fills holes. Call
 * holes_reserve before. */
void room_cover(struct core *core, struct room *room, uint64_t from, uint64_t to);

/* Server's news of marks, lowest, peer. `all`: they are the whole truth (Join), not merely higher; unless they rose meanwhile. */
void room_take_marks(struct core *core, struct room *room, const struct wire_marks *marks, bool all);
void room_take_lowest(struct core *core, struct room *room, const struct wire_lowest *lowest);
bool room_take_peer(struct core *core, struct room *room, const struct wire_person *peer);

/* group.c: what the server says of a group as of a number; and what rows of the log say, each newer than that. live: it is the next
 * one, so nothing lies between. False: no memory. */
bool group_take_state(struct core *core, struct room *room, const struct wire_room_state *state);
bool group_take_row(struct core *core, struct room *room, const struct wire_row *row, bool live);

/* What is known of it; zeros where nothing is. */
struct group group_of(const struct room *room);
void group_forget(struct core *core, struct room *room);
void room_take_time(struct core *core, struct room *room, uint64_t time_ms);

uint64_t room_unread(const struct room *room);

/* What is at or below this number stays on the server and counts as delivered. */
uint64_t room_floor(const struct core *core, const struct room *room);

/* Forgets rows and numbers of one room (the store went back without another era). */
bool room_forget_rows(struct core *core, struct room *room);

#endif
