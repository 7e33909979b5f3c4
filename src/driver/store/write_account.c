/* Operations on accounts and devices: sign-up, confirm, sign-in, guesses, renewal, sign-out, import. */
#include "base/assert.h"
#include "crypto/crypto.h"
#include "driver/store/writer.h"
#include "rules/limits.h"
#include "rules/name.h"

/* ---- what several operations need ---- */

struct store_person person_read(struct database *database, uint64_t user, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_USER_FIND);
        struct store_person person = {0};

        bind_number(statement, 1, user);
        if (database_row(database, statement)) {
                person.user = user;
                person.user_name = column_copy(database, statement, 0, arena);
                person.display_name = column_copy(database, statement, 1, arena);
                person.version = column_number(statement, 2);
        }
        database_end(statement);
        return person;
}

/* A repeat outside rooms, by (principal, request): fills status and ids and returns true. */
static bool find_request(struct writer *writer, const struct store_op *op, struct slice principal, uint64_t *user,
                         uint64_t *device, struct store_result *result)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_REQUEST_FIND);
        bool found;

        bind_id(statement, 1, &op->request);
        bind_bytes(statement, 2, principal);
        found = database_row(&writer->database, statement);
        if (found) {
                result->repeat = true;
                result->status = slice_equal(column_bytes(statement, 0), slice_of(op->digest, STORE_HASH_SIZE))
                                         ? ERR_OK
                                         : ERR_REUSED_ID;
                *user = column_number(statement, 1);
                *device = column_number(statement, 2);
        }
        database_end(statement);
        return found;
}

static void expire(struct writer *writer, enum statement what, uint64_t before_ms)
{
        sqlite3_stmt *statement = database_use(&writer->database, what);

        bind_number(statement, 1, before_ms);
        database_run(&writer->database, statement);
}

void writer_prune(struct writer *writer)
{
        uint64_t age_ms = (uint64_t)STORE_REQUESTS_DAYS * DAY_MS;

        expire(writer, STATEMENT_PENDING_EXPIRED, writer->now_ms);
        expire(writer, STATEMENT_REQUEST_EXPIRED, writer->now_ms - min_of(age_ms, writer->now_ms));
        expire(writer, STATEMENT_GUESS_EXPIRED, writer->now_ms - min_of((uint64_t)GUESS_FORGET_MS, writer->now_ms));
}

static void note_request(struct writer *writer, const struct store_op *op, struct slice principal, uint64_t user,
                         uint64_t device)
{
        sqlite3_stmt *statement;

        writer_prune(writer);
        statement = database_use(&writer->database, STATEMENT_REQUEST_NEW);
        bind_id(statement, 1, &op->request);
        bind_bytes(statement, 2, principal);
        bind_bytes(statement, 3, slice_of(op->digest, STORE_HASH_SIZE));
        bind_number(statement, 4, user);
        bind_number(statement, 5, device);
        bind_number(statement, 6, writer->now_ms);
        database_run(&writer->database, statement);
}

static uint64_t find_user(struct writer *writer, enum statement how, struct slice folded)
{
        sqlite3_stmt *statement = database_use(&writer->database, how);
        uint64_t user = 0;

        bind_bytes(statement, 1, folded);
        if (database_row(&writer->database, statement))
                user = column_number(statement, 0);
        database_end(statement);
        return user;
}

static void add_device(struct writer *writer, uint64_t user, uint64_t device, struct slice name, const uint8_t *secret_hash)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_DEVICE_NEW);

        bind_number(statement, 1, user);
        bind_number(statement, 2, device);
        bind_text(statement, 3, name);
        bind_bytes(statement, 4, slice_of(secret_hash, STORE_HASH_SIZE));
        bind_number(statement, 5, writer->now_ms);
        database_run(&writer->database, statement);
}

static void add_words(struct writer *writer, struct slice folded, uint64_t user)
{
        struct slice word;

        for (size_t at = 0; word_next(folded, &at, &word);) {
                sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_WORD_NEW);

                bind_bytes(statement, 1, word);
                bind_number(statement, 2, user);
                database_run(&writer->database, statement);
        }
}

struct new_user {
        uint64_t user;
        struct slice user_name, name_folded, display_name, email, email_folded;
        struct slice password_hash;
};

static void add_user(struct writer *writer, const struct new_user *new)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_NEW);
        uint8_t folded[DISPLAY_NAME_MAX];

        bind_number(statement, 1, new->user);
        bind_text(statement, 2, new->user_name);
        bind_bytes(statement, 3, new->name_folded);
        bind_text(statement, 4, new->display_name);
        bind_text(statement, 5, new->email);
        bind_bytes(statement, 6, new->email_folded);
        bind_text(statement, 7, new->password_hash);
        bind_number(statement, 8, writer->now_ms);
        database_run(&writer->database, statement);
        add_words(writer, new->name_folded, new->user);
        check(new->display_name.size <= sizeof(folded));
        add_words(writer, slice_of(folded, name_fold(new->display_name, folded)), new->user);
}

