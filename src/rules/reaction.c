/* See reaction.h. */
#include "rules/reaction.h"

#include "base/assert.h"
#include "base/id.h"

bool reaction_is_lawful(struct slice emoji)
{
        if (emoji.size > REACTION_SIZE_MAX || !slice_is_text(emoji))
                return false;
        for (size_t i = 0; i < emoji.size; i++) /* no spaces, no controls: those of one byte, and U+0080 to U+00A0 */
                if (emoji.data[i] <= ' ' || emoji.data[i] == 127 ||
                    (emoji.data[i] == 0xc2 && i + 1 < emoji.size && emoji.data[i + 1] <= 0xa0))
                        return false;
        return true;
}

static const uint8_t *person_at(const struct reactions *reactions, size_t index)
{
        return reactions->people.data + index * REACTION_PERSON_SIZE;
}

size_t reactions_people(const struct reactions *reactions)
{
        return reactions->people.size / REACTION_PERSON_SIZE;
}

static bool read_kinds(struct slice *folded, struct reactions *reactions)
{
        unsigned count = folded->size ? folded->data[0] : 0;

        if (folded->size == 0 || count > REACTIONS_MAX)
                return false;
        *folded = slice_of(folded->data + 1, folded->size - 1);
        while (reactions->count < count) {
                size_t size = folded->size ? folded->data[0] : 0;

                if (size == 0 || size >= folded->size || size > REACTION_SIZE_MAX)
                        return false;
                reactions->list[reactions->count++].emoji = slice_of(folded->data + 1, size);
                *folded = slice_of(folded->data + 1 + size, folded->size - 1 - size);
        }
        return true;
}

bool reactions_read(struct slice folded, struct reactions *reactions)
{
        bool lawful = true;

        *reactions = (struct reactions){0};
        if (folded.size == 0)
                return true;
        lawful = read_kinds(&folded, reactions) && folded.size % REACTION_PERSON_SIZE == 0 &&
                 folded.size <= REACTORS_MAX * REACTION_PERSON_SIZE;
        reactions->people = folded;
        for (size_t i = 0; lawful && i < reactions_people(reactions); i++) {
                const uint8_t *person = person_at(reactions, i);

                lawful = person[8] < reactions->count &&
                         (i == 0 || be64_get(person - REACTION_PERSON_SIZE) < be64_get(person));
                if (lawful)
                        reactions->list[person[8]].people++;
        }
        if (!lawful)
                *reactions = (struct reactions){0};
        return lawful;
}

unsigned reactions_person(const struct reactions *reactions, size_t index, uint64_t *user)
{
        const uint8_t *person = person_at(reactions, index);

        check(index < reactions_people(reactions));
        *user = be64_get(person);
        return person[8];
}

/* The first person with an id of at least `user`. */
static size_t place_of(const struct reactions *reactions, uint64_t user)
{
        size_t low = 0, high = reactions_people(reactions);

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (be64_get(person_at(reactions, middle)) < user)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

unsigned reactions_of(const struct reactions *reactions, uint64_t user)
{
        size_t place = place_of(reactions, user);

        return place < reactions_people(reactions) && be64_get(person_at(reactions, place)) == user
                       ? person_at(reactions, place)[8]
                       : reactions->count;
}

static unsigned kind_of(const struct reactions *reactions, struct slice emoji)
{
        unsigned kind = 0;

        while (kind < reactions->count && !slice_equal(reactions->list[kind].emoji, emoji))
                kind++;
        return kind;
}

/* The kinds that somebody has, in their order; numbers[kind]: which each is from here on. */
static size_t write_kinds(const struct reactions *reactions, struct slice emoji, uint8_t *bytes,
                          uint8_t numbers[static REACTIONS_MAX + 1])
{
        size_t size = 1;

        bytes[0] = 0;
        for (unsigned kind = 0; kind <= reactions->count; kind++) {
                bool fresh = kind == reactions->count;
                struct slice said = fresh ? emoji : reactions->list[kind].emoji;

                if (fresh ? emoji.size == 0 || kind_of(reactions, emoji) < kind : reactions->list[kind].people == 0)
                        continue;
                check(bytes[0] < REACTIONS_MAX);
                numbers[kind] = bytes[0]++;
                bytes[size++] = (uint8_t)said.size;
                memcpy(bytes + size, said.data, said.size);
                size += said.size;
        }
        return size;
}

static size_t write_person(uint8_t *bytes, uint64_t user, uint8_t kind)
{
        be64_put(bytes, user);
        bytes[8] = kind;
        return REACTION_PERSON_SIZE;
}

enum error reactions_put(struct slice folded, uint64_t user, struct slice emoji, uint8_t bytes[static REACTIONS_SIZE_MAX],
                         struct slice *result)
{
        struct reactions reactions;
        uint8_t numbers[REACTIONS_MAX + 1] = {0};
        unsigned before, after, kinds = 0;
        size_t place, people, size;

        check(emoji.size <= REACTION_SIZE_MAX);
        (void)reactions_read(folded, &reactions); /* what cannot be read is gone */
        place = place_of(&reactions, user);
        people = reactions_people(&reactions);
        before = reactions_of(&reactions, user);
        after = emoji.size ? kind_of(&reactions, emoji) : REACTIONS_MAX + 1;
        if (before < reactions.count)
                reactions.list[before].people--;
        if (after < reactions.count)
                reactions.list[after].people++;
        for (unsigned kind = 0; kind < reactions.count; kind++)
                kinds += reactions.list[kind].people > 0;
        if (kinds + (after == reactions.count) > REACTIONS_MAX ||
            (emoji.size && before == reactions.count && people == REACTORS_MAX))
                return ERR_ROOM_FULL;
        size = write_kinds(&reactions, emoji, bytes, numbers);
        for (size_t i = 0; i <= people; i++) {
                const uint8_t *person = i < people ? person_at(&reactions, i) : NULL;

                if (i == place && emoji.size)
                        size += write_person(bytes + size, user, numbers[after]);
                if (person && be64_get(person) != user)
                        size += write_person(bytes + size, be64_get(person), numbers[person[8]]);
        }
        *result = slice_of(bytes, bytes[0] ? size : 0);
        return ERR_OK;
}
