/*
 * The whole frontend, driven by a script: clients that open, say anything in any pieces, close or break; workers that answer anything;
 * records of any kind; time that passes. Input: steps of one byte (what, and for which client) and what that step needs.
 *
 * What is checked besides not crashing: clients get whole frames of the server's codes; deliveries only after Join was answered; an
 * envelope names a user only if his token was presented, and carries no token; limits hold; nothing is left over at the end.
 */
#include "base/memory.h"
#include "fuzz.h"
#include "script.h"
#include "support/web_client.h"

#define CLIENTS     4
#define STEPS_MAX   400
#define QUEUE_MAX   20000
#define FIRST_USER  100
#define AFTER_MS    6000
#define SEND_MAX    (2 * QUEUE_MAX)
#define PARTIAL_MAX 4096
#define BYE_MAX     512 /* said at the end, whatever is queued */

struct actor {
        struct client client;
        bool open, joined; /* joined: saw its Join answered */
        bool asks;         /* it began with HTTP: what it hears is not looked at, until its upgrade is granted */
};

struct play {
        struct host host;
        struct actor actors[CLIENTS];
        struct wire_envelope last; /* the newest envelope: whom an answer goes to */
        struct id last_request;
        bool any;
};

static void check_frame(struct actor *actor, struct slice frame)
{
        struct wire_frame parsed;

        check(wire_frame_parse(slice_of(frame.data + WIRE_LENGTH_SIZE, frame.size - WIRE_LENGTH_SIZE), &parsed) == ERR_OK);
        check(parsed.message && parsed.message->direction == WIRE_DOWN);
        if (parsed.code == WIRE_CODE_joined)
                actor->joined = true;
        if (parsed.code == WIRE_CODE_delivery || parsed.code == WIRE_CODE_rejoin)
                check(actor->joined);
}

/* It speaks WebSocket from here on. */
static void take_upgrade(struct client *client)
{
        const uint8_t *end = memmem(client->input, client->used, "\r\n\r\n", 4);
        size_t head;

        if (!end || memcmp(client->input, "HTTP/1.1 101", 12) != 0)
                return;
        head = (size_t)(end - client->input) + 4;
        client->raw = memory_new(CLIENT_INPUT);
        check(client->raw);
        client->framed = true;
        client->raw_used = client->used - head;
        memcpy(client->raw, client->input + head, client->raw_used);
        client->used = 0;
}

static void read_some(struct play *play, struct actor *actor)
{
        struct client *client = &actor->client;
        struct net *net = play->host.client_net;
        uint8_t *bytes = client->framed ? client->raw : client->input;
        size_t *used = client->framed ? &client->raw_used : &client->used, got = 0;

        (void)net->ops->read(net, client->socket, bytes + *used, CLIENT_INPUT - *used, &got);
        *used += got;
        actor->asks |= !client->framed && client->used > 0 && client->input[0] == 'H';
        if (actor->asks && !client->framed)
                take_upgrade(client);
        if (client->framed)
                web_unframe(client);
        else if (actor->asks)
                client->used = 0;
}

/* Reads what the server sent to the client. */
static void listen_to(struct play *play, struct actor *actor)
{
        struct client *client = &actor->client;
        size_t size;
        enum error error;

        if (!actor->open)
                return;
        read_some(play, actor);
        while ((size = wire_frame_size(slice_of(client->input, client->used), WIRE_DOWN_SIZE_MAX, &error)) != 0 &&
               size <= client->used) {
                check_frame(actor, slice_of(client->input, size));
                client->used -= size;
                memmove(client->input, client->input + size, client->used);
        }
        check(error == ERR_OK);
}

static void take_envelopes(struct play *play)
{
        static const uint8_t zeros[32];
        struct bus *bus = play->host.worker_bus;
        struct bus_event event;

        while (bus->ops->poll(bus, &event, 1) == 1) {
                struct wire_envelope envelope;
                struct wire_frame frame;

                if (event.kind != BUS_EVENT_RECORD)
                        continue;
                check(wire_record_parse(event.record.value, WIRE_CODE_envelope, &envelope) == ERR_OK);
                check(wire_frame_parse(envelope.frame, &frame) == ERR_OK);
                if (frame.code == WIRE_CODE_gone || frame.code == WIRE_CODE_sweep) /* it says so itself */
                        continue;
                check(frame.message && frame.message->direction == WIRE_UP);
                play->last = envelope;
                if (frame.message->header & WIRE_HAS_TOKEN)
                        check(play->last.user - FIRST_USER < CLIENTS && play->last.user == frame.user);
                else
                        check(play->last.user == 0);
                check(memcmp(frame.mac, zeros, sizeof(zeros)) == 0);
                play->last_request = frame.request;
                play->any = true;
        }
}

