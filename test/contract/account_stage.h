/* Accounts for the store's contract: operations of theirs, and calls that submit one and expect an answer. */
#ifndef GALKA_TEST_CONTRACT_ACCOUNT_STAGE_H
#define GALKA_TEST_CONTRACT_ACCOUNT_STAGE_H

#include "contract/store_stage.h"

#define VALID_MS 900000 /* of a code */

/* An operation of that kind with an id of its own; sender NULL: of nobody who is signed in. */
struct store_op op_of(struct stage *stage, enum store_op_kind kind, const struct account *sender);

/* Signs somebody up with the password hash "$old". */
struct account account_with(struct stage *stage, const char *name, const char *email);

/* Signs the user in on one more device; it must end like that. */
uint64_t device_more(struct stage *stage, uint64_t user, const char *hash, enum error expected);

/* How many devices he has; 0 if this one is signed out. */
size_t devices_of(struct stage *stage, const struct account *account);

/* Asks for a code for an address, and answers with it: the right code is 'c'. */
struct store_op code_op(struct stage *stage, enum store_op_kind kind, const struct account *sender, const char *email);
struct store_op answer_op(struct stage *stage, enum store_op_kind kind, const struct account *sender,
                          const struct store_op *asked, char code);

#endif
