/* messages.def expanded into descriptor tables, and codes looked up in them. */
#include "wire/descriptor.h"

#include "base/assert.h"

#define FIELD_F(S, tag, kind, name, limit)                                                                   \
        {#name, tag, WIRE_##kind, (uint16_t)__builtin_offsetof(struct wire_##S, name), (uint64_t)(limit), NULL},
#define FIELD_P(S, tag, kind, name, limit, part)                                                             \
        {#name, tag, WIRE_##kind, (uint16_t)__builtin_offsetof(struct wire_##S, name), (uint64_t)(limit),    \
         &wire_structure_##part},

#define DESCRIBE(structure)                                                                                  \
        static const struct wire_field fields_##structure[] = {WIRE_##structure(FIELD_F, FIELD_P, structure)}; \
        const struct wire_structure wire_structure_##structure = {                                           \
                #structure, sizeof(struct wire_##structure), countof(fields_##structure), fields_##structure};
#define DESCRIBE_M(name, ...) DESCRIBE(name)

WIRE_PARTS(DESCRIBE)
WIRE_MESSAGES(DESCRIBE_M)

/* Header letters of messages.def. */
#define R WIRE_HAS_REQUEST
#define T WIRE_HAS_TOKEN
#define D WIRE_HAS_DEVICE
#define O WIRE_HAS_ROOM

static const struct wire_message messages[] = {
#define M(name, code, direction, header, topic, key, reply, who)                                             \
        {#name, code, WIRE_##direction, header, WIRE_TOPIC_##topic, WIRE_KEY_##key, WIRE_CODE_##reply, WIRE_##who, \
         &wire_structure_##name},
        WIRE_MESSAGES(M)
#undef M
};

/* Index in `messages` plus one, by code; made by the compiler. */
enum {
#define M(name, ...) INDEX_##name,
        WIRE_MESSAGES(M)
#undef M
};
static const uint8_t index_by_code[256] = {
#define M(name, code, ...) [code] = INDEX_##name + 1,
        WIRE_MESSAGES(M)
#undef M
};

const struct wire_message *wire_message_by_code(uint8_t code)
{
        uint8_t index = index_by_code[code];

        return index ? &messages[index - 1] : NULL;
}

const struct wire_message *wire_message_at(size_t index)
{
        return index < countof(messages) ? &messages[index] : NULL;
}
