/* See guest.h. */
#include "sim/guest.h"

#include <stdio.h>

#include "rules/limits.h"
#include "sim/sim.h"

#define ANSWER_US     (10 * SIM_SECOND) /* so long an answer is waited for */
#define OUT_US        UINT64_C(5000000) /* so long a revoke may take to reach the first line */
#define GUESSES       8
#define GUESSES_RIGHT 5 /* so many are judged before the rest has to wait */

/* ---- steps ---- */

static void address_of(const struct guest *guest, unsigned which, char address[static MAILBOX_ADDRESS_SIZE])
{
        snprintf(address, MAILBOX_ADDRESS_SIZE, "guest%u-%u@example.org", guest->run, which);
}

static struct slice secret_of(unsigned which)
{
        static const uint8_t secrets[3][32] = {{1}, {2}, {3}};

        return slice_of(secrets[which], 32);
}

static void sign_up(struct sim *sim, struct speaker *line, const struct wire_frame *frame, unsigned which)
{
        char address[MAILBOX_ADDRESS_SIZE], name[USER_NAME_MAX];
        struct wire_sign_up message = {.display_name = SLICE_LITERAL("Guest"),
                                       .password = SLICE_LITERAL("a password"),
                                       .invite = slice_text(sim->guest.invite)};

        address_of(&sim->guest, which, address);
        snprintf(name, sizeof(name), "guest%u-%u", sim->guest.run, which);
        message.email = slice_text(address);
        message.user_name = slice_text(name);
        sim->guest.asks[which] = frame->request;
        speaker_send(sim, line, frame, &message);
}

/* False: the letter is not here yet. */
static bool confirm(struct sim *sim, struct speaker *line, const struct wire_frame *frame, unsigned which)
{
        char address[MAILBOX_ADDRESS_SIZE];
        struct wire_confirm message = {.device_secret = secret_of(which), .sign_up = sim->guest.asks[which]};
        const char *code;

        address_of(&sim->guest, which, address);
        code = mailbox_code(sim, address);
        if (!code)
                return false;
        message.email = slice_text(address);
        message.code = slice_text(code);
        speaker_send(sim, line, frame, &message);
        return true;
}

static void join(struct sim *sim, struct speaker *line, const struct wire_frame *frame)
{
        struct wire_frame mine = *frame;
        const struct wire_join message = {0};

        mine.user = sim->guest.user;
        mine.device = sim->guest.device;
        memcpy(mine.mac, sim->guest.token + 8, sizeof(mine.mac));
        speaker_send(sim, line, &mine, &message);
}

static void reset(struct sim *sim, struct speaker *line, const struct wire_frame *frame, unsigned which)
{
        char address[MAILBOX_ADDRESS_SIZE];
        struct wire_reset message = {0};

        address_of(&sim->guest, which, address);
        message.email = slice_text(address);
        sim->guest.letters = mailbox_letters(sim, address);
        sim->guest.resets[sim->guest.asked % 2] = frame->request;
        speaker_send(sim, line, frame, &message);
}

static bool reset_confirm(struct sim *sim, struct speaker *line, const struct wire_frame *frame, unsigned which,
                          const char *code, const struct id *asked)
{
        char address[MAILBOX_ADDRESS_SIZE];
        struct wire_reset_confirm message = {
                .device_secret = secret_of(2), .reset = *asked, .password = SLICE_LITERAL("a new password")};

        address_of(&sim->guest, which, address);
        if (!code && mailbox_letters(sim, address) == sim->guest.letters)
                return false;
        message.email = slice_text(address);
        message.code = slice_text(code ? code : mailbox_code(sim, address));
        speaker_send(sim, line, frame, &message);
        return true;
}

/* The second line is for what is asked signed out while the first is in. */
static struct speaker *line_for(struct guest *guest)
{
        return &guest->lines[guest->step >= GUEST_RESETS_NOBODY && guest->step <= GUEST_SETS];
}

static bool ask(struct sim *sim, struct speaker *line, const struct wire_frame *frame)
{
        struct guest *guest = &sim->guest;

        switch (guest->step) {
        case GUEST_ASKS:
        case GUEST_ASKS_TOO:
                sign_up(sim, line, frame, guest->step == GUEST_ASKS_TOO);
                return true;
        case GUEST_CONFIRMS:
        case GUEST_CONFIRMS_TOO:
                return confirm(sim, line, frame, guest->step == GUEST_CONFIRMS_TOO);
        case GUEST_JOINS:
        case GUEST_REJOINS:
                join(sim, line, frame);
                return true;
        case GUEST_RESETS_NOBODY:
                reset(sim, line, frame, 2);
                return true;
        case GUEST_GUESSES:
                return reset_confirm(sim, line, frame, 2, "a guess", &guest->resets[guest->asked % 2]);
        case GUEST_RESETS:
                guest->asked = 0;
                reset(sim, line, frame, 0);
                return true;
        case GUEST_SETS:
                return reset_confirm(sim, line, frame, 0, NULL, &guest->resets[0]);
        case GUEST_IS_OUT:
        case GUEST_DONE:
                break;
        }
        unreachable();
}

