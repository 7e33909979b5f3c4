/* The health listener: what is asked and how it is answered, whatever comes over the wire and however slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "server/health.h"
#include "server/http.h"
#include "support/by_hand.h"
#include "support/fake_net.h"

#define PIPE_SIZE 2048

static struct fake_world *world;
static struct net *net, *client_net;
static struct hand_clock clock;
static struct health *health;
static uint16_t port;
static bool well;
static size_t page_lines;
static char answer[200000];

static bool write_page(void *owner, enum health_page kind, struct page *page)
{
        (void)owner;
        for (size_t i = 0; i < page_lines; i++)
                page_print(page, "page %d line %zu\n", kind, i);
        return well;
}

static int begin(void **state)
{
        struct health_author author = {.write = write_page};
        struct net_address bound;

        (void)state;
        world = fake_world_new(PIPE_SIZE);
        net = fake_world_net(world, 1);
        client_net = fake_world_net(world, 2);
        hand_clock_init(&clock, 1700000000000);
        well = true;
        page_lines = 1;
        if (health_new(net, &clock.clock, &author, &health) || health_listen(health, "10.0.0.1", 0, &bound))
                return -1;
        port = bound.port;
        return 0;
}

static int end(void **state)
{
        (void)state;
        health_free(&health);
        assert_int_equal(fake_net_open(net), 0);
        fake_world_free(&world);
        return 0;
}

static int open_client(void)
{
        int socket;

        assert_int_equal(client_net->ops->connect(client_net, "10.0.0.1", port, 1, &socket), ERR_OK);
        health_turn(health, 0);
        return socket;
}

static void say(int socket, const char *text, size_t size)
{
        struct slice part = slice_of(text, size);
        size_t written;

        assert_int_equal(client_net->ops->write(client_net, socket, &part, 1, &written), ERR_OK);
        assert_int_equal(written, size);
        health_turn(health, 0);
}

/* Reads until the listener closes; answer holds what came. False: it does not close. */
static bool hear(int socket)
{
        size_t used = 0, got;

        for (int i = 0; i < 10000; i++) {
                enum error error = client_net->ops->read(client_net, socket, answer + used, sizeof(answer) - 1 - used, &got);

                if (error == ERR_OK)
                        used += got;
                answer[used] = '\0';
                if (error == ERR_CLOSED) {
                        client_net->ops->close(client_net, socket);
                        return true;
                }
                health_turn(health, 0);
        }
        return false;
}

static void ask(const char *request)
{
        int socket = open_client();

        say(socket, request, strlen(request));
        assert_true(hear(socket));
}

static void expect(const char *status, const char *body)
{
        char first[100], length[60];
        const char *empty = strstr(answer, "\r\n\r\n");

        snprintf(first, sizeof(first), "HTTP/1.1 %s\r\n", status);
        snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", strlen(body));
        assert_non_null(empty);
        if (strncmp(answer, first, strlen(first)) != 0)
                fail_msg("expected %s, got %.40s", status, answer);
        assert_string_equal(empty + 4, body);
        assert_non_null(strstr(answer, length));
        assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
}

static void test_pages_are_shown(void **state)
{
        (void)state;
        ask("GET /livez HTTP/1.1\r\nHost: galka\r\nUser-Agent: kubelet\r\n\r\n");
        expect("200 OK", "page 0 line 0\n");
        ask("GET /readyz HTTP/1.0\r\n\r\n");
        expect("200 OK", "page 1 line 0\n");
        ask("GET /metrics?name[]=x HTTP/1.1\n\n");
        expect("200 OK", "page 2 line 0\n");
        well = false;
        ask("GET /readyz HTTP/1.1\r\n\r\n");
        expect("503 Service Unavailable", "page 1 line 0\n");
        assert_int_equal(health_requests(health), 4);
}

static void test_head_has_no_body(void **state)
{
        (void)state;
        ask("HEAD /livez HTTP/1.1\r\n\r\n");
        assert_non_null(strstr(answer, "\r\nContent-Length: 14\r\n"));
        assert_string_equal(strstr(answer, "\r\n\r\n") + 4, "");
}

