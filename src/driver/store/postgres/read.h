/* Columns that several results have in common: ROW_COLUMNS, MEMBER_COLUMNS of statements.def, from a given column on. */
#ifndef GALKA_DRIVER_STORE_POSTGRES_READ_H
#define GALKA_DRIVER_STORE_POSTGRES_READ_H

#include "driver/store/marks.h"
#include "driver/store/postgres/sql.h"

#define ROW_COLUMN_COUNT    16
#define MEMBER_COLUMN_COUNT 12
#define COLUMN_RECEIPTS     8 /* of USER_COLUMNS; then receipts_done */

/* *left: STORE_NONE if he is in the room. */
struct member read_member_columns(const PGresult *result, int row, int column, uint64_t *left);

/* What row_bytes (common.h) will be. */
size_t read_row_bytes(const PGresult *result, int row, int column);

/* What it holds is copied. False: out of memory. */
bool read_row_columns(const PGresult *result, int row, int column, struct arena *arena, struct store_row *store_row);

/* user_id, user_name, display_name, version. The same. */
bool read_person_columns(const PGresult *result, int row, int column, struct arena *arena, struct store_person *person);

#endif
