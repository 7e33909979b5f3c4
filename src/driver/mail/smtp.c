/* See smtp.h. libcurl tells which sockets and which time it waits for; they are in one epoll set, whose descriptor is the seam's. */
#include "driver/mail/smtp.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/mail/letter.h"
#include "rules/limits.h"

#define URL_SIZE     1024
#define EVENTS_MAX   16
#define REFUSED_MIN  500 /* RFC 5321, 4.2.1: final */
#define REFUSED_MAX  599
#define AUTH_NEEDED  530 /* RFC 4954, 6: final for us as we are, not for the letter */
#define AUTH_WEAK    534
#define AUTH_WRONG   535
#define AUTH_SECRECY 538

struct transfer {
        CURL *easy; /* NULL: free */
        struct curl_slist *to;
        char *bytes;
        size_t size, sent;
        uint64_t tag;
        char why[CURL_ERROR_SIZE];
};

struct smtp {
        struct mail mail;
        struct mail_smtp_options options;
        char host[SMTP_HOST_SIZE], from[MAIL_ADDRESS_SIZE_MAX + 1];
        CURLM *multi;
        int epoll, timer, more; /* more: completions wait to be polled */
        struct transfer transfers[SMTP_LETTERS_MAX];
        size_t busy; /* transfers, and completions that were not polled */
        struct completion completions[SMTP_LETTERS_MAX];
        size_t completion_count;
        char draft[MAIL_LETTER_SIZE_MAX];
};

static struct smtp *smtp_of(struct mail *mail)
{
        return container_of(mail, struct smtp, mail);
}

/* ---- what libcurl waits for ---- */

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known)
{
        struct smtp *smtp = context;
        struct epoll_event event = {.data.fd = socket};

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                epoll_ctl(smtp->epoll, EPOLL_CTL_DEL, socket, NULL); /* closed already: nothing to do */
                return 0;
        }
        event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
        if (epoll_ctl(smtp->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0)
                return -1;
        curl_multi_assign(smtp->multi, socket, smtp);
        return 0;
}

static int watch_time(CURLM *multi, long timeout_ms, void *context)
{
        struct smtp *smtp = context;
        struct itimerspec at = {0}; /* below 0: none */

        (void)multi;
        if (timeout_ms >= 0)
                at.it_value = (struct timespec){timeout_ms / 1000, timeout_ms % 1000 * 1000000 + (timeout_ms == 0)};
        return timerfd_settime(smtp->timer, 0, &at, NULL);
}

static void look_at_sockets(struct smtp *smtp)
{
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(smtp->epoll, events, EVENTS_MAX, 0), running;
        uint64_t ignored;

        for (int i = 0; i < count; i++) {
                int fd = events[i].data.fd, what = 0;

                if (fd == smtp->more)
                        continue;
                if (fd == smtp->timer) {
                        if (read(fd, &ignored, sizeof(ignored)) < 0)
                                continue;
                        fd = CURL_SOCKET_TIMEOUT;
                } else {
                        what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                               (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                               (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
                }
                curl_multi_socket_action(smtp->multi, fd, what, &running);
        }
}

/* ---- one letter ---- */

static size_t give_bytes(char *buffer, size_t size, size_t count, void *context)
{
        struct transfer *transfer = context;
        size_t step = min_of(size * count, transfer->size - transfer->sent);

        memcpy(buffer, transfer->bytes + transfer->sent, step);
        transfer->sent += step;
        return step;
}

static size_t drop_bytes(char *bytes, size_t size, size_t count, void *context)
{
        (void)bytes, (void)context;
        return size * count;
}

static void transfer_end(struct smtp *smtp, struct transfer *transfer)
{
        if (transfer->easy) {
                curl_multi_remove_handle(smtp->multi, transfer->easy);
                curl_easy_cleanup(transfer->easy);
        }
        curl_slist_free_all(transfer->to);
        memory_free(transfer->bytes);
        *transfer = (struct transfer){0};
}

/* What every conversation with the server has. */
static bool set_server(CURL *easy, const struct mail_smtp_options *options, char why[static CURL_ERROR_SIZE])
{
        static const uint32_t ports[] = {[SMTP_STARTTLS] = 587, [SMTP_TLS] = 465, [SMTP_PLAIN] = 25};
        bool colons = strchr(options->host, ':') != NULL; /* an address of IPv6 */
        uint32_t timeout_ms = options->timeout_ms ? options->timeout_ms : SMTP_TIMEOUT_MS;
        char url[URL_SIZE];
        int size = snprintf(url, sizeof(url), "%s://%s%s%s:%u/%s", options->tls == SMTP_TLS ? "smtps" : "smtp",
                            colons ? "[" : "", options->host, colons ? "]" : "",
                            options->port ? options->port : ports[options->tls], strchr(options->from, '@') + 1);

        return size > 0 && (size_t)size < sizeof(url) && !curl_easy_setopt(easy, CURLOPT_URL, url) &&
               !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") && !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
               !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) && !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why) &&
               !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
               !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
               !curl_easy_setopt(easy, CURLOPT_USE_SSL,
                                 options->tls == SMTP_STARTTLS ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE) &&
               (!options->ca || !curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca)) &&
               (!options->user || (!curl_easy_setopt(easy, CURLOPT_USERNAME, options->user) &&
                                   !curl_easy_setopt(easy, CURLOPT_PASSWORD, options->secret))) &&
               !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes);
}

