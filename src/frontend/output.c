/* See output.h. */
#include "frontend/output.h"

#include "frontend/ending.h"

#define PARTS_MAX  64 /* payloads of one write */
#define WRITES_MAX 8  /* to one socket in one turn */

struct traffic *traffic_of(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        if (traffic)
                return traffic;
        traffic = pool_take(&frontend->traffics);
        if (!traffic)
                return NULL;
        traffic->connection = connection;
        traffic->out.end = &traffic->out.first;
        traffic->held.end = &traffic->held.first;
        connection->traffic = traffic;
        return traffic;
}

void traffic_tidy(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        if (!traffic || traffic->out.first || traffic->held.first || traffic->partial || list_linked(&traffic->paused))
                return;
        check(!list_linked(&traffic->blocked) && !list_linked(&traffic->partial_since));
        list_remove(&traffic->dirty);
        connection->traffic = NULL;
        pool_give(&frontend->traffics, traffic);
}

/* Drops the first payload of a queue. */
static void drop_first(struct frontend *frontend, struct traffic *traffic, struct send_queue *queue)
{
        struct send *send = queue->first;

        check(traffic->queued_bytes >= send->block->size);
        traffic->queued_bytes -= send->block->size;
        frontend->counts.queued_bytes -= send->block->size;
        if (traffic->patient == send)
                traffic->patient = NULL;
        queue->first = send->next;
        if (!queue->first)
                queue->end = &queue->first;
        block_drop(&frontend->blocks, send->block);
        pool_give(&frontend->sends, send);
}

void traffic_free(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        if (!traffic)
                return;
        while (traffic->out.first)
                drop_first(frontend, traffic, &traffic->out);
        while (traffic->held.first)
                drop_first(frontend, traffic, &traffic->held);
        check(traffic->queued_bytes == 0 && !traffic->partial);
        list_remove(&traffic->blocked);
        list_remove(&traffic->paused);
        traffic_tidy(frontend, connection);
}

/* Of all connections, here and behind write: what TLS has encrypted counts too. */
static uint64_t waiting_bytes(const struct frontend *frontend)
{
        return frontend->counts.queued_bytes + frontend->seams.net->held;
}

/* The one that has been taking nothing for longest goes, until there is room. True if `connection` is still there. */
static bool shed(struct frontend *frontend, const struct connection *connection, size_t size)
{
        uint64_t id = connection->id;

        while (waiting_bytes(frontend) + size > frontend->options.send_bytes_max && !list_empty(&frontend->blocked)) {
                struct traffic *slowest = container_of(list_first(&frontend->blocked), struct traffic, blocked);

                frontend->counts.slow_closed++;
                connection_drop(frontend, slowest->connection);
        }
        return connection->id == id;
}

static void too_slow(struct frontend *frontend, struct connection *connection)
{
        frontend->counts.slow_closed++;
        event_note(frontend->seams.events, EVENT_INFO, "frontend.slow_reader", NULL, {"connection", NULL, connection->id},
                   {"queued", NULL, connection->traffic ? connection->traffic->queued_bytes : 0});
        output_discard(frontend, connection);
        connection_end(frontend, connection, ERR_RESYNC, 0);
}

/* In this turn, whatever it was to wait for. */
static void write_soon(struct frontend *frontend, struct traffic *traffic)
{
        if (list_linked(&traffic->blocked) || (list_linked(&traffic->dirty) && !traffic->patient_ms))
                return;
        list_remove(&traffic->dirty);
        traffic->patient_ms = 0;
        list_append(&frontend->dirty, &traffic->dirty);
}

static void write_later(struct frontend *frontend, struct traffic *traffic)
{
        if (list_linked(&traffic->blocked) || list_linked(&traffic->dirty))
                return;
        traffic->patient_ms = frontend->now_ms + OUTPUT_PATIENCE_MS;
        list_append(&frontend->patient, &traffic->dirty);
}

