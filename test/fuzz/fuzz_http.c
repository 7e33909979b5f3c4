/*
 * What a browser may send to a frontend: heads of requests, any number of them, in any pieces. The first byte of the input chooses how
 * much is read at once, and whether the browser ends its side behind them.
 *
 * What is checked: more bytes do not change what a head says; what is taken from it lies within it; every answer is one, and nothing is
 * left over at the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "frontend/request.h"
#include "fuzz.h"
#include "support/web_client.h"

#define CUTS_MAX   600 /* a head is parsed once for each byte: not of long ones */
#define LONG       70000
#define PASS_STEPS 8
#define ENDS       128 /* in the first byte */

static void check_within(struct slice part, const uint8_t *data, size_t size)
{
        check(!part.data || part.size == 0 || (part.data >= data && part.data + part.size <= data + size));
}

static void check_request(const uint8_t *data, size_t size)
{
        struct request request, early;
        size_t head = 0, part;
        enum request_state state = request_parse(slice_of(data, size), &request, &head);

        if (state == REQUEST_WHOLE) {
                check(head > 0 && head <= size && head <= REQUEST_HEAD_MAX);
                check(request.path.size > 0 && request.path.data[0] == '/');
                check_within(request.path, data, head);
#define X(name, text, again) check_within(request.name, data, head);
                REQUEST_FIELDS(X)
#undef X
        }
        check(state != REQUEST_BAD || request.status >= 400);
        for (size_t cut = 1; cut < size && cut < CUTS_MAX; cut++) {
                enum request_state then = request_parse(slice_of(data, cut), &early, &part);

                if (then == REQUEST_MORE)
                        continue;
                check(then == state && early.status == request.status);
                check(then != REQUEST_WHOLE || (part == head && slice_equal(early.path, request.path)));
                return;
        }
}

/* Takes whole answers off what came; what follows an upgrade is messages. */
static void check_answers(struct client *client)
{
        while (client->used > 0 && !client->framed) {
                const uint8_t *end = memmem(client->input, client->used, "\r\n\r\n", 4);
                const uint8_t *length;
                size_t size;

                check(end && memcmp(client->input, "HTTP/1.1 ", 9) == 0);
                size = (size_t)(end - client->input) + 4;
                if (memcmp(client->input + 9, "101", 3) == 0)
                        return;
                length = memmem(client->input, size, "\r\nContent-Length: ", 18);
                check(length || memcmp(client->input + 9, "304", 3) == 0);
                /* A body follows, but not the answer to HEAD: the next answer's first line tells. */
                if (length && memcmp(client->input + size, "HTTP/1.1 ", min_of(9, client->used - size)) != 0)
                        size += (size_t)atol((const char *)length + 18);
                check(size <= client->used);
                client->used -= size;
                memmove(client->input, client->input + size, client->used);
        }
}

static bool is_letter(uint8_t byte)
{
        return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* Time passes at once. */
static void pass(struct host *host, uint64_t ms)
{
        host->clock.now_us += ms * 1000;
        host_turn(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t large[LONG];
        static const struct frontend_file files[] = {
                {"/index.html", SLICE_LITERAL("<!doctype html>")},
                {"/index.html.br", SLICE_LITERAL("br")},
                {"/long", {large, LONG}},
        };
        static const struct frontend_options options = {.connection_frames = 1000, .origins = "https://a.test"};
        struct frontend_counts counts;
        struct client client;
        struct host host;

        if (size < 2 || !is_letter(data[1]))
                return 0;
        check_request(data + 1, size - 1);
        host_start(&host, &options);
        host_show(&host, files, countof(files));
        client_open(&host, &client);
        fake_net_set_read_max(host.net, data[0] & ~ENDS);
        (void)client_send_bytes(&client, data + 1, size - 1);
        if (data[0] & ENDS)
                check(host.client_net->ops->end_writing(host.client_net, client.socket) == ERR_OK);
        for (int i = 0; i < PASS_STEPS; i++) {
                client_receive(&client);
                host.clock.now_us += 100000;
        }
        check_answers(&client);
        client_close(&client);
        pass(&host, 3000); /* one that is not read for a while hears of the end only after it */
        fake_net_set_read_max(host.net, 0);
        pass(&host, 35000);
        counts = frontend_counts(host.frontend);
        check(counts.connections == 0 && counts.partial_bytes == 0 && counts.queued_bytes == 0);
        host_stop(&host);
        return 0;
}
