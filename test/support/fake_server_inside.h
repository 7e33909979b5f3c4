/* What the files of the fake server share; see fake_server.h. One function a code. */
#ifndef GALKA_TEST_SUPPORT_FAKE_SERVER_INSIDE_H
#define GALKA_TEST_SUPPORT_FAKE_SERVER_INSIDE_H

#include "support/fake_server.h"

struct wire_person fake_server_person(uint64_t user);

void fake_server_on_sign_up(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_confirm(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_sign_in(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_renew(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_sign_out(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_settings(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_find(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_profiles(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_devices(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_watch(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);
void fake_server_on_typing(struct fake_server *server, struct fake_client *client, struct fake_frame *frame);

#endif
