/* The net over epoll on loopback: every promise of seam/net.h, and what happens when descriptors run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"

#define LISTENER 7

struct sink {
        struct event_sink sink;
        unsigned pauses;
};

static void sink_write(struct event_sink *sink, const struct event *event)
{
        if (strcmp(event->name, "net.accept_paused") == 0)
                ((struct sink *)sink)->pauses++;
}

static struct sink sink = {.sink = {.write = sink_write}};

static int setup(void **state)
{
        struct net *net;

        sink.pauses = 0;
        if (loop_net_new(&sink.sink, &net) != ERR_OK)
                return -1;
        *state = net;
        return 0;
}

static int teardown(void **state)
{
        struct net *net = *state;

        net->ops->free(&net);
        return net ? -1 : 0;
}

/* The next event of that kind; others in between are for nobody. Fails after about two seconds. */
static struct net_event expect(struct net *net, enum net_event_kind kind)
{
        for (int i = 0; i < 100; i++) {
                struct net_event event;

                if (net->ops->poll(net, &event, 1, 20) == 1 && event.kind == kind)
                        return event;
        }
        fail_msg("no event of kind %d", kind);
        return (struct net_event){0};
}

struct pair {
        int client, server, listener;
        struct net_address bound, peer;
};

static struct pair connected(struct net *net, const char *address)
{
        struct pair pair = {0};
        struct net_event event;

        assert_int_equal(net->ops->listen(net, address, 0, false, LISTENER, &pair.listener, &pair.bound), ERR_OK);
        assert_int_equal(net->ops->connect(net, address, pair.bound.port, 1, &pair.client), ERR_OK);
        event = expect(net, NET_EVENT_ACCEPTED);
        assert_int_equal(event.tag, LISTENER);
        pair.server = event.socket;
        pair.peer = event.peer;
        net->ops->set_tag(net, pair.server, 2);
        event = expect(net, NET_EVENT_WRITABLE);
        assert_int_equal(event.tag, 1);
        return pair;
}

static void send_text(struct net *net, int socket, const char *text)
{
        struct slice parts[2] = {slice_of(text, 1), slice_of(text + 1, strlen(text) - 1)};
        size_t written;

        assert_int_equal(net->ops->write(net, socket, parts, 2, &written), ERR_OK);
        assert_int_equal(written, strlen(text));
}

static void test_bytes_go_both_ways(void **state)
{
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");
        char bytes[32];
        size_t got;

        assert_int_equal(net->ops->read(net, pair.server, bytes, sizeof(bytes), &got), ERR_AGAIN);
        send_text(net, pair.client, "hello");
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 2);
        assert_int_equal(net->ops->read(net, pair.server, bytes, 2, &got), ERR_OK);
        assert_int_equal(got, 2);
        /* Level-triggered: the rest is announced again. */
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 2);
        assert_int_equal(net->ops->read(net, pair.server, bytes, sizeof(bytes), &got), ERR_OK);
        assert_memory_equal(bytes, "llo", 3);
        send_text(net, pair.server, "back");
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 1);
        assert_int_equal(net->ops->read(net, pair.client, bytes, sizeof(bytes), &got), ERR_OK);
        assert_int_equal(got, 4);
        net->ops->close(net, pair.client);
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 2);
        assert_int_equal(net->ops->read(net, pair.server, bytes, sizeof(bytes), &got), ERR_CLOSED);
        assert_int_equal(got, 0);
}

/* What a client sent over a link that it gave up must not be done long after, when a frontend that slept wakes up. */
static void test_what_was_given_up_is_not_read(void **state)
{
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");
        char bytes[32];
        size_t got;

        send_text(net, pair.client, "hello");
        net->ops->close(net, pair.client);
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 2);
        assert_int_equal(net->ops->read(net, pair.server, bytes, sizeof(bytes), &got), ERR_CLOSED);
        assert_int_equal(got, 0);
}

