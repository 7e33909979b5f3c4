/*
 * The head of an HTTP/1.1 request: bytes in, facts out; llhttp parses. Nothing is kept between two calls: a head that comes in parts is
 * parsed from its start with each of its lines.
 *
 * Followed: RFC 9112, sections 2, 3, 5 and 6; bodies are refused.
 */
#ifndef GALKA_FRONTEND_REQUEST_H
#define GALKA_FRONTEND_REQUEST_H

#include "base/slice.h"

#define REQUEST_HEAD_MAX   8192 /* bytes of a request's line and its fields */
#define REQUEST_TARGET_MAX 2048 /* bytes of what it asks for */
#define REQUEST_FIELDS_MAX 64

enum request_state {
        REQUEST_MORE, /* it is not whole yet */
        REQUEST_WHOLE,
        REQUEST_BAD /* request.status says why */
};

enum request_method { REQUEST_GET, REQUEST_HEAD, REQUEST_OTHER };

/* The fields that are looked at: name here, as sent, what a second one is: BAD, or PASSED over. */
#define REQUEST_FIELDS(X)                                                                                                   \
        X(host, "host", BAD)                                                                                                \
        X(origin, "origin", BAD)                                                                                            \
        X(upgrade, "upgrade", PASSED)                                                                                       \
        X(key, "sec-websocket-key", BAD)                                                                                    \
        X(version, "sec-websocket-version", BAD)                                                                            \
        X(etags, "if-none-match", PASSED)                                                                                   \
        X(encodings, "accept-encoding", PASSED)

/* Slices point into the head; a field that is not there has no data. */
struct request {
        enum request_method method;
        struct slice path; /* of the target, without a query */
        bool first;        /* HTTP/1.0 */
        bool keeps_alive;
        bool upgrades;   /* Connection names Upgrade, and there is such a field */
        uint16_t status; /* BAD: how to refuse it */
#define X(name, text, again) struct slice name;
        REQUEST_FIELDS(X)
#undef X
};

/* The request at the front of the bytes. WHOLE: *size bytes are its head. */
enum request_state request_parse(struct slice bytes, struct request *request, size_t *size);

/* The next element of a field that is a list with commas, without blanks around it; false at its end. */
bool request_next_element(struct slice *list, struct slice *element);

#endif
