/* See finder.h. */
#include "sim/finder.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/memory.h"
#include "driver/store/lexicon.h"
#include "driver/store/search_index.h"
#include "rules/row.h"
#include "sim/sim.h"

#define RULE          "11 the search lies"
#define RULE_PINS     "12 the pins lie"
#define RULE_REACTORS "12 reactions that nobody gave"
#define HITS_MAX      7
#define WORDS_MAX     64
#define SQL_SIZE      4096

/* Where he looks: everywhere, in a room, or rather in a group that he left. */
static struct id choose_room(struct sim *sim, const struct sim_client *client)
{
        struct core_room_info info;
        struct id room = {0};

        if (sim_chance(sim, 40))
                return room;
        if (core_room_at(client->host.core, (uint32_t)sim_below(sim, 4), &info))
                room = info.room;
        for (uint32_t i = 0; sim_chance(sim, 90) && core_room_at(client->host.core, i, &info); i++)
                if (info.left)
                        return info.room;
        return room;
}

enum error finder_search(struct sim *sim, struct sim_client *client)
{
        struct finder finder = client->finder;
        struct sim_client *author = &sim->clients.all[sim_below(sim, sim->clients.count)];
        enum error error;

        finder.asked_us = sim->now_us;
        if (sim_chance(sim, 60))
                snprintf(finder.word, sizeof(finder.word), "%u", author->number);
        else
                snprintf(finder.word, sizeof(finder.word), "%06u", (unsigned)sim_below(sim, author->said + 1));
        finder.room = choose_room(sim, client);
        error = core_search(client->host.core, slice_text(finder.word), id_is_zero(&finder.room) ? NULL : &finder.room, NULL,
                            1 + (uint32_t)sim_below(sim, HITS_MAX), &finder.request, client->host.time);
        if (error == ERR_OK)
                client->finder = finder;
        return error;
}

/* Texts of the simulator are ASCII, with a space between words. */
static bool has_word(struct slice text, const char *word)
{
        size_t size = strlen(word);

        for (size_t at = 0; at + size <= text.size; at++)
                if (memcmp(text.data + at, word, size) == 0 && (at == 0 || text.data[at - 1] == ' ') &&
                    (at + size == text.size || text.data[at + size] == ' '))
                        return true;
        return false;
}

static void see_hit(struct sim *sim, const struct sim_client *client, const struct wire_hit *hit)
{
        const struct finder *finder = &client->finder;
        unsigned room = history_room(sim, &hit->room);

        if (hit->row.kind != ROW_TEXT)
                sim_break(sim, RULE, "client %u found number %" PRIu64 " of room %u, which is no text any more",
                          client->number, hit->row.seq, room);
        else if (!has_word(hit->row.text, finder->word))
                sim_break(sim, RULE, "client %u found number %" PRIu64 " of room %u by \"%s\", which is not in it",
                          client->number, hit->row.seq, room, finder->word);
        if (!id_is_zero(&finder->room) && !id_equal(&finder->room, &hit->room))
                sim_break(sim, RULE, "client %u found in room %u what it looked for in another", client->number, room);
        if (client->revoked && finder->asked_us > client->revoked_us)
                sim_break(sim, "7 seen by a revoked device", "client %u still finds rows", client->number);
        history_shown(sim, client->user->id, &hit->room, &hit->row, false);
}

enum error finder_pins(struct sim *sim, struct sim_client *client, const struct id *room)
{
        enum error error = core_pins(client->host.core, room, 0, 1 + (uint32_t)sim_below(sim, HITS_MAX),
                                     &client->finder.pins_request, client->host.time);

        client->finder.pins_room = *room;
        client->finder.pins_asked_us = sim->now_us;
        return error;
}

enum error finder_reactors(struct sim *sim, struct sim_client *client, const struct id *room, uint64_t seq)
{
        client->finder.reactors_room = *room;
        client->finder.reactors_seq = seq;
        client->finder.reactors_asked_us = sim->now_us;
        return core_reactors(client->host.core, room, seq, &client->finder.reactors_request, client->host.time);
}

/* By their ids, each once, and nobody who did not react so to that row. */
static void hear_reactors(struct sim *sim, const struct sim_client *client, const struct core_event *event)
{
        const struct finder *finder = &client->finder;
        unsigned room = history_room(sim, &finder->reactors_room);
        struct wire_iterator iterator;
        struct wire_reactor reactor;
        uint64_t last = 0;

        if (!id_equal(&event->id, &finder->reactors_request) || finder->reactors_asked_us <= sim->faults.restored_us)
                return;
        if (client->revoked && finder->reactors_asked_us > client->revoked_us)
                sim_break(sim, "7 seen by a revoked device", "client %u still sees reactions", client->number);
        (void)history_saw(sim, client->user->id, &finder->reactors_room, finder->reactors_seq, finder->reactors_seq);
        wire_list_start(&iterator, WIRE_STRUCTURE(reactor_list), 1, &event->list);
        while (wire_list_next(&iterator, &reactor)) {
                if (reactor.user <= last ||
                    !history_has_reaction(sim, room, finder->reactors_seq, reactor.user, reactor.emoji))
                        sim_break(sim, RULE_REACTORS, "client %u is told of a reaction to number %" PRIu64 " of room %u",
                                  client->number, finder->reactors_seq, room);
                last = reactor.user;
        }
}

