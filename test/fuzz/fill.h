/* Bodies that a client could fill in, as the script says: mostly plausible ones, so that requests get past their first checks. */
#ifndef GALKA_TEST_FUZZ_FILL_H
#define GALKA_TEST_FUZZ_FILL_H

#include "script.h"
#include "wire/wire.h"

#define FIRST_USER 100 /* three users from here on have accounts */

/* What a client may fill in, of the codes whose fields matter most. */
union body {
        struct wire_sign_up sign_up;
        struct wire_confirm confirm;
        struct wire_sign_in sign_in;
        struct wire_renew renew;
        struct wire_sign_out sign_out;
        struct wire_reset reset;
        struct wire_reset_confirm reset_confirm;
        struct wire_set_password set_password;
        struct wire_set_profile set_profile;
        struct wire_block block;
        struct wire_blocks blocks;
        struct wire_set_email set_email;
        struct wire_confirm_email confirm_email;
        struct wire_delete_account delete_account;
        struct wire_invite invite;
        struct wire_join join;
        struct wire_rooms rooms;
        struct wire_changes changes;
        struct wire_around around;
        struct wire_search search;
        struct wire_pins pins;
        struct wire_find find;
        struct wire_profiles profiles;
        struct wire_devices devices;
        struct wire_watch watch;
        struct wire_typing typing;
        struct wire_gone gone;
        struct wire_last_seen last_seen;
        struct wire_leaving leaving;
        struct wire_sweep sweep;
        struct wire_receipts receipts;
        struct wire_write write;
        struct wire_mark mark;
};

/* A personal room of the first users, or (bit 2) no room. */
struct id fill_room(unsigned choice);

/* One of some texts: names, addresses, codes, header injections. */
struct slice fill_text(struct script *script);

/* The body of a code of that topic. sequence makes the ids of operations new. */
void fill_account(struct script *script, uint8_t code, union body *body);
void fill_query(struct script *script, uint8_t code, union body *body);
void fill_session(struct script *script, uint64_t sequence, uint8_t code, union body *body);

#endif