static uint8_t code_of(enum guest_step step)
{
        static const uint8_t codes[] = {
                [GUEST_ASKS] = WIRE_CODE_sign_up,
                [GUEST_ASKS_TOO] = WIRE_CODE_sign_up,
                [GUEST_CONFIRMS] = WIRE_CODE_confirm,
                [GUEST_CONFIRMS_TOO] = WIRE_CODE_confirm,
                [GUEST_JOINS] = WIRE_CODE_join,
                [GUEST_RESETS_NOBODY] = WIRE_CODE_reset,
                [GUEST_GUESSES] = WIRE_CODE_reset_confirm,
                [GUEST_RESETS] = WIRE_CODE_reset,
                [GUEST_SETS] = WIRE_CODE_reset_confirm,
                [GUEST_REJOINS] = WIRE_CODE_join,
        };

        return codes[step];
}

static void go_to(struct sim *sim, enum guest_step step)
{
        sim_tell(sim, "guest goes from step %d to %d", (int)sim->guest.step, (int)step);
        sim->guest.step = step;
        sim->guest.waits = false;
        sim->guest.request = (struct id){0};
        if (step == GUEST_IS_OUT)
                sim->guest.out_us = sim->now_us;
}

/* ---- what comes of it ---- */

static void hear_signed_in(struct sim *sim, const struct wire_signed_in *answer)
{
        struct guest *guest = &sim->guest;

        if (guest->step == GUEST_CONFIRMS) {
                guest->user = answer->profile.user;
                guest->device = answer->device;
                memcpy(guest->token, answer->token.data, sizeof(guest->token));
                go_to(sim, GUEST_CONFIRMS_TOO);
        } else if (guest->step == GUEST_CONFIRMS_TOO) {
                if (guest->judged && sim->options.registration == REGISTRATION_INVITE)
                        sim_break(sim, "7 done by a stranger", "two came in with an invitation for one");
                go_to(sim, GUEST_JOINS);
        } else if (guest->step == GUEST_SETS) {
                go_to(sim, GUEST_IS_OUT);
        } else if (guest->step == GUEST_GUESSES) {
                sim_break(sim, "7 done by a stranger", "a guess was a code");
        }
}

static void hear_code_sent(struct sim *sim)
{
        struct guest *guest = &sim->guest;

        if (guest->step == GUEST_ASKS)
                go_to(sim, GUEST_ASKS_TOO);
        else if (guest->step == GUEST_ASKS_TOO)
                go_to(sim, GUEST_CONFIRMS);
        else if (guest->step == GUEST_RESETS)
                go_to(sim, GUEST_SETS);
        else if (guest->step == GUEST_RESETS_NOBODY && ++guest->asked == 2)
                go_to(sim, GUEST_GUESSES);
        else if (guest->step == GUEST_RESETS_NOBODY)
                go_to(sim, GUEST_RESETS_NOBODY);
}

static void next_guess(struct sim *sim)
{
        struct guest *guest = &sim->guest;

        go_to(sim, ++guest->asked < 2 + GUESSES ? GUEST_GUESSES : GUEST_RESETS);
}

static void hear_refused(struct sim *sim, enum error error)
{
        struct guest *guest = &sim->guest;

        if (guest->step == GUEST_GUESSES) {
                guest->guesses += error == ERR_BAD_CODE;
                if (guest->judged && guest->guesses > GUESSES_RIGHT)
                        sim_break(sim, "7 done by a stranger", "%u guesses at codes of one address were judged at once",
                                  guest->guesses);
                next_guess(sim);
        } else if (guest->step == GUEST_CONFIRMS_TOO) {
                go_to(sim, GUEST_JOINS);
        } else if (guest->step == GUEST_REJOINS) {
                go_to(sim, GUEST_DONE);
        } else if (guest->judged) {
                sim_break(sim, "8 refused without a reason", "a guest at step %d: %s", (int)guest->step, error_name(error));
        } else {
                go_to(sim, GUEST_DONE); /* he tries again from the beginning */
        }
}

static void hear_error(struct sim *sim, const struct wire_error *error)
{
        if (error_class((unsigned)error->code) == ERROR_CLASS_REFUSED)
                hear_refused(sim, (enum error)error->code);
        else
                sim->guest.waits = false; /* again, with the same id */
}

