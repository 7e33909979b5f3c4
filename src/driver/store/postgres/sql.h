/*
 * The language between this driver and the database: the table of statements (statements.def), parameters in binary form, built in
 * an arena, and values read back from binary results.
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_SQL_H
#define GALKA_DRIVER_STORE_POSTGRES_SQL_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/id.h"

enum sql {
#define S(name, text) SQL_##name,
#include "driver/store/postgres/statements.def"
#undef S
        SQL_COUNT
};

const char *sql_text(enum sql sql);
const char *sql_name(enum sql sql); /* also that of the prepared statement */

/* ---- parameters ---- */

#define PARAMETERS_MAX 16

struct parameters {
        struct arena *arena;
        int count;
        bool failed; /* out of memory: what was added is not whole */
        const char *values[PARAMETERS_MAX];
        int sizes[PARAMETERS_MAX], formats[PARAMETERS_MAX];
};

static inline struct parameters parameters_in(struct arena *arena)
{
        return (struct parameters){.arena = arena};
}

void add_number(struct parameters *parameters, uint64_t number);   /* above INT64_MAX: that */
void add_bytes(struct parameters *parameters, struct slice bytes); /* stay the caller's until sent */
void add_id(struct parameters *parameters, const struct id *id);

/* An array parameter, begun with the number of its elements and the bytes in all of them, then filled. */
struct column {
        uint8_t *at, *end;
};

enum column_type { COLUMN_NUMBER = 20, COLUMN_BYTES = 17, COLUMN_TEXT = 25, COLUMN_ID = 2950 }; /* the types' OIDs */

struct column add_column(struct parameters *parameters, enum column_type type, size_t count, size_t bytes);
void array_number(struct column *column, uint64_t number);
void array_bytes(struct column *column, struct slice bytes);
void array_id(struct column *column, const struct id *id);

static inline struct column add_numbers(struct parameters *parameters, size_t count)
{
        return add_column(parameters, COLUMN_NUMBER, count, 8 * count);
}

static inline struct column add_ids(struct parameters *parameters, size_t count)
{
        return add_column(parameters, COLUMN_ID, count, 16 * count);
}

/* ---- values: of an integer, a boolean; of bytes or text, valid as long as the result; of a uuid. NULL reads as zero, empty ---- */

uint64_t value_number(const PGresult *result, int row, int column);
struct slice value_bytes(const PGresult *result, int row, int column);
struct id value_id(const PGresult *result, int row, int column);

static inline bool value_is_null(const PGresult *result, int row, int column)
{
        return PQgetisnull(result, row, column);
}

#endif
