/* The commands of galka, one table: name, what follows it, help, what it needs. Help and man page come from it too. */
#ifndef GALKA_TERMINAL_COMMAND_H
#define GALKA_TERMINAL_COMMAND_H

#include "terminal/session.h"

enum command_need {
        NEED_NOTHING, /* works signed out */
        NEED_ACCOUNT, /* a profile that is signed in; works without a link and beside another galka */
};

struct command {
        const char *name, *arguments, *help;
        enum command_need need;
        int words_min, words_max;
        int (*run)(struct session *session, int count, char **words);
};

/* Each runs one command with the words after its name and returns an exit code. */
int command_signup(struct session *session, int count, char **words);
int command_signin(struct session *session, int count, char **words);
int command_signout(struct session *session, int count, char **words);
int command_devices(struct session *session, int count, char **words);
int command_whoami(struct session *session, int count, char **words);
int command_reset(struct session *session, int count, char **words);
int command_password(struct session *session, int count, char **words);
int command_profile(struct session *session, int count, char **words);
int command_email(struct session *session, int count, char **words);
int command_delete_account(struct session *session, int count, char **words);
int command_export(struct session *session, int count, char **words);
int command_invite(struct session *session, int count, char **words);
int command_block(struct session *session, int count, char **words);
int command_unblock(struct session *session, int count, char **words);
int command_blocks(struct session *session, int count, char **words);
int command_people(struct session *session, int count, char **words);
int command_rooms(struct session *session, int count, char **words);
int command_mute(struct session *session, int count, char **words);
int command_archive(struct session *session, int count, char **words);
int command_pin_room(struct session *session, int count, char **words);
int command_last_seen(struct session *session, int count, char **words);
int command_receipts(struct session *session, int count, char **words);
int command_draft(struct session *session, int count, char **words);
int command_send(struct session *session, int count, char **words);
int command_reply(struct session *session, int count, char **words);
int command_edit(struct session *session, int count, char **words);
int command_delete(struct session *session, int count, char **words);
int command_react(struct session *session, int count, char **words);
int command_forward(struct session *session, int count, char **words);
int command_history(struct session *session, int count, char **words);
int command_search(struct session *session, int count, char **words);
int command_around(struct session *session, int count, char **words);
int command_pins(struct session *session, int count, char **words);
int command_pin_message(struct session *session, int count, char **words);
int command_unpin_message(struct session *session, int count, char **words);
int command_tail(struct session *session, int count, char **words);
int command_watch(struct session *session, int count, char **words);
int command_typing(struct session *session, int count, char **words);
int command_outbox(struct session *session, int count, char **words);
int command_retry(struct session *session, int count, char **words);
int command_discard(struct session *session, int count, char **words);
int command_chat(struct session *session, int count, char **words);
int command_group(struct session *session, int count, char **words);
int command_add(struct session *session, int count, char **words);
int command_remove(struct session *session, int count, char **words);
int command_leave(struct session *session, int count, char **words);
int command_title(struct session *session, int count, char **words);
int command_role(struct session *session, int count, char **words);
int command_members(struct session *session, int count, char **words);
int command_readers(struct session *session, int count, char **words);
int command_reactors(struct session *session, int count, char **words);
int command_link(struct session *session, int count, char **words);
int command_join(struct session *session, int count, char **words);

/* Writes it into the room's log, by whichever galka leads, and says what came of it: an exit code. Of a CREATED, *room is set to the
 * new group. */
int command_write(struct session *session, struct id *room, const struct wire_operation *operation);

/* The number of a message on the command line: an exit code. */
int command_number(const char *word, uint64_t *number);

/* Puts it into the outbox for the galka that leads, without a word: an exit code. */
int command_queue(struct session *session, struct id *room, const struct wire_operation *operation);

/* Flags of the commands, read by main: --wait, --count N, --password-file FILE, --all, … */
struct command_flags {
        bool wait;           /* send: stay until it is sent */
        bool all;            /* signout: every device */
        bool others;         /* signout, password: every other device */
        uint32_t rows;       /* history, chat, search, around, pins: how many rows; 0: the default */
        uint32_t uses, days; /* invite; 0: the default */
        const char *invite, *new_password_file;
        const char *room; /* search: where */
        const char *email, *user_name, *display_name, *code, *password_file, *device_name;
};

extern struct command_flags command_flags;

#endif
