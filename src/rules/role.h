/*
 * Roles in a group, and who may do what: one table for the server, which decides, and the client, which shows what can be done. A
 * greater number may do more.
 */
#ifndef GALKA_RULES_ROLE_H
#define GALKA_RULES_ROLE_H

#include "base/error.h"
#include "rules/row.h"

#define ROLES(X)                                                                                                            \
        X(MEMBER, 1, "member")                                                                                              \
        X(ADMIN, 2, "admin")                                                                                                \
        X(OWNER, 3, "owner")

enum role {
        ROLE_NONE, /* not a member */
#define X(name, number, text) ROLE_##name = number,
        ROLES(X)
#undef X
};

/* The role's name; NULL for an unknown one, and for NONE. */
const char *role_text(unsigned role);

/* Something that a member is about to do in a group (or a user who is none). */
struct deed {
        unsigned kind; /* rules/row.h */
        enum role sender;
        bool self;         /* subject and sender are one; DELETED, EDITED: the subject is who wrote the row */
        enum role subject; /* of the subject now */
        enum role role;    /* ROLE: to be */
        bool with_link;    /* JOINED: the group's link was given, and it is right */
        bool only_owner;   /* ROLE: nobody but the subject is an owner */
        bool in_group;     /* PINNED: elsewhere all members are equal */
};

/* DELETED and EDITED: of a text that is there. OK; NO_ROOM (not a member), NOT_ALLOWED, NO_USER (the subject is no member), ALREADY. */
must_use enum error role_check(const struct deed *deed);

#endif
