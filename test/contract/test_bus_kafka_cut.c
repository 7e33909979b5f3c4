/*
 * Kafka answers before its log is on the disk: after a power cut a partition may have lost its end, and gives new records the numbers of
 * lost ones. On a real broker that loses its last seconds (tools/engines lose).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/slice.h"
#include "contract/bus_stage.h"
#include "contract/kafka_world.h"
#include "driver/bus/kafka_inside.h"

#define OLDER    5
#define NEWER    5
#define MANY     (3 * KAFKA_BACK_MAX)
#define KEY      1
#define APART_MS 1000 /* between what is kept and what is lost */
#define WAIT_S   40

static const char *program; /* this one */

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Whatever came since then is gone, and the broker is there again. */
static void lose_since(uint64_t since_ms)
{
        char line[512];

        snprintf(line, sizeof(line), "%s/tools/engines --dir %s lose --seconds %.2f kafka > /dev/null", SOURCE_ROOT,
                 getenv("ENGINES_DIR"), (double)(now_ms() - since_ms + APART_MS / 2) / 1000);
        assert_int_equal(system(line), 0);
}

/* After a cut by another than before it: a broker that lost what a producer sent takes nothing more of him for a moment. */
static void publish_some(struct bus *producer, enum bus_topic topic, uint64_t from, unsigned count)
{
        for (uint64_t i = from; i < from + count; i++)
                assert_int_equal(publish_to(producer, topic, topic == BUS_FRONTENDS ? 0 : BUS_PARTITION_BYKEY, KEY, i),
                                 ERR_OK);
        flush(producer);
}

/* ---- a worker ---- */

/* Alice and Bob poll for so long. */
static void work(struct stage *stage, uint64_t ms)
{
        uint64_t end_ms = now_ms() + ms;

        while (now_ms() < end_ms) {
                while (look(stage->alice, stage->alice_saw) || look(stage->bob, stage->bob_saw))
                        ;
                usleep(5000);
        }
}

/*
 * What is committed after the cut counts, though it is less than what was committed before. A broker that loses its end mostly loses its
 * groups too, and then all starts anew; so the driver is told here that it had read and committed more than there is.
 */
static void test_commits_count_again(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        struct kafka_held *held;
        int32_t partition;

        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        publish_some(stage->producer, BUS_SESSION, 0, OLDER);
        await_records(stage->alice, saw, OLDER);
        partition = saw->partitions[0];
        assert_int_equal(commit(stage->alice, saw, partition, OLDER), OUTCOME_OK);
        held = &kafka_consumer_of(stage->alice, BUS_SESSION)->held[partition];
        held->position = held->committed = OLDER + 100;
        publish_some(stage->producer, BUS_SESSION, OLDER, NEWER);
        await(stage->alice, saw, &saw->lost, 1);
        await_records(stage->alice, saw, OLDER + NEWER);
        assert_int_equal(saw->next[partition], OLDER + NEWER);
        assert_int_equal(commit(stage->alice, saw, partition, OLDER + NEWER), OUTCOME_OK);
        stage->alice->ops->free(&stage->alice);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS);
        assert_int_equal(stage->bob_saw->start[partition], OLDER + NEWER);
}

/* Not the whole log: that may be a day's work, and all who are waited for would wait for it. */
static void test_a_worker_goes_on_near_the_end(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        uint64_t between_ms;
        int32_t partition;

        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        publish_some(stage->producer, BUS_SESSION, 0, MANY);
        await_records(stage->alice, saw, MANY);
        partition = saw->partitions[0];
        assert_int_equal(commit(stage->alice, saw, partition, MANY), OUTCOME_OK);
        work(stage, APART_MS);
        between_ms = now_ms();
        publish_some(stage->producer, BUS_SESSION, MANY, NEWER);
        await_records(stage->alice, saw, MANY + NEWER);
        lose_since(between_ms);
        publish_some(stage->bob, BUS_SESSION, 2 * MANY, NEWER - 1);
        await(stage->alice, saw, &saw->lost, 1);
        while (saw->next[partition] != MANY + NEWER - 1 || saw->numbers[saw->count - 1] < 2 * MANY) {
                assert_true(now_ms() - between_ms < WAIT_S * 1000);
                work(stage, 20);
        }
        assert_int_equal(saw->revoked[partition], 0);
        assert_in_range(saw->offsets[MANY + NEWER], MANY - KAFKA_BACK_MAX, MANY);
        for (size_t i = MANY + NEWER + 1; i < saw->count; i++)
                assert_int_equal(saw->offsets[i], saw->offsets[i - 1] + 1);
        assert_int_equal(commit(stage->alice, saw, partition, MANY + NEWER - 1), OUTCOME_OK);
}

