/* See chat_draft.h. */
#include "terminal/chat_draft.h"

#include <inttypes.h>
#include <stdio.h>

#include "rules/setting.h"

#define PAUSE_MS 2000

static void read_setting(const struct chat_draft *draft, struct core_setting *setting)
{
        char key[SETTING_KEY_MAX];

        (void)core_setting(draft->session->host->core, setting_key_of(SETTING_DRAFT, &draft->room, key), setting);
}

/* What the line comes to, as a setting's value. False: it is too long. */
static bool value_now(const struct chat_draft *draft, char bytes[static CHAT_DRAFT_SIZE], struct slice *value)
{
        struct slice text = line_text(draft->line);
        int size = snprintf(bytes, CHAT_DRAFT_SIZE, "%" PRIu64 " ", draft->reply_to);

        *value = (struct slice){0};
        if (text.size == 0)
                return true;
        if ((size_t)size + text.size > CHAT_DRAFT_SIZE)
                return false;
        memcpy(bytes + size, text.data, text.size);
        *value = slice_of(bytes, (size_t)size + text.size);
        return true;
}

static void note_shown(struct chat_draft *draft)
{
        struct slice value;

        if (!value_now(draft, draft->shown, &value))
                value = (struct slice){0};
        draft->shown_size = value.size;
        draft->typed_ms = 0;
}

static void note_stored(struct chat_draft *draft, struct slice value)
{
        draft->stored_size = value.size <= sizeof(draft->stored) ? value.size : 0;
        if (draft->stored_size)
                memcpy(draft->stored, value.data, draft->stored_size);
}

bool chat_draft_load(struct chat_draft *draft)
{
        struct core_setting setting;
        struct slice text = {0};

        read_setting(draft, &setting);
        note_stored(draft, setting.value);
        draft->reply_to = 0;
        line_clear(draft->line);
        if (setting_draft_read(setting.value, &draft->reply_to, &text) && text.size)
                line_set(draft->line, text);
        note_shown(draft);
        return text.size > 0;
}

void chat_draft_typed(struct chat_draft *draft)
{
        draft->typed_ms = host_time(draft->session->host).now_ms;
}

static bool is_changed(const struct chat_draft *draft, char bytes[static CHAT_DRAFT_SIZE], struct slice *value)
{
        return value_now(draft, bytes, value) && !slice_equal(*value, slice_of(draft->shown, draft->shown_size));
}

void chat_draft_save(struct chat_draft *draft)
{
        struct host *host = draft->session->host;
        char bytes[CHAT_DRAFT_SIZE];
        struct slice value;

        draft->typed_ms = 0;
        if (core_phase(host->core) < CORE_OFFLINE || !is_changed(draft, bytes, &value))
                return;
        if (core_set_room(host->core, &draft->room, SETTING_DRAFT, value, host_time(host)) == ERR_OK) {
                note_stored(draft, value);
                note_shown(draft);
        }
        host_settle(host);
}

void chat_draft_sent(struct chat_draft *draft)
{
        draft->reply_to = 0;
        chat_draft_save(draft);
}

void chat_draft_turn(struct chat_draft *draft)
{
        if (draft->typed_ms && draft->typed_ms + PAUSE_MS <= host_time(draft->session->host).now_ms)
                chat_draft_save(draft);
}

bool chat_draft_heard(struct chat_draft *draft)
{
        struct core_setting setting;
        char bytes[CHAT_DRAFT_SIZE];
        struct slice value;

        read_setting(draft, &setting);
        if (slice_equal(setting.value, slice_of(draft->stored, draft->stored_size)) || is_changed(draft, bytes, &value))
                return false;
        (void)chat_draft_load(draft);
        return true;
}

bool chat_draft_at_rest(const struct chat_draft *draft)
{
        struct core_setting setting;

        read_setting(draft, &setting);
        return !setting.waits;
}
