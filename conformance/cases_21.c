/* SPDX-License-Identifier: MIT */
/*
 * Category 21, compression, what categories 12 and 13 leave out (RFC 7692): offers and answers
 * here, compressed data in cases_21_data.c.
 */
#include <string.h>

#include "conformance/case_rows.h"

#define END                                                                                        \
    {                                                                                              \
        .op = JUDGE_STEP_END                                                                       \
    }

#define REQUEST                                                                                    \
    "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{fields}"
#define ANSWER                                                                                     \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: {accept}\r\n"
#define FIELD "Sec-WebSocket-Extensions: "

/* A text for the HTTP step. */
static judge_blob blob_of(judge_builder *b, const char *text)
{
    return judge_octet_blob(b, text, strlen(text));
}

/* As HTML: only quotes and the like occur. */
static const char *shown(judge_builder *b, const char *text)
{
    char out[512];
    size_t n = 0;

    for (; *text != '\0' && n + 8 < sizeof(out); text++) {
        if (*text == '"')
            n += (size_t)snprintf(out + n, sizeof(out) - n, "&quot;");
        else if (*text == '\r')
            continue;
        else if (*text == '\n')
            n += (size_t)snprintf(out + n, sizeof(out) - n, " | ");
        else
            out[n++] = *text;
    }
    out[n] = '\0';
    return judge_text(b, "%s", out);
}

/* ---------------------------------------------------------------- offers that can be taken -- */

typedef struct offer_row {
    const char *title, *offer;
    bool server_forgets;
    uint8_t server_bits, client_bits;
    bool bad; /* another one beside it must be declined */
} offer_row;

static const offer_row good_offers[] = {
    {"nothing asked for", "permessage-deflate", false, 0, 0},
    {"server_no_context_takeover", "permessage-deflate; server_no_context_takeover", true, 0, 0},
    {"client_no_context_takeover", "permessage-deflate; client_no_context_takeover", false, 0, 0},
    {"both of them", "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
     true, 0, 0},
    {"client_max_window_bits without a value", "permessage-deflate; client_max_window_bits", false,
     0, 15},
    {"client_max_window_bits=15", "permessage-deflate; client_max_window_bits=15", false, 0, 15},
    {"client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9", false, 0, 9},
    {"client_max_window_bits=8", "permessage-deflate; client_max_window_bits=8", false, 0, 8},
    {"server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15", false, 15, 0},
    {"server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10", false, 10, 0},
    {"server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9", false, 9, 0},
    {"server_max_window_bits=8", "permessage-deflate; server_max_window_bits=8", false, 8, 0},
    {"a quoted value", "permessage-deflate; server_max_window_bits=\"10\"", false, 10, 0},
    {"all four at once",
     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
     "server_max_window_bits=12; client_max_window_bits=11",
     true, 12, 11},
    {"behind an extension that nobody knows",
     "x-unknown; level=\"abc\", permessage-deflate; server_max_window_bits=10", false, 10, 0},
    {"in a second field", "x-unknown\r\n" FIELD "permessage-deflate; server_max_window_bits=10",
     false, 10, 0},
    {"behind an offer that must be declined",
     "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=10",
     false, 10, 0, true},
    {"before one that must be declined",
     "permessage-deflate; client_max_window_bits, permessage-deflate; unknown", false, 0, 15, true},
    {"no spaces", "permessage-deflate;server_max_window_bits=10;client_max_window_bits", false, 10,
     15},
};

#define EXPECT_AGREES                                                                              \
    "The server agrees to permessage-deflate with parameters that the offer allows and asks for, " \
    "and echoes the message. Declining is UNIMPLEMENTED."

static void add_good_offers(judge_builder *b)
{
    for (size_t i = 0; i < WSK__COUNT(good_offers); i++) {
        const offer_row *o = &good_offers[i];
        const judge_step hello[] = {
            {.op = JUDGE_STEP_HTTP,
             .blob = blob_of(b, judge_text(b, REQUEST FIELD "%s\r\n\r\n", o->offer))},
            END};
        const judge_step steps[] = {NEED(0), FRAME(FIN | TEXT, REP("Hello compression. ", 380)),
                                    CLOSE_AFTER(2), END};

        judge_add(
            b, &(judge_case){
                   .id = judge_text(b, "21.1.%zu", i + 1),
                   .title = o->title,
                   .description = judge_text(
                       b, "The offer is <code>%s</code>. Then a text message.", shown(b, o->offer)),
                   .expectation = o->bad ? EXPECT_AGREES " An answer with 4xx is non-strict."
                                         : EXPECT_AGREES,
                   .reference = "RFC 7692 7.1",
                   .steps = steps,
                   .rule = JUDGE_RULE_HELLO,
                   /* As for one that has nothing but what must be declined, see 21.2. */
                   .hello = {.steps = hello,
                             .ok = {JUDGE_HELLO_OPEN},
                             .lax = {o->bad ? JUDGE_HELLO_4XX : 0}},
                   OK_WITH(1, GOT_TEXT(REP("Hello compression. ", 380))),
                   ENDS_CLEAN,
                   .audience = JUDGE_FOR_SERVERS,
                   .echo = {.n_offers = 1},
                   .deflate = {.given = true,
                               .server_forgets = o->server_forgets,
                               .server_bits = o->server_bits,
                               .client_bits = o->client_bits},
               });
    }
}

