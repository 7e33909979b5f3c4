/*
 * The checker: the nine rules of a run (HACKING, "The simulator"). Some are looked at while it runs (history.c, client.c); here
 * stands what is looked at when it has come to rest. A rule that is broken is named by sim_break.
 */
#ifndef GALKA_TEST_SIM_CHECK_H
#define GALKA_TEST_SIM_CHECK_H

#include "sim/sim.h"

/* Rule 9. False, and why, as long as somebody is not at rest. */
bool check_at_rest(struct sim *sim, char why[static SIM_BROKEN_SIZE]);

/* Rules 1 to 4, which hold at rest and before: the store itself, and its logs against the history. */
void check_store_alone(struct sim *sim);

/* All the others. */
void check_all(struct sim *sim);

/* Something is missing that deliveries, pings and resync bring in time: a reason to look again, so long after the phase began. 0: it
 * will not come. */
uint64_t check_repair_ms(const char *rule);

#define CHECK_ROWS_MISSING  "5 rows missing"
#define CHECK_TICK_MISSING  "6 a tick missing"
#define CHECK_TICK_STALE    "6 a tick of before receipts were switched"
#define CHECK_GROUP_STALE   "5 a group is stale"
#define CHECK_STATUS_STALE  "5 a status is stale"
#define CHECK_SETTING_STALE "5 a setting is stale"
#define CHECK_LEAVER_STAYS  "9 something of a deleted user stays"

/* One row of the store, as the checker read it. */
struct check_row {
        uint64_t seq, changed, n, time_ms, sender, reply_to, edited_ms, subject, heir;
        unsigned kind, role;
        struct id request;
        char text[HISTORY_TEXT_SIZE];
        char origin[16]; /* of a forwarded text */
        uint64_t pinned;
        struct slice reactions; /* folded: rules/reaction.h; on the heap */
};

struct check_log {
        struct check_row *rows;
        size_t count;
};

/* ---- check_store.c: what the store holds, read past the driver ---- */

/* A stay. */
struct check_member {
        uint64_t user, joined, left, delivered, read, shown, counted_from; /* left UINT64_MAX: he is in it */
        unsigned role;
};

struct check_store {
        struct check_log logs[HISTORY_ROOMS_MAX]; /* by the history's number of the room */
        struct check_member *members[HISTORY_ROOMS_MAX];
        unsigned member_counts[HISTORY_ROOMS_MAX];
        uint64_t hiding[USERS_MAX]; /* users who hide */
        unsigned hiding_count;
        unsigned leavers, ghosts;        /* on the list of those who leave; stays in groups of who is deleted */
        unsigned notes;                  /* of who is deleted, in the room that was his alone */
        uint64_t unreceipted[USERS_MAX]; /* users who switched receipts off */
        unsigned unreceipted_count;
};

/* Does the store take him for one who hides? */
bool check_hides(const struct check_store *store, uint64_t user);
bool check_receipts_off(const struct check_store *store, uint64_t user);

/* Do the row, and its last alteration, lie in one of his stays? */
bool check_sees(const struct check_store *store, unsigned room, uint64_t user, uint64_t seq, uint64_t changed);

/* The number of the last operation on a room; 0: there was none. */
uint64_t check_head(const struct check_log *log);

/* His last stay; NULL: he has none. */
const struct check_member *check_last_stay(const struct check_store *store, unsigned room, uint64_t user);

#define check_each_member(store, room, item)                                                                                \
        for (const struct check_member *item = (store)->members[room],                                                      \
                                       *item##_end = item ? item + (store)->member_counts[room] : NULL;                     \
             item != item##_end; item++)

struct check_store *check_store_read(struct sim *sim);
void check_store_free(struct check_store **store);

/* Rules 1, 2, 3, 4: the logs against the history. */
void check_logs(struct sim *sim, const struct check_store *store);

/* ---- check_rights.c: rule 7: whoever did something in a room could do it ---- */

void check_rights(struct sim *sim, const struct check_store *store);

/* ---- check_client.c: what a client holds, against the logs: rules 1, 4, 5 ---- */

void check_client(struct sim *sim, const struct check_store *store, const struct sim_client *client);

/* ---- blocking.c: rule 7: nothing was written between those of whom one blocks the other ---- */

void check_blocking(struct sim *sim, const struct check_store *store);

/* ---- watching.c: who is taken for gone and is not ---- */

void check_watching(struct sim *sim);

/* ---- leaving.c: rule 9: who is deleted has left all groups ---- */

void check_leaving(struct sim *sim, const struct check_store *store);

/* ---- check_marks.c: rule 6 ---- */

void check_marks(struct sim *sim, const struct check_store *store);

#endif
