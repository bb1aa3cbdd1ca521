/* SPDX-License-Identifier: MIT */
/*
 * What proxies answer. Read in pieces it must be the same as octet by octet; of what follows the
 * answer no octet is taken; a head that the strict parser takes for one with status 2xx is one
 * here, too. Input: one octet that says which protocol, whether there is a user, and how large the
 * pieces are; then the answers.
 * With its highest bit set, the rest is "PROXY NUL NO_PROXY NUL HOST": a proxy that is taken can be
 * talked to, and lists of exceptions are read to their end and no further.
 */
#include "head_oracle.h"

#include "client/proxy_choice.h"
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct verdict {
    wsk__talk_result result;
    size_t used;
    unsigned status;
    char text[96];
} verdict;

static verdict read_answers(const wsk__proxy *p, const uint8_t *data, size_t size, size_t cut)
{
    verdict v = {WSK__TALK_MORE, 0, 0, ""};
    wsk__proxy_talk t;
    size_t n;

    expect(wsk__proxy_talk_init(&t, NULL, p, "host.test", 443, NULL) == WSK_OK);
    (void)wsk__proxy_talk_output(&t, &n);
    wsk__proxy_talk_sent(&t, n);
    while (v.used < size && v.result == WSK__TALK_MORE) {
        size_t k = size - v.used < cut ? size - v.used : cut, used = SIZE_MAX;

        /* A proxy that speaks out of turn is refused: let it be our turn. */
        if (p->kind != WSK__PROXY_HTTP && k > t.need - t.got)
            k = t.need - t.got;
        expect(k > 0);
        v.result = wsk__proxy_talk_feed(&t, data + v.used, k, &used);
        expect(used > 0 && used <= k);
        expect(used == k || v.result != WSK__TALK_MORE);
        v.used += used;
        if (wsk__proxy_talk_output(&t, &n) != NULL && v.result == WSK__TALK_MORE)
            wsk__proxy_talk_sent(&t, n);
    }
    v.status = t.status;
    snprintf(v.text, sizeof(v.text), "%s", t.text);
    expect((v.result == WSK__TALK_FAILED) == (v.text[0] != 0));
    wsk__proxy_talk_deinit(&t);
    return v;
}

static void check_http(const verdict *v, const uint8_t *data, size_t size)
{
    wsk__field fields[ORACLE_FIELDS];
    wsk__refusal refusal;
    wsk__head head = {.kind = WSK__HEAD_RESPONSE, .fields = fields, .max_fields = ORACLE_FIELDS};
    long n = wsk__head_parse(&head, (const char *)data, size, 0, WSK__PROXY_HEAD_MAX, &refusal);

    if (v->result == WSK__TALK_DONE) {
        expect(v->status >= 200 && v->status <= 299);
        expect(v->used >= 4 && memcmp(data + v->used - 4, "\r\n\r\n", 4) == 0);
        expect(v->used <= WSK__PROXY_HEAD_MAX);
    }
    if (n > 0 && head.status >= 200 && head.status <= 299)
        expect(v->result == WSK__TALK_DONE && v->used == (size_t)n && v->status == head.status);
    if (n > 0 && head.status >= 300 && head.status <= 599)
        expect(v->result == WSK__TALK_FAILED && v->used == (size_t)n && v->status == head.status);
}

static void check_choice(const char *text, size_t size)
{
    const char *no_proxy = text + strlen(text) + 1, *host = "";
    const char *end = text + size, *why = NULL;
    wsk__proxy p;

    no_proxy = no_proxy < end ? no_proxy : "";
    if (*no_proxy != 0 && no_proxy + strlen(no_proxy) + 1 < end)
        host = no_proxy + strlen(no_proxy) + 1;
    bool excepted = wsk__proxy_is_excepted(no_proxy, host);
    expect(!excepted || *no_proxy != 0);
    int r = wsk__proxy_parse(NULL, text, &p, &why);
    expect(r == WSK_OK || (r == WSK_ERR_INVAL && why != NULL));
    if (r < 0)
        return;
    expect(p.host != NULL && *p.host != 0 && p.kind != WSK__PROXY_NONE);
    expect((p.user == NULL) == (p.password == NULL));
    wsk__proxy_talk t;
    if (wsk__proxy_talk_init(&t, NULL, &p, "h", 1, NULL) == WSK_OK) {
        size_t n;
        const uint8_t *out = wsk__proxy_talk_output(&t, &n);
        expect(out != NULL && n > 0);
        /* Nothing in user or password ends a line. */
        if (p.kind == WSK__PROXY_HTTP) {
            size_t lines = 0;
            for (size_t i = 0; i < n; i++)
                lines += out[i] == '\n';
            expect(lines == (p.user != NULL ? 4 : 3));
        }
        wsk__proxy_talk_deinit(&t);
    }
    wsk__proxy_deinit(NULL, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char user[] = "user", password[] = "password";
    wsk__proxy p = {.kind = WSK__PROXY_HTTP, .port = 1};

    if (size < 1 || size > 20000)
        return 0;
    unsigned mode = data[0];
    data++;
    size--;
    if (mode & 0x80) {
        char *text = malloc(size + 1);
        expect(text != NULL);
        memcpy(text, data, size);
        text[size] = 0;
        check_choice(text, size);
        free(text);
        return 0;
    }
    if (mode & 1)
        p.kind = WSK__PROXY_SOCKS5H;
    if (mode & 2) {
        p.user = user;
        p.password = password;
    }
    verdict whole = read_answers(&p, data, size, (mode >> 2 & 31) == 0 ? SIZE_MAX : mode >> 2 & 31);
    verdict octets = read_answers(&p, data, size, 1);
    expect(whole.result == octets.result && whole.used == octets.used);
    expect(whole.status == octets.status && strcmp(whole.text, octets.text) == 0);
    if (p.kind == WSK__PROXY_HTTP)
        check_http(&whole, data, size);
    return 0;
}
