/* What a rogue hears, and what he must not: rules 3, 7 and 8. See rogue.h. */
#include <inttypes.h>

#include "sim/sim.h"

/* Not in the rush of faults, when it may come late. */
static bool must_be_deaf(const struct sim *sim, const struct rogue *rogue)
{
        return rogue->revoked &&
               (sim->phase >= SIM_PROBE || (rogue->calm && sim->now_us > rogue->revoked_us + ROGUE_CALM_US));
}

static void hear_row(struct sim *sim, const struct rogue *rogue, const struct id *room, const struct wire_row *row)
{
        if (must_be_deaf(sim, rogue))
                sim_break(sim, "7 seen by a revoked device", "rogue %u still gets rows", rogue->number);
        history_shown(sim, rogue->user->id, room, row, false);
}

/* The reactions to a row are as good as the row. */
static void hear_reactors(struct sim *sim, const struct rogue *rogue, const struct id *room)
{
        if (must_be_deaf(sim, rogue))
                sim_break(sim, "7 seen by a revoked device", "rogue %u still gets reactions", rogue->number);
        (void)history_saw(sim, rogue->user->id, room, ROGUE_REACTORS_SEQ, ROGUE_REACTORS_SEQ);
}

static void hear_rows(struct sim *sim, const struct rogue *rogue, const struct id *room,
                      const struct wire_structure *structure, uint32_t tag, const struct wire_list *list)
{
        struct wire_iterator iterator;
        struct wire_row row;

        wire_list_start(&iterator, structure, tag, list);
        while (wire_list_next(&iterator, &row))
                hear_row(sim, rogue, room, &row);
}

static void hear_joined(struct sim *sim, struct rogue *rogue, const struct id *request, const struct wire_joined *joined)
{
        bool latest = id_equal(request, &rogue->join); /* the answer to an earlier Join may come late */
        struct wire_room_state state;
        struct wire_iterator iterator;

        if (latest && rogue->forged)
                sim_break(sim, "7 seen by a stranger", "rogue %u has joined with a forged token", rogue->number);
        if (latest && rogue->doomed)
                sim_break(sim, "7 seen by a revoked device", "rogue %u has joined with a device that was signed out",
                          rogue->number);
        rogue->state = ROGUE_INSIDE;
        WIRE_LIST_START(&iterator, joined, rooms, &joined->rooms);
        while (wire_list_next(&iterator, &state))
                hear_rows(sim, rogue, &state.room, WIRE_STRUCTURE(room_state), WIRE_TAG(room_state, rows), &state.rows);
}

/* In a group a refusal is kept: the same must be refused for ever, whatever he may do by then. Of a group that was not there none is. */
static bool stays_refused(const struct rogue *rogue, const struct message *message, uint64_t status)
{
        if (!message || !message->in_group || message->alters || message->changed || message->state != MESSAGE_OPEN ||
            rogue->revoked || rogue->signs_out)
                return false;
        return status == ERR_NOT_ALLOWED || status == ERR_NO_USER || status == ERR_ALREADY || status == ERR_ROOM_FULL;
}

static void hear_outcome(struct sim *sim, struct rogue *rogue, const struct id *room, const struct wire_outcome *outcome)
{
        struct message *message = history_find(sim, &outcome->id, rogue->user->id, room);

        if (outcome->status == ERR_OK && (!message || message->state == MESSAGE_LOST)) {
                sim_break(sim, "7 done by a stranger", "rogue %u was told that he wrote number %" PRIu64, rogue->number,
                          outcome->seq);
        } else if (outcome->status == ERR_OK) {
                history_acked(sim, message, outcome->seq);
                if (message->in_group)
                        rogue->group = *room;
        } else if (stays_refused(rogue, message, outcome->status)) {
                message->state = MESSAGE_REFUSED;
                message->acked_us = sim->now_us;
                message->error = (uint8_t)outcome->status;
        } else if (message && message->state == MESSAGE_ACKED && !message->changed && !message->forgiven &&
                   !rogue->revoked && !rogue->signs_out && outcome->status != ERR_LATE /* an attempt's, told again */ &&
                   error_class((unsigned)outcome->status) == ERROR_CLASS_REFUSED) {
                sim_break(sim, "8 two outcomes", "rogue %u's message %u was acknowledged and is now refused: %s",
                          rogue->number, message->number, error_name((unsigned)outcome->status));
        }
}

static void hear_written(struct sim *sim, struct rogue *rogue, const struct id *room, const struct wire_written *written)
{
        struct wire_iterator iterator;
        struct wire_outcome outcome;

        WIRE_LIST_START(&iterator, written, outcomes, &written->outcomes);
        while (wire_list_next(&iterator, &outcome))
                hear_outcome(sim, rogue, room, &outcome);
}

/* His frontend thaws, perhaps without the revoke, and he writes at once: the store alone is in his way. */
static void thaw_twin(struct sim *sim, struct rogue *twin)
{
        struct sim_frontend *frontend = twin->line ? &sim->roles.frontends[twin->line->frontend] : NULL;

        if (sim->phase != SIM_FAULTS || !frontend || frontend->frozen_until_us <= sim->now_us)
                return;
        frontend->frozen_until_us = sim->now_us;
        twin->act_us = sim->now_us;
        if (sim_chance(sim, 70)) {
                fault_lose_records(sim, BUS_FRONTENDS, (int32_t)twin->line->frontend);
                fault_happened(sim, FAULT_CLASS_RECORDS_LOST);
        }
}

static void signed_out(struct sim *sim, struct rogue *rogue)
{
        sim_tell(sim, "rogue %u is signed out", rogue->number);
        for (unsigned i = 0; i < (rogue->twin ? 2 : 1); i++) {
                struct rogue *one = i ? rogue->twin : rogue;

                one->revoked = true;
                one->revoked_us = sim->now_us;
        }
        if (rogue->twin)
                thaw_twin(sim, rogue->twin);
}

