/* See fake_net.h. A socket's number is its place in its machine's table; a place is used again after close,
 * as descriptors are. */
#include "support/fake_net.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"

#define MACHINES_MAX  64
#define BACKLOG_MAX   64
#define FIRST_SOCKETS 16

enum kind { NONE, LISTENER, STREAM };

struct machine;

/* One end of a connection. in: what the other end wrote and this one has not read. */
struct end {
        struct end *other; /* NULL: it has closed */
        struct machine *machine;
        uint8_t *in;
        size_t in_size;
        struct net_address peer;
        bool broken, connecting;
        bool ended; /* writes no more */
};

struct socket {
        enum kind kind;
        uint64_t tag;
        bool wants_read, wants_write;
        uint16_t port;
        struct end *end;
        struct end *backlog[BACKLOG_MAX];
        size_t backlog_count;
};

struct machine {
        struct net net;
        struct fake_world *world;
        struct net_address address;
        struct socket **sockets;
        int size, next;
        size_t read_max;
};

struct fake_world {
        struct machine *machines[MACHINES_MAX];
        size_t count, turn, pipe_size;
        uint16_t next_port;
};

static struct machine *self(struct net *net)
{
        return container_of(net, struct machine, net);
}

static struct socket *socket_of(struct net *net, int socket)
{
        struct machine *machine = self(net);

        check(socket >= 0 && socket < machine->size && machine->sockets[socket]);
        return machine->sockets[socket];
}

static struct socket *socket_new(struct machine *machine, enum kind kind, uint64_t tag, int *number)
{
        struct socket *made = memory_new(sizeof(*made));
        int place = 0;

        while (place < machine->size && machine->sockets[place])
                place++;
        if (made && place == machine->size) {
                int size = machine->size ? 2 * machine->size : FIRST_SOCKETS;
                struct socket **grown = memory_resize(machine->sockets, (size_t)size * sizeof(struct socket *));

                if (!grown) {
                        memory_free(made);
                        return NULL;
                }
                memset(grown + machine->size, 0, (size_t)(size - machine->size) * sizeof(struct socket *));
                machine->sockets = grown;
                machine->size = size;
        }
        if (!made)
                return NULL;
        *made = (struct socket){.kind = kind, .tag = tag, .wants_read = true};
        machine->sockets[place] = made;
        *number = place;
        return made;
}

static struct end *end_new(struct machine *machine)
{
        struct end *end = memory_new(sizeof(*end));

        if (!end)
                return NULL;
        end->machine = machine;
        end->in = memory_new(machine->world->pipe_size);
        if (!end->in) {
                memory_free(end);
                return NULL;
        }
        return end;
}

static void end_free(struct end *end)
{
        if (end->other)
                end->other->other = NULL;
        memory_free(end->in);
        memory_free(end);
}

static enum error fake_listen(struct net *net, const char *address, uint16_t port, bool shared, uint64_t tag, int *number,
                              struct net_address *bound)
{
        struct machine *machine = self(net);
        struct socket *made;

        (void)address;
        for (int i = 0; port && !shared && i < machine->size; i++)
                if (machine->sockets[i] && machine->sockets[i]->kind == LISTENER && machine->sockets[i]->port == port)
                        return ERR_SYSTEM;
        made = socket_new(machine, LISTENER, tag, number);
        if (!made)
                return ERR_NO_MEMORY;
        made->port = port ? port : machine->world->next_port++;
        if (bound) {
                *bound = machine->address;
                bound->port = made->port;
        }
        return ERR_OK;
}

/* The listeners that take connections for host and port, in turn. */
static struct socket *find_listener(struct fake_world *world, const char *host, uint16_t port, struct machine **owner)
{
        struct socket *found[MACHINES_MAX];
        struct machine *owners[MACHINES_MAX];
        size_t count = 0;

        for (size_t m = 0; m < world->count; m++) {
                struct machine *machine = world->machines[m];
                char name[24];

                if (!machine)
                        continue;
                snprintf(name, sizeof(name), "10.0.0.%u", machine->address.ip[15]);
                if (strcmp(host, "*") != 0 && strcmp(host, name) != 0)
                        continue;
                for (int i = 0; i < machine->size; i++) {
                        struct socket *socket = machine->sockets[i];

                        if (socket && socket->kind == LISTENER && socket->port == port && count < MACHINES_MAX) {
                                owners[count] = machine;
                                found[count++] = socket;
                        }
                }
        }
        if (count == 0)
                return NULL;
        *owner = owners[world->turn % count];
        return found[world->turn++ % count];
}

