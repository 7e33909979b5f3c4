/*
 * What a client may send once it speaks WebSocket. The first byte of the input chooses how much is read at once.
 *
 * What is checked: however the bytes are cut, the same bytes of messages come out, the same pings and the same end; a whole frontend
 * answers in whole frames, and nothing is left over at the end.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "frontend/framing.h"
#include "fuzz.h"
#include "support/web_client.h"

#define OUT_MAX 65536

struct result {
        uint8_t bytes[OUT_MAX];
        size_t size, pinged;
        unsigned pings, end; /* end: kind and code of what ended it */
        bool clean;
};

static void run(struct framing *framing, const uint8_t *data, size_t size, size_t step, struct result *result)
{
        struct framing_rest rest = {0};

        memset(result, 0, sizeof(*result));
        for (size_t at = 0; at < size && !result->end; at += step) {
                size_t part = min_of(step, size - at);
                uint8_t *bytes = memory_new(part);
                struct framing_event event;

                check(bytes);
                memcpy(bytes, data + at, part);
                check(framing_begin(framing, &rest, bytes, part) == ERR_OK);
                do {
                        framing_next(framing, &event);
                        if (event.kind == FRAMING_BYTES) {
                                check(event.size > 0 && result->size + event.size <= OUT_MAX);
                                memcpy(result->bytes + result->size, event.bytes, event.size);
                                result->size += event.size;
                        }
                        if (event.kind == FRAMING_PING) {
                                check(event.size <= FRAMING_CONTROL_MAX);
                                result->pings++;
                                result->pinged += event.size;
                        }
                        if (event.kind == FRAMING_CLOSE || event.kind == FRAMING_BAD)
                                result->end = (unsigned)event.kind << 16 | event.code;
                } while (event.kind != FRAMING_NOTHING && !result->end);
                framing_end(framing, &rest);
                memory_free(bytes);
        }
        result->clean = framing_is_clean(&rest);
}

static void check_cuts(const uint8_t *data, size_t size, size_t step)
{
        static struct result whole, cut;
        struct framing *framing;

        check(framing_new(&framing) == ERR_OK);
        run(framing, data, size, size, &whole);
        run(framing, data, size, step, &cut);
        check(whole.end == cut.end && whole.pings == cut.pings && whole.pinged == cut.pinged && whole.clean == cut.clean);
        check(whole.size == cut.size && memcmp(whole.bytes, cut.bytes, cut.size) == 0);
        framing_free(&framing);
}

/* Time passes at once. */
static void pass(struct host *host, uint64_t ms)
{
        host->clock.now_us += ms * 1000;
        host_turn(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct frontend_options options = {.connection_frames = 1000};
        struct frontend_counts counts;
        struct client client;
        struct host host;

        if (size < 2 || size > OUT_MAX)
                return 0;
        check_cuts(data + 1, size - 1, data[0] + 1u);
        host_start(&host, &options);
        client_open(&host, &client);
        web_upgrade(&client);
        fake_net_set_read_max(host.net, data[0]);
        client.framed = false; /* as it is */
        (void)client_send_bytes(&client, data + 1, size - 1);
        client.framed = true;
        for (int i = 0; i < 8; i++)
                client_receive(&client);
        client_close(&client);
        pass(&host, 3000);
        fake_net_set_read_max(host.net, 0);
        pass(&host, 10000);
        counts = frontend_counts(host.frontend);
        check(counts.connections == 0 && counts.partial_bytes == 0 && counts.queued_bytes == 0);
        host_stop(&host);
        return 0;
}
