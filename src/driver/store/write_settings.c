/* Operations on what an account is: reset and change of its password, names, address; its end; invitations. */
#include "base/assert.h"
#include "driver/store/accounts.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "rules/row.h"
#include "rules/setting.h"

/* What is changed of a user. Slices in the arena. */
struct settings {
        bool found;
        struct slice user_name, display_name, email, password_hash;
};

static struct settings settings_read(struct writer *writer, uint64_t user, struct arena *arena)
{
        struct database *database = &writer->database;
        sqlite3_stmt *statement = database_use(database, STATEMENT_USER_FIND);
        struct settings settings = {0};

        bind_number(statement, 1, user);
        settings.found = database_row(database, statement);
        if (settings.found) {
                settings.user_name = column_copy(database, statement, 0, arena);
                settings.display_name = column_copy(database, statement, 1, arena);
                settings.password_hash = column_copy(database, statement, 3, arena);
                settings.email = column_copy(database, statement, 4, arena);
        }
        database_end(statement);
        return settings;
}

/* ---- a code that is asked for ---- */

static void add_code(struct writer *writer, const struct store_op *op, enum purpose purpose, uint64_t holder, bool known)
{
        const struct pending pending = {
                .known = known,
                .holder = holder,
                .purpose = purpose,
                .email_folded = op->code.email_folded,
                .code_hash = slice_of(op->code.code_hash, STORE_HASH_SIZE),
                .valid_until_ms = writer->now_ms + op->code.valid_ms,
                .user = {.email = op->code.email},
        };

        code_add(writer, op, &pending);
}

/* Whether anybody has that address or not, a line is written and noted: only the letter tells. */
void write_reset(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint64_t user, device;

        (void)arena;
        if (request_find(writer, op, PRINCIPAL_RESET, &user, &device, result)) {
                result->sign_up.known = result->status == ERR_OK && user != 0;
                return;
        }
        result->status = writer_admit(writer, op);
        if (!result->status && op->code.email.size > EMAIL_MAX)
                result->status = ERR_BAD_FIELD;
        if (!result->status)
                result->status = guesses_judge(writer, op->guesses_of, op->guesses_from, result);
        if (result->status)
                return;
        user = user_find(writer, STATEMENT_USER_BY_EMAIL, op->code.email_folded);
        result->sign_up.known = user != 0;
        add_code(writer, op, PURPOSE_RESET, user, false);
        request_note(writer, op, PRINCIPAL_RESET, user, 0);
        guesses_count(writer, op->guesses_of, op->guesses_from);
}

void write_reset_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct slice principal = slice_of(op->confirm.sign_up.bytes, sizeof(op->confirm.sign_up.bytes));
        uint64_t user, device = op->confirm.new_device;
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
        /* The address may be somebody else's by now, or nobody's. */
        if (!result->status && user_find(writer, STATEMENT_USER_BY_EMAIL, pending.email_folded) != pending.holder)
                result->status = ERR_BAD_CODE;
        if (!result->status && is_switched_off(settings_read(writer, pending.holder, arena).password_hash))
                result->status = ERR_BAD_CODE;
        if (result->status || !database_good(&writer->database))
                return;
        password_set(writer, pending.holder, op->confirm.password_hash);
        devices_revoke(writer, pending.holder, 0);
        device_add(writer, pending.holder, device, op->confirm.device_name, op->confirm.secret_hash);
        guesses_drop(writer, pending.holder);
        guesses_drop(writer, op->guesses_of);
        request_note(writer, op, principal, pending.holder, device);
        code_drop(writer, &op->confirm.sign_up);
        signed_in_give(writer, pending.holder, device, result, arena);
}

/* ---- what the user changes himself ---- */

/* Was his password right? "": it was not. */
static enum error judge_password(struct writer *writer, const struct store_op *op, const char *verified,
                                 struct store_result *result)
{
        enum error error = guesses_judge(writer, op->user, 0, result);

        if (error)
                return error;
        if (password_is(writer, op->user, verified))
                return ERR_OK;
        guesses_count(writer, op->user, 0);
        return ERR_BAD_LOGIN;
}

void write_password(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        uint64_t user, device;

        (void)arena;
        if (request_find(writer, op, principal, &user, &device, result))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status)
                result->status = judge_password(writer, op, op->password.password_hash, result);
        if (result->status || !database_good(&writer->database))
                return;
        password_set(writer, op->user, op->password.new_hash);
        if (op->password.others)
                devices_revoke(writer, op->user, op->device);
        guesses_drop(writer, op->user);
        request_note(writer, op, principal, op->user, op->device);
}

