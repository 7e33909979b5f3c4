/* Presence in Redis: what is said at the start when something is wrong, passwords and rights, TLS, and servers that speak nonsense. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "redis_stage.h"

static struct clock real_clock;
static struct redis_server server;

static struct presence_redis_options options_of(const struct redis_server *from)
{
        return (struct presence_redis_options){
                .host = "127.0.0.1", .port = from->port, .start_ms = 200, .clock = &real_clock};
}

/* It cannot work: the error (OK: whichever), and one line that contains this. */
static void refuses(const struct presence_redis_options *options, enum error expected, const char *expected_text)
{
        char text[REDIS_ERROR_SIZE];
        struct presence_redis *redis;
        enum error error = presence_redis_new(options, &redis, text);

        if (!error || (expected && error != expected) || !strstr(text, expected_text))
                fail_msg("\"%s\" (%s), not \"%s\"", text, error_name(error), expected_text);
        assert_null(redis);
        assert_null(strchr(text, '\n'));
}

/* It works, with a handle too. */
static void works(const struct presence_redis_options *options)
{
        struct redis_stage stage = {.clock = real_clock};
        static const struct arena_source heap = {memory_new, memory_free};
        struct presence_result result;
        char text[REDIS_ERROR_SIZE] = "";

        if (presence_redis_new(options, &stage.redis, text) != ERR_OK)
                fail_msg("%s", text);
        arena_init(&stage.arena, &heap, 4096, 65536);
        stage.presence = redis_stage_open(&stage);
        assert_int_equal(redis_do(&stage, stage.presence, PRESENCE_SET, 5, 50, &result), OUTCOME_OK);
        assert_int_equal(redis_do(&stage, stage.presence, PRESENCE_BEAT, 0, 0, &result), OUTCOME_OK);
        assert_int_equal(redis_count(&stage, stage.presence, 5), 1);
        stage.presence->ops->free(&stage.presence);
        presence_redis_free(&stage.redis);
        arena_finish(&stage.arena);
}

static void restart(const char *const *arguments)
{
        redis_server_kill(&server);
        redis_server_start(&server, arguments);
}

/* ---- wrong places ---- */

static void test_nobody_there(void **state)
{
        struct presence_redis_options options = options_of(&server);

        (void)state;
        redis_server_kill(&server);
        refuses(&options, ERR_SYSTEM, "Connection refused");
        options.host = "/nowhere/redis";
        refuses(&options, ERR_SYSTEM, "/nowhere/redis: No such file");
        options.host = "no-such-host.invalid";
        refuses(&options, ERR_SYSTEM, "no-such-host.invalid port");
        options.host = "";
        refuses(&options, ERR_CONFIG, "not a host");
        redis_server_start(&server, NULL);
}

static void test_a_name_and_a_path_work(void **state)
{
        struct presence_redis_options options = options_of(&server);

        (void)state;
        options.host = "localhost"; /* ::1 comes first, where it does not listen */
        works(&options);
        options.host = server.socket;
        works(&options);
        options.prefix = "another house's ";
        works(&options);
}

static void test_texts_that_are_too_long(void **state)
{
        struct presence_redis_options options = options_of(&server);
        static char text[2000];

        (void)state;
        memset(text, 'x', sizeof(text) - 1);
        options.password = text;
        refuses(&options, ERR_CONFIG, "too long");
        options.password = NULL;
        options.prefix = text;
        refuses(&options, ERR_CONFIG, "too long");
        options.prefix = NULL;
        options.host = text;
        refuses(&options, ERR_CONFIG, "too long");
}

/* ---- passwords and rights ---- */

/* docs/decisions/0015-redis.md names these rights. */
#define RIGHTS                                                                                                              \
        "~galka:* -@all +evalsha +script|load +info +mget +set +del +incr +hget +hset +hincrby +hdel +pexpire +sadd +srem " \
        "+spop +srandmember"

static void test_passwords(void **state)
{
        struct presence_redis_options options = options_of(&server);

        (void)state;
        options.password = "not needed";
        refuses(&options, ERR_CONFIG, "refuses the user or the password");
        restart((const char *const[]){"--requirepass", "secret", NULL});
        options.password = NULL;
        refuses(&options, ERR_CONFIG, "it wants a password, and none is set");
        options.password = "wrong";
        refuses(&options, ERR_CONFIG, "it refuses the user or the password: WRONGPASS");
        options.password = "secret";
        works(&options);
        restart(NULL);
}

