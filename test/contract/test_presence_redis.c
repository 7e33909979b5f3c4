/* Presence in Redis when Redis is lost, empty, older, hung or another; and large batches. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "redis_stage.h"

static struct presence_result beat(struct redis_stage *stage)
{
        struct presence_result result;

        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result), OUTCOME_OK);
        return result;
}

static void set(struct redis_stage *stage, uint64_t user, uint64_t connection)
{
        struct presence_result result;

        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_SET, user, connection, &result), OUTCOME_OK);
}

/* ---- loss ---- */

static void test_killed_and_empty_is_forgotten(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;
        uint64_t took_ms;

        beat(stage);
        set(stage, 5, 50);
        redis_server_kill(&stage->server);
        while (redis_do(stage, stage->presence, PRESENCE_SET, 5, 51, &result) == OUTCOME_OK)
                ;
        /* Known to be down: nobody waits for it. */
        took_ms = redis_stage_now_ms(stage);
        for (int i = 0; i < 100; i++)
                assert_int_equal(redis_do(stage, stage->presence, PRESENCE_GET, 5, 0, &result), OUTCOME_FAILED);
        assert_in_range(redis_stage_now_ms(stage) - took_ms, 0, 500);
        (void)poll(NULL, 0, 300);
        redis_server_start(&stage->server, NULL);
        took_ms = redis_do_until_ok(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result);
        assert_in_range(took_ms, 0, REDIS_PAUSE_MAX + 1000);
        assert_true(result.forgot);
        assert_false(beat(stage).forgot);
        assert_int_equal(redis_count(stage, stage->presence, 5), 0);
        set(stage, 5, 50);
        assert_int_equal(redis_count(stage, stage->presence, 5), 1);
        assert_non_null(strstr(stage->log, "presence.lost "));
        assert_non_null(strstr(stage->log, "presence.down "));
        assert_non_null(strstr(stage->log, "presence.up "));
}

/* A restart that nobody notices in between is noticed by the beat. */
static void test_quick_restart_is_forgotten(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        for (int i = 0; i < 3; i++)
                beat(stage);
        redis_server_kill(&stage->server);
        redis_server_start(&stage->server, NULL);
        redis_do_until_ok(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result);
        assert_true(result.forgot);
}

static void test_a_broken_connection_loses_nothing(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        beat(stage);
        set(stage, 5, 50);
        for (int i = 0; i < 20; i++) {
                assert_true(redis_server_do(&stage->server, "CLIENT KILL TYPE normal SKIPME yes") >= 1);
                redis_do_until_ok(stage, stage->presence, PRESENCE_GET, 5, 0, &result);
                assert_int_equal(result.count, 1);
                assert_false(beat(stage).forgot);
        }
}

/* What was sent and not answered is uncertain if it may have changed something; what was not sent waits for the next connection. */
static void test_a_connection_broken_between(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_request set_request = {.kind = PRESENCE_SET,
                                               .entry = {.user = 5, .connection = 1, .epoch = redis_epoch}};
        struct presence_request get_request = {.kind = PRESENCE_GET, .entry.user = 5};
        struct presence_result results[2];
        struct presence *presence = stage->presence;
        struct completion completion;

        redis_server_signal(&stage->server, SIGSTOP);
        assert_int_equal(presence->ops->submit(presence, &set_request, 1, &results[0], &stage->arena, 1), ERR_OK);
        assert_int_equal(presence->ops->submit(presence, &get_request, 1, &results[1], &stage->arena, 2), ERR_OK);
        redis_server_kill(&stage->server);
        redis_server_start(&stage->server, NULL);
        completion = redis_await(presence);
        assert_int_equal(completion.tag, 1);
        assert_int_equal(completion.outcome, OUTCOME_UNCERTAIN);
        completion = redis_await(presence);
        assert_int_equal(completion.tag, 2);
        assert_int_equal(completion.outcome, OUTCOME_FAILED);
}

static void test_a_hung_server_is_given_up(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;
        uint64_t since_ms = redis_stage_now_ms(stage);

        beat(stage);
        redis_server_signal(&stage->server, SIGSTOP);
        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_SET, 5, 50, &result), OUTCOME_UNCERTAIN);
        assert_in_range(redis_stage_now_ms(stage) - since_ms, REDIS_DEADLINE_MS - 100, REDIS_DEADLINE_MS + 1500);
        /* This one waits for the attempt to connect that is under way; those after it for nothing. */
        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_GET, 5, 0, &result), OUTCOME_FAILED);
        since_ms = redis_stage_now_ms(stage);
        for (int i = 0; i < 50; i++)
                assert_int_equal(redis_do(stage, stage->presence, PRESENCE_GET, 5, 0, &result), OUTCOME_FAILED);
        assert_in_range(redis_stage_now_ms(stage) - since_ms, 0, 500);
        redis_server_signal(&stage->server, SIGCONT);
        redis_do_until_ok(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result);
        assert_false(result.forgot);
        assert_int_equal(redis_count(stage, stage->presence, 5), 1); /* late, but done */
}

