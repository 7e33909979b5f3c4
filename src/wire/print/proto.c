/*
 * galka.proto, for people who write other clients and for the proof against an independent implementation. Every single field is
 * `optional`, because presence has a meaning here (messages.def: `has`).
 */
#include <ctype.h>
#include <inttypes.h>

#include "base/assert.h"
#include "wire/print/print.h"

#define NAME_SIZE_MAX    64
#define COMMENT_SIZE_MAX 2048
#define LINE_WIDTH       100

/* A comment of as many lines as it needs. */
static void print_wrapped(FILE *out, const char *text)
{
        while (*text) {
                size_t size = strlen(text), width = size;

                if (width > LINE_WIDTH)
                        for (width = LINE_WIDTH; width > 1 && text[width] != ' ';)
                                width--;
                fprintf(out, "// %.*s\n", (int)width, text);
                text += width;
                text += *text == ' ';
        }
}

static void print_field(FILE *out, const struct wire_field *field)
{
        static const char *const names[] = {
#define X(kind, type, text) [WIRE_KIND_##kind] = text,
                WIRE_KINDS(X)
#undef X
        };
        char type[NAME_SIZE_MAX];

        check(field->kind < countof(names));
        if (field->part)
                print_type_name(field->part->name, type, sizeof(type));
        else
                snprintf(type, sizeof(type), "%s", names[field->kind]);
        fprintf(out, "  %s %s %s = %u;", field->kind == WIRE_KIND_LIST ? "repeated" : "optional", type, field->name,
                field->tag);
        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                if (field->limit != UINT64_MAX)
                        fprintf(out, "  // at most %" PRIu64, field->limit);
                break;
        case WIRE_KIND_ID:
                fputs("  // exactly 16 bytes", out);
                break;
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                fprintf(out, "  // at most %" PRIu64 " bytes", field->limit);
                break;
        case WIRE_KIND_LIST:
                fprintf(out, "  // at most %" PRIu64 " elements", field->limit);
                break;
        case WIRE_KIND_ONE:
                break;
        }
        fputc('\n', out);
}

static void print_message(FILE *out, struct slice definitions, const struct wire_structure *structure)
{
        char comment[COMMENT_SIZE_MAX], name[NAME_SIZE_MAX];

        print_comment(definitions, structure->name, comment, sizeof(comment));
        print_wrapped(out, comment);
        print_type_name(structure->name, name, sizeof(name));
        fprintf(out, "message %s {\n", name);
        for (size_t i = 0; i < structure->field_count; i++)
                print_field(out, &structure->fields[i]);
        fputs("}\n\n", out);
}

static void print_enum(FILE *out)
{
        const struct wire_message *message;
        char header[64];

        fputs("// The byte after a frame's length, and what the frame's header has (PROTOCOL.md, \"Frame\").\n"
              "enum Code {\n  CODE_NONE = 0;\n",
              out);
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                fputs("  CODE_", out);
                for (const char *c = message->name; *c; c++)
                        fputc(toupper((unsigned char)*c), out);
                print_header(message, ", ", header, sizeof(header));
                fprintf(out, " = 0x%02x;  // %s; header: %s\n", message->code, print_direction(message), header);
        }
        fputs("}\n\n", out);
}

void print_proto(FILE *out, struct slice definitions)
{
        static const char *const titles[] = {"From client to server.", "From server to client.",
                                             "Between server processes; a client neither sends nor gets these."};
        const struct wire_message *message;
        const struct wire_structure *part;

        fputs("// Bodies of Galka's frames. Made from src/wire/messages.def by tools/update-protocol: do not edit.\n\n"
              "syntax = \"proto3\";\n\npackage galka;\n\n",
              out);
        print_enum(out);
        fputs("// ---- Parts of messages.\n\n", out);
        for (size_t i = 0; (part = wire_part_at(i)); i++)
                print_message(out, definitions, part);
        for (unsigned direction = WIRE_UP; direction <= WIRE_BUS; direction++) {
                fprintf(out, "// ---- %s\n\n", titles[direction]);
                for (size_t i = 0; (message = wire_message_at(i)); i++)
                        if (message->direction == direction)
                                print_message(out, definitions, message->structure);
        }
}
