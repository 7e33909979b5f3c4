/* What the files of this folder share: digests under the server's key, codes, the answer that signs in. */
#ifndef GALKA_SERVICE_AUTH_AUTH_H
#define GALKA_SERVICE_AUTH_AUTH_H

#include "service/worker/batch.h"
#include "service/worker/shape.h"

#define AUTH_SECRET_SIZE 32 /* of a device */

/* The digest of a request with secrets in it: an HMAC, so that nobody who reads the store can try passwords or codes on it. Its key
 * stays when the keys of tokens change: a request that is repeated across that is the same request (L1). */
void auth_digest(const struct batch *batch, const struct slice *parts, size_t count, uint8_t digest[static STORE_HASH_SIZE]);

/* The code of a sign-up, CODE_DIGITS digits and NUL: derived from its request id and address, so that a repeat sends the same. */
#define AUTH_CODE_SIZE 7
void auth_code(const struct batch *batch, const struct id *sign_up, struct slice email_folded,
               char code[static AUTH_CODE_SIZE]);

/* What the store keeps of a code. */
void auth_code_hash(const struct id *sign_up, struct slice code, uint8_t hash[static STORE_HASH_SIZE]);

/* False, and the item is answered, unless the field holds. */
bool auth_require(struct batch *batch, struct item *item, bool holds, const char *field);

/* The reply to confirm, sign_in and renew: a fresh token, or the store's refusal. */
void auth_signed_in(struct batch *batch, struct item *item);

void sign_up_plan(struct batch *batch, struct item *item);
void sign_up_hashed(struct batch *batch, struct item *item);
void sign_up_stored(struct batch *batch, struct item *item);
void confirm_plan(struct batch *batch, struct item *item);
void sign_in_plan(struct batch *batch, struct item *item);
void sign_in_asked(struct batch *batch, struct item *item);
void sign_in_hashed(struct batch *batch, struct item *item);
void sign_in_stored(struct batch *batch, struct item *item);
void renew_plan(struct batch *batch, struct item *item);
void sign_out_plan(struct batch *batch, struct item *item);
void sign_out_stored(struct batch *batch, struct item *item);

#endif
