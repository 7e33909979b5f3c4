/* Rows by the words in them: what a user may see of a room, or of all his rooms, newest first. */
#include "base/assert.h"
#include "driver/store/reader.h"
#include "driver/store/search.h"
#include "driver/store/search_index.h"
#include "rules/limits.h"
#include "rules/row.h"

/* Where a hit lies: what it says is read when it is known that it stays. */
struct found {
        struct store_place place;
        uint64_t number; /* of its room */
};

struct search {
        struct database *database;
        const struct store_question *question;
        struct store_answer *answer;
        struct arena *arena;
        struct slice match;  /* in the language of FTS5 */
        struct found *found; /* newest first */
        size_t count, max;   /* max: one more than asked for */
};

/* Keeps the place, if it is one of the newest. False: it is not, nor is any older one of its room. */
static bool offer(struct search *search, const struct found *found)
{
        const struct store_place *before = &search->question->search.before;
        size_t at = search->count;

        if (before->seq && id_is_zero(&search->question->search.room) && !search_newer(before, &found->place))
                return true;
        while (at > 0 && search_newer(&found->place, &search->found[at - 1].place))
                at--;
        if (at == search->max)
                return false;
        search->count = min_of(search->count, search->max - 1);
        memmove(&search->found[at + 1], &search->found[at], sizeof(*found) * (search->count - at));
        search->found[at] = *found;
        search->count++;
        return true;
}

/* Is the row one that can be found, and does the stay that ends with `left` cover what it is now? */
static bool look_at(struct search *search, struct found *found, uint64_t left)
{
        sqlite3_stmt *statement = database_use(search->database, STATEMENT_MESSAGE_AT);
        bool good;

        bind_number(statement, 1, found->number);
        bind_number(statement, 2, found->place.seq);
        good = database_row(search->database, statement) && column_number(statement, 1) <= left &&
               column_number(statement, 5) == ROW_TEXT;
        if (good)
                found->place.time_ms = column_number(statement, 3);
        database_end(statement);
        return good;
}

/* Rows from low to high of one stay. False: enough. */
static bool search_range(struct search *search, struct found found, uint64_t low, uint64_t high, uint64_t left)
{
        sqlite3_stmt *statement = database_use(search->database, STATEMENT_ASK_SEARCH);
        bool on = true;

        bind_text(statement, 1, search->match);
        bind_number(statement, 2, search_rowid(found.number, min_of(low, (uint64_t)SEARCH_SEQ_MAX)));
        bind_number(statement, 3, search_rowid(found.number, min_of(high, (uint64_t)SEARCH_SEQ_MAX)));
        while (on && database_row(search->database, statement)) {
                found.place.seq = column_number(statement, 0) & SEARCH_SEQ_MAX;
                if (look_at(search, &found, left))
                        on = offer(search, &found);
        }
        database_end(statement);
        return on;
}

/* What lies below `before` in the user's stays in a room. Returns the lowest number that was looked at where the span was used up
 * before the first stay's beginning; 0: all was looked at, or enough was found. */
static uint64_t search_room(struct search *search, const struct id *id, uint64_t room, uint64_t before)
{
        sqlite3_stmt *statement = database_use(search->database, STATEMENT_ASK_STAYS);
        uint64_t span = SEARCH_SPAN, stopped = 0;
        bool on = true;

        bind_number(statement, 1, room);
        bind_number(statement, 2, search->question->user);
        while (on && !stopped && database_row(search->database, statement)) {
                uint64_t joined = column_number(statement, 0), left = column_number(statement, 1);
                uint64_t high = min_of(left, before - 1), low = joined;

                if (high < low)
                        continue;
                if (high - low >= span)
                        stopped = low = high - span + 1;
                span -= min_of(span, high - low + 1);
                on = search_range(search, (struct found){{.room = *id}, room}, low, high, left);
                if (on && span == 0)
                        stopped = low;
        }
        database_end(statement);
        return on ? stopped : 0;
}

static void search_one_room(struct search *search)
{
        const struct store_question *question = search->question;
        uint64_t room, before = question->search.before.seq, stopped;
        struct member member;
        struct log_end end;

        search->answer->status = ERR_NO_ROOM;
        if (!read_room_number(search->database, &question->search.room, &room))
                return;
        end = read_log_end(search->database, question->user, room, &member);
        if (!end.found)
                return;
        search->answer->status = ERR_OK;
        before = before ? min_of(before, end.head + 1) : end.head + 1;
        stopped = search_room(search, &question->search.room, room, before);
        if (stopped <= 1 || search->count > question->search.rows_max)
                return;
        search->answer->search.more = true;
        search->answer->search.next = (struct store_place){.room = question->search.room, .seq = stopped};
}

/* Latest rooms first: none that follows has a newer row than the last activity of this one. */
static void search_all_rooms(struct search *search)
{
        const struct store_place *before = &search->question->search.before;
        size_t count;
        struct latest_room *rooms = read_latest(search->database, search->question->user, &count, search->arena);

        for (size_t i = 0; i < min_of(count, (size_t)SEARCH_ROOMS_MAX) && database_good(search->database); i++) {
                uint64_t below = rooms[i].head + 1;

                if (search->count == search->max && search->found[search->max - 1].place.time_ms > rooms[i].time_ms)
                        break;
                if (before->seq)
                        below = read_seq_of_time(search->database, rooms[i].number, rooms[i].head,
                                                 min_of(before->time_ms, (uint64_t)INT64_MAX - 1) + 1);
                search_room(search, &rooms[i].id, rooms[i].number, below);
        }
}

/* What the hits say. */
static void read_hits(struct search *search)
{
        struct store_hit *hits = arena_array(search->arena, struct store_hit, search->count + 1);

        if (!hits)
                search->database->code = SQLITE_NOMEM;
        for (size_t i = 0; i < search->count && database_good(search->database); i++) {
                sqlite3_stmt *statement = database_use(search->database, STATEMENT_MESSAGE_AT);

                bind_number(statement, 1, search->found[i].number);
                bind_number(statement, 2, search->found[i].place.seq);
                if (database_row(search->database, statement))
                        hits[search->answer->search.count++] = (struct store_hit){
                                search->found[i].place.room, row_read(search->database, statement, search->arena)};
                database_end(statement);
        }
        search->answer->search.hits = hits;
}

void read_search_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                          struct arena *arena)
{
        struct search search = {database, question, answer, arena, .max = question->search.rows_max + 1};
        struct slice *words;
        size_t count;

        answer->status = search_words(&database->lexicon, question, arena, &words, &count);
        if (!answer->status) {
                search.match = search_join(database, words, count, "\"", " AND ", arena);
                search.found = arena_array(arena, struct found, search.max + 1);
        }
        if (answer->status == ERR_NO_MEMORY || (!answer->status && !search.found))
                database->code = SQLITE_NOMEM;
        if (answer->status || !database_good(database))
                return;
        if (id_is_zero(&question->search.room))
                search_all_rooms(&search);
        else
                search_one_room(&search);
        if (answer->status || !database_good(database))
                return;
        read_hits(&search);
        search_cut(question, answer);
}
