/*
 * The client core: everything a client knows and decides, without I/O, clock or randomness of its own (PROTOCOL, "The core's
 * window to its host"). The same object runs in the terminal, in the web app (wasm), in the load generator and in the simulator.
 *
 * The host owns the socket, the clock and the storage. It calls in: what happened. It polls out: what to do. A call never
 * calls back. After every call in, the host polls until CORE_EVENT_NONE.
 *
 *      core_new → core_start → (wants are answered) → CONNECT → core_connected → core_receive … → core_free
 *
 * Storage: keys and values are bytes; keys are ordered as bytes. A CORE_EVENT_KEEP carries a list of changes that the host does
 * atomically, then calls core_kept with its number; batches are done in order. Nothing that the core promised to keep is
 * acted upon before: a message is sent only when its outbox entry is kept, a row counts as delivered only when it is kept.
 *
 * Memory: one arena given by the host; inside it the core recycles. Each list has a named limit (core_limits).
 */
#ifndef GALKA_CORE_CORE_H
#define GALKA_CORE_CORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/id.h"
#include "wire/wire.h"

struct core;
struct room_settings; /* rules/setting.h */

/* Limits of one core; zero means the default beside it. */
struct core_limits {
        uint32_t rooms_max;          /* 10,000 rooms known */
        uint32_t outbox_max;         /* 1,000 messages not yet answered */
        uint32_t outbox_bytes_max;   /* 1 MiB of their text in memory; the rest stays in the storage until its turn */
        uint32_t held_max;           /* 64 live operations held behind a gap, in all rooms */
        uint32_t background_rows;    /* 10,000 rows a room fetched by itself below its head */
        uint32_t output_max;         /* 128 KiB of bytes to send */
        uint32_t settings_max;       /* 16,384 settings of the user */
        uint32_t settings_bytes_max; /* 1 MiB of their keys and values */
};

/* What time it is: monotonic and wall clock, both in milliseconds. */
struct core_time {
        uint64_t now_ms;  /* never goes back while the core lives */
        uint64_t wall_ms; /* since 1970; may step */
};

/* seed: random bytes for request ids and jitter (not for secrets). Returns NULL when the arena is too small. The core and all it
 * has live in the arena. language: "en", "ru". client: name and version for Hello. */
struct core *core_new(struct arena *arena, const struct core_limits *limits, const uint8_t seed[32], struct slice client,
                      struct slice language);

/* Begins: asks for the stored profile with wants. */
void core_start(struct core *core, struct core_time time);

/* ---- in: what happened ---- */

void core_connected(struct core *core, struct core_time time);
void core_disconnected(struct core *core, struct core_time time); /* also: a connect that failed */
void core_receive(struct core *core, struct slice bytes, struct core_time time);
void core_tick(struct core *core, struct core_time time); /* at core_deadline_ms or later */
void core_kept(struct core *core, uint64_t batch, struct core_time time);

/* Answers to CORE_EVENT_WANT: each record of the range in the order of keys (up to its limit), then the end. */
void core_given(struct core *core, uint64_t want, struct slice key, struct slice value, struct core_time time);
void core_given_end(struct core *core, uint64_t want, struct core_time time);

/* ---- in: what the user does. Errors are for bad arguments and full queues; the outcome comes as an event. ---- */

/* Only in phases before CORE_OFFLINE. invite: an invitation's token, or empty. */
must_use enum error core_sign_up(struct core *core, struct slice email, struct slice user_name, struct slice display_name,
                                 struct slice password, struct slice invite, struct core_time time);
must_use enum error core_confirm(struct core *core, struct slice code, const uint8_t device_secret[32],
                                 struct slice device_name, struct core_time time);
must_use enum error core_sign_in(struct core *core, struct slice login, struct slice password,
                                 const uint8_t device_secret[32], struct slice device_name, struct core_time time);

/* Asks for a code that sets a new password; and, in phase CORE_WAITS_FOR_RESET, sets it and signs this device in, all others out. */
must_use enum error core_reset(struct core *core, struct slice email, struct core_time time);
must_use enum error core_reset_confirm(struct core *core, struct slice code, struct slice password,
                                       const uint8_t device_secret[32], struct slice device_name, struct core_time time);

/* What a user changes of his account, signed in: answered by CORE_EVENT_SIGN. Without a link they wait for one. others: all other
 * devices are signed out. An empty name stays as it is. set_email sends a code to the new address; confirm_email brings it (NOT_NOW:
 * none was asked for). */
