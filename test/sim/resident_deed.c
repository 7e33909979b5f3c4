/* What a resident does: a table of deeds, each with what it makes of the account. See resident_deed.h. */
#include "sim/resident_deed.h"

#include <inttypes.h>
#include <stdio.h>

#include "rules/room.h"
#include "rules/row.h"
#include "sim/sim.h"

#define LIVES_KEPT 3 /* not to be deleted in the rush: one for peace, one for a store that goes back, one in doubt */
#define WRONGS_MAX 4 /* passwords in a row: more than five, and he would have to wait */
#define LETTER_US  (20 * SIM_SECOND) /* and a letter, in the rush */

/* ---- what the account is ---- */

void resident_text(char to[static RESIDENT_TEXT], const char *from)
{
        snprintf(to, RESIDENT_TEXT, "%s", from);
}

static void make(struct resident *resident, char to[static RESIDENT_TEXT], const char *what)
{
        snprintf(to, RESIDENT_TEXT, "%s%u-%u", what, resident->life, resident->made++);
}

void resident_breaks(struct sim *sim, const char *rule, const char *what)
{
        const struct resident *resident = &sim->resident;

        if (!resident->unsure)
                sim_break(sim, rule, "the resident's account %u, %s: %s", resident->life,
                          resident->deed ? wire_message_by_code(resident->deed->code)->name : "join", what);
}

/* Who signs in is told who he is. */
static void check_person(struct sim *sim, const struct wire_person *person)
{
        const struct resident *resident = &sim->resident;

        if (person->user != resident_user(resident)->id)
                resident_breaks(sim, "8 two outcomes", "he is somebody else");
        if (!slice_equal(person->user_name, slice_text(resident->is.name)) ||
            !slice_equal(person->display_name, slice_text(resident->is.display)))
                resident_breaks(sim, "1 acknowledged and missing", "his names are others than those that were set");
}

static void take_device(struct resident_device *device, const struct resident_device *coming,
                        const struct wire_signed_in *answer)
{
        *device = *coming;
        device->device = answer->device;
        memcpy(device->token, answer->token.data, sizeof(device->token));
}

void resident_hangs_up(struct sim *sim)
{
        speaker_close(sim, &sim->resident.lines[LINE_OF_MAIN]);
        sim->resident.joined = false;
        sim->resident.join = (struct id){0};
}

/* ---- what he does ---- */

static bool may_set_password(struct sim *sim, struct resident *resident)
{
        make(resident, resident->asked.password, "password ");
        resident->others = sim_chance(sim, 30);
        return true;
}

static void ask_set_password(struct resident *resident, union resident_message *message)
{
        message->set_password = (struct wire_set_password){.password = slice_text(resident->is.password),
                                                           .new_password = slice_text(resident->asked.password),
                                                           .others = resident->others};
}

static void done_set_password(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        (void)sim;
        (void)answer;
        resident_text(resident->is.password, resident->asked.password);
        resident->wrongs = 0;
        if (resident->others)
                resident->spare.device = 0;
}

static bool may_set_profile(struct sim *sim, struct resident *resident)
{
        make(resident, resident->asked.display, "Resident ");
        resident_text(resident->asked.name, resident->is.name);
        if (sim_chance(sim, 40))
                make(resident, resident->asked.name, "resident");
        return true;
}

static void ask_set_profile(struct resident *resident, union resident_message *message)
{
        message->set_profile = (struct wire_set_profile){.user_name = slice_text(resident->asked.name),
                                                         .display_name = slice_text(resident->asked.display)};
}

static void done_set_profile(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        struct wire_profile_set set_to;

        resident_text(resident->is.name, resident->asked.name);
        resident_text(resident->is.display, resident->asked.display);
        check(wire_decode(answer->message->structure, answer->body, &set_to, NULL) == ERR_OK);
        check_person(sim, &set_to.profile);
}

static bool may_send_letter(const struct resident *resident)
{
        return resident->judged || resident->letters < RESIDENT_LETTERS_MAX;
}