static void test_rights(void **state)
{
        struct presence_redis_options options = options_of(&server);

        (void)state;
        assert_int_equal(redis_server_do(&server, "ACL SETUSER galka on >word " RIGHTS), 0);
        options.user = "galka";
        options.password = "word";
        works(&options);
        options.password = "wrong";
        refuses(&options, ERR_CONFIG, "WRONGPASS");
        options.password = "word";
        options.prefix = "other:";
        refuses(&options, ERR_CONFIG, "it refuses: ");
        options.prefix = NULL;
        assert_int_equal(redis_server_do(&server, "ACL SETUSER galka -srandmember"), 0);
        refuses(&options, ERR_CONFIG, "it refuses: ");
        assert_int_equal(redis_server_do(&server, "ACL SETUSER galka -info"), 0);
        refuses(&options, ERR_CONFIG, "NOPERM");
        assert_int_equal(redis_server_do(&server, "ACL DELUSER galka"), 1);
}

/* ---- servers that will not do ---- */

static void test_settings_that_will_not_do(void **state)
{
        struct presence_redis_options options = options_of(&server);

        (void)state;
        assert_int_equal(redis_server_do(&server, "CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru"), 0);
        refuses(&options, ERR_CONFIG, "maxmemory-policy is allkeys-lru");
        assert_int_equal(redis_server_do(&server, "CONFIG SET maxmemory-policy noeviction"), 0);
        works(&options);
        assert_int_equal(redis_server_do(&server, "REPLICAOF 127.0.0.1 1"), 0);
        refuses(&options, ERR_CONFIG, "it is a slave: the address of the primary is needed");
        assert_int_equal(redis_server_do(&server, "REPLICAOF NO ONE"), 0);
        restart((const char *const[]){"--cluster-enabled", "yes", NULL});
        refuses(&options, ERR_CONFIG, "Redis Cluster");
        restart(NULL);
}

/* ---- a server that says what the test wants ---- */

#define GREETING        "$37\r\nredis_version:7.0.15\r\nredis_mode:ok\r\n\r\n$13\r\nrole:master\r\n\r\n$13\r\nmaxmemory:0\r\n\r\n"
#define SHA             "$40\r\n0123456789012345678901234567890123456789\r\n"
#define BEATEN          "*3\r\n:1\r\n:0\r\n$40\r\n0123456789012345678901234567890123456789\r\n"
#define NOTHING         "$0\r\n\r\n"
#define WATCHED         "*2\r\n:1\r\n$1\r\n1\r\n"
#define TRIAL           "*9\r\n" NOTHING NOTHING WATCHED NOTHING NOTHING NOTHING NOTHING BEATEN NOTHING
#define ANSWERS_MAX     4
#define CONNECTIONS_MAX 100

/* On each connection: the first text at once, the next at each call of the script. */
struct fake {
        int listener;
        const char *answers[ANSWERS_MAX];
        size_t repeat; /* the last one is sent so often more, as fast as it goes */
        int connections;
        pthread_t thread;
};

static void serve(struct fake *fake, int fd)
{
        char bytes[8192 + 1];
        size_t at = 0;

        check(send(fd, fake->answers[at], strlen(fake->answers[at]), MSG_NOSIGNAL) >= 0);
        for (at = 1; at < ANSWERS_MAX && fake->answers[at];) {
                ssize_t got = recv(fd, bytes, sizeof(bytes) - 1, 0);

                if (got <= 0)
                        return;
                bytes[got] = 0;
                if (!strstr(bytes, "EVALSHA"))
                        continue;
                if (send(fd, fake->answers[at], strlen(fake->answers[at]), MSG_NOSIGNAL) < 0)
                        return;
                at++;
        }
        for (size_t i = 0; i < fake->repeat; i++)
                if (send(fd, fake->answers[at - 1], strlen(fake->answers[at - 1]), MSG_NOSIGNAL) < 0)
                        return;
        while (recv(fd, bytes, sizeof(bytes), 0) > 0)
                ;
}

static void *fake_thread(void *context)
{
        struct fake *fake = context;

        for (;;) {
                int fd = accept(fake->listener, NULL, NULL);

                if (fd < 0)
                        return NULL;
                fake->connections++;
                serve(fake, fd);
                close(fd);
        }
}

static uint16_t fake_start(struct fake *fake)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);

        fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        fake->connections = 0;
        check(fake->listener >= 0 && bind(fake->listener, (struct sockaddr *)&address, size) == 0);
        check(getsockname(fake->listener, (struct sockaddr *)&address, &size) == 0 && listen(fake->listener, 10) == 0);
        check(pthread_create(&fake->thread, NULL, fake_thread, fake) == 0);
        return ntohs(address.sin_port);
}

