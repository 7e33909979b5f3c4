/* What the files of the running screen share: screen.c (the loop and the keys), chats.c (rooms, the log), popups.c, account.c. */
#ifndef GALKA_TERMINAL_SCREEN_SCREEN_INSIDE_H
#define GALKA_TERMINAL_SCREEN_SCREEN_INSIDE_H

#include "rules/limits.h"
#include "rules/setting.h"
#include "terminal/screen/feed.h"
#include "terminal/screen/keymap.h"
#include "terminal/screen/view.h"

#define DRAFTS_MAX       100
#define DRAFT_VALUE_SIZE (TEXT_SIZE_MAX - SETTING_KEY_MAX - 1)

struct draft {
        struct id room;
        char *text; /* on the heap */
        struct model_about about;
};

struct screen {
        struct session *session;
        struct model model;
        struct feed feed;
        struct grid grid;
        struct keys keys;
        unsigned rows, columns;
        bool ended;
        bool block_asked, blocks_on;     /* an answer is awaited: to a block, or to the end of one */
        bool light;                      /* the terminal said that its ground is */
        struct draft drafts[DRAFTS_MAX]; /* other texts for messages, which are no drafts of the room */
        unsigned draft_count;
        char draft_known[DRAFT_VALUE_SIZE]; /* of the open room, as it was read or kept last */
        size_t draft_known_size;
        uint64_t key_ms;  /* when the last key came, as now_ms */
        uint64_t note_ms; /* when the note of the last line was said */
        uint64_t title_unread;
        uint8_t link[LINK_SIZE]; /* of the group that is offered */
};

struct core *screen_core(struct screen *screen);

/* ---- chats.c ---- */

/* Opens a room; what was being typed in the one before is kept. name: see feed_open. */
void chats_open(struct screen *screen, const struct id *room, const char *name);
void chats_close(struct screen *screen);
void chats_free_drafts(struct screen *screen);

/* The room so many lines below (or above) the open one; only those with unread rows. */
void chats_step(struct screen *screen, int by, bool unread);

void chats_send(struct screen *screen);

/* Goes to a message of the open room, or (seq 0) to a time: at once, or once the server has answered (chats_arrive). */
void chats_jump(struct screen *screen, uint64_t seq, uint64_t time_ms);
void chats_arrive(struct screen *screen);
void chats_act(struct screen *screen, enum action action);

/* Puts a word into the last line. */
void screen_say(struct screen *screen, const char *said);

/* ---- deeds.c ---- */

/* Queues an operation on the open room; false, and it is said why, if it was not taken. */
bool screen_write(struct screen *screen, const struct wire_operation *operation);

/* Opens a popup with two items, the first to leave all as it is. */
enum { ASKED_NO, ASKED_YES };
void screen_ask(struct screen *screen, enum model_popup kind, enum text no, enum text yes);

/* Something is done to the chosen message, which the server has. */
void deeds_act(struct screen *screen, enum action action);

/* Completes the mention before the cursor with a member's name; of several ones as far as they agree, and says them. */
void deeds_complete(struct screen *screen);

/* What is typed into the choice of reactions changed. */
void deeds_fill_reactions(struct screen *screen);

/* Enter in one of its popups. */
void deeds_enter(struct screen *screen);

/* ---- keeping.c: rooms pinned, muted, archived; drafts ---- */

/* To the chosen room of the list. True: it was one of these. */
bool keeping_act(struct screen *screen, enum action action);

/* Enter in its popup. */
void keeping_enter(struct screen *screen);

/* What is being written in the open room is its draft, on all devices. */
void keeping_save_draft(struct screen *screen);

/* The open room's draft is what is being written. */
void keeping_load_draft(struct screen *screen);

/* Once a turn: drafts come and go. */
void keeping_turn(struct screen *screen);

/* The server has the open room's draft. */
bool keeping_at_rest(struct screen *screen);

/* ---- popups.c ---- */

void popups_open(struct screen *screen, enum model_popup kind);
void popups_act(struct screen *screen, enum action action);

/* What is typed in its line, or in the chosen field, changed. */
void popups_typed(struct screen *screen);
struct line *popups_line(struct screen *screen);
void popups_enter(struct screen *screen);

/* Settings: read from the profile, and told to the terminal. */
void settings_load(struct screen *screen);
void settings_apply(struct screen *screen);
/* What is the account's is shown as it is, whatever device set it. */
void settings_follow(struct screen *screen);

/* ---- groups.c ---- */

/* True: it was one of these. */
bool groups_act(struct screen *screen, enum action action);

/* Enter in one of its popups. */
void groups_enter(struct screen *screen);

/* A link to a group was typed: offers to join it. False: it is none. */
bool groups_offer_link(struct screen *screen, struct slice typed);

/* Joins the group of the link that was offered last. */
void groups_join(struct screen *screen, const struct id *room);

/* Members came: what shows them is filled anew. */
void groups_update(struct screen *screen);

/* ---- blocks.c ---- */

/* True: it was its key. */
bool blocks_act(struct screen *screen, enum action action);

/* Enter in one of its popups. */
void blocks_enter(struct screen *screen);

/* An answer came; before account_update. */
void blocks_update(struct screen *screen);

/* Shows the chosen message, if it is hidden. */
bool blocks_reveal(struct screen *screen);

/* ---- account.c ---- */

/* Shows what somebody without an account may do. */
void account_welcome(struct screen *screen);
void account_enter(struct screen *screen);

/* An answer came, or the phase changed. */
void account_update(struct screen *screen);

#endif
