/* The frontend's life and its turn; see frontend.h. What a turn does is in the files named in internal.h. */
#include "frontend/frontend.h"

#include "base/memory.h"
#include "frontend/absence.h"
#include "frontend/budget.h"
#include "frontend/claim.h"
#include "frontend/drain.h"
#include "frontend/ending.h"
#include "frontend/input.h"
#include "frontend/internal.h"
#include "frontend/listen.h"
#include "frontend/liveness.h"
#include "frontend/output.h"
#include "frontend/pending.h"
#include "frontend/post.h"
#include "frontend/run.h"
#include "frontend/sweep.h"
#include "frontend/upkeep.h"
#include "frontend/websocket.h"
#include "wire/envelope.h"

#define LIMITED_MAX 200000 /* users, and addresses, whose rate is known at once */

static void set_defaults(struct frontend_options *options)
{
        const struct {
                uint32_t *option, value;
        } defaults[] = {
                {&options->connections_max, 100000},
                {&options->ping_ms, FRONTEND_PING_MS},
                {&options->reply_ms, FRONTEND_REPLY_MS},
                {&options->frame_ms, 10000},
                {&options->sign_in_ms, 30000},
                {&options->connection_frames, 50},
                {&options->user_frames, 100},
                {&options->address_frames, 2000},
                {&options->address_connections, 1000},
                {&options->partial_bytes_max, 64u << 20},
                {&options->queue_bytes_max, 1u << 20},
                {&options->send_bytes_max, 256u << 20},
                {&options->pending_max, 100000},
        };

        for (size_t i = 0; i < countof(defaults); i++)
                if (*defaults[i].option == 0)
                        *defaults[i].option = defaults[i].value;
}

static struct limit_rate rate_of(uint32_t frames_a_second)
{
        return limit_rate_of(frames_a_second, 2 * frames_a_second);
}

static void read_time(struct frontend *frontend)
{
        frontend->now_us = frontend->seams.clock->monotonic_us(frontend->seams.clock);
        frontend->now_ms = frontend->now_us / 1000;
        frontend->wall_ms = frontend->seams.clock->wall_ms(frontend->seams.clock);
}

static enum error init(struct frontend *frontend)
{
        const struct frontend_options *options = &frontend->options;
        struct random *random = frontend->seams.random;
        uint64_t seeds[4];
        struct list *const lists[] = {
                &frontend->newcomers, &frontend->heard,   &frontend->closing,         &frontend->ended,
                &frontend->dirty,     &frontend->patient, &frontend->waiting.blocked, &frontend->waiting.blocked_http,
                &frontend->partials,  &frontend->paused,  &frontend->gathering.list};

        random->fill(random, seeds, sizeof(seeds));
        random->fill(random, &frontend->epoch, sizeof(frontend->epoch));
        for (size_t i = 0; i < countof(lists); i++)
                list_init(lists[i]);
        upkeep_init(&frontend->upkeep);
        pool_init(&frontend->traffics, sizeof(struct traffic), options->connections_max);
        pool_init(&frontend->sends, sizeof(struct send), FRONTEND_QUEUE_PLACES_MAX);
        pool_init(&frontend->websockets, sizeof(struct websocket), options->connections_max);
        pool_init(&frontend->downloads, sizeof(struct download), options->connections_max);
        frontend->connection_rate = rate_of(options->connection_frames);
        if (!connections_init(&frontend->connections, options->connections_max) ||
            !pendings_init(&frontend->pendings, options->pending_max, seeds) ||
            !limiter_init(&frontend->users, rate_of(options->user_frames), LIMITED_MAX, seeds[2]) ||
            !limiter_init(&frontend->addresses, rate_of(options->address_frames), LIMITED_MAX, seeds[3]))
                return ERR_NO_MEMORY;
        return framing_new(&frontend->framing);
}

static enum error attach(struct frontend *frontend)
{
        struct net *net = frontend->seams.net;
        struct bus *bus = frontend->seams.bus;
        struct presence *presence = frontend->seams.presence;
        enum error error;

        if (frontend->options.index >= bus->ops->partitions(bus, BUS_FRONTENDS))
                return ERR_CONFIG;
        if ((frontend->options.tls && !net->ops->secure) || (frontend->options.tls_only && !frontend->options.tls))
                return ERR_CONFIG;
        error = net->ops->watch(net, bus->ops->fd(bus), FRONTEND_TAG_BUS);
        if (!error)
                error = net->ops->watch(net, presence->ops->fd(presence), FRONTEND_TAG_PRESENCE);
        if (!error)
                error = bus->ops->assign(bus, BUS_FRONTENDS, frontend->options.index);
        return error;
}

