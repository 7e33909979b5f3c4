/*
 * The store: the truth. Two doors:
 *   apply   operations that write, in their order, in one transaction (L3). A refused operation is a result, not an error.
 *   ask     questions that read, from one snapshot a question.
 * Every operation first looks whether its request id was done before (L1: the answer is then the first one, and
 * result.repeat is set), then checks the sender's device (L7: REVOKED), then its deadline by the store's clock under the lock
 * (L8: LATE), then rights. Whoever writes a room holds its lock (L2). A mark leaves no id behind: one that is refused as LATE or
 * REVOKED may have been done before, and comes with the marks that are there.
 *
 * Slices and arrays in results and answers live in the arena given; those in operations and questions stay the caller's.
 */
#ifndef GALKA_SEAM_STORE_H
#define GALKA_SEAM_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/id.h"
#include "seam/outcome.h"

#define STORE_OPS_MAX       1024 /* of one apply */
#define STORE_QUESTIONS_MAX 256  /* of one ask */
#define STORE_HASH_SIZE     32   /* SHA-256: of device secrets, codes, contents */
#define STORE_DEVICES_MAX   32   /* live devices of a user */
#define STORE_PENDING_MAX   5    /* open sign-ups of one address */
#define STORE_GUESSES_MAX   5    /* wrong codes of one sign-up, reset, change of address */
#define STORE_REQUESTS_DAYS 30   /* how long repeats are known outside rooms */
#define STORE_SEEN_MS       3600000
#define STORE_INVITES_MAX   20 /* of one member, that can still be used */

/* ---- what things look like ---- */

struct store_person {
        uint64_t user;
        struct slice user_name, display_name;
        uint64_t version;
};

/* What an operator sees of an account. */
struct store_account {
        struct store_person person;
        struct slice email;
        uint64_t created_ms;
        uint64_t devices; /* that are signed in */
        uint64_t seen_ms; /* when any was used last, as far as that was written down; 0: never */
        bool off;         /* STORE_ACCESS_OFF */
};

struct store_device {
        uint64_t device;
        struct slice name;
        uint64_t created_ms, seen_ms;
};

struct store_row {
        uint64_t seq, changed, n, time_ms, sender;
        uint8_t kind, role;     /* rules/row.h, rules/role.h */
        uint64_t subject, heir; /* 0: none */
        uint64_t reply_to;      /* TEXT: a row; 0: none */
        uint64_t edited_ms;     /* TEXT: 0: never */
        uint64_t pinned;        /* TEXT: the number of the operation that pinned it; 0: it is not */
        struct id request;
        struct slice text;
        struct slice reactions; /* folded: rules/reaction.h */
        struct slice origin;    /* TEXT: whose text it is a copy of; empty: the sender's own */
};

/* A member's own marks; unread as of operation number `head`. */
struct store_marks {
        uint64_t delivered, read, shown, unread, head;
};

#define STORE_NONE      UINT64_MAX /* there is no such member */
#define STORE_UNCOUNTED INT64_MAX  /* counted_from of a member with receipts off: he counts for no message */

/* The two lowest of the room's present members that count and who holds the lowest; STORE_NONE where there is none. A room of one
 * such member has first values and no second. version rises with every change. A member who does not count is told that there are
 * none. */
struct store_lowest {
        uint64_t delivered_first, delivered_user, delivered_second;
        uint64_t shown_first, shown_user, shown_second;
        uint64_t counted_first, counted_user, counted_second;
        uint64_t version;
};

/* The present members as of an operation (of a LEFT, without who left). users is NULL when version equals the version the caller
 * said it knows. version 0: not all of them, but those to whom a repeated operation is to be delivered: not to be kept. A version is
 * never used again for other members, not in another era either. Where the lowest marks moved it is said who of them does not count,
 * and so is not told. */
struct store_members {
        uint64_t version;
        const uint64_t *users;
        size_t count;
        const uint64_t *uncounted;
        size_t uncounted_count;
};

/* A present member, for the list of them: of who does not count, and to him, without marks. */
struct store_member {
        struct store_person person;
        uint8_t role; /* rules/role.h */
        uint64_t joined_seq, delivered, shown, counted_from;
};

/* ---- apply ---- */

