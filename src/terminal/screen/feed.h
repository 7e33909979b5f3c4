/*
 * Fills the model from the core's events and from the profile's file. Rows are read from the file as they are needed; what is not there
 * is asked of the server. Changes of the list are gathered and done once a turn (feed_update).
 */
#ifndef GALKA_TERMINAL_SCREEN_FEED_H
#define GALKA_TERMINAL_SCREEN_FEED_H

#include "terminal/screen/model.h"
#include "terminal/session.h"

#define FEED_ERRORS_MAX 32

/* What is known of the open room's pins. */
struct feed_pins {
        struct id request;
        bool asked, known;
        uint64_t head, before, again_ms; /* head: they are right as of that number */
};

/* A window of rows that was asked of the server: to go somewhere, or to go on from its edge. */
enum feed_way { FEED_JUMP, FEED_OLDER, FEED_NEWER };

struct feed_jump {
        struct id request;
        bool asked;
        enum feed_way way;
        uint64_t seq, time_ms; /* where to: a number, or (seq 0) a time */
        bool arrived;          /* the row `seq` is in the log, and is to be brought into sight */
};

/* What is searched for. Answers come with `request`; one that is stale is of other words. */
struct feed_search {
        struct id request;
        char words[SEARCH_TEXT_MAX + 1];
        bool everywhere;
        bool wanted; /* is to be asked at at_ms */
        uint64_t at_ms;
        bool asked, stale, answered, found, more;
        struct wire_place next; /* whence to go on */
};

struct feed {
        struct session *session;
        struct model *model;
        bool rooms_changed, outbox_changed;
        bool settings_changed; /* since keeping.c looked */
        uint64_t minute;       /* of the last update */
        bool focused;          /* the person looks at the terminal */
        uint64_t told_seq;     /* of the open room, told as read */
        uint64_t head;         /* of it, when its rows were loaded: what has a higher number is new */
        struct {
                struct id id;
                enum error error;
        } errors[FEED_ERRORS_MAX]; /* of own messages that failed, the latest */
        unsigned error_count;
        struct id people_request; /* of the question under way */
        bool people_asked;
        bool signed_answer; /* a sign-in request was answered: */
        enum error sign_error;
        struct id members_request;
        uint64_t members_after;
        bool members_wanted, members_changed; /* to be asked for; have come since groups.c looked */
        struct id reactors_request;
        struct feed_pins pins;
        struct feed_jump jump;
        struct feed_search search;
        unsigned come; /* messages of others since it was last looked at: for the bell */
};

/* The listener of the host. */
void feed_event(void *context, const struct core_event *event);

/* Brings list, counts and phase up to date; reads the last messages of the `fitting` rooms that are shown. */
void feed_update(struct feed *feed, unsigned fitting);

/* Opens a room: its newest rows and what of it is not sent. name: of one that nobody has written in yet, or NULL. */
void feed_open(struct feed *feed, const struct id *room, const char *name);

/* A room's place in the list: the index-th of the core. */
struct feed_place {
        uint32_t index;
        uint8_t part; /* pinned, others, archived */
        uint64_t pin;
};

/* All that have a line, in the order of the list, on the heap; the last *archived ones are the archived ones. NULL: there are none, or
 * there is no memory. */
struct feed_place *feed_order(const struct core *core, uint64_t now_ms, size_t *count, size_t *archived);

/* Muted, archived, pinned, the draft. */
void feed_describe_settings(const struct core *core, uint64_t now_ms, struct model_room *room);

/* Older rows, from the file or from the server. */
void feed_older(struct feed *feed);

/* The rows that follow, after some were dropped at the end. */
void feed_newer(struct feed *feed);

/* The newest rows again, after some were dropped. */
void feed_newest(struct feed *feed);

/* Rows around one of the file; returns its index, SIZE_MAX if it is not there. */
size_t feed_around(struct feed *feed, uint64_t seq);

/* A row of the open room into the log. */
void feed_row(struct feed *feed, const struct wire_row *row);

/* Goes to a message of the open room, or (seq 0) to the first one from a time on: jump.arrived, at once or when the server has answered.
 * AGAIN: it is not on this device, and there is no link. */
must_use enum error feed_jump(struct feed *feed, uint64_t seq, uint64_t time_ms);

/* Asks on from an edge of a window; takes the answer (CORE_EVENT_WINDOW), or that there was none. */
void feed_window_on(struct feed *feed, bool older);
void feed_take_window(struct feed *feed, const struct core_event *event);
void feed_window_failed(struct feed *feed, enum error error);

/* Asks what is pinned in the open room, if that is not known; takes a page of the answer (CORE_EVENT_PINS); follows a row. */
void feed_pins(struct feed *feed);
void feed_take_pins(struct feed *feed, const struct core_event *event);
void feed_pin(struct feed *feed, const struct wire_row *row);
void feed_pins_row(struct feed *feed, const struct wire_row *row);
void feed_pins_forget(struct feed *feed);

/* Takes from the core what somebody is called whom the model does not know; the core asks for who is not known to it either, and says
 * CORE_EVENT_NAMES when it knows more. */
void feed_know(struct feed *feed, uint64_t user);
void feed_take_names(struct feed *feed);

/* People who were found, into the popup's list (CORE_EVENT_PEOPLE). */
void feed_take_people(struct feed *feed, const struct core_event *event);

/* Asks who is in the open group; takes a page of the answer (CORE_EVENT_MEMBERS). */
void feed_members(struct feed *feed);
void feed_take_members(struct feed *feed, const struct core_event *event);

/* Asks who has which reaction to a row of the open room; takes the answer (CORE_EVENT_REACTORS). */
void feed_reactors(struct feed *feed, uint64_t seq);
void feed_take_reactors(struct feed *feed, const struct core_event *event);

/* Tells the core what is on the screen, `fitting` lines of the list; takes into the model who is online and who types. */
void feed_watch(struct feed *feed, size_t fitting);

/* The person types in the open room. */
void feed_types(struct feed *feed);

/* The person has seen what is in sight. */
void feed_read(struct feed *feed, uint64_t seq);

/* Own messages of the open room that are not sent; all of them counted, for the list; why one was not sent. */
void feed_outbox(struct feed *feed);
void feed_count_outbox(struct feed *feed);
void feed_note_error(struct feed *feed, const struct id *id, enum error error);

/* Brings up to date how often one is mentioned in what is unread. */
void feed_mentions(struct feed *feed, struct model_room *room);

/* Fills a quote of the row quote->seq of the open room (0: none). A row that is not on this device leaves it without a sender. */
void feed_quote(struct feed *feed, struct model_quote *quote);

/* Rows of the open room above this number are whole in the file. */
uint64_t feed_hole_top(struct feed *feed);

/* Texts in which the words stand, newest first, into the popup's list: at once those of the open room on this device, then the server's.
 * A date among the words is offered as a place to go to. */
void feed_search(struct feed *feed, struct slice words, bool everywhere);

/* Asks the server, when it is time to, and on when the end of the list is chosen; how long the loop may wait till then. Takes a page of
 * the answer (CORE_EVENT_FOUND), or that there was none; names came. */
void feed_search_on(struct feed *feed);
unsigned feed_search_wait(const struct feed *feed, unsigned wait_ms);
void feed_take_found(struct feed *feed, const struct core_event *event);
void feed_search_failed(struct feed *feed, enum error error);
void feed_search_names(struct feed *feed);

/* The detail of a message in a list, by its user, time and room: who, when, and where that may differ. */
void feed_describe(struct feed *feed, struct model_item *item);

#endif
