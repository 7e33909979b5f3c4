/*
 * What the keys do: one table, from which the screen acts and the help sheet is made. A key means what the first line says that fits
 * where one is.
 */
#ifndef GALKA_TERMINAL_SCREEN_KEYMAP_H
#define GALKA_TERMINAL_SCREEN_KEYMAP_H

#include "terminal/line.h"
#include "terminal/screen/keys.h"
#include "terminal/screen/text.h"

enum place {
        PLACE_ANYWHERE = 1,
        PLACE_ROOMS = 2,     /* the list has the keys */
        PLACE_COMPOSE = 4,   /* a message is being written */
        PLACE_LOG = 8,       /* a message is chosen */
        PLACE_POPUP = 16,    /* something lies over it all */
        PLACE_SETTINGS = 32, /* beside PLACE_POPUP: it is the settings */
        PLACE_GROUP = 64     /* beside PLACE_POPUP: it is a group's members */
};

enum action {
        ACT_NONE,
        ACT_HELP,
        ACT_SWITCH,
        ACT_PEOPLE,
        ACT_SEARCH,
        ACT_SETTINGS,
        ACT_ROOM_UP,
        ACT_ROOM_DOWN,
        ACT_UNREAD_UP,
        ACT_UNREAD_DOWN,
        ACT_BACK,
        ACT_REDRAW,
        ACT_SUSPEND,
        ACT_LEAVE,
        ACT_CLEAR, /* what is being written; nothing is: leave */
        ACT_ENTER,
        ACT_NEW_LINE,
        ACT_UP,
        ACT_DOWN,
        ACT_LEFT,
        ACT_RIGHT,
        ACT_PAGE_UP,
        ACT_PAGE_DOWN,
        ACT_TOP,
        ACT_BOTTOM,
        ACT_NEXT, /* field */
        ACT_PREVIOUS,
        ACT_REPLY,  /* to a message; one that failed: send it again */
        ACT_CHANGE, /* its text */
        ACT_DELETE, /* for everybody; one that failed: forget it */
        ACT_QUOTED, /* go to what it replies to */
        ACT_REACT,
        ACT_FORWARD,
        ACT_PIN_ROW,  /* or pin no longer */
        ACT_PINS,     /* all of the room */
        ACT_COMPLETE, /* the name that a mention begins with */
        ACT_COPY,
        ACT_READERS,
        ACT_PIN, /* a room, as the next two */
        ACT_MUTE,
        ACT_ARCHIVE,
        ACT_ARCHIVE_LIST, /* the list of the archived ones, and back */
        ACT_NEW_GROUP,
        ACT_GROUP,
        ACT_INVITE,
        ACT_RENAME,
        ACT_ROLE,
        ACT_REMOVE,
        ACT_LINK,
        ACT_LEAVE_GROUP,
        ACT_BLOCK, /* the other of the open room; or whom one blocks is listed */
        ACT_EDIT   /* the line editor: `edit` says what */
};

struct binding {
        unsigned places;
        enum key_code key;
        unsigned modifiers;
        char letter; /* of KEY_CHARACTER */
        enum action action;
        enum line_action edit;
};

/* ACT_NONE: the key means nothing there (a character is typed, then). */
const struct binding *keymap_find(const struct key *key, unsigned places);

/* A line of the help sheet: a group's heading if key is NULL. */
struct help_line {
        enum text said;
        const char *keys;
};

extern const struct help_line help_lines[];
extern const unsigned help_line_count;

#endif
