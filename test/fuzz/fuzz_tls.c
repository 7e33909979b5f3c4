/*
 * The server's side of TLS, and the client's: an honest client's bytes and an honest server's, changed on their way. Input: steps of one byte (what, and in which direction) and what that step needs. The first steps may say anything before, or instead of, a handshake.
 *
 * What is checked besides not crashing: nobody hears a byte that was not said to him, in its order; who was secured and is broken is closed in time;
 * what is kept is bounded, and nothing is left at the end.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "fuzz.h"
#include "script.h"
#include "support/tls_files.h"
#include "support/tls_pair.h"

#define NAME        "galka.test"
#define PIPE        20000
#define STEPS_MAX   200
#define HELD_MAX    (65536 + 18000)
#define IN_MAX      40000
#define CARRIED_MAX 4096
#define LATE_MS     30000

/* One direction: the man in the middle carries what one end wrote to the other. */
struct way {
        struct pair_end *from, *to;
        int in, out;   /* the middle's sockets */
        uint64_t said; /* bytes, counted: byte n is (uint8_t)(n * 7) */
        uint64_t heard;
};

struct play {
        struct tls_pair pair;
        struct net *middle;
        int listener;
        struct way up, down;
        bool changed; /* the middle has changed or withheld something: nothing needs to arrive any more */
};

static void poll_all(struct play *play)
{
        struct net_event events[8];

        tls_pair_turn(&play->pair);
        (void)play->middle->ops->poll(play->middle, events, countof(events), 0);
}

static void say(struct way *way, size_t size)
{
        uint8_t bytes[300];
        struct slice part = slice_of(bytes, size);
        size_t written = 0;

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)((way->said + i) * 7);
        if (way->from->open && size > 0)
                (void)way->from->net->ops->write(way->from->net, way->from->socket, &part, 1, &written);
        way->said += written;
}

static void hear(struct way *way)
{
        uint8_t bytes[512];
        size_t got = 0;

        while (way->to->open && way->to->net->ops->read(way->to->net, way->to->socket, bytes, sizeof(bytes), &got) == ERR_OK)
                for (size_t i = 0; i < got; i++, way->heard++)
                        check(way->heard <= way->said && bytes[i] == (uint8_t)(way->heard * 7));
}

/* Carries up to `most` bytes; flips a bit of the one at `flip`, if it is not negative. */
static void carry(struct play *play, struct way *way, size_t most, int flip)
{
        uint8_t bytes[CARRIED_MAX];
        struct net *net = play->middle;
        size_t got, written = 0;
        struct slice part;

        if (most == 0 || net->ops->read(net, way->in, bytes, min_of(most, sizeof(bytes)), &got) != ERR_OK)
                return;
        if (flip >= 0) {
                bytes[(size_t)flip % got] ^= (uint8_t)(1 << (flip & 7));
                play->changed = true;
        }
        part = slice_of(bytes, got);
        (void)net->ops->write(net, way->out, &part, 1, &written);
        play->changed |= written < got;
}

static void inject(struct play *play, struct way *way, struct slice bytes)
{
        size_t written;

        if (bytes.size == 0)
                return;
        (void)play->middle->ops->write(play->middle, way->out, &bytes, 1, &written);
        play->changed = true;
}

static void check_bounds(const struct play *play)
{
        check(play->pair.server.net->held <= HELD_MAX && play->pair.client.net->held <= HELD_MAX);
        check(loop_tls_counts(play->pair.server.net).in_bytes <= IN_MAX);
        check(loop_tls_counts(play->pair.client.net).in_bytes <= IN_MAX);
}

