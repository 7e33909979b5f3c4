/* The socket below; see redis_link.h. */
#include "driver/presence/redis_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"

static enum redis_step broken(struct redis_link *link, int number)
{
        snprintf(link->why, sizeof(link->why), "%s", number ? strerror(number) : "it closed the connection");
        return REDIS_STEP_BROKEN;
}

enum redis_step redis_link_open(struct redis_link *link, const struct redis_address *address, const struct redis_tls *tls)
{
        int on = 1;

        *link = (struct redis_link){.fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        if (link->fd < 0)
                return broken(link, errno);
        if (address->storage.ss_family != AF_UNIX)
                (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without, not wrong */
        /* EAGAIN: a Unix socket's queue is full. There is nothing to wait for, so it counts as refused. */
        if (connect(link->fd, (const struct sockaddr *)&address->storage, address->size) != 0 && errno != EINPROGRESS)
                return broken(link, errno);
        link->wants_write = true;
        return tls ? redis_tls_begin(link, tls) : REDIS_STEP_DONE;
}

/* A connection that is not made yet has no peer. */
static enum redis_step await_peer(struct redis_link *link)
{
        struct sockaddr_storage peer;
        socklen_t size = sizeof(peer);
        int number = 0;
        socklen_t number_size = sizeof(number);

        if (getpeername(link->fd, (struct sockaddr *)&peer, &size) == 0) {
                link->connected = true;
                return REDIS_STEP_DONE;
        }
        if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &number, &number_size) != 0)
                return broken(link, errno);
        return number ? broken(link, number) : REDIS_STEP_AGAIN;
}

enum redis_step redis_link_ready(struct redis_link *link)
{
        enum redis_step step = link->connected ? REDIS_STEP_DONE : await_peer(link);

        link->wants_write = step == REDIS_STEP_AGAIN;
        return step == REDIS_STEP_DONE && link->ssl ? redis_tls_ready(link) : step;
}

enum redis_step redis_link_read(struct redis_link *link, uint8_t *bytes, size_t size, size_t *got)
{
        ssize_t count;

        check(link->connected && size > 0);
        *got = 0;
        if (link->ssl)
                return redis_tls_read(link, bytes, size, got);
        count = recv(link->fd, bytes, size, 0);
        if (count == 0)
                return broken(link, 0);
        if (count < 0)
                return errno == EAGAIN || errno == EINTR ? REDIS_STEP_AGAIN : broken(link, errno);
        *got = (size_t)count;
        return REDIS_STEP_DONE;
}

enum redis_step redis_link_write(struct redis_link *link, struct slice bytes, size_t *put)
{
        ssize_t count;

        check(link->connected && bytes.size > 0);
        *put = 0;
        if (link->ssl)
                return redis_tls_write(link, bytes, put);
        count = send(link->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        link->wants_write = count < 0 || (size_t)count < bytes.size;
        if (count < 0)
                return errno == EAGAIN || errno == EINTR ? REDIS_STEP_AGAIN : broken(link, errno);
        *put = (size_t)count;
        return REDIS_STEP_DONE;
}

void redis_link_close(struct redis_link *link)
{
        redis_tls_end(link);
        if (link->fd >= 0)
                (void)close(link->fd); /* what it says now helps nobody */
        link->fd = -1;
        link->connected = link->wants_write = false;
}