must_use enum error core_set_password(struct core *core, struct slice password, struct slice new_password, bool others,
                                      struct core_time time);
must_use enum error core_set_profile(struct core *core, struct slice user_name, struct slice display_name,
                                     struct core_time time);
must_use enum error core_set_email(struct core *core, struct slice email, struct slice password, struct core_time time);
must_use enum error core_confirm_email(struct core *core, struct slice code, struct core_time time);

/* From here on the user blocks that one, or no longer (PROTOCOL, Blocking): answered by CORE_EVENT_SIGN. NO_USER, BLOCK_LIMIT. */
must_use enum error core_block(struct core *core, uint64_t user, bool on, struct core_time time);

/* What was asked for and is not answered is not asked any more, and nothing is told of it; whether it was done nobody can say.
 * start_over: nor is a code awaited any longer (CORE_SIGNED_OUT); NO_MEMORY. NOT_NOW: not loaded; start_over: signed in. */
must_use enum error core_cancel(struct core *core, struct core_time time);
must_use enum error core_start_over(struct core *core, struct core_time time);

/* For good. Once the server has said done everything stored here is dropped, as by core_sign_out. */
must_use enum error core_delete_account(struct core *core, struct slice password, struct core_time time);

/* For hosts that got an account elsewhere (load generator): becomes signed in without a request. */
must_use enum error core_adopt(struct core *core, uint64_t user, uint64_t device, const uint8_t token[40],
                               struct core_time time);

/* device 0: all. Signing out this device drops everything stored once the server has said done. */
must_use enum error core_sign_out(struct core *core, uint64_t device, struct core_time time);

/* All devices but this one. */
must_use enum error core_sign_out_others(struct core *core, struct core_time time);

/* Queues a message. *id is its request id. FULL, TOO_LARGE, BAD_FIELD (not text, empty). Without a link too. */
must_use enum error core_send(struct core *core, const struct id *room, struct slice text, struct id *id,
                              struct core_time time);

/* Queues any operation on a room's log (rules/row.h says what each needs): as core_send does, with the same fate. Its id is made
 * here. NO_ROOM: one has left it. */
must_use enum error core_write(struct core *core, const struct id *room, const struct wire_operation *operation,
                               struct id *id, struct core_time time);

/* Queues the making of a group; *room is its id, and that of its first message. What is written to it meanwhile waits for it. */
must_use enum error core_create_group(struct core *core, struct slice title, struct id *room, struct core_time time);

/*
 * A setting of the user (PROTOCOL, "Settings"; rules/setting.h says what those of rooms mean), for all his devices: it counts here at once,
 * is kept, and goes to the server when it can. An empty value takes it away. The last one that reaches the server counts.
 * CORE_EVENT_SETTING says that it is kept, and again when the server has it, or another device's. AGAIN: signed out, or not loaded
 * yet. BAD_FIELD: no key, or a value that is no text. TOO_LARGE: with its key and a space more than TEXT_SIZE_MAX. FULL, NO_MEMORY.
 */
must_use enum error core_set(struct core *core, struct slice key, struct slice value, struct core_time time);

/* The same of a room; setting: enum room_setting. Who mutes one that came back from the archive by itself does not put it away again: that it was there is
 * forgotten. */
must_use enum error core_set_room(struct core *core, const struct id *room, unsigned setting, struct slice value,
                                  struct core_time time);

/* Another process put an entry into the outbox of the storage (core_outbox_record): look for it. */
void core_outbox_changed(struct core *core, struct core_time time);

/* A message that failed (CORE_MESSAGE_FAILED): try again with a new id, or forget it. NOT_FOUND. */
must_use enum error core_retry(struct core *core, const struct id *room, const struct id *id, struct core_time time);
must_use enum error core_discard(struct core *core, const struct id *room, const struct id *id, struct core_time time);

/* The user has seen the room up to row `seq`. */
void core_read(struct core *core, const struct id *room, uint64_t seq, struct core_time time);

/* Makes sure rows from `seq` up to the head are there without holes, as far as `rows_max` rows: fills holes first, then a
 * CORE_EVENT_HISTORY says down to which seq the log is whole now. seq 0: the newest rows_max. */
must_use enum error core_history(struct core *core, const struct id *room, uint64_t seq, uint32_t rows_max,
                                 struct core_time time);

