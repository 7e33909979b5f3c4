/* Operations on accounts and devices: sign-up, confirm, sign-in, guesses, renewal, sign-out, import. Those of who has an account
 * already are in write_settings.c. */
#include "base/assert.h"
#include "crypto/crypto.h"
#include "driver/store/accounts.h"
#include "rules/seen.h"

/* ---- sign-up and its code ---- */

static void add_sign_up(struct writer *writer, const struct store_op *op, bool known)
{
        const struct pending pending = {
                .known = known,
                .purpose = PURPOSE_SIGN_UP,
                .email_folded = op->sign_up.email_folded,
                .code_hash = slice_of(op->sign_up.code_hash, STORE_HASH_SIZE),
                .invite_hash = op->sign_up.invite_hash,
                .valid_until_ms = writer->now_ms + op->sign_up.valid_ms,
                .user = {.user_name = op->sign_up.user_name,
                         .name_folded = op->sign_up.name_folded,
                         .display_name = op->sign_up.display_name,
                         .email = op->sign_up.email,
                         .password_hash = slice_text(op->sign_up.password_hash)},
        };

        code_add(writer, op, &pending);
}

/* One that is not good is a guess. */
static enum error judge_invite(struct writer *writer, const struct store_op *op)
{
        enum error error = invite_judge(writer, op->sign_up.invite_hash, true);

        if (error)
                guesses_count(writer, 0, op->guesses_from);
        return error;
}

/* Noted apart from what waits for its code: the repeat is known also when that is done, expired or pushed out. All who have no
 * account yet are one principal; `user` of the note says whether the address was known. */
void write_sign_up(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint64_t known, device;

        (void)arena;
        if (request_find(writer, op, PRINCIPAL_SIGN_UP, &known, &device, result)) {
                result->sign_up.known = result->status == ERR_OK && known;
                return;
        }
        result->status = writer_admit(writer, op);
        if (!result->status && !names_fit(op->sign_up.user_name, op->sign_up.display_name, op->sign_up.email))
                result->status = ERR_BAD_FIELD;
        if (!result->status)
                result->status = guesses_judge(writer, op->guesses_of, op->guesses_from, result);
        if (!result->status && op->sign_up.invite_hash.size)
                result->status = judge_invite(writer, op);
        /* Asked whether the address is known or not, so that the answer does not tell. */
        if (!result->status && user_find(writer, STATEMENT_USER_BY_NAME, op->sign_up.name_folded) != 0)
                result->status = ERR_NAME_TAKEN;
        if (result->status)
                return;
        result->sign_up.known = user_find(writer, STATEMENT_USER_BY_EMAIL, op->sign_up.email_folded) != 0;
        add_sign_up(writer, op, result->sign_up.known);
        guesses_count(writer, op->guesses_of, op->guesses_from);
        request_note(writer, op, PRINCIPAL_SIGN_UP, result->sign_up.known, 0);
}

void write_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct slice principal = slice_of(op->confirm.sign_up.bytes, sizeof(op->confirm.sign_up.bytes));
        uint64_t user = op->confirm.new_user, device = op->confirm.new_device;
        struct pending pending;

        if (request_find(writer, op, principal, &user, &device, result)) {
                if (!result->status)
                        signed_in_give(writer, user, device, result, arena);
                return;
        }
        result->status = writer_admit(writer, op);
        pending = code_find(writer, &op->confirm.sign_up, arena);
        if (!result->status)
                result->status = code_judge(writer, op, &pending, result);
        if (!result->status && user_find(writer, STATEMENT_USER_BY_EMAIL, pending.email_folded) != 0)
                result->status = ERR_BAD_CODE;
        if (!result->status && user_find(writer, STATEMENT_USER_BY_NAME, pending.user.name_folded) != 0)
                result->status = ERR_NAME_TAKEN;
        if (!result->status && pending.invite_hash.size)
                result->status = invite_judge(writer, pending.invite_hash, false);
        if (result->status || !database_good(&writer->database))
                return;
        pending.user.user = user;
        user_add(writer, &pending.user);
        device_add(writer, user, device, op->confirm.device_name, op->confirm.secret_hash);
        request_note(writer, op, principal, user, device);
        code_drop(writer, &op->confirm.sign_up);
        if (pending.invite_hash.size)
                invite_use(writer, pending.invite_hash);
        signed_in_give(writer, user, device, result, arena);
}

/* ---- sign-in ---- */

static bool has_room_for_device(struct writer *writer, uint64_t user)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_DEVICE_COUNT);
        uint64_t count = 0;

        bind_number(statement, 1, user);
        if (database_row(&writer->database, statement))
                count = column_number(statement, 0);
        database_end(statement);
        return count < STORE_DEVICES_MAX;
}