enum error frontend_new(const struct frontend_options *options, const struct frontend_seams *seams,
                        struct frontend **frontend_p)
{
        struct frontend *frontend = memory_new(sizeof(*frontend));
        enum error error;

        check(seams->net && seams->bus && seams->presence && seams->clock && seams->random && seams->keys);
        if (!frontend)
                return ERR_NO_MEMORY;
        frontend->options = *options;
        frontend->seams = *seams;
        set_defaults(&frontend->options);
        read_time(frontend);
        frontend->start_ms = frontend->now_ms;
        error = init(frontend);
        if (!error)
                error = attach(frontend);
        if (error) {
                frontend_free(&frontend);
                return error;
        }
        *frontend_p = frontend;
        return ERR_OK;
}

void frontend_free(struct frontend **frontend_p)
{
        struct frontend *frontend = *frontend_p;

        if (!frontend)
                return;
        *frontend_p = NULL;
        listen_close(frontend);
        for (uint32_t slot = 0; slot < frontend->connections.fresh; slot++) {
                struct connection *connection = connection_at(&frontend->connections, slot);

                if (connection)
                        connection_drop(frontend, connection);
        }
        connections_finish(&frontend->connections);
        pendings_finish(&frontend->pendings);
        limiter_finish(&frontend->users);
        limiter_finish(&frontend->addresses);
        pool_finish(&frontend->traffics);
        pool_finish(&frontend->sends);
        pool_finish(&frontend->websockets);
        pool_finish(&frontend->downloads);
        framing_free(&frontend->framing);
        site_finish(&frontend->site);
        blocks_finish(&frontend->blocks);
        upkeep_finish(&frontend->upkeep);
        absence_finish(&frontend->absences);
        memory_free(frontend);
}

void frontend_show(struct frontend *frontend, struct site **site)
{
        site_show(&frontend->site, site);
}

bool frontend_publish(struct frontend *frontend, uint16_t index, uint8_t code, const void *message)
{
        struct bus *bus = frontend->seams.bus;
        struct bus_message record = {
                .topic = BUS_FRONTENDS,
                .partition = index,
                .value = wire_record_build(code, message, frontend->scratch, frontend->scratch + sizeof(frontend->scratch)),
        };

        check(record.value.size > 0);
        if (bus->ops->publish(bus, &record) != ERR_OK)
                return false;
        frontend->published = true;
        return true;
}

bool frontend_publish_frame(struct frontend *frontend, enum bus_topic topic, uint8_t code, uint64_t user,
                            const void *message, struct id *request)
{
        struct wire_frame frame = {.code = code};
        struct wire_envelope envelope = {.frontend = frontend->options.index,
                                         .epoch = frontend->epoch,
                                         .not_after_ms = frontend->wall_ms + frontend->options.reply_ms};
        struct bus_message record = {.topic = topic, .partition = BUS_PARTITION_BYKEY};
        uint8_t bytes[128], random[10], key[8];
        struct slice built;

        frontend->seams.random->fill(frontend->seams.random, random, sizeof(random));
        frame.request = *request = id_uuid7(frontend->wall_ms, random);
        built = wire_frame_build(&frame, message, bytes, bytes + sizeof(bytes));
        check(built.size > WIRE_LENGTH_SIZE);
        envelope.frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE);
        be64_put(key, user);
        record.key = slice_of(key, sizeof(key));
        record.value = wire_record_build(WIRE_CODE_envelope, &envelope, frontend->scratch,
                                         frontend->scratch + sizeof(frontend->scratch));
        check(record.value.size > 0);
        if (frontend->seams.bus->ops->publish(frontend->seams.bus, &record) != ERR_OK)
                return false;
        frontend->published = true;
        return true;
}

static void take_net_event(struct frontend *frontend, const struct net_event *event)
{
        struct connection *connection;

        if (event->kind == NET_EVENT_ACCEPTED) {
                listen_accepted(frontend, event->socket, &event->peer);
                return;
        }
        /* An earlier event of this turn may have ended the connection. */
        connection = connection_find(&frontend->connections, event->tag);
        if (!connection)
                return;
        if (event->kind == NET_EVENT_READABLE)
                input_readable(frontend, connection);
        else if (event->kind == NET_EVENT_WRITABLE)
                output_writable(frontend, connection);
}