static bool turn(struct play *play)
{
        bool goes_on = host_turn(&play->host);
        struct frontend_counts counts = frontend_counts(play->host.frontend);

        check(counts.ready <= counts.connections && counts.connections <= CLIENTS);
        check(counts.queued_bytes <= SEND_MAX + CLIENTS * BYE_MAX);
        check(counts.partial_bytes <= PARTIAL_MAX);
        check(counts.closed + counts.connections <= counts.accepted); /* some are turned away at once */
        take_envelopes(play);
        return goes_on;
}

/* ---- steps ---- */

static void step_open(struct play *play, struct actor *actor, struct script *script)
{
        uint64_t number = (uint64_t)(actor - play->actors);

        (void)script;
        if (actor->open || play->host.port == 0)
                return;
        client_open(&play->host, &actor->client);
        actor->client.user = FIRST_USER + number;
        actor->client.device = 1 + number;
        token_mint(&play->host.keys, actor->client.user, actor->client.device, actor->client.token);
        actor->open = true;
        actor->joined = actor->asks = false;
}

static void step_close(struct play *play, struct actor *actor, struct script *script)
{
        (void)play, (void)script;
        if (actor->open)
                client_close(&actor->client);
        actor->open = false;
}

static void step_break(struct play *play, struct actor *actor, struct script *script)
{
        (void)script;
        if (actor->open)
                fake_net_break(play->host.client_net, actor->client.socket);
}

/* Of a client that speaks WebSocket, every other time not in a message. */
static void step_bytes(struct play *play, struct actor *actor, struct script *script)
{
        struct slice bytes = script_bytes(script, 255);

        bool framed = actor->client.framed;

        (void)play;
        if (!actor->open || bytes.size == 0)
                return;
        actor->client.framed = framed && bytes.data[0] & 1;
        (void)client_send_bytes(&actor->client, bytes.data, bytes.size);
        actor->client.framed = framed;
}

/* A frame with the right header of a code and any body, whole or cut. */
static void step_frame(struct play *play, struct actor *actor, struct script *script)
{
        const struct wire_message *message = wire_message_by_code(script_next(script));
        uint8_t cut = script_next(script);
        struct slice body = script_bytes(script, 255);
        uint8_t bytes[512];
        struct id request;
        size_t size;

        (void)play;
        if (!actor->open || !message)
                return;
        size = client_build(&actor->client, message->code, (const uint64_t[128]){0}, bytes, sizeof(bytes), &request);
        memcpy(bytes + size, body.data, body.size);
        be32_put(bytes, (uint32_t)(size + body.size - WIRE_LENGTH_SIZE));
        size += body.size;
        (void)client_send_bytes(&actor->client, bytes, cut ? min_of(size, cut) : size);
}

static void step_hello(struct play *play, struct actor *actor, struct script *script)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1};
        uint8_t bytes[128];

        (void)play, (void)script;
        if (actor->open)
                (void)client_send_bytes(&actor->client, bytes,
                                        client_build(&actor->client, WIRE_CODE_hello, &hello, bytes, sizeof(bytes), NULL));
}

static void step_time(struct play *play, struct actor *actor, struct script *script)
{
        uint64_t ms = (uint64_t)script_next(script) * script_next(script);

        (void)actor;
        play->host.clock.now_us += ms * 1000;
        play->host.clock.wall_ms += ms;
}

/* Answers the newest envelope, rightly or not. */
static void step_answer(struct play *play, struct actor *actor, struct script *script)
{
        static const uint8_t codes[] = {WIRE_CODE_joined, WIRE_CODE_error, WIRE_CODE_delivery, WIRE_CODE_written};
        uint8_t how = script_next(script);
        uint8_t code = codes[how & 3];
        enum wire_effect effect = code == WIRE_CODE_joined ? WIRE_EFFECT_JOINED : how >> 2 & 7;
        bool reply = code != WIRE_CODE_delivery;

        (void)actor;
        if (!play->any || effect > WIRE_EFFECT_REPLACED || (!reply && effect != WIRE_EFFECT_NONE) ||
            (reply && effect == WIRE_EFFECT_JOINED && code != WIRE_CODE_joined))
                return;
        if (how & 0x40)
                play->last.connection ^= script_next(script);
        if (how & 0x80)
                play->last.epoch.bytes[0] ^= script_next(script);
        play->last.frame = (struct slice){0};
        host_post(&play->host, &play->last, reply ? &play->last_request : NULL, code, (const uint64_t[128]){0}, effect);
}

