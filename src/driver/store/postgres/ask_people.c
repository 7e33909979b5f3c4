/* People, devices, logins. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/read.h"

#define WORDS_OF_USER 8 /* that begin alike, at most: of two names */

/* ---- asking ---- */

static void ask_find(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena);
        uint8_t *end = arena_take(&asking->arena, STORE_WORD_MAX + 1);
        struct slice from, until;

        if (!end) {
                asking->failed = true;
                return;
        }
        from = find_range(question->find.folded, end, &until);
        add_bytes(&parameters, from);
        add_bytes(&parameters, until);
        add_number(&parameters, question->find.people_max);
        add_number(&parameters, (uint64_t)WORDS_OF_USER * question->find.people_max);
        add_number(&parameters, question->user);
        asking_queue(asking, place, SQL_ASK_FIND, &parameters);
}

static void ask_profiles(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena);
        struct column users;

        if (question->profiles.count == 0)
                return;
        users = add_numbers(&parameters, question->profiles.count);
        for (size_t i = 0; i < question->profiles.count; i++)
                array_number(&users, question->profiles.users[i]);
        asking_queue(asking, place, SQL_USERS, &parameters);
}

static void ask_login(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena), nobody = parameters, from = parameters;

        add_bytes(&parameters, question->login.folded);
        asking_queue(asking, place, SQL_ASK_LOGIN, &parameters);
        add_number(&nobody, question->login.nobody);
        asking_queue(asking, place, SQL_ASK_GUESSES, &nobody);
        if (!question->login.guesses_from)
                return;
        add_number(&from, question->login.guesses_from);
        asking_queue(asking, place, SQL_ASK_GUESSES, &from);
}

void ask_people(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena);

        if (question->kind == STORE_ASK_FIND) {
                ask_find(asking, place);
        } else if (question->kind == STORE_ASK_PROFILES) {
                ask_profiles(asking, place);
        } else if (question->kind == STORE_ASK_LOGIN) {
                ask_login(asking, place);
        } else if (question->kind == STORE_ASK_BLOCKS) {
                add_number(&parameters, question->user);
                add_number(&parameters, question->blocks.after);
                add_number(&parameters, question->blocks.people_max + 1);
                asking_queue(asking, place, SQL_ASK_BLOCKS, &parameters);
        } else if (question->kind == STORE_ASK_USERS) {
                add_bytes(&parameters, question->users.after);
                add_number(&parameters, question->users.users_max + 1);
                asking_queue(asking, place, SQL_ASK_USERS, &parameters);
        } else if (question->kind == STORE_ASK_PASSWORD) {
                add_number(&parameters, question->user);
                asking_queue(asking, place, SQL_ASK_PASSWORD, &parameters);
        } else {
                add_number(&parameters, question->user);
                asking_queue(asking, place, SQL_ASK_DEVICES, &parameters);
        }
}

/* ---- answers ---- */

static void take_found(struct asking *asking, struct store_answer *answer, const PGresult *result)
{
        size_t count = (size_t)PQntuples(result);

        answer->people.people = arena_array(asking->job.arena, struct store_person, count + 1);
        for (size_t i = 0; i < count && answer->people.people; i++)
                asking->failed |= !read_person_columns(result, (int)i, 0, asking->job.arena, &answer->people.people[i]);
        asking->failed |= !answer->people.people;
        answer->people.count = count;
}

static void take_blocks(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                        const PGresult *result)
{
        take_found(asking, answer, result);
        answer->people.more = answer->people.count > question->blocks.people_max;
        answer->people.count = min_of(answer->people.count, (size_t)question->blocks.people_max);
}

/* In the order in which they were asked for. */
static void take_profiles(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                          const PGresult *result)
{
        struct store_answer found = {0};

        take_found(asking, &found, result);
        answer->people.people = arena_array(asking->job.arena, struct store_person, question->profiles.count + 1);
        asking->failed |= !answer->people.people;
        for (size_t i = 0; i < question->profiles.count && !asking->failed; i++)
                for (size_t place = 0; place < found.people.count; place++)
                        if (found.people.people[place].user == question->profiles.users[i])
                                answer->people.people[answer->people.count++] = found.people.people[place];
}

