/* The rows are a sorted array of pointers; what is seen is kept by index and moves with what is put in before it. */
#include "terminal/screen/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/row.h"
#include "terminal/safe.h"

enum error model_init(struct model *model)
{
        *model = (struct model){.phase = CORE_LOADING};
        model->compose = line_new();
        model->popup.input = line_new();
        model->popup.items = memory_new(sizeof(struct model_item) * MODEL_ITEMS_MAX);
        model->members = memory_new(sizeof(struct model_member) * MODEL_MEMBERS_MAX);
        model->reactors = memory_new(sizeof(struct model_reactor) * REACTORS_MAX);
        for (unsigned i = 0; i < MODEL_FIELDS_MAX; i++)
                model->popup.fields[i].line = line_new();
        log_clear(&model->log);
        for (unsigned i = 0; i < MODEL_FIELDS_MAX; i++)
                if (!model->popup.fields[i].line)
                        goto fail;
        if (model->compose && model->popup.input && model->popup.items && model->members && model->reactors)
                return ERR_OK;
fail:
        model_finish(model);
        return ERR_NO_MEMORY;
}

void model_finish(struct model *model)
{
        log_clear(&model->log);
        memory_free(model->log.rows);
        memory_free(model->people);
        memory_free(model->members);
        memory_free(model->reactors);
        memory_free(model->rooms);
        memory_free(model->rooms_before);
        memory_free(model->popup.items);
        line_free(&model->popup.input);
        line_free(&model->compose);
        for (unsigned i = 0; i < MODEL_FIELDS_MAX; i++)
                line_free(&model->popup.fields[i].line);
        *model = (struct model){0};
}

/* Makes an array of at least `count` of these; false: no memory. */
static bool reserve(void **array, size_t *size, size_t count, size_t each)
{
        size_t wanted = max_of(*size * 2, max_of(count, (size_t)16));
        void *grown;

        if (count <= *size)
                return true;
        grown = memory_resize(*array, wanted * each);
        if (!grown)
                return false;
        *array = grown;
        *size = wanted;
        return true;
}

/* ---- people ---- */