/* Questions; each is answered by an event with the same request id, or CORE_EVENT_FAILED. Needs a link: AGAIN without one. */
must_use enum error core_find(struct core *core, struct slice name, struct id *request, struct core_time time);
must_use enum error core_devices(struct core *core, struct id *request, struct core_time time);

/* Who is in a room, with user ids above `after`. Who has read a row: those whose shown is not below it, who are counted for it
 * (counted_from below it), and who did not write it. */
must_use enum error core_members(struct core *core, const struct id *room, uint64_t after, struct id *request,
                                 struct core_time time);
/* Rows in which all words of the text stand, newest first, also those that are not on this device: of one room, or (NULL) of all. before:
 * the `place` that the last answer gave where it had more; NULL: from the newest. */
must_use enum error core_search(struct core *core, struct slice text, const struct id *room, const struct wire_place *before,
                                uint32_t rows_max, struct id *request, struct core_time time);
must_use enum error core_invite(struct core *core, uint64_t uses, uint64_t valid_ms, struct id *request,
                                struct core_time time);
must_use enum error core_around(struct core *core, const struct id *room, uint64_t seq, uint64_t time_ms, uint32_t rows_max,
                                struct id *request, struct core_time time);
/* The room's pinned rows, newest pin first, also those that are not on this device. before: `pinned` of the last one of the answer that
 * had more; 0: from the newest. */
must_use enum error core_pins(struct core *core, const struct id *room, uint64_t before, uint32_t rows_max,
                              struct id *request, struct core_time time);

/* Who has which reaction to a row. */
must_use enum error core_reactors(struct core *core, const struct id *room, uint64_t seq, struct id *request,
                                  struct core_time time);

/* What is on the screen: people, of whom is told whether they are online, and the room that is open (NULL: none), where is told who
 * types. In place of what was said before; the first fifty. Of oneself nothing is told, nor of those with whom one shares no room.
 * NO_MEMORY. */
must_use enum error core_watch(struct core *core, const uint64_t *users, size_t count, const struct id *room,
                               struct core_time time);

/* The user types in that room: to be called as often as he does; it goes out every few seconds, if there is a link. */
void core_typing(struct core *core, const struct id *room, struct core_time time);

/* The host would like to be connected (default) or not. Going from not to yes it does not wait out the pause after a connect that
 * failed: the host knows that the network is back, or somebody is in a hurry. */
void core_online(struct core *core, bool wanted, struct core_time time);

/* ---- out ---- */

enum core_phase {
        CORE_LOADING,         /* the profile is being read from the storage */
        CORE_SIGNED_OUT,      /* no account here */
        CORE_WAITS_FOR_CODE,  /* signed up, the code is in the mail */
        CORE_WAITS_FOR_RESET, /* the code for a new password is in the mail */
        CORE_OFFLINE,         /* signed in, no link */
        CORE_JOINING,         /* link up, Join not answered */
        CORE_READY,           /* first answer is here */
        CORE_SYNCED           /* every room was listed and every head is known */
};

enum core_message_state {
        CORE_MESSAGE_QUEUED,
        CORE_MESSAGE_SENT,
        CORE_MESSAGE_DELIVERED,
        CORE_MESSAGE_READ,
        CORE_MESSAGE_FAILED
};

struct core_change {
        struct slice key;
        struct slice value; /* keep */
        struct slice end;   /* drop: keys in [key, end) */
        bool drop;
};

