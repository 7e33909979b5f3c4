/*
 * What the full screen knows: rooms, the rows of the room that is open, what is being typed, what lies over it. Filled by feed.c from the
 * core's events and the profile's file, changed by screen.c as keys come, drawn by view.c. No core, no terminal: plain data, so that
 * tests make one by hand.
 *
 * Who owns what: everything here is the model's own, on the heap; rows are owned by the log.
 */
#ifndef GALKA_TERMINAL_SCREEN_MODEL_H
#define GALKA_TERMINAL_SCREEN_MODEL_H

#include "core/core.h"
#include "rules/limits.h"
#include "terminal/line.h"
#include "terminal/screen/style.h"
#include "terminal/screen/text.h"

#define MODEL_NAME_SIZE      136  /* of a person's or room's name, with NUL */
#define MODEL_LAST_SIZE      160  /* of the beginning of a room's last message */
#define MODEL_ROWS_MAX       3000 /* rows of the open room in memory; more are read again as one scrolls */
#define MODEL_PEOPLE_MAX     4096
#define MODEL_ITEMS_MAX      MODEL_MEMBERS_MAX /* of a list over the screen: all members of a group */
#define MODEL_FIELDS_MAX     6
#define MODEL_MEMBERS_MAX    1024 /* of a group */
#define MODEL_EMOJI_SIZE     64
#define MODEL_REACTIONS_SIZE 320 /* of the reactions to a message that are shown */
#define MODEL_QUOTED_SIZE    120 /* of the beginning of a message that another replies to, with NUL */

struct model_person {
        uint64_t user;
        char name[MODEL_NAME_SIZE];      /* as others see it */
        char user_name[MODEL_NAME_SIZE]; /* without @; may be empty */
};

/* What happened in a group, other than a message: rules/row.h says what each kind has. */
struct model_news {
        uint8_t kind, role;
        uint64_t sender, subject, heir;
        const char *title;
};

/* A line of the list. */
struct model_room {
        struct id room;
        uint8_t kind; /* rules/room.h */
        bool left;
        uint64_t peer; /* of a personal room */
        uint8_t role;  /* one's own in a group: rules/role.h */
        uint32_t members;
        char name[MODEL_NAME_SIZE];
        char detail[MODEL_NAME_SIZE]; /* "@bob", "3 members" */
        uint64_t head, unread, time_ms, shown, delivered;
        uint32_t queued;
        uint8_t mentions;                                    /* in what is unread: terminal/mentions.h */
        bool mentions_more;                                  /* or more */
        uint64_t mention_head, mention_unread, mention_hole; /* as of which they were counted */
        uint64_t last_head, last_seq;                        /* the head that `last` was read at, and its row */
        char last[MODEL_LAST_SIZE];
        uint64_t last_sender, last_subject, last_heir;
        uint8_t last_kind, last_role; /* of the row; last_kind 0: there is none */
        bool last_mine;
        uint8_t last_state; /* enum core_message_state, of an own one */
        bool failed;        /* something in it was not sent */
        bool online;        /* the other one of a personal room is */
        bool muted, archived, pinned;
        char draft[MODEL_LAST_SIZE]; /* the beginning of what was begun in it; empty: nothing */
};

/* The beginning of a message that is spoken of: quoted above a reply, above what is being written. */
struct model_quote {
        uint64_t seq;    /* 0: none */
        uint64_t sender; /* 0: the message is not on this device */
        char said[MODEL_QUOTED_SIZE];
};

/* A row of the open room. Own messages that are not answered have seq 0 and stand last. */
struct model_row {
        uint64_t seq, time_ms, sender;
        struct id id;
        uint8_t kind;                /* rules/row.h */
        uint8_t state;               /* enum core_message_state */
        bool mine, edited, mentions; /* mentions: oneself */
        bool hidden;                 /* in a group, of somebody whom one blocks: shown when it is asked for */
        uint8_t role;                /* of the subject: rules/row.h says when */
        enum error error;            /* why it failed; OK: not known */
        uint64_t subject, heir;
        uint64_t pinned;                      /* the number of the operation that pinned it; 0: it is not */
        struct model_quote quote;             /* what it replies to */
        char origin[MODEL_NAME_SIZE];         /* whose text was forwarded; empty: nobody's */
        char reactions[MODEL_REACTIONS_SIZE]; /* "👍 2", each followed by a NUL, and one more after the last */
        uint8_t reaction_count, reacted;      /* reacted: which one is one's own, from 1; 0: none */
        uint32_t size;
        char text[];
};