static void set_names(struct writer *writer, const struct store_op *op, struct settings *settings)
{
        sqlite3_stmt *statement;
        uint8_t folded[2][DISPLAY_NAME_MAX];
        struct slice old = slice_of(folded[0], name_fold(settings->user_name, folded[0])), new = old;

        words_change(writer, STATEMENT_WORD_DROP, op->user, old, settings->display_name);
        if (op->profile.user_name.size) {
                settings->user_name = op->profile.user_name;
                new = op->profile.name_folded;
        }
        if (op->profile.display_name.size)
                settings->display_name = op->profile.display_name;
        statement = database_use(&writer->database, STATEMENT_USER_NAMES);
        bind_number(statement, 1, op->user);
        bind_text(statement, 2, settings->user_name);
        bind_bytes(statement, 3, new);
        bind_text(statement, 4, settings->display_name);
        database_run(&writer->database, statement);
        words_change(writer, STATEMENT_WORD_NEW, op->user, new, settings->display_name);
}

void write_profile(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        struct settings settings;
        uint64_t user, device, holder;

        if (request_find(writer, op, principal, &user, &device, result)) {
                if (!result->status)
                        signed_in_give(writer, op->user, op->device, result, arena);
                return;
        }
        result->status = writer_admit(writer, op);
        if (!result->status && !names_fit(op->profile.user_name, op->profile.display_name, (struct slice){0}))
                result->status = ERR_BAD_FIELD;
        if (!result->status && op->profile.user_name.size) {
                holder = user_find(writer, STATEMENT_USER_BY_NAME, op->profile.name_folded);
                result->status = holder && holder != op->user ? ERR_NAME_TAKEN : ERR_OK;
        }
        if (result->status)
                return;
        settings = settings_read(writer, op->user, arena);
        if (!settings.found || !database_good(&writer->database)) {
                result->status = ERR_NO_USER;
                return;
        }
        set_names(writer, op, &settings);
        request_note(writer, op, principal, op->user, op->device);
        signed_in_give(writer, op->user, op->device, result, arena);
}

/* ---- another address ---- */

/* The address that he has is told, for the notice: at a repeat too. */
void write_email(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        uint64_t known, device;

        if (request_find(writer, op, principal, &known, &device, result)) {
                result->sign_up.known = result->status == ERR_OK && known;
                result->sign_up.email = settings_read(writer, op->user, arena).email;
                return;
        }
        result->status = writer_admit(writer, op);
        if (!result->status && op->code.email.size > EMAIL_MAX)
                result->status = ERR_BAD_FIELD;
        if (!result->status)
                result->status = judge_password(writer, op, op->code.password_hash, result);
        if (!result->status)
                result->status = guesses_judge(writer, op->guesses_of, op->guesses_from, result);
        if (result->status)
                return;
        known = user_find(writer, STATEMENT_USER_BY_EMAIL, op->code.email_folded) != 0;
        result->sign_up.known = known;
        result->sign_up.email = settings_read(writer, op->user, arena).email;
        add_code(writer, op, PURPOSE_EMAIL, op->user, known);
        request_note(writer, op, principal, known, 0);
        guesses_count(writer, op->guesses_of, op->guesses_from);
}

void write_email_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        struct pending pending;
        sqlite3_stmt *statement;
        uint64_t user, device;

        if (request_find(writer, op, principal, &user, &device, result))
                return;
        result->status = writer_admit(writer, op);
        pending = code_find(writer, &op->confirm.sign_up, arena);
        if (!result->status)
                result->status = code_judge(writer, op, &pending, result);
        if (!result->status && user_find(writer, STATEMENT_USER_BY_EMAIL, pending.email_folded) != 0)
                result->status = ERR_BAD_CODE;
        if (result->status || !database_good(&writer->database))
                return;
        statement = database_use(&writer->database, STATEMENT_USER_EMAIL);
        bind_number(statement, 1, op->user);
        bind_text(statement, 2, pending.user.email);
        bind_bytes(statement, 3, pending.email_folded);
        database_run(&writer->database, statement);
        guesses_drop(writer, op->guesses_of);
        request_note(writer, op, principal, op->user, op->device);
        code_drop(writer, &op->confirm.sign_up);
}

/* ---- what the server keeps to ---- */

bool write_heeds(struct writer *writer, const struct store_op *op)
{
        enum statement heeded;
        sqlite3_stmt *statement;
        bool on;

        if (op->write.row_kind != ROW_SETTING)
                return true;
        if (setting_hides(op->write.text, &on))
                heeded = STATEMENT_USER_HIDES;
        else if (setting_receipts(op->write.text, &on))
                heeded = STATEMENT_USER_RECEIPTS_SET;
        else
                return true;
        statement = database_use(&writer->database, heeded);
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, on);
        return database_run(&writer->database, statement);
}

