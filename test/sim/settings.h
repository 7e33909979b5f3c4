/*
 * What people set for all their devices (src/core/settings.h): each client sets a few keys to values that are its own. Rules 1, 2, 4 and
 * 5: what a device has, somebody of its user set; what was acknowledged counts, until a later one does; at rest the store's rows and all
 * devices of a user agree, and of two rows with one key the one that was altered last counts.
 */
#ifndef GALKA_TEST_SIM_SETTINGS_H
#define GALKA_TEST_SIM_SETTINGS_H

#include "sim/history.h"

#define SETTING_SETS_MAX 4096
#define SETTING_KEYS     5 /* "hidden", "receipts-off", "k2" … */

struct sim;
struct sim_client;
struct host_event;
struct check_row;
struct check_store;

/* What was set, and with which number it was acknowledged. */
struct set {
        uint64_t user;
        unsigned client, key;
        bool kept;   /* its client's storage has it, and its client is still signed in */
        bool probed; /* in PROBE, after which nothing breaks: it must be done, unless the client sets that key again */
        char value[HISTORY_TEXT_SIZE]; /* empty: it was taken away */
        uint64_t number;               /* 0: not acknowledged, or the store went back since */
        uint64_t acked_us;
};

struct sets {
        struct set all[SETTING_SETS_MAX];
        unsigned count;
};

/* The client sets something, up to `most` things: or one thing over and over, and then its process may die. */
void client_sets(struct sim *sim, struct sim_client *client, unsigned most);

/* Its core says that a setting is another now. */
void settings_told(struct sim *sim, const struct sim_client *client, const struct host_event *event);

/* Its account is gone from there, and what was not done with it. */
void settings_lost_account(struct sim *sim, const struct sim_client *client);

/* The store went back to what it was at since_us. */
void settings_restored(struct sim *sim, uint64_t since_us);

/* A row of that kind is in its user's self room, and somebody set that. */
void settings_check_row(struct sim *sim, unsigned room, const struct check_row *row);

/* Does the user hide, as far as one of his devices knows? What is known in peace is so. */
bool settings_hides(const struct sim *sim, uint64_t user);

/* At rest. */
void settings_check(struct sim *sim, const struct check_store *store);

#endif
