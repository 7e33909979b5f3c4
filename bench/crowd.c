/* See crowd.h. */
#include "crowd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "core/marks.h"
#include "rules/limits.h"

#define READ_SIZE 65536
#define SLOW_RECEIVES                                                                                                       \
        (256 << 10) /* a slow reader's buffer, bytes: into less than loopback's packets it would drain for minutes */
#define FRAME_UP_MAX 1024

enum error crowd_init(struct crowd *crowd, struct load *load, struct ledger *ledger, uint32_t count_max, uint64_t tag,
                      uint16_t port, bool bare)
{
        struct heap_node **nodes = calloc(count_max, sizeof(struct heap_node *));

        check(tag >= LOAD_FOREIGN_TAG);
        *crowd = (struct crowd){
                .load = load, .ledger = ledger, .count_max = count_max, .tag = tag, .port = port, .bare = bare};
        crowd->members = calloc(count_max, sizeof(*crowd->members));
        if (!crowd->members || !nodes) {
                free(nodes);
                crowd_finish(crowd);
                return ERR_NO_MEMORY;
        }
        heap_init(&crowd->timers, nodes, count_max);
        return ERR_OK;
}

void crowd_finish(struct crowd *crowd)
{
        struct net *net = crowd->load ? crowd->load->net : NULL;

        for (uint32_t i = 0; i < crowd->count; i++) {
                if (crowd->members[i].socket >= 0)
                        net->ops->close(net, crowd->members[i].socket);
                free(crowd->members[i].rest);
        }
        free(crowd->members);
        free(crowd->timers.nodes);
        *crowd = (struct crowd){0};
}

void crowd_add(struct crowd *crowd, const struct process_user *user, uint32_t index)
{
        struct crowd_member *member = &crowd->members[crowd->count++];

        check(crowd->count <= crowd->count_max);
        *member = (struct crowd_member){.socket = -1, .index = index};
        if (!user)
                return;
        member->user = user->user;
        member->device = user->device;
        memcpy(member->token, user->token, sizeof(member->token));
}

static uint64_t now_ms(const struct crowd *crowd)
{
        return load_now_us(crowd->load) / 1000;
}

static void disconnect(struct crowd *crowd, struct crowd_member *member, enum crowd_state state)
{
        if (member->socket >= 0)
                crowd->load->net->ops->close(crowd->load->net, member->socket);
        member->socket = -1;
        member->rest_size = 0;
        member->marking = false;
        heap_remove(&crowd->timers, &member->timer);
        crowd->connecting -= member->state == CROWD_CONNECTING;
        crowd->ready -= member->state == CROWD_READY;
        crowd->closed += state == CROWD_CLOSED;
        member->state = state;
}

