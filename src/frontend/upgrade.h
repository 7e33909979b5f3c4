/*
 * The handshake of WebSocket: may this request become one, and what is answered.
 *
 * Followed: RFC 6455, section 4.2. A page of another origin may not use the connection of a browser that trusts us: what it says of
 * where the page came from must be this server's own name, or one of those that the options name. Who is no browser need not say it.
 */
#ifndef GALKA_FRONTEND_UPGRADE_H
#define GALKA_FRONTEND_UPGRADE_H

#include "frontend/request.h"

#define UPGRADE_PATH        "/ws"
#define UPGRADE_ACCEPT_SIZE 29 /* base64 of 20 bytes, NUL */

/* 101, and what to accept it with; else the status to refuse with. origins: more of them, parted by commas, or NULL. secured: over
 * TLS. */
uint16_t upgrade_answer(const struct request *request, const char *origins, bool secured,
                        char accept[static UPGRADE_ACCEPT_SIZE]);

/* Are all of that text origins, as "https://chat.example.org" or "http://127.0.0.1:8080"? */
bool upgrade_origins_valid(const char *text);

#endif
