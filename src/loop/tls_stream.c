/* See tls_stream.h. */
#include "loop/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/memory.h"

#define RECORD_TYPE_FIRST 20
#define RECORD_TYPE_LAST  23
#define RECORD_MAJOR      3
#define IN_ROUND          64 /* blocks of `in` are multiples of it */

/* ---- what OpenSSL reads and writes ---- */

static int bio_read(BIO *bio, char *bytes, int size)
{
        struct tls_stream *stream = BIO_get_data(bio);
        size_t count = min_of((size_t)size, stream->feed.whole - stream->feed.at);

        BIO_clear_retry_flags(bio);
        if (count == 0) {
                BIO_set_retry_read(bio);
                return -1;
        }
        memcpy(bytes, stream->feed.bytes + stream->feed.at, count);
        stream->feed.at += count;
        return (int)count;
}

static void free_out(struct tls_stream *stream)
{
        check(*stream->shared->held >= stream->out_size);
        *stream->shared->held -= stream->out_size;
        memory_free(stream->out);
        stream->out = NULL;
        stream->out_at = stream->out_size = stream->out_room = 0;
}

/* Keeps what the socket did not take. */
static bool hold(struct tls_stream *stream, const char *bytes, size_t size)
{
        size_t used = stream->out_at + stream->out_size;

        if (stream->out_size + size > TLS_OUT_MAX)
                return false;
        if (used + size > stream->out_room) {
                uint8_t *grown = memory_new(stream->out_size + size);

                if (!grown)
                        return false;
                if (stream->out_size)
                        memcpy(grown, stream->out + stream->out_at, stream->out_size);
                memory_free(stream->out);
                stream->out = grown;
                stream->out_at = 0;
                stream->out_room = (uint32_t)(stream->out_size + size);
                used = stream->out_size;
        }
        memcpy(stream->out + used, bytes, size);
        stream->out_size += (uint32_t)size;
        *stream->shared->held += size;
        return true;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
        struct tls_stream *stream = BIO_get_data(bio);
        struct net *inner = stream->shared->inner;
        size_t written = 0;

        BIO_clear_retry_flags(bio);
        if (stream->out_size == 0) {
                const struct slice part = slice_of(bytes, (size_t)size);
                enum error error = inner->ops->write(inner, stream->socket, &part, 1, &written);

                if (error && error != ERR_AGAIN)
                        return -1;
        }
        if (written < (size_t)size && !hold(stream, bytes + written, (size_t)size - written))
                return -1;
        return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
        (void)bio, (void)number, (void)pointer;
        return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
        BIO_set_init(bio, 1);
        return 1;
}

BIO_METHOD *tls_stream_method(void)
{
        BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "galka net");

        if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
            BIO_meth_set_ctrl(method, bio_control) && BIO_meth_set_create(method, bio_create))
                return method;
        BIO_meth_free(method);
        return NULL;
}

enum error tls_stream_flush(struct tls_stream *stream)
{
        struct net *inner = stream->shared->inner;

        while (stream->out_size > 0) {
                const struct slice part = slice_of(stream->out + stream->out_at, stream->out_size);
                size_t written = 0;
                enum error error = inner->ops->write(inner, stream->socket, &part, 1, &written);

                if (error == ERR_AGAIN || (!error && written == 0))
                        return ERR_AGAIN;
                if (error) {
                        stream->closed = true;
                        return ERR_CLOSED;
                }
                stream->out_at += (uint32_t)written;
                stream->out_size -= (uint32_t)written;
                *stream->shared->held -= written;
        }
        free_out(stream);
        if (stream->ended)
                (void)inner->ops->end_writing(inner, stream->socket);
        return ERR_OK;
}

/* ---- beginning and end ---- */

/* A name is also sent, for servers that have several certificates; an address is only compared. */
static bool expect_name(SSL *ssl, const char *name)
{
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);

        ERR_clear_error();
        ASN1_OCTET_STRING_free(address);
        if (address)
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum error tls_stream_init(struct tls_stream *stream, struct tls_shared *shared, int socket, SSL_CTX *context,
                           const char *name)
{
        BIO *bio;

        *stream = (struct tls_stream){
                .shared = shared, .socket = socket, .accepted = !name, .idle = name, .wants_read = true, .inner_read = true};
        if (name) {
                stream->name = memory_new(strlen(name) + 1);
                if (!stream->name)
                        return ERR_NO_MEMORY;
                memcpy(stream->name, name, strlen(name));
        }
        stream->ssl = SSL_new(context);
        bio = BIO_new(shared->method);
        if (!stream->ssl || !bio) {
                BIO_free(bio);
                return ERR_NO_MEMORY;
        }
        BIO_set_data(bio, stream);
        SSL_set_bio(stream->ssl, bio, bio);
        if (!name) {
                SSL_set_accept_state(stream->ssl);
                return ERR_OK;
        }
        SSL_set_connect_state(stream->ssl);
        return expect_name(stream->ssl, name) ? ERR_OK : ERR_CONFIG;
}

