/* See route.h. */
#include "frontend/route.h"

#include "frontend/answer.h"
#include "frontend/ending.h"
#include "frontend/input.h"
#include "frontend/liveness.h"
#include "frontend/pending.h"
#include "wire/envelope.h"

/* Which topic of the bus serves a topic of the wire. FRONTEND and NONE never come here. */
static const enum bus_topic topics[] = {
        [WIRE_TOPIC_AUTHENTICATION] = BUS_AUTHENTICATION,
        [WIRE_TOPIC_SESSION] = BUS_SESSION,
        [WIRE_TOPIC_QUERY] = BUS_QUERY,
        [WIRE_TOPIC_CALL] = BUS_CALL,
};

/* The error goes out with the request's id where the code has one. */
static void refuse(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame,
                   enum error error, uint32_t retry_after_ms)
{
        answer_error(frontend, connection, &frame->request, error, retry_after_ms, NULL);
}

/* ---- rates ---- */

/* A connection that goes on regardless gets ever deeper into debt, and in the end it is not read for a while. */
static uint64_t charge_connection(struct frontend *frontend, struct connection *connection)
{
        const struct limit_rate *rate = &frontend->connection_rate;
        uint64_t debt_max = frontend->now_us + 2 * rate->burst_us;
        uint64_t wait_us = limit_take(&connection->bucket_us, rate, frontend->now_us);

        if (wait_us == 0)
                return 0;
        connection->bucket_us = min_of(connection->bucket_us + rate->interval_us, debt_max);
        if (connection->bucket_us == debt_max)
                input_pause(frontend, connection);
        return connection->bucket_us + rate->interval_us - frontend->now_us - rate->burst_us;
}

static uint64_t charge_user(struct frontend *frontend, const struct connection *connection)
{
        struct limit_entry *entry;

        if (connection->user == 0)
                return 0;
        entry = limiter_entry(&frontend->users, (uint64_t[2]){connection->user, 0}, frontend->now_us);
        return entry ? limit_take(&entry->bucket_us, &frontend->users.rate, frontend->now_us) : 0;
}

static uint64_t charge_address(struct frontend *frontend, const struct connection *connection)
{
        struct limit_entry *entry = connection->address;

        return entry ? limit_take(&entry->bucket_us, &frontend->addresses.rate, frontend->now_us) : 0;
}

uint32_t route_charge(struct frontend *frontend, struct connection *connection)
{
        uint64_t wait_us = charge_connection(frontend, connection);

        if (wait_us == 0)
                wait_us = charge_user(frontend, connection);
        if (wait_us == 0)
                wait_us = charge_address(frontend, connection);
        if (wait_us == 0)
                return 0;
        frontend->counts.rate_limited++;
        return (uint32_t)(wait_us / 1000 + 1);
}

/* ---- the frontend's own codes ---- */

static void take_hello(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame)
{
        struct wire_hello hello;
        enum error error;

        if (frame->code != WIRE_CODE_hello) {
                answer_fatal(frontend, connection, NULL, ERR_BAD_VERSION);
                return;
        }
        error = wire_decode(WIRE_STRUCTURE(hello), frame->body, &hello, NULL);
        if (error == ERR_OK && (hello.version_min > FRONTEND_VERSION || hello.version_max < FRONTEND_VERSION))
                error = ERR_BAD_VERSION;
        if (error) {
                answer_fatal(frontend, connection, NULL, error);
                return;
        }
        connection_move(connection, CONNECTION_SIGNED_OUT);
        answer_welcome(frontend, connection);
}

static void take_own(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame)
{
        struct wire_ping ping;
        const char *field = NULL;
        enum error error;

        if (frame->code != WIRE_CODE_ping) {
                refuse(frontend, connection, frame, ERR_NOT_NOW, 0);
                return;
        }
        error = wire_decode(WIRE_STRUCTURE(ping), frame->body, &ping, &field);
        if (error)
                answer_error(frontend, connection, NULL, error, 0, field);
        else
                answer_pong(frontend, connection, ping.echo);
}

/* ---- relaying ---- */