/* What it is about: length, code, room. */
#define TOPIC_SIZE (WIRE_LENGTH_SIZE + 1 + 16)

static bool same_topic(const struct block *a, const struct block *b)
{
        return a->size >= TOPIC_SIZE && b->size >= TOPIC_SIZE &&
               memcmp(a->bytes + WIRE_LENGTH_SIZE, b->bytes + WIRE_LENGTH_SIZE, TOPIC_SIZE - WIRE_LENGTH_SIZE) == 0;
}

/* False: there is none of its code and room that waits, or it is being written. */
static bool replace_patient(struct frontend *frontend, struct traffic *traffic, struct block *block)
{
        struct send *send = traffic ? traffic->patient : NULL;

        if (!send || (send == traffic->out.first && traffic->out_offset > 0) || !same_topic(send->block, block))
                return false;
        traffic->queued_bytes += block->size - send->block->size;
        frontend->counts.queued_bytes += block->size;
        frontend->counts.queued_bytes -= send->block->size;
        block_drop(&frontend->blocks, send->block);
        send->block = block_hold(block);
        return true;
}

enum when { AT_ONCE, PATIENTLY, HELD };

static void append(struct frontend *frontend, struct connection *connection, struct block *block, enum when when)
{
        struct traffic *traffic = traffic_of(frontend, connection);
        struct send *send = traffic ? pool_take(&frontend->sends) : NULL;
        struct send_queue *queue;

        if (!send) {
                connection_drop(frontend, connection);
                return;
        }
        queue = when == HELD ? &traffic->held : &traffic->out;
        if (when == HELD)
                traffic->held_losses = frontend->upkeep.losses;
        send->block = block_hold(block);
        *queue->end = send;
        queue->end = &send->next;
        traffic->queued_bytes += block->size;
        frontend->counts.queued_bytes += block->size;
        frontend->counts.frames_out++;
        if (when == AT_ONCE)
                write_soon(frontend, traffic);
        if (when != PATIENTLY)
                return;
        traffic->patient = send;
        write_later(frontend, traffic);
}

static void queue_or_cut(struct frontend *frontend, struct connection *connection, struct block *block, enum when when)
{
        uint32_t queued = connection->traffic ? connection->traffic->queued_bytes : 0;

        check(block->size > 0 && connection->state != CONNECTION_ENDED);
        if (!shed(frontend, connection, block->size))
                return;
        /* The last word of a connection that is being closed is always let through; nothing follows it. */
        if (connection->state != CONNECTION_CLOSING && queued > 0 &&
            queued + block->size > frontend->options.queue_bytes_max) {
                too_slow(frontend, connection);
                return;
        }
        append(frontend, connection, block, when);
}

void output_queue(struct frontend *frontend, struct connection *connection, struct block *block)
{
        queue_or_cut(frontend, connection, block, AT_ONCE);
}

void output_queue_patient(struct frontend *frontend, struct connection *connection, struct block *block)
{
        if (!replace_patient(frontend, connection->traffic, block))
                queue_or_cut(frontend, connection, block, PATIENTLY);
}

/* What was held before a suspected loss goes: the client is told to join again in any case, and after the store went
 * back in time (L9) it would hear of what never was. */
static void forget_stale(struct frontend *frontend, struct connection *connection)
{
        if (connection->traffic && connection->traffic->held_losses != frontend->upkeep.losses)
                output_forget_held(frontend, connection);
}

void output_hold(struct frontend *frontend, struct connection *connection, struct block *block)
{
        check(connection->state == CONNECTION_JOINING);
        forget_stale(frontend, connection);
        queue_or_cut(frontend, connection, block, HELD);
}

void output_release(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        forget_stale(frontend, connection);
        if (!traffic || !traffic->held.first)
                return;
        *traffic->out.end = traffic->held.first;
        traffic->out.end = traffic->held.end;
        traffic->held = (struct send_queue){.end = &traffic->held.first};
        write_soon(frontend, traffic);
}

void output_forget_held(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        while (traffic && traffic->held.first)
                drop_first(frontend, traffic, &traffic->held);
}

