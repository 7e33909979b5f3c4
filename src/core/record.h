/*
 * Records in the host's storage: their keys and values. Values begin with a version byte; what follows is fixed numbers in
 * network order and a wire structure, so that a newer version can still read what an older one kept (unknown fields are skipped).
 *
 *      P                       the account on this device
 *      R room(16)              a room: head, holes, marks, lowest, peer
 *      M room(16) seq(8)       a row
 *      O room(16) id(16)       an own message that is not answered yet, or failed
 *      S key                   a setting of the user
 *      U user(8)               somebody's names
 *      B                       whom the user blocks: ids of 8 bytes (blocks.c)
 *
 * Pure: bytes in, bytes out.
 */
#ifndef GALKA_CORE_RECORD_H
#define GALKA_CORE_RECORD_H

#include "core/core.h"
#include "core/holes.h"

#define RECORD_VERSION         1
#define RECORD_SETTING_VERSION 2   /* 1: without entry */
#define RECORD_ENTRY_VERSION   2   /* 1: what follows is the text of a TEXT */
#define RECORD_ENTRY_FIXED     11  /* version, state, error, wall_ms; then an operation */
#define RECORD_ENTRY_EXTRA     80  /* an entry's value is at most this and its texts: record_entry_size */
#define RECORD_ROW_EXTRA       144 /* a row's value is at most this, its texts and its reactions: record_row_size */
#define RECORD_ROOM_EXTRA      336 /* a room's value is at most this, its texts and 16 bytes a hole */
#define RECORD_PERSON_EXTRA    40  /* a person's value is at most this and his texts */
#define RECORD_PROFILE_EXTRA   176 /* a profile's value is at most this and its texts */

#define DEVICE_SECRET_SIZE 32
#define EMAIL_MAX          254

/* Kept: the numbers stay. */
enum account_state {
        ACCOUNT_NONE,
        ACCOUNT_WAITS_FOR_CODE, /* of a sign-up */
        ACCOUNT_SIGNED_IN,
        ACCOUNT_WAITS_FOR_RESET, /* the code for a new password */
        ACCOUNT_STATE_COUNT
};

struct record_profile {
        enum account_state state;
        uint64_t user, device;
        uint8_t token[WIRE_TOKEN_SIZE];
        uint8_t secret[DEVICE_SECRET_SIZE];
        struct id era;
        struct id sign_up;  /* request id of the sign-up, reset, or (signed in) set_email whose code is awaited */
        struct slice email; /* its address */
        struct wire_person person;
};

struct record_room {
        struct wire_room_state
                state;        /* id, kind, head, marks as the server knows them, lowest, peer, left, joined_seq, time, and
                               * of a group title, role, members */
        uint64_t read;        /* what the user has read, sent or not */
        uint64_t unread;      /* of now */
        const uint8_t *holes; /* hole_count × (low, high) in network order */
        uint16_t hole_count;
};

struct record_setting { /* see struct setting */
        struct slice key;
        struct slice value, wanted;
        uint64_t seq, changed, number;
        struct id entry;
        bool set, sent;
};

struct record_entry {
        struct id room, id;
        enum core_message_state state; /* QUEUED or FAILED */
        enum error error;
        uint64_t wall_ms;
        struct wire_operation operation; /* without its id */
};

/* Each returns the key's size. */
size_t record_key_profile(uint8_t key[static CORE_KEY_SIZE_MAX]);
size_t record_key_room(const struct id *room, uint8_t key[static CORE_KEY_SIZE_MAX]);
size_t record_key_entry(const struct id *room, const struct id *id, uint8_t key[static CORE_KEY_SIZE_MAX]);

/* The one-letter bounds of all records of a kind: [letter, letter + 1). */
#define RECORD_FIRST 'A'
#define RECORD_LAST  'Z'

/* Encoders write at the end of [start, end) and return where the value begins, NULL if it does not fit. */
uint8_t *record_profile_encode(const struct record_profile *profile, uint8_t *start, uint8_t *end);
uint8_t *record_room_encode(const struct record_room *room, const struct holes *holes, uint8_t *start, uint8_t *end);
uint8_t *record_row_encode(const struct wire_row *row, uint8_t *start, uint8_t *end);
uint8_t *record_person_encode(const struct wire_person *person, uint8_t *start, uint8_t *end);
uint8_t *record_entry_encode(const struct record_entry *entry, uint8_t *start, uint8_t *end);

/* A setting's value is exactly that large; it is written at `at`. */
size_t record_key_setting(struct slice setting, uint8_t key[static CORE_KEY_SIZE_MAX]);
size_t record_setting_size(const struct record_setting *setting);
void record_setting_encode(const struct record_setting *setting, uint8_t *at);
must_use enum error record_setting_decode(struct slice key, struct slice value, struct record_setting *setting);

/* What the value of a row, of an entry takes at most. */
size_t record_row_size(const struct wire_row *row);
size_t record_entry_size(const struct wire_operation *operation);

/* Is that what a client may write into that room, as far as one can tell without it? BAD_FIELD, TOO_LARGE. */
must_use enum error operation_check(const struct id *room, const struct wire_operation *operation);

/* CORRUPT for anything that no encoder wrote. Slices point into key and value. */
must_use enum error record_profile_decode(struct slice value, struct record_profile *profile);
must_use enum error record_room_decode(struct slice key, struct slice value, struct record_room *room);
must_use enum error record_person_decode(struct slice key, struct slice value, struct wire_person *person);
must_use enum error record_entry_decode(struct slice key, struct slice value, struct record_entry *entry);

#endif
