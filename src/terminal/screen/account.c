/* Without an account: signing in, signing up, the code from the mail. Passwords are wiped once they were given to the core. */
#include <stdio.h>
#include <sys/utsname.h>

#include "base/assert.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "rules/invite.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "terminal/screen/screen_inside.h"

enum { FORM_SERVER, FORM_LOGIN, FORM_LOGIN_PASSWORD };                          /* POPUP_SIGN_IN */
enum { FORM_EMAIL = 1, FORM_USER_NAME, FORM_NAME, FORM_PASSWORD, FORM_INVITE }; /* POPUP_SIGN_UP */

static struct slice field(const struct screen *screen, unsigned which)
{
        return line_text(screen->model.popup.fields[which].line);
}

static void add_choice(struct screen *screen, enum text label, enum text detail, enum model_popup leads_to)
{
        struct model_item *item = popup_add(&screen->model.popup);

        if (!item)
                return;
        snprintf(item->label, sizeof(item->label), "%s", text(label));
        if (detail != TEXT_APP)
                snprintf(item->detail, sizeof(item->detail), "%s", text(detail));
        item->seq = leads_to;
}

void account_welcome(struct screen *screen)
{
        popup_open(&screen->model, POPUP_WELCOME);
        if (screen->model.phase == CORE_WAITS_FOR_CODE)
                add_choice(screen, TEXT_WELCOME_CODE, TEXT_WELCOME_CODE_DETAIL, POPUP_CODE);
        add_choice(screen, TEXT_WELCOME_SIGN_IN, TEXT_WELCOME_SIGN_IN_DETAIL, POPUP_SIGN_IN);
        add_choice(screen, TEXT_WELCOME_SIGN_UP, TEXT_WELCOME_SIGN_UP_DETAIL, POPUP_SIGN_UP);
        add_choice(screen, TEXT_WELCOME_LEAVE, TEXT_APP, POPUP_NONE);
}

static void open_form(struct screen *screen, enum model_popup kind)
{
        popup_open(&screen->model, kind);
        if (kind != POPUP_CODE)
                line_set(screen->model.popup.fields[FORM_SERVER].line, slice_text(screen->session->server));
        else
                popup_say(&screen->model.popup, false, text(TEXT_CODE_SENT));
        screen->model.popup.chosen = kind == POPUP_CODE ? 0 : 1;
}

/* Another server: the host is made anew for it, and it is kept in the profile. */
static bool use_server(struct screen *screen)
{
        struct session *session = screen->session;
        struct slice server = field(screen, FORM_SERVER);
        char name[sizeof(session->server)];
        struct host *host;

        snprintf(name, sizeof(name), "%.*s", (int)server.size, (const char *)server.data);
        if (strcmp(name, session->server) == 0)
                return true;
        if (host_new(session->file, name, true, &host) != ERR_OK)
                return false;
        if (host_start(host) != ERR_OK || host_watch(host, 0) != ERR_OK ||
            file_set_setting(session->file, "server", name) != ERR_OK) {
                host_free(&host);
                return false;
        }
        host_free(&session->host);
        session->host = host;
        host_set_listener(host, feed_event, &screen->feed);
        snprintf(session->server, sizeof(session->server), "%s", name);
        return true;
}

static void device_name(char name[static 129])
{
        struct utsname system;

        snprintf(name, 129, "terminal on %.64s", uname(&system) == 0 ? system.nodename : "some machine");
}

/* ---- what is wrong with an answer, before the server is asked ---- */

static bool is_login(struct slice answer)
{
        return answer.size > 0;
}

static bool is_email(struct slice answer)
{
        return name_is_email(answer);
}

static bool is_display_name(struct slice answer)
{
        return answer.size <= DISPLAY_NAME_MAX && name_is_display_name(answer);
}

static bool is_password(struct slice answer)
{
        return answer.size >= PASSWORD_MIN;
}

/* A token, a link that ends in one, or nothing. */
static bool is_invite(struct slice answer)
{
        return answer.size == 0 || invite_token(answer).size > 0;
}

static bool is_code(struct slice answer)
{
        return answer.size == CODE_DIGITS;
}

static const struct {
        enum model_popup kind;
        unsigned field;
        bool (*is_good)(struct slice answer);
        enum text problem;
} checks[] = {
        {POPUP_SIGN_IN, FORM_SERVER, is_login, TEXT_BAD_SERVER},
        {POPUP_SIGN_IN, FORM_LOGIN, is_login, TEXT_EMPTY_FIELD},
        {POPUP_SIGN_IN, FORM_LOGIN_PASSWORD, is_login, TEXT_EMPTY_FIELD},
        {POPUP_SIGN_UP, FORM_SERVER, is_login, TEXT_BAD_SERVER},
        {POPUP_SIGN_UP, FORM_EMAIL, is_email, TEXT_BAD_EMAIL},
        {POPUP_SIGN_UP, FORM_USER_NAME, name_is_user_name, TEXT_BAD_USER_NAME},
        {POPUP_SIGN_UP, FORM_NAME, is_display_name, TEXT_BAD_NAME},
        {POPUP_SIGN_UP, FORM_PASSWORD, is_password, TEXT_BAD_PASSWORD},
        {POPUP_SIGN_UP, FORM_INVITE, is_invite, TEXT_BAD_INVITE},
        {POPUP_CODE, 0, is_code, TEXT_BAD_CODE},
};

