/* Records on the bus: one byte of code, then the body (envelope, post, revoke, claim, lost, mail of messages.def). */
#ifndef GALKA_WIRE_ENVELOPE_H
#define GALKA_WIRE_ENVELOPE_H

#include "wire/wire.h"

/* Writes a record at the end of [start, end); empty if it does not fit. code: one of direction BUS. */
must_use struct slice wire_record_build(uint8_t code, const void *message, uint8_t *start, uint8_t *end);

/* The code of a record; 0 (WIRE_CODE_none) if it is empty or its code is not one of direction BUS. */
uint8_t wire_record_code(struct slice record);

/* Decodes the body of a record into the structure of its code. Errors: BAD_FRAME, BAD_FIELD. */
must_use enum error wire_record_parse(struct slice record, void *message);

#endif