static void fake_stop(struct fake *fake)
{
        check(shutdown(fake->listener, SHUT_RDWR) == 0 && pthread_join(fake->thread, NULL) == 0);
        close(fake->listener);
}

static void fake_refused(const char *greeting, const char *answer, enum error error, const char *text)
{
        struct fake fake = {.answers = {greeting, answer}};
        struct presence_redis_options options = {
                .host = "127.0.0.1", .port = fake_start(&fake), .start_ms = 200, .clock = &real_clock};

        refuses(&options, error, text);
        fake_stop(&fake);
}

static void test_strangers(void **state)
{
        static const char *const nonsense[] = {
                "HTTP/1.1 400 Bad Request\r\n\r\n",
                "220 mail ready\r\n",
                "+OK\r\n",
                ":1\r\n",
                "$-1\r\n",
                "*-1\r\n",
                "*0\r\n",
                "*2\r\n+a\r\n*1\r\n:7\r\n",

                "*99999999\r\n",
                "$-2\r\n",
                "\r\n\r\n",
        };

        (void)state;
        for (size_t i = 0; i < countof(nonsense); i++) {
                fake_refused(nonsense[i], NULL, ERR_CONFIG, ": it "); /* each in its way */
                fake_refused(GREETING SHA, nonsense[i], ERR_CONFIG, "what no Redis would");
        }
        fake_refused("$7\r\nnothing\r\n", NULL, ERR_CONFIG, "does not say that it is Redis");
        fake_refused("$22\r\nredis_version:6.2.14\r\n\r\n", NULL, ERR_CONFIG,
                     "it is Redis 6.2.14, and 7.0 or later is needed");
        fake_refused(GREETING "$3\r\nsha\r\n", NULL, ERR_CONFIG, "does not take the script");
        fake_refused("-ERR no\x01\x1b[31m\r\n", NULL, ERR_CONFIG, "it refuses: ERR no??[31m");
        fake_refused("-ERR max number of clients reached\r\n", NULL, ERR_SYSTEM, "max number of clients");
        fake_refused(GREETING SHA, "*6\r\n$2147483648\r\n", ERR_SYSTEM, "no answer in time");
}

/* It worked; then every answer is nonsense. Nothing is believed, and it is tried again and again, slower and slower. */
static void test_nonsense_later(void **state)
{
        static const char *const nonsense[] = {
                "*1\r\n$41\r\n01234567890123456789012345678901234567890\r\n",
                "*2\r\n$0\r\n\r\n$0\r\n\r\n",
                "*0\r\n",
                "*1\r\n:5\r\n",
                "*1\r\n*1\r\n$0\r\n\r\n",
                "*1\r\n$-1\r\n",
                "+OK\r\n",
                ":3\r\n",
                "\xff\xfe\r\n",
                TRIAL,
        };
        static const struct arena_source heap = {memory_new, memory_free};

        (void)state;
        for (size_t i = 0; i < countof(nonsense); i++) {
                struct fake fake = {.answers = {GREETING SHA, TRIAL}};
                struct presence_redis_options options = {
                        .host = "127.0.0.1", .port = fake_start(&fake), .start_ms = 200, .clock = &real_clock};
                struct redis_stage stage = {.clock = real_clock};
                struct presence_result result;
                char text[REDIS_ERROR_SIZE];

                assert_int_equal(presence_redis_new(&options, &stage.redis, text), ERR_OK);
                arena_init(&stage.arena, &heap, 4096, 65536);
                fake.answers[1] = nonsense[i];
                fake.repeat = i == 0 ? 100000 : 0;
                check(presence_redis_open(stage.redis, &stage.presence) == ERR_OK);
                assert_int_equal(redis_do(&stage, stage.presence, PRESENCE_SET, 5, 50, &result), OUTCOME_UNCERTAIN);
                assert_int_equal(redis_do(&stage, stage.presence, PRESENCE_GET, 5, 50, &result), OUTCOME_FAILED);
                for (int turn = 0; turn < 20; turn++)
                        assert_int_not_equal(redis_do(&stage, stage.presence, PRESENCE_BEAT, 5, 50, &result), OUTCOME_OK);
                stage.presence->ops->free(&stage.presence);
                assert_in_range(fake.connections, 2, CONNECTIONS_MAX);
                presence_redis_free(&stage.redis);
                arena_finish(&stage.arena);
                fake_stop(&fake);
        }
}

