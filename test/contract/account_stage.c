/* See account_stage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "contract/account_stage.h"

#include "base/assert.h"

struct store_op op_of(struct stage *stage, enum store_op_kind kind, const struct account *sender)
{
        struct store_op op = {.kind = kind, .request = stage_id(stage)};

        if (sender) {
                op.user = sender->user;
                op.device = sender->device;
        }
        if (kind == STORE_DELETE)
                op.password.leaving = stage_id(stage);
        return op;
}

struct account account_with(struct stage *stage, const char *name, const char *email)
{
        struct store_op op = op_of(stage, STORE_SIGN_UP, NULL), confirm = op_of(stage, STORE_CONFIRM, NULL);
        struct store_result result;

        op.sign_up.email = op.sign_up.email_folded = slice_text(email);
        op.sign_up.user_name = op.sign_up.name_folded = op.sign_up.display_name = slice_text(name);
        op.sign_up.password_hash = "$old";
        op.sign_up.valid_ms = VALID_MS;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        confirm.confirm.sign_up = op.request;
        confirm.confirm.email_folded = slice_text(email);
        confirm.confirm.device_name = SLICE_LITERAL("phone");
        confirm.confirm.new_user = random_id63(&stage->random.random);
        confirm.confirm.new_device = random_id63(&stage->random.random);
        result = apply_one(stage, &confirm);
        assert_int_equal(result.status, ERR_OK);
        return (struct account){result.signed_in.person.user, result.signed_in.device, name};
}

uint64_t device_more(struct stage *stage, uint64_t user, const char *hash, enum error expected)
{
        struct store_op op = {.kind = STORE_SIGN_IN, .request = stage_id(stage), .user = user};
        struct store_result result;

        op.sign_in.device_name = SLICE_LITERAL("tablet");
        op.sign_in.new_device = random_id63(&stage->random.random);
        op.sign_in.password_hash = hash;
        result = apply_one(stage, &op);
        assert_int_equal(result.status, expected);
        return result.signed_in.device;
}

size_t devices_of(struct stage *stage, const struct account *account)
{
        struct store_question question = question_of(STORE_ASK_DEVICES, account);
        struct store_answer answer = ask(stage, &question);

        return answer.status ? 0 : answer.devices.count;
}

struct store_op code_op(struct stage *stage, enum store_op_kind kind, const struct account *sender, const char *email)
{
        struct store_op op = op_of(stage, kind, sender);

        op.code.email = op.code.email_folded = slice_text(email);
        op.code.valid_ms = VALID_MS;
        op.code.password_hash = "$old";
        memset(op.code.code_hash, 'c', STORE_HASH_SIZE);
        return op;
}

struct store_op answer_op(struct stage *stage, enum store_op_kind kind, const struct account *sender,
                          const struct store_op *asked, char code)
{
        struct store_op op = op_of(stage, kind, sender);

        op.confirm.sign_up = asked->request;
        op.confirm.email_folded = asked->code.email_folded;
        memset(op.confirm.code_hash, code, STORE_HASH_SIZE);
        op.confirm.device_name = SLICE_LITERAL("new phone");
        op.confirm.new_device = random_id63(&stage->random.random);
        op.confirm.password_hash = "$new";
        op.digest[0] = (uint8_t)code;
        return op;
}
