/*
 * The net that secures sockets, see tls.h. It stands in front of another net and passes everything on; of the sockets that were secured it
 * has a stream each (tls_stream.h), drives their handshakes within poll, and tells the owner of what it reads there as if it came from
 * the socket.
 *
 * Lists: `ready` are streams with something to be done that no event of the inner net will tell of; `handshakes` and `partials` wait, the
 * oldest first, for what ends them.
 */
#include "loop/tls.h"

#include <openssl/err.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/tls_context.h"
#include "loop/tls_stream.h"

#define STREAMS_AT_FIRST 64

struct tls_net {
        struct net net;
        struct loop_tls_options options;
        struct loop_tls_counts counts;
        struct tls_shared shared;
        struct tls_stream **streams; /* by socket; NULL: a plain one */
        uint32_t size;
        uint32_t steps; /* of handshakes, left for this poll */
        uint64_t now_ms;
        struct list handshakes, partials, ready;
        char why[TLS_WHY_SIZE];
};

static struct tls_net *self(struct net *net)
{
        return container_of(net, struct tls_net, net);
}

static struct net *inner_of(struct net *net)
{
        return self(net)->shared.inner;
}

/* NULL: a plain socket. */
static struct tls_stream *stream_of(struct net *net, int socket)
{
        struct tls_net *tls = self(net);

        return socket >= 0 && (uint32_t)socket < tls->size ? tls->streams[socket] : NULL;
}

/* ---- what a stream wants now ---- */

static bool is_ready(const struct tls_stream *stream)
{
        if (stream->done || stream->closed)
                return stream->wants_read && tls_stream_has_more(stream);
        return stream->idle || tls_stream_has_more(stream);
}

static void link_if(struct list *list, struct list_node *node, bool wanted)
{
        if (!wanted)
                list_remove(node);
        else if (!list_linked(node))
                list_append(list, node);
}

/* After whatever happened to it: its lists, and what is asked of the inner net. */
static void settle(struct tls_net *tls, struct tls_stream *stream)
{
        struct net *inner = tls->shared.inner;
        bool half = stream->in_size > 0 && !stream->closed && !tls_stream_has_more(stream);
        bool reads = stream->done || stream->closed ? stream->wants_read : true;
        bool writes = !stream->closed && (stream->out_size > 0 || (stream->done && stream->wants_write));

        if (stream->moved || !half)
                list_remove(&stream->partial);
        if (half && !list_linked(&stream->partial))
                stream->partial_ms = tls->now_ms;
        stream->moved = false;
        link_if(&tls->partials, &stream->partial, half);
        link_if(&tls->ready, &stream->ready, is_ready(stream));
        /* A closed one that its owner waits to write to: it reads that it is over. */
        if (reads != stream->inner_read)
                inner->ops->want_read(inner, stream->socket, reads);
        if (writes != stream->inner_write)
                inner->ops->want_write(inner, stream->socket, writes);
        stream->inner_read = reads;
        stream->inner_write = writes;
}

/* The handshake is over, one way or the other. */
static void handshake_ended(struct tls_net *tls, struct tls_stream *stream)
{
        if (!list_linked(&stream->handshake))
                return;
        list_remove(&stream->handshake);
        tls->counts.under_way -= stream->accepted;
        if (stream->done) {
                tls->counts.done++;
                return;
        }
        tls->counts.failed++;
        if (stream->accepted)
                event_note(tls->options.events, EVENT_DEBUG, "tls.failed", NULL, {"connection", NULL, stream->tag},
                           {"reason", tls_reason(), 0});
        else
                tls_explain(stream->ssl, stream->name, tls->why);
        ERR_clear_error();
}

static void step_handshake(struct tls_net *tls, struct tls_stream *stream)
{
        check(tls->steps > 0);
        tls->steps--;
        tls_stream_handshake(stream);
        if (stream->done || stream->closed)
                handshake_ended(tls, stream);
        settle(tls, stream);
}

/* ---- operations ---- */

static enum error tls_listen(struct net *net, const char *address, uint16_t port, bool shared, uint64_t tag, int *socket,
                             struct net_address *bound)
{
        return inner_of(net)->ops->listen(inner_of(net), address, port, shared, tag, socket, bound);
}

