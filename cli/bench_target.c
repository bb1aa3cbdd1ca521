/* SPDX-License-Identifier: MIT */
/* See bench_target.h. */
#include "bench_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "http/extension_field.h"
#include "wire/utf8.h"

enum { MOST_SOURCES = 65536, EXIT_NOTHING = 3 };

/* ----------------------------------------------------------------------------- sources -- */

/* "127.0.0.1" or "127.0.0.0/24", of which all but the first and the last are taken. */
static bool add_sources(bench_target *t, char *word)
{
    struct sockaddr_storage ss = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&ss;
    char *slash = strchr(word, '/');
    unsigned long bits = 32;
    uint32_t first, n = 1;

    if (slash != NULL) {
        char *end;
        *slash = 0;
        bits = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != 0 || bits < 16 || bits > 32)
            return false;
    }
    if (inet_pton(AF_INET, word, &v4->sin_addr) == 1) {
        ss.ss_family = AF_INET;
        first = ntohl(v4->sin_addr.s_addr);
        if (bits < 31) {
            uint32_t mask = UINT32_MAX << (32 - bits);
            n = ~mask - 1;
            first = (first & mask) + 1;
        } else if (bits == 31) {
            n = 2;
            first &= ~1u;
        }
    } else if (slash == NULL && inet_pton(AF_INET6, word, &v6->sin6_addr) == 1) {
        ss.ss_family = AF_INET6;
        first = 0;
    } else {
        return false;
    }
    if (n > MOST_SOURCES - t->n_sources)
        return false;
    void *more = realloc(t->sources, (t->n_sources + n) * sizeof(*t->sources));
    if (more == NULL)
        return false;
    t->sources = more;
    for (uint32_t i = 0; i < n; i++) {
        if (ss.ss_family == AF_INET)
            v4->sin_addr.s_addr = htonl(first + i);
        t->sources[t->n_sources++] = ss;
    }
    return true;
}

static bool sources_init(bench_target *t, const char *text)
{
    char *copy = strdup(text), *at = copy;
    bool good = copy != NULL;

    while (good && at != NULL) {
        char *word = strsep(&at, ",");
        good = add_sources(t, word);
        if (!good)
            cli_error("bench",
                      "--source wants addresses such as 127.0.0.1,127.0.1.0/24, not \"%s\"", text);
        else if (t->sources[t->n_sources - 1].ss_family != t->address.ss_family) {
            cli_error("bench", "--source %s does not fit the address of the server", text);
            good = false;
        }
    }
    free(copy);
    return good;
}

/* ----------------------------------------------------------------------------- address -- */

