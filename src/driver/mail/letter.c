/* See letter.h. */
#include "driver/mail/letter.h"

#include <stdio.h>
#include <time.h>

#include "base/assert.h"

#define WORD_BYTES 45 /* of text in one encoded word: 60 characters of base64, 72 in all (RFC 2047 allows 75) */

/* ---- what may be sent ---- */

static bool is_plain(uint8_t byte)
{
        return byte > ' ' && byte != 0x7f && !strchr("()<>[]:;,\\\"", byte);
}

bool mail_address_is_sound(struct slice address)
{
        size_t ats = 0;

        if (address.size < 3 || address.size > MAIL_ADDRESS_SIZE_MAX || !slice_is_text(address))
                return false;
        for (size_t i = 0; i < address.size; i++) {
                if (!is_plain(address.data[i]))
                        return false;
                ats += address.data[i] == '@';
        }
        return ats == 1 && address.data[0] != '@' && address.data[address.size - 1] != '@';
}

static bool subject_is_sound(struct slice subject)
{
        if (!slice_is_text(subject))
                return false;
        for (size_t i = 0; i < subject.size; i++)
                if (subject.data[i] < ' ' || subject.data[i] == 0x7f)
                        return false;
        return true;
}

static bool text_is_sound(struct slice text)
{
        size_t line = 0;

        if (!slice_is_text(text))
                return false;
        for (size_t i = 0; i < text.size; i++) {
                line = text.data[i] == '\n' ? 0 : line + 1;
                if (line > MAIL_LINE_SIZE_MAX || text.data[i] == '\r')
                        return false;
        }
        return true;
}

enum error mail_letter_check(const struct mail_letter *letter)
{
        if (letter->subject.size > MAIL_SUBJECT_SIZE_MAX || letter->text.size > MAIL_TEXT_SIZE_MAX)
                return ERR_TOO_LARGE;
        if (!mail_address_is_sound(letter->to) || !subject_is_sound(letter->subject) || !text_is_sound(letter->text))
                return ERR_BAD_FIELD;
        return ERR_OK;
}

/* ---- writing ---- */

/* Where to write; the size was bounded by mail_letter_check, so running out is a programmer's error. */
struct pen {
        char *bytes;
        size_t used;
};

static void pen_bytes(struct pen *pen, const void *bytes, size_t size)
{
        check(pen->used + size <= MAIL_LETTER_SIZE_MAX);
        if (size)
                memcpy(pen->bytes + pen->used, bytes, size);
        pen->used += size;
}

static void pen_text(struct pen *pen, const char *text)
{
        pen_bytes(pen, text, strlen(text));
}

static void pen_base64(struct pen *pen, struct slice bytes)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < bytes.size; i += 3) {
                size_t left = bytes.size - i;
                uint32_t three = (uint32_t)bytes.data[i] << 16 | (uint32_t)(left > 1 ? bytes.data[i + 1] : 0) << 8 |
                                 (left > 2 ? bytes.data[i + 2] : 0);
                char four[4] = {digits[three >> 18], digits[three >> 12 & 63], left > 1 ? digits[three >> 6 & 63] : '=',
                                left > 2 ? digits[three & 63] : '='};

                pen_bytes(pen, four, sizeof(four));
        }
}

/* A plain short subject stands as it is; another goes as encoded words, none of which cuts a character in two. */
static void pen_subject(struct pen *pen, struct slice subject)
{
        bool plain = subject.size <= 70;

        for (size_t i = 0; i < subject.size; i++)
                plain = plain && subject.data[i] < 0x7f;
        pen_text(pen, "Subject: ");
        if (plain) {
                pen_bytes(pen, subject.data, subject.size);
        } else {
                for (size_t at = 0; at < subject.size;) {
                        size_t size = min_of(subject.size - at, (size_t)WORD_BYTES);

                        while (at + size < subject.size && (subject.data[at + size] & 0xc0) == 0x80)
                                size--;
                        pen_text(pen, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
                        pen_base64(pen, slice_of(subject.data + at, size));
                        pen_text(pen, "?=");
                        at += size;
                }
        }
        pen_text(pen, "\r\n");
}

/* RFC 5322, 3.3. Not strftime: its names of days depend on the locale. */
static void pen_date(struct pen *pen, uint64_t time_ms)
{
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm tm;
        char line[80];

        check(gmtime_r(&seconds, &tm));
        snprintf(line, sizeof(line), "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        pen_text(pen, line);
}

static void pen_lines(struct pen *pen, struct slice text)
{
        for (size_t at = 0; at < text.size;) {
                const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
                size_t size = end ? (size_t)(end - text.data) - at : text.size - at;

                pen_bytes(pen, text.data + at, size);
                pen_text(pen, "\r\n");
                at += size + 1;
        }
}

size_t mail_letter_format(const struct mail_letter *letter, const struct mail_headers *headers, char *bytes)
{
        struct pen pen = {bytes, 0};
        const char *domain = strchr(headers->from, '@');
        char line[64];

        check(domain && mail_letter_check(letter) == ERR_OK);
        pen_date(&pen, headers->time_ms);
        pen_text(&pen, "From: ");
        pen_text(&pen, headers->from);
        pen_text(&pen, "\r\nTo: ");
        pen_bytes(&pen, letter->to.data, letter->to.size);
        pen_text(&pen, "\r\n");
        pen_subject(&pen, letter->subject);
        snprintf(line, sizeof(line), "Message-ID: <%llu.%016llx", (unsigned long long)headers->time_ms,
                 (unsigned long long)headers->number);
        pen_text(&pen, line);
        pen_text(&pen, domain);
        pen_text(&pen, ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n");
        pen_lines(&pen, letter->text);
        return pen.used;
}

/* ---- reading ---- */

struct slice mail_letter_code(const struct mail_letter *letter, size_t digits)
{
        struct slice text = letter->text;
        size_t run = 0;

        check(digits > 0);
        for (size_t i = 0; i <= text.size; i++) {
                if (i < text.size && text.data[i] >= '0' && text.data[i] <= '9') {
                        run++;
                        continue;
                }
                if (run == digits)
                        return slice_of(text.data + i - run, run);
                run = 0;
        }
        return slice_of(NULL, 0);
}