static enum error tls_connect(struct net *net, const char *host, uint16_t port, uint64_t tag, int *socket)
{
        return inner_of(net)->ops->connect(inner_of(net), host, port, tag, socket);
}

static void tls_set_tag(struct net *net, int socket, uint64_t tag)
{
        struct tls_stream *stream = stream_of(net, socket);

        inner_of(net)->ops->set_tag(inner_of(net), socket, tag);
        if (stream)
                stream->tag = tag;
}

static enum error tls_read(struct net *net, int socket, void *bytes, size_t size, size_t *got)
{
        struct tls_stream *stream = stream_of(net, socket);
        enum error error;

        if (!stream)
                return inner_of(net)->ops->read(inner_of(net), socket, bytes, size, got);
        *got = 0;
        if (!stream->done)
                return stream->closed ? ERR_CLOSED : ERR_AGAIN;
        error = tls_stream_read(stream, bytes, size, got);
        settle(self(net), stream);
        return error;
}

static enum error tls_write(struct net *net, int socket, const struct slice *parts, size_t count, size_t *written)
{
        struct tls_stream *stream = stream_of(net, socket);
        enum error error;

        if (!stream)
                return inner_of(net)->ops->write(inner_of(net), socket, parts, count, written);
        *written = 0;
        if (!stream->done)
                return stream->closed ? ERR_CLOSED : ERR_AGAIN;
        error = tls_stream_write(stream, parts, count, written);
        settle(self(net), stream);
        return error;
}

static enum error tls_end_writing(struct net *net, int socket)
{
        struct tls_stream *stream = stream_of(net, socket);
        enum error error;

        if (!stream)
                return inner_of(net)->ops->end_writing(inner_of(net), socket);
        error = tls_stream_end_writing(stream);
        settle(self(net), stream);
        return error;
}

static void tls_want_write(struct net *net, int socket, bool wanted)
{
        struct tls_stream *stream = stream_of(net, socket);

        if (!stream) {
                inner_of(net)->ops->want_write(inner_of(net), socket, wanted);
                return;
        }
        stream->wants_write = wanted;
        settle(self(net), stream);
}

static void tls_want_read(struct net *net, int socket, bool wanted)
{
        struct tls_stream *stream = stream_of(net, socket);

        if (!stream) {
                inner_of(net)->ops->want_read(inner_of(net), socket, wanted);
                return;
        }
        stream->wants_read = wanted;
        settle(self(net), stream);
}

static void stream_free(struct tls_net *tls, struct tls_stream *stream)
{
        if (list_linked(&stream->handshake))
                tls->counts.under_way -= stream->accepted;
        list_remove(&stream->handshake);
        list_remove(&stream->partial);
        list_remove(&stream->ready);
        tls->streams[stream->socket] = NULL;
        tls_stream_finish(stream);
        memory_free(stream);
}

static void tls_close(struct net *net, int socket)
{
        struct tls_stream *stream = stream_of(net, socket);

        if (stream) {
                tls_stream_goodbye(stream);
                stream_free(self(net), stream);
        }
        inner_of(net)->ops->close(inner_of(net), socket);
}

static bool make_room(struct tls_net *tls, int socket)
{
        uint32_t size = tls->size ? tls->size : STREAMS_AT_FIRST;
        struct tls_stream **grown;

        while (size <= (uint32_t)socket)
                size *= 2;
        if (size == tls->size)
                return true;
        grown = memory_resize(tls->streams, size * sizeof(struct tls_stream *));
        if (!grown)
                return false;
        memset(grown + tls->size, 0, (size - tls->size) * sizeof(struct tls_stream *));
        tls->streams = grown;
        tls->size = size;
        return true;
}

static enum error stream_new(struct tls_net *tls, struct tls_context *context, int socket, const char *name,
                             struct tls_stream **stream)
{
        SSL_CTX *current = tls_context_take(context);
        struct tls_stream *made = memory_new(sizeof(*made));
        enum error error = made && make_room(tls, socket) ? ERR_OK : ERR_NO_MEMORY;

        if (!error) {
                error = tls_stream_init(made, &tls->shared, socket, current, name);
                if (error)
                        tls_stream_finish(made);
        }
        SSL_CTX_free(current);
        if (error)
                memory_free(made);
        else
                *stream = tls->streams[socket] = made;
        return error;
}

