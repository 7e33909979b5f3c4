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

static void print_class(const struct tally *tally, unsigned class)
{
        const struct wire_message *message;

        printf("%-34s %9" PRIu64 " ", fault_class_text((enum fault_class) class), tally->by_class[class]);
        for (size_t i = 0; (message = wire_message_at(i)); i++)
                if (message->direction == WIRE_UP && tally->pairs[message->code][class])
                        printf(" %s", message->name);
        putchar('\n');
}

/* Names the classes that never met that code; returns how many did. */
static unsigned print_missing(const struct tally *tally, const struct wire_message *message)
{
        unsigned missing = 0;

        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++)
                if (tally->pairs[message->code][class] == 0)
                        printf("%s%s", missing++ ? ", " : "not met by ", fault_class_text((enum fault_class) class));
        if (missing)
                printf(": %s\n", message->name);
        return FAULT_CLASS_COUNT - missing;
}

struct tally_met tally_print(const struct tally *tally)
{
        struct tally_met met = {0};
        const struct wire_message *message;

        printf("%-34s %9s  %s\n", "fault", "times", "met under way (codes, the last second's)");
        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++)
                print_class(tally, class);
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                unsigned classes;

                if (message->direction != WIRE_UP)
                        continue;
                classes = print_missing(tally, message);
                if (classes == 0)
                        printf("nobody sends %s: it wants a line in test/sim/resident_deed.c\n", message->name);
                met.unsent += classes == 0;
                met.pairs += classes;
                met.possible += FAULT_CLASS_COUNT;
        }
        printf("codes x faults: %u of %u met\n", met.pairs, met.possible);
        return met;
}
