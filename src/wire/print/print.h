/*
 * The printer: what other languages and readers need to know of messages.def, printed from the descriptor tables. A program
 * of its own, not part of the library; tools/update-protocol keeps its output in PROTOCOL.md, docs/ and test/fuzz/ current.
 */
#ifndef GALKA_WIRE_PRINT_PRINT_H
#define GALKA_WIRE_PRINT_PRINT_H

#include <stdio.h>

#include "wire/descriptor.h"

/* What messages.def says in the comment above a structure, as one line; empty if there is none. The tables do not have it, so it is
 * looked up in the text of the file, which the caller owns. *text holds `size` bytes. */
void print_comment(struct slice definitions, const char *structure, char *text, size_t size);

/* "room_state" as "RoomState". */
void print_type_name(const char *name, char *text, size_t size);

/* Each prints one thing to `out`; definitions: the text of messages.def. */
void print_codes(FILE *out, struct slice definitions);         /* Markdown: every code and its properties */
void print_structures(FILE *out, struct slice definitions);    /* Markdown: every message and part with its fields */
void print_errors(FILE *out, struct slice definitions);        /* Markdown: the errors that travel */
void print_proto(FILE *out, struct slice definitions);         /* galka.proto */
void print_dictionary(FILE *out, struct slice definitions);    /* libFuzzer's dictionary */
void print_authorisation(FILE *out, struct slice definitions); /* code, name, direction, who, header; tabs between */

/* Names of the properties of a message, as messages.def writes them. */
const char *print_direction(const struct wire_message *message);
const char *print_who(const struct wire_message *message);
const char *print_topic(const struct wire_message *message);
const char *print_key(const struct wire_message *message);

/* Header fields with `between` between them; "-" if there are none. */
void print_header(const struct wire_message *message, const char *between, char *text, size_t size);

#endif