enum store_op_kind {
        STORE_WRITE,    /* one operation on a room's log. Never BUSY: what follows it would overtake it (FAILED instead) */
        STORE_MARK,     /* raise marks */
        STORE_RECEIPTS, /* from here on a member counts in a room, or no longer, as his setting says */
        STORE_RECEIPTS_DONE, /* that was done in all his rooms */
        STORE_SIGN_UP,       /* remember a sign-up that waits for its code */
        STORE_CONFIRM,       /* code right: make the user and his first device */
        STORE_SIGN_IN,       /* password was right: add a device */
        STORE_GUESS,         /* password was wrong: count it */
        STORE_RENEW,         /* device secret: is it right? */
        STORE_SIGN_OUT,      /* revoke a device, all, or all others */
        STORE_RESET,         /* remember a reset of the password that waits for its code */
        STORE_RESET_CONFIRM, /* code right: set the password, revoke all devices, add this one */
        STORE_PASSWORD,      /* set another password */
        STORE_PROFILE,       /* set names */
        STORE_EMAIL,         /* remember another address that waits for its code */
        STORE_EMAIL_CONFIRM, /* code right: set the address */
        STORE_DELETE,        /* make the account a tombstone, revoke all devices, list him among those who leave */
        STORE_LEAVE,         /* WRITE of a LEFT by whose account is deleted: he has no device. NOT_ALLOWED: it is not */
        STORE_LEAVING,       /* so far has a deleted user come in leaving */
        STORE_SEEN,          /* the device was used: written down if that is STORE_SEEN_MS ago; and LAST_SEEN */
        STORE_LAST_SEEN,     /* the user was there until now: written down as coarsely as rules/seen.h says */
        STORE_INVITE,        /* make an invitation: a member's, or (user 0) an operator's */
        STORE_BLOCK,         /* from here on the sender blocks somebody, or no longer */
        STORE_IMPORT,        /* an operator's: make a user with one device, no mail */
        STORE_ACCESS /* an operator's: whether a user may sign in, and by which password; all his devices are revoked */
};

enum store_access {
        STORE_ACCESS_OFF,     /* no password opens the account, and no code of a letter, until it is on again */
        STORE_ACCESS_ON,      /* it is as it was. No device is revoked: there is none */
        STORE_ACCESS_PASSWORD /* another password */
};

struct store_op {
        enum store_op_kind kind;
        uint64_t not_after_ms; /* 0: no deadline */
        struct id request;
        uint8_t digest[STORE_HASH_SIZE]; /* of the operation's content: a repeat with another one is REUSED_ID */
        uint64_t user, device;           /* the sender; 0 when signed out */
        /* Under which ids wrong guesses (SIGN_UP, RESET, EMAIL: letters) are counted: of an account, known or not, and of where they
         * come from; 0: not. Too many: GUESSED. */
        uint64_t guesses_of, guesses_from;
        union {
                struct {
                        struct id room;
                        uint8_t row_kind, role; /* what a kind needs: rules/row.h */
                        bool off;
                        uint64_t subject, target;
                        struct slice text, link, origin;
                        uint64_t members_known; /* version the caller has cached; 0: none */
                } write;                        /* WRITE, LEAVE */
                struct {
                        struct id room;
                        uint64_t delivered, read, shown;
                        uint64_t members_known;
                } mark;
                struct {
                        struct id room;         /* RECEIPTS */
                        uint64_t members_known; /* RECEIPTS */
                        uint64_t change;        /* RECEIPTS_DONE: which change of the setting it was (ASK_RECEIPTS) */
                } receipts;
                struct {
                        struct slice email, user_name, display_name; /* email, name as typed */
                        struct slice email_folded, name_folded;
                        const char *password_hash;
                        uint8_t code_hash[STORE_HASH_SIZE];
                        uint64_t valid_ms;
                        struct slice
                                invite_hash; /* STORE_HASH_SIZE bytes: of an invitation that must be good; empty: of none */
                } sign_up;
                struct {
                        struct slice email, email_folded; /* EMAIL: the new one */
                        uint8_t code_hash[STORE_HASH_SIZE];
                        uint64_t valid_ms;
                        const char *password_hash; /* EMAIL: the one that was verified; "": it was wrong */
                } code;                            /* RESET, EMAIL */
                struct {
                        struct id sign_up; /* or the reset, or the e-mail: whose code it is */
                        struct slice email_folded;
                        uint8_t code_hash[STORE_HASH_SIZE];
                        uint8_t secret_hash[STORE_HASH_SIZE];
                        struct slice device_name;
                        uint64_t new_user, new_device; /* random candidates */
                        const char *password_hash;     /* RESET_CONFIRM: the new one */
                } confirm;                             /* CONFIRM, RESET_CONFIRM, EMAIL_CONFIRM */
                struct {
                        const char
                                *password_hash; /* the one that was verified, changed since: BAD_LOGIN; "": it was wrong */
                        const char *new_hash;
                        bool others;       /* revoke all other devices */
                        struct id leaving; /* DELETE: what his LEAVEs will have for an id */
                } password;                /* PASSWORD; DELETE: the first and the last alone */
                struct {
                        struct slice user_name, name_folded, display_name; /* empty: as it is */
                } profile;
                struct {
                        uint8_t hash[STORE_HASH_SIZE];
                        uint64_t uses, valid_ms;
                } invite;
                struct {
                        uint8_t secret_hash[STORE_HASH_SIZE]; /* SIGN_IN, RENEW */
                        struct slice device_name;             /* SIGN_IN */
                        uint64_t new_device;                  /* SIGN_IN */
                        const char *password_hash; /* SIGN_IN: the one that was verified; changed since: BAD_LOGIN */
                } sign_in;
                struct {
                        uint64_t device; /* 0: all */
                        bool others;     /* all but the sender's */
                } sign_out;
                struct {
                        struct slice email, user_name, display_name, email_folded, name_folded, device_name;
                        const char *password_hash; /* may be "" : no password sign-in */
                        uint8_t secret_hash[STORE_HASH_SIZE];
                        uint64_t new_user, new_device; /* device 0: none */
                } import;
                struct {
                        uint64_t peer;
                        bool on;
                } block;
                struct {
                        struct id after; /* he has left all rooms up to it, by id, and they were told; it only rises */
                        bool done;       /* he has left all: he is on the list no longer */
                } leaving;
                struct {
                        enum store_access access;
                        const char *password_hash; /* PASSWORD */
                } access;                          /* of `user` */
        };
};

