/* See sql.h. */
#include "driver/store/postgres/sql.h"

#include "base/assert.h"

static const char *const texts[] = {
#define S(name, text) [SQL_##name] = text,
#include "driver/store/postgres/statements.def"
#undef S
};

static const char *const names[] = {
#define S(name, text) [SQL_##name] = #name,
#include "driver/store/postgres/statements.def"
#undef S
};

const char *sql_text(enum sql sql)
{
        check(sql < SQL_COUNT);
        return texts[sql];
}

const char *sql_name(enum sql sql)
{
        check(sql < SQL_COUNT);
        return names[sql];
}

/* ---- parameters ---- */

static void add(struct parameters *parameters, const void *value, size_t size)
{
        check(parameters->count < PARAMETERS_MAX);
        parameters->failed |= value == NULL;
        parameters->values[parameters->count] = value;
        parameters->sizes[parameters->count] = (int)size;
        parameters->formats[parameters->count++] = 1;
}

/* The database's numbers are signed; nothing above them is ever stored. */
static uint64_t fit(uint64_t number)
{
        return min_of(number, (uint64_t)INT64_MAX);
}

void add_number(struct parameters *parameters, uint64_t number)
{
        uint8_t *bytes = arena_take(parameters->arena, 8);

        if (bytes)
                be64_put(bytes, fit(number));
        add(parameters, bytes, 8);
}

void add_bytes(struct parameters *parameters, struct slice bytes)
{
        /* A NULL pointer would be an SQL NULL. */
        add(parameters, bytes.size ? (const void *)bytes.data : "", bytes.size);
}

void add_id(struct parameters *parameters, const struct id *id)
{
        add(parameters, id->bytes, sizeof(id->bytes));
}

#define ARRAY_HEAD 20

struct column add_column(struct parameters *parameters, enum column_type type, size_t count, size_t bytes)
{
        size_t size = ARRAY_HEAD + 4 * count + bytes;
        uint8_t *head = size < INT32_MAX ? arena_take(parameters->arena, size) : NULL;

        check(count > 0);
        add(parameters, head, size);
        if (!head)
                return (struct column){0};
        be32_put(head, 1); /* dimensions */
        be32_put(head + 4, 0);
        be32_put(head + 8, type);
        be32_put(head + 12, (uint32_t)count);
        be32_put(head + 16, 1); /* the first index */
        return (struct column){head + ARRAY_HEAD, head + size};
}

void array_bytes(struct column *column, struct slice bytes)
{
        if (!column->at)
                return;
        check((size_t)(column->end - column->at) >= 4 + bytes.size);
        be32_put(column->at, (uint32_t)bytes.size);
        if (bytes.size)
                memcpy(column->at + 4, bytes.data, bytes.size);
        column->at += 4 + bytes.size;
}

void array_number(struct column *column, uint64_t number)
{
        uint8_t bytes[8];

        be64_put(bytes, fit(number));
        array_bytes(column, slice_of(bytes, sizeof(bytes)));
}

void array_id(struct column *column, const struct id *id)
{
        array_bytes(column, slice_of(id->bytes, sizeof(id->bytes)));
}

/* ---- values ---- */

struct slice value_bytes(const PGresult *result, int row, int column)
{
        return slice_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

uint64_t value_number(const PGresult *result, int row, int column)
{
        struct slice bytes = value_bytes(result, row, column);
        uint64_t number = 0;

        check(bytes.size <= 8);
        for (size_t i = 0; i < bytes.size; i++)
                number = number << 8 | bytes.data[i];
        return number;
}

struct id value_id(const PGresult *result, int row, int column)
{
        struct slice bytes = value_bytes(result, row, column);
        struct id id = {0};

        if (bytes.size == sizeof(id.bytes))
                memcpy(id.bytes, bytes.data, sizeof(id.bytes));
        return id;
}