/* ---- older copies ---- */

static void restart_with_older_copy(struct redis_stage *stage)
{
        redis_server_kill(&stage->server);
        redis_server_copy(&stage->server, "older.rdb", "dump.rdb");
        redis_server_start(&stage->server, NULL);
}

static void save_copy(struct redis_stage *stage)
{
        assert_int_equal(redis_server_do(&stage->server, "SAVE"), 0);
        redis_server_copy(&stage->server, "dump.rdb", "older.rdb");
}

static void test_a_counter_that_went_back_is_noticed(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        for (int i = 0; i < 5; i++)
                beat(stage);
        set(stage, 5, 50);
        save_copy(stage);
        set(stage, 6, 60);
        for (int i = 0; i < 5; i++)
                beat(stage);
        restart_with_older_copy(stage);
        redis_do_until_ok(stage, stage->presence, PRESENCE_GET, 5, 0, &result);
        assert_int_equal(result.count, 1);
        assert_int_equal(redis_count(stage, stage->presence, 6), 0);
        assert_true(beat(stage).forgot);
        assert_false(beat(stage).forgot);
}

/* The copy knows the last beat, but not what came after it: the counter alone would not tell. */
static void test_a_copy_that_lacks_only_entries_is_noticed(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        beat(stage);
        save_copy(stage);
        set(stage, 6, 60);
        restart_with_older_copy(stage);
        redis_do_until_ok(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result);
        assert_true(result.forgot);
        assert_int_equal(redis_count(stage, stage->presence, 6), 0);
}

/* A primary that is made a replica refuses writes, its data is replaced, and it may be made the primary again. */
static void test_a_demoted_primary_is_left_and_noticed(void **state)
{
        struct redis_stage *stage = *state;
        struct redis_server other;
        struct presence_result result;

        redis_server_init(&other);
        redis_server_start(&other, NULL);
        beat(stage);
        set(stage, 5, 50);
        assert_int_equal(redis_server_do(&stage->server, "REPLICAOF 127.0.0.1 %u", other.port), 0);
        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_SET, 5, 51, &result), OUTCOME_FAILED);
        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result), OUTCOME_FAILED);
        assert_int_equal(redis_server_do(&stage->server, "REPLICAOF NO ONE"), 0);
        redis_do_until_ok(stage, stage->presence, PRESENCE_BEAT, 0, 0, &result);
        assert_true(result.forgot);
        assert_false(beat(stage).forgot);
        redis_server_finish(&other);
}

/* ---- refusals ---- */

static void test_a_script_that_was_thrown_out_is_loaded_again(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        set(stage, 5, 50);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(redis_server_do(&stage->server, "SCRIPT FLUSH"), 0);
                assert_int_equal(redis_do(stage, stage->presence, PRESENCE_SET, 5, 51, &result), OUTCOME_FAILED);
                assert_int_equal(redis_do(stage, stage->presence, PRESENCE_SET, 5, 51, &result), OUTCOME_OK);
        }
        assert_int_equal(redis_count(stage, stage->presence, 5), 2);
}

static void test_a_full_server_still_answers(void **state)
{
        struct redis_stage *stage = *state;
        struct presence_result result;

        set(stage, 5, 50);
        assert_int_equal(redis_server_do(&stage->server, "CONFIG SET maxmemory 1"), 0);
        assert_int_equal(redis_do(stage, stage->presence, PRESENCE_SET, 5, 51, &result), OUTCOME_FAILED);
        assert_int_equal(redis_count(stage, stage->presence, 5), 1);
        assert_int_equal(redis_server_do(&stage->server, "CONFIG SET maxmemory 0"), 0);
        set(stage, 5, 51);
        assert_non_null(strstr(stage->log, "presence.refused "));
}

/* Whatever else writes under our keys harms nobody but who is there. */
static void test_strange_values_are_read_as_nothing(void **state)
{
        struct redis_stage *stage = *state;

        assert_int_equal(redis_server_do(&stage->server, "SET galka:u:5 nonsense"), 0);
        assert_int_equal(redis_server_do(&stage->server, "LPUSH galka:u:6 nonsense"), 1);
        assert_int_equal(redis_count(stage, stage->presence, 5), 0);
        assert_int_equal(redis_count(stage, stage->presence, 6), 0);
        set(stage, 5, 50);
        set(stage, 6, 60);
        assert_int_equal(redis_count(stage, stage->presence, 5), 1);
        assert_int_equal(redis_count(stage, stage->presence, 6), 1);
}

/* ---- size ---- */

