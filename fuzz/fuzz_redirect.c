/* SPDX-License-Identifier: MIT */
/*
 * Where a Location leads: what is followed is a URL that parses, never goes from TLS to none nor
 * out of a Unix socket, and takes credentials nowhere else. Input: one octet that chooses where we
 * are, then the Location.
 */
#include "head_oracle.h"

#include "client/redirect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const wsk__url *base, const wsk__url *to, bool foreign)
{
    const char *why = NULL;
    wsk__url again;
    char *text = wsk__url_text(NULL, to, 0);
    bool same = base->tls == to->tls && base->port == to->port &&
                wsk__str_ieq(wsk__str(base->host), wsk__str(to->host));

    expect(text != NULL);
    expect(!base->tls || to->tls);
    expect(base->is_unix == to->is_unix);
    expect(foreign == !same);
    if (foreign)
        expect(to->userinfo == NULL);
    else
        expect((to->userinfo == NULL) == (base->userinfo == NULL));
    if (base->is_unix)
        expect(strcmp(base->unix_path, to->unix_path) == 0);
    expect(wsk__url_parse(NULL, text, &again, &why) == WSK_OK);
    expect(again.tls == to->tls && again.port == to->port &&
           strcmp(again.target, to->target) == 0 && strcmp(again.authority, to->authority) == 0 &&
           strcmp(again.host, to->host) == 0 && strcmp(again.unix_path, to->unix_path) == 0);
    wsk__url_deinit(NULL, &again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const places[] = {
        "ws://host.test/a/b?q",
        "wss://user:password@host.test:8443/a/",
        "ws://[::1]:80/",
        "ws+unix:/run/x.sock:/a/b",
    };
    const char *why = NULL;
    wsk__url base, to;
    bool foreign;

    if (size < 1 || size > 10000)
        return 0;
    expect(wsk__url_parse(NULL, places[data[0] % 4], &base, &why) == WSK_OK);
    wsk_str location = wsk__strn((const char *)data + 1, size - 1);
    int r = wsk__redirect_resolve(NULL, &base, location, &to, &foreign, &why);
    expect(r == WSK_OK || (r == WSK_ERR_URL && why != NULL));
    if (r == WSK_OK) {
        check(&base, &to, foreign);
        wsk__url_deinit(NULL, &to);
    }
    wsk__url_deinit(NULL, &base);
    return 0;
}
