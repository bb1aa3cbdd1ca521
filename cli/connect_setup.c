/* SPDX-License-Identifier: MIT */
/* From the settings of "websock connect" to the options of a client. Makes no connection. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "command.h"
#include "connect.h"
#include "http/handshake.h"
#include "http/url.h"
#include "wire/utf8.h"

/* Has the library's reason for refusing something: it comes in a line of the log. */
typedef struct reason {
    char text[512];
} reason;

static void keep_reason(void *ud, wsk_log_level level, const char *line)
{
    reason *r = ud;

    if (level <= WSK_LOG_WARN)
        snprintf(r->text, sizeof(r->text), "%s", line);
}

/* ------------------------------------------------------------------------------ header -- */

/* The fields of the request; names and values are cut out of copies. */
typedef struct fields {
    wsk_header *at;
    size_t n;
    char **copies;
    const char *user_agent; /* among them: these go another way */
    const char *origin;
    const char *host;
    char *proxy; /* with its user; NULL: as in the settings */
} fields;

static void fields_deinit(fields *f)
{
    for (size_t i = 0; f->copies != NULL && f->copies[i] != NULL; i++)
        free(f->copies[i]);
    free((void *)f->copies);
    free(f->at);
    free(f->proxy);
}

static char *trimmed(char *s)
{
    size_t n;

    s += strspn(s, " \t");
    for (n = strlen(s); n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'); n--)
        ;
    s[n] = 0;
    return s;
}

#define FIELD_WANTED  "a field is to be \"Name: value\""
#define FIELD_REFUSED "may not be sent: the handshake sets it, or a character may not stand there"

/* "Name: value", as curl has it "Name;" for an empty value; cuts text. False if it is neither. */
static bool split_field(char *text, wsk_header *ret)
{
    char *colon = strchr(text, ':');
    size_t len = strlen(text);

    if (colon == NULL && len > 1 && text[len - 1] == ';') {
        text[len - 1] = 0;
        *ret = (wsk_header){text, text + len - 1};
        return true;
    }
    if (colon == NULL || colon == text)
        return false;
    *colon = 0;
    *ret = (wsk_header){text, trimmed(colon + 1)};
    return true;
}

/* As with curl, the only field of the handshake's own that may be another. */
static bool is_host(const wsk_header *h)
{
    return strcasecmp(h->name, "Host") == 0 && h->value[0] != 0;
}

const char *connect_field_fault(const char *text)
{
    char *copy = strdup(text);
    const char *fault = NULL;
    wsk_header h;

    if (copy == NULL)
        return "out of memory";
    if (!split_field(copy, &h))
        fault = FIELD_WANTED;
    else if (!is_host(&h) && !wsk__header_is_allowed(&h, WSK_ROLE_CLIENT))
        fault = "the field " FIELD_REFUSED;
    free(copy);
    return fault;
}

/* Of a value nothing is said: it may be a secret. So may all of a text without a colon. */
static bool add_field(fields *f, char *text)
{
    wsk_header h;

    if (!split_field(text, &h)) {
        cli_error("connect", "--header: " FIELD_WANTED);
        return false;
    }
    if (is_host(&h)) {
        f->host = h.value;
        return true;
    }
    if (!wsk__header_is_allowed(&h, WSK_ROLE_CLIENT)) {
        cli_error("connect", "the header field \"%s\" " FIELD_REFUSED, h.name);
        return false;
    }
    if (strcasecmp(h.name, "User-Agent") == 0)
        f->user_agent = h.value;
    else if (strcasecmp(h.name, "Origin") == 0)
        f->origin = h.value;
    else
        f->at[f->n++] = h;
    return true;
}

/* All cookies stand in one field (RFC 6265 5.4): those of --header, which leave the other fields,
 * and those of --cookie. NULL: no memory; "": there are none. */
static char *join_cookies(fields *f, const opt_list *cookies)
{
    text_buf b = {0};
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        if (strcasecmp(f->at[i].name, "Cookie") == 0)
            text_putf(&b, "%s%s", b.len > 0 ? "; " : "", f->at[i].value);
        else
            f->at[n++] = f->at[i];
    }
    f->n = n;
    for (size_t i = 0; i < cookies->n; i++)
        text_putf(&b, "%s%s", b.len > 0 ? "; " : "", cookies->at[i]);
    text_put_n(&b, "", 1);
    if (b.failed)
        text_deinit(&b);
    return b.at;
}