void write_receipts(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct room *room = room_cache_find(&writer->rooms, &writer->database, &op->receipts.room);
        struct member *member = room ? room_member(room, op->user) : NULL;
        sqlite3_stmt *statement;

        result->status = member ? ERR_OK : ERR_NO_ROOM;
        if (!member || !database_good(&writer->database))
                return;
        if (member_switch(member, user_without_receipts(&writer->database, op->user), room->head)) {
                statement = database_use(&writer->database, STATEMENT_MEMBER_COUNTED);
                bind_number(statement, 1, room->number);
                bind_number(statement, 2, member->user);
                bind_number(statement, 3, member->joined_seq);
                bind_number(statement, 4, member->counted_from);
                bind_number(statement, 5, member->shown);
                if (!database_run(&writer->database, statement) || !room_lower_anew(&writer->database, room))
                        return;
        }
        result->mark.lowest = room->lowest;
        result->mark.lowest_moved = true;
        writer_give_members(writer, room, op->receipts.members_known, result, arena);
        writer_give_uncounted(writer, room, result, arena);
}

void write_receipts_done(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_RECEIPTS_DONE);

        (void)arena;
        result->status = ERR_OK;
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->receipts.change);
        (void)database_run(&writer->database, statement);
}

/* ---- the end of an account ---- */

/* A tombstone stays: rooms, rows and marks name the user. */
static void bury(struct writer *writer, uint64_t user, struct arena *arena)
{
        struct settings settings = settings_read(writer, user, arena);
        uint8_t folded[DISPLAY_NAME_MAX], nobody[NOBODYS_NAME_SIZE];
        sqlite3_stmt *statement;

        words_change(writer, STATEMENT_WORD_DROP, user, slice_of(folded, name_fold(settings.user_name, folded)),
                     settings.display_name);
        statement = database_use(&writer->database, STATEMENT_USER_GONE);
        bind_number(statement, 1, user);
        bind_text(statement, 2, GONE_USER_NAME);
        bind_bytes(statement, 3, nobodys_name(user, nobody));
        bind_text(statement, 4, GONE_DISPLAY_NAME);
        database_run(&writer->database, statement);
        statement = database_use(&writer->database, STATEMENT_INVITES_DROP);
        bind_number(statement, 1, user);
        database_run(&writer->database, statement);
        statement = database_use(&writer->database, STATEMENT_BLOCKS_DROP);
        bind_number(statement, 1, user);
        database_run(&writer->database, statement);
        room_cache_drop(&writer->rooms); /* which know of his blocks */
        guesses_drop(writer, user);
        devices_revoke(writer, user, 0);
}

void write_delete(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        uint64_t user, device;

        if (request_find(writer, op, principal, &user, &device, result))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status)
                result->status = judge_password(writer, op, op->password.password_hash, result);
        if (result->status || !database_good(&writer->database))
                return;
        bury(writer, op->user, arena);
        leaving_begin(writer, op->user, &op->password.leaving);
        request_note(writer, op, principal, op->user, op->device);
}

/* ---- invitations ---- */

static uint64_t count_invites(struct writer *writer, uint64_t creator)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_INVITE_COUNT);
        uint64_t count = 0;

        bind_number(statement, 1, creator);
        bind_number(statement, 2, writer->now_ms);
        if (database_row(&writer->database, statement))
                count = column_number(statement, 0);
        database_end(statement);
        return count;
}

void write_invite(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        sqlite3_stmt *statement;
        uint64_t user, device;

        (void)arena;
        if (request_find(writer, op, principal, &user, &device, result))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status && op->user && count_invites(writer, op->user) >= STORE_INVITES_MAX)
                result->status = ERR_INVITE_LIMIT;
        if (result->status || !database_good(&writer->database))
                return;
        statement = database_use(&writer->database, STATEMENT_INVITE_NEW);
        bind_bytes(statement, 1, slice_of(op->invite.hash, STORE_HASH_SIZE));
        bind_number(statement, 2, op->user);
        bind_number(statement, 3, op->invite.uses);
        bind_number(statement, 4, writer->now_ms + op->invite.valid_ms);
        bind_number(statement, 5, writer->now_ms);
        database_run(&writer->database, statement);
        request_note(writer, op, principal, op->user, op->device);
}

/* ---- an operator's ---- */

void write_access(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        const struct settings settings = settings_read(writer, op->user, arena);
        struct slice hash;

        result->status = settings.found ? ERR_OK : ERR_NO_USER;
        if (result->status || !database_good(&writer->database))
                return;
        if (!access_hash(op, settings.password_hash, arena, &hash)) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        password_set(writer, op->user, (const char *)hash.data);
        guesses_drop(writer, op->user);
        if (op->access.access != STORE_ACCESS_ON)
                devices_revoke(writer, op->user, 0);
}
