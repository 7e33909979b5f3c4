/* Turns the cores' events into socket work; timers of all cores lie in one heap. */
#include "load.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "loop/loop.h"

#define EVENTS_A_TURN 512
#define READ_SIZE     65536
#define CHUNK_SIZE    2048
#define USER_SIZE_MAX (16u << 20)
#define ALARM_TAG     UINT64_MAX

static const struct arena_source heap_source = {memory_new, memory_free};

static struct core_time now(struct load *load)
{
        return (struct core_time){clock_monotonic_ms(&load->clock), load->clock.wall_ms(&load->clock)};
}

uint64_t load_now_us(struct load *load)
{
        return load->clock.monotonic_us(&load->clock);
}

enum error load_init(struct load *load, uint32_t users_max, const char *const *addresses, uint16_t port)
{
        struct heap_node **nodes;
        enum error error;

        *load = (struct load){.users_max = users_max, .addresses = addresses, .port = port, .alarm = -1, .reads = true};
        loop_clock_init(&load->clock);
        while (addresses[load->address_count])
                load->address_count++;
        check(load->address_count > 0);
        load->users = memory_new(sizeof(*load->users) * users_max);
        nodes = memory_new(sizeof(*nodes) * users_max);
        if (!load->users || !nodes) {
                memory_free(nodes);
                load_finish(load);
                return ERR_NO_MEMORY;
        }
        heap_init(&load->timers, nodes, users_max);
        error = loop_net_new(NULL, &load->net);
        load->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (!error)
                error = load->alarm >= 0 ? load->net->ops->watch(load->net, load->alarm, ALARM_TAG) : ERR_SYSTEM;
        if (error)
                load_finish(load);
        return error;
}

void load_finish(struct load *load)
{
        check(load->users || load->user_count == 0);
        for (uint32_t i = 0; i < load->user_count; i++) {
                if (load->users[i].socket >= 0)
                        load->net->ops->close(load->net, load->users[i].socket);
                arena_finish(&load->users[i].arena);
        }
        if (load->net)
                load->net->ops->free(&load->net);
        if (load->alarm >= 0)
                close(load->alarm);
        memory_free(load->timers.nodes);
        memory_free(load->users);
        *load = (struct load){.alarm = -1};
}

static void set_timer(struct load_user *user)
{
        bool inserted;

        heap_remove(&user->load->timers, &user->timer);
        inserted = heap_insert(&user->load->timers, &user->timer, core_deadline_ms(user->core));
        check(inserted);
}

static void connecting_ended(struct load_user *user)
{
        if (user->connecting)
                user->load->connecting_count--;
        user->connecting = false;
}

static void disconnect(struct load_user *user, bool tell)
{
        if (user->socket >= 0)
                user->load->net->ops->close(user->load->net, user->socket);
        user->socket = -1;
        user->frame_left = user->head_size = 0;
        connecting_ended(user);
        if (user->ready)
                user->load->ready_count--;
        user->ready = false;
        if (tell)
                core_disconnected(user->core, now(user->load));
}

static void connect_user(struct load_user *user)
{
        struct load *load = user->load;
        const char *address = load->addresses[user->index % load->address_count];

        disconnect(user, false);
        if (load->connecting_count >= LOAD_CONNECTING_MAX ||
            load->net->ops->connect(load->net, address, load->port, user->index, &user->socket) != ERR_OK) {
                user->socket = -1;
                core_disconnected(user->core, now(load));
                return;
        }
        user->connecting = true;
        load->connecting_count++;
        load->net->ops->want_write(load->net, user->socket, true);
}

/* Counts by code what the socket took; a frame may be taken in parts. */
static void count_frames(struct load_user *user, struct slice taken)
{
        while (taken.size > 0) {
                size_t part = min_of((size_t)user->frame_left, taken.size);

                user->frame_left -= (uint32_t)part;
                taken = slice_of(taken.data + part, taken.size - part);
                while (user->frame_left == 0 && taken.size > 0) {
                        user->head[user->head_size++] = *taken.data;
                        taken = slice_of(taken.data + 1, taken.size - 1);
                        if (user->head_size < sizeof(user->head))
                                continue;
                        user->load->frames_sent[user->head[WIRE_LENGTH_SIZE]]++;
                        user->frame_left = be32_get(user->head) - 1;
                        user->head_size = 0;
                        if (user->frame_left > 0)
                                break;
                }
        }
}

