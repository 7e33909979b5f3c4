/*
 * What a core is made of. Only files of this room include it. Each part is described in its own header; time and randomness
 * are those of the last call in.
 */
#ifndef GALKA_CORE_STATE_H
#define GALKA_CORE_STATE_H

#include "base/assert.h"
#include "core/account.h"
#include "core/ask.h"
#include "core/batch.h"
#include "core/blocks.h"
#include "core/core.h"
#include "core/join.h"
#include "core/link.h"
#include "core/loader.h"
#include "core/marks.h"
#include "core/outbox.h"
#include "core/people.h"
#include "core/record.h"
#include "core/recycler.h"
#include "core/request.h"
#include "core/room.h"
#include "core/settings.h"
#include "core/sync.h"
#include "core/watch.h"

struct core {
        struct recycler memory;
        struct core_limits limits;
        uint64_t random[4];
        uint64_t now_ms, wall_ms;
        struct id last_id; /* ids only rise, so that the outbox is in order by id */
        struct slice client, language;
        struct account account;
        struct link link;
        struct loader loader;
        struct batches batches;
        struct rooms rooms;
        struct people people;
        struct blocks blocks;
        struct requests requests;
        struct join join;
        struct outbox outbox;
        struct settings settings;
        struct sync sync;
        struct asks asks;
        struct watching *watching; /* NULL: the host has shown nothing yet */
        uint8_t phase_told;
};

/* When a frame did not go, because the output is full or memory is short: tried again after so long. */
#define CORE_FULL_PAUSE_MS 100

/* The longest pause before a request is repeated on a link that stands: an outage behind it is over for its users within seconds. */
#define CORE_RETRY_MAX_MS 4000

void core_set_time(struct core *core, struct core_time time);

/* 64 random bits (not for secrets), a number below `limit` (0 for 0), an id that is higher than all before. */
uint64_t core_random(struct core *core);
uint64_t core_random_below(struct core *core, uint64_t limit);
struct id core_new_id(struct core *core);

/* A pause before the try-th repeat: doubles from first_ms to max_ms, full jitter, at least a sixteenth. */
uint64_t core_pause_ms(struct core *core, uint32_t try, uint64_t first_ms, uint64_t max_ms);

/* Does whatever can be done now: after every call in. */
void core_step(struct core *core);

/* Forgets rooms and rows, in memory and in the storage. Of rooms with unsent messages, those messages stay if keep_outbox. False:
 * there was no memory to say so to the storage; then nothing is forgotten here, and the link is closed. */
must_use bool core_forget(struct core *core, bool keep_outbox, enum error why);

#endif
