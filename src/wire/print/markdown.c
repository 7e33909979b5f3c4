/* Tables of PROTOCOL.md. */
#include <inttypes.h>

#include "base/error.h"
#include "wire/print/print.h"

#define COMMENT_SIZE_MAX 2048

void print_codes(FILE *out, struct slice definitions)
{
        const struct wire_message *message;
        char header[64];

        (void)definitions;
        fputs("| code | name | direction | header | answer | topic | key | who |\n|---|---|---|---|---|---|---|---|\n", out);
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                const struct wire_message *reply = wire_message_by_code(message->reply);

                print_header(message, ", ", header, sizeof(header));
                fprintf(out, "| 0x%02x | [%s](#%s) | %s | %s | %s | %s | %s | %s |\n", message->code, message->name,
                        message->name, print_direction(message), header, reply ? reply->name : "-", print_topic(message),
                        print_key(message), print_who(message));
        }
}

static void print_limit(FILE *out, const struct wire_field *field)
{
        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                if (field->limit == UINT64_MAX)
                        fputs("64 bits", out);
                else if (field->limit == INT64_MAX)
                        fputs("63 bits", out);
                else
                        fprintf(out, "0 … %" PRIu64, field->limit);
                return;
        case WIRE_KIND_ID:
                fputs("exactly 16 bytes", out);
                return;
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                fprintf(out, "%" PRIu64 " bytes", field->limit);
                return;
        case WIRE_KIND_ONE:
                return;
        case WIRE_KIND_LIST:
                fprintf(out, "at most %" PRIu64, field->limit);
                return;
        }
}

static void print_kind(FILE *out, const struct wire_field *field)
{
        static const char *const names[] = {
#define X(kind, type, text) [WIRE_KIND_##kind] = text,
                WIRE_KINDS(X)
#undef X
        };

        if (!field->part)
                fputs(field->kind == WIRE_KIND_ID ? "bytes (id)" : names[field->kind], out);
        else
                fprintf(out, "%s[%s](#%s)", field->kind == WIRE_KIND_LIST ? "list of " : "", field->part->name,
                        field->part->name);
}

/* message: NULL for a part. */
static void print_structure(FILE *out, struct slice definitions, const struct wire_structure *structure,
                            const struct wire_message *message)
{
        char comment[COMMENT_SIZE_MAX];

        print_comment(definitions, structure->name, comment, sizeof(comment));
        fprintf(out, "#### %s\n\n", structure->name);
        if (message)
                fprintf(out, "Code 0x%02x, %s.\n\n", message->code, print_direction(message));
        if (comment[0])
                fprintf(out, "%s\n\n", comment);
        fputs("| tag | field | type | limit |\n|---|---|---|---|\n", out);
        for (size_t i = 0; i < structure->field_count; i++) {
                const struct wire_field *field = &structure->fields[i];

                fprintf(out, "| %u | %s | ", field->tag, field->name);
                print_kind(out, field);
                fputs(" | ", out);
                print_limit(out, field);
                fputs(" |\n", out);
        }
        fputc('\n', out);
}

void print_structures(FILE *out, struct slice definitions)
{
        const struct wire_message *message;
        const struct wire_structure *part;

        fputs("### Parts\n\n", out);
        for (size_t i = 0; (part = wire_part_at(i)); i++)
                print_structure(out, definitions, part, NULL);
        fputs("### Messages\n\n", out);
        for (size_t i = 0; (message = wire_message_at(i)); i++)
                print_structure(out, definitions, message->structure, message);
}

void print_errors(FILE *out, struct slice definitions)
{
        static const char *const classes[] = {
                [ERROR_CLASS_OK] = "ok",
                [ERROR_CLASS_REFUSED] = "refused",
                [ERROR_CLASS_BUSY] = "busy",
                [ERROR_CLASS_UNKNOWN] = "unknown",
        };

        (void)definitions;
        fputs("| number | name | class | meaning |\n|---|---|---|---|\n", out);
#define X(name, number, class, text)                                                                                        \
        if (error_class(number) != ERROR_CLASS_LOCAL)                                                                       \
                fprintf(out, "| %d | %s | %s | %s |\n", number, #name, classes[error_class(number)], text);
#include "base/errors.def"
#undef X
}