static enum error fake_connect(struct net *net, const char *host, uint16_t port, uint64_t tag, int *number)
{
        struct machine *machine = self(net), *owner = NULL;
        struct socket *listener = find_listener(machine->world, host, port, &owner), *made;
        struct end *near = end_new(machine), *far = NULL;

        if (!near)
                return ERR_NO_MEMORY;
        made = socket_new(machine, STREAM, tag, number);
        if (!made)
                goto fail;
        made->end = near;
        near->connecting = true;
        if (!listener || listener->backlog_count == countof(listener->backlog)) {
                near->broken = true;
                return ERR_OK;
        }
        far = end_new(owner);
        if (!far)
                goto fail;
        near->other = far;
        near->peer = owner->address;
        far->other = near;
        far->peer = machine->address;
        listener->backlog[listener->backlog_count++] = far;
        return ERR_OK;
fail:
        end_free(near);
        if (made)
                machine->sockets[*number] = NULL;
        memory_free(made);
        return ERR_NO_MEMORY;
}

static void fake_set_tag(struct net *net, int socket, uint64_t tag)
{
        socket_of(net, socket)->tag = tag;
}

static enum error fake_read(struct net *net, int socket, void *bytes, size_t size, size_t *got)
{
        struct end *end = socket_of(net, socket)->end;
        size_t read_max = self(net)->read_max;

        check(end && size > 0);
        *got = 0;
        if (end->broken)
                return ERR_CLOSED;
        if (end->in_size == 0)
                return end->other && !end->other->ended ? ERR_AGAIN : ERR_CLOSED;
        *got = min_of(size, end->in_size);
        if (read_max)
                *got = min_of(*got, read_max);
        memcpy(bytes, end->in, *got);
        end->in_size -= *got;
        memmove(end->in, end->in + *got, end->in_size);
        return ERR_OK;
}

static enum error fake_write(struct net *net, int socket, const struct slice *parts, size_t count, size_t *written)
{
        struct end *end = socket_of(net, socket)->end, *other;
        size_t pipe_size = self(net)->world->pipe_size;

        check(end && !end->ended);
        other = end->other;
        *written = 0;
        if (end->broken || !other || other->broken)
                return ERR_CLOSED;
        for (size_t i = 0; i < count; i++) {
                size_t taken = min_of(parts[i].size, pipe_size - other->in_size);

                if (taken)
                        memcpy(other->in + other->in_size, parts[i].data, taken);
                other->in_size += taken;
                *written += taken;
        }
        return *written ? ERR_OK : ERR_AGAIN;
}

static enum error fake_end_writing(struct net *net, int socket)
{
        struct end *end = socket_of(net, socket)->end;

        check(end);
        end->ended = true;
        return end->broken || !end->other ? ERR_CLOSED : ERR_OK;
}

static void fake_want_write(struct net *net, int socket, bool wanted)
{
        socket_of(net, socket)->wants_write = wanted;
}

static void fake_want_read(struct net *net, int socket, bool wanted)
{
        socket_of(net, socket)->wants_read = wanted;
}

static void fake_close(struct net *net, int number)
{
        struct socket *socket = socket_of(net, number);

        if (socket->end)
                end_free(socket->end);
        for (size_t i = 0; i < socket->backlog_count; i++)
                end_free(socket->backlog[i]);
        memory_free(socket);
        self(net)->sockets[number] = NULL;
}

static enum error fake_watch(struct net *net, int fd, uint64_t tag)
{
        (void)net, (void)tag;
        check(fd < 0);
        return ERR_OK;
}

static size_t accept_some(struct machine *machine, int number, struct net_event *events, size_t max)
{
        struct socket *listener = machine->sockets[number];
        size_t count = 0;

        while (count < max && listener->wants_read && listener->backlog_count > 0) {
                struct end *end = listener->backlog[0];
                struct socket *made;
                int accepted;

                made = socket_new(machine, STREAM, 0, &accepted);
                if (!made)
                        break;
                memmove(listener->backlog, listener->backlog + 1, --listener->backlog_count * sizeof(end));
                made->end = end;
                events[count++] = (struct net_event){
                        .kind = NET_EVENT_ACCEPTED, .socket = accepted, .tag = listener->tag, .peer = end->peer};
        }
        return count;
}

