/* SPDX-License-Identifier: MIT */
/* The parameters of permessage-deflate (RFC 7692 section 7.1): offers, answers, and what each
 * side makes of them. */
#include <stdlib.h>
#include <string.h>

#include "deflate/pmd_state.h"
#include "http/extension_field.h"
#include "pmd_support.h"
#include "util/attr.h"
#include "util/strs.h"

/* Options as a table writes them: server_no_takeover, client_no_takeover, server bits, client
 * bits. */
typedef struct opts {
    bool server_no, client_no;
    unsigned server_bits, client_bits;
} opts;

static void config(wsk__pmd_config *cfg, const opts *o, const wsk_hooks *hooks)
{
    wsk_deflate_options d = {
        .size = sizeof(d),
        .enabled = true,
        .server_no_context_takeover = o->server_no,
        .client_no_context_takeover = o->client_no,
        .server_max_window_bits = o->server_bits,
        .client_max_window_bits = o->client_bits,
    };

    assert_int_equal(wsk__pmd_config_init(cfg, &d, hooks), 0);
}

/* "a; b=1; c=" to parameters, which point into text. */
static size_t params_of(char *text, wsk_ext_param *params)
{
    size_t n = 0;
    char *rest = text, *part;

    while (*text != 0 && (part = strsep(&rest, ";")) != NULL) {
        while (*part == ' ')
            part++;
        char *value = strchr(part, '=');
        if (value != NULL)
            *value++ = 0;
        assert_true(n < 16);
        params[n].name = wsk__str(part);
        params[n].value = wsk__str(value);
        n++;
    }
    return n;
}

/* What a writer holds of our extension, without its name. */
static const char *written(wsk_ext_writer *w)
{
    size_t name = strlen("permessage-deflate");

    w->text[w->len] = 0;
    assert_false(w->overflow);
    assert_true(w->len >= name);
    assert_memory_equal(w->text, "permessage-deflate", name);
    return w->text[name] == ';' ? w->text + name + 2 : w->text + name;
}

typedef struct accept_case {
    const char *offer;
    opts server;
    const char *answer; /* NULL: declined */
    wsk__pmd_agreed agreed;
} accept_case;

