/*
 * One table of letters. A language that has none is written to in English. No letter quotes what the person who asked for it
 * typed: anybody may type anybody's address, and Galka shall not carry his words there.
 */
#include "service/notify/letter.h"

#include "base/assert.h"
#include "rules/limits.h"

#include <stdio.h>

/* Kind, language, subject, text. {code} and {minutes} are filled in. */
#define LETTERS(X)                                                                                                                                                                                              \
        X(WIRE_MAIL_CODE, "en", "Your Galka code: {code}",                                                                                                                                                      \
          "Hello,\n\nyour code is {code}. It is valid for {minutes} minutes.\n\n"                                                                                                                               \
          "If you did not ask for it, ignore this letter: nothing will happen.\n\nGalka\n")                                                                                                                     \
        X(WIRE_MAIL_CODE, "ru", "Код для Галки: {code}",                                                                                                                                                        \
          "Здравствуйте!\n\nВаш код: {code}. Он действует {minutes} минут.\n\n"                                                                                               \
          "Если вы его не запрашивали, просто забудьте об этом письме: ничего не произойдёт.\n\nГалка\n")                                                                                                       \
        X(WIRE_MAIL_KNOWN, "en", "You already have a Galka account",                                                                                                                                            \
          "Hello,\n\nsomebody, probably you, tried to sign up with this address. You already have an "                                                                                                          \
          "account: sign in with your user name or this address, and your password.\n\n"                                                                                                                        \
          "If it was not you, ignore this letter: nothing was changed.\n\nGalka\n")                                                                                                                             \
        X(WIRE_MAIL_KNOWN, "ru", "У вас уже есть учётная запись в Галке",                                                                                                                                       \
          "Здравствуйте!\n\nКто-то, скорее всего вы, хотел зарегистрироваться с этим адресом. Учётная "                                 \
          "запись у вас уже есть: войдите с именем пользователя или этим адресом и паролем.\n\n"                                               \
          "Если это были не вы, просто забудьте об этом письме: ничего не изменилось.\n\nГалка\n")                                                                                                              \
        X(WIRE_MAIL_RESET, "en", "Your Galka code: {code}",                                                                                                                                                     \
          "Hello,\n\nthe code for a new password is {code}. It is valid for {minutes} minutes. With a new password, all "                                                                                       \
          "your "                                                                                                                                                                                               \
          "other devices are signed out.\n\n"                                                                                                                                                                   \
          "If you did not ask for it, ignore this letter: nothing will happen.\n\nGalka\n")                                                                                                                     \
        X(WIRE_MAIL_RESET, "ru", "Код для Галки: {code}",                                                                                                                                                       \
          "Здравствуйте!\n\nКод для нового пароля: {code}. Он действует {minutes} минут. С новым паролем все остальные "                 \
          "ваши "                                                                                                                                                                                           \
          "устройства выйдут из Галки.\n\n"                                                                                                                                              \
          "Если вы его не запрашивали, просто забудьте об этом письме: ничего не произойдёт.\n\nГалка\n")                                                                                                       \
        X(WIRE_MAIL_RESET_UNKNOWN, "en", "There is no Galka account with this address",                                                                                                                         \
          "Hello,\n\nsomebody, probably you, asked for a new password. There is no account with this address: perhaps "                                                                                         \
          "you signed up with another one.\n\n"                                                                                                                                                                 \
          "If it was not you, ignore this letter.\n\nGalka\n")                                                                                                                                                  \
        X(WIRE_MAIL_RESET_UNKNOWN, "ru", "С этим адресом нет учётной записи в Галке",                                                                                                                           \
          "Здравствуйте!\n\nКто-то, скорее всего вы, запросил новый пароль. Учётной записи с этим адресом нет: возможно, " \
          "вы "                                                                                                                                                                                               \
          "регистрировались с другим.\n\n"                                                                                                                                               \
          "Если это были не вы, просто забудьте об этом письме.\n\nГалка\n")                                                                                                                                    \
        X(WIRE_MAIL_EMAIL, "en", "Your Galka code: {code}",                                                                                                                                                     \
          "Hello,\n\nthe code that makes this the address of your account is {code}. It is valid for {minutes} "                                                                                                \
          "minutes.\n\n"                                                                                                                                                                                        \
          "If you did not ask for it, ignore this letter: nothing will happen.\n\nGalka\n")                                                                                                                     \
        X(WIRE_MAIL_EMAIL, "ru", "Код для Галки: {code}",                                                                                                                                                       \
          "Здравствуйте!\n\nКод, с которым этот адрес станет адресом вашей учётной записи: {code}. Он действует {minutes} "           \
          "минут.\n\n"                                                                                                                                                                                     \
          "Если вы его не запрашивали, просто забудьте об этом письме: ничего не произойдёт.\n\nГалка\n")                                                                                                       \
        X(WIRE_MAIL_EMAIL_TAKEN, "en", "This address has a Galka account already",                                                                                                                              \
          "Hello,\n\nsomebody, probably you, wanted to make this the address of another account. It belongs to one "                                                                                            \
          "already, and stays there.\n\n"                                                                                                                                                                       \
          "If it was not you, ignore this letter: nothing was changed.\n\nGalka\n")                                                                                                                             \
        X(WIRE_MAIL_EMAIL_TAKEN, "ru", "У этого адреса уже есть учётная запись в Галке",                                                                                                                        \
          "Здравствуйте!\n\nКто-то, скорее всего вы, хотел сделать этот адрес адресом другой учётной записи. Он уже "         \
          "принадлежит одной и останется при ней.\n\n"                                                                                                                          \
          "Если это были не вы, просто забудьте об этом письме: ничего не изменилось.\n\nГалка\n")                                                                                                              \
        X(WIRE_MAIL_EMAIL_NOTICE, "en", "Your Galka account is to have another address",                                                                                                                        \
          "Hello,\n\nsomebody who knows your password, probably you, asked for another address for your account. As soon "                                                                                      \
          "as "                                                                                                                                                                                                 \
          "the code that was sent there is entered, letters go there.\n\n"                                                                                                                                      \
          "If it was not you, set a new password now, and sign all other devices out.\n\nGalka\n")                                                                                                              \
        X(WIRE_MAIL_EMAIL_NOTICE, "ru", "У вашей учётной записи в Галке будет другой адрес",                                                                                                                    \
          "Здравствуйте!\n\nКто-то, кто знает ваш пароль, скорее всего вы, запросил другой адрес для вашей учётной "           \
          "записи. "                                                                                                                                                                                      \
          "Как только будет введён код, отправленный туда, письма пойдут туда.\n\n"                                                                      \
          "Если это были не вы, смените пароль сейчас же и завершите сеансы на всех других устройствах.\n\nГалка\n")

