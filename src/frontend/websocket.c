/* See websocket.h. */
#include "frontend/websocket.h"

#include "frontend/ending.h"
#include "frontend/input.h"
#include "frontend/output.h"
#include "frontend/route.h"

/* ---- what comes ---- */

/* A control frame, in its place between messages. */
static void queue_bare(struct frontend *frontend, struct connection *connection, struct slice bytes)
{
        struct block *block = block_copy(&frontend->blocks, bytes);

        if (!block) {
                connection_drop(frontend, connection);
                return;
        }
        block->bare = true;
        output_queue(frontend, connection, piece_of(block));
        block_drop(&frontend->blocks, block);
}

void websocket_queue_close(struct frontend *frontend, struct connection *connection, uint16_t code)
{
        uint8_t frame[FRAMING_CONTROL_SIZE];
        size_t size = framing_close(frame, code);

        queue_bare(frontend, connection, slice_of(frame, size));
}

/* It counts as a frame; beyond its rate it is not answered, which it may not be either if another one follows (RFC 6455, 5.5.3). */
static void pong(struct frontend *frontend, struct connection *connection, struct slice echo)
{
        uint8_t frame[FRAMING_CONTROL_SIZE];
        size_t size = framing_pong(frame, echo);

        if (route_charge(frontend, connection) == 0)
                queue_bare(frontend, connection, slice_of(frame, size));
}

static void handle(struct frontend *frontend, struct connection *connection, const struct framing_event *event)
{
        switch (event->kind) {
        case FRAMING_BYTES:
                input_bytes(frontend, connection, event->bytes, event->size);
                break;
        case FRAMING_PING:
                pong(frontend, connection, slice_of(event->bytes, event->size));
                break;
        case FRAMING_CLOSE:
        case FRAMING_BAD:
                connection_end_framed(frontend, connection, event->code);
                break;
        case FRAMING_NOTHING:
                break;
        }
}

static struct websocket *websocket_of(struct frontend *frontend, struct traffic *traffic)
{
        if (!traffic->websocket)
                traffic->websocket = pool_take(&frontend->websockets);
        return traffic->websocket;
}

/* Only the rest of a frame that is not whole needs a place. */
static void keep(struct frontend *frontend, struct connection *connection, const struct framing_rest *rest)
{
        bool clean = framing_is_clean(rest);
        struct traffic *traffic = clean ? connection->traffic : traffic_of(frontend, connection);
        struct websocket *websocket = !traffic ? NULL : clean ? traffic->websocket : websocket_of(frontend, traffic);

        if (websocket)
                websocket->in = *rest;
        else if (!clean)
                connection_drop(frontend, connection);
}

/* Frames that carry nothing count too, or a client could send them without end. In debt it is not read for a while. */
static void charge_idle(struct frontend *frontend, struct connection *connection, uint32_t frames)
{
        for (uint32_t i = 0; i < frames; i++) {
                if (route_charge(frontend, connection) == 0)
                        continue;
                input_pause(frontend, connection);
                return;
        }
}

void websocket_take(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size)
{
        static const struct framing_rest nothing;
        struct websocket *websocket = connection->traffic ? connection->traffic->websocket : NULL;
        struct framing_rest rest = websocket ? websocket->in : nothing;
        struct framing_event event;
        uint64_t id = connection->id;

        if (framing_begin(frontend->framing, &rest, bytes, size) != ERR_OK) {
                connection_drop(frontend, connection);
                return;
        }
        do {
                framing_next(frontend->framing, &event);
                handle(frontend, connection, &event);
        } while (event.kind != FRAMING_NOTHING && input_hears(connection, id));
        if (input_hears(connection, id))
                charge_idle(frontend, connection, framing_idle(frontend->framing));
        framing_end(frontend->framing, &rest);
        if (input_hears(connection, id))
                keep(frontend, connection, &rest);
}

void websocket_readable(struct frontend *frontend, struct connection *connection)
{
        size_t got;

        if (input_take(frontend, connection, frontend->input, FRONTEND_INPUT_SIZE, &got))
                websocket_take(frontend, connection, frontend->input, got);
}

/* ---- what goes ---- */

void websocket_gather(const struct traffic *traffic, struct websocket_part *part)
{
        const struct websocket *websocket = traffic->websocket;
        const struct send *send = traffic->out.first;
        size_t offset = traffic->out_offset, left = SIZE_MAX, payload = 0;
        bool bare = send && send->piece.block->bare;
        bool goes_on = websocket_committed(traffic) > 0;

        part->framed = goes_on || !bare;
        part->count = part->framed;
        if (goes_on)
                left = websocket->announced;
        for (; send && part->count < WEBSOCKET_PARTS_MAX && left > 0 && (goes_on || payload < WEBSOCKET_MESSAGE_MAX);
             send = send->next, offset = 0) {
                size_t size = min_of(send->piece.size - offset, left);

                if (send->piece.block->bare == part->framed)
                        break;
                part->parts[part->count++] = slice_of(send->piece.block->bytes + send->piece.from + offset, size);
                payload += size;
                left -= size;
        }
        part->head_size = 0;
        if (goes_on) {
                part->head_size = websocket->head_size - websocket->head_from;
                memcpy(part->head, websocket->head + websocket->head_from, part->head_size);
        } else if (part->framed) {
                part->head_size = framing_head(part->head, payload);
        }
        if (part->framed)
                part->parts[0] = slice_of(part->head, part->head_size);
        part->total = part->head_size + payload;
}

bool websocket_written(struct frontend *frontend, struct traffic *traffic, const struct websocket_part *part, size_t written,
                       size_t *of_out)
{
        size_t of_head = min_of(written, part->head_size);
        struct websocket *websocket = traffic->websocket;
        uint32_t announced = websocket ? websocket->announced : 0;

        *of_out = written - of_head;
        if (!part->framed || (written == 0 && announced == 0))
                return true;
        if (announced == 0)
                announced = (uint32_t)(part->total - part->head_size);
        if (written == part->total && announced == *of_out) {
                if (websocket)
                        websocket->announced = websocket->head_size = websocket->head_from = 0;
                return true;
        }
        if (!websocket || websocket->announced == 0) {
                websocket = websocket_of(frontend, traffic);
                if (!websocket)
                        return false;
                memcpy(websocket->head, part->head, part->head_size);
                websocket->head_size = (uint8_t)part->head_size;
                websocket->head_from = 0;
        }
        websocket->head_from += (uint8_t)of_head;
        websocket->announced = announced - (uint32_t)*of_out;
        return true;
}

uint32_t websocket_committed(const struct traffic *traffic)
{
        return traffic->websocket ? traffic->websocket->announced : 0;
}

void websocket_free(struct frontend *frontend, struct traffic *traffic)
{
        if (!traffic->websocket)
                return;
        pool_give(&frontend->websockets, traffic->websocket);
        traffic->websocket = NULL;
}

void websocket_tidy(struct frontend *frontend, struct traffic *traffic)
{
        const struct websocket *websocket = traffic->websocket;

        if (websocket && websocket->announced == 0 && framing_is_clean(&websocket->in))
                websocket_free(frontend, traffic);
}