/* A code that has not come by now was lost with its letter. */
static bool waits_for_code(struct sim *sim, struct id *request, uint64_t since_us)
{
        if (!sim->resident.judged && sim->now_us > since_us + LETTER_US)
                *request = (struct id){0};
        return !id_is_zero(request);
}

static bool may_set_email(struct sim *sim, struct resident *resident)
{
        if (waits_for_code(sim, &resident->email.request, resident->email.since_us) || !may_send_letter(resident))
                return false;
        snprintf(resident->asked.email, RESIDENT_TEXT, "r%u-%u@example.org", resident->life, resident->made++);
        resident->letters++;
        return true;
}

static void ask_set_email(struct resident *resident, union resident_message *message)
{
        message->set_email = (struct wire_set_email){.email = slice_text(resident->asked.email),
                                                     .password = slice_text(resident->is.password)};
}

static void done_set_email(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        (void)answer;
        resident->email.request = resident->request;
        resident->email.since_us = sim->now_us;
        resident_text(resident->email.address, resident->asked.email);
}

/* The newest code that came there; it is sent at every try. */
static bool take_code(struct sim *sim, const char *address, unsigned letters)
{
        const char *code = mailbox_letters(sim, address) > letters ? mailbox_code(sim, address) : NULL;

        if (code)
                memcpy(sim->resident.code, code, sizeof(sim->resident.code));
        return code;
}

static bool may_confirm_email(struct sim *sim, struct resident *resident)
{
        return waits_for_code(sim, &resident->email.request, resident->email.since_us) &&
               take_code(sim, resident->email.address, 0);
}

static void ask_confirm_email(struct resident *resident, union resident_message *message)
{
        message->confirm_email = (struct wire_confirm_email){.email = slice_text(resident->email.address),
                                                             .code = slice_text(resident->code),
                                                             .set_email = resident->email.request};
}

static void done_confirm_email(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        (void)sim;
        (void)answer;
        resident_text(resident->is.email, resident->email.address);
        resident->email.request = (struct id){0};
}

static void ask_invite(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->invite.uses = 1;
        message->invite.has = WIRE_HAS(invite, uses);
}

static void ask_devices(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->devices.limit = 100;
}

static void ask_find(struct resident *resident, union resident_message *message)
{
        message->find = (struct wire_find){.name = slice_text(resident->is.name), .limit = 50};
}

/* He is found by the name that he has. */
static void done_find(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        struct wire_people people;
        struct wire_iterator iterator;
        struct wire_person person;
        bool found = false;

        check(wire_decode(answer->message->structure, answer->body, &people, NULL) == ERR_OK);
        WIRE_LIST_START(&iterator, people, people, &people.people);
        while (wire_list_next(&iterator, &person))
                found |= person.user == resident_user(resident)->id;
        if (!found)
                resident_breaks(sim, "1 acknowledged and missing", "he is not found by his name");
}

static void ask_search(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->search = (struct wire_search){.text = SLICE_LITERAL("resident"), .limit = 10};
}

static void ask_rooms(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->rooms.limit = 10;
}

/* Those who behave have enough to do with each other: he blocks whom he will be next. */
static void ask_block(struct resident *resident, union resident_message *message)
{
        message->block = (struct wire_block){.user = resident->lives[(resident->life + 1) % resident->life_count].id,
                                             .on = resident->others};
}

static bool may_block(struct sim *sim, struct resident *resident)
{
        resident->others = sim_chance(sim, 50);
        return true;
}

static void ask_members(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->members.limit = 10;
}

static void ask_around(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->around = (struct wire_around){.seq = 1, .limit = 10};
}

static void ask_pins(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->pins.limit = 10;
}

static void ask_reactors(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->reactors.seq = 1;
}

static void ask_typing(struct resident *resident, union resident_message *message)
{
        (void)resident;
        message->typing.kind = ROW_TEXT;
}