/* The URL of the proxy with user and password in it, instead of those that it has. NULL: no memory.
 */
static char *join_proxy(const char *proxy, const char *user)
{
    const char *colon = strstr(proxy, "://"), *rest = colon != NULL ? colon + 3 : proxy;
    const char *at = memrchr(rest, '@', strcspn(rest, "/?#"));
    text_buf b = {0};
    bool first = true;

    text_put_n(&b, proxy, (size_t)(rest - proxy));
    rest = at != NULL ? at + 1 : rest;
    for (; *user != 0; user++) {
        bool separates = *user == ':' && first;
        bool plain = (*user >= '0' && *user <= '9') || (*user >= 'A' && *user <= 'Z') ||
                     (*user >= 'a' && *user <= 'z');
        first = first && !separates;
        text_putf(&b, plain || separates ? "%c" : "%%%02X", (unsigned char)*user);
    }
    text_putf(&b, "@%s", rest);
    text_put_n(&b, "", 1);
    if (b.failed)
        text_deinit(&b);
    return b.at;
}

static bool fields_init(fields *f, const connect_settings *set)
{
    size_t n = set->headers.n, copied = 0;

    memset(f, 0, sizeof(*f));
    f->at = calloc(n + 1, sizeof(*f->at));
    f->copies = calloc(n + 2, sizeof(*f->copies));
    if (f->at == NULL || f->copies == NULL)
        goto nomem;
    for (size_t i = 0; i < n; i++) {
        char *copy = strdup(set->headers.at[i]);
        if (copy == NULL)
            goto nomem;
        f->copies[copied++] = copy;
        if (!add_field(f, copy))
            return false;
    }
    char *joined = join_cookies(f, &set->cookies);
    if (joined == NULL)
        goto nomem;
    f->copies[copied++] = joined;
    if (joined[0] != 0)
        f->at[f->n++] = (wsk_header){"Cookie", joined};
    if (set->proxy_user != NULL) {
        f->proxy = join_proxy(set->client.proxy, set->proxy_user);
        if (f->proxy == NULL)
            goto nomem;
    }
    return true;
nomem:
    cli_error("connect", "out of memory");
    return false;
}

/* --------------------------------------------------------------------------------- tls -- */

/* False after a message. */
static bool tls_make(wsk_tls **ret, const wsk_tls_options *options)
{
    const char *why = NULL;
    int r = wsk_tls_new(ret, options, &why);

    if (r < 0)
        cli_error("connect", "%s", why != NULL ? why : wsk_strerror(r));
    return r == WSK_OK;
}

/* False after a message. What the library's defaults do for stays NULL. */
static bool tls_new(wsk_client_options *ret, const connect_settings *set)
{
    wsk_tls_options server = WSK_TLS_OPTIONS_INIT, proxy = WSK_TLS_OPTIONS_INIT;

    server.role = proxy.role = WSK_ROLE_CLIENT;
    server.ca_file = set->ca_file;
    server.certificate_file = set->certificate;
    server.key_file = set->key;
    server.insecure = set->insecure;
    server.tls13_only = set->tls13_only;
    proxy.ca_file = set->proxy_ca_file;
    proxy.insecure = set->proxy_insecure;
    return ((!set->insecure && !set->tls13_only && set->ca_file == NULL &&
             set->certificate == NULL) ||
            tls_make(&ret->tls, &server)) &&
           ((!set->proxy_insecure && set->proxy_ca_file == NULL) ||
            tls_make(&ret->proxy_tls, &proxy));
}

/* ------------------------------------------------------------------------------- client -- */

/* Which option the library does not take: the one without whose like a client can be made. The
 * reason names fields of structs, which whoever typed the command need not know. */
