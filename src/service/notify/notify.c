/*
 * The service of letters: a record of topic NOTIFY is one letter. It is sent, tried again a few times with growing pauses, then
 * put at the end of the queue, so that one address that does not answer does not hold up the others; past its deadline it is
 * dropped. A letter may arrive twice.
 */
#include "rules/name.h"
#include "service/notify/letter.h"
#include "service/worker/batch.h"

static void mail_plan(struct batch *batch, struct item *item)
{
        struct wire_mail *mail = batch_decode(batch, item, sizeof(*mail));
        char *buffer = mail ? batch_take(batch, LETTER_TEXT_MAX) : NULL;
        struct mail_letter *letter = buffer ? batch_letter(batch, item) : NULL;

        if (!letter)
                return;
        item->body = mail;
        item->not_after_ms = mail->not_after_ms;
        item->frame.request = mail->request;
        /* An address that no driver takes, or no deadline: it would be tried for ever. */
        if (!name_is_email(mail->to) || mail->not_after_ms == 0 || !letter_write(mail, buffer, letter))
                batch_poison(batch, item, ERR_BAD_FIELD);
}

static void mail_stored(struct batch *batch, struct item *item)
{
        const struct wire_mail *mail = item->body;

        if (item->letter_state == LETTER_SENT)
                return;
        event_note(batch_seams(batch)->events, EVENT_WARNING, "notify.again", &mail->request, {"kind", NULL, mail->kind});
        batch_publish(batch, item, BUS_NOTIFY, BUS_PARTITION_BYKEY,
                      slice_of(mail->request.bytes, sizeof(mail->request.bytes)), WIRE_CODE_mail, mail);
}

static const struct handler handlers[] = {
        {.code = WIRE_CODE_mail, .hooks = {[HOOK_PLAN] = mail_plan, [HOOK_STORED] = mail_stored}},
};

const struct service service_notify = {
        .name = "notify",
        .topic = BUS_NOTIFY,
        .wire_topic = WIRE_TOPIC_NONE,
        .record = WIRE_CODE_mail,
        .records_max = 16,
        .handlers = handlers,
        .handler_count = countof(handlers),
};