static enum error tls_secure(struct net *net, int socket, uint64_t tag, struct slice taken, const char *name)
{
        struct tls_net *tls = self(net);
        struct tls_context *context = name ? tls->options.client : tls->options.server;
        struct tls_stream *stream = NULL;
        enum error error;

        check(!stream_of(net, socket));
        if (!context)
                return ERR_CONFIG;
        if (!name && tls->counts.under_way >= tls->options.handshakes_max) {
                tls->counts.refused++;
                return ERR_FULL;
        }
        if (name)
                tls->why[0] = '\0';
        error = stream_new(tls, context, socket, name, &stream);
        ERR_clear_error();
        if (error)
                return error;
        tls->now_ms = clock_monotonic_ms(tls->options.clock);
        stream->tag = tag;
        stream->since_ms = tls->now_ms;
        error = tls_stream_push(stream, taken);
        if (error) {
                stream_free(tls, stream);
                return error;
        }
        /* As tls_stream_init says. */
        inner_of(net)->ops->want_read(inner_of(net), socket, true);
        inner_of(net)->ops->want_write(inner_of(net), socket, false);
        list_append(&tls->handshakes, &stream->handshake);
        tls->counts.begun++;
        tls->counts.under_way += stream->accepted;
        settle(tls, stream);
        return ERR_OK;
}

static enum error tls_watch(struct net *net, int fd, uint64_t tag)
{
        return inner_of(net)->ops->watch(inner_of(net), fd, tag);
}

/* ---- poll ---- */

/* An event of the inner net for a stream. True: its owner is to hear of it. */
static bool pass_on(struct tls_net *tls, struct tls_stream *stream, enum net_event_kind kind)
{
        bool hears = false;

        if (kind == NET_EVENT_READABLE && !stream->done && !stream->closed) {
                /* Beyond this poll's steps it waits: the next poll tells it again. */
                if (tls->steps > 0)
                        step_handshake(tls, stream);
                return false;
        }
        if (kind == NET_EVENT_READABLE)
                return stream->wants_read;
        if (!stream->closed && tls_stream_flush(stream) != ERR_AGAIN)
                hears = stream->wants_write && (stream->done || stream->closed);
        settle(tls, stream);
        return hears;
}

/* Streams that can go on by themselves. Each once: who is still on the list is looked at by the next poll. */
static size_t run_ready(struct tls_net *tls, struct net_event *events, size_t max)
{
        struct list later;
        struct list_node *node;
        size_t count = 0;

        list_init(&later);
        while (count < max && (node = list_pop(&tls->ready))) {
                struct tls_stream *stream = container_of(node, struct tls_stream, ready);

                if (stream->done || stream->closed) {
                        events[count++] =
                                (struct net_event){.kind = NET_EVENT_READABLE, .socket = stream->socket, .tag = stream->tag};
                        list_append(&later, node);
                } else if (tls->steps > 0) {
                        step_handshake(tls, stream);
                } else {
                        list_append(&later, node);
                }
        }
        while ((node = list_pop(&later)))
                list_append(&tls->ready, node);
        return count;
}

static struct tls_stream *first_handshake(const struct tls_net *tls)
{
        struct list_node *node = list_first(&tls->handshakes);

        return node ? container_of(node, struct tls_stream, handshake) : NULL;
}

static struct tls_stream *first_partial(const struct tls_net *tls)
{
        struct list_node *node = list_first(&tls->partials);

        return node ? container_of(node, struct tls_stream, partial) : NULL;
}

static void expire(struct tls_net *tls, struct tls_stream *stream)
{
        stream->closed = stream->failed = true;
        ERR_clear_error();
        handshake_ended(tls, stream);
        settle(tls, stream);
}

static void run_deadlines(struct tls_net *tls)
{
        struct tls_stream *stream;

        while ((stream = first_handshake(tls)) && tls->now_ms >= stream->since_ms + tls->options.handshake_ms)
                expire(tls, stream);
        while ((stream = first_partial(tls)) && tls->now_ms >= stream->partial_ms + tls->options.record_ms)
                expire(tls, stream);
}

