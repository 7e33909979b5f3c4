/* See limit_fanout.h. */
#include "limit_fanout.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "ledger.h"

static void write_to_all(struct fanout *fanout, const uint32_t *numbers, size_t count)
{
        static uint8_t bytes[FANOUT_TOGETHER_MAX * FANOUT_FRAME_MAX];
        size_t size = count * fanout->size;

        for (size_t i = 0; i < count; i++) {
                memcpy(bytes + i * fanout->size, fanout->frame, fanout->size);
                ledger_put_number(bytes + i * fanout->size + fanout->number_at, numbers[i]);
        }
        for (uint32_t i = 0; i < fanout->count; i++)
                if (send(fanout->sockets[i], bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size)
                        atomic_fetch_add(&fanout->failures, 1);
}

static void *run(void *context)
{
        struct fanout *fanout = context;
        uint32_t numbers[FANOUT_TOGETHER_MAX];
        int one = 1;
        ssize_t got;

        while (fanout->accepted < fanout->count) {
                int fd = accept4(fanout->listener, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0)
                        return NULL;
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                fanout->sockets[fanout->accepted++] = fd;
        }
        while ((got = recv(fanout->trigger[1], numbers, sizeof(numbers), 0)) > 0) {
                check((size_t)got % sizeof(numbers[0]) == 0);
                write_to_all(fanout, numbers, (size_t)got / sizeof(numbers[0]));
        }
        return NULL;
}

bool fanout_start(struct fanout *fanout, uint32_t count)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);

        check(count <= FANOUT_SOCKETS_MAX);
        *fanout = (struct fanout){.count = count, .trigger = {-1, -1}};
        fanout->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fanout->listener < 0 || bind(fanout->listener, (struct sockaddr *)&address, size) != 0 ||
            listen(fanout->listener, 1024) != 0 || getsockname(fanout->listener, (struct sockaddr *)&address, &size) != 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fanout->trigger) != 0 ||
            pthread_create(&fanout->thread, NULL, run, fanout) != 0) {
                close(fanout->listener);
                fanout->count = 0;
                return false;
        }
        fanout->port = ntohs(address.sin_port);
        return true;
}

void fanout_stop(struct fanout *fanout)
{
        if (fanout->count == 0)
                return;
        shutdown(fanout->listener, SHUT_RDWR); /* ends an accept that still waits */
        shutdown(fanout->trigger[0], SHUT_RDWR);
        pthread_join(fanout->thread, NULL);
        for (uint32_t i = 0; i < fanout->accepted; i++)
                close(fanout->sockets[i]);
        close(fanout->listener);
        close(fanout->trigger[0]);
        close(fanout->trigger[1]);
        fanout->count = 0;
}

void fanout_use(struct fanout *fanout, struct slice frame, size_t number_at)
{
        check(frame.size > 0 && frame.size <= FANOUT_FRAME_MAX && number_at + LEDGER_NUMBER_SIZE <= frame.size);
        memcpy(fanout->frame, frame.data, frame.size);
        fanout->size = frame.size;
        fanout->number_at = number_at;
}

void fanout_send(struct fanout *fanout, uint32_t number)
{
        if (send(fanout->trigger[0], &number, sizeof(number), MSG_NOSIGNAL) != sizeof(number))
                atomic_fetch_add(&fanout->failures, 1);
}
