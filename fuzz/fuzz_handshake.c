/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake in both roles. The first octet says which: 'q' judges the rest as a
 * request, 's' as a response; 'w' writes a request of the program's strings, and 'r' the responses,
 * which stand one behind the other with NUL between; 'o' compares an origin, a Host field and a
 * list of origins, which stand so, too.
 */
#include "head_oracle.h"

#include "http/handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool parse(wsk__head *head, wsk__field *fields, wsk__head_kind kind, const char *text,
                  size_t len)
{
    wsk__refusal refusal;

    memset(head, 0, sizeof(*head));
    head->kind = kind;
    head->fields = fields;
    head->max_fields = ORACLE_FIELDS;
    return wsk__head_parse(head, text, len, 0, SIZE_MAX, &refusal) > 0;
}

static size_t count(const wsk__head *head, const char *name)
{
    size_t n = 0;

    while (wsk__head_find(head, name, n) != NULL)
        n++;
    return n;
}

static void judge_request(const char *text, size_t len)
{
    static const char *const supported[] = {"chat", "superchat", NULL};
    static const char *const origins[] = {"https://example.org", NULL};
    wsk__field fields[ORACLE_FIELDS], answer_fields[ORACLE_FIELDS];
    wsk__refusal refusal = {0, NULL};
    wsk_str key = {NULL, 0};
    wsk__head head, answer;
    const char *subprotocol, *chosen = NULL, *why;
    const char *offered[] = {NULL, NULL};
    char accept[WSK__ACCEPT_LEN + 1], key_text[WSK__KEY_LEN + 1];
    wsk__text t = {0};
    int r;

    if (!parse(&head, fields, WSK__HEAD_REQUEST, text, len))
        return;
    r = wsk__handshake_judge_request(&head, &key, &refusal);
    expect(r >= -1 && r <= 1 && (r < 0) == (refusal.text != NULL));
    expect(wsk__origin_allowed(&head, WSK_ORIGIN_ANY, NULL));
    if (wsk__head_find(&head, "Origin", 0) == NULL)
        expect(wsk__origin_allowed(&head, WSK_ORIGIN_SAME_HOST, NULL));
    wsk__origin_allowed(&head, WSK_ORIGIN_LIST, origins);
    if (r < 0) {
        expect(refusal.status == 400 || refusal.status == 405 || refusal.status == 426 ||
               refusal.status == 501);
        wsk__http_write_refusal(&t, &refusal, NULL, false);
        expect(!t.failed && parse(&answer, answer_fields, WSK__HEAD_RESPONSE, t.ptr, t.len));
        expect(answer.status == refusal.status &&
               wsk__head_has_token(&answer, "Connection", "close"));
        wsk__text_deinit(&t);
        return;
    }
    /* None of what must be there once is missing or there twice, in either kind. */
    expect(count(&head, "Host") == 1 || (head.minor == 0 && count(&head, "Host") == 0));
    expect(count(&head, "Transfer-Encoding") == 0 && count(&head, "Content-Length") <= 1);
    if (r == 0) {
        expect(count(&head, "Sec-WebSocket-Key") == 0);
        return;
    }
    expect(wsk__str_eq(head.method, wsk__str("GET")) && head.minor == 1);
    expect(count(&head, "Sec-WebSocket-Key") == 1 && count(&head, "Sec-WebSocket-Version") == 1);
    expect(wsk__str_eq(wsk__head_find(&head, "Sec-WebSocket-Version", 0)->value, wsk__str("13")));
    expect(wsk__head_has_token(&head, "Connection", "upgrade"));
    expect(key.len == WSK__KEY_LEN);
    memcpy(key_text, key.ptr, key.len);
    key_text[key.len] = 0;
    /* And the answer to it is one that our client takes. */
    subprotocol = wsk__subprotocol_select(&head, supported);
    expect(subprotocol == NULL || wsk__subprotocol_offered(&head, subprotocol));
    offered[0] = subprotocol;
    expect(wsk__handshake_accept(key.ptr, accept) == WSK_OK);
    wsk__handshake_write_response(&t, accept, "fuzz", subprotocol, NULL, NULL, 0);
    expect(!t.failed && parse(&answer, answer_fields, WSK__HEAD_RESPONSE, t.ptr, t.len));
    expect(wsk__handshake_judge_response(&answer, key_text, offered, &chosen, &why));
    expect(chosen == subprotocol);
    wsk__text_deinit(&t);
}

