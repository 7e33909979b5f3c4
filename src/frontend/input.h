/*
 * Bytes from a socket become frames. What is read goes through the frontend's one input buffer; only the bytes of a frame that is
 * not whole yet are kept, in a block that grows with what really came, within partial_bytes_max for all. A frame has frame_ms from
 * its first byte to its last.
 *
 *      socket → input_take → (filter) → input_bytes → route_frame
 *
 * From a balancer that is believed (proxy.h) a header comes first, before any frame; it is read by the same rules. What a connection
 * speaks is decided by its first bytes, while its state is HELLO (listen.h): frames; TLS, which the net undoes; HTTP (http.h), which may
 * lead to WebSocket (websocket.h), the filter.
 */
#ifndef GALKA_FRONTEND_INPUT_H
#define GALKA_FRONTEND_INPUT_H

#include "frontend/internal.h"

#define INPUT_PAUSE_MS  1000 /* how long a flooding connection is not read */
#define INPUT_READS_MAX 16   /* to complete one partial frame, in one turn */

/* The socket has bytes, or its end. The connection may be gone when it returns. */
void input_readable(struct frontend *frontend, struct connection *connection);

/* Reads nothing from it for INPUT_PAUSE_MS. What was read already is still handled. */
void input_pause(struct frontend *frontend, struct connection *connection);

/* Drops its partial frame: the connection hears no more. */
void input_forget(struct frontend *frontend, struct connection *connection);

/* Bytes of frames, as they follow each other on this connection; they are written to (a token's secret is wiped). The connection may be
 * gone when it returns. */
void input_bytes(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size);

/* Reads once. False if there is nothing, or no more will come, and then the connection may be gone. */
bool input_take(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size, size_t *got);

/* Keeps what came and is not whole, instead of what was kept of it before; frame_ms run from the first time. The connection may be gone
 * when it returns. */
void input_keep(struct frontend *frontend, struct connection *connection, struct slice rest);

/* The same connection as it was with that id, and it is listened to. */
bool input_hears(const struct connection *connection, uint64_t id);

/* Frame deadlines, and the end of pauses. */
void input_run(struct frontend *frontend);
uint64_t input_next_ms(const struct frontend *frontend);

#endif
