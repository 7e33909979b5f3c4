/*
 * The table of what a resident does (resident.h). A new code that nobody else sends often gets a line here: without it no fault ever
 * meets it (tally.h).
 */
#ifndef GALKA_TEST_SIM_RESIDENT_DEED_H
#define GALKA_TEST_SIM_RESIDENT_DEED_H

#include "sim/resident.h"

#define RESIDENT_DEEDS 21

enum resident_line { LINE_OF_MAIN, LINE_APART };

union resident_message {
        struct wire_set_password set_password;
        struct wire_set_profile set_profile;
        struct wire_set_email set_email;
        struct wire_confirm_email confirm_email;
        struct wire_invite invite;
        struct wire_delete_account delete_account;
        struct wire_sign_in sign_in;
        struct wire_sign_out sign_out;
        struct wire_renew renew;
        struct wire_reset reset;
        struct wire_reset_confirm reset_confirm;
        struct wire_devices devices;
        struct wire_find find;
        struct wire_search search;
        struct wire_rooms rooms;
        struct wire_block block;
        struct wire_members members;
        struct wire_around around;
        struct wire_pins pins;
        struct wire_reactors reactors;
        struct wire_typing typing;
};

/* One thing to do. may: whether now (NULL: always); it names what is asked. ask: the message, the same at every try. done: it was; NULL:
 * nothing is another then. */
struct resident_deed {
        uint8_t code;
        enum resident_line line;
        bool in_room; /* of himself */
        bool (*may)(struct sim *sim, struct resident *resident);
        void (*ask)(struct resident *resident, union resident_message *message);
        void (*done)(struct sim *sim, struct resident *resident, const struct wire_frame *answer);
};

extern const struct resident_deed resident_deeds[RESIDENT_DEEDS];

static inline const struct user *resident_user(const struct resident *resident)
{
        return &resident->lives[resident->life];
}

void resident_text(char to[static RESIDENT_TEXT], const char *from);

/* The rule was broken by his account, if it is known what it is. */
void resident_breaks(struct sim *sim, const char *rule, const char *what);

/* He leaves the line of his main device. */
void resident_hangs_up(struct sim *sim);

#endif
