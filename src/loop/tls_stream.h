/*
 * One socket's TLS: bytes of the network in, bytes of the owner out, and the other way round. Inner header of tls.c.
 *
 *      tls_stream_init → (tls_stream_push) → tls_stream_handshake … until `done` → tls_stream_read, _write … → tls_stream_finish
 *
 * OpenSSL is given whole records only, so that it never keeps a buffer of 16 KiB for half of one; what is half here is kept in a block
 * of its own size. What is encrypted and finds no room in the socket is kept here too, at most one record, and the last byte of what it
 * holds counts as not written until it has left: so its owner goes on waiting, and counts it (net.h).
 */
#ifndef GALKA_LOOP_TLS_STREAM_H
#define GALKA_LOOP_TLS_STREAM_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "seam/net.h"

#define TLS_HEAD_SIZE   5                       /* of a record: type, version, length */
#define TLS_PLAIN_MAX   16384                   /* in one record */
#define TLS_RECORD_MAX  (TLS_HEAD_SIZE + 18432) /* the largest that is lawful: 2^14 + 2048 after the head (RFC 5246) */
#define TLS_READ_SIZE   32768                   /* read from the socket at once */
#define TLS_OUT_MAX     65536                   /* of a handshake and what follows it, or a record */
#define TLS_RECORDS_MAX 4                       /* of one write */

/* What the streams of one net share. */
struct tls_shared {
        struct net *inner;
        BIO_METHOD *method;
        size_t *held;                  /* bytes in all `out` */
        size_t in_bytes, in_bytes_max; /* room of all `in` */
        uint8_t scratch[TLS_RECORD_MAX + TLS_READ_SIZE];
        uint8_t plain[TLS_PLAIN_MAX];
};

struct tls_stream {
        struct tls_shared *shared;
        SSL *ssl;
        uint64_t tag;
        int socket;
        bool accepted;                /* we are the server */
        bool done;                    /* the handshake is */
        bool closed;                  /* nothing can be read or written any more */
        bool failed;                  /* and the peer did not just end it */
        bool owed;                    /* the next byte of the owner is encrypted already */
        bool moved;                   /* the last call took bytes off `in`: what is there now begins a record */
        bool wants_read, wants_write; /* the owner does; the rest is tls.c's */
        bool inner_read, inner_write; /* is asked of the inner net */
        bool ended;                   /* our end was told, and once that has left, the socket's */
        bool idle;                    /* a client's handshake that has not begun */
        struct list_node handshake, partial, ready;
        uint64_t since_ms, partial_ms;
        uint8_t *in, *out;
        uint32_t in_size, in_room;
        uint32_t out_at, out_size, out_room; /* out_size: that have not left, from out_at on */
        struct {
                const uint8_t *bytes;
                size_t size, whole, at; /* OpenSSL may take up to `whole`, has taken up to `at` */
                bool wrong;             /* what is there is no record */
        } feed;
        char *name; /* of a client: whom it expects */
};

/* name NULL: the server. Errors: NO_MEMORY, CONFIG (not such a name). After an error tls_stream_finish is still due. */
must_use enum error tls_stream_init(struct tls_stream *stream, struct tls_shared *shared, int socket, SSL_CTX *context,
                                    const char *name);
void tls_stream_finish(struct tls_stream *stream);

/* Bytes that came before: FULL beyond in_bytes_max, NO_MEMORY. */
must_use enum error tls_stream_push(struct tls_stream *stream, struct slice bytes);

/* One step, with what has come. Sets done, or closed and failed. */
void tls_stream_handshake(struct tls_stream *stream);

/* As net.h says of read, write and end_writing, once the handshake is done. */
enum error tls_stream_read(struct tls_stream *stream, void *bytes, size_t size, size_t *got);
enum error tls_stream_write(struct tls_stream *stream, const struct slice *parts, size_t count, size_t *written);

enum error tls_stream_end_writing(struct tls_stream *stream);

/* Sends what is held. OK: nothing is left; AGAIN; CLOSED. */
enum error tls_stream_flush(struct tls_stream *stream);

/* Something can be done without reading from the socket. */
bool tls_stream_has_more(const struct tls_stream *stream);

/* Tells the peer that nothing follows, if the socket takes it. */
void tls_stream_goodbye(struct tls_stream *stream);

/* The callbacks through which OpenSSL reads and writes. NULL: no memory. */
BIO_METHOD *tls_stream_method(void);

#endif
