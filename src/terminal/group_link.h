/* The text form of the link to a group: the room's id, a slash, and the secret in hexadecimal. */
#ifndef GALKA_TERMINAL_GROUP_LINK_H
#define GALKA_TERMINAL_GROUP_LINK_H

#include "base/id.h"
#include "rules/limits.h"

#define GROUP_LINK_SIZE (ID_TEXT_SIZE + 2 * LINK_SIZE + 1) /* with NUL */

void group_link_format(const struct id *room, const uint8_t link[static LINK_SIZE], char text[static GROUP_LINK_SIZE]);

/* False: that is none. */
bool group_link_parse(struct slice text, struct id *room, uint8_t link[static LINK_SIZE]);

#endif