static void step(struct play *play, struct script *script)
{
        uint8_t what = script_next(script);
        struct way *way = what & 0x80 ? &play->down : &play->up;

        switch (what & 7) {
        case 0:
                carry(play, way, CARRIED_MAX, -1);
                break;
        case 1:
                carry(play, way, script_next(script), -1);
                break;
        case 2:
                carry(play, way, CARRIED_MAX, script_next(script));
                break;
        case 3:
                inject(play, way, script_bytes(script, 255));
                break;
        case 4:
                say(way, script_next(script));
                break;
        case 5:
                hear(way);
                break;
        case 6:
                play->pair.now_us += (uint64_t)script_next(script) * script_next(script) * 1000;
                play->changed = true; /* a deadline may have passed */
                break;
        case 7:
                if (what & 0x40)
                        tls_pair_close(way->from);
                else if (way->to->open)
                        way->to->net->ops->want_read(way->to->net, way->to->socket, what & 0x20);
                break;
        }
        if (!play->pair.server.open || !play->pair.client.open)
                play->changed = true;
        poll_all(play);
        check_bounds(play);
}

/* The client connects to the middle, the middle to the server. */
static void begin(struct play *play)
{
        struct tls_pair *pair = &play->pair;
        struct net_address bound;
        struct net_event events[8];
        size_t count;

        tls_pair_start(pair, "good", "ca", PIPE, &(struct loop_tls_options){.in_bytes_max = IN_MAX});
        play->middle = fake_world_net(pair->world, 3);
        check(play->middle);
        check(play->middle->ops->listen(play->middle, "10.0.0.3", 0, false, 9, &play->listener, &bound) == ERR_OK);
        check(play->middle->ops->connect(play->middle, "10.0.0.1", pair->port, 8, &play->up.out) == ERR_OK);
        check(pair->client.net->ops->connect(pair->client.net, "10.0.0.3", bound.port, PAIR_CLIENT_TAG,
                                             &pair->client.socket) == ERR_OK);
        pair->client.open = true;
        tls_pair_turn(pair);
        count = play->middle->ops->poll(play->middle, events, countof(events), 0);
        for (size_t i = 0; i < count; i++)
                if (events[i].kind == NET_EVENT_ACCEPTED)
                        play->up.in = events[i].socket;
        play->up.from = play->down.to = &pair->client;
        play->up.to = play->down.from = &pair->server;
        play->down.in = play->up.out;
        play->down.out = play->up.in;
        check(pair->server.open);
        tls_pair_secure(pair, NAME);
        poll_all(play);
}

/* What is honest so far comes through; what is not is closed in time. */
static void end(struct play *play)
{
        struct tls_pair *pair = &play->pair;

        if (pair->server.open)
                pair->server.net->ops->want_read(pair->server.net, pair->server.socket, true);
        if (pair->client.open)
                pair->client.net->ops->want_read(pair->client.net, pair->client.socket, true);
        for (int i = 0; i < 40 && !play->changed; i++) {
                carry(play, &play->up, CARRIED_MAX, -1);
                carry(play, &play->down, CARRIED_MAX, -1);
                poll_all(play);
                hear(&play->up);
                hear(&play->down);
        }
        /* One byte more may have gone than was counted (net.h). */
        check(play->changed || (play->up.heard >= play->up.said && play->down.heard >= play->down.said));
        pair->now_us += LATE_MS * 1000;
        poll_all(play);
        check(loop_tls_counts(pair->server.net).under_way == 0);
        tls_pair_close(&pair->client);
        tls_pair_close(&pair->server);
        check(pair->server.net->held == 0 && pair->client.net->held == 0);
        check(loop_tls_counts(pair->server.net).in_bytes == 0 && loop_tls_counts(pair->client.net).in_bytes == 0);
        play->middle->ops->free(&play->middle);
        tls_pair_stop(pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool made;
        struct script script = {data, data + size};
        struct play play = {0};

        if (!made) {
                tls_folder_new();
                tls_make("ca", &(struct tls_wish){.authority = true});
                tls_make("good", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca"});
                atexit(tls_folder_remove);
                made = true;
        }
        begin(&play);
        for (int i = 0; i < STEPS_MAX && script.at < script.end; i++)
                step(&play, &script);
        end(&play);
        return 0;
}
