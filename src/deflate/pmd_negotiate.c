/* SPDX-License-Identifier: MIT */
/*
 * The four parameters of permessage-deflate (RFC 7692 section 7.1), offered, judged and answered.
 * Knows no compression.
 */
#include "deflate/pmd_state.h"
#include "util/attr.h"
#include "util/strs.h"

#define BITS_NONE   0 /* the parameter is not there */
#define BITS_NO_ARG 1 /* it is there without a value */

typedef struct pmd_params {
    bool server_no_takeover, client_no_takeover;
    unsigned server_bits, client_bits; /* 8 to 15, or one of the above */
} pmd_params;

/* RFC 7692 7.1.2.1: a decimal integer from 8 to 15 without leading zeros. 0: none. */
static unsigned read_bits(wsk_str v)
{
    if (v.len == 1 && (v.ptr[0] == '8' || v.ptr[0] == '9'))
        return (unsigned)(v.ptr[0] - '0');
    if (v.len == 2 && v.ptr[0] == '1' && v.ptr[1] >= '0' && v.ptr[1] <= '5')
        return 10 + (unsigned)(v.ptr[1] - '0');
    return 0;
}

/* A flag: once, and without a value (7.1.1.1, 7.1.1.2). */
static bool read_flag(bool *flag, wsk_str value)
{
    if (*flag || value.ptr != NULL)
        return false;
    *flag = true;
    return true;
}

static bool read_window(unsigned *bits, wsk_str value, bool value_optional)
{
    if (*bits != BITS_NONE)
        return false;
    if (value.ptr == NULL) {
        *bits = BITS_NO_ARG;
        return value_optional;
    }
    *bits = read_bits(value);
    return *bits != 0;
}

/*
 * Section 7.1: an unknown name, a name that comes twice or a value that is not valid makes the
 * whole offer (or answer) unacceptable. Names are compared without regard to case, as tokens of
 * HTTP fields are.
 */
static bool read_params(pmd_params *ret, const wsk_ext_param *params, size_t n, bool is_offer)
{
    pmd_params p = {0};

    for (size_t i = 0; i < n; i++) {
        wsk_str name = params[i].name, value = params[i].value;
        bool ok = false;

        if (wsk__str_ieq(name, wsk__str("server_no_context_takeover")))
            ok = read_flag(&p.server_no_takeover, value);
        else if (wsk__str_ieq(name, wsk__str("client_no_context_takeover")))
            ok = read_flag(&p.client_no_takeover, value);
        else if (wsk__str_ieq(name, wsk__str("server_max_window_bits")))
            ok = read_window(&p.server_bits, value, false);
        else if (wsk__str_ieq(name, wsk__str("client_max_window_bits")))
            /* 7.1.2.2: without a value it may stand in offers alone. */
            ok = read_window(&p.client_bits, value, is_offer);
        if (!ok)
            return false;
    }
    *ret = p;
    return true;
}

static int write_bits(wsk_ext_writer *w, const char *name, unsigned bits)
{
    char text[3] = {0};

    if (bits < 10) {
        text[0] = (char)('0' + bits);
    } else {
        text[0] = '1';
        text[1] = (char)('0' + bits - 10);
    }
    return wsk_ext_writer_param(w, name, text);
}

static unsigned lesser(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

int wsk__pmd_offer(void *ud, wsk_ext_writer *w)
{
    const wsk__pmd_config *cfg = ud;
    const wsk_deflate_options *o = &cfg->options;

    if (o->server_no_context_takeover)
        WSK_TRY(wsk_ext_writer_param(w, "server_no_context_takeover", NULL));
    if (o->client_no_context_takeover)
        WSK_TRY(wsk_ext_writer_param(w, "client_no_context_takeover", NULL));
    if (o->server_max_window_bits < 15)
        WSK_TRY(write_bits(w, "server_max_window_bits", o->server_max_window_bits));
    /* Said in any case: it allows the server to ask for less. */
    if (o->client_max_window_bits < 15)
        return write_bits(w, "client_max_window_bits", o->client_max_window_bits);
    return wsk_ext_writer_param(w, "client_max_window_bits", NULL);
}

int wsk__pmd_accept(void *ud, const wsk_ext_param *params, size_t n, wsk_ext_writer *w,
                    void **ret_state)
{
    const wsk__pmd_config *cfg = ud;
    const wsk_deflate_options *o = &cfg->options;
    pmd_params p;
    wsk__pmd_state *state;

    if (!read_params(&p, params, n, true))
        return 1;
    bool server_no_takeover = p.server_no_takeover || o->server_no_context_takeover;
    /* In an offer a promise of the client; saying it back lets both sides save memory. */
    bool client_no_takeover = p.client_no_takeover || o->client_no_context_takeover;
    unsigned server_bits = o->server_max_window_bits, client_bits = 15;

    if (p.server_bits != BITS_NONE)
        server_bits = lesser(server_bits, p.server_bits);
    if (p.client_bits != BITS_NONE) {
        client_bits = o->client_max_window_bits;
        if (p.client_bits != BITS_NO_ARG)
            client_bits = lesser(client_bits, p.client_bits);
    }
    if (server_no_takeover)
        WSK_TRY(wsk_ext_writer_param(w, "server_no_context_takeover", NULL));
    if (client_no_takeover)
        WSK_TRY(wsk_ext_writer_param(w, "client_no_context_takeover", NULL));
    /* 7.1.2.1: an answer is due if it was offered, even 15, and allowed if it was not. */
    if (p.server_bits != BITS_NONE || server_bits < 15)
        WSK_TRY(write_bits(w, "server_max_window_bits", server_bits));
    /* 7.1.2.2: never unless it was offered; then it may be left out. */
    if (client_bits < 15)
        WSK_TRY(write_bits(w, "client_max_window_bits", client_bits));
    WSK_TRY(wsk__pmd_state_new(&state, cfg,
                               &(wsk__pmd_agreed){
                                   .out_bits = server_bits,
                                   .in_bits = client_bits,
                                   .out_takeover = !server_no_takeover,
                                   .in_takeover = !client_no_takeover,
                               }));
    *ret_state = state;
    return 0;
}

int wsk__pmd_confirm(void *ud, const wsk_ext_param *params, size_t n, void **ret_state)
{
    const wsk__pmd_config *cfg = ud;
    const wsk_deflate_options *o = &cfg->options;
    pmd_params p;
    wsk__pmd_state *state;

    if (!read_params(&p, params, n, false))
        return WSK_ERR_INVAL;
    /* 7.1.1.1, 7.1.2.1: a server that accepts the offer says these two back. */
    if (o->server_no_context_takeover && !p.server_no_takeover)
        return WSK_ERR_INVAL;
    if (o->server_max_window_bits < 15 &&
        (p.server_bits == BITS_NONE || p.server_bits > o->server_max_window_bits))
        return WSK_ERR_INVAL;
    /* 7.1.2.2: not above what we offered. */
    if (p.client_bits != BITS_NONE && p.client_bits > o->client_max_window_bits)
        return WSK_ERR_INVAL;
    WSK_TRY(wsk__pmd_state_new(
        &state, cfg,
        &(wsk__pmd_agreed){
            .out_bits = p.client_bits != BITS_NONE ? p.client_bits : o->client_max_window_bits,
            .in_bits = p.server_bits != BITS_NONE ? p.server_bits : 15,
            .out_takeover = !p.client_no_takeover && !o->client_no_context_takeover,
            .in_takeover = !p.server_no_takeover,
        }));
    *ret_state = state;
    return 0;
}
