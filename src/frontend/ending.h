/* How a connection ends: at once, or with a last word. */
#ifndef GALKA_FRONTEND_ENDING_H
#define GALKA_FRONTEND_ENDING_H

#include "frontend/internal.h"

#define ENDING_MS           5000 /* a client may take so long to read its last word */
#define ENDED_MS            2000 /* and so long to end the connection, once it is written */
#define ENDING_DISCARDS_MAX 4    /* reads in a turn of what a client still sends */

/* Closes the socket and gives the slot back: the connection is gone when it returns. */
void connection_drop(struct frontend *frontend, struct connection *connection);

/* Says bye with why and when to come back, hears nothing more, and ends once that is written. The connection may be gone when it
 * returns. Nothing happens to one that is closing already. */
void connection_end(struct frontend *frontend, struct connection *connection, enum error error, uint32_t retry_after_ms);

/* The same of one that is framed, without a bye: with the code of WebSocket that it closed with, or that says what it did wrong. */
void connection_end_framed(struct frontend *frontend, struct connection *connection, uint16_t code);

/* Hears nothing more, waits for the replies that are under way, then ends with DRAINING. */
void connection_leave(struct frontend *frontend, struct connection *connection);

/* A connection that is closing, or answered, has written all. Whoever closes a socket while its peer sends resets the connection, and TCP may then
 * drop the last word: so the end is written first, and the socket closed when the client has ended it too, or after ENDED_MS. The
 * connection may be gone when it returns. */
void connection_written(struct frontend *frontend, struct connection *connection);

/* Reads and forgets what is there, not all of it in one turn. The connection may be gone when it returns. */
void connection_discard_input(struct frontend *frontend, struct connection *connection);

/* No more will be read of it: its peer has ended, or is gone. The connection may be gone when it returns. */
void connection_peer_ended(struct frontend *frontend, struct connection *connection);

/* A reply came, or will not come: a leaving connection may end now. */
void connection_reply_settled(struct frontend *frontend, struct connection *connection);

#endif
