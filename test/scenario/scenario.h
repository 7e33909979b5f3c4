/*
 * Stories of Alice and Bob on the whole messenger: the simulator's world (test/sim: client cores, frontends, bus, workers, SQLite,
 * presence, a network with delays, a clock that jumps), in which nothing breaks but what the story says, and nobody does anything
 * that he is not told. A story is told on several seeds: they choose how many workers and frontends there are, how slow the lines
 * are, and in which order everybody is stepped.
 *
 *      scenario_new → person_new … (the story) → scenario_ends
 *
 * Verbs that expect something wait for it, in simulated time, and fail the test when it does not come about. While time passes, the
 * simulator's checker looks on (marks never go back, nobody sees what is not his …); scenario_ends brings everybody back, waits until
 * all is at rest, and lets it look at everything that anybody holds.
 *
 * Who owns what: a scenario owns its world and its people. Pointers to people live until scenario_ends.
 */
#ifndef GALKA_TEST_SCENARIO_SCENARIO_H
#define GALKA_TEST_SCENARIO_SCENARIO_H

#include "sim/sim.h"

#define SCENARIO_WAIT_S   120 /* what does not come about within so long never will */
#define SCENARIO_LOG_SIZE 2048

/* One device of somebody, and what its core told last. */
struct person {
        struct scenario *story;
        struct sim_client *client;
        const char *name;
        bool cut;     /* has no link, whatever it tries */
        int frontend; /* where its next links go; −1: anywhere */

        unsigned signs; /* answers to sign-up, confirm, sign-in, sign-out, and the last of them */
        enum error sign_error;
        uint64_t sign_wait_ms;
        const char *invite;              /* with which he signs up; NULL: none */
        char invited[32];                /* the last invitation that he made */
        unsigned told_sent, told_failed; /* messages told as sent, as failed */
        enum error failed_error;         /* of the last message or question that failed */
        unsigned failed_questions;
        unsigned forgotten; /* times that everything stored was dropped */
        enum error forgotten_error;
        unsigned answers; /* to find and devices: what came last */
        uint64_t found[8];
        size_t found_count;
        uint64_t seen_ms[8]; /* of the devices that were found */
        unsigned histories;  /* answers to core_history: down to where */
        uint64_t whole_from;

        unsigned statuses, types; /* what was told of others: that one came or is gone; that one types, or no longer */
        bool online, typing;      /* the last of them */

        uint8_t heard[4096]; /* an intruder's */
        size_t heard_size;
        void (*receive)(struct sim *sim, struct line_owner *owner, struct slice bytes);
};

struct scenario {
        struct sim *sim;
        struct person people[CLIENTS_MAX];
        unsigned count;
        uint64_t image_us;
        char log[SCENARIO_LOG_SIZE];
};

/* One story, told to cmocka. */
#define STORY(story)                                                                                                        \
        {                                                                                                                   \
#story, scenario_tell, 0, 0, story                                                                          \
        }
typedef void story_function(struct scenario *s);
void scenario_tell(void **state);

/* Waits until it holds; else the test fails with the message. */
#define AWAIT(story, holds, ...)                                                                                            \
        do {                                                                                                                \
                uint64_t await_until_us = (story)->sim->now_us + SCENARIO_WAIT_S * SIM_SECOND;                              \
                while (!(holds))                                                                                            \
                        if (!scenario_step(story, await_until_us))                                                          \
                                scenario_fails(story, __FILE__, __LINE__, __VA_ARGS__);                                     \
        } while (0)

/* ---- the world ---- */

struct scenario *scenario_new(uint64_t seed);
void scenario_ends(struct scenario **s);

/* Everybody once. False: the time is over. */
bool scenario_step(struct scenario *s, uint64_t until_us);
void scenario_fails(struct scenario *s, const char *file, int line, const char *format, ...)
        __attribute__((format(printf, 4, 5), noreturn));

void scenario_passes(struct scenario *s, unsigned seconds);

/* kill -9 of `galkad all`; it is back within seconds. */
void scenario_kills_server(struct scenario *s);

/* The workers only: frontends and links stay. */
void scenario_kills_workers(struct scenario *s);

/* All machines are switched off and, so many days later, on again: those on which nothing ran stay so. */
void scenario_sleeps(struct scenario *s, unsigned days);

/* A copy of the database is made; later the server is killed and started on that copy, in a new era. */
void scenario_saves_store(struct scenario *s);
void scenario_restores_store(struct scenario *s);

