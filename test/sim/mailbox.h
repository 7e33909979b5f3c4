/* Mail in the simulator: letters by address, the newest code of each. Sending may fail, or be uncertain. */
#ifndef GALKA_TEST_SIM_MAILBOX_H
#define GALKA_TEST_SIM_MAILBOX_H

#include "seam/mail.h"

#define MAILBOX_ADDRESSES_MAX 96
#define MAILBOX_CODE_SIZE     8
#define MAILBOX_ADDRESS_SIZE  32

struct sim;

struct mailbox {
        struct {
                char address[MAILBOX_ADDRESS_SIZE];
                char code[MAILBOX_CODE_SIZE];
                unsigned letters;
        } boxes[MAILBOX_ADDRESSES_MAX];
        unsigned count;
};

struct mail *mailbox_open(struct sim *sim);

/* The newest code for the address, or NULL. */
const char *mailbox_code(const struct sim *sim, const char *address);

/* How many came there. */
unsigned mailbox_letters(const struct sim *sim, const char *address);

#endif