static void send_bytes(struct load_user *user, struct slice bytes)
{
        struct net *net = user->load->net;
        size_t written = 0;
        enum error error = ERR_CLOSED;

        if (user->socket >= 0 && !user->connecting)
                error = net->ops->write(net, user->socket, &bytes, 1, &written);
        count_frames(user, slice_of(bytes.data, error ? 0 : written));
        core_sent(user->core, error ? 0 : written);
        if (error == ERR_CLOSED) {
                disconnect(user, true);
                return;
        }
        if (written < bytes.size)
                net->ops->want_write(net, user->socket, true);
}

static void show_row(struct load_user *user, const struct core_event *event)
{
        struct load *load = user->load;

        if (load->reads && event->row.sender != user->user)
                core_read(user->core, &event->room, event->row.seq, now(load));
        if (load->listener.row)
                load->listener.row(load->listener.context, user, &event->room, &event->row);
}

static void show_message(struct load_user *user, const struct core_event *event)
{
        struct load_listener *listener = &user->load->listener;

        if (event->state == CORE_MESSAGE_FAILED && listener->failed)
                listener->failed(listener->context, user, &event->room, &event->id, event->error);
        if (event->state == CORE_MESSAGE_SENT && listener->acknowledged)
                listener->acknowledged(listener->context, user, &event->room, &event->id, event->seq);
}

static void note_phase(struct load_user *user)
{
        bool ready = core_phase(user->core) >= CORE_READY;

        if (ready != user->ready)
                user->load->ready_count += ready ? 1 : -1;
        user->ready = ready;
}

static void settle(struct load_user *user)
{
        struct core_event event;

        while (core_poll(user->core, &event) != CORE_EVENT_NONE) {
                switch (event.kind) {
                case CORE_EVENT_CONNECT:
                        connect_user(user);
                        break;
                case CORE_EVENT_CLOSE:
                        disconnect(user, false);
                        break;
                case CORE_EVENT_SEND:
                        send_bytes(user, event.bytes);
                        break;
                case CORE_EVENT_KEEP:
                        if (user->load->listener.keep)
                                user->load->listener.keep(user->load->listener.context, user, &event);
                        core_kept(user->core, event.number, now(user->load));
                        break;
                case CORE_EVENT_WANT:
                        if (user->load->listener.want)
                                user->load->listener.want(user->load->listener.context, user, &event);
                        else
                                core_given_end(user->core, event.number, now(user->load));
                        break;
                case CORE_EVENT_PHASE:
                        note_phase(user);
                        break;
                case CORE_EVENT_ROW:
                        show_row(user, &event);
                        break;
                case CORE_EVENT_MESSAGE:
                        show_message(user, &event);
                        break;
                default:
                        break;
                }
        }
        set_timer(user);
}

struct load_user *load_add(struct load *load, uint64_t user_id, uint64_t device, const uint8_t token[40])
{
        struct load_user *user;
        uint8_t seed[32];

        if (load->user_count == load->users_max)
                return NULL;
        user = &load->users[load->user_count];
        *user = (struct load_user){.load = load, .socket = -1, .index = load->user_count, .user = user_id, .device = device};
        arena_init(&user->arena, &heap_source, CHUNK_SIZE, USER_SIZE_MAX);
        crypto_random(seed, sizeof(seed));
        user->core = core_new(&user->arena, NULL, seed, SLICE_LITERAL("galka-bench"), SLICE_LITERAL("en"));
        if (!user->core) {
                arena_finish(&user->arena);
                return NULL;
        }
        load->user_count++;
        core_start(user->core, now(load));
        settle(user);
        if (core_adopt(user->core, user_id, device, token, now(load)) != ERR_OK)
                return NULL;
        settle(user);
        return user;
}