static void give_signed_in(struct writer *writer, uint64_t user, uint64_t device, struct store_result *result,
                           struct arena *arena)
{
        result->signed_in.device = device;
        result->signed_in.person = person_read(&writer->database, user, arena);
        if (result->signed_in.person.user == 0)
                result->status = ERR_NO_USER;
}

/* ---- sign-up and its code ---- */

/* A sign-up that waits for its code. Slices live in the arena. */
struct pending {
        bool found, known;
        struct slice email_folded, code_hash;
        uint64_t valid_until_ms, guesses;
        struct new_user user;
};

static struct pending find_pending(struct writer *writer, const struct id *request, struct arena *arena)
{
        struct database *database = &writer->database;
        sqlite3_stmt *statement = database_use(database, STATEMENT_PENDING_FIND);
        struct pending pending = {0};

        bind_id(statement, 1, request);
        pending.found = database_row(database, statement);
        if (pending.found) {
                pending.email_folded = column_copy(database, statement, 0, arena);
                pending.code_hash = column_copy(database, statement, 1, arena);
                pending.valid_until_ms = column_number(statement, 2);
                pending.guesses = column_number(statement, 3);
                pending.known = column_number(statement, 4);
                pending.user.email = column_copy(database, statement, 5, arena);
                pending.user.user_name = column_copy(database, statement, 6, arena);
                pending.user.name_folded = column_copy(database, statement, 7, arena);
                pending.user.display_name = column_copy(database, statement, 8, arena);
                pending.user.password_hash = column_copy(database, statement, 9, arena);
                pending.user.email_folded = pending.email_folded;
        }
        database_end(statement);
        return pending;
}

static void add_pending(struct writer *writer, const struct store_op *op, bool known)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_PENDING_NEW);

        bind_id(statement, 1, &op->request);
        bind_text(statement, 2, op->sign_up.email);
        bind_bytes(statement, 3, op->sign_up.email_folded);
        bind_text(statement, 4, op->sign_up.user_name);
        bind_bytes(statement, 5, op->sign_up.name_folded);
        bind_text(statement, 6, op->sign_up.display_name);
        bind_text(statement, 7, slice_text(op->sign_up.password_hash));
        bind_bytes(statement, 8, slice_of(op->sign_up.code_hash, STORE_HASH_SIZE));
        bind_number(statement, 9, writer->now_ms + op->sign_up.valid_ms);
        bind_number(statement, 10, known);
        database_run(&writer->database, statement);
        statement = database_use(&writer->database, STATEMENT_PENDING_OLD);
        bind_bytes(statement, 1, op->sign_up.email_folded);
        bind_number(statement, 2, STORE_PENDING_MAX);
        database_run(&writer->database, statement);
}

/* Noted apart from what waits for its code: the repeat is known also when that is done, expired or pushed out. All who have no
 * account yet are one principal; `user` of the note says whether the address was known. */
void write_sign_up(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint64_t known, device;

        (void)arena;
        if (find_request(writer, op, SLICE_LITERAL("sign_up"), &known, &device, result)) {
                result->sign_up.known = result->status == ERR_OK && known;
                return;
        }
        result->status = writer_admit(writer, op);
        if (!result->status && !names_fit(op->sign_up.user_name, op->sign_up.display_name, op->sign_up.email))
                result->status = ERR_BAD_FIELD;
        if (result->status)
                return;
        /* Asked whether the address is known or not, so that the answer does not tell. */
        if (find_user(writer, STATEMENT_USER_BY_NAME, op->sign_up.name_folded) != 0) {
                result->status = ERR_NAME_TAKEN;
                return;
        }
        result->sign_up.known = find_user(writer, STATEMENT_USER_BY_EMAIL, op->sign_up.email_folded) != 0;
        add_pending(writer, op, result->sign_up.known);
        note_request(writer, op, SLICE_LITERAL("sign_up"), result->sign_up.known, 0);
}

static enum error judge_code(struct writer *writer, const struct store_op *op, const struct pending *pending)
{
        sqlite3_stmt *statement;

        if (!pending->found || pending->valid_until_ms < writer->now_ms ||
            !slice_equal(pending->email_folded, op->confirm.email_folded))
                return ERR_BAD_CODE;
        if (pending->guesses >= STORE_GUESSES_MAX)
                return ERR_GUESSED;
        check(pending->code_hash.size == STORE_HASH_SIZE);
        if (!pending->known && crypto_equal(pending->code_hash.data, op->confirm.code_hash, STORE_HASH_SIZE))
                return ERR_OK;
        statement = database_use(&writer->database, STATEMENT_PENDING_GUESS);
        bind_id(statement, 1, &op->confirm.sign_up);
        database_run(&writer->database, statement);
        return ERR_BAD_CODE;
}

