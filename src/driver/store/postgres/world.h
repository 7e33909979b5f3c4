/*
 * What a transaction knows: the lines that its operations name, as they were read under the locks, and as they become. Operations
 * happen here, one after the other in their order (L3), and what is new or other in the end is written by one statement a table.
 *
 *      world_begin → world_want (each operation) → load_queue → world_take each result → plan → save_queue
 *
 * Everything lives in the world's arena, which is forgotten with each try.
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_WORLD_H
#define GALKA_DRIVER_STORE_POSTGRES_WORLD_H

#include "base/map.h"
#include "driver/store/common.h"
#include "driver/store/lexicon.h"
#include "driver/store/marks.h"
#include "driver/store/postgres/connection.h"

/* Kinds of lines, each with its key. */
enum line_kind {
        LINE_ROOM,    /* id */
        LINE_WRITER,  /* room, user: whoever writes there, to be read as a member */
        LINE_FORMER,  /* room, user: whoever comes to a group, to be read as one who left it */
        LINE_MESSAGE, /* request, sender, room */
        LINE_TARGET,  /* room, seq: a row that is altered, or replied to */
        LINE_REFUSAL, /* the same: what was refused in a group */
        LINE_DEVICE,  /* user, device */
        LINE_USER,    /* user */
        LINE_NAME,    /* folded */
        LINE_EMAIL,   /* folded */
        LINE_PENDING, /* request */
        LINE_REQUEST, /* request, principal */
        LINE_GUESSES, /* user */
        LINE_INVITE,  /* hash */
        LINE_LEAVING, /* user */
        LINE_KIND_COUNT
};

struct line {
        struct map_node node;
        struct line *next; /* of its kind, in the order of their coming */
        enum line_kind kind;
        struct slice key;
        bool found;   /* it exists now: it was read, or made since */
        bool made;    /* by this transaction */
        bool changed; /* and so is to be written, if it was not made */
};

struct world_room {
        struct line line;
        struct id id;
        uint8_t kind;
        bool asks_all, asks_pins, asks_blocks, may_be_new; /* what is to be read of it */
        bool blocks[2], blocks_before[2]; /* of a personal one: [1]: the lower user blocks the higher; [0]: he him */
        bool whole;                       /* all present members were read */
        bool line_there;                  /* its line is locked, though the room may not have been made yet (found) */
        bool remade;                      /* more than its head is to be written */
        bool regrouped;                   /* title, link, number of members are */
        uint64_t known;                   /* version of its members that its callers know; 0: none, or not the same */
        uint64_t head, n, time_ms, members_version;
        uint64_t head_before, n_before; /* as they were read */
        uint64_t pins;                  /* rows that are pinned now; asks_pins */
        struct store_lowest lowest;
        struct slice title, link;
        struct world_member *members; /* those that were read: all of the present ones, or the writers; and who left since */
        uint32_t member_count, members_allocated;
        struct world_message *first, *last; /* rows of this transaction */
};

struct world_member {
        struct member member;     /* now */
        uint64_t read_own_before; /* as read */
        uint64_t own_before;      /* own sends at the room's head_before */
        bool counted;             /* own_before is known */
        bool changed, made, new_role, switched;
        uint64_t left_seq, left_n, left_ms; /* left in this transaction; 0: present */
        struct slice left_title;
};

struct world_message {
        struct line line;
        struct store_row row;
        uint8_t digest[STORE_HASH_SIZE];
        struct world_room *room;
        struct world_message *next; /* of the same room */
};

struct world_refusal {
        struct line line;
        struct id request;
        uint64_t user;
        struct world_room *room;
        uint8_t digest[STORE_HASH_SIZE];
        enum error status;
};

struct world_writer {
        struct line line;
        struct world_room *room;
        uint64_t user;
};

struct world_former {
        struct line line; /* found: he was there, and left */
        struct world_room *room;
        uint64_t user;
        bool removed; /* by another */
};