/* Behind what was written the peer reads the end; what it still sends is read, and no reset takes anything from it. */
static void test_an_end_of_writing_leaves_reading(void **state)
{
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");
        char bytes[32];
        size_t got;

        send_text(net, pair.client, "hello");
        send_text(net, pair.server, "bye");
        assert_int_equal(net->ops->end_writing(net, pair.server), ERR_OK);
        send_text(net, pair.client, "there");
        for (size_t came = 0; came < 10; came += got) {
                (void)expect(net, NET_EVENT_READABLE);
                if (net->ops->read(net, pair.server, bytes, sizeof(bytes), &got) != ERR_OK)
                        got = 0;
        }
        assert_int_equal(net->ops->read(net, pair.server, bytes, sizeof(bytes), &got), ERR_AGAIN);
        net->ops->want_read(net, pair.server, false);
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 1);
        assert_int_equal(net->ops->read(net, pair.client, bytes, sizeof(bytes), &got), ERR_OK);
        assert_memory_equal(bytes, "bye", 3);
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 1);
        assert_int_equal(recv(pair.client, bytes, sizeof(bytes), 0), 0);
        net->ops->want_read(net, pair.server, true);
        net->ops->close(net, pair.client);
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 2);
        assert_int_equal(net->ops->read(net, pair.server, bytes, sizeof(bytes), &got), ERR_CLOSED);
        assert_int_equal(net->ops->end_writing(net, pair.server), ERR_CLOSED);
}

static void test_addresses_are_mapped_into_ipv6(void **state)
{
        static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, v6[16] = {[15] = 1};
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");
        int listener;

        assert_memory_equal(pair.peer.ip, v4, 16);
        assert_memory_equal(pair.bound.ip, v4, 16);
        assert_int_not_equal(pair.peer.port, 0);
        net->ops->close(net, pair.listener);
        if (net->ops->listen(net, "::1", 0, false, 3, &listener, NULL) != ERR_OK)
                return; /* a machine without IPv6 */
        net->ops->close(net, listener);
        pair = connected(net, "::1");
        assert_memory_equal(pair.peer.ip, v6, 16);
}

static void test_bad_addresses_and_taken_ports(void **state)
{
        struct net *net = *state;
        struct net_address bound;
        int first, second, third;

        assert_int_equal(net->ops->listen(net, "nonsense", 0, false, 1, &first, NULL), ERR_CONFIG);
        assert_int_equal(net->ops->connect(net, "no.such.host.invalid", 1, 1, &first), ERR_CONFIG);
        assert_int_equal(net->ops->listen(net, "127.0.0.1", 0, true, 1, &first, &bound), ERR_OK);
        assert_int_equal(net->ops->listen(net, "127.0.0.1", bound.port, false, 1, &second, NULL), ERR_SYSTEM);
        assert_int_equal(net->ops->listen(net, "127.0.0.1", bound.port, true, 1, &third, NULL), ERR_OK);
}

static void test_a_refused_connect_is_told_by_write(void **state)
{
        struct net *net = *state;
        struct net_address bound;
        struct slice part = SLICE_LITERAL("x");
        size_t written;
        int socket;

        assert_int_equal(net->ops->listen(net, "127.0.0.1", 0, false, 1, &socket, &bound), ERR_OK);
        net->ops->close(net, socket);
        assert_int_equal(net->ops->connect(net, "127.0.0.1", bound.port, 9, &socket), ERR_OK);
        assert_int_equal(expect(net, NET_EVENT_WRITABLE).tag, 9);
        assert_int_equal(net->ops->write(net, socket, &part, 1, &written), ERR_CLOSED);
        net->ops->close(net, socket);
}

static void test_write_waits_for_room(void **state)
{
        static char block[65536];
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");
        struct slice part = slice_of(block, sizeof(block));
        size_t written, sent = 0, got;
        struct net_event events[4];

        while (net->ops->write(net, pair.server, &part, 1, &written) == ERR_OK)
                sent += written;
        assert_int_equal(written, 0);
        /* Nobody asked: no event of writing, though the client reads. */
        while (sent > 0 && net->ops->read(net, pair.client, block, sizeof(block), &got) == ERR_OK)
                sent -= got;
        for (size_t count = net->ops->poll(net, events, 4, 0); count-- > 0;)
                assert_int_not_equal(events[count].kind, NET_EVENT_WRITABLE);
        net->ops->want_write(net, pair.server, true);
        assert_int_equal(expect(net, NET_EVENT_WRITABLE).tag, 2);
        net->ops->want_write(net, pair.server, false);
}

