/*
 * The first line of an HTTP/1 request, all that the health listener needs of one: what is asked for is in it, the headers are passed
 * over, a body is not read, and the connection ends with the answer. Bytes in, facts out.
 *
 * Followed: RFC 9112, sections 2 and 3. Why no library: docs/decisions/0017-health.md.
 */
#ifndef GALKA_SERVER_HTTP_H
#define GALKA_SERVER_HTTP_H

#include "base/slice.h"

#define HTTP_REQUEST_MAX 4096 /* bytes of a request, headers included */

enum http_state {
        HTTP_MORE, /* it is not whole yet */
        HTTP_WHOLE,
        HTTP_BAD /* it is none, and will be none */
};

struct http_request {
        struct slice method; /* as sent: methods are case-sensitive */
        struct slice path;   /* what is asked for, without a query */
};

/* Of HTTP_REQUEST_MAX bytes at most. WHOLE: *request points into the bytes. */
enum http_state http_parse(struct slice bytes, struct http_request *request);

#endif
