/*
 * A frontend of frontend_host.h that gives out a small web app, and the browsers before it (web_client.h).
 *
 *      web_stage_start → client_open, web_ask … → web_stage_stop
 */
#ifndef GALKA_TEST_WEB_STAGE_H
#define GALKA_TEST_WEB_STAGE_H

#include "support/web_client.h"

#define WEB_GET(path) "GET " path " HTTP/1.1\r\nHost: galka.test\r\n\r\n"

/* The app: a page in three encodings, one that has only a packed one, an empty one, two immutable ones, of which one is long. */
#define WEB_FILES     7
#define WEB_LONG_SIZE 300000
extern const struct frontend_file web_files[WEB_FILES];
extern uint8_t web_long[WEB_LONG_SIZE];

/* A host that shows the app, and one browser that has connected. */
void web_stage_start(struct host *host, const struct frontend_options *options, struct client *client);

/* Closes those that are open (a client that never opened is all zero) and asserts that the frontend keeps nothing of them. */
void web_stage_stop(struct host *host, struct client *client, struct client *other);

void web_expect_body(const struct web_answer *answer, const char *text);

/* Asserts that nothing more came and that the server has ended the connection. */
void web_expect_closed(struct client *client);

#endif