static void test_what_there_is_not(void **state)
{
        (void)state;
        ask("GET / HTTP/1.1\r\n\r\n");
        expect("404 Not Found", "Not Found\n");
        ask("GET /livez/ HTTP/1.1\r\n\r\n");
        expect("404 Not Found", "Not Found\n");
        ask("POST /livez HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        expect("405 Method Not Allowed", "Method Not Allowed\n");
        assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
}

static void test_what_is_no_request(void **state)
{
        static const char *const wrong[] = {
                "\r\n",
                "get /livez HTTP/1.1\r\n\r\n",
                "GET livez HTTP/1.1\r\n\r\n",
                "GET /livez\r\n\r\n",
                "GET /livez HTTP/2.0\r\n\r\n",
                "GET /livez HTTP/1.x\r\n\r\n",
                "GET /livez HTTP/1.11\r\n\r\n",
                "GET  /livez HTTP/1.1\r\n\r\n",
                "GET /liv\x01z HTTP/1.1\r\n\r\n",
                "GET /livez HTTP/1.1 \r\n\r\n",
                "GETGETGETGETGETGET /livez HTTP/1.1\r\n\r\n",
                "\x16\x03\x01",
        };

        (void)state;
        for (size_t i = 0; i < countof(wrong); i++) {
                ask(wrong[i]);
                expect("400 Bad Request", "Bad Request\n");
        }
}

static void test_a_request_may_come_byte_by_byte(void **state)
{
        static const char request[] = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        int socket = open_client();

        (void)state;
        for (size_t i = 0; request[i]; i++)
                say(socket, request + i, 1);
        assert_true(hear(socket));
        expect("200 OK", "page 0 line 0\n");
}

static void test_a_request_that_never_ends(void **state)
{
        static const char header[] = "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
        int socket = open_client();

        (void)state;
        say(socket, "GET /livez HTTP/1.1\r\n", 21);
        for (size_t sent = 21; sent + strlen(header) < HTTP_REQUEST_MAX; sent += strlen(header))
                say(socket, header, strlen(header));
        say(socket, header, strlen(header));
        assert_true(hear(socket));
        expect("431 Request Header Fields Too Large", "Request Header Fields Too Large\n");
}

static void test_a_page_larger_than_the_socket_takes(void **state)
{
        size_t lines = 0;

        (void)state;
        page_lines = 5000;
        ask("GET /metrics HTTP/1.1\r\n\r\n");
        for (const char *at = strchr(strstr(answer, "\r\n\r\n") + 4, '\n'); at; at = strchr(at + 1, '\n'))
                lines++;
        assert_int_equal(lines, 5000);
}

static void test_the_slow_are_dropped(void **state)
{
        int silent = open_client(), deaf;

        (void)state;
        page_lines = 5000;
        deaf = open_client();
        say(deaf, "GET /metrics HTTP/1.1\r\n\r\n", 25);
        hand_clock_advance_ms(&clock, HEALTH_CONNECTION_MS - 1);
        health_turn(health, 0);
        assert_int_equal(fake_net_open(net), 3);
        hand_clock_advance_ms(&clock, 1);
        health_turn(health, 0);
        assert_int_equal(fake_net_open(net), 1);
        assert_true(hear(silent));
        assert_true(hear(deaf));
}

static void test_who_is_one_too_many(void **state)
{
        int sockets[HEALTH_CONNECTIONS_MAX], one_more;

        (void)state;
        for (size_t i = 0; i < countof(sockets); i++)
                sockets[i] = open_client();
        one_more = open_client(); /* the oldest has to go, and nobody else */
        assert_true(hear(sockets[0]));
        assert_string_equal(answer, "");
        say(one_more, "GET /livez HTTP/1.1\r\n\r\n", 23);
        assert_true(hear(one_more));
        expect("200 OK", "page 0 line 0\n");
        say(sockets[1], "GET /readyz HTTP/1.1\r\n\r\n", 24);
        assert_true(hear(sockets[1]));
        expect("200 OK", "page 1 line 0\n");
        for (size_t i = 2; i < countof(sockets); i++)
                client_net->ops->close(client_net, sockets[i]);
        health_turn(health, 0);
        assert_int_equal(fake_net_open(net), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_pages_are_shown),
                TEST(test_head_has_no_body),
                TEST(test_what_there_is_not),
                TEST(test_what_is_no_request),
                TEST(test_a_request_may_come_byte_by_byte),
                TEST(test_a_request_that_never_ends),
                TEST(test_a_page_larger_than_the_socket_takes),
                TEST(test_the_slow_are_dropped),
                TEST(test_who_is_one_too_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