/* ------------------------------------------------------------- offers that must be declined -- */

/* Values that max_window_bits cannot have. `grammar`: nor any other parameter. */
static const struct {
    const char *value;
    bool grammar;
} bad_values[] = {
    {"=7", false},       {"=16", false},         {"=08", false},
    {"=010", false},     {"=0", false},          {"=-1", false},
    {"=999", false},     {"=15x", false},        {"=x15", false},
    {"=1e1", false},     {"=0xf", false},        {"=+10", false},
    {"=256", false},     {"=4294967306", false}, {"=18446744073709551626", false},
    {"=\"15x\"", false}, {"=\"\"", true},        {"=", true},
    {"=\" 15\"", true},  {"=15 14", true},       {"=\"15", true},
};

static const struct {
    const char *title, *offer;
    bool grammar;
} bad_offers[] = {
    {"server_max_window_bits without a value", "permessage-deflate; server_max_window_bits", false},
    {"a parameter that nobody knows", "permessage-deflate; unknown", false},
    {"... with a value", "permessage-deflate; max_window_bits=10", false},
    {"server_no_context_takeover with a value", "permessage-deflate; server_no_context_takeover=1",
     false},
    {"client_no_context_takeover with a value",
     "permessage-deflate; client_no_context_takeover=true", false},
    {"server_no_context_takeover twice",
     "permessage-deflate; server_no_context_takeover; server_no_context_takeover", false},
    {"client_no_context_takeover twice",
     "permessage-deflate; client_no_context_takeover; client_no_context_takeover", false},
    {"server_max_window_bits twice",
     "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", false},
    {"client_max_window_bits twice",
     "permessage-deflate; client_max_window_bits; client_max_window_bits=10", false},
    {"a name that only begins so", "permessage-deflate-more; server_max_window_bits=10", false},
    /* None that a server might know: it may take any that is offered (RFC 6455 9.1). */
    {"extensions that nobody knows", "x-unknown; level=3, unknown-deflate-frame", false},
    {"no parameter behind the semicolon", "permessage-deflate;", true},
    {"... nor between two of them", "permessage-deflate;; server_max_window_bits=10", true},
    {"a value without a name", "permessage-deflate; =10", true},
    {"names of JavaScript objects", "permessage-deflate; __proto__=1; constructor", false},
};

/* Whether permessage-deflate is offered, however badly. */
static bool is_offered(const char *offer)
{
    static const char name[] = "permessage-deflate";
    const char *at = strstr(offer, name);

    return at != NULL && at[sizeof(name) - 1] != '-';
}

static void add_bad_offer(judge_builder *b, unsigned number, const char *title, const char *offer,
                          bool grammar)
{
    const judge_step hello[] = {
        {.op = JUDGE_STEP_HTTP,
         .blob = blob_of(b, judge_text(b, REQUEST FIELD "%s\r\n\r\n", offer))},
        END};
    const judge_step steps[] = {FRAME(FIN | TEXT, S("Hello")), CLOSE_AFTER(2), END};

    judge_add(
        b,
        &(judge_case){
            .id = judge_text(b, "21.2.%u", number),
            .title = title,
            .description = judge_text(b, "The offer is <code>%s</code>. Then a text message.",
                                      shown(b, offer)),
            .expectation = grammar
                               ? "The server answers with 400, or opens the connection without the "
                                 "extension and echoes the message."
                               : "The server opens the connection without the extension and echoes "
                                 "the message. An answer with 4xx is non-strict.",
            .reference = grammar ? "RFC 6455 9.1, RFC 7692 7.1" : "RFC 7692 7.1; CVE-2026-2229",
            .steps = steps,
            .rule = JUDGE_RULE_HELLO,
            .hello = {.steps = hello,
                      .ok = {JUDGE_HELLO_OPEN, grammar ? 400 : 0},
                      .lax = {JUDGE_HELLO_4XX}},
            OK_WITH(1, GOT_TEXT(S("Hello"))),
            ENDS_CLEAN,
            .audience = JUDGE_FOR_SERVERS,
            .echo = {.n_offers = is_offered(offer)},
            .deflate = {.given = true, .declined = true},
        });
}

