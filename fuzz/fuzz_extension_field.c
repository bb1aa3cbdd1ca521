/* SPDX-License-Identifier: MIT */
/*
 * Sec-WebSocket-Extensions: what the reader takes, the writer can write, and reads back the same.
 * What permessage-deflate makes of it, as offer and as answer, is what a slow reading of RFC 7692
 * section 7.1 makes of it, under several settings of our own. Input: the fields' values, separated
 * by LF.
 */
#include "head_oracle.h"

#include "deflate/pmd_state.h"
#include "http/extension_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(wsk_str s, char *buf)
{
    memcpy(buf, s.ptr, s.len);
    buf[s.len] = 0;
    return buf;
}

/* Both lists hold the same extensions, or the second ends at an overflow of the writer. */
static void compare(const wsk__head *a, const wsk__head *b)
{
    wsk__list_pos pos_a = {0}, pos_b = {0};
    wsk__ext_item item_a, item_b;
    const char *why;

    for (;;) {
        int r = wsk__ext_next(a, &pos_a, &item_a, &why);
        int s = wsk__ext_next(b, &pos_b, &item_b, &why);

        expect(s == (r == 1 ? 1 : 0));
        if (s == 0)
            return;
        expect(wsk__str_eq(item_a.name, item_b.name) && item_a.n_params == item_b.n_params);
        for (size_t i = 0; i < item_a.n_params; i++) {
            expect(wsk__str_eq(item_a.params[i].name, item_b.params[i].name));
            expect(wsk__str_eq(item_a.params[i].value, item_b.params[i].value));
            expect((item_a.params[i].value.ptr == NULL) == (item_b.params[i].value.ptr == NULL));
        }
    }
}

/* Parameters, read word by word. Bits: 0: not there, 1: there without a value. */
typedef struct terms {
    bool valid, server_forgets, client_forgets;
    unsigned server_bits, client_bits;
} terms;

static unsigned slow_bits(wsk_str v)
{
    static const char *const all[] = {"8", "9", "10", "11", "12", "13", "14", "15"};

    for (unsigned i = 0; i < 8; i++)
        if (wsk__str_eq(v, wsk__str(all[i])))
            return 8 + i;
    return 0;
}

static terms slow_terms(const wsk_ext_param *params, size_t n, bool is_offer)
{
    static const char *const names[] = {"server_no_context_takeover", "client_no_context_takeover",
                                        "server_max_window_bits", "client_max_window_bits"};
    unsigned seen[4] = {0}, bits[4] = {0};
    terms t = {.valid = true};

    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;

        while (k < 4 && !wsk__str_ieq(params[i].name, wsk__str(names[k])))
            k++;
        if (k == 4 || seen[k]++ > 0)
            return (terms){.valid = false};
        bits[k] = params[i].value.ptr == NULL ? 1 : slow_bits(params[i].value);
        if (k < 2 ? bits[k] != 1 || params[i].value.ptr != NULL
                  : bits[k] == 0 || (bits[k] == 1 && (k == 2 || !is_offer)))
            return (terms){.valid = false};
    }
    t.server_forgets = seen[0] > 0;
    t.client_forgets = seen[1] > 0;
    t.server_bits = bits[2];
    t.client_bits = bits[3];
    return t;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* A client that made the offer takes the answer to it, and both have the same in mind. */
static void confirm_answer(const terms *offer, const wsk__ext_item *answer,
                           const wsk__pmd_state *server)
{
    const wsk_deflate_options o = {
        .enabled = true,
        .server_no_context_takeover = offer->server_forgets,
        .client_no_context_takeover = offer->client_forgets,
        .server_max_window_bits = offer->server_bits,
        .client_max_window_bits = offer->client_bits > 1 ? offer->client_bits : 0,
    };
    wsk__pmd_config cfg;
    void *state;
    const wsk__pmd_state *client;

    expect(wsk__pmd_config_init(&cfg, &o, NULL) == WSK_OK);
    expect(wsk__pmd_confirm(&cfg, answer->params, answer->n_params, &state) == WSK_OK);
    client = state;
    expect(client->in_bits == server->out_bits && client->in_takeover == server->out_takeover);
    expect(client->out_bits <= server->in_bits);
    expect(!client->out_takeover || server->in_takeover);
    cfg.extension.release(state);
}

