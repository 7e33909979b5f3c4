/* The one who acts, and what he hears. See resident.h. */
#include <stdio.h>

#include "rules/room.h"
#include "sim/resident_deed.h"
#include "sim/sim.h"

#define LIVES       6                /* mostly */
#define ANSWER_US   (6 * SIM_SECOND) /* so long an answer is waited for */
#define FAVOURITE   60               /* percent */
#define CHOICES_MAX 20               /* of one moment: what cannot be done now is not chosen */

/* ---- what comes of it ---- */

static void begin_life(struct resident *resident)
{
        const struct user *user = resident_user(resident);

        resident_text(resident->is.name, user->name);
        resident_text(resident->is.display, user->name);
        resident_text(resident->is.email, user->email);
        resident_text(resident->is.password, user->password);
        resident->main.device = user->first_device;
        memcpy(resident->main.token, user->token, sizeof(resident->main.token));
        resident->spare.device = 0;
        resident->wrongs = 0;
        resident->email.request = resident->reset.request = (struct id){0};
        resident->unsure = resident->ended = false;
}

static void finish_deed(struct resident *resident)
{
        resident->deed = NULL;
        resident->request = (struct id){0};
        resident->tries = 0;
        resident->waits = false;
}

static void next_life(struct sim *sim)
{
        struct resident *resident = &sim->resident;

        check(resident->life + 1 < resident->life_count);
        resident_hangs_up(sim);
        speaker_close(sim, &resident->lines[LINE_APART]);
        resident->life++;
        finish_deed(resident);
        begin_life(resident);
}

/* In the rush the last one is kept for peace. */
static void nobody_knows(struct sim *sim, const char *why)
{
        struct resident *resident = &sim->resident;

        sim_tell(sim, "the resident's account %u: nobody knows what it is: %s", resident->life, why);
        if (resident->life + 2 < resident->life_count)
                next_life(sim);
        else
                resident->unsure = true;
}

static void end_deed(struct sim *sim)
{
        struct resident *resident = &sim->resident;

        finish_deed(resident);
        resident->script += resident->judged;
}

/* What is asked cannot be done. */
static bool is_in_vain(const struct resident *resident)
{
        return resident->wrong && resident->deed->code == WIRE_CODE_delete_account;
}

/* In the rush it may be late, or its code lost; but nobody else changes his account. */
static bool has_reason(const struct resident *resident, enum error error)
{
        switch (error) {
        case ERR_INVITE_LIMIT:
                return resident->deed->code == WIRE_CODE_invite;
        case ERR_NO_ROOM: /* he has written nothing there */
                return resident->deed->in_room;
        case ERR_NO_ROW: /* or settings alone */
                return resident->deed->code == WIRE_CODE_reactors;
        case ERR_BAD_LOGIN:
                return is_in_vain(resident);
        case ERR_REVOKED:
        case ERR_BAD_TOKEN:
        case ERR_NO_USER:
        case ERR_NAME_TAKEN:
                return false;
        default:
                return !resident->judged;
        }
}

static void hear_refused(struct sim *sim, enum error error)
{
        struct resident *resident = &sim->resident;

        sim_tell(sim, "the resident is refused: %s", error_name(error));
        if (resident->ended) {
                end_deed(sim);
                if (!resident->judged)
                        next_life(sim);
                return;
        }
        if (!has_reason(resident, error))
                resident_breaks(sim, "8 refused without a reason", error_name(error));
        if (error == ERR_BAD_CODE && resident->deed->code == WIRE_CODE_confirm_email)
                resident->email.request = (struct id){0};
        if (error == ERR_BAD_CODE && resident->deed->code == WIRE_CODE_reset_confirm)
                resident->reset.request = (struct id){0};
        /* An earlier try may have been done, or may be yet. */
        if (resident->deed->done && !is_in_vain(resident) &&
            (error == ERR_POISON || (resident->tries > 1 && (error == ERR_LATE || error == ERR_REUSED_ID))))
                nobody_knows(sim, error_name(error));
        else
                end_deed(sim);
}

static void hear_error(struct sim *sim, const struct wire_error *error)
{
        if (error->code == ERR_GUESSED && sim->resident.judged)
                return; /* his own wrong passwords, of before: again when some time has passed */
        if (error_class((unsigned)error->code) == ERROR_CLASS_REFUSED)
                hear_refused(sim, (enum error)error->code);
        else
                sim->resident.waits = false; /* again, with the same id */
}