void write_sign_in(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        uint64_t user = op->user, device = op->sign_in.new_device;

        if (request_find(writer, op, principal, &user, &device, result)) {
                if (!result->status)
                        signed_in_give(writer, user, device, result, arena);
                return;
        }
        result->status = writer_admit(writer, op);
        /* Asked before hashing too; but of many sign-ins at once only as many may be right as may be wrong. */
        if (!result->status)
                result->status = guesses_judge(writer, op->user, op->guesses_from, result);
        if (!result->status && !password_is(writer, op->user, op->sign_in.password_hash))
                result->status = ERR_BAD_LOGIN;
        if (!result->status && !has_room_for_device(writer, op->user))
                result->status = ERR_DEVICE_LIMIT;
        if (result->status || !database_good(&writer->database))
                return;
        device_add(writer, op->user, device, op->sign_in.device_name, op->sign_in.secret_hash);
        guesses_drop(writer, op->user);
        request_note(writer, op, principal, op->user, device);
        signed_in_give(writer, op->user, device, result, arena);
}

void write_guess(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        (void)arena;
        guesses_count(writer, op->user, op->guesses_from);
        result->status = ERR_BAD_LOGIN;
}

void write_renew(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_DEVICE_FIND);

        result->status = ERR_BAD_LOGIN;
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->device);
        if (database_row(&writer->database, statement)) {
                struct slice hash = column_bytes(statement, 1);

                if (hash.size == STORE_HASH_SIZE && crypto_equal(hash.data, op->sign_in.secret_hash, STORE_HASH_SIZE))
                        result->status = sqlite3_column_type(statement, 0) == SQLITE_NULL ? ERR_OK : ERR_REVOKED;
        }
        database_end(statement);
        if (!result->status)
                result->status = writer_admit(writer, op);
        if (result->status)
                return;
        statement = database_use(&writer->database, STATEMENT_DEVICE_SEEN);
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->device);
        bind_number(statement, 3, writer->now_ms);
        bind_number(statement, 4, writer->now_ms);
        database_run(&writer->database, statement);
        signed_in_give(writer, op->user, op->device, result, arena);
}

static void note_user(struct writer *writer, uint64_t user)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_SEEN);

        bind_number(statement, 1, user);
        bind_number(statement, 2, seen_coarse(writer->now_ms));
        database_run(&writer->database, statement);
}

/* What was written down a short while ago stays: so a device costs one write an hour, however often it is heard of. */
void write_seen(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        sqlite3_stmt *statement;

        (void)arena;
        result->status = writer_admit(writer, op);
        if (result->status)
                return;
        statement = database_use(&writer->database, STATEMENT_DEVICE_SEEN);
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->device);
        bind_number(statement, 3, writer->now_ms);
        bind_number(statement, 4, writer->now_ms - min_of((uint64_t)STORE_SEEN_MS, writer->now_ms));
        database_run(&writer->database, statement);
        note_user(writer, op->user);
}

void write_last_seen(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        (void)arena;
        result->status = writer_admit(writer, op);
        if (!result->status)
                note_user(writer, op->user);
}

/* ---- sign-out ---- */

void write_sign_out(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        bool all = op->sign_out.device == 0;
        sqlite3_stmt *statement;
        uint64_t user, device;

        (void)arena;
        if (request_find(writer, op, principal, &user, &device, result))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status && !all && !writer_device_live(writer, op->user, op->sign_out.device))
                result->status = ERR_BAD_FIELD;
        if (result->status || !database_good(&writer->database))
                return;
        request_note(writer, op, principal, op->user, op->sign_out.device);
        if (all) {
                devices_revoke(writer, op->user, op->sign_out.others ? op->device : 0);
                return;
        }
        statement = database_use(&writer->database, STATEMENT_DEVICE_REVOKE);
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->sign_out.device);
        bind_number(statement, 3, writer->now_ms);
        database_run(&writer->database, statement);
        memset(writer->devices, 0, sizeof(writer->devices));
}

/* ---- an operator's ---- */

void write_import(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        const struct new_user new = {
                .user = op->import.new_user,
                .user_name = op->import.user_name,
                .name_folded = op->import.name_folded,
                .display_name = op->import.display_name,
                .email = op->import.email,
                .email_folded = op->import.email_folded,
                .password_hash = slice_text(op->import.password_hash),
        };

        if (!names_fit(new.user_name, new.display_name, new.email)) {
                result->status = ERR_BAD_FIELD;
                return;
        }
        if (user_find(writer, STATEMENT_USER_BY_NAME, new.name_folded) ||
            user_find(writer, STATEMENT_USER_BY_EMAIL, new.email_folded)) {
                result->status = ERR_NAME_TAKEN;
                return;
        }
        user_add(writer, &new);
        if (op->import.new_device)
                device_add(writer, new.user, op->import.new_device, op->import.device_name, op->import.secret_hash);
        signed_in_give(writer, new.user, op->import.new_device, result, arena);
}