/* Up to which field the answers are good: that one is chosen, and what is wrong with it is said. */
static bool form_is_good(struct screen *screen, unsigned up_to)
{
        struct model_popup_state *popup = &screen->model.popup;

        for (size_t i = 0; i < countof(checks); i++) {
                if (checks[i].kind != popup->kind || checks[i].field > up_to ||
                    checks[i].is_good(field(screen, checks[i].field)))
                        continue;
                popup->chosen = checks[i].field;
                popup_say(popup, true, text(checks[i].problem));
                return false;
        }
        return true;
}

/* ---- asking ---- */

static enum error ask_server(struct screen *screen)
{
        enum model_popup kind = screen->model.popup.kind;
        struct core_time time;
        uint8_t secret[32];
        char device[129];
        enum error error;

        if (kind != POPUP_CODE && !use_server(screen))
                return ERR_CONFIG;
        time = host_time(screen->session->host);
        crypto_random(secret, sizeof(secret));
        device_name(device);
        if (kind == POPUP_SIGN_IN)
                error = core_sign_in(screen_core(screen), field(screen, FORM_LOGIN), field(screen, FORM_LOGIN_PASSWORD),
                                     secret, slice_text(device), time);
        else if (kind == POPUP_SIGN_UP)
                error = core_sign_up(screen_core(screen), field(screen, FORM_EMAIL), field(screen, FORM_USER_NAME),
                                     field(screen, FORM_NAME), field(screen, FORM_PASSWORD),
                                     invite_token(field(screen, FORM_INVITE)), time);
        else
                error = core_confirm(screen_core(screen), field(screen, 0), secret, slice_text(device), time);
        crypto_wipe(secret, sizeof(secret));
        return error;
}

static void send_form(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;
        enum error error = ask_server(screen);

        screen->feed.signed_answer = false;
        popup->busy = error == ERR_OK;
        if (error == ERR_CONFIG)
                popup_say(popup, true, text(TEXT_BAD_SERVER));
        else if (error)
                popup_say(popup, true, text_error(error));
        host_hurry(screen->session->host);
        host_settle(screen->session->host);
}

void account_enter(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;

        if (popup->busy)
                return;
        if (popup->kind == POPUP_WELCOME) {
                enum model_popup next =
                        popup->chosen < popup->item_count ? (enum model_popup)popup->items[popup->chosen].seq : POPUP_NONE;

                if (next == POPUP_NONE)
                        screen->ended = true;
                else
                        open_form(screen, next);
                return;
        }
        popup_say(popup, false, "");
        if (!form_is_good(screen, popup->chosen))
                return;
        if (popup->chosen + 1 < popup->field_count)
                popup->chosen++;
        else if (form_is_good(screen, popup->field_count))
                send_form(screen);
}

static void wipe_passwords(struct screen *screen)
{
        for (unsigned i = 0; i < MODEL_FIELDS_MAX; i++)
                if (screen->model.popup.fields[i].secret)
                        line_clear(screen->model.popup.fields[i].line);
}

static void take_answer(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;

        popup->busy = false;
        if (!screen->feed.sign_error) {
                wipe_passwords(screen);
                if (popup->kind == POPUP_SIGN_UP)
                        open_form(screen, POPUP_CODE);
                return;
        }
        popup_say(popup, true, text_error(screen->feed.sign_error));
        if (popup->kind == POPUP_SIGN_UP && screen->feed.sign_error == ERR_NAME_TAKEN)
                popup->chosen = FORM_USER_NAME;
}

void account_update(struct screen *screen)
{
        struct model *model = &screen->model;
        bool asking = model->popup.kind >= POPUP_WELCOME;

        if (screen->feed.signed_answer) {
                screen->feed.signed_answer = false;
                if (asking)
                        take_answer(screen);
        }
        if (model->phase == CORE_LOADING)
                return;
        if (model->phase >= CORE_OFFLINE && asking) {
                popup_close(model);
                model->focus = FOCUS_ROOMS;
                screen->feed.rooms_changed = screen->feed.outbox_changed = true;
        } else if (model->phase < CORE_OFFLINE && !asking && model->popup.kind != POPUP_HELP &&
                   model->popup.kind != POPUP_SETTINGS) {
                /* The server signed this device out. */
                model->open = false;
                model->focus = FOCUS_ROOMS;
                log_clear(&model->log);
                account_welcome(screen);
                popup_say(&model->popup, true, text(TEXT_SIGNED_OUT));
        }
        if (asking && model->popup.busy && screen->session->host->failures > 1)
                popup_say(&model->popup, true, text(TEXT_WHY_UNREACHABLE));
}
