/*
 * A bounded cache of rooms' members by version: what spares the store from reading members for every message. It may be wrong
 * only in being old, and the store says so: it compares the version and returns the members when they changed.
 *
 * The least recently used room goes first, at rooms_max of them; and of those of more than two members, at MEMBERS_USERS_MAX members
 * of all rooms together.
 */
#ifndef GALKA_SERVICE_SESSION_MEMBERS_H
#define GALKA_SERVICE_SESSION_MEMBERS_H

#include "base/error.h"
#include "base/id.h"
#include "rules/limits.h"

#define MEMBERS_ROOMS_MAX 32768
#define MEMBERS_USERS_MAX (1024 * GROUP_MEMBERS_MAX) /* 8 MiB */

struct members;

/* NO_MEMORY. */
must_use enum error members_new(uint32_t rooms_max, struct members **members);
void members_free(struct members **members);

/* The version known of a room and its users, which live until the next change of the cache; 0 and NULL if it is not known. */
uint64_t members_find(struct members *members, const struct id *room, const uint64_t **users, size_t *count);

/* Remembers, unless a higher version is known. Without memory it simply does not. */
void members_keep(struct members *members, const struct id *room, uint64_t version, const uint64_t *users, size_t count);

#endif