struct world_target {
        struct line line; /* changed: it was altered */
        struct world_room *room;
        struct store_row row;     /* as it is now; its text is in the results' arena */
        struct slice text_before; /* changed: as it was before this transaction altered it first */
};

struct world_device {
        struct line line;
        uint64_t user, device, revoked_ms; /* 0: live */
        uint64_t seen_ms;
        struct slice secret_hash, name;
        bool revoke, seen; /* changes */
};

struct world_user {
        struct line line;
        struct store_person person;
        struct slice password_hash, name_folded, email, email_folded;
        struct slice name_before, display_before; /* as they were read: folded, as it is */
        uint64_t user, devices_live, blocks;      /* blocks: how many he makes */
        uint64_t kept;                            /* of revoke_all: the device that stays; 0: none */
        bool lock, count_devices, revoke_all, renamed, gone, list_invites, count_blocks;
        bool seen;                        /* he was there until now, or is no more */
        bool hides, hides_set;            /* from here on */
        uint64_t receipts, receipts_done; /* as of now; of those whose line is locked */
        bool receipts_set;
};

struct world_name {
        struct line line; /* found: somebody has it */
        uint64_t user;    /* and who */
};

struct world_pending {
        struct line line;
        struct id request;
        struct slice email, email_folded, user_name, name_folded, display_name, password_hash, code_hash;
        struct slice invite_hash;
        uint64_t valid_until_ms, guesses, holder;
        enum purpose purpose;
        bool known, dropped;
};

struct world_invite {
        struct line line;
        uint64_t creator, uses_max, uses, valid_until_ms;
};

struct world_leaving {
        struct line line; /* made; changed: so far has he come */
        uint64_t user;
        struct id request, after; /* request: made */
        bool dropped;
};

struct world_request {
        struct line line;
        struct id request;
        struct slice principal;
        uint8_t digest[STORE_HASH_SIZE];
        uint64_t user, device;
        uint64_t number; /* of an alteration */
};

struct world_guesses {
        struct line line;
        uint64_t user, count, until_ms;
        bool insert, dropped; /* insert: the line may be new */
};

/* What was counted for the mark of one operation, and how (MARKS_COUNT). */
enum world_way { WAY_NONE, WAY_NEAR, WAY_FROM_STORED, WAY_FROM_READ };
struct world_count {
        bool counted;
        enum world_way way;
        uint64_t upto, own_since, n, own;
};

struct world {
        struct arena *arena;   /* of this try */
        struct arena *results; /* the caller's: what goes into results */
        const struct store_op *ops;
        struct store_result *results_at;
        size_t count;
        uint64_t now_ms; /* under the locks */
        struct map map;
        struct line *first[LINE_KIND_COUNT], **tail[LINE_KIND_COUNT];
        size_t kind_count[LINE_KIND_COUNT];
        struct world_count *counts; /* by operation */
        uint64_t *upto;             /* by operation: of which row a mark's counts are asked; outlives a try */
        bool all_members;           /* all members of every room are read */
        bool insert_rooms;          /* every room that a write could make is inserted, whatever its caller knows */
        struct lexicon *lexicon;
        bool prune;         /* lines were added where old ones are taken away */
        bool failed;        /* out of memory */
        bool wants_rooms;   /* plan: a room is missing that could be made: again with insert_rooms */
        bool wants_members; /* plan: a caller knows other members than there are: again with all_members */
        bool wants_counts;  /* plan: counts as of other rows are needed: upto says which */
};

void world_begin(struct world *world);

/* The line with that key, made if there is none yet; NULL: out of memory. size is that of the kind's structure. */
void *world_line(struct world *world, enum line_kind kind, struct slice key, size_t size);

/* NULL if nobody named it. */
void *world_find(const struct world *world, enum line_kind kind, struct slice key);

/* Keys made of several parts, in the world's arena. */
struct slice world_key(struct world *world, const struct slice *parts, size_t count);
struct slice key_of_number(struct world *world, uint64_t a);
struct slice key_of_numbers(struct world *world, uint64_t a, uint64_t b);