static void hear_done(struct sim *sim, struct rogue *rogue, const struct id *request)
{
        if (rogue->signs_out && id_equal(request, &rogue->sign_out))
                signed_out(sim, rogue);
}

static void hear_error(struct sim *sim, struct rogue *rogue, const struct wire_frame *frame, const struct wire_error *error)
{
        if (rogue->calm && !rogue->revoked && error->code == ERR_REVOKED && id_equal(&frame->request, &rogue->join))
                signed_out(sim, rogue); /* the answer was lost */
        if (rogue->state == ROGUE_JOINING)
                rogue->state = ROGUE_OUTSIDE;
        if (rogue->signs_out && id_equal(&frame->request, &rogue->sign_out) &&
            error_class((unsigned)error->code) != ERROR_CLASS_UNKNOWN)
                rogue->signs_out = rogue->revoked;
}

static void hear_status(struct sim *sim, const struct rogue *rogue, const struct wire_status *status)
{
        if (must_be_deaf(sim, rogue))
                sim_break(sim, "7 seen by a revoked device", "rogue %u still hears who is online", rogue->number);
        watching_status(sim, rogue->user->id, status->user, status->online, status->seen_ms);
}

static void hear_watched(struct sim *sim, const struct rogue *rogue, const struct wire_watched *watched)
{
        struct wire_iterator iterator;
        struct wire_status status;

        WIRE_LIST_START(&iterator, watched, statuses, &watched->statuses);
        while (wire_list_next(&iterator, &status))
                hear_status(sim, rogue, &status);
}

static void hear_frame(struct sim *sim, struct rogue *rogue, const struct wire_frame *frame)
{
        union {
                struct wire_joined joined;
                struct wire_written written;
                struct wire_delivery delivery;
                struct wire_change_page page;
                struct wire_window window;
                struct wire_pin_page pins;
                struct wire_reactor_list reactors;
                struct wire_error error;
                struct wire_done done;
                struct wire_watched watched;
                struct wire_status_moved status_moved;
                struct wire_types types;
        } message;

        switch (frame->code) {
        case WIRE_CODE_joined:
        case WIRE_CODE_written:
        case WIRE_CODE_delivery:
        case WIRE_CODE_change_page:
        case WIRE_CODE_window:
        case WIRE_CODE_pin_page:
        case WIRE_CODE_reactor_list:
        case WIRE_CODE_error:
        case WIRE_CODE_done:
        case WIRE_CODE_watched:
        case WIRE_CODE_status_moved:
        case WIRE_CODE_types:
                check(wire_decode(frame->message->structure, frame->body, &message, NULL) == ERR_OK);
                break;
        case WIRE_CODE_welcome:
                rogue->state = ROGUE_OUTSIDE;
                return;
        default:
                return;
        }
        if (frame->code == WIRE_CODE_joined)
                hear_joined(sim, rogue, &frame->request, &message.joined);
        else if (frame->code == WIRE_CODE_written)
                hear_written(sim, rogue, &frame->room, &message.written);
        else if (frame->code == WIRE_CODE_delivery && message.delivery.has & WIRE_HAS(delivery, row))
                hear_row(sim, rogue, &frame->room, &message.delivery.row);
        else if (frame->code == WIRE_CODE_change_page)
                hear_rows(sim, rogue, &frame->room, WIRE_STRUCTURE(change_page), WIRE_TAG(change_page, rows),
                          &message.page.rows);
        else if (frame->code == WIRE_CODE_window)
                hear_rows(sim, rogue, &frame->room, WIRE_STRUCTURE(window), WIRE_TAG(window, rows), &message.window.rows);
        else if (frame->code == WIRE_CODE_pin_page)
                hear_rows(sim, rogue, &frame->room, WIRE_STRUCTURE(pin_page), WIRE_TAG(pin_page, rows), &message.pins.rows);
        else if (frame->code == WIRE_CODE_reactor_list)
                hear_reactors(sim, rogue, &frame->room);
        else if (frame->code == WIRE_CODE_done)
                hear_done(sim, rogue, &frame->request);
        else if (frame->code == WIRE_CODE_watched)
                hear_watched(sim, rogue, &message.watched);
        else if (frame->code == WIRE_CODE_status_moved)
                hear_status(sim, rogue, &message.status_moved.status);
        else if (frame->code == WIRE_CODE_types)
                watching_types(sim, rogue->user->id, message.types.user, &frame->room, NULL);
        else if (frame->code == WIRE_CODE_error)
                hear_error(sim, rogue, frame, &message.error);
}

void rogue_hear(struct sim *sim, struct rogue *rogue, struct slice bytes)
{
        size_t at = 0, size;
        enum error error;

        check(rogue->input_size + bytes.size <= ROGUE_INPUT_SIZE);
        memcpy(rogue->input + rogue->input_size, bytes.data, bytes.size);
        rogue->input_size += bytes.size;
        while ((size = wire_frame_size(slice_of(rogue->input + at, rogue->input_size - at), WIRE_DOWN_SIZE_MAX, &error)) >=
                       5 &&
               size <= rogue->input_size - at) {
                struct wire_frame frame;

                check(wire_frame_parse(slice_of(rogue->input + at + WIRE_LENGTH_SIZE, size - WIRE_LENGTH_SIZE), &frame) ==
                      ERR_OK);
                hear_frame(sim, rogue, &frame);
                at += size;
        }
        rogue->input_size -= at;
        memmove(rogue->input, rogue->input + at, rogue->input_size);
}