struct store_result {
        enum error status;            /* OK, or why it was refused (a class REFUSED or BUSY error) */
        bool repeat;                  /* it had been done before; the rest is the first answer */
        struct store_members members; /* WRITE, LEAVE, MARK, RECEIPTS when OK; MARK of a member when LATE or REVOKED, too */
        uint64_t retry_after_ms;      /* BUSY */
        union {
                struct {
                        uint8_t room_kind;
                        uint64_t number;      /* of the operation */
                        struct store_row row; /* that it made or altered, as it is now */
                        const uint64_t
                                *outside; /* members who may not see the row, but learn the number; of an alteration */
                        size_t outside_count;
                        struct store_lowest lowest;
                        bool lowest_moved; /* by who came or went */
                        bool receipts_due; /* the setting of receipts: not all rooms of the sender have taken notice of it yet */
                } write;                   /* WRITE, LEAVE */
                struct {
                        struct store_marks marks;
                        struct store_lowest lowest;
                        bool marks_moved, lowest_moved;
                } mark; /* RECEIPTS: the lowest alone; moved: he is there, and told again if nothing did */
                struct {
                        uint64_t head; /* of their personal room then */
                } block;
                struct {
                        bool known;         /* the address has an account: the letter says so, the answer does not */
                        struct slice email; /* EMAIL: the address that he has */
                } sign_up;                  /* SIGN_UP, RESET, EMAIL */
                struct {
                        uint64_t device;
                        struct store_person person;
                } signed_in; /* CONFIRM, SIGN_IN, RENEW, RESET_CONFIRM, IMPORT; PROFILE: the person alone */
        };
};

/* ---- ask ---- */