/* How long poll may sleep so that no deadline is missed. */
static int shorten(struct tls_net *tls, int timeout_ms)
{
        const struct tls_stream *handshake = first_handshake(tls), *partial = first_partial(tls);
        uint64_t next = UINT64_MAX, now;

        if (!list_empty(&tls->ready))
                return 0;
        if (timeout_ms == 0 || (!handshake && !partial))
                return timeout_ms;
        if (handshake)
                next = handshake->since_ms + tls->options.handshake_ms;
        if (partial)
                next = min_of(next, partial->partial_ms + tls->options.record_ms);
        now = clock_monotonic_ms(tls->options.clock);
        next = next > now ? next - now : 0;
        return timeout_ms < 0 || (uint64_t)timeout_ms > next ? (int)next : timeout_ms;
}

static size_t tls_poll(struct net *net, struct net_event *events, size_t max, int timeout_ms)
{
        struct tls_net *tls = self(net);
        struct net *inner = tls->shared.inner;
        size_t got = inner->ops->poll(inner, events, max, shorten(tls, timeout_ms)), count = 0;

        /* Most nets have nothing to secure at most times. */
        if (list_empty(&tls->ready) && list_empty(&tls->handshakes) && list_empty(&tls->partials) && tls->size == 0)
                return got;
        tls->now_ms = clock_monotonic_ms(tls->options.clock);
        tls->steps = tls->options.handshakes_a_poll;
        for (size_t i = 0; i < got; i++) {
                bool stream_event = events[i].kind == NET_EVENT_READABLE || events[i].kind == NET_EVENT_WRITABLE;
                struct tls_stream *stream = stream_event ? stream_of(net, events[i].socket) : NULL;

                if (!stream || pass_on(tls, stream, events[i].kind))
                        events[count++] = events[i];
        }
        run_deadlines(tls);
        return count + run_ready(tls, events + count, max - count);
}

/* ---- life ---- */

static void tls_free(struct net **net)
{
        struct tls_net *tls;

        if (!*net)
                return;
        tls = self(*net);
        *net = NULL;
        for (uint32_t socket = 0; socket < tls->size; socket++)
                if (tls->streams[socket])
                        stream_free(tls, tls->streams[socket]);
        check(tls->net.held == 0 && tls->shared.in_bytes == 0);
        tls->shared.inner->ops->free(&tls->shared.inner);
        BIO_meth_free(tls->shared.method);
        memory_free(tls->streams);
        memory_free(tls);
}

static void set_defaults(struct loop_tls_options *options)
{
        if (!options->handshakes_max)
                options->handshakes_max = 1000;
        if (!options->handshakes_a_poll)
                options->handshakes_a_poll = 4;
        if (!options->handshake_ms)
                options->handshake_ms = 10000;
        if (!options->record_ms)
                options->record_ms = 10000;
        if (!options->in_bytes_max)
                options->in_bytes_max = 64u << 20;
}

enum error loop_tls_new(struct net *inner, const struct loop_tls_options *options, struct net **net)
{
        static const struct net_ops ops = {
                .free = tls_free,
                .listen = tls_listen,
                .connect = tls_connect,
                .set_tag = tls_set_tag,
                .read = tls_read,
                .write = tls_write,
                .end_writing = tls_end_writing,
                .want_write = tls_want_write,
                .want_read = tls_want_read,
                .close = tls_close,
                .secure = tls_secure,
                .watch = tls_watch,
                .poll = tls_poll,
        };
        struct tls_net *tls = memory_new(sizeof(*tls));

        check(inner && options->clock && inner->held == 0);
        if (!tls)
                return ERR_NO_MEMORY;
        tls->net.ops = &ops;
        tls->options = *options;
        set_defaults(&tls->options);
        tls->shared = (struct tls_shared){.inner = inner,
                                          .method = tls_stream_method(),
                                          .held = &tls->net.held,
                                          .in_bytes_max = tls->options.in_bytes_max};
        if (!tls->shared.method) {
                memory_free(tls);
                return ERR_NO_MEMORY;
        }
        list_init(&tls->handshakes);
        list_init(&tls->partials);
        list_init(&tls->ready);
        *net = &tls->net;
        return ERR_OK;
}

struct loop_tls_counts loop_tls_counts(struct net *net)
{
        struct loop_tls_counts counts = self(net)->counts;

        counts.in_bytes = self(net)->shared.in_bytes;
        return counts;
}

const char *loop_tls_why(struct net *net)
{
        return self(net)->why;
}
