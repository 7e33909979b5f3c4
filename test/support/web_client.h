/*
 * What a browser does to a frontend of frontend_host.h: it asks by HTTP, and a client that has upgraded speaks in messages of WebSocket.
 * All that clients do then (client_send, client_expect …) goes through them.
 */
#ifndef GALKA_TEST_WEB_CLIENT_H
#define GALKA_TEST_WEB_CLIENT_H

#include "support/frontend_host.h"

#define WEB_KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* A frame as a client sends it, masked: first byte, payload. Returns how many bytes were sent. */
size_t web_send(struct client *client, uint8_t first, const void *bytes, size_t size);

/* Asks for the upgrade and reads that it was granted. */
void web_upgrade(struct client *client);

/* Of raw, takes what is a frame of the server's and puts its payload where frames of ours are expected, or counts it. */
void web_unframe(struct client *client);

/* Sends a text; asserts that the pipe takes it. */
void web_ask(struct client *client, const char *text);

/* An answer by HTTP: status, and its head and body as text until the next call; asserts that there is a whole one. */
struct web_answer {
        unsigned status;
        char head[4096];
        const uint8_t *body;
        size_t size;
};

void web_answer(struct client *client, bool head_only, struct web_answer *answer);

/* A field of its head, until the next call; asserts that it is there. */
const char *web_field(const struct web_answer *answer, const char *name);
bool web_has_field(const struct web_answer *answer, const char *name);

#endif
