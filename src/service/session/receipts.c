/*
 * Receipts: whether a member counts in a room, and is told there what others got and read. He switches that by a setting, whose row the
 * store keeps to (docs/decisions/0036-receipts.md); his rooms take notice one after another, some of them with each record, and a
 * record is followed by the next:
 *
 *      write of the setting, or Join → receipts → receipts{after} → … → done
 *
 * What a record did is done again when it comes again, and told again. Whether all was done stands in the store: if the records were
 * lost, his next Join begins anew.
 */
#include "service/session/session.h"

/* The last operation says that all is done. */
#define RECEIPTS_ROOMS (OPERATIONS_MAX - 1)

/* Kept from plan to stored. */
struct receipts {
        struct wire_receipts body;
        struct known *known; /* by room */
};

void receipts_begin(struct batch *batch, struct item *item, uint64_t user, const struct id *after)
{
        const struct wire_receipts receipts = {.user = user, .after = *after};

        batch_publish_of(batch, item, BUS_SESSION, WIRE_CODE_receipts, user, &receipts);
}

void receipts_plan(struct batch *batch, struct item *item)
{
        struct receipts *receipts = batch_decode(batch, item, sizeof(*receipts));
        struct store_question *question;

        if (!receipts)
                return;
        if (receipts->body.user == 0) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "user", 0);
                return;
        }
        item->body = receipts;
        question = batch_ask_early(batch, item, STORE_ASK_RECEIPTS);
        if (!question)
                return;
        question->user = receipts->body.user;
        question->receipts.after = receipts->body.after;
        question->receipts.rooms_max = RECEIPTS_ROOMS;
}

void receipts_asked(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = item->early_answer;
        struct receipts *receipts = item->body;
        size_t count = answer->receipts.count;
        struct store_op *ops;

        receipts->known = batch_array(batch, struct known, count + 1);
        ops = batch_apply(batch, item, STORE_RECEIPTS, count + !answer->receipts.more);
        for (size_t i = 0; ops && receipts->known && i < count; i++) {
                receipts->known[i] = session_known(batch, &answer->receipts.rooms[i]);
                ops[i].user = receipts->body.user;
                ops[i].receipts.room = answer->receipts.rooms[i];
                ops[i].receipts.members_known = receipts->known[i].version;
        }
        if (!ops || answer->receipts.more)
                return;
        ops[count].kind = STORE_RECEIPTS_DONE;
        ops[count].user = receipts->body.user;
        ops[count].receipts.change = answer->receipts.change;
}

/* ---- who is told what ---- */

bool session_uncounted(const struct store_result *result, uint64_t user)
{
        for (size_t i = 0; i < result->members.uncounted_count; i++)
                if (result->members.uncounted[i] == user)
                        return true;
        return false;
}

struct known session_counted(struct batch *batch, const struct store_result *result, const struct known *members,
                             uint64_t but)
{
        struct known counted = {0};
        uint64_t *users = batch_array(batch, uint64_t, members->count + 1);

        counted.users = users;
        for (size_t i = 0; users && i < members->count; i++)
                if (members->users[i] != but && !session_uncounted(result, members->users[i]))
                        users[counted.count++] = members->users[i];
        return counted;
}

struct wire_lowest session_lowest(const struct store_result *result, const struct store_lowest *lowest, uint64_t user)
{
        if (session_uncounted(result, user))
                return (struct wire_lowest){.version = lowest->version};
        return shape_lowest(lowest);
}

/* To those who count, and to himself, who may not. */
static void tell(struct batch *batch, struct item *item, const struct id *room, const struct store_result *result,
                 const struct known *known, uint64_t user)
{
        struct known members = session_members(batch, room, result, known);
        struct known counted = session_counted(batch, result, &members, user);
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, lowest), .lowest = shape_lowest(&result->mark.lowest)};
        struct wire_marks_moved own = {.has = WIRE_HAS(marks_moved, lowest),
                                       .lowest = session_lowest(result, &result->mark.lowest, user)};
        uint64_t *himself = batch_new(batch, uint64_t);

        batch_deliver(batch, item, WIRE_CODE_marks_moved, room, &moved, counted.users, counted.count);
        if (!himself)
                return;
        *himself = user;
        batch_deliver(batch, item, WIRE_CODE_marks_moved, room, &own, himself, 1);
}

void receipts_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = item->early_answer;
        const struct receipts *receipts = item->body;

        for (size_t i = 0; i < answer->receipts.count; i++)
                if (item->results[i].status == ERR_OK) /* else he has left it since */
                        tell(batch, item, &answer->receipts.rooms[i], &item->results[i], &receipts->known[i],
                             receipts->body.user);
        if (answer->receipts.more)
                receipts_begin(batch, item, receipts->body.user, &answer->receipts.rooms[answer->receipts.count - 1]);
}
