/* See relay.h. */
#include "support/relay.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define PAIRS_MAX 32
#define CHUNK     65536

struct pair {
        int ends[2]; /* client, server; -1: none */
};

struct relay {
        uint16_t port, server_port;
        int listener, wake[2];
        pthread_t thread;
        pthread_mutex_t lock; /* over all below */
        struct pair pairs[PAIRS_MAX];
        uint64_t bytes[2];
        bool armed, cut;
        enum relay_way way;
        uint64_t left;    /* bytes, without text */
        const char *text; /* NULL: by bytes */
        bool answered, seen;
};

static struct sockaddr_in address_of(uint16_t port)
{
        return (struct sockaddr_in){
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_pair(struct pair *pair)
{
        for (int i = 0; i < 2; i++) {
                if (pair->ends[i] >= 0)
                        close(pair->ends[i]);
                pair->ends[i] = -1;
        }
}

static void cut_all(struct relay *relay)
{
        for (size_t i = 0; i < PAIRS_MAX; i++)
                close_pair(&relay->pairs[i]);
        relay->armed = false;
        relay->cut = true;
}

static void welcome(struct relay *relay)
{
        struct sockaddr_in server = address_of(relay->server_port);
        int client = accept(relay->listener, NULL, NULL), on = 1;

        for (size_t i = 0; i < PAIRS_MAX && client >= 0; i++) {
                struct pair *pair = &relay->pairs[i];

                if (pair->ends[0] >= 0)
                        continue;
                pair->ends[0] = client;
                pair->ends[1] = socket(AF_INET, SOCK_STREAM, 0);
                check(pair->ends[1] >= 0);
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                setsockopt(pair->ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                if (connect(pair->ends[1], (struct sockaddr *)&server, sizeof(server)) != 0)
                        close_pair(pair);
                return;
        }
        check(client < 0); /* more at once than any test has */
}

/* How many of these bytes may go on. Less than all: then it is cut. */
static size_t allowed(struct relay *relay, enum relay_way way, const char *bytes, size_t size)
{
        if (!relay->armed)
                return size;
        if (!relay->text) {
                size_t part = way == relay->way && relay->left < size ? (size_t)relay->left : size;

                relay->left -= way == relay->way ? part : 0;
                return part;
        }
        if (way == RELAY_DOWN)
                return relay->seen ? 0 : size;
        if (!memmem(bytes, size, relay->text, strlen(relay->text) + 1))
                return size;
        relay->seen = relay->answered;
        return relay->answered ? size : 0;
}

static void pass(struct relay *relay, struct pair *pair, enum relay_way way)
{
        static _Thread_local char bytes[CHUNK];
        ssize_t size = read(pair->ends[way], bytes, sizeof(bytes));
        size_t part;

        if (size <= 0) {
                close_pair(pair);
                return;
        }
        part = allowed(relay, way, bytes, (size_t)size);
        for (size_t done = 0; done < part;) {
                ssize_t sent = send(pair->ends[1 - way], bytes + done, part - done, MSG_NOSIGNAL);

                if (sent <= 0) {
                        close_pair(pair);
                        return;
                }
                done += (size_t)sent;
        }
        relay->bytes[way] += part;
        if (part < (size_t)size)
                cut_all(relay);
}

static void *run(void *argument)
{
        struct relay *relay = argument;

        for (;;) {
                struct pollfd fds[2 + 2 * PAIRS_MAX] = {{relay->wake[0], POLLIN, 0}, {relay->listener, POLLIN, 0}};

                pthread_mutex_lock(&relay->lock);
                for (size_t i = 0; i < 2 * PAIRS_MAX; i++)
                        fds[2 + i] = (struct pollfd){relay->pairs[i / 2].ends[i % 2], POLLIN, 0};
                pthread_mutex_unlock(&relay->lock);
                poll(fds, 2 + 2 * PAIRS_MAX, -1);
                if (fds[0].revents)
                        return NULL;
                pthread_mutex_lock(&relay->lock);
                if (fds[1].revents)
                        welcome(relay);
                for (size_t i = 0; i < 2 * PAIRS_MAX; i++)
                        if (fds[2 + i].fd >= 0 && fds[2 + i].revents && relay->pairs[i / 2].ends[i % 2] == fds[2 + i].fd)
                                pass(relay, &relay->pairs[i / 2], i % 2 ? RELAY_DOWN : RELAY_UP);
                pthread_mutex_unlock(&relay->lock);
        }
}

struct relay *relay_new(uint16_t port)
{
        struct relay *relay = memory_new(sizeof(*relay));
        struct sockaddr_in address = address_of(0);
        socklen_t size = sizeof(address);

        check(relay);
        relay->server_port = port;
        for (size_t i = 0; i < PAIRS_MAX; i++)
                relay->pairs[i] = (struct pair){{-1, -1}};
        relay->listener = socket(AF_INET, SOCK_STREAM, 0);
        check(relay->listener >= 0 && pipe(relay->wake) == 0);
        check(bind(relay->listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(relay->listener, 64) == 0);
        check(getsockname(relay->listener, (struct sockaddr *)&address, &size) == 0);
        relay->port = ntohs(address.sin_port);
        pthread_mutex_init(&relay->lock, NULL);
        check(pthread_create(&relay->thread, NULL, run, relay) == 0);
        return relay;
}

void relay_free(struct relay **relay_p)
{
        struct relay *relay = *relay_p;

        if (!relay)
                return;
        *relay_p = NULL;
        check(write(relay->wake[1], "", 1) == 1);
        pthread_join(relay->thread, NULL);
        for (size_t i = 0; i < PAIRS_MAX; i++)
                close_pair(&relay->pairs[i]);
        close(relay->listener);
        close(relay->wake[0]);
        close(relay->wake[1]);
        pthread_mutex_destroy(&relay->lock);
        memory_free(relay);
}

uint16_t relay_port(const struct relay *relay)
{
        return relay->port;
}

void relay_cut_after(struct relay *relay, enum relay_way way, uint64_t bytes)
{
        pthread_mutex_lock(&relay->lock);
        relay->armed = true;
        relay->cut = false;
        relay->text = NULL;
        relay->way = way;
        relay->left = bytes;
        pthread_mutex_unlock(&relay->lock);
}

void relay_cut_at(struct relay *relay, const char *text, bool answered)
{
        pthread_mutex_lock(&relay->lock);
        relay->armed = true;
        relay->cut = relay->seen = false;
        relay->text = text;
        relay->answered = answered;
        pthread_mutex_unlock(&relay->lock);
}

bool relay_was_cut(struct relay *relay)
{
        bool cut;

        pthread_mutex_lock(&relay->lock);
        cut = relay->cut;
        relay->armed = false;
        pthread_mutex_unlock(&relay->lock);
        return cut;
}

uint64_t relay_bytes(struct relay *relay, enum relay_way way)
{
        uint64_t bytes;

        pthread_mutex_lock(&relay->lock);
        bytes = relay->bytes[way];
        relay->bytes[way] = 0;
        pthread_mutex_unlock(&relay->lock);
        return bytes;
}