static void test_parts_arrive_in_order_whether_small_or_large(void **state)
{
        static const size_t sizes[] = {1, 4095, 4096, 4097, 65536};
        static uint8_t bytes[65536], got[65536];
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 7 + i / 251);
        for (size_t i = 0; i < countof(sizes); i++) {
                size_t third = sizes[i] / 3, written = 0, all = 0, size;
                const struct slice parts[] = {
                        {bytes, third}, {bytes + third, third}, {0}, {bytes + 2 * third, sizes[i] - 2 * third}};

                assert_int_equal(net->ops->write(net, pair.server, parts, countof(parts), &written), ERR_OK);
                assert_int_equal(written, sizes[i]);
                for (; all < written; all += size) {
                        expect(net, NET_EVENT_READABLE);
                        assert_int_equal(net->ops->read(net, pair.client, got + all, sizeof(got) - all, &size), ERR_OK);
                }
                assert_memory_equal(got, bytes, sizes[i]);
        }
}

static void test_a_paused_reader_hears_nothing(void **state)
{
        struct net *net = *state;
        struct pair pair = connected(net, "127.0.0.1");
        struct net_event event;

        net->ops->want_read(net, pair.server, false);
        send_text(net, pair.client, "now");
        net->ops->close(net, pair.client);
        assert_int_equal(net->ops->poll(net, &event, 1, 20), 0);
        net->ops->want_read(net, pair.server, true);
        assert_int_equal(expect(net, NET_EVENT_READABLE).tag, 2);
}

static void test_a_watched_descriptor(void **state)
{
        struct net *net = *state;
        int fd = eventfd(1, EFD_NONBLOCK);
        uint64_t value;

        assert_int_equal(net->ops->watch(net, -1, 5), ERR_OK);
        assert_int_equal(net->ops->watch(net, fd, 5), ERR_OK);
        assert_int_equal(expect(net, NET_EVENT_WATCHED).tag, 5);
        assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
        net->ops->close(net, fd);
        /* It was the caller's all the time. */
        assert_int_equal(close(fd), 0);
}

/* Lowers the limit so far that no descriptor is left; returns the old one. */
static rlim_t take_all_descriptors(void)
{
        struct rlimit limit;
        rlim_t old;
        int next = dup(0);

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        old = limit.rlim_cur;
        limit.rlim_cur = (rlim_t)next;
        close(next);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        return old;
}

static void give_back_descriptors(rlim_t old)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = old;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_no_descriptors_pause_accepting(void **state)
{
        struct net *net = *state;
        struct net_address bound;
        struct net_event event;
        int listener, client, polls = 0;
        rlim_t old;

        assert_int_equal(net->ops->listen(net, "127.0.0.1", 0, false, LISTENER, &listener, &bound), ERR_OK);
        assert_int_equal(net->ops->connect(net, "127.0.0.1", bound.port, 1, &client), ERR_OK);
        old = take_all_descriptors();
        while (sink.pauses == 0 && polls++ < 50)
                (void)net->ops->poll(net, &event, 1, 10);
        /* Paused: within the pause it is not tried again, so the loop does not spin. */
        for (int i = 0; i < 20; i++)
                (void)net->ops->poll(net, &event, 1, 0);
        give_back_descriptors(old);
        assert_int_equal(sink.pauses, 1);
        assert_int_equal(expect(net, NET_EVENT_ACCEPTED).tag, LISTENER);
}

static void *open_many(void *result)
{
        int fd;

        assert_int_equal(loop_own_descriptors(), ERR_OK);
        fd = dup(0);
        *(int *)result = fd;
        return NULL;
}

static void test_a_thread_with_its_own_descriptors(void **state)
{
        pthread_t thread;
        int fd = -1;

        (void)state;
        assert_int_equal(pthread_create(&thread, NULL, open_many, &fd), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_clocks(void **state)
{
        struct clock clock;
        uint64_t first;

        (void)state;
        loop_clock_init(&clock);
        first = clock.monotonic_us(&clock);
        assert_true(clock.monotonic_us(&clock) >= first);
        assert_true(clock.wall_ms(&clock) > 1700000000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_bytes_go_both_ways, setup, teardown),
                cmocka_unit_test_setup_teardown(test_an_end_of_writing_leaves_reading, setup, teardown),
                cmocka_unit_test_setup_teardown(test_addresses_are_mapped_into_ipv6, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bad_addresses_and_taken_ports, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_was_given_up_is_not_read, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_refused_connect_is_told_by_write, setup, teardown),
                cmocka_unit_test_setup_teardown(test_write_waits_for_room, setup, teardown),
                cmocka_unit_test_setup_teardown(test_parts_arrive_in_order_whether_small_or_large, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_paused_reader_hears_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_watched_descriptor, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_descriptors_pause_accepting, setup, teardown),
                cmocka_unit_test(test_a_thread_with_its_own_descriptors),
                cmocka_unit_test(test_clocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
