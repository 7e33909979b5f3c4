/* See mailbox.h. */
#include "sim/mailbox.h"

#include <stdio.h>

#include "base/memory.h"
#include "sim/sim.h"

#define SUBMITS_MAX 32
#define CODE_DIGITS 6

struct postman {
        struct mail mail;
        struct sim *sim;
        struct completion completions[SUBMITS_MAX];
        size_t count;
};

static struct postman *postman_of(struct mail *mail)
{
        return container_of(mail, struct postman, mail);
}

static void put(struct sim *sim, const struct mail_letter *letter)
{
        struct mailbox *mailbox = &sim->mailbox;
        unsigned place = 0;

        while (place < mailbox->count && !slice_equal(slice_text(mailbox->boxes[place].address), letter->to))
                place++;
        check(place < MAILBOX_ADDRESSES_MAX && letter->to.size < MAILBOX_ADDRESS_SIZE);
        if (place == mailbox->count) {
                mailbox->count++;
                memcpy(mailbox->boxes[place].address, letter->to.data, letter->to.size);
        }
        mailbox->boxes[place].letters++;
        /* The code is what is six digits long at the end of the subject; the other letter has none. */
        if (letter->subject.size < CODE_DIGITS)
                return;
        for (size_t i = 0; i < CODE_DIGITS; i++) {
                uint8_t digit = letter->subject.data[letter->subject.size - CODE_DIGITS + i];

                if (digit < '0' || digit > '9')
                        return;
        }
        memcpy(mailbox->boxes[place].code, letter->subject.data + letter->subject.size - CODE_DIGITS, CODE_DIGITS);
}

static enum error postman_submit(struct mail *mail, const struct mail_letter *letter, uint64_t tag)
{
        struct postman *postman = postman_of(mail);
        enum outcome outcome = OUTCOME_OK;

        if (postman->count == SUBMITS_MAX)
                return ERR_FULL;
        if (postman->sim->phase == SIM_FAULTS && sim_chance(postman->sim, 10))
                outcome = sim_chance(postman->sim, 50) ? OUTCOME_FAILED : OUTCOME_UNCERTAIN;
        if (outcome == OUTCOME_OK || (outcome == OUTCOME_UNCERTAIN && sim_chance(postman->sim, 50)))
                put(postman->sim, letter);
        postman->completions[postman->count++] = (struct completion){tag, outcome};
        return ERR_OK;
}

static size_t postman_poll(struct mail *mail, struct completion *completions, size_t max)
{
        struct postman *postman = postman_of(mail);
        size_t count = min_of(max, postman->count);

        memcpy(completions, postman->completions, sizeof(*completions) * count);
        postman->count -= count;
        memmove(postman->completions, postman->completions + count, sizeof(*completions) * postman->count);
        return count;
}

static int postman_fd(struct mail *mail)
{
        (void)mail;
        return -1;
}

static void postman_free(struct mail **mail)
{
        if (!*mail)
                return;
        memory_free(postman_of(*mail));
        *mail = NULL;
}

struct mail *mailbox_open(struct sim *sim)
{
        static const struct mail_ops ops = {postman_free, postman_fd, postman_submit, postman_poll};
        struct postman *postman = memory_new(sizeof(*postman));

        check(postman);
        postman->mail.ops = &ops;
        postman->sim = sim;
        return &postman->mail;
}

const char *mailbox_code(const struct sim *sim, const char *address)
{
        for (unsigned i = 0; i < sim->mailbox.count; i++)
                if (strcmp(sim->mailbox.boxes[i].address, address) == 0 && sim->mailbox.boxes[i].code[0])
                        return sim->mailbox.boxes[i].code;
        return NULL;
}

unsigned mailbox_letters(const struct sim *sim, const char *address)
{
        for (unsigned i = 0; i < sim->mailbox.count; i++)
                if (strcmp(sim->mailbox.boxes[i].address, address) == 0)
                        return sim->mailbox.boxes[i].letters;
        return 0;
}