/* A device that comes: its secret. */
static void make_secret(struct sim *sim, struct resident *resident)
{
        sim_fill(sim, resident->coming.secret, sizeof(resident->coming.secret));
        resident->coming.has_secret = true;
}

static bool may_sign_in(struct sim *sim, struct resident *resident)
{
        make_secret(sim, resident);
        return resident->spare.device == 0 || resident->ended;
}

static void ask_sign_in(struct resident *resident, union resident_message *message)
{
        message->sign_in = (struct wire_sign_in){
                .login = slice_text(resident->request.bytes[15] % 2 ? resident->is.name : resident->is.email),
                .password = slice_text(resident->is.password),
                .device_secret = slice_of(resident->coming.secret, sizeof(resident->coming.secret)),
                .device_name = SLICE_LITERAL("spare")};
}

static void done_sign_in(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        struct wire_signed_in signed_in;

        check(wire_decode(answer->message->structure, answer->body, &signed_in, NULL) == ERR_OK);
        if (resident->ended)
                resident_breaks(sim, "7 done by a stranger", "somebody came in whose account was deleted");
        check_person(sim, &signed_in.profile);
        take_device(&resident->spare, &resident->coming, &signed_in);
}

static bool has_spare(struct sim *sim, struct resident *resident)
{
        (void)sim;
        return resident->spare.device;
}

static void ask_renew(struct resident *resident, union resident_message *message)
{
        message->renew =
                (struct wire_renew){.user = resident_user(resident)->id,
                                    .device = resident->spare.device,
                                    .device_secret = slice_of(resident->spare.secret, sizeof(resident->spare.secret))};
}

static void done_renew(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        struct wire_signed_in signed_in;

        check(wire_decode(answer->message->structure, answer->body, &signed_in, NULL) == ERR_OK);
        check_person(sim, &signed_in.profile);
        if (signed_in.device != resident->spare.device)
                resident_breaks(sim, "8 two outcomes", "a device that was renewed is another");
}

static void ask_sign_out(struct resident *resident, union resident_message *message)
{
        message->sign_out = (struct wire_sign_out){.device = resident->spare.device, .has = WIRE_HAS(sign_out, device)};
}

static void done_sign_out(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        (void)sim;
        (void)answer;
        resident->spare.device = 0;
}

static bool may_reset(struct sim *sim, struct resident *resident)
{
        if (waits_for_code(sim, &resident->reset.request, resident->reset.since_us) || !may_send_letter(resident))
                return false;
        resident_text(resident->asked.email, resident->is.email);
        resident->reset.letters = mailbox_letters(sim, resident->is.email);
        resident->letters++;
        return true;
}

static void ask_reset(struct resident *resident, union resident_message *message)
{
        message->reset.email = slice_text(resident->asked.email);
}

static void done_reset(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        (void)answer;
        resident->reset.request = resident->request;
        resident->reset.since_us = sim->now_us;
        resident_text(resident->reset.address, resident->asked.email);
}

/* He may have another address by now, to which the code did not go. */
static bool may_reset_confirm(struct sim *sim, struct resident *resident)
{
        make(resident, resident->asked.password, "password ");
        make_secret(sim, resident);
        return waits_for_code(sim, &resident->reset.request, resident->reset.since_us) &&
               strcmp(resident->reset.address, resident->is.email) == 0 &&
               take_code(sim, resident->reset.address, resident->reset.letters);
}

static void ask_reset_confirm(struct resident *resident, union resident_message *message)
{
        message->reset_confirm = (struct wire_reset_confirm){
                .email = slice_text(resident->reset.address),
                .code = slice_text(resident->code),
                .device_secret = slice_of(resident->coming.secret, sizeof(resident->coming.secret)),
                .reset = resident->reset.request,
                .password = slice_text(resident->asked.password)};
}