static void test_a_large_batch(void **state)
{
        enum { USERS = 10000 };
        struct redis_stage *stage = *state;
        struct presence_request *requests = memory_new(USERS * 3 * sizeof(*requests));
        struct presence_result *results = memory_new(USERS * 3 * sizeof(*results));

        assert_true(requests && results);
        for (uint64_t i = 0; i < USERS; i++) {
                struct presence_entry entry = {.user = UINT64_MAX / 2 - i,
                                               .connection = i,
                                               .device = ~i,
                                               .epoch = redis_epoch,
                                               .frontend = (uint16_t)i};

                requests[i] = (struct presence_request){.kind = PRESENCE_SET, .entry = entry};
                requests[USERS + i] = (struct presence_request){.kind = PRESENCE_GET, .entry.user = entry.user};
                requests[2 * USERS + i] =
                        (struct presence_request){.kind = i % 2 ? PRESENCE_REMOVE : PRESENCE_GET, .entry = entry};
        }
        assert_int_equal(redis_submit_all(stage, stage->presence, requests, USERS * 3, results), OUTCOME_OK);
        for (uint64_t i = 0; i < USERS; i++) {
                const struct presence_result *result = &results[USERS + i];

                assert_int_equal(result->count, 1);
                assert_true(result->entries[0].user == UINT64_MAX / 2 - i && result->entries[0].connection == i &&
                            result->entries[0].device == ~i && result->entries[0].frontend == (uint16_t)i);
                assert_true(id_equal(&result->entries[0].epoch, &redis_epoch));
                assert_int_equal(results[2 * USERS + i].count, i % 2 ? 0 : 1);
        }
        assert_int_equal(redis_submit_all(stage, stage->presence, requests + USERS, USERS, results), OUTCOME_OK);
        for (uint64_t i = 0; i < USERS; i++)
                assert_int_equal(results[i].count, i % 2 ? 0 : 1);
        memory_free(requests);
        memory_free(results);
}

static void test_submissions_end_in_their_order(void **state)
{
        struct redis_stage *stage = *state;
        struct presence *presence = stage->presence;
        static struct presence_request requests[REDIS_SUBMITS_MAX][300];
        static struct presence_result results[REDIS_SUBMITS_MAX][300];

        for (int round = 0; round < 5; round++) {
                for (uint64_t s = 0; s < REDIS_SUBMITS_MAX; s++) {
                        for (uint64_t i = 0; i < 300; i++)
                                requests[s][i] = (struct presence_request){
                                        .kind = (s + i) % 3 ? PRESENCE_GET : PRESENCE_SET,
                                        .entry = {.user = 1 + i, .connection = s, .epoch = redis_epoch}};
                        assert_int_equal(
                                presence->ops->submit(presence, requests[s], s % 7 ? 300 : 0, results[s], &stage->arena, s),
                                ERR_OK);
                }
                assert_int_equal(presence->ops->submit(presence, requests[0], 1, results[0], &stage->arena, 0), ERR_FULL);
                for (uint64_t s = 0; s < REDIS_SUBMITS_MAX; s++) {
                        struct completion completion = redis_await(presence);

                        assert_int_equal(completion.tag, s);
                        assert_int_equal(completion.outcome, OUTCOME_OK);
                }
                arena_reset(&stage->arena);
        }
        assert_int_equal(redis_count(stage, presence, 7), PRESENCE_CONNECTIONS_MAX);
}

/* What a frontend leaves behind when it dies is swept by the beats of the others. */
static void test_dead_epochs_are_swept(void **state)
{
        enum { USERS = 2500 };
        struct redis_stage *stage = *state;
        struct presence_request beat_other = {.kind = PRESENCE_BEAT, .entry.epoch = {"epoch of another"}};
        struct presence_result result;

        beat(stage);
        for (uint64_t user = 1; user <= USERS; user++)
                set(stage, user, user);
        assert_true(redis_server_do(&stage->server, "DBSIZE") > USERS);
        redis_server_advance_ms(&stage->server, PRESENCE_LEASE_MS + 1);
        for (int i = 0; i < 4; i++)
                assert_int_equal(redis_submit_all(stage, stage->presence, &beat_other, 1, &result), OUTCOME_OK);
        /* the other's epoch, the list of epochs, the generation, the stamp */
        assert_in_range(redis_server_do(&stage->server, "DBSIZE"), 1, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_stage_new, redis_stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_killed_and_empty_is_forgotten),
                TEST(test_quick_restart_is_forgotten),
                TEST(test_a_broken_connection_loses_nothing),
                TEST(test_a_connection_broken_between),
                TEST(test_a_hung_server_is_given_up),
                TEST(test_a_counter_that_went_back_is_noticed),
                TEST(test_a_copy_that_lacks_only_entries_is_noticed),
                TEST(test_a_demoted_primary_is_left_and_noticed),
                TEST(test_a_script_that_was_thrown_out_is_loaded_again),
                TEST(test_a_full_server_still_answers),
                TEST(test_strange_values_are_read_as_nothing),
                TEST(test_a_large_batch),
                TEST(test_submissions_end_in_their_order),
                TEST(test_dead_epochs_are_swept),
        };

        return cmocka_run_group_tests_name("presence, Redis, its losses", tests, NULL, NULL);
}
