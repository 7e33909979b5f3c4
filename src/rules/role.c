/* See role.h. */
#include "rules/role.h"

#include "base/assert.h"

const char *role_text(unsigned role)
{
        static const char *const texts[] = {
#define X(name, number, text) [number] = text,
                ROLES(X)
#undef X
        };

        return role < countof(texts) ? texts[role] : NULL;
}

static enum error check_joined(const struct deed *deed)
{
        if (deed->self)
                return !deed->with_link ? ERR_NO_ROOM : deed->sender ? ERR_ALREADY : ERR_OK;
        if (deed->sender < ROLE_ADMIN)
                return ERR_NOT_ALLOWED;
        return deed->subject ? ERR_ALREADY : ERR_OK;
}

/* Who removes somebody must stand above him. */
static enum error check_left(const struct deed *deed)
{
        if (deed->self)
                return ERR_OK;
        if (!deed->subject)
                return deed->sender >= ROLE_ADMIN ? ERR_NO_USER : ERR_NOT_ALLOWED;
        return deed->sender >= ROLE_ADMIN && deed->sender > deed->subject ? ERR_OK : ERR_NOT_ALLOWED;
}

/* Owners give roles; one steps down by himself, and not if he is the last. */
static enum error check_role(const struct deed *deed)
{
        if (deed->sender != ROLE_OWNER)
                return ERR_NOT_ALLOWED;
        if (!deed->subject)
                return ERR_NO_USER;
        if (deed->subject == deed->role)
                return ERR_ALREADY;
        if (deed->subject == ROLE_OWNER && (!deed->self || deed->only_owner))
                return ERR_NOT_ALLOWED;
        return ERR_OK;
}

/* One's own, or as an admin those of who stands below; of who has left, too. */
static enum error check_deleted(const struct deed *deed)
{
        return deed->self || (deed->sender >= ROLE_ADMIN && deed->sender > deed->subject) ? ERR_OK : ERR_NOT_ALLOWED;
}

enum error role_check(const struct deed *deed)
{
        if (deed->sender == ROLE_NONE && deed->kind != ROW_JOINED)
                return ERR_NO_ROOM;
        switch ((enum row_kind)deed->kind) {
        case ROW_TEXT:
                return ERR_OK;
        case ROW_CREATED:
                return ERR_ALREADY;
        case ROW_JOINED:
                return deed->sender == ROLE_NONE && !deed->self ? ERR_NO_ROOM : check_joined(deed);
        case ROW_LEFT:
                return check_left(deed);
        case ROW_TITLE:
        case ROW_LINK:
                return deed->sender >= ROLE_ADMIN ? ERR_OK : ERR_NOT_ALLOWED;
        case ROW_ROLE:
                return check_role(deed);
        case ROW_DELETED:
                return check_deleted(deed);
        case ROW_EDITED:
                return deed->self ? ERR_OK : ERR_NOT_ALLOWED;
        case ROW_REACTED:
        case ROW_SETTING:
                return ERR_OK;
        case ROW_PINNED:
                return !deed->in_group || deed->sender >= ROLE_ADMIN ? ERR_OK : ERR_NOT_ALLOWED;
        }
        return ERR_BAD_FIELD;
}
