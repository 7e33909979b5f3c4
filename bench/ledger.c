/* See ledger.h. */
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define FILLER '.' /* of a text, behind its number */

bool ledger_init(struct ledger *ledger)
{
        *ledger = (struct ledger){.messages = calloc(LEDGER_MESSAGES_MAX, sizeof(*ledger->messages)),
                                  .readers = calloc(LEDGER_MESSAGES_MAX, sizeof(*ledger->readers))};
        return ledger->messages && ledger->readers;
}

void ledger_finish(struct ledger *ledger)
{
        free(ledger->messages);
        free(ledger->readers);
        *ledger = (struct ledger){0};
}

void ledger_put_number(uint8_t digits[static LEDGER_NUMBER_SIZE], uint64_t number)
{
        for (int i = LEDGER_NUMBER_SIZE - 1; i >= 0; i--, number /= 10)
                digits[i] = (uint8_t)('0' + number % 10);
}

uint64_t ledger_number(struct slice text)
{
        uint64_t number = 0;

        if (text.size < LEDGER_NUMBER_SIZE)
                return LEDGER_MESSAGES_MAX;
        for (int i = 0; i < LEDGER_NUMBER_SIZE; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return LEDGER_MESSAGES_MAX;
                number = number * 10 + (uint64_t)(text.data[i] - '0');
        }
        for (size_t i = LEDGER_NUMBER_SIZE; i < text.size; i++)
                if (text.data[i] != FILLER)
                        return LEDGER_MESSAGES_MAX;
        return number;
}

bool ledger_send(struct ledger *ledger, uint32_t sender, uint32_t expected, uint64_t now_us, char *text, size_t size)
{
        check(size > LEDGER_NUMBER_SIZE && expected <= LEDGER_MEMBERS_MAX);
        if (ledger->sent == LEDGER_MESSAGES_MAX)
                return false;
        memset(text, FILLER, size);
        ledger_put_number((uint8_t *)text, ledger->sent);
        ledger->messages[ledger->sent++] =
                (struct ledger_message){.sent_us = now_us, .expected = expected, .sender = sender};
        return true;
}

void ledger_arrived(struct ledger *ledger, uint32_t member, uint64_t number, uint64_t now_us)
{
        uint64_t bit = (uint64_t)1 << member % 64;
        struct ledger_message *message;
        uint64_t *word;

        check(member < LEDGER_MEMBERS_MAX);
        if (number >= ledger->sent) {
                ledger->unknown++;
                return;
        }
        message = &ledger->messages[number];
        word = &ledger->readers[number][member / 64];
        if (*word & bit) {
                ledger->doubled++;
                return;
        }
        *word |= bit;
        ledger->deliveries++;
        if (ledger->timing)
                histogram_add(&ledger->times, now_us - message->sent_us);
        if (++message->arrived != message->expected)
                return;
        ledger->whole++;
        check(ledger->ended_count < LEDGER_ENDED_MAX);
        ledger->ended[ledger->ended_count++] = message->sender;
}

bool ledger_is_whole(const struct ledger *ledger, const char *of)
{
        uint64_t missing = 0, surplus = 0;

        for (uint64_t i = 0; i < ledger->sent; i++) {
                const struct ledger_message *message = &ledger->messages[i];

                missing += message->arrived < message->expected ? message->expected - message->arrived : 0;
                surplus += message->arrived > message->expected ? message->arrived - message->expected : 0;
        }
        if (!missing && !surplus && !ledger->doubled && !ledger->unknown)
                return true;
        fprintf(stderr,
                "%s: sent %" PRIu64 " messages; deliveries missing %" PRIu64 ", too many %" PRIu64 ", twice %" PRIu64
                ", of unknown messages %" PRIu64 "\n",
                of, ledger->sent, missing, surplus, ledger->doubled, ledger->unknown);
        return false;
}
