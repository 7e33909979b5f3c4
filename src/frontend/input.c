/* See input.h. */
#include "frontend/input.h"

#include "frontend/answer.h"
#include "frontend/ending.h"
#include "frontend/http.h"
#include "frontend/listen.h"
#include "frontend/liveness.h"
#include "frontend/output.h"
#include "frontend/route.h"
#include "frontend/websocket.h"

/* Large frames are for those whose token was verified. */
static size_t frame_size_max(const struct connection *connection)
{
        bool verified = connection->state == CONNECTION_JOINING || connection->state == CONNECTION_READY;

        return verified ? WIRE_UP_SIZE_MAX : WIRE_UNVERIFIED_SIZE_MAX;
}

/* The size of what stands at the front of the bytes: a balancer's header, or a frame. 0: more must come to tell, or *error. */
static size_t front_size(const struct connection *connection, struct slice bytes, enum error *error)
{
        if (connection->state == CONNECTION_PROXY)
                return proxy_header_size(bytes, error);
        return wire_frame_size(bytes, frame_size_max(connection), error);
}

/* It is whole. */
static void take_front(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size)
{
        if (connection->state == CONNECTION_PROXY)
                listen_proxied(frontend, connection, slice_of(bytes, size));
        else
                route_frame(frontend, connection, bytes + WIRE_LENGTH_SIZE, size - WIRE_LENGTH_SIZE);
}

bool input_hears(const struct connection *connection, uint64_t id)
{
        return connection->id == id && connection->state < CONNECTION_LEAVING;
}

bool input_take(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size, size_t *got)
{
        struct net *net = frontend->seams.net;
        enum error error = net->ops->read(net, connection->socket, bytes, size, got);

        if (error == ERR_AGAIN)
                return false;
        if (error != ERR_OK) {
                connection_peer_ended(frontend, connection);
                return false;
        }
        frontend->counts.bytes_in += *got;
        liveness_heard(frontend, connection);
        return true;
}

static void release_partial(struct frontend *frontend, struct traffic *traffic, struct block *block)
{
        check(frontend->counts.partial_bytes >= block_room(block));
        frontend->counts.partial_bytes -= block_room(block);
        if (traffic->partial == block) {
                traffic->partial = NULL;
                list_remove(&traffic->partial_since);
        }
        block_drop(&frontend->blocks, block);
}

void input_forget(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        if (traffic && traffic->partial)
                release_partial(frontend, traffic, traffic->partial);
        if (traffic && traffic->websocket)
                traffic->websocket->in = (struct framing_rest){0};
        if (traffic && list_linked(&traffic->paused)) {
                list_remove(&traffic->paused);
                if (connection->state != CONNECTION_FREE)
                        frontend->seams.net->ops->want_read(frontend->seams.net, connection->socket, true);
        }
}

/* A block for partial frames, within the budget of all. NULL if there is none: then the connection is ended. */
static struct block *partial_block(struct frontend *frontend, struct connection *connection, size_t room)
{
        struct block *block = block_new(&frontend->blocks, room);

        if (block && frontend->counts.partial_bytes + block_room(block) > frontend->options.partial_bytes_max) {
                block_drop(&frontend->blocks, block);
                block = NULL;
        }
        if (!block) {
                connection_end(frontend, connection, ERR_BUSY, FRONTEND_RETRY_MS);
                return NULL;
        }
        frontend->counts.partial_bytes += block_room(block);
        return block;
}

void input_keep(struct frontend *frontend, struct connection *connection, struct slice rest)
{
        struct traffic *traffic = traffic_of(frontend, connection);
        struct block *before, *block;

        if (!traffic) {
                connection_drop(frontend, connection);
                return;
        }
        before = traffic->partial;
        block = before && block_room(before) >= rest.size ? before : partial_block(frontend, connection, rest.size);
        if (!block)
                return;
        memcpy(block->bytes, rest.data, rest.size);
        block->size = (uint32_t)rest.size;
        if (block == before)
                return;
        traffic->partial = block;
        if (before) {
                release_partial(frontend, traffic, before);
                return;
        }
        traffic->partial_ms = frontend->now_ms;
        list_append(&frontend->partials, &traffic->partial_since);
}

/* Handles the whole frames in bytes and keeps the rest. */
static void input_split(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size)
{
        uint64_t id = connection->id;

        while (size > 0 && input_hears(connection, id)) {
                enum error error = ERR_OK;
                size_t frame;

                if (listen_first_bytes(frontend, connection, slice_of(bytes, size)))
                        return;
                if (connection->state == CONNECTION_HTTP) {
                        http_take(frontend, connection, bytes, size);
                        return;
                }
                frame = front_size(connection, slice_of(bytes, size), &error);
                if (error) {
                        answer_fatal(frontend, connection, NULL, error);
                        return;
                }
                if (frame == 0 || frame > size) {
                        input_keep(frontend, connection, slice_of(bytes, size));
                        return;
                }
                take_front(frontend, connection, bytes, frame);
                bytes += frame;
                size -= frame;
        }
}

/* Makes room for at least one more byte of the partial frame. */
static bool grow_partial(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;
        struct block *old = traffic->partial, *grown;

        if (old->size < block_room(old))
                return true;
        grown = partial_block(frontend, connection, 2 * block_room(old));
        if (!grown)
                return false;
        memcpy(grown->bytes, old->bytes, old->size);
        grown->size = old->size;
        traffic->partial = grown;
        release_partial(frontend, traffic, old);
        return true;
}