static void step_record(struct play *play, struct actor *actor, struct script *script)
{
        struct slice value = script_bytes(script, 255);
        struct bus_message record = {.topic = BUS_FRONTENDS, .value = value};
        struct bus *bus = play->host.worker_bus;

        (void)actor;
        check(bus->ops->publish(bus, &record) == ERR_OK && bus->ops->flush(bus, 0) == ERR_OK);
}

static void step_revoke(struct play *play, struct actor *actor, struct script *script)
{
        struct wire_revoke revoke = {.user = FIRST_USER + (uint64_t)(actor - play->actors),
                                     .device = script_next(script) & 7};

        host_publish(&play->host, WIRE_CODE_revoke, &revoke);
}

static void step_lost(struct play *play, struct actor *actor, struct script *script)
{
        struct wire_lost lost = {.epoch = frontend_epoch(play->host.frontend)};

        (void)actor, (void)script;
        host_publish(&play->host, WIRE_CODE_lost, &lost);
}

static void step_forget(struct play *play, struct actor *actor, struct script *script)
{
        (void)actor;
        presence_memory_forget(play->host.memory, script_next(script));
}

static void step_listen(struct play *play, struct actor *actor, struct script *script)
{
        (void)script;
        listen_to(play, actor);
}

static void step_pieces(struct play *play, struct actor *actor, struct script *script)
{
        (void)actor;
        fake_net_set_read_max(play->host.net, script_next(script));
}

static void step_drain(struct play *play, struct actor *actor, struct script *script)
{
        (void)actor;
        frontend_drain(play->host.frontend, script_next(script));
        play->host.port = 0;
}

/* A browser's first words; a fourth of them ask for something else. */
static void step_ask(struct play *play, struct actor *actor, struct script *script)
{
        static const char upgrade[] = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WEB_KEY "\r\n\r\n";
        static const char page[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

        (void)play;
        if (!actor->open || actor->client.framed)
                return;
        if (script_next(script) & 3)
                (void)client_send_bytes(&actor->client, upgrade, sizeof(upgrade) - 1);
        else
                (void)client_send_bytes(&actor->client, page, sizeof(page) - 1);
}

static void (*const steps[16])(struct play *play, struct actor *actor, struct script *script) = {
        step_open,   step_close,  step_break, step_bytes,  step_frame,  step_hello,  step_time,  step_answer,
        step_record, step_revoke, step_lost,  step_forget, step_listen, step_pieces, step_drain, step_ask,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct frontend_options options = {
                .queue_bytes_max = QUEUE_MAX,
                .send_bytes_max = SEND_MAX,
                .partial_bytes_max = PARTIAL_MAX,
                .pending_max = 16,
                .connection_frames = 20,
                .connections_max = CLIENTS,
        };
        struct script script = {data, data + size};
        struct frontend_counts counts;
        struct play play = {0};
        bool goes_on = true;

        host_start(&play.host, &options);
        for (int i = 0; i < STEPS_MAX && script.at < script.end && goes_on; i++) {
                uint8_t what = script_next(&script);

                steps[what & 15](&play, &play.actors[what >> 4 & 3], &script);
                /* The topmost bit lets the next step happen in the same turn. */
                if (!(what & 0x80))
                        goes_on = turn(&play);
        }
        for (int i = 0; i < CLIENTS; i++) {
                listen_to(&play, &play.actors[i]);
                step_close(&play, &play.actors[i], &script);
        }
        /* A connection that is not read for a while hears of the client's end only after it. */
        for (int i = 0; i < 3 && goes_on; i++) {
                play.host.clock.now_us += AFTER_MS * 1000;
                goes_on = turn(&play);
        }
        counts = frontend_counts(play.host.frontend);
        check(counts.connections == 0 && counts.ready == 0 && counts.partial_bytes == 0 && counts.queued_bytes == 0);
        host_stop(&play.host);
        return 0;
}