/* Messages that the store holds. */
uint64_t scenario_rows(struct scenario *s);

/* ---- somebody's device ---- */

/* Its process runs; it has no account yet. Several of one name are one user's devices. */
struct person *person_new(struct scenario *s, const char *name);

/* From nothing to being there: with the code from the mail; with the password. */
void person_signs_up(struct person *person);
void person_signs_in(struct person *person);

/* What the server answers. */
enum error person_asks_to_sign_up(struct person *person, const char *email);
enum error person_tries_code(struct person *person, const char *code);
enum error person_tries_password(struct person *person, const char *password);

/* What an account is: each gives the server's answer. */
enum error person_asks_to_reset(struct person *person, const char *email);
enum error person_tries_reset(struct person *person, const char *code, const char *password);
enum error person_sets_password(struct person *person, const char *password, const char *new_password, bool others);
enum error person_sets_names(struct person *person, const char *user_name, const char *display_name);
enum error person_asks_for_email(struct person *person, const char *email, const char *password);
enum error person_tries_email_code(struct person *person, const char *code);

/* For good: he learns it as person_is_signed_out does. */
enum error person_deletes_account(struct person *person, const char *password);

/* An invitation for so many: person->invited, or why not. */
enum error person_invites(struct person *person, unsigned uses);

/* Only who is invited may sign up from now on, or nobody: the workers begin anew. */
void scenario_registers(struct scenario *s, enum registration registration);

/* All devices but this one. */
void person_signs_out_others(struct person *person);

/* This device of his, all of them (NULL); both wait for the answer. */
void person_signs_out(struct person *person, const struct person *device);
/* He learns that he was signed out, and nothing is left in his storage. */
void person_is_signed_out(struct person *person);

void link_cut(struct person *person);
void link_mended(struct person *person);
/* Whatever link there is ends, and the next goes to that frontend. */
void link_goes_to(struct person *person, unsigned frontend);

void person_is_killed(struct person *person);
void person_starts(struct person *person);
bool person_runs(const struct person *person);
enum core_phase person_phase(const struct person *person);

/* ---- talking: `with` is the other one of the room, or the person himself ---- */

struct id person_room(const struct person *person, const struct person *with);
void person_says(struct person *person, const struct person *with, const char *text);
/* His row with that text, as he has it, is altered; somebody's is replied to. */
void person_edits(struct person *person, const struct person *with, const char *old, const char *text);
void person_deletes(struct person *person, const struct person *with, const char *text);
void person_reacts(struct person *person, const struct person *with, const char *to, const char *emoji);
void person_replies(struct person *person, const struct person *with, const char *to, const char *text);
/* The row with that text; it must be there. */
struct wire_row person_row(const struct person *person, const struct person *with, const char *text);
void person_says_many(struct person *person, const struct person *with, unsigned count);

/* With frames of his own making, in the room of two others: what the server answers. */
enum error intruder_writes(struct person *person, const struct person *one, const struct person *other, const char *text);
enum error intruder_looks(struct person *person, const struct person *one, const struct person *other);

/* This and nothing else, in this order: "one / two / three". */
void person_sees(struct person *person, const struct person *with, const char *log);
const char *person_log(struct person *person, const struct person *with);
/* How many rows are stored. */
uint64_t person_rows(const struct person *person, const struct person *with);
uint64_t person_head(const struct person *person, const struct person *with);
uint64_t person_unread(const struct person *person, const struct person *with);
uint32_t person_queued(const struct person *person, const struct person *with);
uint64_t person_hole(const struct person *person, const struct person *with);

void person_reads(struct person *person, const struct person *with);
void person_scrolls_up(struct person *person, const struct person *with);

/* The ticks of his own message; waits for them. */
void person_has_tick(struct person *person, const struct person *with, const char *text, enum core_message_state tick);
enum core_message_state person_tick(const struct person *person, const struct person *with, const char *text);

/* He has these on his screen: the other, and the room with him if it is open. NULL: nothing. */
void person_looks_at(struct person *person, const struct person *other, bool open);
/* What he knows of him: −1: nothing. */
int person_knows_online(const struct person *person, const struct person *other);
void person_types(struct person *person, const struct person *with);

/* Asks for people, or for his devices, and waits: person->found. */
void person_finds(struct person *person, const char *name);
void person_lists_devices(struct person *person);

#endif