static int resolve(bench_target *t)
{
    if (t->url.is_unix) {
        struct sockaddr_un *un = (struct sockaddr_un *)(void *)&t->address;
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, t->url.unix_path, sizeof(un->sun_path));
        t->address_len = sizeof(*un);
        return 0;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    char port[8];
    snprintf(port, sizeof(port), "%u", t->url.port);
    int e = getaddrinfo(t->url.host, port, &hints, &list);
    if (e != 0) {
        cli_error("bench", "%s: %s", t->url.host, gai_strerror(e));
        return EXIT_NOTHING;
    }
    /* All connections go to one address, so that they are alike. "localhost" may stand for two of
     * which but one is served: the first that takes a connection it is. */
    const struct addrinfo *best = list;
    for (const struct addrinfo *a = list; a != NULL && list->ai_next != NULL; a = a->ai_next) {
        struct timeval patience = {.tv_sec = 3};
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool open = false;
        if (fd >= 0) {
            /* Limits connect(2), too. */
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
            open = connect(fd, a->ai_addr, a->ai_addrlen) == 0;
            close(fd);
        }
        if (open) {
            best = a;
            break;
        }
    }
    memcpy(&t->address, best->ai_addr, best->ai_addrlen);
    t->address_len = best->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

/* ----------------------------------------------------------------------------- request -- */

static bool request_init(bench_target *t)
{
    static const char key[WSK__KEY_LEN + 1] = "AAAAAAAAAAAAAAAAAAAAAA==";
    wsk_request_options o = {.size = sizeof(o), .host = t->url.authority, .target = t->url.target};
    wsk__text text = {0};

    wsk__handshake_write_request(&text, &o, key, "websock-bench/" WSK_VERSION_STRING, NULL,
                                 t->deflate ? "permessage-deflate" : NULL);
    if (text.failed) {
        wsk__text_deinit(&text);
        return false;
    }
    t->request = malloc(text.len);
    if (t->request != NULL) {
        memcpy(t->request, text.ptr, text.len);
        t->request_len = text.len;
        const char *at = memmem(t->request, text.len, "\r\nSec-WebSocket-Key: ", 21);
        t->key_at = (size_t)(at - t->request) + 21;
    }
    wsk__text_deinit(&text);
    return t->request != NULL;
}

/* "tcp://host:port" has the form of a ws URL without a path. */
static int parse_url(bench_target *t, const char *text, const char **ret_why)
{
    /* Neither JSON nor a picture could say it. */
    if (!wsk__utf8_is_valid(text, strlen(text))) {
        *ret_why = "it is no UTF-8; other octets are written as %XX";
        return WSK_ERR_INVAL;
    }
    if (strncmp(text, "tcp://", 6) != 0)
        return wsk__url_parse(NULL, text, &t->url, ret_why);
    char *ws = malloc(strlen(text));
    if (ws == NULL)
        return WSK_ERR_NOMEM;
    memcpy(ws, "ws", 2);
    memcpy(ws + 2, text + 3, strlen(text) - 2);
    int r = wsk__url_parse(NULL, ws, &t->url, ret_why);
    free(ws);
    t->raw = true;
    return r;
}

int bench_target_init(bench_target *t, const bench_target_options *o)
{
    const char *why = NULL;

    memset(t, 0, sizeof(*t));
    t->deflate = o->deflate;
    int r = parse_url(t, o->url, &why);
    if (r < 0) {
        /* What stands before an @ may be a password. */
        if (strchr(o->url, '@') != NULL)
            cli_error("bench", "the URL: %s", why != NULL ? why : wsk_strerror(r));
        else
            cli_error("bench", "\"%s\": %s", o->url, why != NULL ? why : wsk_strerror(r));
        return CLI_EXIT_USAGE;
    }
    if (t->url.userinfo != NULL) {
        cli_error("bench",
                  "the URL must have no user: it would not be sent (\"websock connect\" has "
                  "--user)");
        return CLI_EXIT_USAGE;
    }
    if (!t->url.tls && (o->insecure || o->ca_file != NULL)) {
        cli_error("bench", "--insecure and --cacert are of no use without a wss URL");
        return CLI_EXIT_USAGE;
    }
    if (t->url.tls) {
        wsk_tls_options tls = WSK_TLS_OPTIONS_INIT;
        tls.role = WSK_ROLE_CLIENT;
        tls.ca_file = o->ca_file;
        tls.insecure = o->insecure;
        r = wsk_tls_new(&t->tls, &tls, &why);
        if (r < 0) {
            cli_error("bench", "%s", why != NULL ? why : wsk_strerror(r));
            return CLI_EXIT_USAGE;
        }
    }
    if (!request_init(t)) {
        cli_error("bench", "out of memory");
        return EXIT_NOTHING;
    }
    int code = resolve(t);
    if (code != 0)
        return code;
    return o->source == NULL || sources_init(t, o->source) ? 0 : CLI_EXIT_USAGE;
}

void bench_target_deinit(bench_target *t)
{
    wsk__url_deinit(NULL, &t->url);
    wsk_tls_unref(t->tls);
    free(t->sources);
    free(t->request);
    memset(t, 0, sizeof(*t));
}

/* ------------------------------------------------------------------------------ socket -- */

int bench_target_socket(bench_target *t)
{
    int one = 1;
    int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (t->address.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (t->n_sources > 0) {
        const struct sockaddr_storage *from = &t->sources[t->next_source];
        t->next_source = (t->next_source + 1) % t->n_sources;
        /* The port is chosen with the destination known, so that each address has all of them. */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
        if (bind(fd, (const struct sockaddr *)(const void *)from, sizeof(*from)) < 0)
            goto fail;
    }
    if (connect(fd, (const struct sockaddr *)(const void *)&t->address, t->address_len) == 0 ||
        errno == EINPROGRESS)
        return fd;
fail:;
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

/* ------------------------------------------------------------------------------ answer -- */

static const char *judge_deflate(const wsk__ext_item *item, bool *ret_alone, bool *ret_takeover)
{
    for (size_t i = 0; i < item->n_params; i++) {
        wsk_str name = item->params[i].name;
        if (name.len == 26 && memcmp(name.ptr, "server_no_context_takeover", 26) == 0)
            *ret_takeover = false;
        else if (name.len == 26 && memcmp(name.ptr, "client_no_context_takeover", 26) == 0)
            *ret_alone = true;
        else if (name.len != 22 || memcmp(name.ptr, "server_max_window_bits", 22) != 0)
            return "the server answers permessage-deflate with a parameter that was not offered";
    }
    return NULL;
}

const char *bench_target_judge(const bench_target *t, const wsk__head *head,
                               const char key[WSK__KEY_LEN + 1], bool *ret_alone,
                               bool *ret_takeover)
{
    const char *subprotocol, *why = NULL;
    wsk__list_pos pos = {0};
    wsk__ext_item item;
    bool agreed = false;

    *ret_alone = false;
    *ret_takeover = true;
    if (!wsk__handshake_judge_response(head, key, NULL, &subprotocol, &why))
        return why;
    for (;;) {
        int r = wsk__ext_next(head, &pos, &item, &why);
        if (r < 0)
            return why;
        if (r == 0)
            break;
        if (agreed || !t->deflate || item.name.len != 18 ||
            memcmp(item.name.ptr, "permessage-deflate", 18) != 0)
            return "the server chose an extension that was not offered";
        agreed = true;
        why = judge_deflate(&item, ret_alone, ret_takeover);
        if (why != NULL)
            return why;
    }
    if (t->deflate && !agreed)
        return "the server does not agree to permessage-deflate, which --deflate offers";
    return NULL;
}