static bool lawful(const struct wire_message *message, enum connection_state state)
{
        switch ((enum wire_who)message->who) {
        case WIRE_ANYONE:
                return true;
        case WIRE_SIGNED_OUT:
                /* Join comes again after Rejoin, and after a Join that was not answered. */
                return state == CONNECTION_SIGNED_OUT ||
                       (message->code == WIRE_CODE_join && (state == CONNECTION_JOINING || state == CONNECTION_READY));
        case WIRE_SIGNED_IN:
        case WIRE_MEMBER:
                return state == CONNECTION_READY;
        case WIRE_SERVER:
                return false;
        }
        return false;
}

/* The 40 bytes that were bound at Join, and at a Join again the same device. */
static bool is_bound_token(const struct connection *connection, const struct wire_frame *frame)
{
        return frame->user == connection->user && crypto_equal(frame->mac, connection->mac, sizeof(frame->mac)) &&
               (frame->code != WIRE_CODE_join || frame->device == connection->device);
}

/* Checks the token of a frame that has one. False: it was refused. A first Join binds the connection. */
static bool admit(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame)
{
        enum token_verdict verdict;

        if (connection->state != CONNECTION_SIGNED_OUT) {
                if (is_bound_token(connection, frame))
                        return true;
                answer_fatal(frontend, connection, &frame->request, ERR_BAD_TOKEN);
                return false;
        }
        verdict = frame->user ? token_verify(frontend->seams.keys, frame->user, frame->device, frame->mac) : TOKEN_BAD;
        if (verdict == TOKEN_BAD || frame->user > INT64_MAX || frame->device > INT64_MAX) {
                refuse(frontend, connection, frame, ERR_BAD_TOKEN, 0);
                return false;
        }
        /* A Join that was refused may have left its entry in presence. That user's mail must not reach another one here (L6). */
        if (connection->user && connection->user != frame->user) {
                answer_fatal(frontend, connection, &frame->request, ERR_BAD_TOKEN);
                return false;
        }
        connection_bind(&frontend->connections, connection, frame->user, frame->device, frame->mac);
        connection->old_key = verdict == TOKEN_OLD_KEY;
        return true;
}

static struct slice record_key(const struct frontend *frontend, const struct connection *connection,
                               const struct wire_frame *frame, uint8_t key[BUS_KEY_SIZE_MAX])
{
        switch ((enum wire_key)frame->message->key) {
        case WIRE_KEY_ROOM:
                memcpy(key, frame->room.bytes, sizeof(frame->room.bytes));
                return slice_of(key, sizeof(frame->room.bytes));
        case WIRE_KEY_USER:
                be64_put(key, frame->user);
                return slice_of(key, 8);
        case WIRE_KEY_CONNECTION:
                key[0] = (uint8_t)(frontend->options.index >> 8);
                key[1] = (uint8_t)frontend->options.index;
                be64_put(key + 2, connection->id);
                return slice_of(key, 10);
        case WIRE_KEY_NONE:
                break;
        }
        return (struct slice){0};
}

/* Publishes; a full buffer is emptied once before the client is told BUSY. */
static enum error publish(struct frontend *frontend, const struct bus_message *message)
{
        struct bus *bus = frontend->seams.bus;
        enum error error = bus->ops->publish(bus, message);

        if (error == ERR_FULL && bus->ops->flush(bus, 0) == ERR_OK)
                error = bus->ops->publish(bus, message);
        if (error == ERR_OK)
                frontend->published = true;
        return error;
}

static enum error publish_envelope(struct frontend *frontend, const struct connection *connection,
                                   const struct wire_frame *frame, uint8_t *bytes, size_t size)
{
        bool signed_in = frame->message->header & WIRE_HAS_TOKEN;
        uint8_t address[16];
        struct wire_envelope envelope = {
                .frontend = frontend->options.index,
                .epoch = frontend->epoch,
                .connection = connection->id,
                .user = signed_in ? connection->user : 0,
                .device = signed_in ? connection->device : 0,
                .not_after_ms = frontend->wall_ms + frontend->options.reply_ms,
                .frame = slice_of(bytes, size),
                .old_key = signed_in ? connection->old_key : 0,
        };
        uint8_t key[BUS_KEY_SIZE_MAX];
        struct bus_message message = {
                .topic = topics[frame->message->topic],
                .partition = BUS_PARTITION_BYKEY,
                .key = record_key(frontend, connection, frame, key),
        };

        /* Only the service that counts guesses wants to know. */
        if (frame->message->topic == WIRE_TOPIC_AUTHENTICATION && connection->address) {
                be64_put(address, connection->address->key[0]);
                be64_put(address + 8, connection->address->key[1]);
                envelope.address = slice_of(address, sizeof(address));
        }
        wire_frame_hide_mac(bytes, size);
        message.value = wire_record_build(WIRE_CODE_envelope, &envelope, frontend->scratch,
                                          frontend->scratch + sizeof(frontend->scratch));
        check(message.value.size > 0);
        return publish(frontend, &message);
}

