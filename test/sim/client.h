/*
 * Clients that behave: a core on its host, a line, and a person who signs up or was imported, writes, reads, loses his process,
 * signs devices out. What the core tells goes into the history, and what can be checked at once is.
 */
#ifndef GALKA_TEST_SIM_CLIENT_H
#define GALKA_TEST_SIM_CLIENT_H

#include "rules/invite.h"
#include "sim/finder.h"
#include "sim/history.h"
#include "sim/line.h"
#include "support/core_host.h"

#define CLIENTS_MAX 12
#define USERS_MAX   8
#define USER_TEXT   32

struct sim;
struct person;

struct user {
        char name[USER_TEXT], email[USER_TEXT], password[USER_TEXT];
        uint64_t id; /* 0: not yet known */
        bool imported, rogue;
        bool leaves; /* he has asked for the end of his account */
        uint64_t first_device;
        uint8_t token[40];
};

enum client_goal { CLIENT_ADOPTS, CLIENT_SIGNS_UP, CLIENT_SIGNS_IN };

/* What a client's core said of a room last. */
struct watched {
        uint64_t delivered, read, head, version;
};

struct sim_client {
        struct line_owner owner;
        struct core_host host;
        struct line *line;
        struct user *user;
        struct person *person; /* of a scenario: acts only when told by him; NULL: acts by itself */
        unsigned number, said;
        enum client_goal goal;
        bool signed_in, signing; /* the person was told so; an answer is awaited */
        bool revoked;            /* somebody signed this device out, or its account record was lost */
        uint64_t revoked_us;     /* since when that was acknowledged */
        uint64_t device;         /* once known */
        uint64_t act_us;         /* when the person does something next */
        uint64_t start_us;       /* the process is down until then; 0: it runs */
        uint64_t pace_us;
        int64_t wall_off_ms;
        unsigned sign_tries;
        struct id provoked; /* a room to say something into at the next moment */
        uint64_t sign_out_device;
        struct sim *sim; /* of which host.watch knows nothing */
        struct finder finder;
        struct watched watched[HISTORY_ROOMS_MAX];
        uint64_t connected_us;
        bool of_the_past;         /* the store went back, and it has not heard of it: its numbers may fall */
        bool dies;                /* once it has heard what its core has to say */
        bool looks;               /* has something on its screen */
        bool blocks_on;           /* block_target: or no longer */
        unsigned block_target;    /* the place of the user whom it asks to block, + 1; 0: none */
        unsigned sign_out_target; /* client number + 1 whose device is being signed out; 0: none */
};

/* In AWAY: somebody who leaves a group and has it still open. */
struct leaver {
        struct sim_client *client; /* NULL: nobody does */
        struct id room;
        uint64_t at_us;
        bool left;
        bool answered; /* somebody who saw that he had left has typed since */
};

struct clients {
        struct leaver leaver;
        char invite[INVITE_TEXT_SIZE]; /* with which everybody may sign up */
        struct user users[USERS_MAX];
        unsigned user_count;
        struct sim_client all[CLIENTS_MAX];
        unsigned count;
        bool moved;
};

void clients_start(struct sim *sim);

/* An invitation for so many, as an operator makes it; in peace only. */
void clients_invite(struct sim *sim, uint64_t uses, char invite[static INVITE_TEXT_SIZE]);

/* An account as an operator makes it, with a device and its token; in peace only. */
void clients_import(struct sim *sim, struct user *user);
void clients_finish(struct sim *sim);
void clients_run(struct sim *sim);
uint64_t clients_next_us(const struct sim *sim);

/* A device for a scenario, still without an account. Those of one name are one user's. */
struct sim_client *clients_add(struct sim *sim, const char *name, struct person *person);

/* Everybody writes once more into every room he is in. */
void clients_probe(struct sim *sim);

/* ---- faults ---- */

/* The process is killed; what was not kept is gone. */
void client_crash(struct sim *sim, struct sim_client *client, uint64_t down_us);
void client_keep_late(struct sim_client *client);
void clients_heal(struct sim *sim);

/* The store went back to a time before since_us: sign-outs since then never were. */
void clients_restored(struct sim *sim, uint64_t since_us);

/* ---- person.c ---- */

void client_act(struct sim *sim, struct sim_client *client);
void client_sign(struct sim *sim, struct sim_client *client);
void client_signed(struct sim *sim, struct sim_client *client, enum error error);
void client_signed_in(struct sim *sim, struct sim_client *client);
/* Somebody has just connected: others write to him while he joins. */
void client_provoke(struct sim *sim, const struct sim_client *newcomer);
/* Some other one who is connected writes to this user, now. False: nobody is. */
bool clients_provoke(struct sim *sim, uint64_t user);
/* The same, said at once. */
bool clients_say_to(struct sim *sim, uint64_t user);

/* group.c */
void client_act_in_group(struct sim *sim, struct sim_client *client);
void client_leaves(struct sim *sim, struct sim_client *client, const struct id *room);
void client_probe_groups(struct sim *sim, struct sim_client *client);
/* A group that he is in, as far as he knows. False: none. */
bool client_group(struct sim *sim, const struct sim_client *client, struct id *room);
/* Mostly its title, or who is in it. */
void client_change_group(struct sim *sim, struct sim_client *client, const struct id *room);

void client_say(struct sim *sim, struct sim_client *client, const struct id *room);
void client_say_or_alter(struct sim *sim, struct sim_client *client, const struct id *room);

/* watching.c: what is on the screen, typing; and what is heard of it. client: whose core said it, or NULL */
void client_looks(struct sim *sim, struct sim_client *client);
void client_types(struct sim *sim, struct sim_client *client);
/* In AWAY: he sees that the leaver has left, and types. */
void client_sees_leaving(struct sim *sim, struct sim_client *client, const struct host_event *event);
void client_acts_away(struct sim *sim, struct sim_client *client);
void clients_reconnect(struct sim *sim);
void watching_status(struct sim *sim, uint64_t hearer, uint64_t user, bool online, uint64_t seen_ms);
void watching_types(struct sim *sim, uint64_t hearer, uint64_t user, const struct id *room, const struct sim_client *client);

/* The person signs a device of his out (another one, or this). */
bool client_sign_out(struct sim *sim, struct sim_client *client);

#endif
