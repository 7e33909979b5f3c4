/* See row.h. */
#include "rules/row.h"

#include "base/assert.h"
#include "rules/reaction.h"
#include "rules/role.h"
#include "rules/setting.h"

struct kind {
        const char *text;
        size_t text_max;
        bool countable, subject, role;
        enum row_rooms rooms;
        enum row_target target;
};

static const struct kind *kind_of(unsigned number)
{
        static const struct kind kinds[] = {
#define X(name, number, text, countable, rooms, text_max, subject, role, target)                                            \
        [number] = {text, text_max, countable, subject, role, rooms, target},
                ROW_KINDS(X)
#undef X
        };

        return number < countof(kinds) && kinds[number].text ? &kinds[number] : NULL;
}

bool row_countable(unsigned kind)
{
        const struct kind *found = kind_of(kind);

        return found && found->countable;
}

bool row_alters(unsigned kind, uint64_t target)
{
        const struct kind *found = kind_of(kind);

        return found && (found->target == TARGET_ALTERED || (found->target == TARGET_ALTERED_OR_NONE && target));
}

const char *row_kind_text(unsigned kind)
{
        const struct kind *found = kind_of(kind);

        return found ? found->text : NULL;
}

static bool is_in(enum row_rooms rooms, enum room_kind room)
{
        return rooms == ROOMS_ALL || room == (rooms == ROOMS_GROUP ? ROOM_GROUP : ROOM_SELF);
}

/* Only how long it is, is known to be right. */
static bool text_is_right(const struct row_content *content, const struct kind *kind)
{
        struct slice key, value;

        if (content->kind == ROW_REACTED)
                return reaction_is_lawful(content->text);
        if (content->kind == ROW_SETTING)
                return setting_read(content->text, &key, &value);
        return (content->text.size > 0) == (kind->text_max > 0);
}

enum error row_check(const struct row_content *content)
{
        const struct kind *kind = kind_of(content->kind);

        if (!kind || !is_in(kind->rooms, content->room))
                return ERR_BAD_FIELD;
        if ((kind->text_max && content->text.size > kind->text_max) || content->origin.size > DISPLAY_NAME_MAX)
                return ERR_TOO_LARGE;
        if (!text_is_right(content, kind))
                return ERR_BAD_FIELD;
        if (content->origin.size > 0 && content->kind != ROW_TEXT)
                return ERR_BAD_FIELD;
        if (content->off && content->kind != ROW_PINNED)
                return ERR_BAD_FIELD;
        if ((content->subject != 0) != kind->subject)
                return ERR_BAD_FIELD;
        if (kind->role ? !role_text(content->role) : content->role != 0)
                return ERR_BAD_FIELD;
        if (content->target > INT64_MAX ||
            (content->target != 0 ? kind->target == TARGET_NONE : kind->target == TARGET_ALTERED))
                return ERR_BAD_FIELD;
        if (content->link_size != 0 &&
            (content->link_size != LINK_SIZE || (content->kind != ROW_LINK && content->kind != ROW_JOINED)))
                return ERR_BAD_FIELD;
        return ERR_OK;
}
