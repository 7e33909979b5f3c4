/*
 * HTTP/1.1 on a connection: the files of the web app, and the door to WebSocket. A request is answered at once, from memory; one that
 * comes before the answer to the one before is written waits in the socket, unless it came with it. Everything is GET or HEAD: bodies
 * are refused.
 *
 *      HELLO → HTTP → … → ANSWERED → ENDED, or HTTP → HELLO (websocket.h)
 *
 * Limits: a head has REQUEST_HEAD_MAX bytes and frame_ms from its first byte to its last; between two requests, and for the next bytes
 * of an answer to be taken, there are sign_in_ms; a request counts as a frame for the rates of its connection and address.
 */
#ifndef GALKA_FRONTEND_HTTP_H
#define GALKA_FRONTEND_HTTP_H

#include "frontend/internal.h"

#define HTTP_QUEUED_MAX 65536 /* bytes of answers that wait, when another request is taken */

/* Bytes that came, behind what is kept of half a head. The connection may be gone when it returns. */
void http_take(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size);

/* The socket has bytes, or its end. The same. */
void http_readable(struct frontend *frontend, struct connection *connection);

/* Some of an answer was written. */
void http_written(struct frontend *frontend, struct connection *connection);

/* The client says nothing more: what it asked it still gets, within the same times. The same. */
void http_peer_ended(struct frontend *frontend, struct connection *connection);

/* It is to end, for that reason: what it asked is answered, half a request is refused. The connection may be gone when it returns. */
void http_end(struct frontend *frontend, struct connection *connection, enum error error);

#endif