static void free_in(struct tls_stream *stream)
{
        check(stream->shared->in_bytes >= stream->in_room);
        stream->shared->in_bytes -= stream->in_room;
        memory_free(stream->in);
        stream->in = NULL;
        stream->in_size = stream->in_room = 0;
}

void tls_stream_finish(struct tls_stream *stream)
{
        SSL_free(stream->ssl);
        stream->ssl = NULL;
        free_in(stream);
        free_out(stream);
        memory_free(stream->name);
        stream->name = NULL;
}

void tls_stream_goodbye(struct tls_stream *stream)
{
        if (!stream->done || stream->closed || stream->ended || stream->out_size > 0)
                return;
        ERR_clear_error();
        (void)SSL_shutdown(stream->ssl);
        ERR_clear_error();
}

/* ---- bytes that came ---- */

/* How many of the bytes are whole records. What is no record at all counts as whole: OpenSSL is to refuse it. */
static size_t whole_records(const uint8_t *bytes, size_t size, bool *wrong)
{
        size_t at = 0;

        *wrong = false;
        while (size - at >= TLS_HEAD_SIZE) {
                const uint8_t *head = bytes + at;
                size_t length = (size_t)head[3] << 8 | head[4];

                if (head[0] < RECORD_TYPE_FIRST || head[0] > RECORD_TYPE_LAST || head[1] != RECORD_MAJOR ||
                    TLS_HEAD_SIZE + length > TLS_RECORD_MAX) {
                        *wrong = true;
                        return size;
                }
                if (size - at - TLS_HEAD_SIZE < length)
                        break;
                at += TLS_HEAD_SIZE + length;
        }
        return at;
}

static void offer(struct tls_stream *stream, const uint8_t *bytes, size_t size)
{
        stream->feed.bytes = bytes;
        stream->feed.size = size;
        stream->feed.whole = whole_records(bytes, size, &stream->feed.wrong);
        stream->feed.at = 0;
}

/* Reads from the socket, behind what is half here. OK: there are more bytes to offer. */
static enum error fill(struct tls_stream *stream)
{
        struct tls_shared *shared = stream->shared;
        size_t got = 0;
        enum error error;

        check(stream->in_size < TLS_RECORD_MAX);
        error = shared->inner->ops->read(shared->inner, stream->socket, shared->scratch + stream->in_size, TLS_READ_SIZE,
                                         &got);
        if (error)
                return error;
        if (stream->in_size)
                memcpy(shared->scratch, stream->in, stream->in_size);
        offer(stream, shared->scratch, stream->in_size + got);
        return ERR_OK;
}

static enum error keep(struct tls_stream *stream, const uint8_t *bytes, size_t size)
{
        size_t room = (size + IN_ROUND - 1) / IN_ROUND * IN_ROUND;

        if (room > stream->in_room) {
                uint8_t *made;

                if (stream->shared->in_bytes - stream->in_room + room > stream->shared->in_bytes_max)
                        return ERR_FULL;
                made = memory_new(room);
                if (!made)
                        return ERR_NO_MEMORY;
                memcpy(made, bytes, size);
                free_in(stream);
                stream->in = made;
                stream->in_room = (uint32_t)room;
                stream->shared->in_bytes += room;
        } else {
                memmove(stream->in, bytes, size);
        }
        stream->in_size = (uint32_t)size;
        return ERR_OK;
}

/* What OpenSSL has not taken stays for the next time. */
static void keep_rest(struct tls_stream *stream)
{
        size_t rest = stream->feed.size - stream->feed.at;

        stream->moved |= stream->feed.at > 0;
        if (rest == 0)
                free_in(stream);
        else if (stream->feed.bytes + stream->feed.at != stream->in &&
                 keep(stream, stream->feed.bytes + stream->feed.at, rest) != ERR_OK)
                stream->closed = stream->failed = true;
        offer(stream, NULL, 0);
}

enum error tls_stream_push(struct tls_stream *stream, struct slice bytes)
{
        check(stream->in_size == 0 && bytes.size <= TLS_RECORD_MAX + TLS_READ_SIZE);
        return bytes.size ? keep(stream, bytes.data, bytes.size) : ERR_OK;
}

bool tls_stream_has_more(const struct tls_stream *stream)
{
        bool wrong;

        if (stream->closed)
                return true;
        if (whole_records(stream->in, stream->in_size, &wrong) > 0)
                return true;
        return stream->done && SSL_pending(stream->ssl) > 0;
}

/* A call of OpenSSL did not succeed. AGAIN: it lacks bytes. Else the stream is over. */
static enum error outcome(struct tls_stream *stream, int result)
{
        int error = SSL_get_error(stream->ssl, result);

        /* What is no record and still is waited for would stay half in OpenSSL. */
        if (error == SSL_ERROR_WANT_READ && !stream->feed.wrong)
                return ERR_AGAIN;
        stream->closed = true;
        stream->failed = error != SSL_ERROR_ZERO_RETURN;
        return ERR_CLOSED;
}

/* The peer has ended, or an error of the socket. */
static void fill_failed(struct tls_stream *stream, enum error error)
{
        if (error != ERR_AGAIN)
                stream->closed = true;
        if (error != ERR_AGAIN && !stream->done)
                stream->failed = true;
}