static void connect_one(struct crowd *crowd, uint32_t i)
{
        struct crowd_member *member = &crowd->members[i];
        struct net *net = crowd->load->net;
        int size = SLOW_RECEIVES;

        if (net->ops->connect(net, "127.0.0.1", crowd->port, crowd->tag + i, &member->socket) != ERR_OK) {
                member->socket = -1;
                crowd->failures++;
                return;
        }
        if (member->slow)
                (void)setsockopt(member->socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        member->state = CROWD_CONNECTING;
        crowd->connecting++;
        net->ops->want_write(net, member->socket, true);
}

void crowd_make_slow(struct crowd *crowd, uint32_t i)
{
        disconnect(crowd, &crowd->members[i], CROWD_IDLE);
        crowd->members[i].slow = true;
}

void crowd_wake(struct crowd *crowd, uint32_t i)
{
        if (crowd->members[i].socket >= 0)
                crowd->load->net->ops->want_read(crowd->load->net, crowd->members[i].socket, true);
}

/* ---- out ---- */

/* Frames are small and the socket's buffer is empty or nearly: what it does not take whole is a failure. */
static void send_frame(struct crowd *crowd, struct crowd_member *member, uint8_t code, const void *message)
{
        uint8_t buffer[FRAME_UP_MAX];
        struct wire_frame frame = {
                .code = code, .user = be64_get(member->token), .device = member->device, .room = crowd->room};
        size_t written = 0;
        struct slice bytes;

        be64_put(frame.request.bytes, ++crowd->requests);
        be64_put(frame.request.bytes + 8, member->user);
        memcpy(frame.mac, member->token + 8, sizeof(frame.mac));
        bytes = wire_frame_build(&frame, message, buffer, buffer + sizeof(buffer));
        check(bytes.size > 0);
        if (crowd->load->net->ops->write(crowd->load->net, member->socket, &bytes, 1, &written) != ERR_OK ||
            written < bytes.size)
                crowd->failures++;
}

static void say_hello(struct crowd *crowd, struct crowd_member *member)
{
        const struct wire_hello hello = {.version_min = PROTOCOL_VERSION,
                                         .version_max = PROTOCOL_VERSION,
                                         .client = SLICE_LITERAL("galka-bench"),
                                         .language = SLICE_LITERAL("en")};

        send_frame(crowd, member, WIRE_CODE_hello, &hello);
}

/* As the core does: a little after what came first, and no more often than its interval. */
static void mark_later(struct crowd *crowd, struct crowd_member *member)
{
        bool inserted;

        if (crowd->bare || member->marking || member->timer.place || member->head <= member->marked)
                return;
        inserted = heap_insert(&crowd->timers, &member->timer, max_of(member->mark_ms, now_ms(crowd) + MARK_GATHER_MS));
        check(inserted);
}

static void send_mark(struct crowd *crowd, struct crowd_member *member)
{
        const struct wire_mark mark = {.delivered = member->head, .read = member->head, .shown = member->head};

        member->marked = member->head;
        member->marking = true;
        member->mark_ms = now_ms(crowd) + MARK_INTERVAL_MS;
        crowd->marks++;
        send_frame(crowd, member, WIRE_CODE_mark, &mark);
}

void crowd_tick(struct crowd *crowd)
{
        uint64_t time = now_ms(crowd);
        struct heap_node *node;

        if (crowd->ready + crowd->closed < crowd->count)
                for (uint32_t i = 0; i < crowd->count && crowd->connecting < CROWD_CONNECTING_MAX; i++)
                        if (crowd->members[i].state == CROWD_IDLE)
                                connect_one(crowd, i);
        while ((node = heap_peek(&crowd->timers)) && node->key <= time) {
                heap_remove(&crowd->timers, node);
                send_mark(crowd, container_of(node, struct crowd_member, timer));
        }
}

/* ---- in ---- */

/* A message at a member who counts: a bare loop writes them in the order of the ledger. */
static void take_message(struct crowd *crowd, struct crowd_member *member, uint64_t message, uint64_t number,
                         uint64_t now_us)
{
        uint64_t place = crowd->bare ? message + 1 : number;

        member->head = max_of(member->head, number);
        mark_later(crowd, member);
        crowd->failures += place <= member->latest;
        member->latest = place;
        ledger_arrived(crowd->ledger, member->index, message, now_us);
}

static void take_delivery(struct crowd *crowd, struct crowd_member *member, const struct wire_frame *frame,
                          struct slice whole, uint64_t now_us)
{
        struct wire_delivery delivery;
        uint64_t message;

        if (wire_decode(WIRE_STRUCTURE(delivery), frame->body, &delivery, NULL) != ERR_OK) {
                crowd->failures++;
                return;
        }
        if (delivery.row.text.size == 0 || member->slow) { /* what happened to the group itself; what nobody counts on */
                member->head = max_of(member->head, delivery.number);
                mark_later(crowd, member);
                return;
        }
        if (!crowd->bare && whole.size <= sizeof(crowd->sample)) {
                memcpy(crowd->sample, whole.data, whole.size);
                crowd->sample_size = whole.size;
                crowd->sample_text = (size_t)(delivery.row.text.data - whole.data);
        }
        message = ledger_number(delivery.row.text);
        crowd->failures += !copies_note(&crowd->copies, message, delivery.number, whole, &member->next_copy);
        take_message(crowd, member, message, delivery.number, now_us);
}

/* True: another of them has decoded it already. */
static bool take_copy(struct crowd *crowd, struct crowd_member *member, struct slice whole, uint64_t now_us)
{
        const struct copy *copy = member->slow ? NULL : copies_match(&crowd->copies, member->next_copy, whole);

        if (!copy)
                return false;
        member->next_copy++;
        take_message(crowd, member, copy->message, copy->number, now_us);
        return true;
}

static void become_ready(struct crowd *crowd, struct crowd_member *member)
{
        member->state = CROWD_READY;
        crowd->ready++;
        if (member->slow)
                crowd->load->net->ops->want_read(crowd->load->net, member->socket, false);
}

static void note_refusal(struct crowd *crowd, const struct wire_frame *frame)
{
        struct wire_error error;

        if (crowd->failures++ == 0 && wire_decode(WIRE_STRUCTURE(error), frame->body, &error, NULL) == ERR_OK)
                fprintf(stderr, "a light member was refused: code 0x%02x, %.*s\n", frame->code, (int)error.text.size,
                        (const char *)error.text.data);
}

static void take_frame(struct crowd *crowd, struct crowd_member *member, struct slice whole, uint64_t now_us)
{
        const struct wire_join join = {0};
        struct wire_frame frame;

        if (wire_frame_parse(slice_of(whole.data + WIRE_LENGTH_SIZE, whole.size - WIRE_LENGTH_SIZE), &frame) != ERR_OK) {
                crowd->failures++;
                return;
        }
        switch (frame.code) {
        case WIRE_CODE_delivery:
                take_delivery(crowd, member, &frame, whole, now_us);
                break;
        case WIRE_CODE_welcome:
                member->state = CROWD_JOINING;
                send_frame(crowd, member, WIRE_CODE_join, &join);
                break;
        case WIRE_CODE_joined:
                if (member->state == CROWD_JOINING)
                        become_ready(crowd, member);
                break;
        case WIRE_CODE_marked:
                member->marking = false;
                mark_later(crowd, member);
                break;
        case WIRE_CODE_error:
        case WIRE_CODE_rejoin:
        case WIRE_CODE_bye:
                if (!member->slow)
                        note_refusal(crowd, &frame);
                break;
        default: /* the room's lowest marks, answers to pings */
                break;
        }
}

/* Keeps the beginning of a frame for the next read. */
static void keep_rest(struct crowd *crowd, struct crowd_member *member, struct slice rest)
{
        member->rest_size = 0;
        if (rest.size == 0)
                return;
        if (!member->rest)
                member->rest = malloc(WIRE_DOWN_SIZE_MAX);
        if (!member->rest || rest.size > WIRE_DOWN_SIZE_MAX) {
                crowd->failures++;
                return;
        }
        memcpy(member->rest, rest.data, rest.size);
        member->rest_size = rest.size;
}

static void read_member(struct crowd *crowd, struct crowd_member *member)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX + READ_SIZE];
        size_t got = 0, size;
        enum error error;
        struct slice left;
        uint64_t now_us;

        if (member->rest_size)
                memcpy(bytes, member->rest, member->rest_size);
        error = crowd->load->net->ops->read(crowd->load->net, member->socket, bytes + member->rest_size, READ_SIZE, &got);
        if (error == ERR_AGAIN)
                return;
        if (error) {
                crowd->failures += !member->slow;
                disconnect(crowd, member, CROWD_CLOSED);
                return;
        }
        now_us = load_now_us(crowd->load);
        left = slice_of(bytes, member->rest_size + got);
        while ((size = wire_frame_size(left, WIRE_DOWN_SIZE_MAX, &error)) > 0 && size <= left.size) {
                if (!take_copy(crowd, member, slice_of(left.data, size), now_us))
                        take_frame(crowd, member, slice_of(left.data, size), now_us);
                left = slice_of(left.data + size, left.size - size);
        }
        keep_rest(crowd, member, left);
}

static void connected(struct crowd *crowd, struct crowd_member *member)
{
        struct net *net = crowd->load->net;
        const struct slice nothing = {0};
        size_t written;

        net->ops->want_write(net, member->socket, false);
        if (member->state != CROWD_CONNECTING)
                return;
        if (net->ops->write(net, member->socket, &nothing, 1, &written) == ERR_CLOSED) {
                disconnect(crowd, member, CROWD_IDLE);
                return;
        }
        crowd->connecting--;
        member->state = CROWD_HELLO;
        if (crowd->bare)
                become_ready(crowd, member);
        else
                say_hello(crowd, member);
}

void crowd_event(struct crowd *crowd, const struct net_event *event)
{
        uint64_t i = event->tag - crowd->tag;
        struct crowd_member *member;

        check(i < crowd->count);
        member = &crowd->members[i];
        if (member->socket < 0)
                return;
        if (event->kind == NET_EVENT_WRITABLE)
                connected(crowd, member);
        else if (event->kind == NET_EVENT_READABLE && member->state != CROWD_CONNECTING)
                read_member(crowd, member);
}
