/* See read.h. */
#include "driver/store/postgres/read.h"

#include "driver/store/common.h"

struct member read_member_columns(const PGresult *result, int row, int column, uint64_t *left)
{
        *left = value_is_null(result, row, column + 2) ? STORE_NONE : value_number(result, row, column + 2);
        return (struct member){
                .user = value_number(result, row, column),
                .joined_seq = value_number(result, row, column + 1),
                .delivered = value_number(result, row, column + 3),
                .read = value_number(result, row, column + 4),
                .shown = value_number(result, row, column + 5),
                .counted_from = value_number(result, row, column + 6),
                .read_n = value_number(result, row, column + 7),
                .read_own = value_number(result, row, column + 8),
                .own_sends = value_number(result, row, column + 9),
                .own_as_of = value_number(result, row, column + 10),
                .role = (uint8_t)value_number(result, row, column + 11),
        };
}

size_t read_row_bytes(const PGresult *result, int row, int column)
{
        const struct store_row sizes = {.text = value_bytes(result, row, column + 7),
                                        .reactions = value_bytes(result, row, column + 13),
                                        .origin = value_bytes(result, row, column + 14)};

        return row_bytes(&sizes);
}

bool read_row_columns(const PGresult *result, int row, int column, struct arena *arena, struct store_row *store_row)
{
        *store_row = (struct store_row){
                .seq = value_number(result, row, column),
                .changed = value_number(result, row, column + 1),
                .n = value_number(result, row, column + 2),
                .time_ms = value_number(result, row, column + 3),
                .sender = value_number(result, row, column + 4),
                .kind = (uint8_t)value_number(result, row, column + 5),
                .request = value_id(result, row, column + 6),
                .subject = value_number(result, row, column + 8),
                .role = (uint8_t)value_number(result, row, column + 9),
                .heir = value_number(result, row, column + 10),
                .reply_to = value_number(result, row, column + 11),
                .edited_ms = value_number(result, row, column + 12),
                .pinned = value_number(result, row, column + 15),
        };
        return arena_copy(arena, value_bytes(result, row, column + 7), &store_row->text) &&
               arena_copy(arena, value_bytes(result, row, column + 13), &store_row->reactions) &&
               arena_copy(arena, value_bytes(result, row, column + 14), &store_row->origin);
}

bool read_person_columns(const PGresult *result, int row, int column, struct arena *arena, struct store_person *person)
{
        *person = (struct store_person){.user = value_number(result, row, column),
                                        .version = value_number(result, row, column + 3)};
        return arena_copy(arena, value_bytes(result, row, column + 1), &person->user_name) &&
               arena_copy(arena, value_bytes(result, row, column + 2), &person->display_name);
}
