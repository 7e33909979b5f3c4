/*
 * One run of galka: the profile, its core, and how to print. Commands get it; main makes and ends it.
 */
#ifndef GALKA_TERMINAL_SESSION_H
#define GALKA_TERMINAL_SESSION_H

#include <stdio.h>

#include "rules/limits.h"
#include "terminal/host.h"

/* Exit codes, the same for every command (man page, README). */
enum exit_code {
        EXIT_DONE = 0,    /* done, or queued and said so */
        EXIT_REFUSED = 1, /* the server or this program said no */
        EXIT_USAGE = 2,   /* not such a command */
        EXIT_NO_LINK = 3, /* needs the server, and it cannot be reached */
        EXIT_SIGN_IN = 4, /* no account in this profile yet */
        EXIT_OTHER = 5,   /* another galka leads this profile: this command needs the lead */
        EXIT_DISK = 6     /* the profile cannot be read or written */
};

struct session {
        struct file *file;
        struct host *host;
        char server[256];
        bool leads;   /* this process runs the core */
        bool blocked; /* what those write in groups whom one blocks is shown */
        bool json;    /* print JSON lines */
        bool numbers; /* each message with its number */
        bool colour;  /* standard output is a terminal that shows colours */
        struct {
                uint64_t user;
                char name[USER_NAME_MAX + 1];
        } met; /* the last person the server told of: named before the room's list knows who the peer is */
};

#define LINK_WAIT_MS 5000

#define SESSION_NAME_SIZE 80 /* of a name as it is shown, with NUL */

/* Prints "galka: …" on standard error, safely (terminal/safe.h), and returns code. */
int session_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits until joined (CORE_READY) or wait_ms passed. EXIT_DONE or what to exit with, having said why. */
int session_need_link(struct session *session, int wait_ms);

/* Makes the host anew if the galka that led this profile has ended: this one leads then. False: it has not, or that failed. */
bool session_take_lead(struct session *session);

/* For commands that need the lead: waits a moment for a galka that is about to end. EXIT_DONE or EXIT_OTHER, having said why. */
int session_need_lead(struct session *session);

/* What is queued is sent by whichever galka runs next: waits a little for that, if this process leads and there is anything. */
void session_flush(struct session *session);

/* True once a link is up and Join answered. */
bool session_joined(void *session);

/* True once every room is known, or nobody is signed in any more. */
bool session_synced(void *session);

/* Keeps whom a user name belonged to, so that one can write to people once found also without a link. */
void session_remember(struct session *session, const struct wire_person *person);

/* What the user calls a room: an id, "me", "@name" (of a person already talked to, else asked of the server), or a group's title.
 * EXIT_DONE or what to exit with. */
int session_find_room(struct session *session, const char *text, struct id *room);

/* "@name" or "me": who that is, in the same way. */
int session_find_user(struct session *session, const char *text, uint64_t *user);

/* A short name of the room for people, safe for a terminal: "@bob", "me", a group's title, or its id. */
void session_room_name(const struct core_room_info *info, char name[static SESSION_NAME_SIZE]);

/* Is it what somebody whom the user blocks has written in a group? */
bool session_hides(const struct session *session, const struct id *room, const struct wire_row *row);

/* True if this user's name is known here. */
bool session_knows(struct session *session, const struct id *room, uint64_t user);

/* The name of somebody as far as it is known here, safe for a terminal. */
void session_sender_name(struct session *session, const struct id *room, uint64_t sender,
                         char name[static SESSION_NAME_SIZE]);

#endif
