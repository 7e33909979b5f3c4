/*
 * Reading from the host's storage: at the start the account, the rooms, people, settings, whom the user blocks and the outbox, one after the
 * other; later the outbox
 * again (another process put something there), and the texts of messages that did not fit into memory.
 * One want is under way at a time.
 */
#ifndef GALKA_CORE_LOADER_H
#define GALKA_CORE_LOADER_H

#include "core/core.h"

enum loader_state {
        LOADER_IDLE,
        LOADER_PROFILE,
        LOADER_ROOMS,
        LOADER_PEOPLE,
        LOADER_SETTINGS,
        LOADER_BLOCKS,
        LOADER_OUTBOX,
        LOADER_DONE
};
enum loader_want { WANT_NONE, WANT_PROFILE, WANT_ROOMS, WANT_PEOPLE, WANT_SETTINGS, WANT_BLOCKS, WANT_OUTBOX, WANT_TEXT };

struct loader {
        enum loader_state state;
        enum loader_want want;
        bool offered;    /* WANT was polled */
        bool outbox_due; /* the outbox is to be looked through again */
        bool text_found;
        uint32_t given; /* records of this want */
        uint32_t limit;
        uint64_t number;    /* of the last want */
        struct id room, id; /* TEXT: whose */
        uint8_t key[33], end[34];
};

void loader_start(struct core *core);
void loader_step(struct core *core);

/* The text of an entry is wanted; false if another want is under way (it is asked again later). */
bool loader_want_text(struct core *core, const struct id *room, const struct id *id);

/* What is being read is somebody else's by now: its records are not taken any more. */
void loader_forget(struct core *core);

bool loader_poll(struct core *core, struct core_event *event);

#endif
