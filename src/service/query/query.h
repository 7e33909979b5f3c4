/* What the files of this folder share. */
#ifndef GALKA_SERVICE_QUERY_QUERY_H
#define GALKA_SERVICE_QUERY_QUERY_H

#include "service/worker/batch.h"
#include "service/worker/shape.h"

/* What one asked for, between 1 and max; 0 asks for all that is allowed. */
static inline uint32_t query_limit(uint64_t wanted, uint32_t max)
{
        return wanted == 0 || wanted > max ? max : (uint32_t)wanted;
}

/* The store's answer, or NULL: it was a refusal, and the item is answered. */
const struct store_answer *query_answer(struct batch *batch, struct item *item);

/* Cursors as the store wants them, in the batch's memory. NULL with *count 0 if there are none or memory ran out. */
const struct store_cursor *query_cursors(struct batch *batch, const struct wire_structure *structure, uint32_t tag,
                                         const struct wire_list *list, size_t *count);

void join_plan(struct batch *batch, struct item *item);
void join_asked(struct batch *batch, struct item *item);
void join_stored(struct batch *batch, struct item *item);
void rooms_plan(struct batch *batch, struct item *item);
void rooms_stored(struct batch *batch, struct item *item);
void changes_plan(struct batch *batch, struct item *item);
void changes_stored(struct batch *batch, struct item *item);
void around_plan(struct batch *batch, struct item *item);
void around_stored(struct batch *batch, struct item *item);
void pins_plan(struct batch *batch, struct item *item);
void pins_stored(struct batch *batch, struct item *item);
void reactors_plan(struct batch *batch, struct item *item);
void reactors_stored(struct batch *batch, struct item *item);
void search_plan(struct batch *batch, struct item *item);
void search_stored(struct batch *batch, struct item *item);
void find_plan(struct batch *batch, struct item *item);
void profiles_plan(struct batch *batch, struct item *item);
void people_stored(struct batch *batch, struct item *item);
void blocks_plan(struct batch *batch, struct item *item);
void blocks_stored(struct batch *batch, struct item *item);
void devices_plan(struct batch *batch, struct item *item);
void devices_stored(struct batch *batch, struct item *item);
void members_plan(struct batch *batch, struct item *item);
void members_stored(struct batch *batch, struct item *item);

void watch_plan(struct batch *batch, struct item *item);
void watch_asked(struct batch *batch, struct item *item);
void watch_stored(struct batch *batch, struct item *item);
void gone_plan(struct batch *batch, struct item *item);
void gone_stored(struct batch *batch, struct item *item);

void typing_plan(struct batch *batch, struct item *item);
void typing_present(struct batch *batch, struct item *item);
void typing_stored(struct batch *batch, struct item *item);

/* To who watches this user: he came, or is gone (seen_ms: since when). */
void watch_tell(struct batch *batch, struct item *item, uint64_t user, bool online, uint64_t seen_ms);

/* A client that joins, or looks through its rooms (every ten minutes), uses its device: told to whom it concerns, if that was not
 * written down for an hour. */
void query_note_use(struct batch *batch, struct item *item, const struct store_answer *answer);
/* That the user has gone now is told to whom it concerns, to be written down; returns when, as coarsely as it is (rules/seen.h). */
uint64_t query_note_gone(struct batch *batch, struct item *item, uint64_t user);

#endif