/* Whose device is good must come in, sooner or later. */
static void hear_of_join(struct sim *sim, const struct wire_frame *frame)
{
        struct resident *resident = &sim->resident;
        struct wire_error error;

        resident->waits = false;
        if (frame->code == WIRE_CODE_joined) {
                resident->joined = true;
        } else if (frame->code == WIRE_CODE_error) {
                check(wire_decode(frame->message->structure, frame->body, &error, NULL) == ERR_OK);
                if (error.code == ERR_REVOKED && resident->tries && resident->deed->code == WIRE_CODE_delete_account &&
                    !resident->wrong) {
                        resident->ended = true; /* the answer was lost */
                        end_deed(sim);
                } else if (error.code == ERR_REVOKED || error.code == ERR_BAD_TOKEN || error.code == ERR_NO_USER)
                        resident_breaks(sim, "8 refused without a reason", error_name((unsigned)error.code));
        }
}

static void hear(struct sim *sim, struct speaker *speaker, const struct wire_frame *frame)
{
        struct resident *resident = &sim->resident;
        struct wire_error error;

        resident->moved = true;
        if (id_is_zero(&frame->request))
                return;
        if (speaker == &resident->lines[LINE_OF_MAIN] && id_equal(&frame->request, &resident->join)) {
                hear_of_join(sim, frame);
        } else if (!resident->deed || !id_equal(&frame->request, &resident->request)) {
                return;
        } else if (frame->code == wire_message_by_code(resident->deed->code)->reply) {
                if (resident->deed->done)
                        resident->deed->done(sim, resident, frame);
                end_deed(sim);
        } else if (frame->code == WIRE_CODE_error) {
                check(wire_decode(frame->message->structure, frame->body, &error, NULL) == ERR_OK);
                hear_error(sim, &error);
        }
}

static void lose(struct sim *sim, struct speaker *speaker)
{
        struct resident *resident = &sim->resident;

        resident->moved = true;
        resident->waits = false;
        if (speaker == &resident->lines[LINE_OF_MAIN])
                resident->joined = false;
}

/* ---- the one who acts ---- */

static bool may(struct sim *sim, const struct resident_deed *deed)
{
        sim->resident.deed = deed;
        if (!deed->may || deed->may(sim, &sim->resident))
                return true;
        sim->resident.deed = NULL;
        return false;
}

/* His favourite, or what must be done before: that stands ahead of it in the table. */
static bool choose_favourite(struct sim *sim)
{
        size_t place = (size_t)(sim->resident.favourite - resident_deeds);

        for (size_t i = 0; i < 3 && i <= place; i++)
                if (may(sim, &resident_deeds[place - i]))
                        return true;
        return false;
}

static void choose(struct sim *sim)
{
        struct resident *resident = &sim->resident;

        if (resident->ended || (resident->judged && resident->script < RESIDENT_DEEDS)) {
                (void)may(sim, resident->ended ? &resident_deeds[0] : &resident_deeds[resident->script]);
                return;
        }
        if (resident->judged || (sim_chance(sim, FAVOURITE) && choose_favourite(sim)))
                return;
        for (unsigned i = 0; i < CHOICES_MAX; i++)
                if (may(sim, &resident_deeds[sim_below(sim, RESIDENT_DEEDS)]))
                        return;
}

static struct id new_id(struct sim *sim)
{
        uint8_t random[10];

        sim_fill(sim, random, sizeof(random));
        return id_uuid7(SIM_WALL_MS + sim_now_ms(sim), random);
}

static struct wire_frame frame_of(const struct resident *resident, uint8_t code, const struct id *request)
{
        struct wire_frame frame = {
                .code = code, .request = *request, .user = resident_user(resident)->id, .device = resident->main.device};

        memcpy(frame.mac, resident->main.token + 8, sizeof(frame.mac));
        return frame;
}

static void join(struct sim *sim)
{
        struct resident *resident = &sim->resident;
        const struct wire_join message = {0};
        struct wire_frame frame;

        resident->join = new_id(sim);
        frame = frame_of(resident, WIRE_CODE_join, &resident->join);
        speaker_send(sim, &resident->lines[LINE_OF_MAIN], &frame, &message);
}