struct slice world_copy(struct world *world, struct slice bytes);

#define world_each(world, kind, type, item)                                                                                 \
        for (type *item = (type *)(world)->first[kind]; item; item = (type *)item->line.next)

struct world_room *world_room(struct world *world, const struct id *id);
struct world_message *world_message(struct world *world, const struct id *request, uint64_t sender, const struct id *room);
struct world_target *world_target(struct world *world, const struct id *room, uint64_t seq);
struct world_refusal *world_refusal(struct world *world, const struct id *request, uint64_t user, const struct id *room);
struct world_device *world_device(struct world *world, uint64_t user, uint64_t device);
struct world_user *world_user(struct world *world, uint64_t user);
struct world_name *world_name(struct world *world, enum line_kind kind, struct slice folded);
struct world_pending *world_pending(struct world *world, const struct id *request);
struct world_request *world_request(struct world *world, const struct id *request, struct slice principal);
struct world_guesses *world_guesses(struct world *world, uint64_t user);
struct world_invite *world_invite(struct world *world, struct slice hash);
struct world_leaving *world_leaving(struct world *world, uint64_t user);

/* A present one. */
struct world_member *world_member(struct world_room *room, uint64_t user);
struct world_member *world_member_add(struct world *world, struct world_room *room);
void world_join(struct world *world, struct world_room *room, const struct member *stay);
uint32_t world_member_count(const struct world_room *room);
struct world_former *world_former(struct world *world, const struct id *room, uint64_t user);