static const char *culprit(wsk_loop *loop, const connect_settings *set, const fields *f)
{
    static const wsk_hooks silent = WSK_HOOKS_INIT;
    const struct {
        const char *option;
        size_t offset;
        const void *value;
    } rows[] = {
        {"proxy", offsetof(wsk_client_options, proxy), set->client.proxy},
        {"proxy-user", offsetof(wsk_client_options, proxy), f->proxy},
        {"header", offsetof(wsk_client_options, host), f->host},
        {"noproxy", offsetof(wsk_client_options, no_proxy), set->client.no_proxy},
        {"user", offsetof(wsk_client_options, userinfo), set->client.userinfo},
        {"origin", offsetof(wsk_client_options, origin), set->client.origin},
        {"header", offsetof(wsk_client_options, origin), f->origin},
        {"subprotocol", offsetof(wsk_client_options, conn.subprotocols), set->subprotocols.at},
        {"resolve", offsetof(wsk_client_options, resolve), set->resolve.at},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wsk_client_options o = WSK_CLIENT_OPTIONS_INIT;
        wsk_client *client = NULL;

        memcpy((char *)&o + rows[i].offset, &rows[i].value, sizeof(rows[i].value));
        o.conn.hooks = &silent;
        int r = wsk_client_new(&client, loop, &o, NULL, NULL);
        wsk_client_free(client);
        if (r == WSK_ERR_INVAL)
            return rows[i].option;
    }
    return NULL;
}

/* What is said behind whose words it is, and which field of a struct is meant. */
static const char *behind_names(const char *why)
{
    const char *colon = strstr(why, ": ");

    while (colon != NULL && strspn(why, "abcdefghijklmnopqrstuvwxyz_") == (size_t)(colon - why)) {
        why = colon + 2;
        colon = strstr(why, ": ");
    }
    return why;
}

static void complain_of(int error, wsk_loop *loop, const connect_settings *set, const fields *f,
                        const char *why)
{
    const char *option = error == WSK_ERR_INVAL ? culprit(loop, set, f) : NULL;

    if (option != NULL)
        cli_error("connect", "--%s: %s", option, behind_names(why));
    else
        cli_error("connect", "%s%s", error == WSK_ERR_INVAL ? "the options do not fit: " : "",
                  why[0] != 0 ? why : wsk_strerror(error));
}

static int family(const connect_settings *set)
{
    return set->ipv4 ? AF_INET : set->ipv6 ? AF_INET6 : 0;
}

bool connect_client_new(wsk_client **ret, wsk_loop *loop, const connect_settings *set,
                        const wsk_client_handlers *handlers, unsigned flags, void *ud)
{
    /* The client borrows its hooks: nothing is logged once this function has returned. */
    static const wsk_hooks silent = WSK_HOOKS_INIT;
    wsk_client_options o = set->client;
    wsk_hooks hooks = WSK_HOOKS_INIT;
    reason why = {""};
    fields f;
    bool made = false;

    if (!fields_init(&f, set))
        goto out;
    o.conn.flags |= flags;
    o.conn.subprotocols = set->subprotocols.at;
    o.conn.server_header = set->user_agent != NULL ? set->user_agent
                           : f.user_agent != NULL  ? f.user_agent
                                                   : "websock/" WSK_VERSION_STRING;
    if (o.conn.server_header[0] == 0)
        o.conn.server_header = NULL;
    if (o.origin == NULL)
        o.origin = f.origin;
    o.headers = f.at;
    o.n_headers = f.n;
    o.family = family(set);
    o.resolve = set->resolve.at;
    o.host = f.host;
    if (f.proxy != NULL)
        o.proxy = f.proxy;
    o.max_redirects = set->location ? set->max_redirects : 0;
    if (!set->reconnect)
        o.retry_initial = 0;
    if (!tls_new(&o, set))
        goto out;
    /* What is wrong shows with a client that is thrown away; it has the log. */
    hooks.ud = &why;
    hooks.log = keep_reason;
    hooks.log_level = WSK_LOG_WARN;
    o.conn.hooks = &hooks;
    wsk_client *trial = NULL;
    int r = wsk_client_new(&trial, loop, &o, handlers, ud);
    if (r == WSK_OK) {
        wsk_client_free(trial);
        (void)wsk_loop_turn(loop, 0); /* its memory is gone, and so is its use of the hooks */
        o.conn.hooks = &silent;
        r = wsk_client_new(ret, loop, &o, handlers, ud);
    }
    made = r == WSK_OK;
    if (!made)
        complain_of(r, loop, set, &f, why.text);
out:
    wsk_tls_unref(o.tls);
    wsk_tls_unref(o.proxy_tls);
    fields_deinit(&f);
    return made;
}

bool connect_loop_new(wsk_loop **ret, const connect_settings *set)
{
    int r = wsk_loop_new(ret, &set->loop);

    if (r == WSK_ERR_NOTSUP)
        cli_error("connect", "--io %s: %s", set->loop.io == WSK_IO_URING ? "uring" : "epoll",
                  wsk_strerror(r));
    else if (r < 0)
        cli_error("connect", "cannot start: %s",
                  r == WSK_ERR_SYS ? strerror(errno) : wsk_strerror(r));
    return r == WSK_OK;
}