static bool set_letter(struct smtp *smtp, struct transfer *transfer)
{
        CURL *easy = transfer->easy;

        return set_server(easy, &smtp->options, transfer->why) &&
               !curl_easy_setopt(easy, CURLOPT_MAIL_FROM, smtp->options.from) &&
               !curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, transfer->to) && !curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) &&
               !curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_bytes) &&
               !curl_easy_setopt(easy, CURLOPT_READDATA, transfer) && !curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

static enum error transfer_begin(struct smtp *smtp, struct transfer *transfer, const struct mail_letter *letter)
{
        struct mail_headers headers = {.from = smtp->options.from,
                                       .time_ms = smtp->options.clock->wall_ms(smtp->options.clock),
                                       .number = random_u64(smtp->options.random)};
        char to[MAIL_ADDRESS_SIZE_MAX + 1];

        transfer->size = mail_letter_format(letter, &headers, smtp->draft);
        transfer->bytes = memory_new(transfer->size);
        snprintf(to, sizeof(to), "%.*s", (int)letter->to.size, (const char *)letter->to.data);
        transfer->to = curl_slist_append(NULL, to);
        transfer->easy = curl_easy_init();
        if (!transfer->bytes || !transfer->to || !transfer->easy)
                return ERR_NO_MEMORY;
        memcpy(transfer->bytes, smtp->draft, transfer->size);
        return set_letter(smtp, transfer) && !curl_multi_add_handle(smtp->multi, transfer->easy) ? ERR_OK : ERR_NO_MEMORY;
}

static bool is_final(long reply)
{
        return reply >= REFUSED_MIN && reply <= REFUSED_MAX && reply != AUTH_NEEDED && reply != AUTH_WEAK &&
               reply != AUTH_WRONG && reply != AUTH_SECRECY;
}

static enum outcome outcome_of(struct smtp *smtp, const struct transfer *transfer, CURLcode code)
{
        const char *why = *transfer->why ? transfer->why : curl_easy_strerror(code);
        long reply = 0;

        if (code == CURLE_OK)
                return OUTCOME_OK;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &reply);
        if (is_final(reply) && code != CURLE_LOGIN_DENIED && code != CURLE_USE_SSL_FAILED) {
                event_note(smtp->options.events, EVENT_ERROR, "mail.refused", NULL, {"server", smtp->options.host, 0},
                           {"reply", NULL, (uint64_t)reply}, {"error", why, 0});
                return OUTCOME_OK;
        }
        event_note(smtp->options.events, EVENT_WARNING, "mail.failed", NULL, {"server", smtp->options.host, 0},
                   {"reply", NULL, (uint64_t)reply}, {"error", why, 0});
        return transfer->sent == transfer->size ? OUTCOME_UNCERTAIN : OUTCOME_FAILED;
}

static void take_ended(struct smtp *smtp)
{
        uint64_t one = 1;
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(smtp->multi, &left))) {
                struct transfer *transfer = NULL;
                char *owner = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
                transfer = (void *)owner;
                smtp->completions[smtp->completion_count] =
                        (struct completion){transfer->tag, outcome_of(smtp, transfer, message->data.result)};
                if (smtp->completion_count++ == 0)
                        check(write(smtp->more, &one, sizeof(one)) == sizeof(one));
                transfer_end(smtp, transfer);
        }
}

/* ---- the seam ---- */

static enum error smtp_submit(struct mail *mail, const struct mail_letter *letter, uint64_t tag)
{
        struct smtp *smtp = smtp_of(mail);
        struct transfer *transfer = smtp->transfers;
        enum error error = mail_letter_check(letter);

        if (error)
                return error;
        if (smtp->busy == SMTP_LETTERS_MAX)
                return ERR_FULL;
        while (transfer->easy)
                transfer++;
        transfer->tag = tag;
        error = transfer_begin(smtp, transfer, letter);
        if (error) {
                transfer_end(smtp, transfer);
                return error;
        }
        smtp->busy++;
        if (smtp->options.taken)
                smtp->options.taken(smtp->options.owner, letter, mail_letter_code(letter, CODE_DIGITS));
        return ERR_OK;
}

static size_t smtp_poll(struct mail *mail, struct completion *completions, size_t max)
{
        struct smtp *smtp = smtp_of(mail);
        size_t count;
        uint64_t ignored;

        look_at_sockets(smtp);
        take_ended(smtp);
        count = min_of(max, smtp->completion_count);
        if (!count)
                return 0;
        memcpy(completions, smtp->completions, count * sizeof(*completions));
        smtp->completion_count -= count;
        smtp->busy -= count;
        memmove(smtp->completions, smtp->completions + count, smtp->completion_count * sizeof(*completions));
        if (!smtp->completion_count)
                check(read(smtp->more, &ignored, sizeof(ignored)) == sizeof(ignored));
        return count;
}

