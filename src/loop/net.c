/*
 * seam/net.h over epoll. The table `sockets` is indexed by descriptor; an entry lives from accept, connect,
 * listen or watch until close. A descriptor is registered with epoll only while something is wanted of it:
 * with nothing wanted it causes no event at all, not even the hang-ups that epoll cannot mask, so a paused
 * connection never makes the loop spin.
 */
#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "loop/sockets.h"

#define EVENTS_MAX       512 /* taken from the kernel in one poll */
#define PARTS_MAX        64  /* of one write */
#define SOCKETS_AT_FIRST 64
#define TOGETHER_MAX     4096 /* parts of one write that are copied into one */
#define NOTE_PAUSE_MS    10000

enum kind { KIND_NONE, KIND_LISTENER, KIND_CONNECTING, KIND_STREAM, KIND_ACCEPTED, KIND_WATCHED };
enum wanted { WANT_READ = 1, WANT_WRITE = 2 };

struct socket {
        uint64_t tag;
        uint8_t kind;       /* enum kind */
        uint8_t wanted;     /* enum wanted: by the owner */
        uint8_t registered; /* enum wanted: with epoll; 0: not in its set */
        bool aborted;       /* ACCEPTED: what the peer sent and we have not read is void */
};

_Static_assert(sizeof(struct socket) <= 16, "this is kept of every idle connection");

struct loop_net {
        struct net net;
        int epoll;
        struct socket *sockets;
        uint32_t size;
        struct event_sink *events;
        int listeners[LOOP_LISTENERS_MAX];
        uint32_t listener_count;
        uint64_t accept_again_ms; /* not 0: accepting is paused until then */
        uint64_t note_again_ms;   /* the log is told of pauses not before */
};

static struct loop_net *self(struct net *net)
{
        return container_of(net, struct loop_net, net);
}

static struct socket *socket_of(struct loop_net *loop, int fd)
{
        check(fd >= 0 && (uint32_t)fd < loop->size);
        check(loop->sockets[fd].kind != KIND_NONE);
        return &loop->sockets[fd];
}