/* The rows in order, and what part of them is seen: up to the row at `bottom`, whose last `below` lines are cut off by the
 * lower edge. Following: the last row is the bottom one. */
struct model_log {
        struct model_row **rows;
        size_t count, size;
        bool following;
        size_t bottom;
        unsigned below;
        size_t marked;       /* the row that a command would be about; SIZE_MAX: none */
        uint64_t unread_seq; /* the line "new" stands above the first row of others from here on; 0: none */
        bool older_there;    /* there are older rows */
        bool newer_there;    /* there are newer ones, too: End goes there */
        bool window;         /* these came from the server alone: what is older and newer is asked for */
        bool fetching;       /* older or newer ones are on the way */
        enum error problem;  /* why they are not */
        unsigned come;       /* rows of others that came while not following */
};

/* A pinned message. */
struct model_pin {
        uint64_t pinned, seq, sender, time_ms;
        char said[MODEL_QUOTED_SIZE];
};

/* Those of the open room, newest pin first. */
struct model_pins {
        struct model_pin list[PINS_MAX];
        unsigned count;
};

/* What is being written is something new, a reply to a message, or another text for it. */
enum model_about_kind { ABOUT_NOTHING, ABOUT_REPLY, ABOUT_EDIT };

struct model_about {
        enum model_about_kind kind;
        struct model_quote quote;
};

enum model_focus { FOCUS_ROOMS, FOCUS_COMPOSE, FOCUS_LOG };

enum model_popup {
        POPUP_NONE,
        POPUP_HELP,
        POPUP_SWITCH,   /* rooms by name */
        POPUP_PEOPLE,   /* find somebody to talk to */
        POPUP_SEARCH,   /* in the open room, or everywhere */
        POPUP_PINS,     /* of the open room */
        POPUP_SETTINGS, /* values that Left and Right change */
        POPUP_NEW_GROUP,
        POPUP_GROUP, /* its members, and what may be done */
        POPUP_RENAME,
        POPUP_INVITE,  /* as PEOPLE, for the open group */
        POPUP_LEAVE,   /* really? */
        POPUP_READERS, /* who has read a message */
        POPUP_DELETE,  /* really? */
        POPUP_REACT,   /* choose one, or type it */
        POPUP_FORWARD, /* rooms by name, for the chosen message */
        POPUP_MUTE,    /* the chosen room: for how long? */
        POPUP_BLOCK,   /* the other of the open room, really? */
        POPUP_BLOCKS,  /* whom one blocks */
        POPUP_WELCOME, /* no account: sign in, sign up */
        POPUP_SIGN_IN,
        POPUP_SIGN_UP,
        POPUP_CODE,
        POPUP_COUNT
};

/* A line of a popup's list. */
struct model_item {
        char label[MODEL_LAST_SIZE];
        char detail[MODEL_NAME_SIZE];
        uint8_t role;
        struct id room;
        uint64_t user, seq, time_ms;
        uint32_t unread;
};

/* A present member of the open group. */
struct model_member {
        uint64_t user, delivered, shown, counted_from;
        uint8_t role;
};

/* Who has a reaction to the message whose readers are shown. */
struct model_reactor {
        uint64_t user;
        char emoji[MODEL_EMOJI_SIZE];
};

/* What is asked for in a form. */
struct model_field {
        enum text label;
        bool secret;
        struct line *line;
};

struct model_popup_state {
        enum model_popup kind;
        struct line *input; /* SWITCH, PEOPLE, SEARCH */
        struct model_item *items;
        unsigned item_count, chosen, top;
        struct model_field fields[MODEL_FIELDS_MAX];
        unsigned field_count;
        bool everywhere; /* SEARCH: in all chats */
        bool busy;       /* an answer is awaited */
        char note[256];  /* what is wrong, or what to do */
        bool note_bad;
};

enum model_setting {
        SETTING_LANGUAGE,
        SETTING_GROUND,
        SETTING_COLOURS,
        SETTING_MOUSE,
        SETTING_BELL,
        SETTING_SEEN,
        SETTING_READ,
        SETTING_COUNT
};

struct model {
        struct model_person me;
        struct model_person *people; /* by user */
        size_t people_count, people_size;