void output_discard(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;
        struct send *half;

        if (!traffic)
                return;
        output_forget_held(frontend, connection);
        if (traffic->out_offset == 0) {
                while (traffic->out.first)
                        drop_first(frontend, traffic, &traffic->out);
                return;
        }
        half = traffic->out.first;
        check(half);
        while (half->next) {
                struct send_queue rest = {.first = half->next, .end = traffic->out.end};

                drop_first(frontend, traffic, &rest);
                half->next = rest.first;
        }
        traffic->out.end = &half->next;
}

bool output_empty(const struct connection *connection)
{
        return !connection->traffic || !connection->traffic->out.first;
}

static size_t gather(const struct traffic *traffic, struct slice parts[PARTS_MAX], size_t *total)
{
        size_t count = 0, offset = traffic->out_offset;

        *total = 0;
        for (const struct send *send = traffic->out.first; send && count < PARTS_MAX; send = send->next) {
                parts[count] = slice_of(send->block->bytes + offset, send->block->size - offset);
                *total += parts[count++].size;
                offset = 0;
        }
        return count;
}

static void advance(struct frontend *frontend, struct traffic *traffic, size_t written)
{
        frontend->counts.bytes_out += written;
        while (written > 0) {
                size_t left = traffic->out.first->block->size - traffic->out_offset;

                if (written < left) {
                        traffic->out_offset += (uint32_t)written;
                        return;
                }
                written -= left;
                traffic->out_offset = 0;
                drop_first(frontend, traffic, &traffic->out);
        }
}

static void block_until_writable(struct frontend *frontend, struct traffic *traffic)
{
        if (list_linked(&traffic->blocked))
                return;
        list_append(&frontend->blocked, &traffic->blocked);
        frontend->seams.net->ops->want_write(frontend->seams.net, traffic->connection->socket, true);
}

static void unblock(struct frontend *frontend, struct traffic *traffic)
{
        if (!list_linked(&traffic->blocked))
                return;
        list_remove(&traffic->blocked);
        frontend->seams.net->ops->want_write(frontend->seams.net, traffic->connection->socket, false);
}

static void write_out(struct frontend *frontend, struct connection *connection)
{
        struct net *net = frontend->seams.net;
        struct traffic *traffic = connection->traffic;

        for (int i = 0; i < WRITES_MAX && traffic->out.first; i++) {
                struct slice parts[PARTS_MAX];
                size_t total, written = 0, count = gather(traffic, parts, &total);
                enum error error = net->ops->write(net, connection->socket, parts, count, &written);

                if (error != ERR_OK && error != ERR_AGAIN) {
                        connection_drop(frontend, connection);
                        return;
                }
                advance(frontend, traffic, written);
                if (written < total)
                        break;
        }
        if (traffic->out.first) {
                block_until_writable(frontend, traffic);
                return;
        }
        unblock(frontend, traffic);
        if (connection->state == CONNECTION_CLOSING)
                connection_written(frontend, connection);
        else
                traffic_tidy(frontend, connection);
}

void output_writable(struct frontend *frontend, struct connection *connection)
{
        if (connection->traffic && list_linked(&connection->traffic->blocked))
                write_out(frontend, connection);
}

uint64_t output_next_ms(const struct frontend *frontend)
{
        if (list_empty(&frontend->patient))
                return UINT64_MAX;
        return container_of(list_first(&frontend->patient), struct traffic, dirty)->patient_ms;
}

bool output_flush(struct frontend *frontend, uint32_t connections_max)
{
        struct list_node *node;

        while (output_next_ms(frontend) <= frontend->now_ms)
                write_soon(frontend, container_of(list_first(&frontend->patient), struct traffic, dirty));
        for (; connections_max > 0 && (node = list_pop(&frontend->dirty)); connections_max--)
                write_out(frontend, container_of(node, struct traffic, dirty)->connection);
        return !list_empty(&frontend->dirty);
}
