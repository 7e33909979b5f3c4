/* See mentions.h. */
#include "terminal/mentions.h"

#include "base/assert.h"
#include "rules/mention.h"
#include "rules/room.h"
#include "rules/row.h"

struct looking {
        const struct session *session;
        const struct id *room;
        uint64_t me;
        struct slice user_name;
        uint32_t rows, found;
};

static void look(void *context, struct slice key, struct slice value)
{
        struct looking *looking = context;
        struct wire_row row;

        (void)key;
        looking->rows++;
        looking->found += core_row_decode(value, &row) == ERR_OK && row.kind == ROW_TEXT && row.sender != looking->me &&
                          !session_hides(looking->session, looking->room, &row) && mention_has(row.text, looking->user_name);
}

struct mentions mentions_of(struct session *session, const struct core_room_info *info)
{
        struct core *core = session->host->core;
        struct looking looking = {
                .session = session, .room = &info->room, .me = core_user(core), .user_name = core_profile(core).user_name};
        uint64_t above = max_of(info->marks.read, info->hole_top);
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size = core_key_row(&info->room, above + 1, from), to_size = core_key_row(&info->room, UINT64_MAX, to);

        if (info->kind != ROOM_GROUP || info->unread == 0)
                return (struct mentions){0};
        if (file_range(session->file, slice_of(from, from_size), slice_of(to, to_size), MENTIONS_ROWS_MAX, true, look,
                       &looking) != ERR_OK)
                session->host->storage_failed = true;
        return (struct mentions){.count = min_of(looking.found, (uint32_t)MENTIONS_MAX),
                                 .more = looking.found > MENTIONS_MAX || looking.rows == MENTIONS_ROWS_MAX ||
                                         info->hole_top > info->marks.read};
}
