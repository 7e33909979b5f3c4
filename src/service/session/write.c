/*
 * write: up to OPERATIONS_MAX operations on one room's log, each with its own id and its own outcome. What is not valid is that
 * operation's outcome and does not reach the store. Rows, new, altered or repeated, go to every connection of every member but the
 * one that sent them, which gets an altered one with the outcome.
 */
#include "crypto/crypto.h"
#include "rules/limits.h"
#include "rules/reaction.h"
#include "rules/room.h"
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

/* What is past its limit refused the whole frame when it was decoded, but for texts of kinds with a lower one. */
static enum error check_operation(const struct item *item, const struct wire_operation *operation)
{
        struct row_content content = {.kind = (unsigned)operation->kind,
                                      .role = (unsigned)operation->role,
                                      .subject = operation->subject,
                                      .target = operation->target,
                                      .text = operation->text,
                                      .origin = operation->origin,
                                      .link_size = operation->link.size,
                                      .room = room_kind_of(&item->frame.room),
                                      .off = operation->off != 0};

        return id_is_zero(&operation->id) ? ERR_BAD_FIELD : row_check(&content);
}

static void digest_of(const struct wire_operation *operation, uint8_t digest[static STORE_HASH_SIZE])
{
        uint8_t kind = (uint8_t)operation->kind, numbers[9], target[8];
        const struct slice parts[] = {slice_of(&kind, 1),
                                      operation->text,
                                      slice_of(numbers, sizeof(numbers)),
                                      operation->link,
                                      slice_of(target, sizeof(target)),
                                      operation->origin};
        size_t count = 4;

        be64_put(numbers, operation->subject);
        numbers[8] = (uint8_t)(operation->role + operation->off); /* no kind has both */
        be64_put(target, operation->target);
        if (operation->origin.size)
                count = 6;
        else if (operation->target)
                count = 5;
        else if (kind == ROW_TEXT)
                count = 2;
        crypto_digest(parts, count, digest);
}

