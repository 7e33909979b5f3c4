/* What the fake server answers about people, and to those who sign up, sign in and change what is theirs. */
#include "support/fake_server_inside.h"

#include "base/assert.h"
#include "rules/room.h"

void fake_server_on_find(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_person person = fake_server_person(2);
        struct wire_people people = {.people = {.items = &person, .count = 1}};

        fake_server_send(server, client->host, WIRE_CODE_people, &frame->head.request, NULL, &people);
}

void fake_server_on_profiles(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_person persons[50];
        struct wire_people people = {.people = {.items = persons}};
        struct wire_iterator iterator;
        struct wire_user_ref user;

        wire_list_start(&iterator, WIRE_STRUCTURE(profiles), 1, &frame->profiles.users);
        while (wire_list_next(&iterator, &user))
                persons[people.people.count++] = fake_server_person(user.user);
        fake_server_send(server, client->host, WIRE_CODE_people, &frame->head.request, NULL, &people);
}

void fake_server_on_devices(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_device device = {.device = client->device, .name = SLICE_LITERAL("phone")};
        struct wire_device_list list = {.devices = {.items = &device, .count = 1}};

        fake_server_send(server, client->host, WIRE_CODE_device_list, &frame->head.request, NULL, &list);
}

/* ---- accounts ---- */

void fake_server_on_sign_up(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_code_sent sent = {.valid_ms = 900000};

        fake_server_send(server, client->host, WIRE_CODE_code_sent, &frame->head.request, NULL, &sent);
}

static void signed_in(struct fake_server *server, struct fake_client *client, struct fake_frame *frame, struct slice secret)
{
        uint8_t token[40];
        struct wire_signed_in answer = {.device = client->device, .has = WIRE_HAS(signed_in, profile)};

        memcpy(server->secret, secret.data, sizeof(server->secret));
        fake_server_token(server, client->user, client->device, token);
        answer.token = slice_of(token, sizeof(token));
        answer.profile = fake_server_person(client->user);
        fake_server_send(server, client->host, WIRE_CODE_signed_in, &frame->head.request, NULL, &answer);
}

void fake_server_on_confirm(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        if (!slice_equal(frame->confirm.code, SLICE_LITERAL("123456"))) {
                fake_server_error(server, client->host, &frame->head.request, ERR_BAD_CODE, 0);
                return;
        }
        client->user = 1;
        client->device = 11;
        signed_in(server, client, frame, frame->confirm.device_secret);
}

void fake_server_on_sign_in(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        if (!slice_equal(frame->sign_in.password, SLICE_LITERAL("correct horse"))) {
                fake_server_error(server, client->host, &frame->head.request, ERR_BAD_LOGIN, 0);
                return;
        }
        client->user = 1;
        client->device = 12;
        signed_in(server, client, frame, frame->sign_in.device_secret);
}

void fake_server_on_renew(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        if (!slice_equal(frame->renew.device_secret, slice_of(server->secret, sizeof(server->secret))))
                fake_server_error(server, client->host, &frame->head.request, ERR_BAD_LOGIN, 0);
        else
                signed_in(server, client, frame, frame->renew.device_secret);
}

void fake_server_on_sign_out(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_done done = {.time_ms = 1};

        fake_server_send(server, client->host, WIRE_CODE_done, &frame->head.request, NULL, &done);
}

/* What is changed of an account: all of it is done. */
static void send_blocks(struct fake_server *server, struct fake_client *client, const struct fake_frame *frame)
{
        struct wire_person people[200];
        struct wire_block_list list = {.people = {.items = people}};

        memset(people, 0, sizeof(people));
        for (uint32_t i = 0; i < server->block_count; i++) {
                if (server->blocks[i] <= frame->blocks.after)
                        continue;
                list.more = list.people.count == countof(people);
                if (list.more)
                        break;
                people[list.people.count++] = fake_server_person(server->blocks[i]);
        }
        fake_server_send(server, client->host, WIRE_CODE_block_list, &frame->head.request, NULL, &list);
}

void fake_server_on_settings(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_code_sent sent = {.valid_ms = 900000};
        struct wire_done done = {.time_ms = 1};
        struct wire_profile_set set = {.profile = fake_server_person(client->user)};
        struct wire_invited invited = {.token = SLICE_LITERAL("0123456789abcdefghjkmnpqrs")};
        const struct id *request = &frame->head.request;
        struct wire_blocked blocked;

        switch (frame->head.code) {
        case WIRE_CODE_reset:
        case WIRE_CODE_set_email:
                fake_server_send(server, client->host, WIRE_CODE_code_sent, request, NULL, &sent);
                break;
        case WIRE_CODE_reset_confirm:
                client->user = 1;
                client->device = 13;
                signed_in(server, client, frame, frame->reset_confirm.device_secret);
                break;
        case WIRE_CODE_set_profile:
                fake_server_send(server, client->host, WIRE_CODE_profile_set, request, NULL, &set);
                break;
        case WIRE_CODE_block:
                blocked = (struct wire_blocked){.user = frame->block.user, .on = frame->block.on, .head = 7};
                fake_server_send(server, client->host, WIRE_CODE_blocked, request, NULL, &blocked);
                break;
        case WIRE_CODE_blocks:
                send_blocks(server, client, frame);
                break;
        case WIRE_CODE_invite:
                fake_server_send(server, client->host, WIRE_CODE_invited, request, NULL, &invited);
                break;
        default:
                fake_server_send(server, client->host, WIRE_CODE_done, request, NULL, &done);
                break;
        }
}

/* What is known of those whom it names. */
void fake_server_on_watch(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_status statuses[countof(server->statuses)];
        struct wire_watched watched = {
                .statuses = {.items = statuses}, .stamp = server->watch_stamp, .lease_ms = server->watch_lease_ms};
        struct wire_iterator iterator;
        struct wire_user_ref user;

        server->watch_count = 0;
        server->watch_room = frame->watch.room;
        wire_list_start(&iterator, WIRE_STRUCTURE(watch), 1, &frame->watch.users);
        while (wire_list_next(&iterator, &user)) {
                server->watch_users[server->watch_count++] = user.user;
                for (uint32_t i = 0; i < server->status_count; i++)
                        if (server->statuses[i].user == user.user)
                                statuses[watched.statuses.count++] = server->statuses[i];
        }
        fake_server_send(server, client->host, WIRE_CODE_watched, &frame->head.request, NULL, &watched);
}

/* Counted, and no more. */
void fake_server_on_typing(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        (void)server, (void)client;
        check(room_personal_users(&frame->head.room, &(uint64_t){0}, &(uint64_t){0}));
}
