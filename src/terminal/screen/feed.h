/*
 * Fills the model from the core's events and from the profile's file. Rows are read from the file as they are needed; what is not there
 * is asked of the server. Changes of the list are gathered and done once a turn (feed_update).
 */
#ifndef GALKA_TERMINAL_SCREEN_FEED_H
#define GALKA_TERMINAL_SCREEN_FEED_H

#include "terminal/screen/model.h"
#include "terminal/session.h"

#define FEED_ERRORS_MAX 32

struct feed {
        struct session *session;
        struct model *model;
        bool rooms_changed, outbox_changed;
        bool settings_changed; /* since keeping.c looked */
        uint64_t minute;       /* of the last update */
        bool focused;          /* the person looks at the terminal */
        uint64_t told_seq;     /* of the open room, told as read */
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
        unsigned come;                        /* messages of others since it was last looked at: for the bell */
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

/* Asks who is in the open group; takes a page of the answer (CORE_EVENT_MEMBERS). */
void feed_members(struct feed *feed);
void feed_take_members(struct feed *feed, const struct core_event *event);

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

/* Brings up to date whether one is mentioned in what is unread. */
void feed_mentions(struct feed *feed, struct model_room *room);

/* Fills a quote of the row quote->seq of the open room (0: none). A row that is not on this device leaves it without a sender. */
void feed_quote(struct feed *feed, struct model_quote *quote);

/* Rows of the open room above this number are whole in the file. */
uint64_t feed_hole_top(struct feed *feed);

/* Rows of the open room in which the words stand, newest first, into the popup's list. */
void feed_search(struct feed *feed, struct slice words);

#endif