/* As a server, to whom it is offered. */
static void negotiate_offer(wsk__pmd_config *cfg, const wsk__ext_item *item)
{
    const wsk_deflate_options *o = &cfg->options;
    const terms offer = slow_terms(item->params, item->n_params, true);
    wsk__list_pos pos = {0};
    wsk_ext_writer w;
    wsk__ext_item answer;
    const wsk__pmd_state *server;
    const char *why;
    void *state;
    terms said;
    int r;

    memset(&w, 0, sizeof(w));
    wsk__ext_writer_begin(&w, "permessage-deflate");
    r = wsk__pmd_accept(cfg, item->params, item->n_params, &w, &state);
    expect(r == (offer.valid ? 0 : 1));
    if (r != 0)
        return;
    wsk__field field = {wsk__str("Sec-WebSocket-Extensions"), wsk__strn(w.text, w.len)};
    const wsk__head head = {.fields = &field, .n_fields = 1};
    expect(wsk__ext_next(&head, &pos, &answer, &why) == 1);
    said = slow_terms(answer.params, answer.n_params, false);
    expect(said.valid);
    expect(said.server_forgets == (offer.server_forgets || o->server_no_context_takeover));
    expect(said.client_forgets == (offer.client_forgets || o->client_no_context_takeover));
    expect(offer.server_bits == 0 || said.server_bits > 0);
    expect(said.server_bits <=
           least(offer.server_bits ? offer.server_bits : 15, o->server_max_window_bits));
    /* RFC 7692 7.1.2.2: nobody is asked for less who did not say that he can do it. */
    expect(said.client_bits == 0 ||
           (offer.client_bits > 0 && said.client_bits <= o->client_max_window_bits &&
            (offer.client_bits == 1 || said.client_bits <= offer.client_bits)));
    server = state;
    expect(server->out_bits == (said.server_bits ? said.server_bits : 15));
    expect(server->in_bits == (said.client_bits        ? said.client_bits
                               : offer.client_bits > 1 ? offer.client_bits
                                                       : 15));
    expect(server->out_takeover == !said.server_forgets);
    expect(server->in_takeover == !said.client_forgets);
    confirm_answer(&offer, &answer, server);
    cfg->extension.release(state);
}

/* As a client, to whom it is the answer. */
static void negotiate_answer(wsk__pmd_config *cfg, const wsk__ext_item *item)
{
    const wsk_deflate_options *o = &cfg->options;
    const terms said = slow_terms(item->params, item->n_params, false);
    const wsk__pmd_state *client;
    void *state;
    int r = wsk__pmd_confirm(cfg, item->params, item->n_params, &state);

    expect((r == WSK_OK) ==
           (said.valid && (said.server_forgets || !o->server_no_context_takeover) &&
            (o->server_max_window_bits == 15 ||
             (said.server_bits > 0 && said.server_bits <= o->server_max_window_bits)) &&
            said.client_bits <= o->client_max_window_bits));
    if (r != WSK_OK)
        return;
    client = state;
    expect(client->out_bits == (said.client_bits ? said.client_bits : o->client_max_window_bits));
    expect(client->in_bits == (said.server_bits ? said.server_bits : 15));
    expect(client->out_takeover == !(said.client_forgets || o->client_no_context_takeover));
    expect(client->in_takeover == !said.server_forgets);
    cfg->extension.release(state);
}

/* With what we ask for ourselves: nothing, all of it, and what `seed` says. */
static void negotiate(const wsk__ext_item *item, unsigned seed)
{
    const unsigned how[] = {0, 0x333, seed};

    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        const wsk_deflate_options o = {
            .enabled = true,
            .server_no_context_takeover = (how[i] & 1) != 0,
            .client_no_context_takeover = (how[i] & 2) != 0,
            .server_max_window_bits = 15 - (how[i] >> 4 & 7),
            .client_max_window_bits = 15 - (how[i] >> 8 & 7),
        };
        wsk__pmd_config cfg;

        expect(wsk__pmd_config_init(&cfg, &o, NULL) == WSK_OK);
        negotiate_offer(&cfg, item);
        negotiate_answer(&cfg, item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsk__field fields[ORACLE_FIELDS];
    wsk__head head = {.fields = fields};
    wsk__list_pos pos = {0};
    wsk__ext_item item;
    wsk_ext_writer w;
    const char *why = NULL, *text = (const char *)data;
    char name[1024], param[1024], value[1024];
    size_t total = 0;
    unsigned sum = 0;
    int r;

    if (size > 900)
        return 0;
    for (size_t i = 0, begin = 0; i <= size && head.n_fields < ORACLE_FIELDS; i++) {
        if (i < size && data[i] != '\n')
            continue;
        fields[head.n_fields].name = wsk__str("sec-websocket-extensions");
        fields[head.n_fields++].value = wsk__str_trim(wsk__strn(text + begin, i - begin));
        begin = i + 1;
    }
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    memset(&w, 0, sizeof(w));
    while ((r = wsk__ext_next(&head, &pos, &item, &why)) == 1) {
        expect(wsk__is_token(item.name) && item.n_params <= WSK__EXT_MAX_PARAMS);
        /* The writer keeps no copy of the name; it only lives until the next one begins. */
        wsk__ext_writer_begin(&w, text_of(item.name, name));
        for (size_t i = 0; i < item.n_params; i++) {
            const wsk_ext_param *p = &item.params[i];

            expect(wsk__is_token(p->name));
            expect(p->value.ptr == NULL || wsk__is_token(p->value));
            expect(wsk_ext_writer_param(&w, text_of(p->name, param),
                                        p->value.ptr ? text_of(p->value, value) : NULL) ==
                   (w.overflow ? WSK_ERR_LIMIT : WSK_OK));
        }
        if (wsk__str_ieq(item.name, wsk__str("permessage-deflate")))
            negotiate(&item, sum >> 8);
        expect(++total <= WSK__EXT_MAX_OFFERS && pos.count == total);
    }
    expect(r == 0 ? why == NULL : why != NULL);
    expect(w.len < sizeof(w.text) && strlen(w.text) == w.len);
    if (!w.overflow) {
        wsk__field field = {wsk__str("Sec-WebSocket-Extensions"), wsk__strn(w.text, w.len)};
        wsk__head again = {.fields = &field, .n_fields = 1};

        compare(&head, &again);
    }
    return 0;
}
