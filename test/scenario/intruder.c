/* Somebody who speaks frames of his own making on his connection, for no core would send them. See scenario.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on
#include "rules/row.h"
#include "scenario/scenario.h"

#define FRAME_MAX 1024
#define QUIET_S   5 /* then nothing is under way, and what comes next begins with a frame */

static struct id new_id(struct sim *sim)
{
        uint8_t random[10];

        sim_fill(sim, random, sizeof(random));
        return id_uuid7(SIM_WALL_MS + sim_now_ms(sim), random);
}

/* The core hears it too: it does not know the request, and does not care. */
static void overhear(struct sim *sim, struct line_owner *owner, struct slice bytes)
{
        struct sim_client *client = container_of(owner, struct sim_client, owner);
        struct person *person = client->person;

        check(person->heard_size + bytes.size <= sizeof(person->heard));
        memcpy(person->heard + person->heard_size, bytes.data, bytes.size);
        person->heard_size += bytes.size;
        person->receive(sim, owner, bytes);
}

static enum error outcome_of(const struct wire_written *written)
{
        struct wire_iterator iterator;
        struct wire_outcome outcome;

        WIRE_LIST_START(&iterator, written, outcomes, &written->outcomes);
        assert_true(wire_list_next(&iterator, &outcome));
        return (enum error)outcome.status;
}

/* False: the answer is not there yet. */
static bool answer_of(const struct person *person, const struct id *request, enum error *answer)
{
        struct slice rest = slice_of(person->heard, person->heard_size);
        enum error error;
        size_t size;

        while ((size = wire_frame_size(rest, WIRE_DOWN_SIZE_MAX, &error)) >= 5 && size <= rest.size) {
                struct wire_frame frame;
                struct wire_error refusal;
                struct wire_written written;

                check(wire_frame_parse(slice_of(rest.data + WIRE_LENGTH_SIZE, size - WIRE_LENGTH_SIZE), &frame) == ERR_OK);
                rest = slice_of(rest.data + size, rest.size - size);
                if (!id_equal(&frame.request, request))
                        continue;
                *answer = ERR_OK; /* whatever else it is, it is no refusal */
                if (frame.code == WIRE_CODE_error) {
                        check(wire_decode(frame.message->structure, frame.body, &refusal, NULL) == ERR_OK);
                        *answer = (enum error)refusal.code;
                } else if (frame.code == WIRE_CODE_written) {
                        check(wire_decode(frame.message->structure, frame.body, &written, NULL) == ERR_OK);
                        *answer = outcome_of(&written);
                }
                return true;
        }
        return false;
}

static enum error intrude(struct person *person, const struct id *room, enum wire_code code, const void *message)
{
        struct sim *sim = person->story->sim;
        struct sim_client *client = person->client;
        struct wire_frame frame = {.code = (uint8_t)code, .user = client->user->id, .room = *room};
        uint8_t token[WIRE_TOKEN_SIZE], bytes[FRAME_MAX];
        enum error answer = ERR_OK;

        scenario_passes(person->story, QUIET_S);
        person->heard_size = 0;
        person->receive = client->owner.receive;
        client->owner.receive = overhear;
        token_mint(&sim->engine.keys, client->user->id, client->device, token);
        memcpy(frame.mac, token + 8, sizeof(frame.mac));
        frame.request = new_id(sim);
        check(client->line && client->line->state == LINE_OPEN);
        line_send(sim, client->line, wire_frame_build(&frame, message, bytes, bytes + sizeof(bytes)));
        AWAIT(person->story, answer_of(person, &frame.request, &answer), "%s gets no answer", person->name);
        client->owner.receive = person->receive;
        return answer;
}

enum error intruder_writes(struct person *person, const struct person *one, const struct person *other, const char *text)
{
        struct wire_operation operation = {.kind = ROW_TEXT, .text = slice_text(text)};
        struct wire_write message = {.operations = {.items = &operation, .count = 1}};
        struct id room = person_room(one, other);

        operation.id = new_id(person->story->sim);
        return intrude(person, &room, WIRE_CODE_write, &message);
}

enum error intruder_looks(struct person *person, const struct person *one, const struct person *other)
{
        struct wire_around message = {.seq = 1, .limit = 10};
        struct id room = person_room(one, other);

        return intrude(person, &room, WIRE_CODE_around, &message);
}
