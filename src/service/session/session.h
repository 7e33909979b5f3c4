/* What the files of this folder share: the recipients of an operation, known before the store is asked or told by it. */
#ifndef GALKA_SERVICE_SESSION_SESSION_H
#define GALKA_SERVICE_SESSION_SESSION_H

#include "service/session/members.h"
#include "service/worker/batch.h"
#include "service/worker/shape.h"

/* Members as they were known when the operation was planned. Copied, for the cache may change before the answer. */
struct known {
        uint64_t version;
        const uint64_t *users;
        size_t count;
};

struct known session_known(struct batch *batch, const struct id *room);

/* The members as of the operation: from its result, or known before. What is new is remembered. */
struct known session_members(struct batch *batch, const struct id *room, const struct store_result *result,
                             const struct known *known);

/* False, and the item is answered, if no such room can be or its user cannot be in it. */
bool session_check_room(struct batch *batch, struct item *item);

/* A row that was written, or altered, to all who may know of it. */
void session_deliver(struct batch *batch, struct item *item, const struct id *room, const struct known *known,
                     const struct store_result *result);

void write_plan(struct batch *batch, struct item *item);
void write_stored(struct batch *batch, struct item *item);
void block_plan(struct batch *batch, struct item *item);
void block_stored(struct batch *batch, struct item *item);
/* Takes those who do not count from whom the lowest marks are told to. `but`: he too; 0: nobody. */
struct known session_counted(struct batch *batch, const struct store_result *result, const struct known *members,
                             uint64_t but);

/* Does he not count in that room? */
bool session_uncounted(const struct store_result *result, uint64_t user);

/* The lowest marks as he is told of them. */
struct wire_lowest session_lowest(const struct store_result *result, const struct store_lowest *lowest, uint64_t user);

/* A user's rooms after `after` are to count him or not, as he has set. */
void receipts_begin(struct batch *batch, struct item *item, uint64_t user, const struct id *after);

void receipts_plan(struct batch *batch, struct item *item);
void receipts_asked(struct batch *batch, struct item *item);
void receipts_stored(struct batch *batch, struct item *item);
void mark_plan(struct batch *batch, struct item *item);
void mark_stored(struct batch *batch, struct item *item);
void leaving_plan(struct batch *batch, struct item *item);
void leaving_asked(struct batch *batch, struct item *item);
void leaving_stored(struct batch *batch, struct item *item);
void sweep_plan(struct batch *batch, struct item *item);
void sweep_stored(struct batch *batch, struct item *item);

#endif