static void take_bus_event(struct frontend *frontend, const struct bus_event *event)
{
        if (event->kind == BUS_EVENT_RECORD) {
                post_record(frontend, event->record.value);
        } else if (event->kind == BUS_EVENT_ASSIGNED) {
                claim_assigned(frontend);
        } else if (event->kind == BUS_EVENT_LOST) {
                claim_doubt(frontend);
                if (frontend_serves(frontend))
                        upkeep_suspect_loss(frontend, "the bus lost the position");
        }
}

static void poll_bus(struct frontend *frontend)
{
        struct bus *bus = frontend->seams.bus;

        for (int i = 0; i < FRONTEND_BUS_POLLS_MAX; i++) {
                size_t count = bus->ops->poll(bus, frontend->bus_events, FRONTEND_BUS_EVENTS);

                runs_expect(frontend, frontend->bus_events, count);
                for (size_t e = 0; e < count; e++)
                        take_bus_event(frontend, &frontend->bus_events[e]);
                runs_end(frontend);
                if (count < FRONTEND_BUS_EVENTS)
                        return;
        }
        frontend->more = true;
}

static void flush_bus(struct frontend *frontend)
{
        struct bus *bus = frontend->seams.bus;

        if (!frontend->published)
                return;
        /* Not asked how it went: a request that got lost is answered by its deadline, a claim by being published again. */
        if (bus->ops->flush(bus, 0) == ERR_OK)
                frontend->published = false;
        else
                frontend->more = true;
}

/* A message to a thousand members is a thousand writes, some milliseconds; what comes meanwhile goes along to those not yet written to,
 * in the same call. */
static void flush_output(struct frontend *frontend)
{
        for (int i = 0; i < FRONTEND_BUS_POLLS_MAX; i++) {
                if (!output_flush(frontend, FRONTEND_WRITES))
                        return;
                poll_bus(frontend);
        }
        (void)output_flush(frontend, UINT32_MAX);
}

bool frontend_turn(struct frontend *frontend, int wait_ms)
{
        struct net *net = frontend->seams.net;
        int own_ms = frontend_wait_ms(frontend);
        bool ended = false;
        size_t count;

        if (wait_ms < 0 || (own_ms >= 0 && own_ms < wait_ms))
                wait_ms = own_ms;
        count = net->ops->poll(net, frontend->net_events, FRONTEND_NET_EVENTS, wait_ms);
        read_time(frontend);
        frontend->more = count == FRONTEND_NET_EVENTS;
        for (size_t i = 0; i < count; i++)
                take_net_event(frontend, &frontend->net_events[i]);
        flush_bus(frontend);
        poll_bus(frontend);
        claim_run(frontend);
        input_run(frontend);
        pending_run(frontend);
        /* With more events to come, somebody may seem silent only because his bytes were not read yet. */
        if (count < FRONTEND_NET_EVENTS)
                liveness_run(frontend);
        upkeep_run(frontend);
        absence_run(frontend);
        sweep_run(frontend);
        if (frontend->claim.state == CLAIM_GIVEN_UP)
                drain_at_once(frontend);
        if (frontend->drain.on)
                ended = drain_run(frontend);
        flush_output(frontend);
        flush_bus(frontend);
        return !ended;
}

int frontend_wait_ms(const struct frontend *frontend)
{
        uint64_t now_ms = clock_monotonic_ms(frontend->seams.clock), next = UINT64_MAX;
        const uint64_t times[] = {
                claim_next_ms(frontend),    input_next_ms(frontend),   pending_next_ms(frontend),
                liveness_next_ms(frontend), upkeep_next_ms(frontend),  drain_next_ms(frontend),
                output_next_ms(frontend),   absence_next_ms(frontend), sweep_next_ms(frontend),
        };

        if (frontend->more || !list_empty(&frontend->dirty))
                return 0;
        for (size_t i = 0; i < countof(times); i++)
                next = min_of(next, times[i]);
        if (next == UINT64_MAX)
                return -1;
        return next <= now_ms ? 0 : (int)min_of(next - now_ms, INT32_MAX);
}

bool frontend_serves(const struct frontend *frontend)
{
        return frontend->claim.state == CLAIM_HOLDING && !frontend->drain.on;
}

struct frontend_counts frontend_counts(const struct frontend *frontend)
{
        struct frontend_counts counts = frontend->counts;

        counts.queued_bytes = budget_bytes(frontend);
        counts.replies_waiting = frontend->pendings.pool.count;
        return counts;
}

struct id frontend_epoch(const struct frontend *frontend)
{
        return frontend->epoch;
}