enum core_event_kind {
        CORE_EVENT_NONE,
        CORE_EVENT_CONNECT, /* open a connection; answer with core_connected or core_disconnected */
        CORE_EVENT_CLOSE,   /* close it; core_disconnected is not called for it */
        CORE_EVENT_SEND,    /* bytes to send; the host calls core_sent with how many it took */
        CORE_EVENT_KEEP,    /* number: batch; changes, change_count: do atomically and durably, then core_kept */
        CORE_EVENT_WANT,    /* number: want; key ≤ k < end, at most `limit` records, `backwards`: from the end */
        CORE_EVENT_PHASE,   /* the phase is another now: core_phase() */
        CORE_EVENT_SIGN,    /* sign_up, confirm, sign_in, sign_out, reset, a change of the account was answered: error (OK or
                                * why not); number: milliseconds to wait before the next try, where that is the reason; seq: of a block: the head
                                * of the room of the two, as of when it was done */
        CORE_EVENT_ROOM,    /* room: its line in the list changed (head, unread, peer, lowest): core_room_info. When
                                * hole_top fell, rows that were hidden below it are in the storage and may be shown */
        CORE_EVENT_ROW,     /* room, row: new or changed, kept, and above the highest hole */
        CORE_EVENT_MESSAGE, /* room, id, state, seq: an own message's state; error when FAILED */
        CORE_EVENT_TICKS,   /* room: ticks may have moved: core_row_state */
        CORE_EVENT_HISTORY, /* room, seq: rows from there to the head are whole; error if the link was lost meanwhile */
        CORE_EVENT_PEOPLE,  /* id: request; people */
        CORE_EVENT_DEVICES, /* id: request; people list unused; devices */
        CORE_EVENT_WINDOW,  /* id: request; room; rows; seq: the head then */
        CORE_EVENT_PINS, /* id: request; room; rows, newest pin first; seq: the head then; more: ask on before the last's `pinned` */
        CORE_EVENT_REACTORS, /* id: request; room; who has which reaction, by their ids */
        CORE_EVENT_MEMBERS, /* id: request; room; members; seq: the head then; more: ask on after the last; bytes: the link */
        CORE_EVENT_FOUND,   /* id: request; hits; more: ask on before `place`, also where nothing was found so far */
        CORE_EVENT_INVITED, /* id: request; bytes: the invitation's token */
        CORE_EVENT_FAILED,  /* id: request; error */
        CORE_EVENT_BLOCKS,  /* whom the user blocks is another list now: core_blocks */
        CORE_EVENT_NAMES,   /* of somebody a name came, or changed: core_person */
        CORE_EVENT_STATUS,  /* number: a user who is watched; more: he is online now, else he is not: core_status */
        CORE_EVENT_SETTING, /* key, bytes: a setting and its value; seq: not 0: done with that number of the self room; error: the
                              * server would not have it, and it is what it was. No key: any may be another now */
        CORE_EVENT_TYPING,   /* room: the open one; number: a user who types now (more), or no longer: core_typists */
        CORE_EVENT_FORGOTTEN /* everything stored was dropped: another era, or signed out by the server (error) */
};

/* Slices live until the next call of core_poll or of a function that says what happened (core_sent and core_kept of this event
 * included). */
struct core_event {
        enum core_event_kind kind;
        uint64_t number;
        struct slice bytes;
        const struct core_change *changes;
        size_t change_count;
        struct slice key, end;
        uint32_t limit;
        bool backwards;
        enum error error;
        struct id room, id;
        uint64_t seq;
        bool more;
        enum core_message_state state;
        struct wire_row row;
        struct wire_list
                list; /* PEOPLE, DEVICES, WINDOW, PINS, REACTORS, MEMBERS, FOUND: decoded lists; walk with wire_list_start(people/
                       * device_list/window/pin_page/reactor_list/member_page/found) */
        struct wire_place place;
};

/* The next thing to do. Returns its kind. */
enum core_event_kind core_poll(struct core *core, struct core_event *event);

/* The host's socket took that many bytes of the last CORE_EVENT_SEND. SEND is offered once, then not before core_sent; if
 * the socket took less than all, not before core_writable either (a host that cannot tell when its socket is writable again
 * leaves it out: core_tick tries again soon). */
void core_sent(struct core *core, size_t taken);
void core_writable(struct core *core);

/* When core_tick wants to be called, as now_ms; UINT64_MAX: not before something happens. */
uint64_t core_deadline_ms(const struct core *core);

/* ---- looking ---- */

struct core_room_info {
        struct id room;
        uint8_t kind; /* rules/room.h */
        bool left;
        uint64_t head;
        uint64_t hole_top; /* the highest hole's upper end: rows above it are whole; 0: no hole */
        uint64_t unread;
        uint64_t last_time_ms;
        struct wire_marks marks;
        struct wire_lowest lowest;
        struct wire_person peer; /* personal rooms: the other; user 0 while not known */
        struct slice title;      /* groups; empty until the server or the user has said it */
        uint8_t role;            /* groups: one's own, rules/role.h */
        uint64_t members;        /* groups: how many */
        uint32_t queued;         /* own messages in the outbox */
};

enum core_phase core_phase(const struct core *core);

/* Why the server wanted no link, or no longer; OK: it did not say so since the last connect. */
enum error core_refused(const struct core *core);
/* May the user make invitations (core_invite)? Known since the last Join; before the first one, no. */
bool core_may_invite(const struct core *core);

