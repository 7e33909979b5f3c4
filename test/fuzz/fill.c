/* What the fields hold: words that mean something to the services, and numbers of any size. */
#include "fill.h"

#include "rules/room.h"
#include "rules/row.h"

struct id fill_room(unsigned choice)
{
        return choice & 4 ? (struct id){{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80}}
                          : room_personal(FIRST_USER + (choice & 1), FIRST_USER + (choice >> 1 & 1) + (choice >> 3 & 1));
}

struct slice fill_text(struct script *script)
{
        static const char *const texts[] = {"",         "hello",      "alice",  "alice@x.org",
                                            "Dora Doe", "dora@x.org", "123456", "a\r\nBcc: b@x.org"};

        return slice_text(texts[script_next(script) & 7]);
}

static void fill_settings(struct script *script, uint8_t code, union body *body)
{
        static const uint8_t secret[32] = {9};

        switch (code) {
        case WIRE_CODE_reset:
                body->reset.email = fill_text(script);
                break;
        case WIRE_CODE_reset_confirm:
                body->reset_confirm.email = fill_text(script);
                body->reset_confirm.code = fill_text(script);
                body->reset_confirm.device_secret = slice_of(secret, sizeof(secret));
                body->reset_confirm.reset.bytes[0] = script_next(script);
                body->reset_confirm.password = SLICE_LITERAL("correct horse");
                break;
        case WIRE_CODE_set_password:
                body->set_password.password = fill_text(script);
                body->set_password.new_password = SLICE_LITERAL("correct horse");
                body->set_password.others = script_next(script) & 1;
                break;
        case WIRE_CODE_set_profile:
                body->set_profile.user_name = fill_text(script);
                body->set_profile.display_name = fill_text(script);
                break;
        case WIRE_CODE_set_email:
                body->set_email.email = fill_text(script);
                body->set_email.password = fill_text(script);
                break;
        case WIRE_CODE_confirm_email:
                body->confirm_email.email = fill_text(script);
                body->confirm_email.code = fill_text(script);
                body->confirm_email.set_email.bytes[0] = script_next(script);
                break;
        case WIRE_CODE_delete_account:
                body->delete_account.password = fill_text(script);
                break;
        default:
                body->invite.uses = script_number_to(script, 100);
                body->invite.valid_ms = script_number_to(script, UINT64_C(2592000000));
                break;
        }
}

void fill_account(struct script *script, uint8_t code, union body *body)
{
        static const uint8_t secret[32] = {9};

        switch (code) {
        case WIRE_CODE_sign_up:
                body->sign_up.email = fill_text(script);
                body->sign_up.user_name = fill_text(script);
                body->sign_up.display_name = fill_text(script);
                body->sign_up.password = SLICE_LITERAL("correct horse");
                break;
        case WIRE_CODE_confirm:
                body->confirm.email = fill_text(script);
                body->confirm.code = fill_text(script);
                body->confirm.device_secret = slice_of(secret, sizeof(secret));
                body->confirm.device_name = fill_text(script);
                body->confirm.sign_up.bytes[0] = script_next(script);
                break;
        case WIRE_CODE_sign_in:
                body->sign_in.login = fill_text(script);
                body->sign_in.password = SLICE_LITERAL("correct horse");
                body->sign_in.device_secret = slice_of(secret, sizeof(secret));
                body->sign_in.device_name = fill_text(script);
                break;
        case WIRE_CODE_renew:
                body->renew.user = FIRST_USER + (script_next(script) & 3);
                body->renew.device = script_next(script) & 3;
                body->renew.device_secret = slice_of(secret, sizeof(secret));
                break;
        case WIRE_CODE_sign_out:
                body->sign_out.device = script_next(script) & 3;
                break;
        case WIRE_CODE_last_seen:
                body->last_seen.user = FIRST_USER + (script_next(script) & 3);
                break;
        default:
                fill_settings(script, code, body);
                break;
        }
}

