/* The arguments of a call, one after the other; see glue.h. */
#include "base/assert.h"
#include "glue.h"
#include "rules/role.h"
#include "rules/row.h"

#define KIND_MAX 255
#define ROLE_MAX ROLE_OWNER

bool args_left(const struct args *args)
{
        return !args->bad && args->rest.size > 0;
}

struct slice args_bytes(struct args *args)
{
        struct slice bytes = {0};
        uint32_t size;

        if (!args->bad && args->rest.size >= sizeof(size)) {
                memcpy(&size, args->rest.data, sizeof(size)); /* both sides are little-endian */
                args->rest = slice_of(args->rest.data + sizeof(size), args->rest.size - sizeof(size));
                if (size <= args->rest.size) {
                        bytes = slice_of(args->rest.data, size);
                        args->rest = slice_of(args->rest.data + size, args->rest.size - size);
                        return bytes;
                }
        }
        args->bad = true;
        return bytes;
}

static int digit(uint8_t byte)
{
        if (byte >= '0' && byte <= '9')
                return byte - '0';
        return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Exactly `size` bytes of hex. */
static bool hex(struct slice text, uint8_t *bytes, size_t size)
{
        if (text.size != 2 * size)
                return false;
        for (size_t i = 0; i < size; i++) {
                int high = digit(text.data[2 * i]), low = digit(text.data[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                bytes[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

struct id args_id(struct args *args)
{
        struct id id = {0};

        if (!hex(args_bytes(args), id.bytes, sizeof(id.bytes)))
                args->bad = true;
        return id;
}

bool args_no_id(struct args *args)
{
        struct args after = *args;

        if (args_bytes(&after).size > 0 || after.bad)
                return false;
        *args = after;
        return true;
}

uint64_t args_user(struct args *args)
{
        struct slice text = args_bytes(args);
        uint8_t bytes[8] = {0};

        if (text.size && !hex(text, bytes, sizeof(bytes)))
                args->bad = true;
        return be64_get(bytes);
}

uint64_t args_number(struct args *args)
{
        struct slice text = args_bytes(args);
        uint64_t number = 0;

        if (text.size == 0 || text.size > 19)
                args->bad = true;
        for (size_t i = 0; i < text.size; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        args->bad = true;
                number = number * 10 + (uint64_t)(text.data[i] - '0');
        }
        return args->bad ? 0 : number;
}

static unsigned named(struct slice name, const char *(*text)(unsigned number), unsigned max)
{
        for (unsigned i = 1; i <= max; i++)
                if (text(i) && slice_equal(slice_text(text(i)), name))
                        return i;
        return 0;
}

struct wire_operation args_operation(struct args *args, uint8_t link[16])
{
        struct wire_operation operation = {0};
        struct slice role, secret;

        operation.kind = named(args_bytes(args), row_kind_text, KIND_MAX);
        operation.text = args_bytes(args);
        operation.subject = args_user(args);
        role = args_bytes(args);
        secret = args_bytes(args);
        operation.target = args_number(args);
        operation.origin = args_bytes(args);
        operation.off = args_number(args);
        operation.role = named(role, role_text, ROLE_MAX);
        if (secret.size) {
                if (!hex(secret, link, 16))
                        args->bad = true;
                operation.link = slice_of(link, 16);
        }
        if (operation.kind == 0 || (role.size && operation.role == 0) || operation.off > 1 || operation.target > INT64_MAX ||
            operation.subject > INT64_MAX)
                args->bad = true;
        return operation;
}
