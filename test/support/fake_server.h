/*
 * A server for tests of the client core: small, honest, in memory, speaking the real codec to core_hosts. It answers what clients
 * send when it is told to serve; a test may take a client's frame away before that and answer it as it likes, refuse or
 * forget answers by code, or make the server forget everything (another era).
 *
 * Personal and self rooms only, where every operation makes a row. Nothing is checked but what a client may get wrong by itself.
 */
#ifndef GALKA_TEST_SUPPORT_FAKE_SERVER_H
#define GALKA_TEST_SUPPORT_FAKE_SERVER_H

#include "rules/limits.h"
#include "support/core_host.h"

#define FAKE_ROOMS_MAX   512
#define FAKE_ROWS_MAX    1024
#define FAKE_CLIENTS_MAX 6

struct fake_row {
        struct wire_row row;
        char text[HOST_TEXT_MAX];
};

struct fake_room {
        struct id id;
        uint64_t users[2];
        struct wire_marks marks[2];
        uint64_t version;
        struct fake_row *rows;
        uint64_t head;
        uint64_t last_time_ms;
};

struct fake_client {
        struct core_host *host;
        uint64_t user, device;
        bool ready;
};

struct fake_server {
        struct id era;
        struct fake_room *rooms;
        size_t room_count;
        struct fake_client clients[FAKE_CLIENTS_MAX];
        size_t client_count;
        uint32_t page_rows;   /* of a room in Join; 40 */
        uint32_t rows_max;    /* of one answer to changes; 200 */
        uint32_t rooms_max;   /* of one answer to rooms; 200 */
        uint64_t counts[256]; /* frames by code */
        uint64_t repeats;     /* operations that had been done before */

        /* What is done with the next frames of a code instead of answering: lose the answer, or (error != OK) refuse. Neither
         * takes effect on a write when `undone` is set. */
        struct {
                uint32_t times;
                enum error error;
                uint64_t retry_after_ms;
                bool undone;
        } script[256];
        enum error write_status; /* not OK: every single operation gets this */
        uint64_t write_retry_ms;
        bool silent;  /* deliveries and marks of others are not sent */
        size_t split; /* bytes of one core_receive; 0: all at once */
        struct wire_welcome welcome;
        uint64_t blocks[300]; /* whom everybody blocks, ascending */
        uint32_t block_count;
        struct wire_status statuses[8]; /* of whoever is watched: those whom the watch names are said; the others are not */
        uint32_t status_count;
        uint64_t watch_stamp, watch_lease_ms;
        uint64_t watch_users[WATCH_USERS_MAX]; /* of the last watch */
        uint32_t watch_count;
        struct id watch_room;
        uint8_t token_salt; /* tokens made with another one are not good */
        uint8_t secret[32]; /* of the last device that was signed in */
};

/* A frame of a client, taken apart. Slices live until the next one is taken from any client. */
struct fake_frame {
        struct wire_frame head;
        union {
                struct wire_hello hello;
                struct wire_ping ping;
                struct wire_sign_up sign_up;
                struct wire_confirm confirm;
                struct wire_sign_in sign_in;
                struct wire_renew renew;
                struct wire_reset reset;
                struct wire_reset_confirm reset_confirm;
                struct wire_set_password set_password;
                struct wire_set_profile set_profile;
                struct wire_set_email set_email;
                struct wire_confirm_email confirm_email;
                struct wire_delete_account delete_account;
                struct wire_invite invite;
                struct wire_block block;
                struct wire_blocks blocks;
                struct wire_sign_out sign_out;
                struct wire_join join;
                struct wire_rooms rooms;
                struct wire_changes changes;
                struct wire_around around;
                struct wire_search search;
                struct wire_pins pins;
                struct wire_reactors reactors;
                struct wire_find find;
                struct wire_profiles profiles;
                struct wire_devices devices;
                struct wire_members members;
                struct wire_watch watch;
                struct wire_typing typing;
                struct wire_write write;
                struct wire_mark mark;
        };
};

void fake_server_init(struct fake_server *server);
void fake_server_finish(struct fake_server *server);
void fake_server_token(const struct fake_server *server, uint64_t user, uint64_t device, uint8_t token[40]);

/* Adds a client and starts its host. With a user it is signed in (adopted), else signed out. Errors of adopting: NO_MEMORY. */
enum error fake_server_add(struct fake_server *server, struct core_host *host, uint64_t user, uint64_t device);

/* Connects whoever wants to be, and answers until nobody has anything to say. */
void fake_server_serve(struct fake_server *server);

/* Serves while time passes for everybody, `step` at a time. */
void fake_server_run(struct fake_server *server, uint64_t ms, uint64_t step_ms);

/* The client's next frame; false if it sent none. */
bool fake_server_take(struct core_host *host, struct fake_frame *frame);

/* Handles one frame as serve would. */
void fake_server_handle(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);

/* Sends a frame to a client; request and room as its code has them. */
void fake_server_send(struct fake_server *server, struct core_host *host, enum wire_code code, const struct id *request,
                      const struct id *room, const void *message);
void fake_server_error(struct fake_server *server, struct core_host *host, const struct id *request, enum error error,
                       uint64_t retry_after_ms);

struct fake_room *fake_server_room(struct fake_server *server, const struct id *id);

/* A message from `user` straight into the log, delivered to whoever is connected unless `quietly`. */
uint64_t fake_server_say(struct fake_server *server, const struct id *room, uint64_t user, const char *text, bool quietly);
void fake_server_deliver(struct fake_server *server, struct core_host *host, const struct fake_room *room, uint64_t number);

/* Everything is lost; another era begins. */
void fake_server_restore_nothing(struct fake_server *server);

#endif
