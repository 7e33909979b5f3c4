/* See output.h. */
#include "frontend/output.h"

#include "frontend/budget.h"
#include "frontend/ending.h"
#include "frontend/http.h"
#include "frontend/pending.h"
#include "frontend/websocket.h"

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

        if (!traffic || traffic->out.first || traffic->held.first || traffic->partial || traffic->download ||
            list_linked(&traffic->paused))
                return;
        if (traffic->websocket) {
                websocket_tidy(frontend, traffic);
                if (traffic->websocket)
                        return;
        }
        check(!list_linked(&traffic->blocked) && !list_linked(&traffic->partial_since));
        list_remove(&traffic->dirty);
        connection->traffic = NULL;
        pool_give(&frontend->traffics, traffic);
}

/* Drops the first place of a queue. */
static void drop_first(struct frontend *frontend, struct traffic *traffic, struct send_queue *queue)
{
        struct send *send = queue->first;

        budget_uncount(frontend, traffic, send->piece.block, send->piece.size);
        if (traffic->patient == send)
                traffic->patient = NULL;
        queue->first = send->next;
        if (!queue->first)
                queue->end = &queue->first;
        block_drop(&frontend->blocks, send->piece.block);
        pool_give(&frontend->sends, send);
}

static void end_download(struct frontend *frontend, struct traffic *traffic)
{
        if (!traffic->download)
                return;
        block_drop(&frontend->blocks, traffic->download->body);
        pool_give(&frontend->downloads, traffic->download);
        traffic->download = NULL;
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
        end_download(frontend, traffic);
        websocket_free(frontend, traffic);
        budget_unblock(frontend, traffic);
        list_remove(&traffic->paused);
        traffic_tidy(frontend, connection);
}

/* True if `connection` is still there. */
static bool make_room(struct frontend *frontend, const struct connection *connection, size_t size)
{
        uint64_t id = connection->id;

        if (budget_has_room(frontend, size))
                return true;
        budget_make_room(frontend, size);
        return connection->id == id;
}