static int smtp_fd(struct mail *mail)
{
        return smtp_of(mail)->epoll;
}

static void smtp_free(struct mail **mail)
{
        struct smtp *smtp;

        if (!*mail)
                return;
        smtp = smtp_of(*mail);
        *mail = NULL;
        for (size_t i = 0; i < SMTP_LETTERS_MAX; i++)
                transfer_end(smtp, &smtp->transfers[i]);
        if (smtp->multi)
                curl_multi_cleanup(smtp->multi);
        if (smtp->timer >= 0)
                close(smtp->timer);
        if (smtp->more >= 0)
                close(smtp->more);
        if (smtp->epoll >= 0)
                close(smtp->epoll);
        memory_free(smtp);
}

static const struct mail_ops smtp_ops = {.free = smtp_free, .fd = smtp_fd, .submit = smtp_submit, .poll = smtp_poll};

static enum error open_watches(struct smtp *smtp)
{
        struct epoll_event event = {.events = EPOLLIN};

        smtp->epoll = epoll_create1(EPOLL_CLOEXEC);
        smtp->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        smtp->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (smtp->epoll < 0 || smtp->timer < 0 || smtp->more < 0)
                return ERR_SYSTEM;
        event.data.fd = smtp->timer;
        if (epoll_ctl(smtp->epoll, EPOLL_CTL_ADD, smtp->timer, &event) != 0)
                return ERR_SYSTEM;
        event.data.fd = smtp->more;
        return epoll_ctl(smtp->epoll, EPOLL_CTL_ADD, smtp->more, &event) == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum error open_multi(struct smtp *smtp)
{
        smtp->multi = curl_multi_init();
        if (!smtp->multi)
                return ERR_NO_MEMORY;
        curl_multi_setopt(smtp->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(smtp->multi, CURLMOPT_SOCKETDATA, smtp);
        curl_multi_setopt(smtp->multi, CURLMOPT_TIMERFUNCTION, watch_time);
        curl_multi_setopt(smtp->multi, CURLMOPT_TIMERDATA, smtp);
        curl_multi_setopt(smtp->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)SMTP_CONNECTIONS_MAX);
        return ERR_OK;
}

/* Nothing that would mean something else in a URL. */
static bool is_sound(const struct mail_smtp_options *options)
{
        return *options->host && strlen(options->host) < SMTP_HOST_SIZE && !strpbrk(options->host, "/@?#[]%\\ \t\r\n") &&
               mail_address_is_sound(slice_text(options->from)) && !strpbrk(options->from, "/?#%");
}

enum error mail_smtp_new(const struct mail_smtp_options *options, struct mail **mail_out)
{
        struct smtp *smtp;
        struct mail *mail;
        enum error error;

        check(options->clock && options->random);
        if (!is_sound(options))
                return ERR_CONFIG;
        if (curl_global_init(CURL_GLOBAL_DEFAULT))
                return ERR_NO_MEMORY;
        smtp = memory_new(sizeof(*smtp));
        if (!smtp)
                return ERR_NO_MEMORY;
        mail = &smtp->mail;
        mail->ops = &smtp_ops;
        smtp->options = *options;
        snprintf(smtp->host, sizeof(smtp->host), "%s", options->host);
        snprintf(smtp->from, sizeof(smtp->from), "%s", options->from);
        smtp->options.host = smtp->host;
        smtp->options.from = smtp->from;
        smtp->epoll = smtp->timer = smtp->more = -1;
        error = open_watches(smtp);
        if (!error)
                error = open_multi(smtp);
        if (error) {
                int cause = errno;

                smtp_free(&mail);
                errno = cause;
                return error;
        }
        *mail_out = mail;
        return ERR_OK;
}

enum error mail_smtp_try(const struct mail_smtp_options *options, char text[static SMTP_ERROR_SIZE])
{
        char why[CURL_ERROR_SIZE] = "";
        CURL *easy;
        CURLcode code = CURLE_OUT_OF_MEMORY;

        if (!is_sound(options)) {
                snprintf(text, SMTP_ERROR_SIZE, "%.200s is not a host, or %.200s no address to come from", options->host,
                         options->from);
                return ERR_FAILED;
        }
        easy = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_easy_init();
        if (easy && set_server(easy, options, why) && !curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "NOOP") &&
            !curl_easy_setopt(easy, CURLOPT_NOBODY, 1L))
                code = curl_easy_perform(easy);
        curl_easy_cleanup(easy);
        if (code == CURLE_OK)
                return ERR_OK;
        snprintf(text, SMTP_ERROR_SIZE, "%s", *why ? why : curl_easy_strerror(code));
        return ERR_FAILED;
}
