/* See tally.h. */
#include "sim/tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/wire.h"

void tally_add(struct tally *to, const struct tally *from)
{
        to->seeds += from->seeds;
        to->short_seeds += from->short_seeds;
        to->violations += from->violations;
        to->acked += from->acked;
        to->refused += from->refused;
        to->faults += from->faults;
        to->simulated_us += from->simulated_us;
        to->hash ^= from->hash; /* seeds in any order */
        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++) {
                to->by_class[class] += from->by_class[class];
                for (unsigned code = 0; code < 256; code++)
                        to->pairs[code][class] += from->pairs[code][class];
        }
}

void tally_print(const struct tally *tally)
{
        unsigned pairs = 0, possible = 0;
        const struct wire_message *message;

        printf("%-34s %9s  %s\n", "fault", "times", "met under way (codes, the last second's)");
        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++) {
                printf("%-34s %9" PRIu64 " ", fault_class_text((enum fault_class) class), tally->by_class[class]);
                for (size_t i = 0; (message = wire_message_at(i)); i++) {
                        if (message->direction != WIRE_UP)
                                continue;
                        possible++;
                        if (tally->pairs[message->code][class] == 0)
                                continue;
                        pairs++;
                        printf(" %s", message->name);
                }
                putchar('\n');
        }
        printf("pairs (message code, fault class) met: %u of %u\n", pairs, possible);
}
