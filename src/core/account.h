/*
 * The account on this device: none → waits for a code (of a sign-up, of a reset) → signed in. At most one request of the user about it is under way; it is
 * repeated with the same id until it is answered, over any number of links. What the server answers counts once it is
 * kept: only then the state moves and SIGN is told.
 */
#ifndef GALKA_CORE_ACCOUNT_H
#define GALKA_CORE_ACCOUNT_H

#include "core/batch.h"
#include "core/record.h"

struct request;

/* Something asked of the server about the account: its encoded body waits here until it is answered. */
struct account_request {
        struct id id;
        uint8_t code; /* sign_up, confirm, sign_in, renew, sign_out, reset, … */
        uint8_t tries;
        bool in_flight;
        uint64_t retry_ms; /* not before */
        uint32_t body_at, size;
        uint8_t body[]; /* ends at size */
};

struct account {
        enum account_state state;
        bool sign_due; /* SIGN with sign_error is to be polled */
        uint8_t sign_error;
        uint64_t sign_wait_ms, sign_head;
        uint64_t user, device;
        uint8_t token[WIRE_TOKEN_SIZE];
        uint8_t secret[DEVICE_SECRET_SIZE];
        struct id era, sign_up;
        struct slice email;
        struct wire_person person; /* its texts are ours */
        struct account_request *request;
};

/* From the stored record. False: no memory. */
bool account_restore(struct core *core, const struct record_profile *profile);

/* Puts the record into the open batch. False: no memory. */
bool account_keep(struct core *core, enum account_state state, bool sign);
void account_was_kept(struct core *core, const struct batch_item *item);

bool account_take_person(struct core *core, const struct wire_person *person);

/* What Join said: a fresh token (empty: none) for the next link. Keeps the record. False: no memory. */
bool account_take_token(struct core *core, struct slice token);

bool account_is_zero(const uint8_t *bytes, size_t size);

/* Puts a message where account_step sends it; there must be none. NO_MEMORY. */
must_use enum error account_ask(struct core *core, enum wire_code code, const void *message);

/* The account is about to end: nothing else is asked meanwhile, and that is asked when all else is answered. A server refuses who has
 * no account any more and closes the connection; that must not overtake the answer to the end itself. */
bool account_ends(const struct core *core);

/* A request must be answered before Join makes sense. */
bool account_comes_first(const struct core *core);

/* The token is not good any more: a new one by the device's secret. */
void account_renew(struct core *core);

/* This device is signed out: everything is dropped. */
void account_revoked(struct core *core);

void account_step(struct core *core);
uint64_t account_due(const struct core *core);

bool account_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void account_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

#endif