/* Newest pin first, and nothing but pins. */
static void hear_pins(struct sim *sim, const struct sim_client *client, const struct core_event *event)
{
        const struct finder *finder = &client->finder;
        struct wire_iterator iterator;
        uint64_t last = UINT64_MAX;
        struct wire_row row;

        if (!id_equal(&event->id, &finder->pins_request) || finder->pins_asked_us <= sim->faults.restored_us)
                return;
        wire_list_start(&iterator, WIRE_STRUCTURE(pin_page), 1, &event->list);
        while (wire_list_next(&iterator, &row)) {
                if (row.pinned == 0 || row.pinned >= last || row.pinned > row.changed || row.kind != ROW_TEXT)
                        sim_break(sim, RULE_PINS,
                                  "client %u is told that number %" PRIu64 " of room %u is pinned by %" PRIu64
                                  ", after %" PRIu64,
                                  client->number, row.seq, history_room(sim, &finder->pins_room), row.pinned, last);
                last = row.pinned;
                if (client->revoked && finder->pins_asked_us > client->revoked_us)
                        sim_break(sim, "7 seen by a revoked device", "client %u still sees pins", client->number);
                history_shown(sim, client->user->id, &finder->pins_room, &row, false);
        }
}

void finder_hear(struct sim *sim, const struct sim_client *client, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_hit hit;

        if (event->kind == CORE_EVENT_PINS)
                hear_pins(sim, client, event);
        if (event->kind == CORE_EVENT_REACTORS)
                hear_reactors(sim, client, event);
        /* What a store said before it went back is no news of the one there is now. */
        if (event->kind != CORE_EVENT_FOUND || !id_equal(&event->id, &client->finder.request) ||
            client->finder.asked_us <= sim->faults.restored_us)
                return;
        wire_list_start(&iterator, WIRE_STRUCTURE(found), 1, &event->list);
        while (wire_list_next(&iterator, &hit))
                see_hit(sim, client, &hit);
}

/* ---- at rest ---- */

static uint64_t number_of(sqlite3 *database, const char *sql)
{
        sqlite3_stmt *statement = NULL;
        uint64_t number;

        check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK);
        number = sqlite3_step(statement) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
        sqlite3_finalize(statement);
        return number;
}

/* Is the row found by all of its words together? */
static bool is_found(sqlite3 *database, uint64_t rowid, const struct slice *words, size_t count)
{
        char sql[SQL_SIZE];
        size_t size = (size_t)snprintf(sql, sizeof(sql), "SELECT 1 FROM search WHERE search MATCH '");

        for (size_t i = 0; i < count && size < sizeof(sql) / 2; i++)
                size += (size_t)snprintf(sql + size, sizeof(sql) - size, "%s\"%.*s\"", i ? " AND " : "", (int)words[i].size,
                                         (const char *)words[i].data);
        snprintf(sql + size, sizeof(sql) - size, "' AND rowid = %" PRIu64, rowid);
        return number_of(database, sql) == 1;
}

void finder_check_index(struct sim *sim, sqlite3 *database)
{
        static const struct arena_source source = {memory_new, memory_free};
        struct lexicon lexicon = {0};
        sqlite3_stmt *statement = NULL;
        struct arena arena;
        uint64_t lines = 0;

        arena_init(&arena, &source, 65536, 1u << 20);
        check(sqlite3_prepare_v2(database, "SELECT room, seq, text FROM messages WHERE kind = 1", -1, &statement, NULL) ==
              SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
                uint64_t rowid = search_rowid((uint64_t)sqlite3_column_int64(statement, 0),
                                              (uint64_t)sqlite3_column_int64(statement, 1));
                struct slice text = slice_text((const char *)sqlite3_column_text(statement, 2)), *words;
                size_t count;

                arena_reset(&arena);
                check(lexicon_words(&lexicon, text, WORDS_MAX, &arena, &words, &count));
                lines += count;
                if (count && !is_found(database, rowid, words, count))
                        sim_break(sim, RULE, "a row of the store is not found by its words");
        }
        sqlite3_finalize(statement);
        check(sqlite3_exec(database, "CREATE VIRTUAL TABLE temp.found USING fts5vocab('main', 'search', 'row')", NULL, NULL,
                           NULL) == SQLITE_OK);
        if (number_of(database, "SELECT ifnull(sum(doc), 0) FROM temp.found") != lines)
                sim_break(sim, RULE, "the store's index has words of what is not there");
        arena_finish(&arena);
        lexicon_finish(&lexicon);
}
