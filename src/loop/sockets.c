/* Making sockets, see sockets.h. A socket that is returned is the caller's; on an error none is left open. */
#include "loop/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"

struct place {
        struct sockaddr_storage storage;
        socklen_t size;
};

static bool place_parse(const char *address, uint16_t port, struct place *place)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)&place->storage;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&place->storage;

        *place = (struct place){0};
        if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                place->size = sizeof(*v4);
                return true;
        }
        if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(port);
                place->size = sizeof(*v6);
                return true;
        }
        return false;
}

/* A name's first IPv4 address, else its first: "localhost" often names ::1 first, where few servers listen.
 */
static bool place_resolve(const char *host, uint16_t port, struct place *place)
{
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found, *best;
        char service[8];

        snprintf(service, sizeof(service), "%u", port);
        if (getaddrinfo(host, service, &hints, &found) != 0)
                return false;
        best = found;
        for (struct addrinfo *at = found; at; at = at->ai_next)
                if (at->ai_family == AF_INET) {
                        best = at;
                        break;
                }
        check(best && best->ai_addrlen <= sizeof(place->storage));
        memset(&place->storage, 0, sizeof(place->storage));
        memcpy(&place->storage, best->ai_addr, best->ai_addrlen);
        place->size = best->ai_addrlen;
        freeaddrinfo(found);
        return true;
}

static bool switch_on(int fd, int level, int option, int value)
{
        return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool begin_listening(int fd, const struct place *place, bool shared)
{
        if (!switch_on(fd, SOL_SOCKET, SO_REUSEADDR, 1))
                return false;
        if (shared && !switch_on(fd, SOL_SOCKET, SO_REUSEPORT, 1))
                return false;
        /* "::" means every address, of IPv4 too, whatever the system's default is. */
        if (place->storage.ss_family == AF_INET6 && !switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0))
                return false;
        /* Accepted sockets inherit it, which saves a call for each. */
        if (!switch_on(fd, IPPROTO_TCP, TCP_NODELAY, 1))
                return false;
        if (bind(fd, (const struct sockaddr *)&place->storage, place->size) != 0)
                return false;
        return listen(fd, LOOP_BACKLOG) == 0;
}

enum error socket_listen(const char *address, uint16_t port, bool shared, int *fd, struct net_address *bound)
{
        struct sockaddr_storage name = {0};
        socklen_t size = sizeof(name);
        struct place place;
        int made;

        check(address && fd);
        if (!place_parse(address, port, &place))
                return ERR_CONFIG;
        made = socket(place.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (made < 0)
                return ERR_SYSTEM;
        if (!begin_listening(made, &place, shared) || getsockname(made, (struct sockaddr *)&name, &size) != 0) {
                close(made);
                return ERR_SYSTEM;
        }
        if (bound)
                *bound = socket_address(&name);
        *fd = made;
        return ERR_OK;
}

enum error socket_connect(const char *host, uint16_t port, int *fd)
{
        struct place place;
        int made;

        check(host && fd);
        if (!place_parse(host, port, &place) && !place_resolve(host, port, &place))
                return ERR_CONFIG;
        made = socket(place.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (made < 0)
                return ERR_SYSTEM;
        /* Without it the kernel goes on sending after close, for minutes, what the client sends again elsewhere meanwhile. */
        (void)setsockopt(made, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        if (!switch_on(made, IPPROTO_TCP, TCP_NODELAY, 1) ||
            (connect(made, (const struct sockaddr *)&place.storage, place.size) != 0 && errno != EINPROGRESS)) {
                close(made);
                return ERR_SYSTEM;
        }
        *fd = made;
        return ERR_OK;
}

struct net_address socket_address(const struct sockaddr_storage *from)
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        struct net_address address = {0};

        if (from->ss_family == AF_INET) {
                address.ip[10] = address.ip[11] = 0xff;
                memcpy(address.ip + 12, &v4->sin_addr, 4);
                address.port = ntohs(v4->sin_port);
        } else if (from->ss_family == AF_INET6) {
                memcpy(address.ip, &v6->sin6_addr, 16);
                address.port = ntohs(v6->sin6_port);
        }
        return address;
}
