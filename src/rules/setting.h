/*
 * Settings of a user: rows of his self room (kind SETTING), each a key and a value (PROTOCOL, "Settings"). The server bounds them and
 * does not understand them. Here stands what they mean:
 *
 *      mute:ROOM     "forever", or until when: milliseconds since 1970
 *      archive:ROOM  the time of the room's last row when it was put away: a newer row brings it back, unless it is muted
 *      pin:ROOM      its place among the pinned rooms: the highest number stands first
 *      draft:ROOM    the row that it replies to (0: none), a space, the text
 *      hidden        anything: who is online, and was there when, is told neither of the user nor to him. The server keeps to this one
 *      receipts-off  anything: nobody is told what the user has got and read, nor is he told it of others. The server keeps to it, too
 *
 * ROOM is the room's id as text. A setting without a value is as one that was never made.
 */
#ifndef GALKA_RULES_SETTING_H
#define GALKA_RULES_SETTING_H

#include "base/id.h"
#include "rules/limits.h"

#define SETTING_FOREVER UINT64_MAX

#define SETTINGS_OF_ROOMS(X)                                                                                                \
        X(MUTE, "mute:")                                                                                                    \
        X(ARCHIVE, "archive:")                                                                                              \
        X(PIN, "pin:")                                                                                                      \
        X(DRAFT, "draft:")

enum room_setting {
#define X(name, prefix) SETTING_##name,
        SETTINGS_OF_ROOMS(X)
#undef X
                SETTING_ROOM_KINDS
};

#define SETTING_KEY_HIDDEN       "hidden"
#define SETTING_KEY_RECEIPTS_OFF "receipts-off"

/* Is that row's text the setting by which a user hides? *hides: does he, by it? */
bool setting_hides(struct slice text, bool *hides);

/* Is it the one by which he switches receipts? *off: off, by it? */
bool setting_receipts(struct slice text, bool *off);

/* A row's text: the key, and after a space the value, if it has one. False: it is none; *key and *value are empty then. */
bool setting_read(struct slice text, struct slice *key, struct slice *value);

/* May that be a key? Letters, digits and marks of ASCII, no spaces, 1 to SETTING_KEY_MAX bytes. */
bool setting_key_is_lawful(struct slice key);

/* The key of a room's setting, in `bytes`. */
struct slice setting_key_of(enum room_setting setting, const struct id *room, char bytes[static SETTING_KEY_MAX]);

/* Whose setting is that? False: it is not one of a room. */
bool setting_key_read(struct slice key, enum room_setting *setting, struct id *room);

/* The value of a mute: FOREVER, when it ends, 0 for none. */
uint64_t setting_muted_until(struct slice value);

/* The value of an archive or a pin; 0 for none, or no number. */
uint64_t setting_number(struct slice value);

/* A draft's parts. False: there is none. */
bool setting_draft_read(struct slice value, uint64_t *reply_to, struct slice *text);

/* What a room's settings come to: the values of its keys put in, in any order. Zeros: there are none. */
struct room_settings {
        uint64_t muted_until_ms; /* SETTING_FOREVER; 0: it is not */
        uint64_t archived_ms;    /* the time of its last row then */
        uint64_t pin;            /* the greater the higher; 0: it is not pinned */
        uint64_t draft_reply_to;
        struct slice draft; /* points into the value */
};

void room_settings_put(struct room_settings *settings, enum room_setting setting, struct slice value);

bool room_is_muted(const struct room_settings *settings, uint64_t now_ms);

/* last_time_ms: of the room's last row. */
bool room_is_archived(const struct room_settings *settings, uint64_t last_time_ms, uint64_t now_ms);

/* Writes a number as text; `bytes` is what it may take. */
#define SETTING_NUMBER_MAX 20
struct slice setting_number_write(uint64_t number, char bytes[static SETTING_NUMBER_MAX]);

#endif
