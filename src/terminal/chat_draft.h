/*
 * What is being typed in galka chat, as the room's draft: a setting that all one's devices have (rules/setting.h). It is kept when one
 * pauses, sends or leaves; what another device wrote takes its place, unless something was typed here since. Where it is several lines,
 * the editor, which has one, shows them as one, and what is stored stays as it is until something is typed.
 *
 *      chat_draft_load → (chat_draft_typed, chat_draft_turn, chat_draft_heard …) → chat_draft_save
 */
#ifndef GALKA_TERMINAL_CHAT_DRAFT_H
#define GALKA_TERMINAL_CHAT_DRAFT_H

#include "rules/limits.h"
#include "terminal/line.h"
#include "terminal/session.h"

#define CHAT_DRAFT_SIZE (TEXT_SIZE_MAX - SETTING_KEY_MAX - 1)

struct chat_draft {
        struct session *session;
        struct id room;
        struct line *line;
        uint64_t reply_to;            /* a row's number: to what the draft replies; 0: to nothing */
        uint64_t typed_ms;            /* the last key; 0: all is kept */
        char stored[CHAT_DRAFT_SIZE]; /* the value, as it was read or kept last */
        size_t stored_size;
        char shown[CHAT_DRAFT_SIZE]; /* what the line came to then */
        size_t shown_size;
};

/* session, room and line are set. The line becomes the draft; false: there is none. */
bool chat_draft_load(struct chat_draft *draft);

/* Something was typed just now. */
void chat_draft_typed(struct chat_draft *draft);

/* Keeps it, if one has paused for long enough. */
void chat_draft_turn(struct chat_draft *draft);

/* A setting has changed. True: it was this draft, and the line is another now. */
bool chat_draft_heard(struct chat_draft *draft);

/* Keeps what is in the line, or that nothing is. Too long for a setting: as it was. */
void chat_draft_save(struct chat_draft *draft);

/* It was sent: the line is empty, and a reply to nothing. */
void chat_draft_sent(struct chat_draft *draft);

/* The server has it. */
bool chat_draft_at_rest(const struct chat_draft *draft);

#endif