/* Each allocation fails once: whatever is said, nothing is left over, and the next try is as good as the first. */
static void test_memory_that_runs_out(void **state)
{
        struct presence_redis_options options = options_of(&server);
        bool failed = true;

        (void)state;
        for (unsigned long nth = 1; failed; nth++) {
                struct presence_redis *redis = NULL;
                struct presence *presence = NULL;
                char text[REDIS_ERROR_SIZE];
                enum error error;

                assert_in_range(nth, 1, 200);
                memory_fail_at(nth);
                error = presence_redis_new(&options, &redis, text);
                if (!error)
                        error = presence_redis_open(redis, &presence);
                failed = memory_fail_at(0) >= nth;
                assert_true(!error == (presence != NULL));
                if (presence)
                        presence->ops->free(&presence);
                presence_redis_free(&redis);
        }
        works(&options);
}

/* ---- TLS ---- */

static char *path_of(const char *name)
{
        static char paths[8][128];
        static unsigned at;
        char *path = paths[at++ % countof(paths)];

        snprintf(path, sizeof(paths[0]), "%s/%s", server.folder, name);
        return path;
}

static void start_tls(const char *clients)
{
        char port[8];

        snprintf(port, sizeof(port), "%u", server.port);
        server.tls = true;
        restart((const char *const[]){"--tls-port", port, "--tls-cert-file", path_of("server.pem"), "--tls-key-file",
                                      path_of("server.key"), "--tls-ca-cert-file", path_of("ca.pem"), "--tls-auth-clients",
                                      clients, "--requirepass", "secret", NULL});
}

static void test_tls(void **state)
{
        struct presence_redis_options options = options_of(&server);
        char command[512];

        (void)state;
        options.tls = true;
        options.tls_name = "localhost";
        options.password = "secret";
        refuses(&options, ERR_SYSTEM, "it may not speak it");
        snprintf(command, sizeof(command),
                 "python3 -Bc 'import sys; sys.path.insert(0, \"%s\"); import certificates; "
                 "certificates.make(\"%s\")'",
                 SOURCE_ROOT "/tools/engines.d", server.folder);
        assert_int_equal(system(command), 0);
        start_tls("no");
        options.tls_ca = path_of("ca.pem");
        works(&options);
        options.host = "localhost";
        options.tls_name = NULL;
        works(&options);
        options.host = "127.0.0.1";
        refuses(&options, ERR_CONFIG, "TLS: IP address mismatch");
        options.tls_name = "elsewhere.example";
        refuses(&options, ERR_CONFIG, "TLS: hostname mismatch");
        options.tls_name = "localhost";
        options.tls_ca = path_of("stranger.pem");
        refuses(&options, ERR_CONFIG, "TLS: self-signed certificate");
        options.tls_ca = NULL;
        refuses(&options, ERR_CONFIG, "TLS: ");
        options.tls_ca = "/nowhere.pem";
        refuses(&options, ERR_CONFIG, "file of trusted certificates /nowhere.pem");
        options.tls_ca = path_of("ca.pem");
        options.tls = false;
        refuses(&options, ERR_SYSTEM, "cannot work with Redis at 127.0.0.1 port "); /* closed, or reset */
        options.tls = true;
        start_tls("yes");
        refuses(&options, ERR_OK, "TLS: "); /* its alert may come too late, after its reset */
        options.tls_cert = path_of("ca.pem");
        refuses(&options, ERR_CONFIG, "needs its key");
        options.tls_key = path_of("server.key");
        refuses(&options, ERR_CONFIG, "certificate's key");
        options.tls_key = path_of("ca.key");
        works(&options);
        server.tls = false;
        restart(NULL);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nobody_there),
                cmocka_unit_test(test_a_name_and_a_path_work),
                cmocka_unit_test(test_texts_that_are_too_long),
                cmocka_unit_test(test_passwords),
                cmocka_unit_test(test_rights),
                cmocka_unit_test(test_settings_that_will_not_do),
                cmocka_unit_test(test_strangers),
                cmocka_unit_test(test_nonsense_later),
                cmocka_unit_test(test_memory_that_runs_out),
                cmocka_unit_test(test_tls),
        };
        int failed;

        loop_clock_init(&real_clock);
        redis_server_init(&server);
        redis_server_start(&server, NULL);
        failed = cmocka_run_group_tests_name("presence, Redis, its start", tests, NULL, NULL);
        redis_server_finish(&server);
        return failed;
}
