/* Small numbers and near names, so that what is forged meets what there is. */
#include "forge.h"

#include "rules/room.h"
#include "rules/row.h"

#define ROWS 4

struct id forge_room(unsigned index)
{
        struct id group = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 9, 10}}, none = {{0}};

        switch (index % FORGE_ROOMS) {
        case 0:
                return room_personal(FORGE_ALICE, FORGE_BOB);
        case 1:
                return room_personal(FORGE_ALICE, FORGE_ALICE);
        case 6:
                return group;
        case 7:
                return none;
        default:
                return room_personal(FORGE_ALICE, FORGE_BOB + index);
        }
}

struct slice forge_text(struct script *script)
{
        static const char *const texts[] = {"", "hello", "\xd0\xb3\xd0\xb0\xd0\xbb\xd0\xba\xd0\xb0", "a\nb\033[2J"};

        return slice_text(texts[script_next(script) & 3]);
}

struct slice forge_setting(struct script *script)
{
        static const char *const texts[] = {"k0 a", "k0 b", "k0", "k1 1 \xd0\xb3", "k1", "k2 \n", " k0 c", "k\xd0\xb3 d"};

        return slice_text(texts[script_next(script) & 7]);
}

static struct wire_person person(struct script *script)
{
        struct wire_person person = {.user = script_next(script) & 7};

        person.user_name = forge_text(script);
        person.display_name = forge_text(script);
        person.version = script_number(script);
        return person;
}

static struct wire_row row(struct script *script)
{
        uint8_t shape = script_next(script);
        struct wire_row row = {.seq = script_number(script), .sender = 1u + (shape & 3), .kind = shape & 4 ? 200 : 1};

        row.changed = shape & 8 ? script_number(script) : row.seq;
        row.n = row.seq;
        row.time_ms = shape & 16 ? script_number(script) : UINT64_C(1700000000000) + row.seq;
        row.request.bytes[0] = shape;
        row.request.bytes[15] = (uint8_t)row.seq;
        row.kind = shape & 32 ? ROW_SETTING : row.kind;
        row.text = shape & 32 ? forge_setting(script) : forge_text(script);
        return row;
}

static struct wire_marks marks(struct script *script)
{
        struct wire_marks marks = {.delivered = script_number(script)};

        marks.read = script_number(script);
        marks.shown = script_number(script);
        marks.unread = script_number(script);
        marks.head = script_number(script);
        return marks;
}

static struct wire_lowest lowest(struct script *script)
{
        struct wire_lowest lowest = {.has = script_next(script) | 1u << 9};

        lowest.delivered_first = script_number(script);
        lowest.delivered_user = script_next(script);
        lowest.shown_first = script_number(script);
        lowest.shown_user = script_next(script);
        lowest.version = script_number(script);
        return lowest;
}

static struct wire_list rows(struct script *script, struct wire_row list[ROWS])
{
        uint32_t count = script_next(script) % (ROWS + 1);

        for (uint32_t i = 0; i < count; i++)
                list[i] = row(script);
        return (struct wire_list){.items = list, .count = count};
}

static struct wire_list room_states(struct script *script, struct wire_room_state states[ROWS],
                                    struct wire_row list[ROWS][ROWS])
{
        uint32_t count = script_next(script) % (ROWS + 1);

        for (uint32_t i = 0; i < count; i++) {
                uint8_t shape = script_next(script);
                struct wire_room_state *state = &states[i];

                *state = (struct wire_room_state){.room = forge_room(shape), .kind = shape >> 3 & 3, .left = shape >> 7};
                state->head = script_number(script);
                state->rows_after = script_number(script);
                state->rows = rows(script, list[i]);
                state->last_time_ms = script_number(script);
                if (shape & 32) {
                        state->has = WIRE_HAS(room_state, marks) | WIRE_HAS(room_state, lowest);
                        state->marks = marks(script);
                        state->lowest = lowest(script);
                }
                if (shape & 64) {
                        state->has |= WIRE_HAS(room_state, peer);
                        state->peer = person(script);
                }
        }
        return (struct wire_list){.items = states, .count = count};
}

static void fill_written(struct script *script, const struct asked *asked, struct wire_written *written,
                         struct wire_outcome outcomes[16])
{
        uint8_t shape = script_next(script);

        written->outcomes.items = outcomes;
        written->outcomes.count = (uint32_t)(shape & 64 ? shape & 15 : asked->operation_count);
        for (uint32_t i = 0; i < written->outcomes.count; i++) {
                outcomes[i] = (struct wire_outcome){.id = asked->operations[shape & 128 ? 15 - i : i]};
                outcomes[i].status = script_next(script) % 60;
                outcomes[i].seq = outcomes[i].n = script_number(script);
                outcomes[i].time_ms = script_number(script);
                outcomes[i].retry_after_ms = script_number_to(script, 3600000);
        }
}

static void fill_signed_in(struct script *script, struct wire_signed_in *answer, uint8_t token[WIRE_TOKEN_SIZE])
{
        uint8_t shape = script_next(script);

        answer->device = shape & 7;
        answer->profile = person(script);
        answer->has = shape & 8 ? 0 : WIRE_HAS(signed_in, profile);
        be64_put(token, shape & 16 ? script_number(script) : answer->profile.user);
        answer->token = slice_of(token, shape & 32 ? 0 : WIRE_TOKEN_SIZE);
}

