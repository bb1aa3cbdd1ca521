/* SPDX-License-Identifier: MIT */
/*
 * URLs: whatever is taken gives parts that may go into a request as they are, and a URL made of
 * these parts is taken for the same. Input: the URL.
 */
#include "head_oracle.h"

#include "http/handshake.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_printable(const char *s)
{
    for (; *s != 0; s++)
        if ((uint8_t)*s < 0x20 || *s == 0x7F)
            return false;
    return true;
}

static void check_parts(const wsk__url *url)
{
    wsk_request_options o = WSK_REQUEST_OPTIONS_INIT;
    wsk__field fields[ORACLE_FIELDS];
    wsk__refusal refusal;
    wsk__text t = {0};
    wsk_str key;
    wsk__head head = {.kind = WSK__HEAD_REQUEST, .fields = fields, .max_fields = ORACLE_FIELDS};

    expect(url->host[0] != 0 && is_printable(url->host) && is_printable(url->unix_path));
    expect(url->is_unix == (url->unix_path[0] != 0));
    expect(url->userinfo == NULL || (is_printable(url->userinfo) && strchr(url->userinfo, ':')));
    o.host = url->authority;
    o.target = url->target;
    wsk__handshake_write_request(&t, &o, "dGhlIHNhbXBsZSBub25jZQ==", NULL, NULL, NULL);
    expect(!t.failed);
    expect(wsk__head_parse(&head, t.ptr, t.len, 0, SIZE_MAX, &refusal) == (long)t.len);
    expect(wsk__str_eq(head.target, wsk__str(url->target)));
    expect(wsk__handshake_judge_request(&head, &key, &refusal) == 1);
    wsk__text_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text, *again_text;
    const char *why = NULL;
    wsk__url url, again;
    int err;

    if (size > 2048)
        return 0;
    text = malloc(size + 1);
    expect(text != NULL);
    memcpy(text, data, size);
    text[size] = 0;
    err = wsk__url_parse(NULL, text, &url, &why);
    expect(err == WSK_OK || (err == WSK_ERR_URL && why != NULL));
    if (err == WSK_OK) {
        check_parts(&url);
        again_text = wsk__url_text(NULL, &url, 0);
        expect(again_text != NULL);
        expect(wsk__url_parse(NULL, again_text, &again, &why) == WSK_OK);
        expect(again.tls == url.tls && again.is_unix == url.is_unix && again.port == url.port);
        expect(strcmp(again.host, url.host) == 0 && strcmp(again.unix_path, url.unix_path) == 0);
        expect(strcmp(again.target, url.target) == 0);
        expect(strcmp(again.authority, url.authority) == 0);
        wsk__url_deinit(NULL, &again);
        free(again_text);
        wsk__url_deinit(NULL, &url);
    }
    free(text);
    return 0;
}