struct letter {
        enum wire_mail_kind kind;
        const char *language, *subject, *text;
};

static const struct letter letters[] = {
#define X(kind, language, subject, text) {kind, language, subject, text},
        LETTERS(X)
#undef X
};

/* The letter of that kind in the language ("ru", "ru-RU"), else the first of that kind; NULL if there is none. */
static const struct letter *choose(uint64_t kind, struct slice language)
{
        const struct letter *first = NULL;

        for (size_t i = 0; i < countof(letters); i++) {
                if (letters[i].kind != kind)
                        continue;
                if (!first)
                        first = &letters[i];
                if (language.size >= 2 && memcmp(language.data, letters[i].language, 2) == 0)
                        return &letters[i];
        }
        return first;
}

/* Copies `pattern` with its fields filled in; what does not fit is cut off, which the sizes keep from happening. */
static struct slice fill(const char *pattern, struct slice code, char *buffer, size_t size)
{
        char minutes[16];
        size_t used = 0;

        snprintf(minutes, sizeof(minutes), "%d", CODE_VALID_MS / 60000);
        while (*pattern) {
                struct slice piece = slice_of(pattern, 1);
                size_t step = 1;

                if (strncmp(pattern, "{code}", 6) == 0) {
                        piece = code;
                        step = 6;
                } else if (strncmp(pattern, "{minutes}", 9) == 0) {
                        piece = slice_text(minutes);
                        step = 9;
                }
                check(used + piece.size <= size);
                if (piece.size)
                        memcpy(buffer + used, piece.data, piece.size);
                used += piece.size;
                pattern += step;
        }
        return slice_of(buffer, used);
}

bool letter_write(const struct wire_mail *mail, char buffer[static LETTER_TEXT_MAX], struct mail_letter *letter)
{
        const struct letter *chosen = choose(mail->kind, mail->language);

        if (!chosen)
                return false;
        letter->to = mail->to;
        letter->subject = fill(chosen->subject, mail->code, buffer, LETTER_TEXT_MAX);
        letter->text = fill(chosen->text, mail->code, buffer + letter->subject.size, LETTER_TEXT_MAX - letter->subject.size);
        return true;
}
