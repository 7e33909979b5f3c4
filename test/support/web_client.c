/* See web_client.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/memory.h"
#include "support/web_client.h"

size_t web_send(struct client *client, uint8_t first, const void *bytes, size_t size)
{
        struct net *net = client->host->client_net;
        uint8_t *frame = memory_new(size + 14), mask[4] = {0x5a, (uint8_t)size, 0xa5, first};
        size_t at = 2, written = 0;
        struct slice part;

        check(frame);
        frame[0] = first;
        frame[1] = (uint8_t)(0x80 | (size < 126 ? size : size < 65536 ? 126 : 127));
        if (size >= 126) {
                uint8_t wide[8];

                be64_put(wide, size);
                at += size < 65536 ? 2 : 8;
                memcpy(frame + 2, wide + (size < 65536 ? 6 : 0), at - 2);
        }
        memcpy(frame + at, mask, 4);
        at += 4;
        for (size_t i = 0; i < size; i++)
                frame[at + i] = ((const uint8_t *)bytes)[i] ^ mask[i % 4];
        part = slice_of(frame, at + size);
        (void)net->ops->write(net, client->socket, &part, 1, &written);
        memory_free(frame);
        return written > at ? written - at : 0;
}

/* The head of the frame at the front of raw, and its payload's size. 0: it is not whole. */
static size_t frame_head(const struct client *client, size_t *payload)
{
        const uint8_t *raw = client->raw;
        size_t head = 2;

        if (client->raw_used < 2)
                return 0;
        check(!(raw[1] & 0x80)); /* a server masks nothing */
        *payload = raw[1];
        if (raw[1] >= 126)
                head += raw[1] == 126 ? 2 : 8;
        if (client->raw_used < head)
                return 0;
        if (raw[1] == 126)
                *payload = (size_t)raw[2] << 8 | raw[3];
        if (raw[1] == 127)
                *payload = be64_get(raw + 2);
        return client->raw_used >= head + *payload ? head : 0;
}

void web_unframe(struct client *client)
{
        size_t payload, head;

        while ((head = frame_head(client, &payload)) != 0) {
                const uint8_t *bytes = client->raw + head;

                check(client->closed_with == 0); /* nothing comes after a close */
                switch (client->raw[0]) {
                case 0x82:
                        check(client->used + payload <= CLIENT_INPUT);
                        memcpy(client->input + client->used, bytes, payload);
                        client->used += payload;
                        client->messages++;
                        break;
                case 0x8a:
                        client->pongs++;
                        check(payload <= sizeof(client->pong));
                        memcpy(client->pong, bytes, payload);
                        client->pong_size = payload;
                        break;
                case 0x88:
                        client->closed_with = payload >= 2 ? (uint16_t)(bytes[0] << 8 | bytes[1]) : 1005;
                        break;
                default:
                        check(!"a server sends binary messages, pongs and a close");
                }
                client->raw_used -= head + payload;
                memmove(client->raw, client->raw + head + payload, client->raw_used);
        }
}

void web_ask(struct client *client, const char *text)
{
        assert_int_equal(client_send_bytes(client, text, strlen(text)), strlen(text));
}

void web_upgrade(struct client *client)
{
        struct web_answer answer;

        web_ask(client, "GET /ws HTTP/1.1\r\nHost: galka.test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " WEB_KEY "\r\nOrigin: https://galka.test\r\n\r\n");
        web_answer(client, true, &answer);
        assert_int_equal(answer.status, 101);
        assert_string_equal(web_field(&answer, "Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455, 1.3 */
        assert_int_equal(client->used, 0);
        client->raw = memory_new(CLIENT_INPUT);
        assert_non_null(client->raw);
        client->framed = true;
}

bool web_has_field(const struct web_answer *answer, const char *name)
{
        const char *at = strstr(answer->head, "\r\n");

        for (; at && strlen(at) > 2; at = strstr(at + 2, "\r\n"))
                if (strncasecmp(at + 2, name, strlen(name)) == 0 && at[2 + strlen(name)] == ':')
                        return true;
        return false;
}

const char *web_field(const struct web_answer *answer, const char *name)
{
        static char value[1024];
        const char *at = strstr(answer->head, "\r\n");

        for (; at && strlen(at) > 2; at = strstr(at + 2, "\r\n"))
                if (strncasecmp(at + 2, name, strlen(name)) == 0 && at[2 + strlen(name)] == ':') {
                        const char *from = at + 2 + strlen(name) + 2, *end = strstr(from, "\r\n");

                        assert_non_null(end);
                        snprintf(value, sizeof(value), "%.*s", (int)(end - from), from);
                        return value;
                }
        fail_msg("no field %s in:\n%s", name, answer->head);
        return "";
}

void web_answer(struct client *client, bool head_only, struct web_answer *answer)
{
        static uint8_t body[CLIENT_INPUT];
        const uint8_t *end;
        size_t head;

        client_receive(client);
        end = memmem(client->input, client->used, "\r\n\r\n", 4);
        assert_non_null(end);
        head = (size_t)(end - client->input) + 4;
        assert_true(head < sizeof(answer->head));
        memcpy(answer->head, client->input, head);
        answer->head[head] = '\0';
        assert_memory_equal(answer->head, "HTTP/1.1 ", 9);
        answer->status = (unsigned)atoi(answer->head + 9);
        answer->size = head_only || answer->status == 304 ? 0 : (size_t)atol(web_field(answer, "Content-Length"));
        assert_in_range(head + answer->size, 1, client->used);
        memcpy(body, client->input + head, answer->size);
        answer->body = body;
        client->used -= head + answer->size;
        memmove(client->input, client->input + head + answer->size, client->used);
}