static bool one_of(const char *a, bool given_a, const char *b, bool given_b)
{
    if (given_a && given_b)
        cli_error("connect", "--%s and --%s exclude each other", a, b);
    return !(given_a && given_b);
}

static bool needs(const char *a, bool given_a, const char *b, bool given_b)
{
    if (given_a && !given_b)
        cli_error("connect", "--%s is of no use without --%s", a, b);
    return !given_a || given_b;
}

/* A testee does as it is told: nobody sees messages, nor says them. */
static bool fits_testee(const connect_settings *set)
{
    const struct {
        const char *option;
        bool given;
    } rows[] = {
        {"binary", set->binary},
        {"hex", set->hex},
        {"times", set->times},
        {"sizes", set->sizes},
        {"history", set->history != NULL},
        {"null", set->null},
        {"whole", set->whole},
        {"count", set->count != 0},
        {"wait", set->wait != CONNECT_WAIT_PRESET},
        {"keep-open", set->keep_open},
        {"close-code", set->close_code != 0},
        {"json", set->json},
        {"wirelog", set->wirelog},
        {"verbose", set->verbose},
        {"location", set->location},
        {"reconnect", set->reconnect},
        {"reconnect-first", set->client.retry_initial != 0},
        {"reconnect-max", set->client.retry_max != 0},
        {"reconnect-attempts", set->client.retry_attempts != 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!one_of("testee", set->testee, rows[i].option, rows[i].given))
            return false;
    }
    return true;
}

static bool may_stand(const char *option, const char *name, const char *value)
{
    if (value == NULL || wsk__header_is_allowed(&(wsk_header){name, value}, WSK_ROLE_CLIENT))
        return true;
    cli_error("connect", "--%s: a character in it may not stand in a header field", option);
    return false;
}

/* The history takes the place of what is there: that must not be something else, such as notes or
 * a key. Its first line is libedit's. */
static bool is_history(const char *path)
{
    static const char first[] = "_HiStOrY_V2_\n";
    char text[sizeof(first) - 1];
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return true; /* what cannot be written is said when it is */
    FILE *f = fopen(path, "re");
    bool same = f != NULL && fread(text, 1, sizeof(text), f) == sizeof(text) &&
                memcmp(text, first, sizeof(text)) == 0;
    if (f == NULL)
        cli_error("connect", "--history: cannot read %s: %s", path, strerror(errno));
    else if (!same)
        cli_error("connect", "--history: %s is no history, and would be overwritten", path);
    if (f != NULL)
        fclose(f);
    return same;
}

bool connect_settings_are_valid(const connect_settings *set)
{
    bool framed = set->null || set->whole;
    bool has_proxy = set->client.proxy != NULL && set->client.proxy[0] != 0;

    if (!one_of("binary", set->binary, "hex", set->hex) ||
        !one_of("null", set->null, "whole", set->whole) ||
        !one_of("null", set->null, "json", set->json) ||
        !one_of("whole", set->whole, "json", set->json) ||
        !one_of("times", set->times, "json", set->json) ||
        !one_of("sizes", set->sizes, "json", set->json) ||
        !one_of("times", set->times && framed, set->null ? "null" : "whole", framed) ||
        !one_of("sizes", set->sizes && framed, set->null ? "null" : "whole", framed) ||
        !one_of("whole", set->whole, "reconnect", set->reconnect) ||
        !one_of("keep-open", set->keep_open, "wait", set->wait != CONNECT_WAIT_PRESET) ||
        !one_of("ipv4", set->ipv4, "ipv6", set->ipv6) ||
        !one_of("quiet", set->quiet, "verbose", set->verbose) ||
        !needs("key", set->key != NULL, "cert", set->certificate != NULL) ||
        !needs("proxy-user", set->proxy_user != NULL, "proxy", has_proxy) ||
        !needs("agent", set->agent != NULL, "testee", set->testee) ||
        !needs("max-redirects", set->max_redirects != 0, "location", set->location) ||
        !fits_testee(set) ||
        !needs("reconnect-first", set->client.retry_initial != 0, "reconnect", set->reconnect) ||
        !needs("reconnect-max", set->client.retry_max != 0, "reconnect", set->reconnect) ||
        !needs("reconnect-attempts", set->client.retry_attempts != 0, "reconnect",
               set->reconnect) ||
        !needs("close-reason", set->close_reason != NULL, "close-code", set->close_code != 0))
        return false;
    if (set->history != NULL && !is_history(set->history))
        return false;
    for (size_t i = 0; i < set->cookies.n; i++) {
        if (!may_stand("cookie", "Cookie", set->cookies.at[i]))
            return false;
    }
    if (!may_stand("user-agent", "User-Agent", set->user_agent) ||
        !may_stand("origin", "Origin", set->client.origin))
        return false;
    for (size_t i = 1; i < set->subprotocols.n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(set->subprotocols.at[i], set->subprotocols.at[k]) == 0) {
                cli_error("connect", "--subprotocol %s is there twice (RFC 6455 4.1)",
                          set->subprotocols.at[i]);
                return false;
            }
        }
    }
    if (set->close_code != 0 && !wsk_close_code_is_valid(set->close_code)) {
        cli_error("connect", "--close-code %u may not be sent (RFC 6455 7.4)", set->close_code);
        return false;
    }
    if (set->close_reason != NULL && strlen(set->close_reason) > 123) {
        cli_error("connect", "--close-reason is longer than 123 octets (RFC 6455 5.5)");
        return false;
    }
    if (set->close_reason != NULL &&
        !wsk__utf8_is_valid(set->close_reason, strlen(set->close_reason))) {
        cli_error("connect", "--close-reason is not valid UTF-8 (RFC 6455 5.5.1)");
        return false;
    }
    return true;
}