enum store_question_kind {
        STORE_ASK_JOIN,     /* what a client that comes back needs first */
        STORE_ASK_ROOMS,    /* the rest of its rooms, by range of ids */
        STORE_ASK_CHANGES,  /* rows of a room by `changed` */
        STORE_ASK_AROUND,   /* rows of a room around a place */
        STORE_ASK_PINS,     /* rows of a room that are pinned */
        STORE_ASK_SEARCH,   /* rows by the words in them: of a room, or of all of the user's rooms */
        STORE_ASK_FIND,     /* people by the beginning of a name; not those whom a block is between */
        STORE_ASK_PROFILES, /* people by id */
        STORE_ASK_DEVICES,  /* one's devices */
        STORE_ASK_BLOCKS,   /* whom one blocks */
        STORE_ASK_MEMBERS,  /* who is in a room, and their marks */
        STORE_ASK_SHARED,   /* which of these users are in a room that the asker is in, too, and no block is between */
        STORE_ASK_AMONG,    /* which of these users are in this room, and no block is between; the asker must be in it */
        STORE_ASK_RECEIPTS, /* a server's: rooms that a user is in, by id, to switch his receipts there */
        STORE_ASK_DEVICE,   /* is the device live? One row by its key, and nothing else */
        STORE_ASK_LOGIN,    /* a user's password hash, by name or address */
        STORE_ASK_PASSWORD, /* one's own: answered like LOGIN, without a wait */
        STORE_ASK_LEAVERS,  /* deleted users who have not left all their groups yet */
        STORE_ASK_LEAVING,  /* the next group of one of them */
        STORE_ASK_USERS,    /* an operator's: all accounts that there are, by user name */
        STORE_ASK_CHECK     /* for tests and doctor: is every room's log gapless, every counter right? */
};

struct store_cursor {
        struct id room;
        uint64_t head, lowest; /* lowest: version of the lowest marks that the client has; ROOMS */
};

/* A row's place among the user's rows: newest first is by time, then by room id, then by number. */
struct store_place {
        struct id room;
        uint64_t seq, time_ms;
};

struct store_question {
        enum store_question_kind kind;
        uint64_t user, device; /* checked: REVOKED (not for LOGIN, LEAVERS, LEAVING, USERS, CHECK, RECEIPTS) */
        size_t bytes_max; /* JOIN, ROOMS, CHANGES, AROUND, PINS, SEARCH: text bytes of rows in all; fewer rows come beyond it */
        union {
                struct {
                        struct id era; /* zero: none. Another era: cursors are ignored */
                        const struct store_cursor *cursors;
                        size_t cursor_count;
                        uint32_t rooms_max, rows_max;
                } join;
                struct {
                        struct id after, until;             /* zero: open */
                        const struct store_cursor *cursors; /* by room id, ascending */
                        size_t cursor_count;
                        uint32_t rooms_max;
                } rooms;
                struct {
                        struct id room;
                        uint64_t after, before; /* before 0: open */
                        uint32_t rows_max;
                } changes;
                struct {
                        struct id room;
                        uint64_t seq, time_ms; /* seq 0: by time */
                        uint32_t rows_max;
                } around;
                struct {
                        struct id room;
                        uint64_t before; /* pinned by an operation before that one; 0: all */
                        uint32_t rows_max;
                } pins;
                struct {
                        struct id room;            /* zero: all of the user's, latest first, up to SEARCH_ROOMS_MAX */
                        struct slice text;         /* all of its words must stand in a row */
                        struct store_place before; /* seq 0: from the newest. In one room its number counts alone */
                        uint32_t rows_max;
                } search;
                struct {
                        struct slice folded;
                        uint32_t people_max;
                } find;
                struct {
                        struct id room;
                        uint64_t after; /* user ids above it */
                        uint32_t members_max;
                } members;
                struct {
                        uint64_t after; /* user ids above it */
                        uint32_t people_max;
                } blocks;
                struct {
                        uint64_t user;   /* LEAVERS: those above it */
                        struct id after; /* LEAVING: rooms after it */
                        uint32_t max;    /* LEAVERS: so many */
                } leaving;
                struct {
                        struct slice after; /* user names above it, folded; empty: from the first */
                        uint32_t users_max;
                } users;
                struct {
                        const uint64_t *users;
                        size_t count;
                } profiles;
                struct {
                        struct id room; /* SHARED: zero: none; else the asker must be in it, or he is refused: NO_ROOM */
                        const uint64_t *users;
                        size_t count;
                } shared; /* SHARED, AMONG */
                struct {
                        struct id after; /* room ids above it */
                        uint32_t rooms_max;
                } receipts;
                struct {
                        struct slice folded;   /* user name or address, folded */
                        uint64_t nobody;       /* if nobody has it: wait_ms counts the GUESS operations of this id, so that
                                              * known and unknown names look alike */
                        uint64_t guesses_from; /* of store_op: its wait counts too; 0: none */
                } login;
        };
};