/* With --log-level debug an operation can be followed by its request id from here to the store and back. */
static void trace(const struct frontend *frontend, const struct connection *connection, const struct wire_frame *frame)
{
        if (event_wanted(frontend->seams.events, EVENT_DEBUG))
                event_note(frontend->seams.events, EVENT_DEBUG, "frontend.relayed", &frame->request,
                           {"code", frame->message->name}, {"connection", NULL, connection->id});
}

/* One in FRONTEND_TYPING_MS of a connection; the others are as if they had not come. */
static bool is_typing_again(const struct frontend *frontend, struct connection *connection, const struct wire_frame *frame)
{
        uint32_t now_ms = (uint32_t)(frontend->now_ms - frontend->start_ms) | 1;

        if (frame->code != WIRE_CODE_typing)
                return false;
        if (connection->typed_ms && now_ms - connection->typed_ms < FRONTEND_TYPING_MS)
                return true;
        connection->typed_ms = now_ms;
        return false;
}

static void relay(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame, uint8_t *bytes,
                  size_t size)
{
        const struct wire_message *message = frame->message;

        if (message->header & WIRE_HAS_REQUEST && id_is_zero(&frame->request)) {
                answer_error(frontend, connection, NULL, ERR_BAD_FIELD, 0, "request");
                return;
        }
        if (message->header & WIRE_HAS_TOKEN && !admit(frontend, connection, frame))
                return;
        if (is_typing_again(frontend, connection, frame))
                return;
        if (message->reply && !pending_add(frontend, connection, frame)) {
                refuse(frontend, connection, frame, ERR_BUSY, FRONTEND_RETRY_MS);
                return;
        }
        if (publish_envelope(frontend, connection, frame, bytes, size) != ERR_OK) {
                if (!message->reply)
                        return;
                pending_remove(frontend, connection->id, &frame->request);
                refuse(frontend, connection, frame, ERR_BUSY, FRONTEND_RETRY_MS);
                return;
        }
        trace(frontend, connection, frame);
        if (message->code == WIRE_CODE_join && connection->state == CONNECTION_SIGNED_OUT)
                connection_move(connection, CONNECTION_JOINING);
        if (message->who == WIRE_SIGNED_OUT && connection->state != CONNECTION_READY)
                liveness_wait(frontend, connection);
}

void route_frame(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size)
{
        const struct wire_message *message;
        struct wire_frame frame = {0};
        uint32_t wait_ms;

        check(size > 0 && connection->state < CONNECTION_LEAVING);
        frontend->counts.frames_in++;
        wait_ms = route_charge(frontend, connection);
        message = wire_message_by_code(bytes[0]);
        if (message && message->direction == WIRE_UP && wire_frame_parse(slice_of(bytes, size), &frame) != ERR_OK) {
                answer_fatal(frontend, connection, NULL, ERR_BAD_FRAME);
                return;
        }
        if (wait_ms)
                refuse(frontend, connection, &frame, ERR_RATE, wait_ms);
        else if (connection->state == CONNECTION_HELLO)
                take_hello(frontend, connection, &frame);
        else if (!message || message->direction != WIRE_UP)
                refuse(frontend, connection, &frame, ERR_UNKNOWN_CODE, 0);
        else if (message->topic == WIRE_TOPIC_FRONTEND)
                take_own(frontend, connection, &frame);
        else if (!lawful(message, connection->state))
                refuse(frontend, connection, &frame, ERR_NOT_NOW, 0);
        else
                relay(frontend, connection, &frame, bytes, size);
}