/* --------------------------------------------------------------------------------- url -- */

static bool has_scheme(const char *url)
{
    return strstr(url, "://") != NULL || strncasecmp(url, "ws+unix:", 8) == 0 ||
           strncasecmp(url, "wss+unix:", 9) == 0;
}

/* The name of a socket within a URL: what would end it there is encoded. */
static void put_socket(text_buf *b, const char *path)
{
    for (; *path != 0; path++) {
        if ((unsigned char)*path <= 0x20 || *path == 0x7f || strchr(":%?#", *path) != NULL)
            text_putf(b, "%%%02X", (unsigned char)*path);
        else
            text_put_n(b, path, 1);
    }
}

void connect_put_url(text_buf *b, const connect_settings *set, const char *url)
{
    bool tls = false;

    if (!has_scheme(url)) {
        text_put(b, set->unix_socket != NULL ? "" : "ws://");
    } else if (strncasecmp(url, "http://", 7) == 0) {
        url += 7;
        text_put(b, set->unix_socket != NULL ? "" : "ws://");
    } else if (strncasecmp(url, "https://", 8) == 0) {
        url += 8;
        tls = true;
        text_put(b, set->unix_socket != NULL ? "" : "wss://");
    } else if (set->unix_socket != NULL) {
        tls = strncasecmp(url, "wss://", 6) == 0;
        url = strstr(url, "://") != NULL ? strstr(url, "://") + 3 : url;
    }
    if (set->unix_socket != NULL) {
        size_t host = strcspn(url, "/?#");
        text_put(b, tls ? "wss+unix:" : "ws+unix:");
        put_socket(b, set->unix_socket);
        text_put(b, url[host] == '/' ? ":" : ":/");
        url += host;
    }
    text_put(b, url);
    text_put_n(b, "", 1);
}

bool connect_is_possible(const connect_settings *set, const char *text)
{
    const wsk_client_handlers h = WSK_CLIENT_HANDLERS_INIT;
    connect_settings without = *set;
    wsk_loop *loop = NULL;
    wsk_client *client = NULL;
    wsk__url url = {0};
    text_buf full = {0};
    const char *why = NULL;

    without.client.userinfo = NULL;
    connect_put_url(&full, set, text);
    int r = full.failed ? WSK_ERR_NOMEM : wsk__url_parse(NULL, full.at, &url, &why);
    if (r == WSK_OK)
        r = wsk_loop_new(&loop, NULL);
    if (r < 0)
        cli_error("connect", "%s", why != NULL ? why : wsk_strerror(r));
    bool possible = r == WSK_OK && connect_client_new(&client, loop, &without, &h, 0, NULL);
    wsk_client_free(client);
    wsk_loop_free(loop);
    wsk__url_deinit(NULL, &url);
    text_deinit(&full);
    return possible;
}