/* All others are out, the one that is joined too. */
static void done_reset_confirm(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        struct wire_signed_in signed_in;

        check(wire_decode(answer->message->structure, answer->body, &signed_in, NULL) == ERR_OK);
        resident_text(resident->is.password, resident->asked.password);
        check_person(sim, &signed_in.profile);
        take_device(&resident->main, &resident->coming, &signed_in);
        resident->spare.device = 0;
        resident->reset.request = (struct id){0};
        resident_hangs_up(sim);
}

/* In the rush there are few accounts to lose: mostly he has forgotten the password, as often as he may. */
static bool may_delete(struct sim *sim, struct resident *resident)
{
        resident->wrong = !resident->judged && resident->wrongs < WRONGS_MAX && sim_chance(sim, 80);
        if (resident->wrong)
                return true;
        return resident->judged || (resident->life + LIVES_KEPT < resident->life_count &&
                                    (resident->favourite == resident->deed || sim_chance(sim, 10)));
}

static void ask_delete(struct resident *resident, union resident_message *message)
{
        resident->wrongs += resident->wrong; /* every try counts */
        message->delete_account.password = resident->wrong ? SLICE_LITERAL("forgotten") : slice_text(resident->is.password);
}

static void done_delete(struct sim *sim, struct resident *resident, const struct wire_frame *answer)
{
        (void)answer;
        if (resident->wrong)
                resident_breaks(sim, "7 done by a stranger", "with another password");
        resident->ended = true;
        resident_hangs_up(sim);
}

/* In peace in this order. Ahead of some stands what makes them possible: a favourite is done by way of it. */
const struct resident_deed resident_deeds[RESIDENT_DEEDS] = {
        {WIRE_CODE_sign_in, LINE_APART, false, may_sign_in, ask_sign_in, done_sign_in},
        {WIRE_CODE_renew, LINE_APART, false, has_spare, ask_renew, done_renew},
        {WIRE_CODE_sign_out, LINE_OF_MAIN, false, has_spare, ask_sign_out, done_sign_out},
        {WIRE_CODE_set_profile, LINE_OF_MAIN, false, may_set_profile, ask_set_profile, done_set_profile},
        {WIRE_CODE_set_email, LINE_OF_MAIN, false, may_set_email, ask_set_email, done_set_email},
        {WIRE_CODE_confirm_email, LINE_OF_MAIN, false, may_confirm_email, ask_confirm_email, done_confirm_email},
        {WIRE_CODE_invite, LINE_OF_MAIN, false, NULL, ask_invite, NULL},
        {WIRE_CODE_devices, LINE_OF_MAIN, false, NULL, ask_devices, NULL},
        {WIRE_CODE_find, LINE_OF_MAIN, false, NULL, ask_find, done_find},
        {WIRE_CODE_search, LINE_OF_MAIN, false, NULL, ask_search, NULL},
        {WIRE_CODE_rooms, LINE_OF_MAIN, false, NULL, ask_rooms, NULL},
        {WIRE_CODE_block, LINE_OF_MAIN, false, may_block, ask_block, NULL},
        {WIRE_CODE_members, LINE_OF_MAIN, true, NULL, ask_members, NULL},
        {WIRE_CODE_around, LINE_OF_MAIN, true, NULL, ask_around, NULL},
        {WIRE_CODE_pins, LINE_OF_MAIN, true, NULL, ask_pins, NULL},
        {WIRE_CODE_reactors, LINE_OF_MAIN, true, NULL, ask_reactors, NULL},
        {WIRE_CODE_typing, LINE_OF_MAIN, true, NULL, ask_typing, NULL},
        {WIRE_CODE_reset, LINE_APART, false, may_reset, ask_reset, done_reset},
        {WIRE_CODE_reset_confirm, LINE_APART, false, may_reset_confirm, ask_reset_confirm, done_reset_confirm},
        {WIRE_CODE_set_password, LINE_OF_MAIN, false, may_set_password, ask_set_password, done_set_password},
        {WIRE_CODE_delete_account, LINE_OF_MAIN, false, may_delete, ask_delete, done_delete},
};