static size_t stream_events(struct machine *machine, int number, struct net_event *events, size_t max)
{
        struct socket *socket = machine->sockets[number];
        struct end *end = socket->end;
        struct end *other = end->other;
        bool over = end->broken || !other || other->broken;
        size_t count = 0;

        if (end->connecting) {
                end->connecting = false;
                events[count++] = (struct net_event){.kind = NET_EVENT_WRITABLE, .socket = number, .tag = socket->tag};
                return count;
        }
        if (socket->wants_read && (over || other->ended || end->in_size > 0))
                events[count++] = (struct net_event){.kind = NET_EVENT_READABLE, .socket = number, .tag = socket->tag};
        if (socket->wants_write && count < max && (over || other->in_size < machine->world->pipe_size))
                events[count++] = (struct net_event){.kind = NET_EVENT_WRITABLE, .socket = number, .tag = socket->tag};
        return count;
}

static size_t fake_poll(struct net *net, struct net_event *events, size_t max, int timeout_ms)
{
        struct machine *machine = self(net);
        int start = machine->next, size = machine->size;
        size_t count = 0;

        (void)timeout_ms;
        for (int i = 0; i < size && count < max; i++) {
                int number = (start + i) % size;
                struct socket *socket = machine->sockets[number];

                machine->next = (number + 1) % size;
                if (!socket)
                        continue;
                if (socket->kind == LISTENER)
                        count += accept_some(machine, number, events + count, max - count);
                else
                        count += stream_events(machine, number, events + count, max - count);
        }
        return count;
}

static void fake_free(struct net **net)
{
        struct machine *machine;

        if (!*net)
                return;
        machine = self(*net);
        for (int i = 0; i < machine->size; i++)
                if (machine->sockets[i])
                        fake_close(*net, i);
        *net = NULL;
        for (size_t i = 0; i < machine->world->count; i++)
                if (machine->world->machines[i] == machine)
                        machine->world->machines[i] = NULL;
        memory_free(machine->sockets);
        memory_free(machine);
}

struct net *fake_world_net(struct fake_world *world, uint8_t number)
{
        static const struct net_ops ops = {
                .free = fake_free,
                .listen = fake_listen,
                .connect = fake_connect,
                .set_tag = fake_set_tag,
                .read = fake_read,
                .write = fake_write,
                .end_writing = fake_end_writing,
                .want_write = fake_want_write,
                .want_read = fake_want_read,
                .close = fake_close,
                .watch = fake_watch,
                .poll = fake_poll,
        };
        struct machine *machine;

        check(world && world->count < MACHINES_MAX);
        machine = memory_new(sizeof(*machine));
        if (!machine)
                return NULL;
        *machine = (struct machine){
                .net.ops = &ops,
                .world = world,
                .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = number}},
        };
        world->machines[world->count++] = machine;
        return &machine->net;
}

struct fake_world *fake_world_new(size_t pipe_size)
{
        struct fake_world *world = memory_new(sizeof(*world));

        check(pipe_size > 0);
        if (world)
                *world = (struct fake_world){.pipe_size = pipe_size, .next_port = 20000};
        return world;
}

void fake_world_free(struct fake_world **world_p)
{
        struct fake_world *world = *world_p;

        if (!world)
                return;
        *world_p = NULL;
        for (size_t i = 0; i < world->count; i++)
                if (world->machines[i]) {
                        struct net *net = &world->machines[i]->net;

                        fake_free(&net);
                }
        memory_free(world);
}

void fake_net_set_read_max(struct net *net, size_t bytes)
{
        self(net)->read_max = bytes;
}

void fake_net_break(struct net *net, int socket)
{
        struct end *end = socket_of(net, socket)->end;

        check(end);
        end->broken = true;
        end->in_size = 0;
        if (end->other) {
                end->other->broken = true;
                end->other->in_size = 0;
        }
}

size_t fake_net_open(struct net *net)
{
        struct machine *machine = self(net);
        size_t count = 0;

        for (int i = 0; i < machine->size; i++)
                count += machine->sockets[i] != NULL;
        return count;
}
