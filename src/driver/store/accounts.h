/* Lines of accounts as the one writer reads and writes them: what the operations on accounts (write_account.c, write_settings.c)
 * share. Slices that are read live in the arena given. */
#ifndef GALKA_DRIVER_STORE_ACCOUNTS_H
#define GALKA_DRIVER_STORE_ACCOUNTS_H

#include "driver/store/writer.h"

struct new_user {
        uint64_t user;
        struct slice user_name, name_folded, display_name, email, email_folded;
        struct slice password_hash;
};

/* What waits for the code that was mailed. */
struct pending {
        bool found;
        bool known;      /* SIGN_UP, EMAIL: somebody has that address, so that no code is right */
        uint64_t holder; /* RESET, EMAIL: whose account it is; 0: nobody's */
        enum purpose purpose;
        struct slice email_folded, code_hash, invite_hash;
        uint64_t valid_until_ms, guesses;
        struct new_user user;
};

/* ---- repeats: by (principal, request) ---- */

/* Fills status and ids and returns true if it was done before. */
bool request_find(struct writer *writer, const struct store_op *op, struct slice principal, uint64_t *user, uint64_t *device,
                  struct store_result *result);
void request_note(struct writer *writer, const struct store_op *op, struct slice principal, uint64_t user, uint64_t device);

/* ---- guesses ---- */

/* GUESSED, with the wait, while one of these counts too many wrong guesses; 0: none. */
enum error guesses_judge(struct writer *writer, uint64_t account, uint64_t from, struct store_result *result);
void guesses_count(struct writer *writer, uint64_t account, uint64_t from);
void guesses_drop(struct writer *writer, uint64_t account);

/* ---- users and devices ---- */

/* 0: nobody. */
uint64_t user_find(struct writer *writer, enum statement how, struct slice folded);
void user_add(struct writer *writer, const struct new_user *new);
bool password_is(struct writer *writer, uint64_t user, const char *hash);
void password_set(struct writer *writer, uint64_t user, const char *hash);
void words_change(struct writer *writer, enum statement what, uint64_t user, struct slice name_folded,
                  struct slice display_name);
void device_add(struct writer *writer, uint64_t user, uint64_t device, struct slice name, const uint8_t *secret_hash);
/* All but `kept`; 0: all. */
void devices_revoke(struct writer *writer, uint64_t user, uint64_t kept);
void signed_in_give(struct writer *writer, uint64_t user, uint64_t device, struct store_result *result, struct arena *arena);

/* ---- what waits for a code ---- */

struct pending code_find(struct writer *writer, const struct id *request, struct arena *arena);
void code_add(struct writer *writer, const struct store_op *op, const struct pending *pending);
void code_drop(struct writer *writer, const struct id *request);

/* Is the operation's code the right one? OK, BAD_CODE, GUESSED; a wrong one is counted. */
enum error code_judge(struct writer *writer, const struct store_op *op, const struct pending *pending,
                      struct store_result *result);

/* ---- invitations ---- */

/* Can it be used (now)? OK or NO_INVITE. */
enum error invite_judge(struct writer *writer, struct slice hash, bool now);
void invite_use(struct writer *writer, struct slice hash);

#endif