static size_t person_place(const struct model *model, uint64_t user)
{
        size_t low = 0, high = model->people_count;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (model->people[middle].user < user)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct model_person *model_person(const struct model *model, uint64_t user)
{
        size_t place = person_place(model, user);

        if (user && user == model->me.user)
                return &model->me;
        return place < model->people_count && model->people[place].user == user ? &model->people[place] : NULL;
}

static void name_person(struct model_person *entry, const struct wire_person *person)
{
        entry->user = person->user;
        safe_copy(person->display_name.size ? person->display_name : person->user_name, entry->name, sizeof(entry->name));
        safe_copy(person->user_name, entry->user_name, sizeof(entry->user_name));
}

void model_know(struct model *model, const struct wire_person *person)
{
        size_t place = person_place(model, person->user);

        if (person->user == 0 || (person->user_name.size == 0 && person->display_name.size == 0))
                return;
        if (place == model->people_count || model->people[place].user != person->user) {
                if (model->people_count == MODEL_PEOPLE_MAX ||
                    !reserve((void **)&model->people, &model->people_size, model->people_count + 1, sizeof(*model->people)))
                        return;
                memmove(model->people + place + 1, model->people + place,
                        sizeof(*model->people) * (model->people_count - place));
                model->people_count++;
        }
        name_person(&model->people[place], person);
}

const char *model_name(const struct model *model, uint64_t user)
{
        static char made_up[MODEL_NAME_SIZE];
        const struct model_person *person = model_person(model, user);

        if (person && person->name[0])
                return person->name;
        text_format(made_up, sizeof(made_up), TEXT_SOMEBODY, (unsigned)(user % 10000));
        return made_up;
}

void model_copy_line(struct slice said, char *copy, size_t size)
{
        char line[MODEL_LAST_SIZE * 2];
        size_t used = min_of(said.size, sizeof(line) - 1);

        if (used)
                memcpy(line, said.data, used);
        for (size_t i = 0; i < used; i++)
                if (line[i] == '\n' || line[i] == '\t')
                        line[i] = ' ';
        safe_copy(slice_of(line, used), copy, size);
}

/* ---- rooms ---- */

bool model_rooms_reserve(struct model *model, size_t count)
{
        return reserve((void **)&model->rooms, &model->room_size, count, sizeof(*model->rooms));
}

void model_rooms_swap(struct model *model)
{
        struct model_room *rooms = model->rooms_before;
        size_t size = model->before_size;

        model->rooms_before = model->rooms;
        model->before_size = model->room_size;
        model->rooms = rooms;
        model->room_size = size;
        model->room_count = 0;
}

struct model_room *model_room(struct model *model, const struct id *room)
{
        for (size_t i = 0; i < model->room_count; i++)
                if (id_equal(&model->rooms[i].room, room))
                        return &model->rooms[i];
        return NULL;
}

size_t model_list_first(const struct model *model)
{
        return model->archive_shown ? model->room_count - model->archived_count : 0;
}

size_t model_list_end(const struct model *model)
{
        return model->archive_shown ? model->room_count : model->room_count - model->archived_count;
}

bool model_room_calls(const struct model_room *room)
{
        return room->unread > 0 && (!room->muted || room->mentions > 0);
}

/* ---- the log ---- */

void log_clear(struct model_log *log)
{
        struct model_row **rows = log->rows;
        size_t size = log->size;

        for (size_t i = 0; i < log->count; i++)
                memory_free(rows[i]);
        *log = (struct model_log){.rows = rows, .size = size, .following = true, .marked = SIZE_MAX};
}

/* As many as there is place for. */
static void take_reactions(struct model_row *row, const struct wire_row *wire)
{
        struct wire_iterator iterator;
        struct wire_reaction reaction;
        size_t used = 0;

        WIRE_LIST_START(&iterator, row, reactions, &wire->reactions);
        while (wire_list_next(&iterator, &reaction)) {
                char emoji[64], said[96];
                size_t size;

                model_copy_line(reaction.emoji, emoji, sizeof(emoji));
                size = (size_t)snprintf(said, sizeof(said), "%s %u", emoji, (unsigned)reaction.people) + 1;
                if (used + size + 1 > sizeof(row->reactions))
                        break;
                memcpy(row->reactions + used, said, size);
                used += size;
                row->reaction_count++;
                if (slice_equal(reaction.emoji, wire->reacted))
                        row->reacted = row->reaction_count;
        }
}

struct model_row *log_row_new(const struct wire_row *wire, bool mine, enum core_message_state state)
{
        struct model_row *row = memory_new(sizeof(*row) + wire->text.size + 1);

        if (!row)
                return NULL;
        *row = (struct model_row){.seq = wire->seq,
                                  .time_ms = wire->time_ms,
                                  .sender = wire->sender,
                                  .id = wire->request,
                                  .kind = (uint8_t)wire->kind,
                                  .role = (uint8_t)wire->role,
                                  .subject = wire->subject,
                                  .heir = wire->heir,
                                  .state = (uint8_t)state,
                                  .mine = mine,
                                  .edited = wire->edited_ms != 0,
                                  .pinned = wire->pinned,
                                  .quote.seq = wire->reply_to,
                                  .size = (uint32_t)wire->text.size};
        model_copy_line(wire->origin, row->origin, sizeof(row->origin));
        take_reactions(row, wire);
        if (wire->text.size)
                memcpy(row->text, wire->text.data, wire->text.size);
        return row;
}

size_t log_place(const struct model_log *log, uint64_t seq)
{
        size_t low = 0, high = log->count;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (log->rows[middle]->seq && log->rows[middle]->seq < seq)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct model_row *log_by_seq(const struct model_log *log, uint64_t seq)
{
        size_t place = log_place(log, seq);

        return seq && place < log->count && log->rows[place]->seq == seq ? log->rows[place] : NULL;
}

void model_quote_row(struct model_quote *quote, uint64_t seq, uint64_t sender, struct slice said)
{
        quote->seq = seq;
        quote->sender = sender;
        model_copy_line(said, quote->said, sizeof(quote->said));
}

void model_pin(struct model *model, const struct wire_row *row)
{
        struct model_pins *pins = &model->pins;
        unsigned place = 0, kept = 0;

        for (unsigned i = 0; i < pins->count; i++)
                if (pins->list[i].seq != row->seq)
                        pins->list[kept++] = pins->list[i];
        pins->count = kept;
        while (place < kept && pins->list[place].pinned > row->pinned)
                place++;
        if (row->pinned == 0 || place == countof(pins->list))
                return;
        pins->count = min_of(kept + 1, (unsigned)countof(pins->list));
        memmove(pins->list + place + 1, pins->list + place, sizeof(pins->list[0]) * (pins->count - place - 1));
        pins->list[place] = (struct model_pin){row->pinned, row->seq, row->sender, row->time_ms, ""};
        model_copy_line(row->text, pins->list[place].said, sizeof(pins->list[place].said));
}

static void take_out(struct model_log *log, size_t place)
{
        memory_free(log->rows[place]);
        log->count--;
        memmove(log->rows + place, log->rows + place + 1, sizeof(log->rows[0]) * (log->count - place));
        if (log->bottom > place)
                log->bottom--;
        if (log->marked > place)
                log->marked--;
        else if (log->marked == place)
                log->marked = SIZE_MAX;
}

static bool put_in(struct model_log *log, size_t place, struct model_row *row)
{
        if (!reserve((void **)&log->rows, &log->size, log->count + 1, sizeof(log->rows[0]))) {
                memory_free(row);
                return false;
        }
        memmove(log->rows + place + 1, log->rows + place, sizeof(log->rows[0]) * (log->count - place));
        log->rows[place] = row;
        log->count++;
        if (log->bottom >= place && !log->following)
                log->bottom++;
        if (log->marked != SIZE_MAX && log->marked >= place)
                log->marked++;
        return true;
}

bool log_put(struct model_log *log, struct model_row *row)
{
        size_t place = row->seq ? log_place(log, row->seq) : log->count;
        bool was_marked = false;
        bool there = false;

        if (row->seq && place < log->count && log->rows[place]->seq == row->seq) {
                memory_free(log->rows[place]);
                log->rows[place] = row;
                return false;
        }
        for (size_t i = log->count; i > 0 && log->rows[i - 1]->seq == 0; i--)
                if (id_equal(&log->rows[i - 1]->id, &row->id)) {
                        was_marked = log->marked == i - 1;
                        take_out(log, i - 1);
                        there = true;
                        break;
                }
        place = row->seq ? log_place(log, row->seq) : log->count;
        if (!put_in(log, place, row))
                return false;
        if (was_marked)
                log->marked = place;
        if (log->following)
                log_follow(log);
        return !there;
}

void log_drop_unanswered(struct model_log *log)
{
        while (log->count > 0 && log->rows[log->count - 1]->seq == 0)
                take_out(log, log->count - 1);
        if (log->bottom >= log->count)
                log_follow(log);
}

void log_trim(struct model_log *log)
{
        while (log->count > MODEL_ROWS_MAX) {
                bool from_start = log->following || log->bottom > log->count / 2;

                take_out(log, from_start ? 0 : log->count - 1);
                if (from_start)
                        log->older_there = true;
                else
                        log->newer_there = true;
        }
}

struct model_row *log_last(const struct model_log *log)
{
        return log->count ? log->rows[log->count - 1] : NULL;
}

struct model_row *log_by_id(const struct model_log *log, const struct id *id)
{
        for (size_t i = log->count; i > 0; i--)
                if (id_equal(&log->rows[i - 1]->id, id))
                        return log->rows[i - 1];
        return NULL;
}

void log_follow(struct model_log *log)
{
        log->following = true;
        log->bottom = log->count ? log->count - 1 : 0;
        log->below = 0;
        log->come = 0;
}

size_t log_choose(const struct model_log *log, bool up)
{
        size_t at = log->marked;

        if (log->count == 0)
                return SIZE_MAX;
        if (at >= log->count)
                at = up ? log->bottom + 1 : log->bottom;
        while (up ? at > 0 : at + 1 < log->count) {
                at = up ? at - 1 : at + 1;
                if (log->rows[at]->kind == ROW_TEXT)
                        return at;
        }
        return SIZE_MAX;
}

/* ---- popups ---- */

/* The fields of a form, in order. */
static const struct {
        enum model_popup kind;
        enum text label;
        bool secret;
} form_fields[] = {
        {POPUP_SIGN_IN, TEXT_FIELD_SERVER, false},  {POPUP_SIGN_IN, TEXT_FIELD_LOGIN, false},
        {POPUP_SIGN_IN, TEXT_FIELD_PASSWORD, true}, {POPUP_SIGN_UP, TEXT_FIELD_SERVER, false},
        {POPUP_SIGN_UP, TEXT_FIELD_EMAIL, false},   {POPUP_SIGN_UP, TEXT_FIELD_USER_NAME, false},
        {POPUP_SIGN_UP, TEXT_FIELD_NAME, false},    {POPUP_SIGN_UP, TEXT_FIELD_PASSWORD, true},
        {POPUP_SIGN_UP, TEXT_FIELD_INVITE, false},  {POPUP_CODE, TEXT_FIELD_CODE, false},
        {POPUP_NEW_GROUP, TEXT_FIELD_TITLE, false}, {POPUP_RENAME, TEXT_FIELD_TITLE, false},
};

void popup_open(struct model *model, enum model_popup kind)
{
        struct model_popup_state *popup = &model->popup;

        popup->kind = kind;
        popup->item_count = popup->chosen = popup->top = popup->field_count = 0;
        popup->busy = popup->note_bad = popup->everywhere = false;
        popup->note[0] = '\0';
        line_clear(popup->input);
        for (size_t i = 0; i < countof(form_fields); i++) {
                struct model_field *field = &popup->fields[popup->field_count];

                if (form_fields[i].kind != kind)
                        continue;
                check(popup->field_count < MODEL_FIELDS_MAX);
                field->label = form_fields[i].label;
                field->secret = form_fields[i].secret;
                line_clear(field->line);
                popup->field_count++;
        }
}

void popup_close(struct model *model)
{
        popup_open(model, POPUP_NONE);
}

struct model_item *popup_add(struct model_popup_state *popup)
{
        if (popup->item_count == MODEL_ITEMS_MAX)
                return NULL;
        popup->items[popup->item_count] = (struct model_item){0};
        return &popup->items[popup->item_count++];
}

void popup_say(struct model_popup_state *popup, bool bad, const char *said)
{
        popup->note_bad = bad;
        snprintf(popup->note, sizeof(popup->note), "%s", said);
        text_begin(popup->note);
}