static void hear_joined(struct sim *sim)
{
        if (sim->guest.step == GUEST_JOINS)
                go_to(sim, GUEST_RESETS_NOBODY);
        else if (sim->guest.step == GUEST_REJOINS && sim->guest.judged)
                sim_break(sim, "7 seen by a revoked device", "a device has joined after the password was reset");
}

static void hear_frame(struct sim *sim, struct speaker *line, const struct wire_frame *frame)
{
        union {
                struct wire_signed_in signed_in;
                struct wire_error error;
        } message;

        (void)line;
        sim->guest.moved = true;
        if (!id_equal(&frame->request, &sim->guest.request) || id_is_zero(&frame->request))
                return;
        if (frame->code == WIRE_CODE_code_sent) {
                hear_code_sent(sim);
        } else if (frame->code == WIRE_CODE_joined) {
                hear_joined(sim);
        } else if (frame->code == WIRE_CODE_signed_in || frame->code == WIRE_CODE_error) {
                check(wire_decode(frame->message->structure, frame->body, &message, NULL) == ERR_OK);
                if (frame->code == WIRE_CODE_error)
                        hear_error(sim, &message.error);
                else
                        hear_signed_in(sim, &message.signed_in);
        }
}

static void lose(struct sim *sim, struct speaker *speaker)
{
        (void)speaker;
        sim->guest.moved = true;
        if (sim->guest.step != GUEST_IS_OUT)
                sim->guest.waits = false; /* what was asked there is asked again */
}

/* ---- the one who acts ---- */

static void begin(struct sim *sim, bool judged)
{
        struct guest *guest = &sim->guest;

        for (size_t i = 0; i < countof(guest->lines); i++)
                speaker_close(sim, &guest->lines[i]);
        guest->run++;
        guest->asked = guest->guesses = 0;
        guest->judged = judged;
        guest->act_us = sim->now_us + sim_below(sim, SIM_SECOND);
        memcpy(guest->invite, judged ? guest->for_one : sim->clients.invite, sizeof(guest->invite));
        go_to(sim, GUEST_ASKS);
}

static void wait_until_out(struct sim *sim)
{
        struct guest *guest = &sim->guest;

        if (!guest->lines[0].line)
                go_to(sim, GUEST_REJOINS);
        else if (guest->judged && sim->now_us > guest->out_us + OUT_US)
                sim_break(sim, "7 seen by a revoked device", "the password was reset, and a device of before stays");
}

static void act(struct sim *sim)
{
        struct guest *guest = &sim->guest;
        struct speaker *line = line_for(guest);
        struct wire_frame frame = {.code = code_of(guest->step)};
        uint8_t random[10];

        if (!speaker_open(sim, line) || (guest->waits && sim->now_us < guest->sent_us + ANSWER_US))
                return;
        if (id_is_zero(&guest->request)) {
                sim_fill(sim, random, sizeof(random));
                guest->request = id_uuid7(SIM_WALL_MS + sim_now_ms(sim), random);
        }
        frame.request = guest->request;
        if (ask(sim, line, &frame)) {
                guest->waits = true;
                guest->sent_us = sim->now_us;
        }
}

void guest_run(struct sim *sim)
{
        struct guest *guest = &sim->guest;

        guest->moved = false;
        if (guest->act_us > sim->now_us)
                return;
        guest->act_us = sim->now_us + 1 + sim_below(sim, SIM_SECOND / 2);
        if (guest->step == GUEST_DONE) {
                if (guest->judged || sim->phase != SIM_FAULTS || guest->run >= GUEST_TRIES_MAX)
                        guest->act_us = UINT64_MAX;
                else
                        begin(sim, false);
                return;
        }
        guest->moved = true;
        if (guest->step == GUEST_IS_OUT)
                wait_until_out(sim);
        else
                act(sim);
}

uint64_t guest_next_us(const struct sim *sim)
{
        return sim->guest.act_us;
}

void guest_probe(struct sim *sim)
{
        begin(sim, true);
}

bool guest_rests(const struct sim *sim, char *why, size_t size)
{
        if (!sim->guest.judged || sim->guest.step == GUEST_DONE)
                return true;
        snprintf(why, size, "the guest is at step %d", (int)sim->guest.step);
        return false;
}

void guest_start(struct sim *sim)
{
        static const struct speaker_calls calls = {hear_frame, lose};
        struct guest *guest = &sim->guest;

        for (size_t i = 0; i < countof(guest->lines); i++)
                speaker_init(&guest->lines[i], &calls);
        if (!sim->options.told)
                clients_invite(sim, 1, guest->for_one);
        guest->step = GUEST_DONE;
        guest->act_us = sim->now_us + sim_below(sim, 20 * SIM_SECOND);
}

void guest_finish(struct sim *sim)
{
        for (size_t i = 0; i < countof(sim->guest.lines); i++)
                speaker_finish(&sim->guest.lines[i]);
}