/* ---- a frontend ---- */

/* In a process of its own, which can be stopped with all of librdkafka's threads: a line for each event. */
static int read_alone(const char *brokers, const char *prefix)
{
        const struct bus_kafka_options options = {.brokers = brokers, .topic_prefix = prefix};
        char text[BUS_KAFKA_ERROR_SIZE];
        struct bus_kafka *kafka;
        struct bus *bus;

        if (bus_kafka_new(&options, &kafka, text) || bus_kafka_open(kafka, BUS_FRONTENDS, &bus, text) ||
            bus->ops->assign(bus, BUS_FRONTENDS, 0))
                return 1;
        for (uint64_t end_ms = now_ms() + 3 * WAIT_S * 1000; now_ms() < end_ms;) {
                struct bus_event events[16];
                size_t count = bus->ops->poll(bus, events, countof(events));

                for (size_t i = 0; i < count; i++) {
                        if (events[i].kind == BUS_EVENT_RECORD)
                                printf("record %llu\n", (unsigned long long)be64_get(events[i].record.value.data));
                        else
                                printf("%s\n", events[i].kind == BUS_EVENT_LOST ? "lost" : "assigned");
                }
                fflush(stdout);
                if (getppid() == 1)
                        return 0;
                usleep(1000);
        }
        return 0;
}

struct reader {
        pid_t pid;
        FILE *lines;
};

static struct reader reader_start(const struct kafka_world *world)
{
        int ends[2];
        struct reader reader;

        assert_int_equal(pipe(ends), 0);
        reader.pid = fork();
        if (reader.pid == 0) {
                dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                execl(program, program, world->brokers, world->prefix, NULL);
                _exit(127);
        }
        close(ends[1]);
        reader.lines = fdopen(ends[0], "r");
        assert_non_null(reader.lines);
        return reader;
}

/* The next line is this one; it ends the test if none comes. */
static void expect_line(struct reader *reader, const char *expected)
{
        char line[64] = "";

        alarm(WAIT_S);
        assert_non_null(fgets(line, sizeof(line), reader->lines));
        alarm(0);
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(line, expected);
}

static void expect_records(struct reader *reader, uint64_t from, unsigned count)
{
        for (uint64_t i = from; i < from + count; i++) {
                char line[64];

                snprintf(line, sizeof(line), "record %llu", (unsigned long long)i);
                expect_line(reader, line);
        }
}

static void reader_end(struct reader *reader)
{
        kill(reader->pid, SIGKILL);
        assert_int_equal(waitpid(reader->pid, NULL, 0), reader->pid);
        fclose(reader->lines);
}

static struct reader reader_of_both(struct stage *stage, uint64_t *between_ms)
{
        struct reader reader = reader_start(stage->world);

        expect_line(&reader, "assigned");
        publish_some(stage->producer, BUS_FRONTENDS, 0, OLDER);
        usleep(APART_MS * 1000);
        *between_ms = now_ms();
        publish_some(stage->producer, BUS_FRONTENDS, OLDER, NEWER);
        expect_records(&reader, 0, OLDER + NEWER);
        sleep(4); /* statistics come each second: what was read is known to be old */
        return reader;
}

/* It stands still meanwhile, and the log grows beyond where it stands: what comes next is due, and yet others were missed. */
static void test_a_log_that_grew_again_is_a_loss(void **state)
{
        struct stage *stage = *state;
        uint64_t between_ms;
        struct reader reader = reader_of_both(stage, &between_ms);
        char line[64] = "";

        kill(reader.pid, SIGSTOP);
        lose_since(between_ms);
        publish_some(stage->bob, BUS_FRONTENDS, 200, 2 * NEWER);
        kill(reader.pid, SIGCONT);
        /* Those that it does get may come before it knows. */
        alarm(WAIT_S);
        do
                assert_non_null(fgets(line, sizeof(line), reader.lines));
        while (strncmp(line, "record 20", 9) == 0);
        alarm(0);
        assert_string_equal(line, "lost\n");
        publish_some(stage->bob, BUS_FRONTENDS, 300, 2);
        expect_records(&reader, 300, 2);
        reader_end(&reader);
}