void write_confirm(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct slice principal = slice_of(op->confirm.sign_up.bytes, sizeof(op->confirm.sign_up.bytes));
        uint64_t user = op->confirm.new_user, device = op->confirm.new_device;
        struct pending pending;
        sqlite3_stmt *statement;

        if (find_request(writer, op, principal, &user, &device, result)) {
                if (!result->status)
                        give_signed_in(writer, user, device, result, arena);
                return;
        }
        result->status = writer_admit(writer, op);
        pending = find_pending(writer, &op->confirm.sign_up, arena);
        if (!result->status)
                result->status = judge_code(writer, op, &pending);
        if (!result->status && find_user(writer, STATEMENT_USER_BY_EMAIL, pending.email_folded) != 0)
                result->status = ERR_BAD_CODE;
        if (!result->status && find_user(writer, STATEMENT_USER_BY_NAME, pending.user.name_folded) != 0)
                result->status = ERR_NAME_TAKEN;
        if (result->status || !database_good(&writer->database))
                return;
        pending.user.user = user;
        add_user(writer, &pending.user);
        add_device(writer, user, device, op->confirm.device_name, op->confirm.secret_hash);
        note_request(writer, op, principal, user, device);
        statement = database_use(&writer->database, STATEMENT_PENDING_DROP);
        bind_id(statement, 1, &op->confirm.sign_up);
        database_run(&writer->database, statement);
        give_signed_in(writer, user, device, result, arena);
}

/* ---- sign-in ---- */

static bool password_is(struct writer *writer, uint64_t user, const char *hash)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_FIND);
        bool same = false;

        bind_number(statement, 1, user);
        if (database_row(&writer->database, statement))
                same = *hash && slice_equal(column_bytes(statement, 3), slice_text(hash));
        database_end(statement);
        return same;
}

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
        sqlite3_stmt *statement;

        if (find_request(writer, op, principal, &user, &device, result)) {
                if (!result->status)
                        give_signed_in(writer, user, device, result, arena);
                return;
        }
        result->status = writer_admit(writer, op);
        /* Asked before hashing too; but of many sign-ins at once only as many may be right as may be wrong. */
        if (!result->status && (result->retry_after_ms = guess_wait_ms(&writer->database, op->user, writer->now_ms)) > 0)
                result->status = ERR_GUESSED;
        if (!result->status && !password_is(writer, op->user, op->sign_in.password_hash))
                result->status = ERR_BAD_LOGIN;
        if (!result->status && !has_room_for_device(writer, op->user))
                result->status = ERR_DEVICE_LIMIT;
        if (result->status || !database_good(&writer->database))
                return;
        add_device(writer, op->user, device, op->sign_in.device_name, op->sign_in.secret_hash);
        statement = database_use(&writer->database, STATEMENT_GUESS_DROP);
        bind_number(statement, 1, op->user);
        database_run(&writer->database, statement);
        note_request(writer, op, principal, op->user, device);
        give_signed_in(writer, op->user, device, result, arena);
}

void write_guess(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_GUESS_FIND);
        uint64_t count = 0;

        (void)arena;
        writer_prune(writer);
        bind_number(statement, 1, op->user);
        if (database_row(&writer->database, statement))
                count = column_number(statement, 0);
        database_end(statement);
        count++;
        statement = database_use(&writer->database, STATEMENT_GUESS_SET);
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, count);
        bind_number(statement, 3, writer->now_ms + guess_pause_ms(count));
        database_run(&writer->database, statement);
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
        if (result->status)
                return;
        statement = database_use(&writer->database, STATEMENT_DEVICE_SEEN);
        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->device);
        bind_number(statement, 3, writer->now_ms);
        database_run(&writer->database, statement);
        give_signed_in(writer, op->user, op->device, result, arena);
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
        if (find_request(writer, op, principal, &user, &device, result))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status && !all && !writer_device_live(writer, op->user, op->sign_out.device))
                result->status = ERR_BAD_FIELD;
        if (result->status || !database_good(&writer->database))
                return;
        statement = database_use(&writer->database, all ? STATEMENT_DEVICES_REVOKE : STATEMENT_DEVICE_REVOKE);
        bind_number(statement, 1, op->user);
        if (!all)
                bind_number(statement, 2, op->sign_out.device);
        bind_number(statement, all ? 2 : 3, writer->now_ms);
        database_run(&writer->database, statement);
        note_request(writer, op, principal, op->user, op->sign_out.device);
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
        if (find_user(writer, STATEMENT_USER_BY_NAME, new.name_folded) ||
            find_user(writer, STATEMENT_USER_BY_EMAIL, new.email_folded)) {
                result->status = ERR_NAME_TAKEN;
                return;
        }
        add_user(writer, &new);
        add_device(writer, new.user, op->import.new_device, op->import.device_name, op->import.secret_hash);
        give_signed_in(writer, new.user, op->import.new_device, result, arena);
}
