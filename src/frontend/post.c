/* See post.h. */
#include "frontend/post.h"

#include "frontend/claim.h"
#include "frontend/ending.h"
#include "frontend/liveness.h"
#include "frontend/output.h"
#include "frontend/pending.h"
#include "frontend/run.h"
#include "frontend/upkeep.h"
#include "wire/envelope.h"

static void note_bad(struct frontend *frontend, struct slice record, const char *why)
{
        event_note(frontend->seams.events, EVENT_ERROR, "frontend.bad_record", NULL, {"reason", why, 0},
                   {"size", NULL, record.size}, {"code", NULL, record.size ? record.data[0] : 0});
}

/* Presence led here for nothing. Only posts that say whose connection it was can be cleaned up after; a claimant touches nothing,
 * since the epoch may be that of the living holder. */
static void nobody_here(struct frontend *frontend, const struct wire_post *post, uint64_t connection)
{
        frontend->counts.posts_unknown++;
        if (post->user && frontend->claim.state == CLAIM_HOLDING)
                upkeep_remove(frontend, &post->epoch, post->user, connection);
}

static void become_ready(struct frontend *frontend, struct connection *connection)
{
        connection_move(connection, CONNECTION_READY);
        frontend->counts.ready++;
        liveness_wait(frontend, connection);
        output_release(frontend, connection);
}

/* The reply to a Join by this very user and device, on a connection that still wants it: a repeated record may answer one that was
 * refused meanwhile, and the connection may have been bound to somebody else since. */
static bool answers_join(const struct connection *connection, const struct wire_post *post)
{
        if (connection->state != CONNECTION_JOINING && connection->state != CONNECTION_READY)
                return false;
        return post->user == 0 || (post->user == connection->user && post->device == connection->device);
}

/* Deliveries (no request) are for those who joined; they wait behind the reply of a Join that is under way. Who is leaving gets his
 * replies only: he may never have joined, and his next Join tells him the rest. */
static void deliver(struct frontend *frontend, struct connection *connection, const struct wire_post *post,
                    struct piece piece, bool gathers)
{
        bool patient = post->effect == WIRE_EFFECT_PATIENT;
        bool reply = !id_is_zero(&post->request) || (post->effect != WIRE_EFFECT_NONE && !patient);

        if (!piece.block || connection->state <= CONNECTION_HELLO || connection->state >= CONNECTION_CLOSING)
                return;
        if (patient && connection->state == CONNECTION_READY)
                output_queue_patient(frontend, connection, piece);
        else if (gathers && connection->state == CONNECTION_READY)
                output_queue_gathered(frontend, connection, piece);
        else if (reply || connection->state == CONNECTION_READY)
                output_queue(frontend, connection, piece);
        else if (connection->state == CONNECTION_JOINING)
                output_hold(frontend, connection, piece);
}

/* A Join from before its client was told to join again may have asked the store before that which was lost. */
static void take_effect(struct frontend *frontend, struct connection *connection, const struct wire_post *post,
                        uint64_t since_ms)
{
        switch ((enum wire_effect)post->effect) {
        case WIRE_EFFECT_NONE:
        case WIRE_EFFECT_PATIENT:
                break;
        case WIRE_EFFECT_JOINED:
                if (since_ms >= frontend->upkeep.told_ms)
                        connection->to_rejoin = 0;
                if (connection->state == CONNECTION_JOINING)
                        become_ready(frontend, connection);
                break;
        case WIRE_EFFECT_REFUSED:
                if (connection->state != CONNECTION_JOINING)
                        break;
                output_forget_held(frontend, connection);
                connection_move(connection, CONNECTION_SIGNED_OUT);
                break;
        case WIRE_EFFECT_CLOSE:
                connection_end(frontend, connection, ERR_REVOKED, 0);
                break;
        case WIRE_EFFECT_REPLACED:
                connection_end(frontend, connection, ERR_REPLACED, 0);
                break;
        }
}

/* Returns when the request was sent; 0: nobody waits for it any more. */
static uint64_t settle(struct frontend *frontend, const struct wire_post *post, uint64_t id)
{
        uint64_t since_ms = pending_answered(frontend, id, &post->request);

        if (event_wanted(frontend->seams.events, EVENT_DEBUG))
                event_note(frontend->seams.events, EVENT_DEBUG, "frontend.answered", &post->request,
                           {"connection", NULL, id});
        return since_ms;
}