/* Frames of the connection and of accounts. False: none of them. */
static bool fill_connection(struct script *script, uint8_t code, union reply *reply)
{
        static uint8_t token[WIRE_TOKEN_SIZE];

        switch (code) {
        case WIRE_CODE_welcome:
                reply->welcome.version = script_next(script) & 3;
                reply->welcome.ping_ms = script_number_to(script, 3600000);
                reply->welcome.reply_ms = script_number_to(script, 3600000);
                reply->welcome.margin_ms = script_number_to(script, 3600000);
                reply->welcome.frame_up_max = script_number_to(script, 16777216);
                reply->welcome.frame_down_max = script_number_to(script, 16777216);
                reply->welcome.operations_max = script_number_to(script, 1024);
                return true;
        case WIRE_CODE_error:
        case WIRE_CODE_bye: /* the same fields */
                reply->error.code = script_next(script) % 60;
                reply->error.text = forge_text(script);
                reply->error.retry_after_ms = script_number_to(script, 3600000);
                return true;
        case WIRE_CODE_signed_in:
                fill_signed_in(script, &reply->signed_in, token);
                return true;
        case WIRE_CODE_rejoin:
                reply->rejoin.within_ms = script_number_to(script, 3600000);
                return true;
        default:
                return false;
        }
}

static void fill_joined(struct script *script, const struct id *era, struct wire_joined *joined, struct wire_list rooms)
{
        joined->era = *era;
        joined->era.bytes[1] = script_next(script) & 1;
        joined->profile = person(script);
        joined->has = WIRE_HAS(joined, profile);
        joined->rooms = rooms;
        joined->more = script_next(script) & 1;
        joined->invites = joined->more;
}

static void fill_changes(struct script *script, struct wire_change_page *page, struct wire_list rows_there)
{
        page->rows = rows_there;
        page->more = script_next(script) & 1;
        page->head = script_number(script);
        if (script_next(script) & 1) {
                page->has = WIRE_HAS(change_page, marks);
                page->marks = marks(script);
        }
}

static void fill_reactors(struct script *script, struct wire_reactor_list *list)
{
        static struct wire_reactor reactors[ROWS];

        for (size_t i = 0; i < ROWS; i++)
                reactors[i] = (struct wire_reactor){.user = script_number(script) & INT64_MAX, .emoji = forge_text(script)};
        list->people = (struct wire_list){.items = reactors, .count = script_next(script) % (ROWS + 1)};
}

static void fill_delivery(struct script *script, struct wire_delivery *delivery)
{
        delivery->number = script_number(script);
        if ((script_next(script) & 7) == 7)
                return;
        delivery->has = WIRE_HAS(delivery, row);
        delivery->row = row(script);
}

void forge(struct script *script, uint8_t code, const struct asked *asked, const struct id *era, union reply *reply)
{
        static struct wire_row list[ROWS][ROWS];
        static struct wire_room_state states[ROWS];
        static struct wire_person people[2];
        static struct wire_hit hits[ROWS];
        static struct wire_outcome outcomes[16];

        if (fill_connection(script, code, reply))
                return;
        switch (code) {
        case WIRE_CODE_joined:
                fill_joined(script, era, &reply->joined, room_states(script, states, list));
                break;
        case WIRE_CODE_room_page:
                reply->room_page.rooms = room_states(script, states, list);
                reply->room_page.through = forge_room(script_next(script));
                break;
        case WIRE_CODE_change_page:
                fill_changes(script, &reply->change_page, rows(script, list[0]));
                break;
        case WIRE_CODE_window:
                reply->window.rows = rows(script, list[0]);
                reply->window.head = script_number(script);
                break;
        case WIRE_CODE_pin_page:
                reply->pin_page.rows = rows(script, list[0]);
                reply->pin_page.head = script_number(script);
                reply->pin_page.more = script_next(script) & 1;
                break;
        case WIRE_CODE_reactor_list:
                fill_reactors(script, &reply->reactor_list);
                break;
        case WIRE_CODE_found:
                for (size_t i = 0; i < ROWS; i++)
                        hits[i] = (struct wire_hit){
                                .has = WIRE_HAS(hit, row), .room = forge_room(script_next(script)), .row = row(script)};
                reply->found.hits = (struct wire_list){.items = hits, .count = script_next(script) % (ROWS + 1)};
                reply->found.more = script_next(script) & 1;
                reply->found.next.seq = script_number(script);
                reply->found.has = script_next(script) & 1 ? WIRE_HAS(found, next) : 0;
                break;
        case WIRE_CODE_people:
                people[0] = person(script);
                people[1] = person(script);
                reply->people.people = (struct wire_list){.items = people, .count = 2};
                break;
        case WIRE_CODE_written:
                if (asked)
                        fill_written(script, asked, &reply->written, outcomes);
                break;
        case WIRE_CODE_marked:
                reply->marked.has = script_next(script) & 3;
                reply->marked.marks = marks(script);
                reply->marked.lowest = lowest(script);
                break;
        case WIRE_CODE_marks_moved:
                reply->marks_moved.has = script_next(script) & 3;
                reply->marks_moved.marks = marks(script);
                reply->marks_moved.lowest = lowest(script);
                break;
        case WIRE_CODE_delivery:
                fill_delivery(script, &reply->delivery);
                break;
        default: /* done, code_sent, device_list: fields that are all the same to the core */
                break;
        }
}