/* When the next connect is due, as now_ms; UINT64_MAX: there is a link, or one is being made, or none is wanted. */
uint64_t core_connect_ms(const struct core *core);
uint64_t core_user(const struct core *core);
uint64_t core_device(const struct core *core);
struct wire_person core_profile(const struct core *core);

/* Does the user block that one, as far as this device knows? Whom: the index-th of them, by id; 0 past the last. */
bool core_blocks(const struct core *core, uint64_t user);
uint64_t core_blocked_at(const struct core *core, uint32_t index);

/* Is that list what the server said after the last Join? False while it is asked for. */
bool core_blocks_known(const struct core *core);

/* Of one who is watched: false: it is not known (no link, not answered, or no room is shared). */
bool core_status(const struct core *core, uint64_t user, bool *online);

struct core_setting {
        struct slice key, value; /* empty: there is none */
        bool waits;              /* the server does not have it yet */
};

/* A setting as it is here; false: it has no value. core_setting_at: all there were, by their keys, those without a value included; false
 * past the last. Slices live until the next call in. */
bool core_setting(const struct core *core, struct slice key, struct core_setting *setting);
bool core_setting_at(const struct core *core, uint32_t index, struct core_setting *setting);

/* A room's settings, as they are here. Slices live until the next call in. */
struct room_settings core_room_settings(const struct core *core, const struct id *room);

/* A self room in which nothing is but settings: not worth a line in a list. */
bool core_room_is_bare(const struct core_room_info *info);

/* When one who is watched was there last, as coarsely as rules/seen.h says, by the server's clock; 0: it is not known, or he is
 * online. */
uint64_t core_seen_ms(const struct core *core, uint64_t user);

/* Who types in the room, if it is the open one: at most `max`. Returns how many. */
size_t core_typists(const struct core *core, const struct id *room, uint64_t *users, size_t max);

/* Who that is, as far as it is known: names, in groups; false while it is not: CORE_EVENT_NAMES says when to ask again. Slices live
 * until the next call in. */
bool core_person(struct core *core, uint64_t user, struct wire_person *person);

/* NOT_FOUND. Slices live until the next call in. */
must_use enum error core_room_info(const struct core *core, const struct id *room, struct core_room_info *info);

/* Rooms by last activity, newest first: the index-th; false past the last. */
bool core_room_at(const struct core *core, uint32_t index, struct core_room_info *info);

/* What own rows with seq > from have got: delivered to all others up to `delivered`, shown as read by them up to `read`. Nobody is
 * counted: zeros. */
struct core_ticks {
        uint64_t from, delivered, read;
};

struct core_ticks core_ticks(const struct core_room_info *info, uint64_t me);

/* SENT, DELIVERED or READ of an own row, from the room's lowest marks. */
enum core_message_state core_row_state(const struct core *core, const struct id *room, uint64_t seq, uint64_t sender);

/* ---- records in the storage, for hosts that read beside the core (a follower process) ---- */

/* Keys are one letter and what follows: P profile; R room (16); M room (16) seq (8); O room (16) id (16); S a setting's key; U user
 * (8); B whom the user blocks. */
#define CORE_KEY_SIZE_MAX 64

/* Key of a row, or (seq 0 and UINT64_MAX) the ends of a room's rows. Returns its size. */
size_t core_key_row(const struct id *room, uint64_t seq, uint8_t key[static CORE_KEY_SIZE_MAX]);
must_use enum error core_row_decode(struct slice value, struct wire_row *row);
must_use enum error core_room_decode(struct slice key, struct slice value, struct core_room_info *info);

must_use enum error core_setting_decode(struct slice key, struct slice value, struct core_setting *setting);

/* An outbox entry as core_write would make it (or of kind SETTING, without a target: then the core takes it as core_set's), for another process to put into the storage. value: at least the sizes of text and
 * origin, and CORE_OUTBOX_EXTRA. */
#define CORE_OUTBOX_EXTRA 96
must_use enum error core_outbox_record(const struct id *room, const struct id *id, const struct wire_operation *operation,
                                       uint64_t wall_ms, uint8_t key[static CORE_KEY_SIZE_MAX], size_t *key_size,
                                       uint8_t *value, size_t *value_size);

struct core_outbox_entry {
        struct id room, id;
        enum core_message_state state; /* QUEUED, FAILED */
        enum error error;              /* why it failed */
        uint64_t wall_ms;              /* when it was written */
        struct wire_operation operation;
};

must_use enum error core_outbox_decode(struct slice key, struct slice value, struct core_outbox_entry *entry);

#endif
