/* Numbers that server and client must agree on, beside those of single fields (wire/messages.def). */
#ifndef GALKA_RULES_LIMITS_H
#define GALKA_RULES_LIMITS_H

#define PROTOCOL_VERSION  1
#define OPERATIONS_MAX    16                /* of one write frame */
#define TEXT_SIZE_MAX     16384             /* bytes of one message */
#define TITLE_SIZE_MAX    256               /* bytes of a group's title */
#define LINK_SIZE         16                /* bytes of the secret in a group's link */
#define GROUP_MEMBERS_MAX 1024              /* present ones */
#define SETTING_KEY_MAX   60                /* bytes */
#define REACTION_SIZE_MAX 48                /* bytes of one reaction */
#define REACTIONS_MAX     16                /* different ones of a message */
#define REACTORS_MAX      GROUP_MEMBERS_MAX /* people with a reaction to a message */
#define PINS_MAX          50                /* pinned messages of a room */
#define MEMBERS_MAX       200               /* members of one answer */
#define PAGE_ROWS         40                /* of a room in Join */
#define JOIN_ROOMS        10
#define CHANGES_MAX       200    /* rows of one answer */
#define ROOMS_MAX         200    /* rooms of one answer */
#define SEARCH_TEXT_MAX   256    /* bytes of what is searched for */
#define SEARCH_WORDS_MAX  16     /* different words in it */
#define SEARCH_HITS_MAX   50     /* rows of one answer */
#define SEARCH_ROOMS_MAX  500    /* of the latest: where no room is named */
#define ANSWER_BYTES_MAX  196608 /* text bytes of one answer, so that it fits 256 KiB with all else */
#define PING_MS           60000
#define PING_PROXY_MS     25000
#define REPLY_MS          5000 /* reply deadline of a request; not_after of its operation */
#define CLOCK_MARGIN_MS   2000 /* what two servers' clocks may differ by */
#define WATCH_USERS_MAX   50   /* of one watch */
#define TYPING_MS         3000 /* between two that count */
#define TYPING_GONE_MS    6000 /* after the last one */
#define BLOCKS_MAX        1000 /* people that one blocks */
#define BLOCKS_PAGE_MAX   200  /* of one answer */
#define CODE_DIGITS       6
#define CODE_VALID_MS     900000
#define USER_NAME_MIN     3
#define USER_NAME_MAX     32
#define DISPLAY_NAME_MAX  128 /* bytes, as in messages.def */
#define EMAIL_MAX         254
#define PASSWORD_MIN      8
#define PASSWORD_MAX      256
#define INVITE_USES_MAX   100 /* of a member's invitation */
#define INVITE_VALID_MIN  3600000
#define INVITE_VALID_MAX  2592000000
#define INVITE_VALID_MS   604800000 /* where nobody says */

#endif