static const accept_case accepts[] = {
    {"", {0}, "", {15, 15, true, true}},
    {"client_max_window_bits", {0}, "", {15, 15, true, true}},
    {"CLIENT_max_window_BITS", {0}, "", {15, 15, true, true}},
    {"client_max_window_bits=15", {0}, "", {15, 15, true, true}},
    {"client_max_window_bits=10", {0}, "client_max_window_bits=10", {15, 10, true, true}},
    {"client_max_window_bits=8", {0}, "client_max_window_bits=8", {15, 8, true, true}},
    {"server_max_window_bits=15", {0}, "server_max_window_bits=15", {15, 15, true, true}},
    {"server_max_window_bits=9", {0}, "server_max_window_bits=9", {9, 15, true, true}},
    {"server_max_window_bits=8", {0}, "server_max_window_bits=8", {8, 15, true, true}},
    {"server_no_context_takeover", {0}, "server_no_context_takeover", {15, 15, false, true}},
    {"client_no_context_takeover", {0}, "client_no_context_takeover", {15, 15, true, false}},
    {"server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; "
     "client_max_window_bits=11",
     {0},
     "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; "
     "client_max_window_bits=11",
     {12, 11, false, false}},
    /* what we ask for, offered or not */
    {"",
     {true, true, 0, 0},
     "server_no_context_takeover; client_no_context_takeover",
     {15, 15, false, false}},
    {"", {false, false, 10, 0}, "server_max_window_bits=10", {10, 15, true, true}},
    {"server_max_window_bits=12",
     {false, false, 10, 0},
     "server_max_window_bits=10",
     {10, 15, true, true}},
    {"server_max_window_bits=9",
     {false, false, 10, 0},
     "server_max_window_bits=9",
     {9, 15, true, true}},
    /* a limit for the client only where it can be told */
    {"", {false, false, 0, 10}, "", {15, 15, true, true}},
    {"client_max_window_bits",
     {false, false, 0, 10},
     "client_max_window_bits=10",
     {15, 10, true, true}},
    {"client_max_window_bits=9",
     {false, false, 0, 10},
     "client_max_window_bits=9",
     {15, 9, true, true}},
    {"client_max_window_bits=12",
     {false, false, 0, 10},
     "client_max_window_bits=10",
     {15, 10, true, true}},
    {"client_max_window_bits",
     {false, false, 0, 8},
     "client_max_window_bits=8",
     {15, 8, true, true}},
    /* A12 and its like: declined */
    {"server_max_window_bits", {0}, NULL, {0}},
    {"server_max_window_bits=", {0}, NULL, {0}},
    {"server_max_window_bits=7", {0}, NULL, {0}},
    {"server_max_window_bits=16", {0}, NULL, {0}},
    {"server_max_window_bits=0", {0}, NULL, {0}},
    {"server_max_window_bits=1", {0}, NULL, {0}},
    {"server_max_window_bits=-1", {0}, NULL, {0}},
    {"server_max_window_bits=08", {0}, NULL, {0}},
    {"server_max_window_bits=015", {0}, NULL, {0}},
    {"server_max_window_bits=+9", {0}, NULL, {0}},
    {"server_max_window_bits=1-", {0}, NULL, {0}},
    {"server_max_window_bits=1:", {0}, NULL, {0}},
    {"server_max_window_bits= 9", {0}, NULL, {0}},
    {"server_max_window_bits=9 ", {0}, NULL, {0}},
    {"server_max_window_bits=15x", {0}, NULL, {0}},
    {"server_max_window_bits=999", {0}, NULL, {0}},
    {"server_max_window_bits=4294967305", {0}, NULL, {0}},
    {"server_max_window_bits=0x9", {0}, NULL, {0}},
    {"server_max_window_bits=a", {0}, NULL, {0}},
    {"client_max_window_bits=", {0}, NULL, {0}},
    {"client_max_window_bits=7", {0}, NULL, {0}},
    {"client_max_window_bits=16", {0}, NULL, {0}},
    {"client_max_window_bits=08", {0}, NULL, {0}},
    {"server_no_context_takeover=", {0}, NULL, {0}},
    {"server_no_context_takeover=true", {0}, NULL, {0}},
    {"client_no_context_takeover=1", {0}, NULL, {0}},
    {"server_no_context_takeover; server_no_context_takeover", {0}, NULL, {0}},
    {"client_no_context_takeover; client_no_context_takeover", {0}, NULL, {0}},
    {"server_max_window_bits=9; server_max_window_bits=9", {0}, NULL, {0}},
    {"client_max_window_bits; client_max_window_bits=9", {0}, NULL, {0}},
    {"client_max_window_bits; client_max_window_bits", {0}, NULL, {0}},
    {"unknown", {0}, NULL, {0}},
    {"client_max_window_bits; mux=1", {0}, NULL, {0}},
    {"server_max_window_bit=9", {0}, NULL, {0}},
    {"server_max_window_bitss=9", {0}, NULL, {0}},
    {"constructor", {0}, NULL, {0}},
};

static void check_agreed(const wsk__pmd_state *s, const wsk__pmd_agreed *want)
{
    assert_int_equal(s->out_bits, want->out_bits);
    assert_int_equal(s->in_bits, want->in_bits);
    assert_int_equal(s->out_takeover, want->out_takeover);
    assert_int_equal(s->in_takeover, want->in_takeover);
    assert_int_equal(wsk__pmd_send_window(s), want->out_bits);
}

static void server_side(void **state)
{
    (void)state;
    for (size_t i = 0; i < WSK__COUNT(accepts); i++) {
        const accept_case *c = &accepts[i];
        wsk__pmd_config cfg;
        wsk_ext_param params[16];
        wsk_ext_writer w = {0};
        void *s = &w; /* must stay as it is when declined */
        char *text = strdup(c->offer);
        size_t n = params_of(text, params);

        print_message("# %s\n", c->offer);
        config(&cfg, &c->server, NULL);
        wsk__ext_writer_begin(&w, cfg.extension.name);
        int r = cfg.extension.accept(cfg.extension.ud, params, n, &w, &s);
        if (c->answer == NULL) {
            assert_int_equal(r, 1);
            assert_ptr_equal(s, &w);
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(written(&w), c->answer);
            check_agreed(s, &c->agreed);
            cfg.extension.release(s);
        }
        free(text);
    }
}

typedef struct offer_case {
    opts client;
    const char *offer;
} offer_case;