static void too_slow(struct frontend *frontend, struct connection *connection)
{
        frontend->counts.slow_closed++;
        event_note(frontend->seams.events, EVENT_INFO, "frontend.slow_reader", NULL, {"connection", NULL, connection->id},
                   {"queued", NULL, connection->traffic ? connection->traffic->queued_bytes : 0});
        if (connection->state == CONNECTION_HTTP || connection->state == CONNECTION_ANSWERED) {
                connection_drop(frontend, connection);
                return;
        }
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

static void write_gathered(struct frontend *frontend, struct traffic *traffic)
{
        if (list_linked(&traffic->blocked) || (list_linked(&traffic->dirty) && !traffic->patient_ms))
                return;
        list_remove(&traffic->dirty);
        traffic->patient_ms = frontend->gathering.until_ms;
        list_append(&frontend->gathering.list, &traffic->dirty);
}

bool output_gathers(struct frontend *frontend, const struct id *room)
{
        struct gathering *gathering = &frontend->gathering;

        if (pending_writes(frontend, room) == 0)
                return false;
        if (!list_empty(&gathering->list))
                return id_equal(&gathering->room, room);
        gathering->room = *room;
        gathering->until_ms = frontend->now_ms + OUTPUT_GATHER_MS;
        return true;
}

/* What it is about: length, code, room. */
#define TOPIC_SIZE (WIRE_LENGTH_SIZE + 1 + 16)

bool output_same_topic(struct slice a, struct slice b)
{
        return a.size >= TOPIC_SIZE && b.size >= TOPIC_SIZE &&
               memcmp(a.data + WIRE_LENGTH_SIZE, b.data + WIRE_LENGTH_SIZE, TOPIC_SIZE - WIRE_LENGTH_SIZE) == 0;
}

/* False: there is none of its code and room that waits, or it is being written. */
static bool replace_patient(struct frontend *frontend, struct traffic *traffic, struct piece piece)
{
        struct send *send = traffic ? traffic->patient : NULL;

        if (!send || (send == traffic->out.first && traffic->out_offset > 0) || websocket_committed(traffic) > 0 ||
            !output_same_topic(piece_bytes(&send->piece), piece_bytes(&piece)))
                return false;
        budget_uncount(frontend, traffic, send->piece.block, send->piece.size);
        budget_count(frontend, traffic, piece.block, piece.size);
        block_drop(&frontend->blocks, send->piece.block);
        send->piece = piece;
        (void)block_hold(piece.block);
        return true;
}

/* True: it lies behind what was queued last, and belongs to that place now. */
static bool extend(const struct traffic *traffic, struct send_queue *queue, struct piece piece)
{
        struct send *last = queue->first ? container_of(queue->end, struct send, next) : NULL;

        if (!last || last == traffic->patient || last->piece.block != piece.block ||
            last->piece.from + last->piece.size != piece.from)
                return false;
        last->piece.size += piece.size;
        return true;
}

static bool queue_new(struct frontend *frontend, struct send_queue *queue, struct piece piece)
{
        struct send *send = pool_take(&frontend->sends);

        if (!send)
                return false;
        send->piece = piece;
        (void)block_hold(piece.block);
        *queue->end = send;
        queue->end = &send->next;
        return true;
}

enum when { AT_ONCE, GATHERED, PATIENTLY, HELD };

static void append(struct frontend *frontend, struct connection *connection, struct piece piece, enum when when)
{
        struct traffic *traffic = traffic_of(frontend, connection);
        struct send_queue *queue = traffic && when == HELD ? &traffic->held : traffic ? &traffic->out : NULL;

        if (!queue || ((when == PATIENTLY || !extend(traffic, queue, piece)) && !queue_new(frontend, queue, piece))) {
                connection_drop(frontend, connection);
                return;
        }
        if (when == HELD)
                traffic->held_losses = frontend->upkeep.losses;
        budget_count(frontend, traffic, piece.block, piece.size);
        frontend->counts.frames_out++;
        if (when == AT_ONCE)
                write_soon(frontend, traffic);
        if (when == GATHERED)
                write_gathered(frontend, traffic);
        if (when != PATIENTLY)
                return;
        traffic->patient = container_of(queue->end, struct send, next);
        write_later(frontend, traffic);
}

static void queue_or_cut(struct frontend *frontend, struct connection *connection, struct piece piece, enum when when)
{
        uint32_t queued = connection->traffic ? connection->traffic->queued_bytes : 0;

        check(piece.size > 0 && connection->state != CONNECTION_ENDED);
        if (!make_room(frontend, connection, piece.size))
                return;
        /* The last word of a connection that is being closed is always let through; nothing follows it. */
        if (connection->state != CONNECTION_CLOSING && queued > 0 &&
            queued + piece.size > frontend->options.queue_bytes_max) {
                too_slow(frontend, connection);
                return;
        }
        append(frontend, connection, piece, when);
}

void output_queue(struct frontend *frontend, struct connection *connection, struct piece piece)
{
        queue_or_cut(frontend, connection, piece, AT_ONCE);
}

/* The next slice of what is long, if there is one and nothing is before it. False: no memory. */
static bool refill(struct frontend *frontend, struct traffic *traffic)
{
        struct download *download = traffic->download;
        struct piece piece;

        if (!download || traffic->out.first)
                return true;
        piece = (struct piece){.block = download->body, .from = download->from};
        piece.size = min_of(OUTPUT_SLICE, download->body->size - download->from);
        if (!queue_new(frontend, &traffic->out, piece))
                return false;
        budget_count(frontend, traffic, piece.block, piece.size);
        download->from += piece.size;
        if (download->from == download->body->size)
                end_download(frontend, traffic);
        return true;
}

void output_queue_long(struct frontend *frontend, struct connection *connection, struct block *body)
{
        struct traffic *traffic;

        if (body->size == 0)
                return;
        if (body->size <= OUTPUT_SLICE) { /* it needs no room: its bytes are there anyway */
                append(frontend, connection, piece_of(body), AT_ONCE);
                return;
        }
        traffic = traffic_of(frontend, connection);
        if (traffic) {
                check(!traffic->download);
                traffic->download = pool_take(&frontend->downloads);
        }
        if (!traffic || !traffic->download) {
                connection_drop(frontend, connection);
                return;
        }
        traffic->download->body = block_hold(body);
        write_soon(frontend, traffic);
}

void output_queue_gathered(struct frontend *frontend, struct connection *connection, struct piece piece)
{
        queue_or_cut(frontend, connection, piece, GATHERED);
}

void output_queue_patient(struct frontend *frontend, struct connection *connection, struct piece piece)
{
        if (!replace_patient(frontend, connection->traffic, piece))
                queue_or_cut(frontend, connection, piece, PATIENTLY);
}

/* What was held before a suspected loss goes: the client is told to join again in any case, and after the store went
 * back in time (L9) it would hear of what never was. */
static void forget_stale(struct frontend *frontend, struct connection *connection)
{
        if (connection->traffic && connection->traffic->held_losses != frontend->upkeep.losses)
                output_forget_held(frontend, connection);
}

void output_hold(struct frontend *frontend, struct connection *connection, struct piece piece)
{
        check(connection->state == CONNECTION_JOINING);
        forget_stale(frontend, connection);
        queue_or_cut(frontend, connection, piece, HELD);
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

/* How many bytes of the queue must be written for what is begun to be whole, those that are written counted in: of a frame, and where
 * frames are framed, of a message. The answer to an upgrade is never left out: what comes behind it would be none. */
static uint32_t begun_bytes(const struct traffic *traffic)
{
        struct slice bytes = piece_bytes(&traffic->out.first->piece);
        uint32_t end = 0;

        if (traffic->connection->framed) {
                if (websocket_committed(traffic) > 0)
                        return traffic->out_offset + websocket_committed(traffic);
                return traffic->out.first->piece.block->bare ? (uint32_t)bytes.size : traffic->out_offset;
        }
        while (end < traffic->out_offset)
                end += WIRE_LENGTH_SIZE + be32_get(bytes.data + end);
        check(end <= bytes.size);
        return end;
}

/* Keeps so many bytes of what is queued. */
static void cut_queue(struct frontend *frontend, struct traffic *traffic, uint32_t size)
{
        struct send_queue *queue = &traffic->out;
        struct send **next = &queue->first;

        for (; *next && size > 0; next = &(*next)->next) {
                struct piece *piece = &(*next)->piece;
                uint32_t kept = min_of(size, piece->size);

                budget_uncount(frontend, traffic, piece->block, piece->size - kept);
                piece->size = kept;
                size -= kept;
        }
        check(size == 0);
        while (*next) {
                struct send_queue rest = {.first = *next, .end = queue->end};

                drop_first(frontend, traffic, &rest);
                *next = rest.first;
        }
        queue->end = next;
}

void output_discard(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;
        uint32_t begun;

        if (!traffic)
                return;
        output_forget_held(frontend, connection);
        begun = traffic->out.first ? begun_bytes(traffic) : 0;
        if (begun == traffic->out_offset) { /* between two of them: what is written of the piece needs no place */
                traffic->out_offset = 0;
                begun = 0;
        }
        cut_queue(frontend, traffic, begun);
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
                parts[count] = slice_of(send->piece.block->bytes + send->piece.from + offset, send->piece.size - offset);
                *total += parts[count++].size;
                offset = 0;
        }
        return count;
}

static void advance(struct frontend *frontend, struct traffic *traffic, size_t written)
{
        frontend->counts.bytes_out += written;
        while (written > 0) {
                size_t left = traffic->out.first->piece.size - traffic->out_offset;

                if (written < left) {
                        traffic->out_offset += (uint32_t)written;
                        return;
                }
                written -= left;
                traffic->out_offset = 0;
                drop_first(frontend, traffic, &traffic->out);
        }
}

/* One write of what is queued. False: the connection is gone, or its socket takes no more now. */
static bool write_raw(struct frontend *frontend, struct connection *connection)
{
        struct net *net = frontend->seams.net;
        struct traffic *traffic = connection->traffic;
        struct slice parts[PARTS_MAX];
        size_t total, written = 0, count = gather(traffic, parts, &total);
        enum error error = net->ops->write(net, connection->socket, parts, count, &written);

        if (error != ERR_OK && error != ERR_AGAIN) {
                connection_drop(frontend, connection);
                return false;
        }
        advance(frontend, traffic, written);
        return written == total;
}

static bool write_framed(struct frontend *frontend, struct connection *connection)
{
        struct net *net = frontend->seams.net;
        struct traffic *traffic = connection->traffic;
        struct websocket_part part;
        size_t written = 0, of_out = 0;
        enum error error;

        websocket_gather(traffic, &part);
        error = net->ops->write(net, connection->socket, part.parts, part.count, &written);
        if ((error != ERR_OK && error != ERR_AGAIN) || !websocket_written(frontend, traffic, &part, written, &of_out)) {
                connection_drop(frontend, connection);
                return false;
        }
        frontend->counts.bytes_out += written - of_out;
        advance(frontend, traffic, of_out);
        return written == part.total;
}

static void end_writing(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;

        if (traffic->out.first || traffic->download) {
                budget_block(frontend, traffic);
                return;
        }
        budget_unblock(frontend, traffic);
        if (connection->state == CONNECTION_CLOSING || connection->state == CONNECTION_ANSWERED)
                connection_written(frontend, connection);
        else
                traffic_tidy(frontend, connection);
}

static void write_out(struct frontend *frontend, struct connection *connection)
{
        struct traffic *traffic = connection->traffic;
        uint64_t id = connection->id;
        bool framed = connection->framed;

        for (int i = 0; i < WRITES_MAX && (traffic->out.first || traffic->download); i++) {
                if (!refill(frontend, traffic)) {
                        connection_drop(frontend, connection);
                        return;
                }
                if (!(framed ? write_framed(frontend, connection) : write_raw(frontend, connection)))
                        break;
        }
        if (connection->id != id)
                return;
        if (connection->state == CONNECTION_HTTP || connection->state == CONNECTION_ANSWERED)
                http_written(frontend, connection);
        end_writing(frontend, connection);
}

void output_writable(struct frontend *frontend, struct connection *connection)
{
        if (connection->traffic && list_linked(&connection->traffic->blocked))
                write_out(frontend, connection);
}

static uint64_t patient_next_ms(const struct frontend *frontend)
{
        if (list_empty(&frontend->patient))
                return UINT64_MAX;
        return container_of(list_first(&frontend->patient), struct traffic, dirty)->patient_ms;
}

uint64_t output_next_ms(const struct frontend *frontend)
{
        uint64_t gathered_ms = list_empty(&frontend->gathering.list) ? UINT64_MAX : frontend->gathering.until_ms;

        return min_of(gathered_ms, patient_next_ms(frontend));
}

/* It was waited for long enough, or nothing is under way any more that was waited for. */
static void end_gathering(struct frontend *frontend)
{
        struct gathering *gathering = &frontend->gathering;

        if (frontend->now_ms < gathering->until_ms && pending_writes(frontend, &gathering->room) > 0)
                return;
        while (!list_empty(&gathering->list))
                write_soon(frontend, container_of(list_first(&gathering->list), struct traffic, dirty));
}

bool output_flush(struct frontend *frontend, uint32_t connections_max)
{
        struct list_node *node;

        end_gathering(frontend);
        while (patient_next_ms(frontend) <= frontend->now_ms)
                write_soon(frontend, container_of(list_first(&frontend->patient), struct traffic, dirty));
        for (; connections_max > 0 && (node = list_pop(&frontend->dirty)); connections_max--)
                write_out(frontend, container_of(node, struct traffic, dirty)->connection);
        return !list_empty(&frontend->dirty);
}