static void judge_response(const char *text, size_t len)
{
    static const char *const offered[] = {"chat", "superchat", NULL};
    wsk__field fields[ORACLE_FIELDS];
    const char *chosen = "untouched", *why = NULL;
    wsk__head head;

    if (!parse(&head, fields, WSK__HEAD_RESPONSE, text, len))
        return;
    if (!wsk__handshake_judge_response(&head, KEY, offered, &chosen, &why)) {
        expect(why != NULL && strcmp(chosen, "untouched") == 0);
        return;
    }
    expect(why == NULL && head.status == 101 && head.minor == 1);
    expect(count(&head, "Upgrade") == 1 && count(&head, "Sec-WebSocket-Accept") == 1);
    expect(wsk__str_eq(wsk__head_find(&head, "Sec-WebSocket-Accept", 0)->value,
                       wsk__str("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    expect(count(&head, "Sec-WebSocket-Protocol") == (chosen != NULL ? 1 : 0));
}

/* The next string, or NULL for an empty one and at the end. */
static const char *next_string(const char **p, const char *end)
{
    const char *s = *p;

    if (s >= end)
        return NULL;
    *p += strlen(s) + 1;
    return *s != 0 ? s : NULL;
}

static wsk_str slow_lower(const char *s, size_t n, char buf[4096])
{
    for (size_t i = 0; i < n; i++)
        buf[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    return wsk__strn(buf, n);
}

/* The same host, and the same port if the field names one: by cutting the origin at its "://", and
 * both at a colon that only digits follow. */
static bool slow_same_host(const char *origin, const char *field)
{
    static char a[4096], b[4096];
    const char *from = strstr(origin, "://"), *colon[2], *of[2];
    long port[2];
    size_t n[2];

    if (from == NULL)
        return false;
    of[0] = from + 3;
    of[1] = field;
    for (unsigned i = 0; i < 2; i++) {
        colon[i] = strrchr(of[i], ':');
        if (colon[i] != NULL && strspn(colon[i] + 1, "0123456789") < strlen(colon[i] + 1))
            colon[i] = NULL;
        n[i] = colon[i] != NULL ? (size_t)(colon[i] - of[i]) : strlen(of[i]);
        port[i] = colon[i] != NULL && colon[i][1] != 0 ? strtol(colon[i] + 1, NULL, 10) : 0;
    }
    if (port[0] == 0 && (colon[0] == NULL || colon[0][1] == 0))
        port[0] = from - origin == 5 && strncasecmp(origin, "https", 5) == 0 ? 443 : 80;
    return wsk__str_eq(slow_lower(of[0], n[0], a), slow_lower(of[1], n[1], b)) &&
           (colon[1] == NULL || colon[1][1] == 0 || port[0] == port[1]);
}

static void compare_origins(const char *p, const char *end)
{
    const char *origin = next_string(&p, end), *host = next_string(&p, end);
    const char *list[4] = {next_string(&p, end), next_string(&p, end), NULL, NULL};
    wsk__field fields[3] = {{wsk__str("Host"), wsk__str(host ? host : "")},
                            {wsk__str("Origin"), wsk__str(origin ? origin : "")},
                            {wsk__str("Origin"), wsk__str("null")}};
    const wsk__head head = {.fields = fields, .n_fields = 2};
    const wsk__head twice = {.fields = fields, .n_fields = 3};
    const wsk_str o = fields[1].value, h = fields[0].value;
    const unsigned ports[] = {80, 443, 8080};
    bool is_origin, same, listed = false;
    wsk_str name, port;

    is_origin = wsk__is_origin(o);
    same = wsk__origin_allowed(&head, WSK_ORIGIN_SAME_HOST, NULL);
    if (same)
        expect(is_origin && wsk__is_host(h, &name, &port) && slow_same_host(o.ptr, h.ptr));
    else
        expect(!is_origin || wsk__str_eq(o, wsk__str("null")) || !wsk__is_host(h, &name, &port) ||
               !slow_same_host(o.ptr, h.ptr));
    for (size_t i = 0; i < 2; i++)
        listed = listed || (list[0] != NULL && list[i] != NULL && strlen(list[i]) == o.len &&
                            strcasecmp(list[i], o.ptr) == 0);
    expect(wsk__origin_allowed(&head, WSK_ORIGIN_LIST, list) == listed);
    /* RFC 6454 7.3: a list of origins in the field, or several fields, come from no browser. */
    expect(!wsk__origin_allowed(&twice, WSK_ORIGIN_SAME_HOST, NULL));
    expect(!wsk__origin_allowed(&twice, WSK_ORIGIN_LIST, list));
    for (size_t i = 0; i < 3; i++) {
        const bool plain = wsk__origin_fits_listener(o, h, false, ports[i]);
        const bool tls = wsk__origin_fits_listener(o, h, true, ports[i]);

        expect((!plain && !tls) || (is_origin && wsk__is_host(h, &name, &port)));
        expect(!tls || strncasecmp(o.ptr, "https:", 6) == 0);
    }
    if (wsk__is_host(h, &name, &port)) {
        expect(wsk__port_number(port, true) <= 99999);
        expect(wsk__port_number(port, false) == (port.len ? strtoul(port.ptr, NULL, 10) : 80));
        /* An address has no letters, but for one of version 6, which stands in brackets. */
        if (wsk__host_is_address(name) && name.ptr[0] != '[')
            expect(strspn(name.ptr, "0123456789.") >= name.len);
    }
}

/* What was not refused must come out as it was meant: not a field more, not a line more. */
static void write_request(const char *p, const char *end)
{
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk__field fields[ORACLE_FIELDS];
    const char *subprotocols[2] = {NULL, NULL};
    wsk_header headers[2];
    wsk__text t = {0};
    wsk__head head;
    size_t n = 5;

    o.host = next_string(&p, end);
    o.target = next_string(&p, end);
    o.origin = next_string(&p, end);
    subprotocols[0] = next_string(&p, end);
    for (size_t i = 0; i < 2; i++) {
        headers[i].name = next_string(&p, end);
        headers[i].value = next_string(&p, end);
    }
    o.headers = headers;
    o.n_headers = 2;
    wsk__handshake_write_request(&t, &o, KEY, NULL, subprotocols, NULL);
    if (!wsk__request_is_allowed(&o))
        expect(t.failed);
    if (!t.failed) {
        expect(parse(&head, fields, WSK__HEAD_REQUEST, t.ptr, t.len) && head.whole.len == t.len);
        n += subprotocols[0] != NULL ? 1 : 0;
        n += o.origin != NULL && strcasecmp(headers[0].name, "Origin") != 0 &&
                     strcasecmp(headers[1].name, "Origin") != 0
                 ? 1
                 : 0;
        expect(head.n_fields == n + 2);
        expect(wsk__str_eq(head.target, wsk__str(o.target ? o.target : "/")));
        expect(wsk__str_eq(wsk__head_find(&head, "Host", 0)->value, wsk__str(o.host)));
        expect(count(&head, "Host") == 1 && count(&head, "Upgrade") == 1);
        expect(count(&head, "Content-Length") == 0 && count(&head, "Transfer-Encoding") == 0);
    }
    wsk__text_deinit(&t);
}

static void write_responses(const char *p, const char *end)
{
    wsk_response response = WSK_RESPONSE_INIT;
    wsk__field fields[ORACLE_FIELDS];
    const char *server = next_string(&p, end), *subprotocol = next_string(&p, end);
    const char *extensions = next_string(&p, end), *status = next_string(&p, end);
    wsk_header header;
    wsk__text t = {0};
    wsk__head head;

    header.name = next_string(&p, end);
    header.value = next_string(&p, end);
    wsk__handshake_write_response(&t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", server, subprotocol,
                                  extensions, &header, 1);
    if (!t.failed) {
        expect(parse(&head, fields, WSK__HEAD_RESPONSE, t.ptr, t.len) && head.whole.len == t.len);
        expect(count(&head, "Sec-WebSocket-Accept") == 1 && count(&head, "Upgrade") == 1);
        expect(head.n_fields <= 7);
    }
    wsk__text_deinit(&t);

    response.status = status != NULL ? (unsigned)strtoul(status, NULL, 10) : 200;
    response.content_type = next_string(&p, end);
    response.headers = &header;
    response.n_headers = 1;
    response.body = next_string(&p, end);
    response.body_len = response.body != NULL ? strlen(response.body) : 0;
    t = (wsk__text){0};
    wsk__http_write_response(&t, &response, server, false);
    if (!t.failed) {
        expect(parse(&head, fields, WSK__HEAD_RESPONSE, t.ptr, t.len));
        expect(head.status == response.status && count(&head, "Connection") == 1);
        expect(count(&head, "Content-Length") <= 1 && count(&head, "Transfer-Encoding") == 0);
        if (count(&head, "Content-Length") == 1)
            expect(strtoul(wsk__head_find(&head, "Content-Length", 0)->value.ptr, NULL, 10) ==
                   t.len - head.whole.len);
    }
    wsk__text_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0 || size > 4096)
        return 0;
    text = malloc(size);
    expect(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    switch (data[0]) {
    case 'q':
        judge_request(text, size - 1);
        break;
    case 's':
        judge_response(text, size - 1);
        break;
    case 'w':
        write_request(text, text + size - 1);
        break;
    case 'o':
        compare_origins(text, text + size - 1);
        break;
    case 'r':
        write_responses(text, text + size - 1);
        break;
    default:
        break;
    }
    free(text);
    return 0;
}