/* A few milliseconds are precise enough for the only pause there is. */
static uint64_t coarse_ms(void)
{
        struct timespec time;

        check(clock_gettime(CLOCK_MONOTONIC_COARSE, &time) == 0);
        return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static uint8_t interest(const struct loop_net *loop, const struct socket *socket)
{
        if (socket->kind == KIND_CONNECTING)
                return WANT_WRITE;
        if (socket->kind == KIND_LISTENER && loop->accept_again_ms)
                return 0;
        return socket->wanted;
}

/* Makes epoll's set agree with what is wanted. Fails only for want of kernel memory. */
static bool apply(struct loop_net *loop, int fd)
{
        struct socket *socket = socket_of(loop, fd);
        uint8_t now = interest(loop, socket);
        struct epoll_event event = {.data.fd = fd};
        int change = !now ? EPOLL_CTL_DEL : socket->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

        if (now == socket->registered)
                return true;
        event.events = (now & WANT_READ ? EPOLLIN : 0) | (now & WANT_WRITE ? EPOLLOUT : 0);
        if (epoll_ctl(loop->epoll, change, fd, &event) != 0)
                return false;
        socket->registered = now;
        return true;
}

static bool make_room(struct loop_net *loop, int fd)
{
        uint32_t size = loop->size ? loop->size : SOCKETS_AT_FIRST;
        struct socket *grown;

        if ((uint32_t)fd < loop->size)
                return true;
        while (size <= (uint32_t)fd)
                size *= 2;
        grown = memory_resize(loop->sockets, size * sizeof(*grown));
        if (!grown)
                return false;
        memset(grown + loop->size, 0, (size - loop->size) * sizeof(*grown));
        loop->sockets = grown;
        loop->size = size;
        return true;
}

/* Takes the descriptor into the table. On an error the descriptor is still the caller's. */
static enum error adopt(struct loop_net *loop, int fd, enum kind kind, uint64_t tag)
{
        if (!make_room(loop, fd))
                return ERR_NO_MEMORY;
        check(loop->sockets[fd].kind == KIND_NONE);
        loop->sockets[fd] = (struct socket){.tag = tag, .kind = (uint8_t)kind, .wanted = WANT_READ};
        if (apply(loop, fd))
                return ERR_OK;
        loop->sockets[fd] = (struct socket){0};
        return ERR_SYSTEM;
}

static enum error net_listen(struct net *net, const char *address, uint16_t port, bool shared, uint64_t tag, int *socket,
                             struct net_address *bound)
{
        struct loop_net *loop = self(net);
        enum error error;
        int fd;

        if (loop->listener_count == LOOP_LISTENERS_MAX)
                return ERR_FULL;
        error = socket_listen(address, port, shared, &fd, bound);
        if (error)
                return error;
        error = adopt(loop, fd, KIND_LISTENER, tag);
        if (error) {
                close(fd);
                return error;
        }
        loop->listeners[loop->listener_count++] = fd;
        *socket = fd;
        return ERR_OK;
}

static enum error net_connect(struct net *net, const char *host, uint16_t port, uint64_t tag, int *socket)
{
        enum error error;
        int fd;

        error = socket_connect(host, port, &fd);
        if (error)
                return error;
        error = adopt(self(net), fd, KIND_CONNECTING, tag);
        if (error) {
                close(fd);
                return error;
        }
        *socket = fd;
        return ERR_OK;
}

static void net_set_tag(struct net *net, int socket, uint64_t tag)
{
        socket_of(self(net), socket)->tag = tag;
}

static enum error net_read(struct net *net, int socket, void *bytes, size_t size, size_t *got)
{
        ssize_t count;

        check(socket_of(self(net), socket)->kind >= KIND_CONNECTING && size > 0);
        *got = 0;
        if (socket_of(self(net), socket)->aborted)
                return ERR_CLOSED;
        do
                count = recv(socket, bytes, size, 0);
        while (count < 0 && errno == EINTR);
        *got = count > 0 ? (size_t)count : 0;
        if (count > 0)
                return ERR_OK;
        return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? ERR_AGAIN : ERR_CLOSED;
}

/* Small parts as one; empty: they are not small. */
static struct slice put_together(const struct slice *parts, size_t count, uint8_t bytes[TOGETHER_MAX])
{
        size_t size = 0;

        for (size_t i = 0; i < count; i++) {
                if (parts[i].size > TOGETHER_MAX - size)
                        return (struct slice){0};
                if (parts[i].size > 0)
                        memcpy(bytes + size, parts[i].data, parts[i].size);
                size += parts[i].size;
        }
        return slice_of(bytes, size);
}

static ssize_t send_parts(int socket, const struct slice *parts, size_t count)
{
        struct iovec vector[PARTS_MAX];
        struct msghdr message = {.msg_iov = vector, .msg_iovlen = min_of(count, PARTS_MAX)};

        for (size_t i = 0; i < message.msg_iovlen; i++)
                vector[i] = (struct iovec){.iov_base = (void *)parts[i].data, .iov_len = parts[i].size};
        return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* The kernel takes a microsecond longer over `sendmsg` of several parts than over `send` of one: more than copying small ones takes. */
static enum error net_write(struct net *net, int socket, const struct slice *parts, size_t count, size_t *written)
{
        uint8_t bytes[TOGETHER_MAX];
        struct slice one = count == 1 ? parts[0] : put_together(parts, count, bytes);
        ssize_t sent;

        check(socket_of(self(net), socket)->kind >= KIND_CONNECTING && parts);
        do
                sent = count == 1 || one.size > 0 ? send(socket, one.data, one.size, MSG_NOSIGNAL)
                                                  : send_parts(socket, parts, count);
        while (sent < 0 && errno == EINTR);
        *written = sent > 0 ? (size_t)sent : 0;
        if (sent >= 0)
                return ERR_OK;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN ? ERR_AGAIN : ERR_CLOSED;
}

static enum error net_end_writing(struct net *net, int socket)
{
        check(socket_of(self(net), socket)->kind >= KIND_CONNECTING);
        return shutdown(socket, SHUT_WR) == 0 ? ERR_OK : ERR_CLOSED;
}

/* If the kernel has no memory for it the old interest stays; the owner's own deadlines then end the
 * connection. */
static void want(struct net *net, int fd, enum wanted bit, bool wanted)
{
        struct loop_net *loop = self(net);
        struct socket *socket = socket_of(loop, fd);

        socket->wanted = (uint8_t)(wanted ? socket->wanted | bit : socket->wanted & ~bit);
        (void)apply(loop, fd);
}

static void net_want_write(struct net *net, int socket, bool wanted)
{
        want(net, socket, WANT_WRITE, wanted);
}

static void net_want_read(struct net *net, int socket, bool wanted)
{
        want(net, socket, WANT_READ, wanted);
}

static void accept_pause(struct loop_net *loop, bool paused)
{
        loop->accept_again_ms = paused ? coarse_ms() + LOOP_ACCEPT_PAUSE_MS : 0;
        for (uint32_t i = 0; i < loop->listener_count; i++)
                (void)apply(loop, loop->listeners[i]);
}

static void net_close(struct net *net, int fd)
{
        struct loop_net *loop = self(net);
        struct socket *socket = socket_of(loop, fd);
        bool listener = socket->kind == KIND_LISTENER;

        /* After loop_own_descriptors a copy in another table could keep the epoll entry alive: take it out by
         * hand. */
        if (socket->registered)
                (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
        if (socket->kind != KIND_WATCHED)
                close(fd);
        *socket = (struct socket){0};
        for (uint32_t i = 0; listener && i < loop->listener_count; i++)
                if (loop->listeners[i] == fd)
                        loop->listeners[i] = loop->listeners[--loop->listener_count];
        if (loop->accept_again_ms)
                accept_pause(loop, false);
}

static enum error net_watch(struct net *net, int fd, uint64_t tag)
{
        return fd < 0 ? ERR_OK : adopt(self(net), fd, KIND_WATCHED, tag);
}

/* Out of descriptors or memory: the connection stays in the kernel's backlog and the listener would be
 * readable for ever. */
static bool out_of_resources(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* A crowd at the door is one event, not one for each that is let in when another leaves. */
static void note_pause(struct loop_net *loop, int reason)
{
        uint64_t now = coarse_ms();

        if (now < loop->note_again_ms)
                return;
        loop->note_again_ms = now + NOTE_PAUSE_MS;
        event_note(loop->events, EVENT_WARNING, "net.accept_paused", NULL, {"reason", strerrordesc_np(reason), 0},
                   {"pause_ms", NULL, LOOP_ACCEPT_PAUSE_MS});
}

static size_t accept_some(struct loop_net *loop, int listener, struct net_event *events, size_t max)
{
        size_t count = 0;

        max = min_of(max, LOOP_ACCEPTS_MAX);
        while (count < max) {
                struct sockaddr_storage peer = {0};
                socklen_t size = sizeof(peer);
                int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0 && out_of_resources(errno)) {
                        note_pause(loop, errno);
                        accept_pause(loop, true);
                        break;
                }
                if (fd < 0)
                        break;
                if (adopt(loop, fd, KIND_ACCEPTED, 0) != ERR_OK) {
                        close(fd);
                        break;
                }
                events[count++] = (struct net_event){.kind = NET_EVENT_ACCEPTED,
                                                     .socket = fd,
                                                     .tag = loop->sockets[listener].tag,
                                                     .peer = socket_address(&peer)};
        }
        return count;
}

/* What the owner hears of one event of the kernel. */
static size_t translate(struct loop_net *loop, const struct epoll_event *from, struct net_event *events, size_t max)
{
        int fd = from->data.fd;
        struct socket *socket = socket_of(loop, fd);
        bool broken = from->events & (EPOLLHUP | EPOLLERR);
        size_t count = 0;

        if (socket->kind == KIND_LISTENER)
                return accept_some(loop, fd, events, max);
        if (socket->kind == KIND_WATCHED) {
                events[count++] = (struct net_event){.kind = NET_EVENT_WATCHED, .socket = fd, .tag = socket->tag};
                return count;
        }
        if (socket->kind == KIND_CONNECTING) {
                socket->kind = KIND_STREAM;
                (void)apply(loop, fd);
                events[count++] = (struct net_event){.kind = NET_EVENT_WRITABLE, .socket = fd, .tag = socket->tag};
                return count;
        }
        socket->aborted |= socket->kind == KIND_ACCEPTED && from->events & EPOLLERR;
        if ((from->events & EPOLLIN || broken) && socket->wanted & WANT_READ)
                events[count++] = (struct net_event){.kind = NET_EVENT_READABLE, .socket = fd, .tag = socket->tag};
        if ((from->events & EPOLLOUT || broken) && socket->wanted & WANT_WRITE && count < max)
                events[count++] = (struct net_event){.kind = NET_EVENT_WRITABLE, .socket = fd, .tag = socket->tag};
        return count;
}

/* How long poll may sleep so that a pause of accepting ends in time. */
static int shorten(struct loop_net *loop, int timeout_ms)
{
        uint64_t now;

        if (!loop->accept_again_ms)
                return timeout_ms;
        now = coarse_ms();
        if (now >= loop->accept_again_ms) {
                accept_pause(loop, false);
                return timeout_ms;
        }
        if (timeout_ms < 0 || (uint64_t)timeout_ms > loop->accept_again_ms - now)
                return (int)(loop->accept_again_ms - now);
        return timeout_ms;
}

static size_t net_poll(struct net *net, struct net_event *events, size_t max, int timeout_ms)
{
        struct loop_net *loop = self(net);
        struct epoll_event ready[EVENTS_MAX];
        size_t count = 0;
        int got;

        check(events && max > 0);
        timeout_ms = shorten(loop, timeout_ms);
        got = epoll_wait(loop->epoll, ready, (int)min_of(max, EVENTS_MAX), timeout_ms);
        /* What finds no place is level-triggered: the next poll tells it again. */
        for (int i = 0; i < got && count < max; i++)
                count += translate(loop, &ready[i], events + count, max - count);
        check(count <= max);
        return count;
}

static void net_free(struct net **net)
{
        struct loop_net *loop;

        if (!*net)
                return;
        loop = self(*net);
        *net = NULL;
        for (uint32_t fd = 0; fd < loop->size; fd++)
                if (loop->sockets[fd].kind != KIND_NONE && loop->sockets[fd].kind != KIND_WATCHED)
                        close((int)fd);
        if (loop->epoll >= 0)
                close(loop->epoll);
        memory_free(loop->sockets);
        memory_free(loop);
}

enum error loop_net_new(struct event_sink *events, struct net **net)
{
        static const struct net_ops ops = {
                .free = net_free,
                .listen = net_listen,
                .connect = net_connect,
                .set_tag = net_set_tag,
                .read = net_read,
                .write = net_write,
                .end_writing = net_end_writing,
                .want_write = net_want_write,
                .want_read = net_want_read,
                .close = net_close,
                .watch = net_watch,
                .poll = net_poll,
        };
        struct loop_net *loop = memory_new(sizeof(*loop));

        check(net);
        if (!loop)
                return ERR_NO_MEMORY;
        *loop = (struct loop_net){.net.ops = &ops, .events = events, .epoll = epoll_create1(EPOLL_CLOEXEC)};
        *net = &loop->net;
        if (loop->epoll >= 0)
                return ERR_OK;
        net_free(net);
        return ERR_SYSTEM;
}

uint64_t loop_raise_descriptors(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return 0;
        /* A shell gives 1024 and lets one have more. */
        if (limit.rlim_cur < limit.rlim_max) {
                struct rlimit raised = {limit.rlim_max, limit.rlim_max};

                if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
                        limit = raised;
        }
        return limit.rlim_cur;
}

enum error loop_own_descriptors(void)
{
        return unshare(CLONE_FILES) == 0 ? ERR_OK : ERR_SYSTEM;
}
