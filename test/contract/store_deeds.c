/* See store_deeds.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/store_deeds.h"

#include "rules/room.h"

struct store_op row_op(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                       uint64_t target, const char *text)
{
        struct store_op op = write_op(stage, sender, room, text);

        op.write.row_kind = kind;
        op.write.target = target;
        op.digest[0] ^= (uint8_t)kind;
        op.digest[1] ^= (uint8_t)target;
        return op;
}

struct store_result edit(struct stage *stage, const struct account *sender, struct id room, uint64_t target,
                         const char *text)
{
        struct store_op op = row_op(stage, sender, room, ROW_EDITED, target, text);

        return apply_one(stage, &op);
}

struct store_result delete (struct stage *stage, const struct account *sender, struct id room, uint64_t target)
{
        struct store_op op = row_op(stage, sender, room, ROW_DELETED, target, "");

        return apply_one(stage, &op);
}

struct store_result about(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                          const struct account *subject, enum role role)
{
        struct store_op op = row_op(stage, sender, room, kind, 0, "");

        op.write.subject = subject->user;
        op.write.role = (uint8_t)role;
        return apply_one(stage, &op);
}

struct id group_of(struct stage *stage, const struct account *owner)
{
        struct store_op op = row_op(stage, owner, stage_id(stage), ROW_CREATED, 0, "Birds");

        op.request = op.write.room;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        return op.write.room;
}

void bring(struct stage *stage, const struct account *owner, struct id room, const struct account *subject)
{
        assert_int_equal(about(stage, owner, room, ROW_JOINED, subject, ROLE_NONE).status, ERR_OK);
}

struct id talk(struct stage *stage)
{
        return room_personal(stage->anna.user, stage->boris.user);
}

struct store_answer changes(struct stage *stage, const struct account *asker, struct id room, uint64_t after)
{
        struct store_question question = question_of(STORE_ASK_CHANGES, asker);

        question.bytes_max = 100000;
        question.changes.room = room;
        question.changes.after = after;
        question.changes.rows_max = 100;
        return ask(stage, &question);
}