void fill_query(struct script *script, uint8_t code, union body *body)
{
        static struct wire_cursor cursors[2];
        static struct wire_user_ref users[2];

        cursors[0] = (struct wire_cursor){.room = fill_room(script_next(script)), .lowest = 1};
        cursors[0].head = script_number(script);
        cursors[1] = (struct wire_cursor){.room = fill_room(script_next(script)), .head = 1};
        users[0].user = script_number_to(script, INT64_MAX);
        users[1].user = FIRST_USER;
        switch (code) {
        case WIRE_CODE_join:
                body->join.era.bytes[0] = script_next(script);
                body->join.cursors = (struct wire_list){.items = cursors, .count = 2};
                break;
        case WIRE_CODE_rooms:
                body->rooms.limit = script_number_to(script, 500);
                body->rooms.after = fill_room(script_next(script));
                body->rooms.cursors = (struct wire_list){.items = cursors, .count = 2};
                break;
        case WIRE_CODE_changes:
                body->changes.after = script_number(script);
                body->changes.before = script_number(script);
                body->changes.limit = script_number_to(script, 200);
                break;
        case WIRE_CODE_around:
                body->around.seq = script_number(script);
                body->around.time_ms = script_number(script);
                body->around.limit = script_number_to(script, 200);
                break;
        case WIRE_CODE_pins:
                body->pins.before = script_number(script);
                body->pins.limit = script_number_to(script, 50);
                break;
        case WIRE_CODE_search:
                body->search.text = fill_text(script);
                body->search.room = fill_room(script_next(script));
                body->search.limit = script_number_to(script, 50);
                body->search.before = (struct wire_place){.room = fill_room(script_next(script)),
                                                          .seq = script_number(script),
                                                          .time_ms = script_number(script)};
                body->search.has = script_next(script) & 1 ? WIRE_HAS(search, before) : 0;
                break;
        case WIRE_CODE_find:
                body->find.name = fill_text(script);
                body->find.limit = script_number_to(script, 50);
                break;
        case WIRE_CODE_profiles:
                body->profiles.users = (struct wire_list){.items = users, .count = 2};
                break;
        case WIRE_CODE_watch:
                body->watch.users = (struct wire_list){.items = users, .count = 2};
                body->watch.has = WIRE_HAS(watch, room);
                body->watch.room = fill_room(script_next(script));
                break;
        case WIRE_CODE_blocks:
                body->blocks.after = FIRST_USER + (script_next(script) & 3);
                body->blocks.limit = script_next(script) & 3;
                break;
        case WIRE_CODE_typing:
                body->typing.kind = script_next(script);
                break;
        case WIRE_CODE_gone:
                body->gone.user = users[script_next(script) & 1].user;
                break;
        default:
                body->devices.limit = script_number_to(script, 100);
                break;
        }
}

void fill_session(struct script *script, uint64_t sequence, uint8_t code, union body *body)
{
        static struct wire_operation operations[4];
        uint32_t count = script_next(script) % 5;

        if (code == WIRE_CODE_mark) {
                body->mark.delivered = script_number(script);
                body->mark.read = script_number(script);
                body->mark.shown = script_number(script);
                return;
        }
        if (code == WIRE_CODE_leaving) {
                body->leaving.user = script_next(script) & 7 ? FIRST_USER + (script_next(script) & 3) : 0;
                body->leaving.after = fill_room(script_next(script));
                body->leaving.era.bytes[0] = script_next(script) & 1;
                return;
        }
        if (code == WIRE_CODE_sweep) {
                body->sweep.after = FIRST_USER + (script_next(script) & 7) - 4;
                return;
        }
        if (code == WIRE_CODE_receipts) {
                body->receipts.user = FIRST_USER + (script_next(script) & 3);
                body->receipts.after = fill_room(script_next(script));
                return;
        }
        if (code == WIRE_CODE_block) {
                body->block.user = FIRST_USER + (script_next(script) & 3);
                body->block.on = script_next(script) & 1;
                return;
        }
        for (uint32_t i = 0; i < count; i++) {
                uint8_t shape = script_next(script);

                operations[i] = (struct wire_operation){.kind = shape & 64 ? shape : 1, .text = fill_text(script)};
                if ((shape & 0x90) == 0x90)
                        operations[i] = (struct wire_operation){
                                .kind = ROW_SETTING, .text = SLICE_LITERAL("receipts-off x"), .target = shape & 8 ? 1 : 0};
                operations[i].id.bytes[0] = shape & 7;
                operations[i].id.bytes[15] = shape & 32 ? 0 : (uint8_t)sequence;
        }
        body->write.operations = (struct wire_list){.items = operations, .count = count};
}
