/*
 * write: up to OPERATIONS_MAX operations on one room's log, each with its own id and its own outcome. What is not valid is that
 * operation's outcome and does not reach the store. Rows, new or repeated, go to every connection of every member but the one
 * that sent them.
 */
#include "crypto/crypto.h"
#include "rules/limits.h"
#include "rules/row.h"
#include "service/session/session.h"

/* Kept between plan and stored. */
struct write {
        struct wire_write body;
        struct known known;
        size_t count;
        struct wire_outcome outcomes[OPERATIONS_MAX];
        uint8_t op_of[OPERATIONS_MAX]; /* place among the item's ops */
};

/* A text that is too long, or none, refused the whole frame when it was decoded, as every field past its limit does. */
static enum error check_operation(const struct wire_operation *operation)
{
        check(operation->text.size <= TEXT_SIZE_MAX);
        if (id_is_zero(&operation->id) || !row_writable((unsigned)operation->kind))
                return ERR_BAD_FIELD;
        return operation->text.size ? ERR_OK : ERR_BAD_FIELD;
}

static void digest_of(const struct wire_operation *operation, uint8_t digest[static STORE_HASH_SIZE])
{
        uint8_t kind = (uint8_t)operation->kind;
        const struct slice parts[] = {slice_of(&kind, 1), operation->text};

        crypto_digest(parts, countof(parts), digest);
}

static void fill_op(struct store_op *op, const struct item *item, const struct wire_operation *operation,
                    uint64_t members_known)
{
        op->request = operation->id;
        digest_of(operation, op->digest);
        op->write.room = item->frame.room;
        op->write.row_kind = (uint8_t)operation->kind;
        op->write.text = operation->text;
        op->write.members_known = members_known;
}

void write_plan(struct batch *batch, struct item *item)
{
        struct write *write = batch_decode(batch, item, sizeof(*write));
        struct wire_iterator iterator;
        struct wire_operation operations[OPERATIONS_MAX];
        struct store_op *ops;
        size_t valid = 0;

        if (!write || !session_check_room(batch, item))
                return;
        item->body = write;
        WIRE_LIST_START(&iterator, write, operations, &write->body.operations);
        while (write->count < OPERATIONS_MAX && wire_list_next(&iterator, &operations[valid])) {
                struct wire_outcome *outcome = &write->outcomes[write->count];

                outcome->id = operations[valid].id;
                outcome->status = check_operation(&operations[valid]);
                if (outcome->status == ERR_OK)
                        write->op_of[write->count] = (uint8_t)valid++;
                write->count++;
        }
        if (write->count == 0) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "operations", 0);
                return;
        }
        if (valid == 0)
                return;
        write->known = session_known(batch, &item->frame.room);
        ops = batch_apply(batch, item, STORE_WRITE, valid);
        for (size_t i = 0; ops && i < valid; i++)
                fill_op(&ops[i], item, &operations[i], write->known.version);
}

static void deliver(struct batch *batch, struct item *item, const struct write *write, const struct store_result *result)
{
        struct known members = session_members(batch, &item->frame.room, result, &write->known);
        struct wire_delivery delivery = {.number = result->write.row.changed, .row = shape_row(&result->write.row)};

        batch_deliver(batch, item, WIRE_CODE_delivery, &item->frame.room, &delivery, members.users, members.count);
}

/* Ties the frame's request id, which the frontend knows, to the operation's, which the store and the clients know. */
static void trace(const struct batch *batch, const struct item *item, const struct wire_outcome *outcome)
{
        char operation[ID_TEXT_SIZE];

        if (!event_wanted(batch_seams(batch)->events, EVENT_DEBUG))
                return;
        id_format(&outcome->id, operation);
        event_note(batch_seams(batch)->events, EVENT_DEBUG, "session.written", &item->frame.request,
                   {"operation", operation}, {"status", error_name((unsigned)outcome->status)}, {"seq", NULL, outcome->seq});
}

void write_stored(struct batch *batch, struct item *item)
{
        struct write *write = item->body;
        struct wire_written written = {0};
        bool stopped = false, revoked = false;

        for (size_t i = 0; i < write->count; i++) {
                struct wire_outcome *outcome = &write->outcomes[i];
                const struct store_result *result;

                if (outcome->status != ERR_OK)
                        continue;
                result = &item->results[write->op_of[i]];
                outcome->status = stopped ? ERR_BUSY : result->status;
                outcome->retry_after_ms = result->retry_after_ms;
                stopped |= error_class(result->status) == ERROR_CLASS_BUSY;
                revoked |= result->status == ERR_REVOKED;
                if (result->status != ERR_OK)
                        continue;
                outcome->seq = result->write.row.seq;
                outcome->time_ms = result->write.row.time_ms;
                outcome->n = result->write.row.n;
                deliver(batch, item, write, result);
        }
        for (size_t i = 0; i < write->count; i++)
                trace(batch, item, &write->outcomes[i]);
        written.outcomes = (struct wire_list){.items = write->outcomes, .count = (uint32_t)write->count};
        batch_reply(batch, item, WIRE_CODE_written, &written, revoked ? WIRE_EFFECT_CLOSE : WIRE_EFFECT_NONE);
}