void tls_stream_handshake(struct tls_stream *stream)
{
        enum error error = ERR_OK;

        stream->idle = false;
        for (int i = 0; i < 2 && !stream->done && !stream->closed; i++) {
                int result;

                /* First with what is here; then with what the socket has. */
                offer(stream, stream->in, stream->in_size);
                if (i > 0)
                        error = fill(stream);
                if (error) {
                        offer(stream, NULL, 0);
                        fill_failed(stream, error);
                        return;
                }
                ERR_clear_error();
                result = SSL_do_handshake(stream->ssl);
                if (result == 1)
                        stream->done = true;
                else
                        (void)outcome(stream, result);
                keep_rest(stream);
        }
}

/* Reads what can be read of what is offered. */
static enum error take(struct tls_stream *stream, uint8_t *bytes, size_t size, size_t *got)
{
        enum error error = ERR_OK;

        while (*got < size && !error) {
                size_t count = 0;

                ERR_clear_error();
                if (SSL_read_ex(stream->ssl, bytes + *got, size - *got, &count) == 1)
                        *got += count;
                else
                        error = outcome(stream, 0);
        }
        keep_rest(stream);
        return error;
}

enum error tls_stream_read(struct tls_stream *stream, void *bytes, size_t size, size_t *got)
{
        enum error error = ERR_AGAIN;

        check(stream->done && size > 0);
        *got = 0;
        if (stream->closed)
                return ERR_CLOSED;
        if (tls_stream_has_more(stream)) {
                offer(stream, stream->in, stream->in_size);
                error = take(stream, bytes, size, got);
        }
        if (*got == 0 && error == ERR_AGAIN && !stream->closed) {
                error = fill(stream);
                if (error)
                        fill_failed(stream, error);
                else
                        error = take(stream, bytes, size, got);
        }
        /* What was read before the end is worth reading. */
        if (*got > 0)
                return ERR_OK;
        return error ? error : ERR_AGAIN;
}

/* ---- bytes that go ---- */

struct cursor {
        const struct slice *parts;
        size_t count, index, offset;
        size_t into; /* how far into its part the last byte lies that was gathered, from 1 on */
};

/* Copies up to one record's worth. A record never ends one byte into a part: that byte would be owed of a part that was not begun, and
 * its owner may drop such a part. */
static size_t gather(struct cursor *cursor, uint8_t plain[static TLS_PLAIN_MAX])
{
        size_t size = 0;

        while (cursor->index < cursor->count && size < TLS_PLAIN_MAX) {
                const struct slice *part = &cursor->parts[cursor->index];
                size_t count = min_of(part->size - cursor->offset, TLS_PLAIN_MAX - size);

                if (count == 1 && cursor->offset == 0 && part->size > 1)
                        break;
                if (count)
                        memcpy(plain + size, part->data + cursor->offset, count);
                size += count;
                cursor->offset += count;
                cursor->into = count ? cursor->offset : cursor->into;
                if (cursor->offset < part->size)
                        break;
                cursor->index++;
                cursor->offset = 0;
        }
        return size;
}

/* Passes over the byte that is owed. */
static void skip_owed(struct tls_stream *stream, struct cursor *cursor, size_t *written)
{
        while (stream->owed && cursor->index < cursor->count) {
                if (cursor->parts[cursor->index].size == 0) {
                        cursor->index++;
                        continue;
                }
                cursor->offset = 1;
                stream->owed = false;
                *written = 1;
                if (cursor->parts[cursor->index].size == 1) {
                        cursor->index++;
                        cursor->offset = 0;
                }
        }
}

enum error tls_stream_write(struct tls_stream *stream, const struct slice *parts, size_t count, size_t *written)
{
        struct cursor cursor = {.parts = parts, .count = count};
        enum error error;

        check(stream->done);
        *written = 0;
        if (stream->closed)
                return ERR_CLOSED;
        error = tls_stream_flush(stream);
        if (error)
                return error;
        skip_owed(stream, &cursor, written);
        for (int i = 0; i < TLS_RECORDS_MAX && stream->out_size == 0; i++) {
                size_t size = gather(&cursor, stream->shared->plain), sent;

                if (size == 0)
                        return ERR_OK;
                ERR_clear_error();
                if (SSL_write_ex(stream->ssl, stream->shared->plain, size, &sent) != 1 || sent != size) {
                        stream->closed = stream->failed = true;
                        return ERR_CLOSED;
                }
                *written += size;
        }
        if (stream->out_size > 0 && cursor.into > 1) {
                stream->owed = true;
                --*written;
        }
        return ERR_OK;
}

enum error tls_stream_end_writing(struct tls_stream *stream)
{
        if (!stream->done || stream->closed)
                return ERR_CLOSED;
        check(!stream->ended && !stream->owed);
        stream->ended = true;
        ERR_clear_error();
        if (SSL_shutdown(stream->ssl) < 0)
                stream->closed = stream->failed = true;
        ERR_clear_error();
        return stream->closed || tls_stream_flush(stream) == ERR_CLOSED ? ERR_CLOSED : ERR_OK;
}