static void client_offers(void **state)
{
    static const offer_case cases[] = {
        {{0}, "client_max_window_bits"},
        {{true, false, 0, 0}, "server_no_context_takeover; client_max_window_bits"},
        {{false, true, 0, 0}, "client_no_context_takeover; client_max_window_bits"},
        {{false, false, 9, 0}, "server_max_window_bits=9; client_max_window_bits"},
        {{false, false, 15, 15}, "client_max_window_bits"},
        {{true, true, 8, 14},
         "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; "
         "client_max_window_bits=14"},
    };

    (void)state;
    for (size_t i = 0; i < WSK__COUNT(cases); i++) {
        wsk__pmd_config cfg;
        wsk_ext_writer w = {0};

        config(&cfg, &cases[i].client, NULL);
        wsk__ext_writer_begin(&w, cfg.extension.name);
        assert_int_equal(cfg.extension.offer(cfg.extension.ud, &w), 0);
        assert_string_equal(written(&w), cases[i].offer);
    }
}

typedef struct confirm_case {
    opts client;
    const char *answer;
    bool ok;
    wsk__pmd_agreed agreed;
} confirm_case;

static const confirm_case confirms[] = {
    {{0}, "", true, {15, 15, true, true}},
    {{0}, "server_no_context_takeover", true, {15, 15, true, false}},
    {{0}, "client_no_context_takeover", true, {15, 15, false, true}},
    {{0}, "server_max_window_bits=8", true, {15, 8, true, true}},
    {{0}, "client_max_window_bits=8", true, {8, 15, true, true}},
    {{0}, "client_max_window_bits=15", true, {15, 15, true, true}},
    {{0},
     "client_max_window_bits=12; server_max_window_bits=10; client_no_context_takeover",
     true,
     {12, 10, false, true}},
    /* our own promises hold, said back or not */
    {{false, true, 0, 0}, "", true, {15, 15, false, true}},
    {{false, false, 0, 11}, "", true, {11, 15, true, true}},
    {{false, false, 0, 11}, "client_max_window_bits=11", true, {11, 15, true, true}},
    {{false, false, 0, 11}, "client_max_window_bits=9", true, {9, 15, true, true}},
    {{false, false, 0, 11}, "client_max_window_bits=12", false, {0}},
    /* what we asked of the server has to be there */
    {{true, false, 0, 0}, "", false, {0}},
    {{true, false, 0, 0}, "client_no_context_takeover", false, {0}},
    {{true, false, 0, 0}, "server_no_context_takeover", true, {15, 15, true, false}},
    {{false, false, 10, 0}, "", false, {0}},
    {{false, false, 10, 0}, "server_max_window_bits=11", false, {0}},
    {{false, false, 10, 0}, "server_max_window_bits=10", true, {15, 10, true, true}},
    {{false, false, 10, 0}, "server_max_window_bits=9", true, {15, 9, true, true}},
    /* not legal in an answer */
    {{0}, "client_max_window_bits", false, {0}},
    {{0}, "server_max_window_bits", false, {0}},
    {{0}, "client_max_window_bits=7", false, {0}},
    {{0}, "client_max_window_bits=16", false, {0}},
    {{0}, "server_max_window_bits=7", false, {0}},
    {{0}, "server_max_window_bits=16", false, {0}},
    {{0}, "server_max_window_bits=08", false, {0}},
    {{0}, "server_max_window_bits=10; server_max_window_bits=10", false, {0}},
    {{0}, "server_no_context_takeover=1", false, {0}},
    {{0}, "server_no_context_takeover; server_no_context_takeover", false, {0}},
    {{0}, "client_no_context_takeover=", false, {0}},
    {{0}, "unknown", false, {0}},
    {{0}, "x=y", false, {0}},
};

static void client_confirms(void **state)
{
    (void)state;
    for (size_t i = 0; i < WSK__COUNT(confirms); i++) {
        const confirm_case *c = &confirms[i];
        wsk__pmd_config cfg;
        wsk_ext_param params[16];
        void *s = &cfg;
        char *text = strdup(c->answer);
        size_t n = params_of(text, params);

        print_message("# %s\n", c->answer);
        config(&cfg, &c->client, NULL);
        int r = cfg.extension.confirm(cfg.extension.ud, params, n, &s);
        if (c->ok) {
            assert_int_equal(r, 0);
            check_agreed(s, &c->agreed);
            cfg.extension.release(s);
        } else {
            assert_true(r < 0);
            assert_ptr_equal(s, &cfg);
        }
        free(text);
    }
}