static void add_bad_offers(judge_builder *b)
{
    static const char *const names[] = {"server_max_window_bits", "client_max_window_bits"};
    unsigned number = 0;

    for (size_t k = 0; k < WSK__COUNT(names); k++) {
        for (size_t i = 0; i < WSK__COUNT(bad_values); i++) {
            const char *what = judge_text(b, "%s%s", names[k], bad_values[i].value);

            add_bad_offer(b, ++number, what, judge_text(b, "permessage-deflate; %s", what),
                          bad_values[i].grammar);
        }
    }
    for (size_t i = 0; i < WSK__COUNT(bad_offers); i++)
        add_bad_offer(b, ++number, bad_offers[i].title, bad_offers[i].offer, bad_offers[i].grammar);
}

/* ---------------------------------------------------------------------------- bad answers -- */

static const struct {
    const char *title, *answer;
} bad_answers[] = {
    {"server_max_window_bits=7", "permessage-deflate; server_max_window_bits=7"},
    {"server_max_window_bits=16", "permessage-deflate; server_max_window_bits=16"},
    {"server_max_window_bits=08", "permessage-deflate; server_max_window_bits=08"},
    {"server_max_window_bits=0", "permessage-deflate; server_max_window_bits=0"},
    {"server_max_window_bits=-1", "permessage-deflate; server_max_window_bits=-1"},
    {"server_max_window_bits=999", "permessage-deflate; server_max_window_bits=999"},
    {"server_max_window_bits=15x", "permessage-deflate; server_max_window_bits=15x"},
    {"server_max_window_bits=&quot;&quot;", "permessage-deflate; server_max_window_bits=\"\""},
    {"server_max_window_bits without a value", "permessage-deflate; server_max_window_bits"},
    {"client_max_window_bits=7", "permessage-deflate; client_max_window_bits=7"},
    {"client_max_window_bits=16", "permessage-deflate; client_max_window_bits=16"},
    {"client_max_window_bits=0", "permessage-deflate; client_max_window_bits=0"},
    {"client_max_window_bits=15x", "permessage-deflate; client_max_window_bits=15x"},
    {"client_max_window_bits without a value", "permessage-deflate; client_max_window_bits"},
    {"a parameter that nobody knows", "permessage-deflate; unknown"},
    {"server_no_context_takeover with a value", "permessage-deflate; server_no_context_takeover=1"},
    {"client_no_context_takeover with a value", "permessage-deflate; client_no_context_takeover=1"},
    {"server_no_context_takeover twice",
     "permessage-deflate; server_no_context_takeover; server_no_context_takeover"},
    {"server_max_window_bits twice",
     "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10"},
    {"the extension twice", "permessage-deflate, permessage-deflate"},
    {"the extension in two fields", "permessage-deflate\r\n" FIELD "permessage-deflate"},
    {"another extension beside it", "permessage-deflate, x-unknown"},
    {"no parameter behind the semicolon", "permessage-deflate;"},
};

static void add_bad_answers(judge_builder *b)
{
    for (size_t i = 0; i < WSK__COUNT(bad_answers); i++) {
        const judge_step hello[] = {
            {.op = JUDGE_STEP_HTTP,
             .blob = blob_of(b, judge_text(b, ANSWER FIELD "%s\r\n\r\n", bad_answers[i].answer))},
            /* What a client would have to say something about that has taken the answer. */
            {.op = JUDGE_STEP_RAW, .blob = {"\x81\x05Hello", 7, 7}},
            END};
        const judge_step steps[] = {END};

        judge_add(
            b, &(judge_case){
                   .id = judge_text(b, "21.3.%zu", i + 1),
                   .title = bad_answers[i].title,
                   .description = judge_text(b,
                                             "The answer agrees to <code>%s</code>, whatever the "
                                             "client has offered. Then a text message.",
                                             shown(b, bad_answers[i].answer)),
                   .expectation = "The client fails the connection. A close frame first is as "
                                  "good.",
                   .reference = "RFC 7692 7.1, RFC 6455 9.1; CVE-2026-2229",
                   .steps = steps,
                   .rule = JUDGE_RULE_HELLO,
                   .hello = {.steps = hello, .ok = {JUDGE_HELLO_DROPPED, JUDGE_HELLO_CLOSED}},
                   .audience = JUDGE_FOR_CLIENTS,
               });
    }
}

void judge_cases_21(judge_builder *b)
{
    add_good_offers(b);
    add_bad_offers(b);
    add_bad_answers(b);
    judge_cases_21_data(b);
}
