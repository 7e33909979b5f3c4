/* See store_stage.h. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/store_stage.h"
#include "rules/name.h"
#include "rules/row.h"

static const struct arena_source heap_source = {memory_new, memory_free};

const struct store_driver *driver;

/* ---- life ---- */

static void assert_whole(struct stage *stage)
{
        struct store_answer answer = ask(stage, &(struct store_question){.kind = STORE_ASK_CHECK});

        assert_int_equal(answer.status, ERR_OK);
        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
}

int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));

        if (!stage)
                return -1;
        hand_clock_init(&stage->clock, STAGE_START_MS);
        hand_random_init(&stage->random, 7);
        arena_init(&stage->arena, &heap_source, 1 << 16, 64 << 20);
        stage->world = driver->world_new(&stage->clock.clock, &stage->random.random);
        stage->store = driver->open(stage->world);
        stage->anna = account_new(stage, "anna", "Anna Petrova");
        stage->boris = account_new(stage, "Boris", "Борис Ёлкин");
        stage->clara = account_new(stage, "clara.k", "Clara");
        *state = stage;
        return 0;
}

int stage_free(void **state)
{
        struct stage *stage = *state;

        assert_whole(stage);
        stage->store->ops->free(&stage->store);
        assert_null(stage->store);
        driver->world_free(stage->world);
        arena_finish(&stage->arena);
        memory_free(stage);
        return 0;
}

int stage_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
        int failed = 0;

        for (driver = store_drivers(); driver->name; driver++) {
                char text[128];

                snprintf(text, sizeof(text), "%s, %s", driver->name, name);
                failed += _cmocka_run_group_tests(text, tests, count, NULL, NULL);
        }
        return failed;
}

void stage_reopen(struct stage *stage)
{
        stage->store->ops->free(&stage->store);
        driver->world_reopen(stage->world);
        stage->store = driver->open(stage->world);
}

uint64_t stage_look(struct stage *stage, const char *sql)
{
        uint64_t number;

        stage->store->ops->free(&stage->store);
        number = driver->world_look(stage->world, sql);
        stage->store = driver->open(stage->world);
        return number;
}

struct id stage_id(struct stage *stage)
{
        uint8_t random[10] = {0};

        be64_put(random + 2, ++stage->ids);
        return id_uuid7(stage->clock.clock.wall_ms(&stage->clock.clock), random);
}

/* ---- applying ---- */

enum outcome stage_await(struct store *store, uint64_t tag)
{
        struct completion completion;

        while (store->ops->poll(store, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = store->ops->fd(store), .events = POLLIN};

                /* Without a descriptor everything is done in poll itself. */
                assert_true(waiting.fd >= 0);
                assert_int_equal(poll(&waiting, 1, STAGE_WAIT_MS), 1);
        }
        assert_int_equal(completion.tag, tag);
        return completion.outcome;
}

void apply(struct stage *stage, const struct store_op *ops, size_t count, struct store_result *results)
{
        uint64_t tag = ++stage->ids;

        assert_int_equal(stage->store->ops->apply(stage->store, ops, count, results, &stage->arena, tag), ERR_OK);
        assert_int_equal(stage_await(stage->store, tag), OUTCOME_OK);
}

struct store_result apply_one(struct stage *stage, const struct store_op *op)
{
        struct store_result result = {.status = ERR_FAILED};

        apply(stage, op, 1, &result);
        return result;
}

static struct slice fold(struct stage *stage, const char *text)
{
        uint8_t *folded = arena_take(&stage->arena, strlen(text) + 1);

        check(folded);
        return slice_of(folded, name_fold(slice_text(text), folded));
}

struct account account_new(struct stage *stage, const char *user_name, const char *display_name)
{
        struct store_op op = {.kind = STORE_IMPORT, .request = stage_id(stage)};
        struct account account = {random_id63(&stage->random.random), random_id63(&stage->random.random), user_name};
        struct store_result result;
        char *email = arena_take(&stage->arena, strlen(user_name) + 16);