static void take_users(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                       const PGresult *result)
{
        size_t count = (size_t)PQntuples(result);
        struct arena *arena = asking->job.arena;

        answer->users.accounts = arena_array(arena, struct store_account, count + 1);
        asking->failed |= !answer->users.accounts;
        for (size_t i = 0; i < count && !asking->failed; i++) {
                struct store_account *account = &answer->users.accounts[i];
                int row = (int)i;

                *account = (struct store_account){
                        .person = {.user = value_number(result, row, 0), .version = value_number(result, row, 3)},
                        .created_ms = value_number(result, row, 5),
                        .off = is_switched_off(value_bytes(result, row, 6)),
                        .devices = value_number(result, row, 7),
                        .seen_ms = value_number(result, row, 8)};
                asking->failed |= !arena_copy(arena, value_bytes(result, row, 1), &account->person.user_name) ||
                                  !arena_copy(arena, value_bytes(result, row, 2), &account->person.display_name) ||
                                  !arena_copy(arena, value_bytes(result, row, 4), &account->email);
        }
        answer->users.more = count > question->users.users_max;
        answer->users.count = min_of(count, (size_t)question->users.users_max);
}

static void take_devices(struct asking *asking, struct store_answer *answer, const PGresult *result)
{
        size_t count = (size_t)PQntuples(result);

        answer->devices.devices = arena_array(asking->job.arena, struct store_device, count + 1);
        asking->failed |= !answer->devices.devices;
        for (size_t i = 0; i < count && !asking->failed; i++) {
                struct store_device *device = &answer->devices.devices[i];

                *device = (struct store_device){.device = value_number(result, (int)i, 0),
                                                .created_ms = value_number(result, (int)i, 2),
                                                .seen_ms = value_number(result, (int)i, 3)};
                asking->failed |= !arena_copy(asking->job.arena, value_bytes(result, (int)i, 1), &device->name);
        }
        answer->devices.count = count;
}

/* wait_ms is the end of the wait, until the time is known. */
static void take_login(struct asking *asking, struct store_answer *answer, const PGresult *result)
{
        struct slice hash = {0};
        char *text;

        if (PQntuples(result) == 1) {
                answer->login.user = value_number(result, 0, 0);
                hash = value_bytes(result, 0, 1);
                answer->login.wait_ms = PQnfields(result) > 2 ? value_number(result, 0, 2) : 0;
        }
        if (is_switched_off(hash))
                hash = (struct slice){0}; /* none fits */
        text = arena_take(asking->job.arena, hash.size + 1);
        if (text && hash.size)
                memcpy(text, hash.data, hash.size);
        asking->failed |= !text;
        answer->login.password_hash = text;
}

/* Guesses at a name that nobody has make one wait just as long: so waiting does not tell who exists. */
static void take_wait(const struct store_question *question, struct store_answer *answer, const PGresult *result)
{
        bool counts = PQntuples(result) == 1;

        if (counts && value_number(result, 0, 0) == question->login.nobody)
                counts = answer->login.user == 0;
        if (counts)
                answer->login.wait_ms = max_of(answer->login.wait_ms, value_number(result, 0, 2));
}

void take_people(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_ASK_FIND)
                take_found(asking, answer, result);
        else if (sql == SQL_ASK_BLOCKS)
                take_blocks(asking, question, answer, result);
        else if (sql == SQL_USERS)
                take_profiles(asking, question, answer, result);
        else if (sql == SQL_ASK_USERS)
                take_users(asking, question, answer, result);
        else if (sql == SQL_ASK_DEVICES)
                take_devices(asking, answer, result);
        else if (sql == SQL_ASK_LOGIN || sql == SQL_ASK_PASSWORD)
                take_login(asking, answer, result);
        else if (sql == SQL_ASK_GUESSES)
                take_wait(question, answer, result);
}