static void ask(struct sim *sim)
{
        struct resident *resident = &sim->resident;
        const struct resident_deed *deed = resident->deed;
        union resident_message message;
        struct wire_frame frame;

        memset(&message, 0, sizeof(message));
        if (id_is_zero(&resident->request))
                resident->request = new_id(sim);
        frame = frame_of(resident, deed->code, &resident->request);
        if (deed->in_room)
                frame.room = room_personal(resident_user(resident)->id, resident_user(resident)->id);
        deed->ask(resident, &message);
        sim_tell(sim, "the resident's account %u: %s", resident->life, wire_message_by_code(deed->code)->name);
        speaker_send(sim, &resident->lines[deed->line], &frame, &message);
        resident->tries++;
        if (!wire_message_by_code(deed->code)->reply)
                end_deed(sim);
}

static void act(struct sim *sim)
{
        struct resident *resident = &sim->resident;
        bool inside;

        if (!resident->deed)
                choose(sim);
        if (!resident->deed || !speaker_open(sim, &resident->lines[resident->deed->line]) ||
            (resident->waits && sim->now_us < resident->sent_us + ANSWER_US))
                return;
        resident->waits = true;
        resident->sent_us = sim->now_us;
        inside = resident->deed->line != LINE_OF_MAIN || resident->joined;
        if (inside)
                ask(sim);
        else
                join(sim);
}

/* Nothing is to be done now. */
static bool is_idle(const struct sim *sim)
{
        const struct resident *resident = &sim->resident;

        if (resident->life_count == 0 || sim->phase == SIM_START)
                return true;
        if (resident->judged)
                return resident->script > RESIDENT_DEEDS;
        return sim->phase != SIM_FAULTS && !resident->deed;
}

void resident_run(struct sim *sim)
{
        struct resident *resident = &sim->resident;

        resident->moved = false;
        if (resident->life_count && resident->restored_us != sim->faults.restored_us) {
                resident->restored_us = sim->faults.restored_us;
                nobody_knows(sim, "the store went back");
        }
        if (is_idle(sim) || resident->act_us > sim->now_us)
                return;
        resident->act_us = sim->now_us + 1 + sim_below(sim, SIM_SECOND);
        resident->moved = true;
        act(sim);
}

uint64_t resident_next_us(const struct sim *sim)
{
        return is_idle(sim) ? UINT64_MAX : sim->resident.act_us;
}

void resident_probe(struct sim *sim)
{
        struct resident *resident = &sim->resident;

        if (resident->life_count == 0)
                return;
        if (resident->unsure || resident->ended)
                next_life(sim);
        resident->spare.device = 0;
        resident->email.request = resident->reset.request = (struct id){0};
        resident->judged = true;
        resident->act_us = sim->now_us;
}

bool resident_rests(const struct sim *sim, char *why, size_t size)
{
        const struct resident *resident = &sim->resident;

        if (resident->life_count == 0 || (resident->judged ? resident->script > RESIDENT_DEEDS : !resident->deed))
                return true;
        snprintf(why, size, "the resident is at %s",
                 resident->deed ? wire_message_by_code(resident->deed->code)->name : "nothing");
        return false;
}

void resident_start(struct sim *sim)
{
        static const struct speaker_calls calls = {hear, lose};
        struct resident *resident = &sim->resident;

        for (size_t i = 0; i < countof(resident->lines); i++)
                speaker_init(&resident->lines[i], &calls);
        if (sim->options.told)
                return;
        resident->favourite = &resident_deeds[sim_below(sim, RESIDENT_DEEDS)];
        resident->life_count = resident->favourite->code == WIRE_CODE_delete_account ? RESIDENT_LIVES_MAX : LIVES;
        for (unsigned i = 0; i < resident->life_count; i++) {
                struct user *user = &resident->lives[i];

                snprintf(user->name, sizeof(user->name), "resident%u", i);
                snprintf(user->email, sizeof(user->email), "r%u@example.org", i);
                snprintf(user->password, sizeof(user->password), "password of resident %u", i);
                clients_import(sim, user);
        }
        begin_life(resident);
}

void resident_finish(struct sim *sim)
{
        for (size_t i = 0; i < countof(sim->resident.lines); i++)
                speaker_finish(&sim->resident.lines[i]);
}