static void fill_op(struct store_op *op, const struct item *item, const struct wire_operation *operation,
                    uint64_t members_known)
{
        op->request = operation->id;
        digest_of(operation, op->digest);
        op->write.room = item->frame.room;
        op->write.row_kind = (uint8_t)operation->kind;
        op->write.text = operation->text;
        op->write.role = (uint8_t)operation->role;
        op->write.subject = operation->subject;
        op->write.link = operation->link;
        op->write.target = operation->target;
        op->write.origin = operation->origin;
        op->write.off = operation->off != 0;
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
                outcome->status = check_operation(item, &operations[valid]);
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

/* Who left is not among the members any more, and is told so. */
static void add_leaver(struct batch *batch, const struct store_row *row, struct known *members)
{
        uint64_t *users = batch_array(batch, uint64_t, members->count + 1);

        for (size_t i = 0; i < members->count; i++)
                if (members->users[i] == row->subject)
                        return;
        if (!users)
                return;
        if (members->count)
                memcpy(users, members->users, sizeof(*users) * members->count);
        users[members->count] = row->subject;
        members->users = users;
        members->count++;
}

static bool has_user(const uint64_t *users, size_t count, uint64_t user)
{
        for (size_t i = 0; i < count; i++)
                if (users[i] == user)
                        return true;
        return false;
}

/* Of an altered row some may not see anything but the number: they are taken from the readers. */
static struct known take_outside(struct batch *batch, const struct store_result *result, struct known *readers)
{
        struct known outside = {0};
        uint64_t *in, *out;
        size_t kept = 0;

        if (result->write.outside_count == 0)
                return outside;
        in = batch_array(batch, uint64_t, readers->count + 1);
        out = batch_array(batch, uint64_t, readers->count + 1);
        if (!in || !out)
                return outside;
        for (size_t i = 0; i < readers->count; i++)
                if (has_user(result->write.outside, result->write.outside_count, readers->users[i]))
                        out[outside.count++] = readers->users[i];
                else
                        in[kept++] = readers->users[i];
        outside.users = out;
        readers->users = in;
        readers->count = kept;
        return outside;
}

static void deliver_row(struct batch *batch, struct item *item, const struct id *room, uint64_t number,
                        const struct store_row *row, const uint64_t *users, size_t count)
{
        struct wire_delivery delivery = {.number = number};

        if (count == 0)
                return;
        delivery.row = shape_row(batch, row, users[0]);
        batch_deliver(batch, item, WIRE_CODE_delivery, room, &delivery, users, count);
}

/* To each with his own reaction: those who have the same one, or none, get the same frame. */
static void deliver_to_readers(struct batch *batch, struct item *item, const struct id *room,
                               const struct store_result *result, const struct known *readers)
{
        const struct store_row *row = &result->write.row;
        struct reactions reactions;
        uint64_t *users;

        (void)reactions_read(row->reactions, &reactions);
        if (reactions.count == 0) {
                deliver_row(batch, item, room, result->write.number, row, readers->users, readers->count);
                return;
        }
        for (unsigned own = 0; own <= reactions.count; own++) {
                size_t count = 0;

                users = batch_array(batch, uint64_t, readers->count + 1);
                for (size_t i = 0; users && i < readers->count; i++)
                        if (reactions_of(&reactions, readers->users[i]) == own)
                                users[count++] = readers->users[i];
                if (users)
                        deliver_row(batch, item, room, result->write.number, row, users, count);
        }
}

void session_deliver(struct batch *batch, struct item *item, const struct id *room, const struct known *known,
                     const struct store_result *result)
{
        struct known members = session_members(batch, room, result, known);
        struct known readers = members, outside = take_outside(batch, result, &readers);
        const struct store_row *row = &result->write.row;
        struct wire_delivery number = {.number = result->write.number};
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, lowest),
                                         .lowest = shape_lowest(&result->write.lowest)};

        if (row->kind == ROW_LEFT)
                add_leaver(batch, row, &readers);
        deliver_to_readers(batch, item, room, result, &readers);
        if (outside.count)
                batch_deliver(batch, item, WIRE_CODE_delivery, room, &number, outside.users, outside.count);
        if (!result->write.lowest_moved)
                return;
        if (result->members.uncounted_count)
                members = session_counted(batch, result, &members, 0);
        batch_deliver(batch, item, WIRE_CODE_marks_moved, room, &moved, members.users, members.count);
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

/* Only when all his rooms have taken notice is he told that it was done: what they are told by may be lost, and he asks again. */
#define NOTICE_MS 500

void write_stored(struct batch *batch, struct item *item)
{
        struct write *write = item->body;
        struct wire_written written = {0};
        bool stopped = false, revoked = false, switched = false;

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
                if (result->write.receipts_due) {
                        outcome->status = ERR_BUSY;
                        outcome->retry_after_ms = NOTICE_MS;
                        stopped = switched = true;
                        session_deliver(batch, item, &item->frame.room, &write->known, result);
                        continue;
                }
                outcome->seq = result->write.number;
                outcome->time_ms = result->write.row.time_ms;
                outcome->n = result->write.row.n;
                if (result->write.number != result->write.row.seq && !result->repeat)
                        outcome->row = shape_row(batch, &result->write.row, item->envelope.user);
                session_deliver(batch, item, &item->frame.room, &write->known, result);
        }
        if (switched)
                receipts_begin(batch, item, item->envelope.user, &(struct id){0});
        for (size_t i = 0; i < write->count; i++)
                trace(batch, item, &write->outcomes[i]);
        written.outcomes = (struct wire_list){.items = write->outcomes, .count = (uint32_t)write->count};
        batch_reply(batch, item, WIRE_CODE_written, &written, revoked ? WIRE_EFFECT_CLOSE : WIRE_EFFECT_NONE);
}
