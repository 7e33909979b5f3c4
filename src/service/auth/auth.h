/* What the files of this folder share: digests under the server's key, codes, guesses, letters, the answer that signs in. */
#ifndef GALKA_SERVICE_AUTH_AUTH_H
#define GALKA_SERVICE_AUTH_AUTH_H

#include "service/worker/batch.h"
#include "service/worker/shape.h"

#define AUTH_SECRET_SIZE 32 /* of a device */

/* The digest of a request with secrets in it: an HMAC, so that nobody who reads the store can try passwords or codes on it. Its key
 * stays when the keys of tokens change: a request that is repeated across that is the same request (L1). */
void auth_digest(const struct batch *batch, const struct slice *parts, size_t count, uint8_t digest[static STORE_HASH_SIZE]);

/* Under what guesses are counted (store_op.guesses_of and guesses_from): 63 bits made of what it is; the same, the same id; nobody can
 * tell the one from the other. Of nothing: 0, not counted. */
uint64_t auth_guesses(const struct batch *batch, const char *what, struct slice of);

/* Guesses at codes of that address; letters to it. */
void auth_count_codes(const struct batch *batch, const struct item *item, struct store_op *op, struct slice email_folded);
void auth_count_letters(const struct batch *batch, const struct item *item, struct store_op *op, struct slice email_folded);

/* A device's secret and name. False, and the item is answered, if one is not valid. */
bool auth_require_device(struct batch *batch, struct item *item, struct slice secret, struct slice name);

static inline struct slice auth_hash(const uint8_t hash[static STORE_HASH_SIZE])
{
        return slice_of(hash, STORE_HASH_SIZE);
}

/* A letter to be sent on. */
void auth_letter(struct batch *batch, struct item *item, enum wire_mail_kind kind, struct slice to, struct slice language,
                 struct slice code);

/* Every frontend closes the connections of the user: of that device, or (0) of all but `except`. */
void auth_revoke(struct batch *batch, struct item *item, uint64_t user, uint64_t device, uint64_t except);

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
void reset_plan(struct batch *batch, struct item *item);
void reset_stored(struct batch *batch, struct item *item);
void reset_confirm_plan(struct batch *batch, struct item *item);
void reset_confirm_hashed(struct batch *batch, struct item *item);
void reset_confirm_stored(struct batch *batch, struct item *item);
void set_password_plan(struct batch *batch, struct item *item);
void set_password_asked(struct batch *batch, struct item *item);
void set_password_hashed(struct batch *batch, struct item *item);
void set_password_stored(struct batch *batch, struct item *item);
void set_profile_plan(struct batch *batch, struct item *item);
void set_profile_stored(struct batch *batch, struct item *item);
void set_email_plan(struct batch *batch, struct item *item);
void set_email_asked(struct batch *batch, struct item *item);
void set_email_hashed(struct batch *batch, struct item *item);
void set_email_stored(struct batch *batch, struct item *item);
void confirm_email_plan(struct batch *batch, struct item *item);
void confirm_email_stored(struct batch *batch, struct item *item);
void delete_account_plan(struct batch *batch, struct item *item);
void delete_account_asked(struct batch *batch, struct item *item);
void delete_account_hashed(struct batch *batch, struct item *item);
void delete_account_stored(struct batch *batch, struct item *item);
void seen_plan(struct batch *batch, struct item *item);
void last_seen_plan(struct batch *batch, struct item *item);
void invite_plan(struct batch *batch, struct item *item);
void invite_stored(struct batch *batch, struct item *item);
void sign_out_plan(struct batch *batch, struct item *item);
void sign_out_stored(struct batch *batch, struct item *item);

#endif
