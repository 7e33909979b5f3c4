/* See address.h. */
#include "terminal/address.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/slice.h"

/* A number is a number only whole: 127.example.org is a name of somebody. */
static bool is_own(const char *host)
{
        if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
                return true;
        return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

static bool parse_port(const char *text, uint16_t *port)
{
        size_t digits = strspn(text, "0123456789");
        unsigned long number = strtoul(text, NULL, 10);

        *port = (uint16_t)number;
        return digits > 0 && digits <= 5 && !text[digits] && number > 0 && number <= 65535;
}

/* What stands before the port, without its brackets. */
static bool parse_host(const char *text, size_t size, char host[static ADDRESS_HOST_SIZE])
{
        bool bracketed = size > 0 && text[0] == '[';

        if (bracketed) {
                if (size < 3 || text[size - 1] != ']')
                        return false;
                text++;
                size -= 2;
        }
        if (size == 0 || size >= ADDRESS_HOST_SIZE || memchr(text, '[', size) || memchr(text, ']', size))
                return false;
        /* What is left of an address with a path, a user, a space. */
        for (size_t i = 0; i < size; i++)
                if (strchr(" /@?#\t", text[i]) || (!bracketed && text[i] == ':'))
                        return false;
        memcpy(host, text, size);
        host[size] = '\0';
        return true;
}

enum error address_parse(const char *text, struct address *address)
{
        const char *rest = strstr(text, "://"), *start = rest ? rest + 3 : text;
        const char *bracket = start[0] == '[' ? strchr(start, ']') : NULL;
        const char *colon = strrchr(bracket ? bracket : start, ':');
        size_t word = rest ? (size_t)(rest - text) : 0;
        bool tls = word == 3 && strncasecmp(text, "tls", 3) == 0, plain = word == 5 && strncasecmp(text, "plain", 5) == 0;

        *address = (struct address){.port = ADDRESS_PORT};
        if (rest && !tls && !plain)
                return ERR_CONFIG;
        if (colon && !parse_port(colon + 1, &address->port))
                return ERR_CONFIG;
        if (!parse_host(start, colon ? (size_t)(colon - start) : strlen(start), address->host))
                return ERR_CONFIG;
        address->tls = tls || (!plain && !is_own(address->host));
        return ERR_OK;
}
