/* A TCP relay to a server, that a test cuts: after so many bytes in one direction, or at some text. For what happens between two who
 * both live. It runs on a thread of its own. */
#ifndef GALKA_TEST_RELAY_H
#define GALKA_TEST_RELAY_H

#include <stdbool.h>
#include <stdint.h>

enum relay_way { RELAY_UP, RELAY_DOWN }; /* to the server, to the client */

struct relay;

/* Listens on a free port of 127.0.0.1 and passes everything on to `port` there. */
struct relay *relay_new(uint16_t port);
void relay_free(struct relay **relay);
uint16_t relay_port(const struct relay *relay);

/* Cuts all connections once so many more bytes have gone that way: exactly so many arrive. */
void relay_cut_after(struct relay *relay, enum relay_way way, uint64_t bytes);

/* Cuts all connections when these bytes come from a client: before they go on, or when the answer to them comes, which then goes
 * nowhere. */
void relay_cut_at(struct relay *relay, const char *text, bool answered);

/* True if what was asked for has happened; then nothing more is cut. Else it is called off. */
bool relay_was_cut(struct relay *relay);

/* Everything is passed on; bytes that have gone that way since the last call. */
uint64_t relay_bytes(struct relay *relay, enum relay_way way);

#endif