        check(email && user_name);
        sprintf(email, "%s@example.org", user_name);
        op.import.user_name = slice_text(user_name);
        op.import.name_folded = fold(stage, user_name);
        op.import.display_name = slice_text(display_name);
        op.import.email = slice_text(email);
        op.import.email_folded = fold(stage, email);
        op.import.device_name = SLICE_LITERAL("laptop");
        op.import.password_hash = "";
        op.import.new_user = account.user;
        op.import.new_device = account.device;
        memset(op.import.secret_hash, 's', STORE_HASH_SIZE);
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.signed_in.person.user, account.user);
        assert_int_equal(result.signed_in.device, account.device);
        assert_slice(result.signed_in.person.user_name, user_name);
        assert_slice(result.signed_in.person.display_name, display_name);
        return account;
}

struct store_op write_op(struct stage *stage, const struct account *sender, struct id room, const char *text)
{
        struct store_op op = {
                .kind = STORE_WRITE, .request = stage_id(stage), .user = sender->user, .device = sender->device};

        memset(op.digest, text[0], sizeof(op.digest));
        op.write.room = room;
        op.write.row_kind = ROW_TEXT;
        op.write.text = slice_text(text);
        return op;
}

struct store_op mark_op(struct stage *stage, const struct account *member, struct id room, uint64_t delivered, uint64_t read,
                        uint64_t shown)
{
        struct store_op op = {
                .kind = STORE_MARK, .request = stage_id(stage), .user = member->user, .device = member->device};

        op.mark.room = room;
        op.mark.delivered = delivered;
        op.mark.read = read;
        op.mark.shown = shown;
        return op;
}

struct store_op sign_out_op(struct stage *stage, const struct account *sender, uint64_t device)
{
        struct store_op op = {
                .kind = STORE_SIGN_OUT, .request = stage_id(stage), .user = sender->user, .device = sender->device};

        op.sign_out.device = device;
        return op;
}

uint64_t say(struct stage *stage, const struct account *sender, struct id room, const char *text)
{
        struct store_op op = write_op(stage, sender, room, text);
        struct store_result result = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        assert_false(result.repeat);
        return result.write.row.seq;
}

struct store_result mark(struct stage *stage, const struct account *member, struct id room, uint64_t delivered,
                         uint64_t read, uint64_t shown)
{
        struct store_op op = mark_op(stage, member, room, delivered, read, shown);
        struct store_result result = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        return result;
}

/* ---- asking ---- */

struct store_answer ask(struct stage *stage, const struct store_question *question)
{
        struct store_answer answer = {.status = ERR_FAILED};
        uint64_t tag = ++stage->ids;

        assert_int_equal(stage->store->ops->ask(stage->store, question, 1, &answer, &stage->arena, tag), ERR_OK);
        assert_int_equal(stage_await(stage->store, tag), OUTCOME_OK);
        return answer;
}

struct store_question question_of(enum store_question_kind kind, const struct account *asker)
{
        return (struct store_question){.kind = kind, .user = asker->user, .device = asker->device, .bytes_max = 100000};
}

struct store_answer rows_of(struct stage *stage, const struct account *asker, struct id room)
{
        struct store_question question = question_of(STORE_ASK_CHANGES, asker);

        question.changes.room = room;
        question.changes.rows_max = 200;
        return ask(stage, &question);
}

const char *texts_of(const struct store_row *rows, size_t count)
{
        static char text[4096];
        size_t size = 0;

        text[0] = '\0';
        for (size_t i = 0; i < count && size < sizeof(text); i++)
                size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s", i ? " " : "", (int)rows[i].text.size,
                                         (const char *)rows[i].text.data);
        return text;
}

void assert_slice(struct slice slice, const char *text)
{
        assert_int_equal(slice.size, strlen(text));
        assert_memory_equal(slice.size ? (const void *)slice.data : "", text, slice.size);
}
