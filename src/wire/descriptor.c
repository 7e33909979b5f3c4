/* The descriptor tables of messages.def. */
#include "wire/descriptor.h"

#include "base/assert.h"

/* One line of a structure's table of fields. */
#define FIELD_F(S, tag_, kind_, name_, limit_)                                                                              \
        {.name = #name_,                                                                                                    \
         .limit = limit_,                                                                                                   \
         .offset = offsetof(struct wire_##S, name_),                                                                        \
         .tag = tag_,                                                                                                       \
         .kind = WIRE_KIND_##kind_},
#define FIELD_P(S, tag_, kind_, name_, limit_, part_)                                                                       \
        {.name = #name_,                                                                                                    \
         .part = WIRE_STRUCTURE(part_),                                                                                     \
         .limit = limit_,                                                                                                   \
         .offset = offsetof(struct wire_##S, name_),                                                                        \
         .tag = tag_,                                                                                                       \
         .kind = WIRE_KIND_##kind_},

#define STRUCTURE(S)                                                                                                        \
        static const struct wire_field fields_##S[] = {WIRE_##S(FIELD_F, FIELD_P, S)};                                      \
        const struct wire_structure wire_structure_##S = {                                                                  \
                .name = #S,                                                                                                 \
                .fields = fields_##S,                                                                                       \
                .size = sizeof(struct wire_##S),                                                                            \
                .field_count = countof(fields_##S),                                                                         \
        };                                                                                                                  \
        _Static_assert(countof(fields_##S) <= 32, "`has` has 32 bits");                                                     \
        _Static_assert(offsetof(struct wire_##S, has) == 0, "`has` comes first");                                           \
        _Static_assert(sizeof(struct wire_##S) <= UINT16_MAX, "offsets have 16 bits");
#define STRUCTURE_M(name, ...) STRUCTURE(name)

WIRE_PARTS(STRUCTURE)
WIRE_MESSAGES(STRUCTURE_M)

const struct wire_structure *wire_part_at(size_t index)
{
        static const struct wire_structure *const parts[] = {
#define PART(name) WIRE_STRUCTURE(name),
                WIRE_PARTS(PART)
#undef PART
        };

        return index < countof(parts) ? parts[index] : NULL;
}

const struct wire_structure *wire_structure_by_name(struct slice name)
{
        const struct wire_structure *part;
        const struct wire_message *message;

        for (size_t i = 0; (part = wire_part_at(i)); i++)
                if (slice_equal(slice_text(part->name), name))
                        return part;
        for (size_t i = 0; (message = wire_message_at(i)); i++)
                if (slice_equal(slice_text(message->name), name))
                        return message->structure;
        return NULL;
}

const struct wire_field *wire_field_by_tag(const struct wire_structure *structure, uint32_t tag)
{
        check(tag > 0);
        /* Tags are usually 1, 2, 3 …, so the first guess is right. */
        if (tag <= structure->field_count && structure->fields[tag - 1].tag == tag)
                return &structure->fields[tag - 1];
        for (size_t i = 0; i < structure->field_count; i++)
                if (structure->fields[i].tag == tag)
                        return &structure->fields[i];
        return NULL;
}
