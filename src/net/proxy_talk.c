/* SPDX-License-Identifier: MIT */
/* What both kinds of proxies have in common. */
#include "net/proxy.h"

#include <string.h>

#include "util/mem.h"

static int copy_text(const wsk_hooks *hooks, const char *s, char **ret)
{
    if (s == NULL)
        return WSK_OK;
    *ret = wsk__strndup(hooks, s, strlen(s));
    return *ret != NULL ? WSK_OK : WSK_ERR_NOMEM;
}

int wsk__proxy_copy(const wsk_hooks *hooks, const wsk__proxy *from, wsk__proxy *ret)
{
    wsk__proxy p = {.kind = from->kind, .port = from->port};
    int r = copy_text(hooks, from->host, &p.host);

    if (r == WSK_OK)
        r = copy_text(hooks, from->user, &p.user);
    if (r == WSK_OK)
        r = copy_text(hooks, from->password, &p.password);
    if (r < 0) {
        wsk__proxy_deinit(hooks, &p);
        return r;
    }
    *ret = p;
    return WSK_OK;
}

void wsk__proxy_deinit(const wsk_hooks *hooks, wsk__proxy *p)
{
    wsk__free(hooks, p->host);
    wsk__free(hooks, p->user);
    wsk__free(hooks, p->password);
    memset(p, 0, sizeof(*p));
}

static bool is_http(const wsk__proxy *p)
{
    return p->kind == WSK__PROXY_HTTP || p->kind == WSK__PROXY_HTTPS;
}

int wsk__proxy_talk_init(wsk__proxy_talk *t, const wsk_hooks *hooks, const wsk__proxy *proxy,
                         const char *host, uint16_t port, const wsk__address *address)
{
    int r;

    memset(t, 0, sizeof(*t));
    t->hooks = hooks;
    t->proxy = proxy;
    t->text = "";
    r = is_http(proxy) ? wsk__proxy_http_begin(t, host, port)
                       : wsk__proxy_socks_begin(t, host, port, address);
    if (r < 0)
        wsk__proxy_talk_deinit(t);
    return r;
}

void wsk__proxy_talk_deinit(wsk__proxy_talk *t)
{
    wsk__free(t->hooks, t->out);
    wsk__free(t->hooks, t->request);
    t->out = t->request = NULL;
    t->out_off = t->out_len = 0;
}

const uint8_t *wsk__proxy_talk_output(const wsk__proxy_talk *t, size_t *ret_n)
{
    *ret_n = t->out_len - t->out_off;
    return *ret_n > 0 ? t->out + t->out_off : NULL;
}

void wsk__proxy_talk_sent(wsk__proxy_talk *t, size_t n)
{
    t->out_off += n;
}

wsk__talk_result wsk__proxy_talk_feed(wsk__proxy_talk *t, const uint8_t *data, size_t n,
                                      size_t *ret_used)
{
    return is_http(t->proxy) ? wsk__proxy_http_feed(t, data, n, ret_used)
                             : wsk__proxy_socks_feed(t, data, n, ret_used);
}
