/*
 * Records of the bus that carry a message between server processes (envelope, post, revoke, claim, lost,
 * mail): one code byte and the encoded body, no length. Decoded slices point into the record.
 */
#ifndef GALKA_WIRE_ENVELOPE_H
#define GALKA_WIRE_ENVELOPE_H

#include "wire/wire.h"

/* Room that an envelope needs beside the frame it carries; a post, beside its frame and connections. Proven
 * by a test. */
#define WIRE_RECORD_OVERHEAD_MAX 128

/* Writes the record of `message` (a struct wire_<name> of that code, a code of direction BUS). It lies at the
 * end of [start, end): returns its slice, empty if it does not fit. */
must_use struct slice wire_record_build(uint8_t code, const void *message, uint8_t *start, uint8_t *end);

/* What a record is: a code of direction BUS, or WIRE_CODE_none if it is nothing that this server knows. */
uint8_t wire_record_code(struct slice record);

/* Decodes a record that must be of that code into *message, a struct wire_<name> of it. Errors: BAD_FRAME
 * (another code, cannot be parsed), BAD_FIELD (a limit; connections of a post that are no whole number of
 * them). */
must_use enum error wire_record_parse(struct slice record, uint8_t code, void *message);

/* The connections of a post: 8 bytes each, network byte order. */
#define WIRE_CONNECTION_SIZE 8

static inline size_t wire_post_count(const struct wire_post *post)
{
        return post->connections.size / WIRE_CONNECTION_SIZE;
}

static inline uint64_t wire_post_connection(const struct wire_post *post, size_t index)
{
        return be64_get(post->connections.data + index * WIRE_CONNECTION_SIZE);
}

/* Overwrites the secret part of the token in a frame (code, header, body; no length) with zeros, if its code
 * has a token: as wire_envelope.frame must be. The frame was taken apart without error before. */
void wire_frame_hide_mac(uint8_t *frame, size_t size);

#endif
