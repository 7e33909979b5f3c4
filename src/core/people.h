/*
 * People whom this client has to name: who writes in groups, who is spoken of there, who is listed. Kept in the storage, the least
 * recently looked at forgotten first; asked of the server by fifties, once a link for those who are looked at, since names change.
 */
#ifndef GALKA_CORE_PEOPLE_H
#define GALKA_CORE_PEOPLE_H

#include "base/list.h"
#include "core/core.h"

#define PEOPLE_MAX 1024 /* in memory, and so in the storage */

struct known {
        struct list_node use;
        struct wire_person person; /* its texts are ours; user_name empty: not known yet */
        bool wanted;               /* to be asked for on this link */
        bool asked;                /* was */
};

struct people {
        struct known **by_user;
        uint32_t count, size, wanted;
        struct list by_use; /* the least recently used first */
        bool news;          /* a name came or changed */
};

void people_init(struct people *people);
void people_forget(struct core *core);

/* He will have to be named. Without memory he is not. */
void people_want(struct core *core, uint64_t user);

/* The server, or the storage (from_storage), says who he is. False: no memory. */
bool people_take(struct core *core, const struct wire_person *person, bool from_storage);

/* Is he one of them? */
bool people_knows(const struct core *core, uint64_t user);

/* Those to ask for, at most `max`; they count as asked. */
uint32_t people_wanted(struct core *core, struct wire_user_ref *users, uint32_t max);

/* The question was not answered, or the link was lost: those who are not known are asked for again, the others when they are looked
 * at. */
void people_not_answered(struct core *core);

#endif