/* A broker that comes back with all it had is no loss, and nothing is read twice. */
static void test_a_restart_is_none(void **state)
{
        struct stage *stage = *state;
        uint64_t between_ms;
        struct reader reader = reader_of_both(stage, &between_ms);
        char line[512];

        snprintf(line, sizeof(line), "%s/tools/engines --dir %s restart kafka > /dev/null", SOURCE_ROOT,
                 getenv("ENGINES_DIR"));
        assert_int_equal(system(line), 0);
        publish_some(stage->bob, BUS_FRONTENDS, 200, 2);
        expect_records(&reader, 200, 2);
        sleep(4); /* and now it has looked */
        publish_some(stage->bob, BUS_FRONTENDS, 300, 2);
        expect_records(&reader, 300, 2);
        reader_end(&reader);
}

/* ---- a group ---- */

/* How many partitions it holds. */
static unsigned held(const struct seen *seen)
{
        unsigned count = 0;

        for (int i = 0; i < BUS_TEST_PARTITIONS; i++)
                count += seen->assigned[i] - seen->revoked[i];
        return count;
}

/* Both poll while the engines do what they are told. */
static void work_while(struct stage *stage, const char *command)
{
        char line[512];
        int status;
        pid_t pid;

        snprintf(line, sizeof(line), "%s/tools/engines --dir %s %s kafka > /dev/null", SOURCE_ROOT, getenv("ENGINES_DIR"),
                 command);
        pid = fork();
        if (pid == 0) {
                execl("/bin/sh", "sh", "-c", line, NULL);
                _exit(127);
        }
        while (waitpid(pid, &status, WNOHANG) == 0)
                work(stage, 20);
        assert_int_equal(status, 0);
}

/* A broker that was away for longer than a session knows the members of before, and waits for none of them: they come as who they are. */
static void test_who_was_in_the_group_is_in_it_again(void **state)
{
        struct stage *stage = *state;
        uint64_t back_ms;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        assert_int_equal(stage->bob->ops->subscribe(stage->bob, BUS_SESSION), ERR_OK);
        while (held(stage->bob_saw) == 0 || held(stage->alice_saw) + held(stage->bob_saw) != BUS_TEST_PARTITIONS)
                work(stage, 20);
        work(stage, APART_MS); /* it is on the disk, as far as a killed process is concerned */
        work_while(stage, "kill");
        work(stage, BUS_KAFKA_SESSION_MS + 2000);
        assert_int_equal(held(stage->alice_saw) + held(stage->bob_saw), 0);
        work_while(stage, "start");
        back_ms = now_ms();
        while (held(stage->alice_saw) + held(stage->bob_saw) != BUS_TEST_PARTITIONS) {
                assert_true(now_ms() - back_ms < WAIT_S * 1000);
                work(stage, 20);
        }
        assert_in_range(now_ms() - back_ms, 0, BUS_KAFKA_SESSION_MS - 1500);
        assert_true(held(stage->bob_saw) > 0 && held(stage->alice_saw) > 0);
}

/* No broker is away for so long that somebody leaves his group. */
static int stage_of_long_sessions(void **state)
{
        int made;

        kafka_world_options.session_ms = WAIT_S * 1000;
        made = stage_new(state);
        kafka_world_options.session_ms = 0;
        return made;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_commits_count_again),
                cmocka_unit_test_setup_teardown(test_a_worker_goes_on_near_the_end, stage_of_long_sessions, stage_free),
                TEST(test_a_log_that_grew_again_is_a_loss),
                TEST(test_a_restart_is_none),
                TEST(test_who_was_in_the_group_is_in_it_again),
        };

        if (argc == 3)
                return read_alone(argv[1], argv[2]);
        program = argv[0];
        for (driver = bus_drivers; driver < bus_drivers + bus_driver_count - 1 && driver->available && !driver->available();)
                driver++;
        return play_all("bus, Kafka, a log that is cut", tests, countof(tests));
}
