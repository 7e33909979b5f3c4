/* The contract of seam/password.h: the thread with the smallest limits that libsodium takes, and the simulation. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/assert.h"
#include "driver/password/thread.h"
#include "support/password_simulation.h"

#define WAIT_MS 20000

static enum error thread_new(struct password **password)
{
        struct password_thread_options options = {.ops_limit = 1, .memory_limit = 8192};

        return password_thread_new(&options, password);
}

static const struct password_driver {
        const char *name;
        enum error (*make)(struct password **password);
        bool has_fd;
} drivers[] = {
        {"password, thread", thread_new, true},
        {"password, simulation", password_simulation_new, false},
};

static const struct password_driver *driver;

static int stage_new(void **state)
{
        return driver->make((struct password **)state);
}

static int stage_free(void **state)
{
        struct password *password = *state;

        password->ops->free(&password);
        return password != NULL;
}

static struct completion await(struct password *password)
{
        struct pollfd waiting = {.fd = password->ops->fd(password), .events = POLLIN};
        struct completion completion;

        assert_int_equal(waiting.fd >= 0, driver->has_fd);
        if (driver->has_fd)
                assert_int_equal(poll(&waiting, 1, WAIT_MS), 1);
        assert_int_equal(password->ops->poll(password, &completion, 1), 1);
        return completion;
}

static void run(struct password *password, struct password_job *jobs, size_t count)
{
        struct completion completion;

        assert_int_equal(password->ops->submit(password, jobs, count, 6), ERR_OK);
        completion = await(password);
        assert_int_equal(completion.tag, 6);
        assert_int_equal(completion.outcome, OUTCOME_OK);
}

static void test_right_and_wrong(void **state)
{
        struct password *password = *state;
        struct password_job make = {.kind = PASSWORD_HASH, .password = SLICE_LITERAL("correct horse")};
        struct password_job jobs[3] = {{.kind = PASSWORD_VERIFY, .password = SLICE_LITERAL("correct horse")},
                                       {.kind = PASSWORD_VERIFY, .password = SLICE_LITERAL("correct hors")},
                                       {.kind = PASSWORD_VERIFY, .password = {NULL, 0}}};

        run(password, &make, 1);
        assert_true(strlen(make.hash) > 8);
        assert_null(strstr(make.hash, "correct"));
        for (size_t i = 0; i < countof(jobs); i++) {
                memcpy(jobs[i].hash, make.hash, sizeof(make.hash));
                jobs[i].matches = i > 0;
        }
        run(password, jobs, countof(jobs));
        assert_true(jobs[0].matches);
        assert_false(jobs[1].matches);
        assert_false(jobs[2].matches);
}

static void test_no_hash_never_matches(void **state)
{
        struct password *password = *state;
        struct password_job jobs[3] = {{.kind = PASSWORD_VERIFY, .password = SLICE_LITERAL(""), .matches = true},
                                       {.kind = PASSWORD_VERIFY, .password = SLICE_LITERAL("x"), .matches = true},
                                       {.kind = PASSWORD_VERIFY, .password = SLICE_LITERAL("x"), .matches = true}};

        memset(jobs[2].hash, 'x', sizeof(jobs[2].hash)); /* not even a string */
        run(password, jobs, countof(jobs));
        for (size_t i = 0; i < countof(jobs); i++)
                assert_false(jobs[i].matches);
}

static void test_the_queue_is_bounded(void **state)
{
        struct password *password = *state;
        static struct password_job jobs[PASSWORD_SUBMITS_MAX + 1];
        size_t taken = 0, done = 0;
        enum error error = ERR_OK;

        for (size_t i = 0; i < countof(jobs) && !error; i++) {
                jobs[i] = (struct password_job){.kind = PASSWORD_HASH, .password = SLICE_LITERAL("x")};
                error = password->ops->submit(password, &jobs[i], 1, i + 1);
                taken += !error;
        }
        assert_int_equal(error, ERR_FULL);
        assert_int_equal(taken, PASSWORD_SUBMITS_MAX);
        for (; done < taken; done++)
                assert_int_equal(await(password).tag, done + 1);
        run(password, jobs, 1);
}

static void test_freed_at_work(void **state)
{
        static struct password_job jobs[8];
        struct password *password = *state;

        for (size_t i = 0; i < countof(jobs); i++) {
                jobs[i] = (struct password_job){.kind = PASSWORD_HASH, .password = SLICE_LITERAL("x")};
                assert_int_equal(password->ops->submit(password, &jobs[i], 1, i + 1), ERR_OK);
        }
}

/* Of the processor: what else runs on the machine must not tell. */
static uint64_t now_us(void)
{
        struct timespec time;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Argon2id with the limits of production, and an unknown name that takes about as long as a known one: within a factor of two, far
 * from the factor of thousands that a short cut would show, and wide enough for a busy machine. */
static void test_the_real_thing(void **state)
{
        struct password_thread_options options = {0};
        struct password_job job = {.kind = PASSWORD_HASH, .password = SLICE_LITERAL("correct horse")};
        uint64_t known = UINT64_MAX, unknown = UINT64_MAX;
        struct password *password;

        (void)state;
        if (!driver->has_fd)
                skip();
        assert_int_equal(password_thread_new(&options, &password), ERR_OK);
        run(password, &job, 1);
        assert_memory_equal(job.hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
        job.kind = PASSWORD_VERIFY;
        for (int i = 0; i < 3; i++) {
                struct password_job nobody = {.kind = PASSWORD_VERIFY, .password = job.password};
                uint64_t start = now_us();

                run(password, &job, 1);
                known = min_of(known, now_us() - start);
                assert_true(job.matches);
                start = now_us();
                run(password, &nobody, 1);
                unknown = min_of(unknown, now_us() - start);
                assert_false(nobody.matches);
        }
        assert_true(unknown > known / 2 && known > unknown / 2);
        password->ops->free(&password);
}

static void test_limits_that_cannot_be(void **state)
{
        struct password_thread_options options = {.ops_limit = 1, .memory_limit = 1};
        struct password *password;

        (void)state;
        assert_int_equal(password_thread_new(&options, &password), ERR_CONFIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_right_and_wrong),
                TEST(test_no_hash_never_matches),
                TEST(test_the_queue_is_bounded),
                TEST(test_freed_at_work),
                cmocka_unit_test(test_the_real_thing),
                cmocka_unit_test(test_limits_that_cannot_be),
        };
        int failed = 0;

        for (size_t i = 0; i < countof(drivers); i++) {
                driver = &drivers[i];
                failed += cmocka_run_group_tests_name(driver->name, tests, NULL, NULL);
        }
        return failed;
}