        struct model_room *rooms; /* pinned ones, the newest first, archived ones */
        size_t room_count, room_size, archived_count;
        bool archive_shown;              /* the list is the archived ones; else all others */
        struct model_room *rooms_before; /* the list before the last change, for what was read for it */
        size_t before_size;
        size_t chosen_room;           /* the line that the keys are at */
        size_t rooms_top;             /* first line shown */
        bool open;                    /* a room is open */
        struct model_room at;         /* which; a copy of its line, or made up before anything was said there */
        struct model_member *members; /* of the open group, by user */
        size_t member_count;
        struct model_reactor *reactors;
        size_t reactor_count;
        uint8_t link[16];   /* the secret of the group's link */
        bool members_known; /* they have come, and the link if there is one: */
        bool link_known;
        bool link_wanted, link_making; /* it is copied when it is known; there was none, and one was asked for */
        struct model_log log;
        struct model_pins pins;
        bool peer_online;      /* of the open personal room */
        uint64_t peer_seen_ms; /* when he was there last, as far as that is known; 0: it is not */
        bool at_blocked;       /* the user blocks him */
        uint64_t typists[4];   /* in the open room; more are several all the same */
        size_t typist_count;
        struct line *compose;
        struct model_about about; /* what is being written is about that */

        enum model_focus focus;
        struct model_popup_state popup;

        enum core_phase phase;
        uint64_t offline_ms;     /* since when there is no link, as now_ms; 0: there is one */
        bool colourless;         /* the terminal shows no colours */
        char problem[160];       /* why there is no link */
        uint32_t queued, failed; /* own messages not sent, in all rooms */
        uint64_t now_ms;         /* wall clock */
        char note[160];          /* said in the last line until the next key */
        unsigned settings[SETTING_COUNT];
        char server[256];
};

must_use enum error model_init(struct model *model);
void model_finish(struct model *model);

/* A person by id; NULL: not known. */
const struct model_person *model_person(const struct model *model, uint64_t user);
void model_know(struct model *model, const struct wire_person *person);

/* What to call somebody; a made-up name if nobody told. Valid until the next call. */
const char *model_name(const struct model *model, uint64_t user);

/* The beginning of a text in one line, safe for a terminal, for lists. */
void model_copy_line(struct slice said, char *copy, size_t size);

/* Makes place for so many rooms. False: no memory. */
bool model_rooms_reserve(struct model *model, size_t count);
/* The list becomes the one before, and a new one is to be made. */
void model_rooms_swap(struct model *model);
struct model_room *model_room(struct model *model, const struct id *room);

/* The rooms of the list that is shown: from the first up to the end. */
size_t model_list_first(const struct model *model);
size_t model_list_end(const struct model *model);

/* Is there something unread that one wants to know of? In a muted room only where one is mentioned. */
bool model_room_calls(const struct model_room *room);

/* ---- the log ---- */

void log_clear(struct model_log *log);

/* A row with a copy of the text, for log_put. NULL: no memory. */
struct model_row *log_row_new(const struct wire_row *row, bool mine, enum core_message_state state);

/* Takes the row in at its place (by seq; seq 0: last); one of the same seq, or of the same id not yet answered, is replaced.
 * What is seen does not move. True if it was not there before. Frees the row if there is no memory. */
bool log_put(struct model_log *log, struct model_row *row);

/* Drops the rows that are not answered (they are read again from the outbox). */
void log_drop_unanswered(struct model_log *log);

/* Too many rows: drops from the end that is farther from what is seen. */
void log_trim(struct model_log *log);

struct model_row *log_last(const struct model_log *log);
struct model_row *log_by_id(const struct model_log *log, const struct id *id);

/* The index of the first row with a number of at least seq (those without a number count as above all). */
size_t log_place(const struct model_log *log, uint64_t seq);

/* The row of that number; NULL: it is not in memory. */
struct model_row *log_by_seq(const struct model_log *log, uint64_t seq);

/* Makes *quote one of a row. */
void model_quote_row(struct model_quote *quote, uint64_t seq, uint64_t sender, struct slice said);

/* A row of the open room: it is among the pins or not, as it says. */
void model_pin(struct model *model, const struct wire_row *row);

/* The message that is next to be chosen, upwards or downwards from the marked one (from the lowest in sight, if none is). What else
 * stands in the log is passed over: nothing can be done to it. SIZE_MAX: there is none. */
size_t log_choose(const struct model_log *log, bool up);

/* Back to the newest. */
void log_follow(struct model_log *log);

/* ---- popups ---- */

/* Opens one, closing another; fields as the kind has them. */
void popup_open(struct model *model, enum model_popup kind);
void popup_close(struct model *model);

/* A line more, zeroed; NULL when there are enough. */
struct model_item *popup_add(struct model_popup_state *popup);

/* Puts a word under it: what is wrong (bad), or what to do. */
void popup_say(struct model_popup_state *popup, bool bad, const char *text);

#endif