struct store_room {
        struct id room;
        uint8_t kind;
        bool left;
        uint64_t head, rows_after, last_time_ms;
        uint64_t joined_seq;    /* of the first stay */
        struct store_row *rows; /* newest first */
        size_t row_count;
        struct store_marks marks;
        struct store_lowest lowest;
        struct store_person peer; /* personal rooms: the other; user 0 otherwise */
        struct slice title;       /* groups */
        uint8_t role;             /* the user's; 0 when left */
        uint64_t member_count;    /* groups, unless left */
};

struct store_hit {
        struct id room;
        struct store_row row;
};

struct store_leaver {
        uint64_t user, touched_ms; /* touched_ms: when he was last heard to go on */
        struct id after;           /* store_op.leaving */
};

struct store_answer {
        enum error status;
        struct id era;
        uint64_t seen_ms; /* where the device is checked: when it was used last, as far as that was written down */
        union {
                struct {
                        struct store_person person;
                        struct store_room *rooms;
                        size_t room_count;
                        uint64_t blocks;   /* JOIN: how many people the user blocks */
                        bool receipts_due; /* JOIN: they were switched, and that was not done in all rooms yet */
                        bool more;         /* JOIN: rooms beyond these exist. ROOMS: `through` is set */
                        struct id through; /* ROOMS: any id from the last room that is covered to just before the next */
                } rooms;                   /* JOIN, ROOMS */
                struct {
                        struct store_row
                                *rows; /* CHANGES: newest change first; AROUND: oldest first; PINS: newest pin first */
                        size_t row_count;
                        bool more;
                        uint64_t head;
                        struct store_marks marks;
                        struct store_lowest lowest;
                } rows; /* CHANGES, AROUND, PINS */
                struct {
                        struct store_hit *hits; /* newest first */
                        size_t count;
                        bool more;               /* there may be others before `next`, also where none was found so far */
                        struct store_place next; /* whence to go on */
                } search;                        /* BAD_FIELD: no word in the text. TOO_LARGE: too many */
                struct {
                        struct store_person *people;
                        size_t count;
                        bool more;
                } people; /* FIND, PROFILES; BLOCKS: by user id */
                struct {
                        struct store_account *accounts;
                        size_t count;
                        bool more;
                } users;
                struct {
                        struct store_device *devices;
                        size_t count;
                } devices;
                struct {
                        struct store_member *members; /* by user id */
                        size_t count;
                        bool more;
                        uint64_t head;
                        struct slice link; /* empty: there is none, or it is not the user's to see */
                } members;
                struct {
                        uint64_t *users;   /* in the order in which they were asked for */
                        uint64_t *seen_ms; /* SHARED: of each, when he was there last (rules/seen.h); 0: not known */
                        size_t count;
                } shared; /* SHARED, AMONG */
                struct {
                        struct store_leaver *leavers; /* by user id */
                        size_t count;
                        bool more;
                } leavers;
                struct {
                        bool found;        /* he is on the list */
                        struct id request; /* of his LEAVEs */
                        struct id group;   /* the first one after `after` that he is in, or was once; zero: none so far */
                        struct id through; /* as far as was looked */
                        bool more;         /* there may be others after that */
                } leaving;
                struct {
                        struct id *rooms;
                        size_t count;
                        bool more;       /* above the last of them */
                        uint64_t change; /* how often he switched receipts */
                } receipts;
                struct {
                        uint64_t user; /* 0: nobody */
                        const char *password_hash;
                        uint64_t wait_ms; /* too many wrong guesses: not before so long */
                } login;
                struct {
                        uint64_t rooms, rows, faults;
                        struct slice first_fault; /* text */
                } check;
        };
};

struct store;

struct store_ops {
        void (*free)(struct store **store);
        int (*fd)(struct store *store);

        /* One transaction. Completion OK: results are set and durable. FAILED: nothing was done. UNCERTAIN: unknown: repeat. */
        enum error (*apply)(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                            struct arena *arena, uint64_t tag);

        /* Completion OK: answers are set. FAILED: none is. */
        enum error (*ask)(struct store *store, const struct store_question *questions, size_t count,
                          struct store_answer *answers, struct arena *arena, uint64_t tag);

        size_t (*poll)(struct store *store, struct completion *completions, size_t max);
};

struct store {
        const struct store_ops *ops;
};

#endif
