/* See store_talker.h. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/store_talker.h"
#include "rules/row.h"

#define WAIT_MS 20000

static const struct arena_source heap_source = {memory_new, memory_free};

void talker_open(struct talker *talker, struct store *store, uint64_t user)
{
        *talker = (struct talker){.user = user, .store = store};
        arena_init(&talker->arena, &heap_source, 1 << 16, 64 << 20);
}

void talker_close(struct talker *talker)
{
        talker->store->ops->free(&talker->store);
        arena_finish(&talker->arena);
}

uint64_t talker_await(struct talker *talker)
{
        struct completion completion;

        while (talker->store->ops->poll(talker->store, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = talker->store->ops->fd(talker->store), .events = POLLIN};

                check(poll(&waiting, 1, WAIT_MS) == 1); /* a wake-up that never comes ends the test */
        }
        check(completion.outcome == OUTCOME_OK);
        return completion.tag;
}

void talker_plan(struct talker *talker, size_t place, struct id room, uint64_t number)
{
        struct store_op *op = &talker->ops[place];
        uint8_t random[10] = {0};

        be64_put(random + 2, ++talker->ids << 8 | talker->user);
        snprintf(talker->texts[place], sizeof(talker->texts[0]), "%llu", (unsigned long long)number);
        *op = (struct store_op){
                .kind = STORE_WRITE, .request = id_uuid7(START_MS, random), .user = talker->user, .device = 1};
        op->write.room = room;
        op->write.row_kind = ROW_TEXT;
        op->write.text = slice_text(talker->texts[place]);
        op->write.members_known = 1;
}

void talker_submit(struct talker *talker, size_t place)
{
        check(talker->store->ops->apply(talker->store, &talker->ops[place], 1, &talker->results[place], &talker->arena,
                                        place) == ERR_OK);
}

struct store_answer talker_ask(struct talker *talker, const struct store_question *question)
{
        struct store_answer answer;

        check(talker->store->ops->ask(talker->store, question, 1, &answer, &talker->arena, 99) == ERR_OK);
        check(talker_await(talker) == 99);
        return answer;
}

/* Users 1 … THREADS, each with device 1. */
void talker_make_users(struct talker *talker)
{
        static const char *const names[] = {"anna", "boris", "clara", "dora"};

        for (size_t i = 0; i < THREADS; i++) {
                struct store_op *op = &talker->ops[0];

                *op = (struct store_op){.kind = STORE_IMPORT};
                op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded =
                        op->import.display_name = op->import.device_name = slice_text(names[i]);
                op->import.password_hash = "";
                op->import.new_user = i + 1;
                op->import.new_device = 1;
                talker_submit(talker, 0);
                check(talker_await(talker) == 0 && talker->results[0].status == ERR_OK);
        }
}

void talker_check(struct talker *talker, uint64_t rows)
{
        struct store_answer answer = talker_ask(talker, &(struct store_question){.kind = STORE_ASK_CHECK});

        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
        assert_true(answer.check.rows >= rows);
        talker_close(talker);
}