#define world_each_present(room, item)                                                                                      \
        for (struct world_member *item = (room)->members, *item##_end = item ? item + (room)->member_count : NULL;          \
             item != item##_end; item++)                                                                                    \
                if (item->left_seq == 0)

/* The request of an operation that makes no row, with its principal; NULL if it keeps none, or out of memory. */
struct world_request *world_request_of(struct world *world, const struct store_op *op);

/* Names all that the operation may need. */
void world_want(struct world *world, const struct store_op *op, size_t place);

/* Queues the locks and questions for what is wanted; what was sent goes to `sent`, in order. False: out of memory. */
struct sent {
        enum sql list[STATEMENTS_MAX];
        size_t count;
};
bool load_queue(struct world *world, struct connection *connection, struct sent *sent);

/* One of its results. */
void world_take(struct world *world, enum sql sql, const PGresult *result);

/* Operations happen, in their order; results are set. */
void plan_operations(struct world *world);
void plan_write(struct world *world, const struct store_op *op, struct store_result *result);
void plan_mark(struct world *world, const struct store_op *op, struct store_result *result, size_t place);
void plan_account(struct world *world, const struct store_op *op, struct store_result *result);

/* To whom a result is delivered: the present members; of a repeat, those alone who were there at result->write.number. */
void plan_give_members(struct world *world, const struct world_room *room, uint64_t known, struct store_result *result);
void plan_give_old_members(struct world *world, const struct world_room *room, uint64_t known, struct store_result *result);

/* Beside them, where the lowest marks are told: who does not count. */
void plan_give_uncounted(struct world *world, const struct world_room *room, struct store_result *result);

/* A row was written: if it is a setting that the server keeps to, it does so from here on. */
void plan_heeds(struct world *world, const struct store_op *op);

/* plan_receipts.c. Has the user, whose line is locked, switched them off? */
bool plan_without_receipts(struct world *world, uint64_t user);
void plan_receipts(struct world *world, const struct store_op *op, struct store_result *result);
void plan_receipts_done(struct world *world, const struct store_op *op, struct store_result *result);

/* plan_alter.c, as write_alter.c of SQLite. */
enum error plan_target_check(struct world *world, struct world_room *room, const struct store_op *op);
void plan_alteration(struct world *world, struct world_room *room, const struct store_op *op, struct store_result *result);

/* plan_group.c, as write_group.c of SQLite. */
enum error plan_group_make(struct world *world, const struct store_op *op, struct world_room *room);
enum error plan_group_admit(struct world *world, struct world_room *room, const struct store_op *op, uint64_t *heir);
void plan_group_change(struct world *world, struct world_room *room, const struct store_op *op, const struct store_row *row);

/* plan_block.c. What a write needs to know of blocks, and a block itself; two of their results. */
void want_blocks(struct world *world, const struct store_op *op);
void want_block(struct world *world, const struct store_op *op);
void take_block(struct world *world, const PGresult *result, int row);
void take_block_count(struct world *world, const PGresult *result, int row);

/* NO_USER if that would be written between two of whom one blocks the other. */
enum error plan_forbidden(struct world *world, const struct store_op *op);
void plan_block(struct world *world, const struct store_op *op, struct store_result *result);

/* plan_leaving.c, as write_leaving.c of SQLite. */
void plan_leave(struct world *world, const struct store_op *op, struct store_result *result);
void plan_leaving(struct world *world, const struct store_op *op, struct store_result *result);
void save_leaving(struct world *world, struct connection *connection, struct sent *sent);

bool plan_find_refusal(struct world *world, const struct store_op *op, struct store_result *result);
void plan_keep_refusal(struct world *world, const struct store_op *op, enum error status);

struct store_lowest world_lowest(const struct world_room *room);

/* Takes the lowest marks anew; true, with a new version, if they are others. */
bool world_lower(struct world_room *room);

/* The same, with a new version whatever they are: somebody is told others than before. */
void world_lower_anew(struct world_room *room);

/* What the operations on accounts share (plan_account.c, plan_settings.c). */
bool plan_repeat(const struct world_request *request, const struct store_op *op, struct store_result *result);
void plan_note_request(struct world *world, struct world_request *request, const struct store_op *op, uint64_t user,
                       uint64_t device);
/* Who has it; 0: nobody. Before that it must have been named (world_want). */
uint64_t plan_holder(struct world *world, enum line_kind kind, struct slice folded);
void plan_take_name(struct world *world, enum line_kind kind, struct slice folded, uint64_t user);
void plan_leave_name(struct world *world, enum line_kind kind, struct slice folded);
void plan_add_device(struct world *world, uint64_t user, uint64_t device, struct slice name, const uint8_t *secret_hash);
/* All but `kept`; 0: all. */
void plan_revoke_devices(struct world *world, struct world_user *user, uint64_t kept);
void plan_signed_in(struct world *world, uint64_t user, uint64_t device, struct store_result *result);
struct world_pending *plan_add_pending(struct world *world, const struct store_op *op, enum purpose purpose);
/* OK, BAD_CODE, GUESSED; a wrong code is counted. */
enum error plan_judge_code(struct world *world, const struct store_op *op, struct world_pending *pending,
                           struct store_result *result);
/* GUESSED, with the wait, while one of these counts too many wrong guesses; 0: none. */
enum error plan_judge_guesses(struct world *world, uint64_t account, uint64_t from, struct store_result *result);
void plan_count_guesses(struct world *world, uint64_t account, uint64_t from);
void plan_drop_guesses(struct world *world, uint64_t account);
void plan_settings(struct world *world, const struct store_op *op, struct world_request *request,
                   struct store_result *result);

/* REVOKED, LATE or OK, in that order. */
enum error plan_admit(struct world *world, const struct store_op *op);

/* Queues what is to be written. False: out of memory. */
bool save_queue(struct world *world, struct connection *connection, struct sent *sent);

void save_blocks(struct world *world, struct connection *connection, struct sent *sent);
void save_refusals(struct world *world, struct connection *connection, struct sent *sent);
void save_search(struct world *world, struct connection *connection, struct sent *sent);
void save_members(struct world *world, struct connection *connection, struct sent *sent);
void save_accounts(struct world *world, struct connection *connection, struct sent *sent);

/* Queues one statement and notes it. */
void world_queue(struct connection *connection, struct sent *sent, enum sql sql, const struct parameters *parameters);

#endif
