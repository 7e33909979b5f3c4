/* See accounts.h. */
#include "driver/store/accounts.h"

#include "base/assert.h"
#include "crypto/crypto.h"
#include "rules/limits.h"
#include "rules/name.h"

/* ---- repeats ---- */

/* A repeat outside rooms, by (principal, request): fills status and ids and returns true. */
bool request_find(struct writer *writer, const struct store_op *op, struct slice principal, uint64_t *user, uint64_t *device,
                  struct store_result *result)
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

void writer_expire(struct writer *writer, enum statement what, uint64_t before_ms)
{
        sqlite3_stmt *statement = database_use(&writer->database, what);

        bind_number(statement, 1, before_ms);
        database_run(&writer->database, statement);
}

void writer_prune(struct writer *writer)
{
        uint64_t age_ms = (uint64_t)STORE_REQUESTS_DAYS * DAY_MS;

        writer_expire(writer, STATEMENT_PENDING_EXPIRED, writer->now_ms);
        writer_expire(writer, STATEMENT_REQUEST_EXPIRED, writer->now_ms - min_of(age_ms, writer->now_ms));
        writer_expire(writer, STATEMENT_INVITE_EXPIRED, writer->now_ms - min_of((uint64_t)DAY_MS, writer->now_ms));
        writer_expire(writer, STATEMENT_GUESS_EXPIRED, writer->now_ms - min_of((uint64_t)GUESS_FORGET_MS, writer->now_ms));
}

void request_note(struct writer *writer, const struct store_op *op, struct slice principal, uint64_t user, uint64_t device)
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

uint64_t user_find(struct writer *writer, enum statement how, struct slice folded)
{
        sqlite3_stmt *statement = database_use(&writer->database, how);
        uint64_t user = 0;

        bind_bytes(statement, 1, folded);
        if (database_row(&writer->database, statement))
                user = column_number(statement, 0);
        database_end(statement);
        return user;
}

void device_add(struct writer *writer, uint64_t user, uint64_t device, struct slice name, const uint8_t *secret_hash)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_DEVICE_NEW);

        bind_number(statement, 1, user);
        bind_number(statement, 2, device);
        bind_text(statement, 3, name);
        bind_bytes(statement, 4, slice_of(secret_hash, STORE_HASH_SIZE));
        bind_number(statement, 5, writer->now_ms);
        database_run(&writer->database, statement);
}

static void change_words(struct writer *writer, enum statement what, struct slice folded, uint64_t user)
{
        struct slice word;

        for (size_t at = 0; word_next(folded, &at, &word);) {
                sqlite3_stmt *statement = database_use(&writer->database, what);

                bind_bytes(statement, 1, word);
                bind_number(statement, 2, user);
                database_run(&writer->database, statement);
        }
}

void words_change(struct writer *writer, enum statement what, uint64_t user, struct slice name_folded,
                  struct slice display_name)
{
        uint8_t folded[DISPLAY_NAME_MAX];

        check(display_name.size <= sizeof(folded));
        change_words(writer, what, name_folded, user);
        change_words(writer, what, slice_of(folded, name_fold(display_name, folded)), user);
}

void user_add(struct writer *writer, const struct new_user *new)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_NEW);

        bind_number(statement, 1, new->user);
        bind_text(statement, 2, new->user_name);
        bind_bytes(statement, 3, new->name_folded);
        bind_text(statement, 4, new->display_name);
        bind_text(statement, 5, new->email);
        bind_bytes(statement, 6, new->email_folded);
        bind_text(statement, 7, new->password_hash);
        bind_number(statement, 8, writer->now_ms);
        database_run(&writer->database, statement);
        words_change(writer, STATEMENT_WORD_NEW, new->user, new->name_folded, new->display_name);
}

void signed_in_give(struct writer *writer, uint64_t user, uint64_t device, struct store_result *result, struct arena *arena)
{
        result->signed_in.device = device;
        result->signed_in.person = person_read(&writer->database, user, arena);
        if (result->signed_in.person.user == 0)
                result->status = ERR_NO_USER;
}

bool password_is(struct writer *writer, uint64_t user, const char *hash)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_FIND);
        bool same = false;

        bind_number(statement, 1, user);
        if (database_row(&writer->database, statement))
                same = *hash && slice_equal(column_bytes(statement, 3), slice_text(hash));
        database_end(statement);
        return same;
}

void password_set(struct writer *writer, uint64_t user, const char *hash)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_PASSWORD);

        bind_number(statement, 1, user);
        bind_text(statement, 2, slice_text(hash));
        database_run(&writer->database, statement);
}

void devices_revoke(struct writer *writer, uint64_t user, uint64_t kept)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_DEVICES_REVOKE);

        bind_number(statement, 1, user);
        bind_number(statement, 2, writer->now_ms);
        bind_number(statement, 3, kept);
        database_run(&writer->database, statement);
        memset(writer->devices, 0, sizeof(writer->devices));
}

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

/* ---- guesses ---- */

enum error guesses_judge(struct writer *writer, uint64_t account, uint64_t from, struct store_result *result)
{
        uint64_t of_account = account ? guess_wait_ms(&writer->database, account, writer->now_ms) : 0;
        uint64_t of_place = from ? guess_wait_ms(&writer->database, from, writer->now_ms) : 0;

