/* People, devices, logins. */
#include "base/assert.h"
#include "driver/store/reader.h"

void read_find_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                        struct arena *arena)
{
        uint8_t end[STORE_WORD_MAX + 1];
        struct slice until, folded = find_range(question->find.folded, end, &until);
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_FIND);
        struct store_person *people = arena_array(arena, struct store_person, question->find.people_max + 1);
        uint64_t *users = arena_array(arena, uint64_t, question->find.people_max + 1);
        size_t count = 0;

        if (!people || !users) {
                database->code = SQLITE_NOMEM;
                return;
        }
        bind_bytes(statement, 1, folded);
        bind_bytes(statement, 2, until);
        bind_number(statement, 3, question->find.people_max);
        bind_number(statement, 4, question->user);
        while (count < question->find.people_max && database_row(database, statement))
                users[count++] = column_number(statement, 0);
        database_end(statement);
        for (size_t i = 0; i < count; i++)
                people[i] = person_read(database, users[i], arena);
        answer->people.people = people;
        answer->people.count = count;
}

void read_blocks_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena)
{
        size_t max = question->blocks.people_max, count = 0;
        struct store_person *people = arena_array(arena, struct store_person, max + 1);
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_BLOCKS);

        if (!people) {
                database->code = SQLITE_NOMEM;
                return;
        }
        bind_number(statement, 1, question->user);
        bind_number(statement, 2, question->blocks.after);
        bind_number(statement, 3, max + 1);
        while (count <= max && database_row(database, statement))
                people[count++].user = column_number(statement, 0);
        database_end(statement);
        answer->people.more = count > max;
        answer->people.count = min_of(count, max);
        for (size_t i = 0; i < answer->people.count; i++)
                people[i] = person_read(database, people[i].user, arena);
        answer->people.people = people;
}

void read_profiles_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena)
{
        struct store_person *people = arena_array(arena, struct store_person, question->profiles.count + 1);

        if (!people) {
                database->code = SQLITE_NOMEM;
                return;
        }
        for (size_t i = 0; i < question->profiles.count; i++) {
                struct store_person person = person_read(database, question->profiles.users[i], arena);

                if (person.user)
                        people[answer->people.count++] = person;
        }
        answer->people.people = people;
}

void read_devices_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena)
{
        struct store_device *devices = arena_array(arena, struct store_device, DEVICES_SHOWN_MAX);
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_DEVICES);
        size_t count = 0;

        bind_number(statement, 1, question->user);
        while (devices && count < DEVICES_SHOWN_MAX && database_row(database, statement)) {
                devices[count++] = (struct store_device){
                        .device = column_number(statement, 0),
                        .name = column_copy(database, statement, 1, arena),
                        .created_ms = column_number(statement, 2),
                        .seen_ms = column_number(statement, 3),
                };
        }
        database_end(statement);
        if (!devices)
                database->code = SQLITE_NOMEM;
        answer->devices.devices = devices;
        answer->devices.count = count;
}

/* Who has no address any more has no account. */
void read_users_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                         struct arena *arena)
{
        size_t max = question->users.users_max, count = 0;
        struct store_account *accounts = arena_array(arena, struct store_account, max + 1);
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_USERS);

        if (!accounts) {
                database->code = SQLITE_NOMEM;
                return;
        }
        bind_bytes(statement, 1, question->users.after);
        bind_number(statement, 2, max + 1);
        while (count <= max && database_row(database, statement))
                accounts[count++] =
                        (struct store_account){.person = {.user = column_number(statement, 0),
                                                          .user_name = column_copy(database, statement, 1, arena),
                                                          .display_name = column_copy(database, statement, 2, arena),
                                                          .version = column_number(statement, 3)},
                                               .email = column_copy(database, statement, 4, arena),
                                               .created_ms = column_number(statement, 5),
                                               .off = is_switched_off(column_bytes(statement, 6)),
                                               .devices = column_number(statement, 7),
                                               .seen_ms = column_number(statement, 8)};
        database_end(statement);
        answer->users.accounts = accounts;
        answer->users.more = count > max;
        answer->users.count = min_of(count, max);
}

static uint64_t find_login(struct database *database, enum statement how, struct slice folded)
{
        sqlite3_stmt *statement = database_use(database, how);
        uint64_t user = 0;

        bind_bytes(statement, 1, folded);
        if (database_row(database, statement))
                user = column_number(statement, 0);
        database_end(statement);
        return user;
}

uint64_t guess_wait_ms(struct database *database, uint64_t user, uint64_t now_ms)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_GUESS_FIND);
        uint64_t until_ms = 0;

        bind_number(statement, 1, user);
        if (database_row(database, statement))
                until_ms = column_number(statement, 1);
        database_end(statement);
        return until_ms > now_ms ? until_ms - now_ms : 0;
}

/* As a C string, "" if there is no such user. */
static void give_hash(struct database *database, uint64_t user, struct store_answer *answer, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_USER_FIND);
        struct slice hash = {0};
        char *text;

        bind_number(statement, 1, user);
        if (database_row(database, statement))
                hash = column_copy(database, statement, 3, arena);
        database_end(statement);
        if (is_switched_off(hash))
                hash = (struct slice){0}; /* none fits */
        text = arena_take(arena, hash.size + 1);
        if (!text) {
                database->code = SQLITE_NOMEM;
                return;
        }
        if (hash.size)
                memcpy(text, hash.data, hash.size);
        answer->login.user = user;
        answer->login.password_hash = text;
}

void read_login_question(struct database *database, const struct store_question *question, uint64_t now_ms,
                         struct store_answer *answer, struct arena *arena)
{
        uint64_t user = find_login(database, STATEMENT_USER_BY_NAME, question->login.folded);
        uint64_t of_place = 0;

        if (!user)
                user = find_login(database, STATEMENT_USER_BY_EMAIL, question->login.folded);
        if (question->login.guesses_from)
                of_place = guess_wait_ms(database, question->login.guesses_from, now_ms);
        /* Guesses at a name that nobody has make one wait just as long: so waiting does not tell who exists. */
        answer->login.wait_ms = max_of(of_place, guess_wait_ms(database, user ? user : question->login.nobody, now_ms));
        give_hash(database, user, answer, arena);
}

void read_password_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                            struct arena *arena)
{
        give_hash(database, question->user, answer, arena);
}
