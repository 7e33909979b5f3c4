/* See web_stage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "frontend/internal.h"
#include "support/web_stage.h"

uint8_t web_long[WEB_LONG_SIZE];

const struct frontend_file web_files[WEB_FILES] = {
        {"/index.html", SLICE_LITERAL("<!doctype html>\n")},
        {"/index.html.br", SLICE_LITERAL("brotli")},
        {"/index.html.gz", SLICE_LITERAL("gzip")},
        {"/lonely.js.gz", SLICE_LITERAL("of nothing")},
        {"/empty.txt", {0}},
        {"/assets/app-1a2b3c.js", SLICE_LITERAL("let it;")},
        {"/assets/long-4d5e6f.wasm", {web_long, WEB_LONG_SIZE}},
};

void web_stage_start(struct host *host, const struct frontend_options *options, struct client *client)
{
        for (size_t i = 0; i < WEB_LONG_SIZE; i++)
                web_long[i] = (uint8_t)(i % 251);
        host_start(host, options);
        host_show(host, web_files, WEB_FILES);
        client_open(host, client);
}

void web_stage_stop(struct host *host, struct client *client, struct client *other)
{
        struct frontend_counts counts;

        client_close(client);
        if (other->input)
                client_close(other);
        host_pass(host, 3000);
        counts = frontend_counts(host->frontend);
        assert_int_equal(counts.connections, 0);
        assert_int_equal(counts.partial_bytes, 0);
        assert_int_equal(counts.queued_bytes, 0);
        assert_int_equal(host->frontend->traffics.count, 0);
        assert_int_equal(host->frontend->downloads.count, 0);
        host_stop(host);
}

void web_expect_body(const struct web_answer *answer, const char *text)
{
        assert_int_equal(answer->size, strlen(text));
        assert_memory_equal(answer->body, text, answer->size);
}

void web_expect_closed(struct client *client)
{
        client_receive(client);
        assert_int_equal(client->used, 0);
        assert_true(client->closed);
}
