/*
 * Requests to the health listener. What is checked: however the bytes are cut, the verdict is the same; what is taken from them lies
 * within them, and is what a request may hold.
 */
#include "base/assert.h"
#include "fuzz.h"
#include "server/http.h"

static void check_within(struct slice part, const uint8_t *data, size_t size)
{
        check(part.size > 0 && part.data >= data && part.data + part.size <= data + size);
        for (size_t i = 0; i < part.size; i++)
                check(part.data[i] > ' ' && part.data[i] < 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct http_request request, part;
        enum http_state state;

        if (size > HTTP_REQUEST_MAX)
                return 0;
        state = http_parse(slice_of(data, size), &request);
        if (state == HTTP_WHOLE) {
                check_within(request.method, data, size);
                check_within(request.path, data, size);
                check(request.path.data[0] == '/');
        }
        for (size_t cut = 0; cut < size; cut++) {
                enum http_state early = http_parse(slice_of(data, cut), &part);

                if (early == HTTP_MORE)
                        continue;
                /* More bytes do not change a verdict. */
                check(early == state);
                check(early != HTTP_WHOLE ||
                      (slice_equal(part.method, request.method) && slice_equal(part.path, request.path)));
        }
        return 0;
}
