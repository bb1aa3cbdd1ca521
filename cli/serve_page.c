/* SPDX-License-Identifier: MIT */
/* See serve_page.h. */
#include "serve_page.h"

#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "serve_page_data.h"

struct serve_page {
    char *path; /* "/ws"; "/" + "*" stands for all */
    char *html;
    size_t html_len;
};

/* ------------------------------------------------------------------------------- making -- */

/* Text that grows; once memory is short it stays failed. */
typedef struct text {
    char *at;
    size_t len, cap;
    bool failed;
} text;

static void add(text *t, const char *s, size_t n)
{
    if (t->failed)
        return;
    if (t->len + n + 1 > t->cap) {
        size_t cap = (t->len + n + 1) * 2;
        char *at = realloc(t->at, cap);
        if (at == NULL) {
            t->failed = true;
            return;
        }
        t->at = at;
        t->cap = cap;
    }
    memcpy(t->at + t->len, s, n);
    t->len += n;
    t->at[t->len] = 0;
}

/* s as it may stand in an attribute. */
static void add_escaped(text *t, const char *s)
{
    for (; *s != 0; s++) {
        const char *entity = escape_entity(*s);
        if (entity != NULL)
            add(t, entity, strlen(entity));
        else
            add(t, s, 1);
    }
}

/* The path of ws://HOST/PATH or of ws+unix:/SOCKET:/PATH, "/" if it has none. */
static const char *path_of(const char *url)
{
    const char *authority = strstr(url, "://");
    const char *path;

    if (authority != NULL) {
        path = strchr(authority + 3, '/');
    } else {
        const char *colon = strchr(url, ':');
        path = colon != NULL ? strchr(colon + 1, ':') : NULL;
        if (path != NULL)
            path++;
    }
    return path != NULL && path[0] == '/' ? path : "/";
}

static bool is_any(const char *path)
{
    return strcmp(path, "/*") == 0;
}

/* What the template asks for by @NAME@. */
static void add_value(text *t, const serve_settings *settings, const serve_page *page,
                      const char *name, size_t len)
{
    if (len == 4 && memcmp(name, "PATH", 4) == 0) {
        add_escaped(t, is_any(page->path) ? "/" : page->path);
    } else if (len == 4 && memcmp(name, "MODE", 4) == 0) {
        add_escaped(t, settings->broadcast ? "broadcast" : "echo");
    } else if (len == 7 && memcmp(name, "VERSION", 7) == 0) {
        add_escaped(t, WSK_VERSION_STRING);
    } else if (len == 12 && memcmp(name, "SUBPROTOCOLS", 12) == 0) {
        for (size_t i = 0; i < settings->subprotocols.n; i++) {
            if (i > 0)
                add(t, " ", 1);
            add_escaped(t, settings->subprotocols.at[i]);
        }
    }
}

static bool is_name(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] < 'A' || s[i] > 'Z')
            return false;
    }
    return len > 0;
}

static bool fill(serve_page *page, const serve_settings *settings)
{
    const char *at = (const char *)serve_page_template;
    const char *end = at + sizeof(serve_page_template);
    text t = {0};

    while (at < end) {
        const char *mark = memchr(at, '@', (size_t)(end - at));
        if (mark == NULL)
            break;
        const char *close = memchr(mark + 1, '@', (size_t)(end - mark - 1));
        size_t len = close != NULL ? (size_t)(close - mark - 1) : 0;
        add(&t, at, (size_t)(mark - at));
        if (is_name(mark + 1, len)) {
            add_value(&t, settings, page, mark + 1, len);
            at = close + 1;
        } else {
            add(&t, mark, 1);
            at = mark + 1;
        }
    }
    add(&t, at, (size_t)(end - at));
    page->html = t.at;
    page->html_len = t.len;
    return !t.failed;
}

serve_page *serve_page_new(const serve_settings *settings, const char *url)
{
    serve_page *page = calloc(1, sizeof(*page));

    if (page == NULL)
        return NULL;
    const char *path = path_of(url);
    page->path = strndup(path, strcspn(path, "?#"));
    if (page->path == NULL || (!settings->no_page && !fill(page, settings))) {
        serve_page_free(page);
        return NULL;
    }
    return page;
}

void serve_page_free(serve_page *page)
{
    if (page == NULL)
        return;
    free(page->path);
    free(page->html);
    free(page);
}

/* ---------------------------------------------------------------------------- answering -- */

static bool equals(wsk_str a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

int serve_page_status(const serve_page *page, const wsk_peer *peer)
{
    wsk_str path = wsk_conn_path(wsk_peer_conn(peer));

    if (page->html != NULL && equals(path, "/"))
        return 200;
    return is_any(page->path) || equals(path, page->path) ? 426 : 404;
}

static int respond_page(const serve_page *page, wsk_peer *peer)
{
    static const wsk_header headers[] = {
        /* Nothing but what came with the page runs, and it talks WebSocket only. */
        {"Content-Security-Policy",
         "default-src 'none'; script-src '" SERVE_PAGE_SCRIPT_HASH
         "'; style-src '" SERVE_PAGE_STYLE_HASH "'; img-src data:; connect-src ws: wss:; "
         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cache-Control", "no-cache"},
    };
    wsk_response response = WSK_RESPONSE_INIT;

    response.status = 200;
    response.content_type = "text/html; charset=utf-8";
    response.headers = headers;
    response.n_headers = sizeof(headers) / sizeof(headers[0]);
    response.body = page->html;
    response.body_len = page->html_len;
    return wsk_peer_respond(peer, &response);
}

int serve_page_respond(const serve_page *page, wsk_peer *peer, int status)
{
    static const char wants_upgrade[] =
        "This is a WebSocket endpoint: it wants an opening handshake (RFC 6455 section 4).\n";
    static const char not_here[] = "There is nothing here.\n";
    wsk_response response = WSK_RESPONSE_INIT;

    if (status == 200)
        return respond_page(page, peer);
    response.status = (unsigned)status;
    if (status == 426) {
        response.body = wants_upgrade;
        response.body_len = sizeof(wants_upgrade) - 1;
    } else {
        response.body = not_here;
        response.body_len = sizeof(not_here) - 1;
    }
    return wsk_peer_respond(peer, &response);
}
