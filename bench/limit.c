/* Measures fdatasync and a bare epoll echo. */
#include "limit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ECHO_SIZE        100
#define ECHO_SOCKETS_MAX 1000

static double now_s(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double limit_fdatasync(const char *folder, double seconds, struct histogram *times)
{
        static const char block[4096];
        char path[4300];
        double start, at, end;
        unsigned count = 0;
        int fd;

        snprintf(path, sizeof(path), "%s/fdatasync.tmp", folder);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return 0;
        start = at = now_s();
        while (at - start < seconds) {
                if (pwrite(fd, block, sizeof(block), (off_t)(count % 1024) * 4096) != sizeof(block) || fdatasync(fd) != 0)
                        break;
                end = now_s();
                histogram_add(times, (uint64_t)((end - at) * 1e6));
                at = end;
                count++;
        }
        close(fd);
        return count / (at - start);
}

struct echo {
        int epoll;
        atomic_bool stop;
        atomic_ulong trips;
        bool counts;
};

/* Sends back whatever comes. */
static void *echo_thread(void *context)
{
        struct echo *echo = context;
        struct epoll_event events[256];

        while (!atomic_load(&echo->stop)) {
                int count = epoll_wait(echo->epoll, events, 256, 10);

                for (int i = 0; i < count; i++) {
                        char bytes[ECHO_SIZE];
                        ssize_t got = recv(events[i].data.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

                        if (got > 0 && send(events[i].data.fd, bytes, (size_t)got, MSG_NOSIGNAL) == got && echo->counts)
                                atomic_fetch_add_explicit(&echo->trips, 1, memory_order_relaxed);
                }
        }
        return NULL;
}

static int connect_pair(int listener, const struct sockaddr_in *address, int pair[2])
{
        int one = 1;

        pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (pair[0] < 0 || connect(pair[0], (const struct sockaddr *)address, sizeof(*address)) != 0)
                return -1;
        pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (pair[1] < 0)
                return -1;
        setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return 0;
}

static int add(int epoll, int fd)
{
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

double limit_echo(unsigned connections, double seconds)
{
        static int pairs[ECHO_SOCKETS_MAX][2];
        struct echo sides[2] = {{.epoll = epoll_create1(EPOLL_CLOEXEC), .counts = true},
                                {.epoll = epoll_create1(EPOLL_CLOEXEC)}};
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        static const char bytes[ECHO_SIZE];
        pthread_t threads[2];
        unsigned made = 0;
        double start;

        if (connections > ECHO_SOCKETS_MAX)
                connections = ECHO_SOCKETS_MAX;
        if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1024) != 0 ||
            getsockname(listener, (struct sockaddr *)&address, &size) != 0)
                connections = 0;
        for (; made < connections && connect_pair(listener, &address, pairs[made]) == 0; made++)
                if (add(sides[0].epoll, pairs[made][0]) != 0 || add(sides[1].epoll, pairs[made][1]) != 0)
                        break;
        for (int i = 0; i < 2; i++)
                pthread_create(&threads[i], NULL, echo_thread, &sides[i]);
        start = now_s();
        for (unsigned i = 0; i < made; i++)
                if (send(pairs[i][0], bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
                        break;
        while (now_s() - start < seconds)
                usleep(1000);
        seconds = now_s() - start;
        for (int i = 0; i < 2; i++) {
                atomic_store(&sides[i].stop, true);
                pthread_join(threads[i], NULL);
                close(sides[i].epoll);
        }
        for (unsigned i = 0; i < made; i++) {
                close(pairs[i][0]);
                close(pairs[i][1]);
        }
        close(listener);
        return (double)atomic_load(&sides[0].trips) / seconds;
}