/* How many bytes the partial frame lacks, as far as its block has room for them. 0: it was whole and is handled, or the connection is
 * ended. */
static size_t partial_lacks(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;
        struct block *block = traffic->partial;
        size_t least = connection->state == CONNECTION_PROXY ? PROXY_HEAD_SIZE : WIRE_LENGTH_SIZE, frame, lacks;
        enum error error = ERR_OK;

        check(block);
        frame = front_size(connection, slice_of(block->bytes, block->size), &error);
        if (error) {
                answer_fatal(frontend, connection, NULL, error);
                return 0;
        }
        if (frame && frame == block->size) {
                /* The frame's handler may end the connection: the block is ours until then. */
                block_hold(block);
                release_partial(frontend, traffic, block);
                take_front(frontend, connection, block->bytes, frame);
                block_drop(&frontend->blocks, block);
                return 0;
        }
        lacks = (frame ? frame : least) - block->size;
        if (!grow_partial(frontend, connection))
                return 0;
        return min_of(lacks, block_room(traffic->partial) - traffic->partial->size);
}

/* Reads on where the partial frame ends, no further than its own end. True once it was handled, or the connection is ended. */
static bool complete_partial(struct frontend *frontend, struct connection *connection)
{
        for (int i = 0; i < INPUT_READS_MAX; i++) {
                size_t lacks = partial_lacks(frontend, connection), got;
                struct block *block;

                if (lacks == 0)
                        return true;
                block = connection->traffic->partial;
                if (!input_take(frontend, connection, block->bytes + block->size, lacks, &got))
                        return false;
                block->size += (uint32_t)got;
        }
        return partial_lacks(frontend, connection) == 0;
}

static bool has_partial(const struct connection *connection)
{
        return connection->traffic && connection->traffic->partial;
}

void input_bytes(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size)
{
        uint64_t id = connection->id;

        while (input_hears(connection, id) && has_partial(connection)) {
                size_t lacks = partial_lacks(frontend, connection), part = min_of(lacks, size);
                struct block *block;

                if (lacks == 0)
                        continue;
                if (part == 0)
                        return;
                block = connection->traffic->partial;
                memcpy(block->bytes + block->size, bytes, part);
                block->size += (uint32_t)part;
                bytes += part;
                size -= part;
        }
        if (size > 0 && input_hears(connection, id))
                input_split(frontend, connection, bytes, size);
}

static void read_frames(struct frontend *frontend, struct connection *connection)
{
        uint64_t id = connection->id;
        size_t got;

        if (has_partial(connection) && (!complete_partial(frontend, connection) || !input_hears(connection, id)))
                return;
        if (input_take(frontend, connection, frontend->input, FRONTEND_INPUT_SIZE, &got))
                input_split(frontend, connection, frontend->input, got);
}

void input_readable(struct frontend *frontend, struct connection *connection)
{
        uint64_t id = connection->id;

        if (!input_hears(connection, id)) {
                connection_discard_input(frontend, connection);
                return;
        }
        if (connection->traffic && list_linked(&connection->traffic->paused))
                return;
        if (connection->state == CONNECTION_HTTP)
                http_readable(frontend, connection);
        else if (connection->framed)
                websocket_readable(frontend, connection);
        else
                read_frames(frontend, connection);
        if (connection->id == id)
                traffic_tidy(frontend, connection);
}

void input_pause(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = traffic_of(frontend, connection);

        if (!traffic || list_linked(&traffic->paused))
                return;
        traffic->paused_ms = frontend->now_ms;
        list_append(&frontend->paused, &traffic->paused);
        frontend->seams.net->ops->want_read(frontend->seams.net, connection->socket, false);
}

static struct traffic *first_partial(const struct frontend *frontend)
{
        struct list_node *node = list_first(&frontend->partials);

        return node ? container_of(node, struct traffic, partial_since) : NULL;
}

static struct traffic *first_paused(const struct frontend *frontend)
{
        struct list_node *node = list_first(&frontend->paused);

        return node ? container_of(node, struct traffic, paused) : NULL;
}

void input_run(struct frontend *frontend)
{
        struct traffic *traffic;

        while ((traffic = first_paused(frontend)) && frontend->now_ms >= traffic->paused_ms + INPUT_PAUSE_MS) {
                list_remove(&traffic->paused);
                frontend->seams.net->ops->want_read(frontend->seams.net, traffic->connection->socket, true);
                traffic_tidy(frontend, traffic->connection);
        }
        while ((traffic = first_partial(frontend)) && frontend->now_ms >= traffic->partial_ms + frontend->options.frame_ms) {
                frontend->counts.idle_closed++;
                connection_end(frontend, traffic->connection, ERR_IDLE, 0);
        }
}

uint64_t input_next_ms(const struct frontend *frontend)
{
        const struct traffic *partial = first_partial(frontend), *paused = first_paused(frontend);
        uint64_t next = UINT64_MAX;

        if (partial)
                next = partial->partial_ms + frontend->options.frame_ms;
        if (paused)
                next = min_of(next, paused->paused_ms + INPUT_PAUSE_MS);
        return next;
}