/* Every pair of our own client and our own server agrees, and on the same thing. */
static void both_sides(void **state)
{
    static const unsigned bits[] = {0, 8, 9, 12, 15};

    (void)state;
    for (unsigned i = 0; i < 16 * 625; i++) {
        unsigned k = i / 16;
        opts client = {(i & 1) != 0, (i & 2) != 0, bits[k % 5], bits[k / 5 % 5]};
        opts server = {(i & 4) != 0, (i & 8) != 0, bits[k / 25 % 5], bits[k / 125 % 5]};
        wsk__pmd_config client_cfg, server_cfg;
        wsk_ext_writer offer = {0}, answer = {0};
        wsk_ext_param params[16];
        void *s = NULL, *c = NULL;

        config(&client_cfg, &client, NULL);
        config(&server_cfg, &server, NULL);
        const wsk_extension *ext = &client_cfg.extension;
        wsk__ext_writer_begin(&offer, ext->name);
        wsk__ext_writer_begin(&answer, ext->name);
        assert_int_equal(ext->offer(ext->ud, &offer), 0);
        char *text = strdup(written(&offer));
        size_t n = params_of(text, params);
        ext = &server_cfg.extension;
        assert_int_equal(ext->accept(ext->ud, params, n, &answer, &s), 0);
        free(text);
        text = strdup(written(&answer));
        n = params_of(text, params);
        ext = &client_cfg.extension;
        assert_int_equal(ext->confirm(ext->ud, params, n, &c), 0);
        free(text);
        const wsk__pmd_state *a = s, *b = c;
        /* A side may restrict itself beyond what the other one knows of, never the reverse. */
        assert_true(a->out_bits <= b->in_bits && b->out_bits <= a->in_bits);
        assert_true(a->in_takeover || !b->out_takeover);
        assert_true(b->in_takeover || !a->out_takeover);
        ext->release(s);
        ext->release(c);
    }
}

static void accept_without_memory(void **state)
{
    test_alloc a;
    wsk__pmd_config cfg;
    wsk_ext_writer w = {0};
    void *s = NULL;

    (void)state;
    test_alloc_init(&a);
    config(&cfg, &(opts){0}, &a.hooks);
    a.fail_at = 1;
    wsk__ext_writer_begin(&w, cfg.extension.name);
    assert_int_equal(cfg.extension.accept(cfg.extension.ud, NULL, 0, &w, &s), WSK_ERR_NOMEM);
    assert_null(s);
    a.fail_at = a.calls + 1;
    assert_int_equal(cfg.extension.confirm(cfg.extension.ud, NULL, 0, &s), WSK_ERR_NOMEM);
    assert_null(s);
    assert_int_equal(a.live, 0);
}

/* Octets that a writer may still take. */
static void leave(wsk_ext_writer *w, const char *name, size_t room)
{
    memset(w, 0, sizeof(*w));
    wsk__ext_writer_begin(w, name);
    memset(w->text + w->len, 'x', sizeof(w->text) - w->len);
    w->len = sizeof(w->text) - 1 - room;
    w->text[w->len] = 0;
}

/* What does not fit into the header is an error and no offer or answer with less in it: the sides
 * would take different things for agreed. */
static void no_room(void **state)
{
    static const char longest[] = "; server_no_context_takeover; client_no_context_takeover; "
                                  "server_max_window_bits=10; client_max_window_bits=11";
    test_alloc a;
    wsk__pmd_config cfg;
    wsk_ext_param params[16];
    char offer[] = "client_max_window_bits";
    size_t n = params_of(offer, params), enough = strlen(longest);

    (void)state;
    test_alloc_init(&a);
    config(&cfg, &(opts){true, true, 10, 11}, &a.hooks);
    for (size_t room = 0; room <= enough; room++) {
        wsk_ext_writer w;
        void *s = &w;

        leave(&w, cfg.extension.name, room);
        int r = cfg.extension.offer(cfg.extension.ud, &w);
        assert_int_equal(r, room < enough ? WSK_ERR_LIMIT : 0);
        leave(&w, cfg.extension.name, room);
        r = cfg.extension.accept(cfg.extension.ud, params, n, &w, &s);
        if (room < enough) {
            assert_int_equal(r, WSK_ERR_LIMIT);
            assert_ptr_equal(s, &w);
            assert_int_equal(a.live, 0);
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(w.text + w.len - enough, longest);
            cfg.extension.release(s);
        }
    }
    assert_int_equal(a.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_side),           cmocka_unit_test(client_offers),
        cmocka_unit_test(client_confirms),       cmocka_unit_test(both_sides),
        cmocka_unit_test(accept_without_memory), cmocka_unit_test(no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
