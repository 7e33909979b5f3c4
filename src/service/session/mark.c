/*
 * mark: how far a member has received, read and shown that he read. Marks only rise. The answer has his marks and the room's
 * lowest as they are now; what moved also goes to his other connections, and the lowest to every member.
 */
#include "crypto/crypto.h"
#include "service/session/session.h"

/* Kept between plan and stored. */
struct mark {
        struct wire_mark body;
        struct known known;
};

static void digest_of(const struct wire_mark *body, uint8_t digest[static STORE_HASH_SIZE])
{
        uint8_t numbers[24];
        const struct slice part = slice_of(numbers, sizeof(numbers));

        be64_put(numbers, body->delivered);
        be64_put(numbers + 8, body->read);
        be64_put(numbers + 16, body->shown);
        crypto_digest(&part, 1, digest);
}

void mark_plan(struct batch *batch, struct item *item)
{
        struct mark *mark = batch_decode(batch, item, sizeof(*mark));
        struct store_op *op;

        if (!mark || !session_check_room(batch, item))
                return;
        item->body = mark;
        mark->known = session_known(batch, &item->frame.room);
        op = batch_apply(batch, item, STORE_MARK, 1);
        if (!op)
                return;
        digest_of(&mark->body, op->digest);
        op->mark.room = item->frame.room;
        op->mark.delivered = mark->body.delivered;
        op->mark.read = mark->body.read;
        op->mark.shown = mark->body.shown;
        op->mark.members_known = mark->known.version;
}

/* In a group of a thousand a thousand marks follow a message, and most of them move the lowest: members are told once a batch. */
#define MEMBERS_AT_ONCE 2

/* The lowest marks to all other members that count; he himself gets them with his own marks. */
static void deliver_lowest(struct batch *batch, struct item *item, const struct known *members)
{
        const struct store_result *result = item->results;
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, lowest), .lowest = shape_lowest(&result->mark.lowest)};
        bool latest = members->count > MEMBERS_AT_ONCE;
        struct known told = *members;

        if (!latest || result->members.uncounted_count)
                told = session_counted(batch, result, members, latest ? 0 : item->envelope.user);
        if (latest)
                batch_deliver_latest(batch, item, WIRE_CODE_marks_moved, &item->frame.room, &moved, told.users, told.count);
        else
                batch_deliver(batch, item, WIRE_CODE_marks_moved, &item->frame.room, &moved, told.users, told.count);
}

/* Refused, and yet it may have been done, by who had the partition before or by a try whose answer was lost: then nobody was told,
 * and its sender may never ask again. */
static void refused(struct batch *batch, struct item *item, const struct mark *mark)
{
        const struct store_result *result = item->results;
        bool done = (item->uncertain || item->inherited) && (result->status == ERR_LATE || result->status == ERR_REVOKED);
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, marks) | WIRE_HAS(marks_moved, lowest)};
        struct known members;

        batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
        if (!done || result->members.count == 0)
                return;
        members = session_members(batch, &item->frame.room, result, &mark->known);
        moved.marks = shape_marks(&result->mark.marks);
        moved.lowest = session_lowest(result, &result->mark.lowest, item->envelope.user);
        deliver_lowest(batch, item, &members);
        batch_deliver(batch, item, WIRE_CODE_marks_moved, &item->frame.room, &moved, &item->envelope.user, 1);
}

/* A mark that moved nothing may be the repeat of one that did, and whose deliveries nobody saw: then it is as high as what is
 * there, or higher, since the store clamps. Marks carry versions, so telling once too often is harmless. */
static bool may_be_repeat(const struct wire_mark *body, const struct store_marks *marks)
{
        return (body->delivered && body->delivered >= marks->delivered) || (body->read && body->read >= marks->read) ||
               (body->shown && body->shown >= marks->shown);
}

void mark_stored(struct batch *batch, struct item *item)
{
        const struct mark *mark = item->body;
        const struct store_result *result = item->results;
        struct wire_marked marked = {.has = WIRE_HAS(marked, marks) | WIRE_HAS(marked, lowest)};
        struct wire_marks_moved moved = {0};
        struct known members;
        bool tell = false;

        if (result->status != ERR_OK) {
                refused(batch, item, mark);
                return;
        }
        members = session_members(batch, &item->frame.room, result, &mark->known);
        marked.marks = shape_marks(&result->mark.marks);
        marked.lowest = session_lowest(result, &result->mark.lowest, item->envelope.user);
        if (!result->mark.marks_moved && !result->mark.lowest_moved)
                tell = may_be_repeat(&mark->body, &result->mark.marks);
        if (result->mark.marks_moved || tell) {
                moved.marks = marked.marks;
                moved.has |= WIRE_HAS(marks_moved, marks);
        }
        if (result->mark.lowest_moved || tell) {
                moved.lowest = marked.lowest;
                moved.has |= WIRE_HAS(marks_moved, lowest);
                deliver_lowest(batch, item, &members);
        }
        if (moved.has)
                batch_deliver(batch, item, WIRE_CODE_marks_moved, &item->frame.room, &moved, &item->envelope.user, 1);
        batch_reply(batch, item, WIRE_CODE_marked, &marked, WIRE_EFFECT_NONE);
}
