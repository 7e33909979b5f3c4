/*
 * Reactions to a message: each person has at most one, and a row keeps them folded into bytes of a bounded size:
 *
 *      number of kinds(1), then for each: size(1) emoji; then for each person, by user id: user(8) kind(1)
 *
 * Kinds stand in the order of their first appearance; a kind that nobody has is not kept.
 */
#ifndef GALKA_RULES_REACTION_H
#define GALKA_RULES_REACTION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "rules/limits.h"

#define REACTION_PERSON_SIZE 9
#define REACTIONS_SIZE_MAX   (1 + REACTIONS_MAX * (1 + REACTION_SIZE_MAX) + REACTORS_MAX * REACTION_PERSON_SIZE)

/* Bytes that the counted form of a row's reactions, with one's own, may take on the wire. */
#define REACTIONS_WIRE_MAX (REACTIONS_MAX * (REACTION_SIZE_MAX + 8) + REACTION_SIZE_MAX + 2)

struct reaction {
        struct slice emoji;
        uint32_t people;
};

struct reactions {
        unsigned count;
        struct reaction list[REACTIONS_MAX];
        struct slice people; /* REACTION_PERSON_SIZE bytes each */
};

/* Something that may be a reaction: text, of what is seen. Empty takes one's reaction back. */
bool reaction_is_lawful(struct slice emoji);

/* Takes folded bytes apart; slices point into them. False: they are none, and *reactions is empty. */
bool reactions_read(struct slice folded, struct reactions *reactions);

/* Which one is the user's: a place in the list; `count`: he has none. */
unsigned reactions_of(const struct reactions *reactions, uint64_t user);

/* How many have one, and who the index-th of them is (by their ids): his place in the list, and his id. */
size_t reactions_people(const struct reactions *reactions);
unsigned reactions_person(const struct reactions *reactions, size_t index, uint64_t *user);

/* The user's reaction is that one from here on, instead of a former one; empty: he has none. *result is in `bytes`, empty when
 * nobody has one. ROOM_FULL: too many kinds, or too many people. */
must_use enum error reactions_put(struct slice folded, uint64_t user, struct slice emoji,
                                  uint8_t bytes[static REACTIONS_SIZE_MAX], struct slice *result);

#endif