static void post_one(struct frontend *frontend, const struct wire_post *post, uint64_t id, struct piece piece, bool gathers)
{
        struct connection *connection = connection_find(&frontend->connections, id);
        uint64_t since_ms = 0;

        if (!connection || connection->state >= CONNECTION_CLOSING) {
                nobody_here(frontend, post, id);
                return;
        }
        if (!id_is_zero(&post->request))
                since_ms = settle(frontend, post, id);
        if (post->effect != WIRE_EFFECT_JOINED || answers_join(connection, post)) {
                deliver(frontend, connection, post, piece, gathers);
                if (connection->id == id)
                        take_effect(frontend, connection, post, since_ms);
        }
        if (connection->id == id)
                connection_reply_settled(frontend, connection);
}

static bool is_whole_frame(struct slice frame)
{
        return frame.size > WIRE_LENGTH_SIZE && be32_get(frame.data) == frame.size - WIRE_LENGTH_SIZE;
}

/* One of several deliveries to many, which had better be written together. */
static bool post_gathers(struct frontend *frontend, const struct wire_post *post)
{
        struct wire_frame frame;

        return wire_post_count(post) >= OUTPUT_GATHER_MIN && post->effect == WIRE_EFFECT_NONE &&
               id_is_zero(&post->request) &&
               wire_frame_parse(slice_of(post->frame.data + WIRE_LENGTH_SIZE, post->frame.size - WIRE_LENGTH_SIZE),
                                &frame) == ERR_OK &&
               frame.code == WIRE_CODE_delivery && output_gathers(frontend, &frame.room);
}

static void take_post(struct frontend *frontend, struct slice record)
{
        struct wire_post post;
        struct piece piece = {0};
        bool gathers = false;

        if (wire_record_parse(record, WIRE_CODE_post, &post) != ERR_OK) {
                note_bad(frontend, record, "post");
                return;
        }
        if (!id_equal(&post.epoch, &frontend->epoch)) {
                for (size_t i = 0; i < wire_post_count(&post); i++)
                        nobody_here(frontend, &post, wire_post_connection(&post, i));
                return;
        }
        if (post.frame.size > 0) {
                if (!is_whole_frame(post.frame)) {
                        note_bad(frontend, record, "frame in post");
                        return;
                }
                piece = runs_copy(frontend, &post);
                if (!piece.block) {
                        upkeep_suspect_loss(frontend, "no memory for a delivery");
                        return;
                }
                gathers = post_gathers(frontend, &post);
        }
        for (size_t i = 0; i < wire_post_count(&post); i++)
                post_one(frontend, &post, wire_post_connection(&post, i), piece, gathers);
        block_drop(&frontend->blocks, piece.block);
}

static bool concerns(const struct wire_revoke *revoke, const struct connection *connection)
{
        if (connection->state == CONNECTION_SIGNED_OUT)
                return false;
        return revoke->device ? revoke->device == connection->device : revoke->except != connection->device;
}

/* The next that is to be closed, or NULL. A Join that is under way is cut off too; one that comes later is refused by the store. */
static struct connection *find_revoked(const struct frontend *frontend, const struct wire_revoke *revoke)
{
        struct connection *connection = connection_of_user(&frontend->connections, revoke->user, NULL);

        while (connection && !concerns(revoke, connection))
                connection = connection_of_user(&frontend->connections, revoke->user, connection);
        return connection;
}

/* L7. From the start after each: to make room for its last word, the end of one may drop others of the same user. */
static void take_revoke(struct frontend *frontend, struct slice record)
{
        struct wire_revoke revoke;
        struct connection *connection;

        if (wire_record_parse(record, WIRE_CODE_revoke, &revoke) != ERR_OK || revoke.user == 0) {
                note_bad(frontend, record, "revoke");
                return;
        }
        while ((connection = find_revoked(frontend, &revoke)))
                connection_end(frontend, connection, ERR_REVOKED, 0);
}

static void take_claim(struct frontend *frontend, struct slice record)
{
        struct wire_claim claim;

        if (wire_record_parse(record, WIRE_CODE_claim, &claim) != ERR_OK)
                note_bad(frontend, record, "claim");
        else
                claim_read(frontend, &claim);
}

static void take_lost(struct frontend *frontend, struct slice record)
{
        struct wire_lost lost;

        if (wire_record_parse(record, WIRE_CODE_lost, &lost) != ERR_OK)
                note_bad(frontend, record, "lost");
        else if (id_is_zero(&lost.epoch) || id_equal(&lost.epoch, &frontend->epoch))
                upkeep_suspect_loss(frontend, "a delivery was given up");
}

void post_record(struct frontend *frontend, struct slice record)
{
        switch (wire_record_code(record)) {
        case WIRE_CODE_post:
                take_post(frontend, record);
                break;
        case WIRE_CODE_revoke:
                take_revoke(frontend, record);
                break;
        case WIRE_CODE_claim:
                take_claim(frontend, record);
                break;
        case WIRE_CODE_lost:
                take_lost(frontend, record);
                break;
        default:
                note_bad(frontend, record, "code");
        }
}