        result->retry_after_ms = max_of(of_account, of_place);
        return result->retry_after_ms ? ERR_GUESSED : ERR_OK;
}

static void count_one(struct writer *writer, uint64_t who, uint64_t (*pause_ms)(uint64_t count))
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_GUESS_FIND);
        uint64_t count = 0;

        bind_number(statement, 1, who);
        if (database_row(&writer->database, statement) && !guesses_are_old(column_number(statement, 1), writer->now_ms))
                count = column_number(statement, 0);
        database_end(statement);
        count++;
        statement = database_use(&writer->database, STATEMENT_GUESS_SET);
        bind_number(statement, 1, who);
        bind_number(statement, 2, count);
        bind_number(statement, 3, writer->now_ms + pause_ms(count));
        database_run(&writer->database, statement);
}

void guesses_count(struct writer *writer, uint64_t account, uint64_t from)
{
        writer_prune(writer);
        if (account)
                count_one(writer, account, guess_pause_ms);
        if (from)
                count_one(writer, from, guess_pause_from_ms);
}

void guesses_drop(struct writer *writer, uint64_t account)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_GUESS_DROP);

        bind_number(statement, 1, account);
        database_run(&writer->database, statement);
}

/* ---- what waits for a code ---- */

struct pending code_find(struct writer *writer, const struct id *request, struct arena *arena)
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
                pending.purpose = (enum purpose)column_number(statement, 10);
                pending.holder = column_number(statement, 11);
                pending.invite_hash = column_copy(database, statement, 12, arena);
        }
        database_end(statement);
        return pending;
}

void code_add(struct writer *writer, const struct store_op *op, const struct pending *pending)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_PENDING_NEW);

        bind_id(statement, 1, &op->request);
        bind_text(statement, 2, pending->user.email);
        bind_bytes(statement, 3, pending->email_folded);
        bind_text(statement, 4, pending->user.user_name);
        bind_bytes(statement, 5, pending->user.name_folded);
        bind_text(statement, 6, pending->user.display_name);
        bind_text(statement, 7, pending->user.password_hash);
        bind_bytes(statement, 8, pending->code_hash);
        bind_number(statement, 9, pending->valid_until_ms);
        bind_number(statement, 10, pending->known);
        bind_number(statement, 11, (uint64_t)pending->purpose);
        bind_number(statement, 12, pending->holder);
        bind_bytes(statement, 13, pending->invite_hash);
        database_run(&writer->database, statement);
        statement = database_use(&writer->database, STATEMENT_PENDING_OLD);
        bind_bytes(statement, 1, pending->email_folded);
        bind_number(statement, 2, STORE_PENDING_MAX);
        database_run(&writer->database, statement);
}

void code_drop(struct writer *writer, const struct id *request)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_PENDING_DROP);

        bind_id(statement, 1, request);
        database_run(&writer->database, statement);
}

/* A code that nobody's account waits for is never right, and counts like any other. */
static bool may_be_right(const struct store_op *op, const struct pending *pending)
{
        if (pending->purpose == PURPOSE_RESET)
                return pending->holder != 0;
        return !pending->known && (pending->purpose == PURPOSE_SIGN_UP || pending->holder == op->user);
}

enum error code_judge(struct writer *writer, const struct store_op *op, const struct pending *pending,
                      struct store_result *result)
{
        enum error error = guesses_judge(writer, op->guesses_of, op->guesses_from, result);
        sqlite3_stmt *statement;

        if (error)
                return error;
        if (!pending->found || pending->purpose != purpose_of(op->kind) || pending->valid_until_ms < writer->now_ms ||
            !slice_equal(pending->email_folded, op->confirm.email_folded)) {
                guesses_count(writer, op->guesses_of, op->guesses_from);
                return ERR_BAD_CODE;
        }
        if (pending->guesses >= STORE_GUESSES_MAX)
                return ERR_GUESSED;
        check(pending->code_hash.size == STORE_HASH_SIZE);
        if (may_be_right(op, pending) && crypto_equal(pending->code_hash.data, op->confirm.code_hash, STORE_HASH_SIZE))
                return ERR_OK;
        statement = database_use(&writer->database, STATEMENT_PENDING_GUESS);
        bind_id(statement, 1, &op->confirm.sign_up);
        database_run(&writer->database, statement);
        guesses_count(writer, op->guesses_of, op->guesses_from);
        return ERR_BAD_CODE;
}

/* ---- invitations ---- */

enum error invite_judge(struct writer *writer, struct slice hash, bool now)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_INVITE_FIND);
        bool good;

        bind_bytes(statement, 1, hash);
        good = database_row(&writer->database, statement) && column_number(statement, 0) > column_number(statement, 1) &&
               (!now || column_number(statement, 2) >= writer->now_ms);
        database_end(statement);
        return good ? ERR_OK : ERR_NO_INVITE;
}

void invite_use(struct writer *writer, struct slice hash)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_INVITE_USE);

        bind_bytes(statement, 1, hash);
        database_run(&writer->database, statement);
}
