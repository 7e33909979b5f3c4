/* Frames that the frontend itself makes for one client. Each may end the connection, as output_queue may. */
#ifndef GALKA_FRONTEND_ANSWER_H
#define GALKA_FRONTEND_ANSWER_H

#include "frontend/internal.h"

/* request NULL: none that is known. field: the one at fault, or NULL. */
void answer_error(struct frontend *frontend, struct connection *connection, const struct id *request, enum error error,
                  uint32_t retry_after_ms, const char *field);

/* Error, then bye: the connection is of no more use. */
void answer_fatal(struct frontend *frontend, struct connection *connection, const struct id *request, enum error error);

void answer_bye(struct frontend *frontend, struct connection *connection, enum error error, uint32_t retry_after_ms);
void answer_welcome(struct frontend *frontend, struct connection *connection);
void answer_pong(struct frontend *frontend, struct connection *connection, uint64_t echo);

/* A payload with one frame; NULL without memory. The caller has one reference. */
struct block *answer_build(struct frontend *frontend, uint8_t code, const struct id *request, const void *message);

/* The same into the caller's memory, for a client that gets no connection. Empty if it does not fit. */
struct slice answer_refusal(enum error error, uint32_t retry_after_ms, uint8_t *start, uint8_t *end);

#endif