static void read_user(struct load_user *user)
{
        static _Thread_local uint8_t bytes[READ_SIZE];
        size_t got = 0;
        enum error error = user->load->net->ops->read(user->load->net, user->socket, bytes, sizeof(bytes), &got);

        if (error == ERR_AGAIN)
                return;
        if (error) {
                disconnect(user, true);
                return;
        }
        user->load->bytes_in += got;
        core_receive(user->core, slice_of(bytes, got), now(user->load));
}

static void writable(struct load_user *user)
{
        struct net *net = user->load->net;
        const struct slice nothing = {0};
        size_t written;

        net->ops->want_write(net, user->socket, false);
        if (!user->connecting) {
                core_writable(user->core);
                return;
        }
        connecting_ended(user);
        if (net->ops->write(net, user->socket, &nothing, 1, &written) == ERR_CLOSED)
                disconnect(user, true);
        else
                core_connected(user->core, now(user->load));
}

static void run_timers(struct load *load)
{
        uint64_t now_ms = clock_monotonic_ms(&load->clock);
        struct heap_node *node;

        for (uint32_t i = 0; i < load->user_count && (node = heap_peek(&load->timers)) && node->key <= now_ms; i++) {
                struct load_user *user = container_of(node, struct load_user, timer);

                core_tick(user->core, now(load));
                settle(user);
        }
}

/* An alarm that has gone off would end every wait at once, until it is set again. */
static void quench_alarm(struct load *load)
{
        static const struct itimerspec never;

        check(timerfd_settime(load->alarm, 0, &never, NULL) == 0);
}

size_t load_turn(struct load *load, int wait_ms)
{
        struct net_event events[EVENTS_A_TURN];
        struct heap_node *first = heap_peek(&load->timers);
        uint64_t now_ms = clock_monotonic_ms(&load->clock);
        size_t count;

        if (first && first->key < now_ms + (uint64_t)wait_ms)
                wait_ms = first->key > now_ms ? (int)(first->key - now_ms) : 0;
        count = load->net->ops->poll(load->net, events, countof(events), wait_ms);
        for (size_t i = 0; i < count; i++) {
                struct load_user *user;

                if (events[i].tag == ALARM_TAG) {
                        quench_alarm(load); /* what is due is seen by who set it */
                        continue;
                }
                if (events[i].tag >= LOAD_FOREIGN_TAG) {
                        load->listener.foreign(load->listener.context, &events[i]);
                        continue;
                }
                check(events[i].tag < load->user_count);
                user = &load->users[events[i].tag];
                if (user->socket < 0)
                        continue;
                if (events[i].kind == NET_EVENT_WRITABLE)
                        writable(user);
                else if (events[i].kind == NET_EVENT_READABLE && !user->connecting)
                        read_user(user);
                settle(user);
        }
        run_timers(load);
        return count;
}

void load_turn_until(struct load *load, uint64_t until_us)
{
        const struct itimerspec time = {
                .it_value = {.tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000}};
        bool set = timerfd_settime(load->alarm, TFD_TIMER_ABSTIME, &time, NULL) == 0;

        load_turn(load, set ? 1000 : 1);
}

enum error load_send(struct load_user *user, const struct id *room, struct slice text, struct id *id)
{
        enum error error = core_send(user->core, room, text, id, now(user->load));

        settle(user);
        return error;
}

enum error load_create_group(struct load_user *user, struct slice title, struct id *room)
{
        enum error error = core_create_group(user->core, title, room, now(user->load));

        settle(user);
        return error;
}

enum error load_write(struct load_user *user, const struct id *room, const struct wire_operation *operation, struct id *id)
{
        enum error error = core_write(user->core, room, operation, id, now(user->load));

        settle(user);
        return error;
}

void load_hurry(struct load_user *user)
{
        core_online(user->core, false, now(user->load));
        core_online(user->core, true, now(user->load));
        settle(user);
}
