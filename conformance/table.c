/* SPDX-License-Identifier: MIT */
/*
 * The table of all cases: gathers the rows of the categories, keeps the texts of generated ones,
 * numbers them, and selects from them by Autobahn's patterns. Knows nothing of running a case.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/case_rows.h"

typedef struct arena_block {
    struct arena_block *next;
    size_t used, size;
    /* octets follow */
} arena_block;

struct judge_table {
    judge_case *rows;
    size_t n, room;
    arena_block *arena;
};

struct judge_builder {
    judge_table *table;
    uint64_t limit;
    bool failed; /* out of memory; the table is thrown away in the end */
};

static void *arena_take(judge_builder *b, size_t n)
{
    arena_block *block = b->table->arena;
    void *p;

    n = (n + 15) & ~(size_t)15;
    if (block == NULL || block->size - block->used < n) {
        const size_t size = n > 65536 ? n : 65536;

        block = malloc(sizeof(*block) + size);
        if (block == NULL) {
            b->failed = true;
            return NULL;
        }
        block->next = b->table->arena;
        block->used = 0;
        block->size = size;
        b->table->arena = block;
    }
    p = (char *)(block + 1) + block->used;
    block->used += n;
    return p;
}

static void *arena_copy(judge_builder *b, const void *data, size_t n)
{
    void *p = arena_take(b, n);

    if (p != NULL && n > 0)
        memcpy(p, data, n);
    return p;
}

const char *judge_text(judge_builder *b, const char *fmt, ...)
{
    char buf[1024];
    va_list ap;
    const char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(buf)) {
        b->failed = true;
        return "";
    }
    p = arena_copy(b, buf, (size_t)n + 1);
    return p ? p : "";
}

judge_blob judge_octet_blob(judge_builder *b, const void *data, size_t len)
{
    const char *p = arena_copy(b, data, len);

    return (judge_blob){p ? p : "", p ? len : 0, p ? len : 0};
}

const char *judge_hex_text(judge_builder *b, const void *data, size_t len)
{
    const unsigned char *octets = data;
    char *p = arena_take(b, len * 2 + 1);

    if (p == NULL)
        return "";
    for (size_t i = 0; i < len; i++)
        snprintf(p + i * 2, 3, "%02x", octets[i]);
    p[len * 2] = '\0';
    return p;
}

void judge_add_rows(judge_builder *b, const judge_case *rows, size_t n)
{
    judge_table *t = b->table;

    if (t->n + n > t->room) {
        const size_t room = (t->n + n) * 2;
        judge_case *grown = realloc(t->rows, room * sizeof(*grown));

        if (grown == NULL) {
            b->failed = true;
            return;
        }
        t->rows = grown;
        t->room = room;
    }
    memcpy(t->rows + t->n, rows, n * sizeof(*rows));
    t->n += n;
    for (size_t i = t->n - n; i < t->n; i++)
        t->rows[i].index = (int)i + 1;
}

static const judge_step *copy_steps(judge_builder *b, const judge_step *steps)
{
    size_t n = 0;

    while (steps[n].op != JUDGE_STEP_END)
        n++;
    return arena_copy(b, steps, (n + 1) * sizeof(*steps));
}

void judge_add(judge_builder *b, const judge_case *row)
{
    judge_case copy = *row;

    copy.steps = copy_steps(b, row->steps);
    if (row->hello.steps != NULL)
        copy.hello.steps = copy_steps(b, row->hello.steps);
    if (copy.steps != NULL)
        judge_add_rows(b, &copy, 1);
}

/* No limit that anybody sets is below it: what is smaller must be taken. */
#define SMALL 1024

/* Text is not cut within a character: patterns are whole ones. */
static uint64_t cut_to(uint64_t limit, const judge_blob *blob, bool is_text)
{
    return is_text ? limit - limit % blob->len : limit;
}

void judge_add_within(judge_builder *b, const judge_case *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        judge_case row = rows[i];
        bool cut = false, large = false;
        size_t n_steps = 1;
        judge_step *steps;

        while (row.steps[n_steps - 1].op != JUDGE_STEP_END)
            n_steps++;
        steps = arena_copy(b, row.steps, n_steps * sizeof(*steps));
        if (steps == NULL)
            return;
        row.steps = steps;
        for (size_t k = 0; k < n_steps; k++) {
            judge_blob *blob = &steps[k].blob;

            if (steps[k].op != JUDGE_STEP_FRAME)
                continue;
            large = large || blob->total > SMALL;
            if (b->limit == 0 || blob->total <= b->limit)
                continue;
            blob->total = cut_to(b->limit, blob, (steps[k].first & 15) == WSK_OP_TEXT);
            cut = true;
        }
        for (size_t k = 0; cut && k < WSK__COUNT(row.ending); k++) {
            for (size_t j = 0; j < row.ending[k].n; j++) {
                judge_event_row *event = &row.ending[k].event[j];

                if (event->blob.total > b->limit)
                    event->blob.total = cut_to(b->limit, &event->blob, !event->binary);
            }
        }
        if (cut)
            row.description = judge_text(b,
                                         "%s What is longer than the limit of the peer, %llu "
                                         "octets, is cut to it.",
                                         row.description, (unsigned long long)b->limit);
        row.close.limited = large && b->limit == 0;
        if (row.close.limited)
            row.expectation = judge_text(b,
                                         "%s Where the limit of the peer is not known "
                                         "(--limit), a close with 1009 is for information.",
                                         row.expectation);
        judge_add_rows(b, &row, 1);
    }
}

uint64_t judge_limit(const judge_builder *b)
{
    return b->limit;
}

judge_table *judge_table_new(void)
{
    return judge_table_new_limited(0);
}

judge_table *judge_table_new_limited(uint64_t limit)
{
    static void (*const categories[])(judge_builder *) = {
        judge_cases_01, judge_cases_02, judge_cases_03, judge_cases_04, judge_cases_05,
        judge_cases_06, judge_cases_07, judge_cases_09, judge_cases_10, judge_cases_12,
        judge_cases_13, judge_cases_14, judge_cases_15, judge_cases_16, judge_cases_17,
        judge_cases_18, judge_cases_19, judge_cases_20, judge_cases_21, judge_cases_22,
        judge_cases_23,
    };
    judge_table *t = calloc(1, sizeof(*t));
    judge_builder b = {.table = t, .limit = limit};

    if (t == NULL)
        return NULL;
    for (size_t i = 0; i < WSK__COUNT(categories); i++)
        categories[i](&b);
    if (b.failed) {
        judge_table_free(t);
        return NULL;
    }
    return t;
}

void judge_table_free(judge_table *t)
{
    if (t == NULL)
        return;
    while (t->arena != NULL) {
        arena_block *next = t->arena->next;

        free(t->arena);
        t->arena = next;
    }
    free(t->rows);
    free(t);
}

size_t judge_table_count(const judge_table *t)
{
    return t->n;
}

size_t judge_table_count_autobahn(const judge_table *t)
{
    size_t n = 0;

    while (n < t->n && !judge_case_is_extra(&t->rows[n]))
        n++;
    return n;
}

bool judge_case_is_extra(const judge_case *c)
{
    return strtol(c->id, NULL, 10) >= 14;
}

static bool waits(const judge_step *s)
{
    for (; s != NULL && s->op != JUDGE_STEP_END; s++) {
        if (s->op == JUDGE_STEP_WAIT || s->op == JUDGE_STEP_OUTLAST)
            return true;
    }
    return false;
}

bool judge_case_waits(const judge_case *c)
{
    return waits(c->steps) || waits(c->hello.steps) || c->hello.seconds < 0;
}

int judge_case_by_turn(const judge_case *x, const judge_case *y)
{
    if (x->weight != y->weight)
        return x->weight < y->weight ? -1 : 1;
    /* Those that wait go first: they cost nothing while they do. */
    if (judge_case_waits(x) != judge_case_waits(y))
        return judge_case_waits(x) ? -1 : 1;
    /* Cases over the same windows share what they compress and inflate. */
    if (x->weight == 2 && x->echo.corpus != y->echo.corpus)
        return x->echo.corpus < y->echo.corpus ? -1 : 1;
    if (x->weight == 2 && x->echo.len != y->echo.len)
        return x->echo.len < y->echo.len ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

bool judge_case_has_role(const judge_case *c, judge_role role)
{
    return c->audience == JUDGE_FOR_BOTH ||
           c->audience == (role == JUDGE_ROLE_CLIENT ? JUDGE_FOR_SERVERS : JUDGE_FOR_CLIENTS);
}

const judge_case *judge_table_at(const judge_table *t, size_t i)
{
    return &t->rows[i];
}

const judge_case *judge_table_find(const judge_table *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->rows[i].id, id) == 0)
            return &t->rows[i];
    }
    return NULL;
}

/* Of categories, and of their groups. */
static const struct {
    const char *id, *title;
} titles[] = {
    {"1", "Framing"},
    {"1.1", "Text messages"},
    {"1.2", "Binary messages"},
    {"2", "Pings and pongs"},
    {"3", "Reserved bits"},
    {"4", "Opcodes"},
    {"4.1", "Reserved data opcodes"},
    {"4.2", "Reserved control opcodes"},
    {"5", "Fragmentation"},
    {"6", "UTF-8"},
    {"6.1", "Valid text with empty fragments"},
    {"6.2", "Valid text, whole and cut between and inside characters"},
    {"6.3", "Invalid text, whole and cut"},
    {"6.4", "Fail fast on invalid text"},
    {"6.5", "Valid sequences"},
    {"6.6", "All prefixes of a text with multi-octet characters"},
    {"6.7", "First code point of each length"},
    {"6.8", "First sequences of five and six octets (invalid)"},
    {"6.9", "Last code point of each length"},
    {"6.10", "Last sequences of four, five and six octets (invalid)"},
    {"6.11", "Other borders"},
    {"6.12", "Continuation octets without a first octet"},
    {"6.13", "First octets without continuation"},
    {"6.14", "Sequences without their last octet"},
    {"6.15", "Incomplete sequences in a row"},
    {"6.16", "Impossible octets"},
    {"6.17", "Overlong ASCII characters"},
    {"6.18", "Greatest overlong sequences"},
    {"6.19", "Overlong NUL"},
    {"6.20", "Single surrogates"},
    {"6.21", "Paired surrogates"},
    {"6.22", "Noncharacters (valid)"},
    {"6.23", "Special code points (valid)"},
    {"7", "Closing"},
    {"7.1", "Basic closing"},
    {"7.3", "Length of the close frame"},
    {"7.5", "Reason of the close frame"},
    {"7.7", "Valid close codes"},
    {"7.9", "Invalid close codes"},
    {"7.13", "Undefined close codes (informational)"},
    {"9", "Limits and performance"},
    {"9.1", "Text messages of growing size"},
    {"9.2", "Binary messages of growing size"},
    {"9.3", "Text message of 4 MiB in growing fragments"},
    {"9.4", "Binary message of 4 MiB in growing fragments"},
    {"9.5", "Text message of 1 MiB in growing writes"},
    {"9.6", "Binary message of 1 MiB in growing writes"},
    {"9.7", "Round trips of text messages of growing size"},
    {"9.8", "Round trips of binary messages of growing size"},
    {"10", "Miscellaneous"},
    {"10.1", "Automatic fragmentation"},
    {"12", "Compression of different data"},
    {"12.1", "JSON (text)"},
    {"12.2", "Bitmap (binary)"},
    {"12.3", "Prose (binary)"},
    {"12.4", "HTML (text)"},
    {"12.5", "Document like a PDF (binary)"},
    {"13", "Compression with different parameters"},
    {"13.1", "Nothing asked for"},
    {"13.2", "No context takeover"},
    {"13.3", "Window of 9 bits"},
    {"13.4", "Window of 15 bits"},
    {"13.5", "No context takeover and window of 9 bits"},
    {"13.6", "No context takeover and window of 15 bits"},
    {"13.7", "Three offers to choose from"},
    {"14", "Opening handshake of servers"},
    {"14.1", "Requests that must be taken"},
    {"14.2", "Request line"},
    {"14.3", "Host"},
    {"14.4", "Upgrade and Connection"},
    {"14.5", "Sec-WebSocket-Version"},
    {"14.6", "Sec-WebSocket-Key"},
    {"14.7", "Form of lines"},
    {"14.8", "Sizes"},
    {"14.9", "Bodies, and requests behind requests"},
    {"14.10", "Frames behind the request"},
    {"14.11", "Subprotocols"},
    {"14.12", "Extensions"},
    {"14.13", "Origin"},
    {"14.14", "Pace and ends"},
    {"15", "Opening handshake of clients"},
    {"15.1", "Answers that must be taken"},
    {"15.2", "Statuses"},
    {"15.3", "Version and status line"},
    {"15.4", "Upgrade and Connection"},
    {"15.5", "Sec-WebSocket-Accept"},
    {"15.6", "Extensions"},
    {"15.7", "Subprotocols"},
    {"15.8", "Form of lines"},
    {"15.9", "Sizes"},
    {"15.10", "Pace and ends"},
    {"15.11", "Frames behind the answer"},
    {"16", "Masking"},
    {"16.1", "Frames to a server that are not masked"},
    {"16.2", "Frames to a client that are masked"},
    {"16.3", "Keys"},
    {"16.4", "Lengths, and what they leave of the mask"},
    {"16.5", "Reads that begin at each phase of the mask"},
    {"16.6", "Keys of several frames"},
    {"16.7", "Keys that clients choose"},
    {"17", "Frame grammar"},
    {"17.1", "Lengths in a longer form than needed"},
    {"17.2", "Lengths with the top bit set"},
    {"17.3", "Huge lengths without data"},
    {"17.4", "Sums of lengths that overflow"},
    {"17.5", "Control frames that are too long, or in fragments"},
    {"17.6", "Reserved opcodes with huge lengths"},
    {"17.7", "Frames that are cut off"},
    {"17.8", "Each first octet, no message open"},
    {"17.9", "Each first octet inside a message"},
    {"17.10", "Each first octet, no message open, permessage-deflate"},
    {"17.11", "Each first octet inside an uncompressed message, permessage-deflate"},
    {"17.12", "Each first octet inside a compressed message"},
    {"17.13", "Each first octet behind a close"},
    {"17.14", "A conversation, cut at each octet"},
    {"17.15", "A long frame, cut at each octet of its header"},
    {"18", "Limits"},
    {"18.1", "Messages around the limit, in one frame"},
    {"18.2", "Messages around the limit, in fragments"},
    {"18.3", "Messages around the limit, inflated"},
    {"18.4", "Too large by the header"},
    {"18.5", "Messages of growing size"},
    {"18.6", "Fragments without number"},
    {"18.7", "Tiny reads"},
    {"19", "More closing"},
    {"19.1", "The peer closes and is answered"},
    {"19.2", "The peer closes and is not answered"},
    {"19.3", "The peer closes and gets data"},
    {"19.4", "The peer closes and is answered twice"},
    {"19.5", "The peer closes and is answered with one octet"},
    {"19.6", "The peer closes and is answered with a bad code"},
    {"19.7", "The peer closes and half of TCP ends"},
    {"19.8", "Half of TCP ends"},
    {"19.9", "TCP is reset"},
    {"19.10", "Behind a close"},
    {"19.11", "Close inside a message"},
    {"19.12", "Reasons"},
    {"19.13", "Reasons that come in pieces"},
    {"19.14", "Codes"},
    {"19.15", "Close while the peer cannot write"},
    {"20", "More pings and pongs"},
    {"20.1", "Payloads of every length"},
    {"20.2", "Several pings"},
    {"20.3", "Pongs that nobody asked for"},
    {"20.4", "Pings between fragments"},
    {"20.5", "Pings and closes"},
    {"20.6", "Floods"},
    {"21", "Compression, its corners"},
    {"22", "Backpressure and time"},
    {"23", "Attacks"},
};

const char *judge_category_title(const char *id)
{
    for (size_t i = 0; i < WSK__COUNT(titles); i++) {
        if (strcmp(titles[i].id, id) == 0)
            return titles[i].title;
    }
    return NULL;
}

/* ----------------------------------------------------------------------------- suites -- */

const char *const *judge_suite(const char *name)
{
    static const struct {
        const char *name, *patterns[12];
    } suites[] = {
        {"all",
         {"*", "14.*", "15.*", "16.*", "17.*", "18.*", "19.*", "20.*", "21.*", "22.*", "23.*"}},
        {"autobahn", {"*"}},
        {"handshake", {"14.*", "15.*"}},
        {"masking", {"16.*"}},
        {"frames", {"17.*"}},
        {"limits", {"18.*"}},
        {"close", {"19.*"}},
        {"ping", {"20.*"}},
        {"compression", {"21.*"}},
        {"time", {"22.*"}},
        {"attacks", {"23.*"}},
    };

    for (size_t i = 0; i < WSK__COUNT(suites); i++) {
        if (strcmp(suites[i].name, name) == 0)
            return suites[i].patterns;
    }
    return NULL;
}

const char *judge_suite_names(void)
{
    return "all, autobahn, handshake, masking, frames, limits, close, ping, compression, time, "
           "attacks";
}

/* -------------------------------------------------------------------------- selection -- */

/* One element of a pattern: a character, or a class as in "1[23].*". Returns its end. */
static const char *match_one(const char *pattern, char c, bool *ret_match)
{
    const char *end;

    if (*pattern != '[' || pattern[1] == '\0' || (end = strchr(pattern + 2, ']')) == NULL) {
        *ret_match = *pattern == c;
        return pattern + 1;
    }
    *ret_match = false;
    for (const char *p = pattern + 1; p < end; p++) {
        if (p[1] == '-' && p + 2 < end) {
            *ret_match = *ret_match || (p[0] <= c && c <= p[2]);
            p += 2;
        } else {
            *ret_match = *ret_match || *p == c;
        }
    }
    return end + 1;
}

/* Linear but for the one place to go back to, the last '*'. */
static bool matches(const char *pattern, const char *text, bool whole)
{
    const char *back_pattern = NULL, *back_text = NULL;

    for (;;) {
        bool match = false;
        const char *next;

        if (*pattern == '*') {
            back_pattern = ++pattern;
            back_text = text;
            continue;
        }
        if (*pattern == '\0' && (!whole || *text == '\0'))
            return true;
        if (*text == '\0' && (back_text == NULL || *back_text == '\0'))
            return false;
        if (*pattern != '\0' && *text != '\0') {
            next = match_one(pattern, *text, &match);
            if (match) {
                pattern = next;
                text++;
                continue;
            }
        }
        if (back_pattern == NULL)
            return false;
        pattern = back_pattern;
        text = ++back_text;
    }
}

bool judge_pattern_matches_whole(const char *pattern, const char *text)
{
    return matches(pattern, text, true);
}

/* True if the pattern says which category it means, before its first '*'. */
static bool names_category(const char *pattern, const char *id)
{
    bool match = true;

    while (match && *id != '.' && *pattern != '*' && *pattern != '\0')
        pattern = match_one(pattern, *id++, &match);
    return match && *id == '.';
}

/* Marks what the patterns name. Returns the pattern that is an id of no case, or NULL. */
static const char *mark(const judge_table *t, const char *const *patterns, size_t n, bool value,
                        bool *selected)
{
    for (size_t i = 0; i < n; i++) {
        const bool whole = strchr(patterns[i], '*') == NULL;
        bool found = !whole;

        for (size_t k = 0; k < t->n; k++) {
            const judge_case *c = &t->rows[k];

            if (whole ? strcmp(patterns[i], c->id) != 0 : !matches(patterns[i], c->id, false))
                continue;
            /* "*" is all of Autobahn's, as ever; leaving out means what it says. */
            if (!whole && value && judge_case_is_extra(c) && !names_category(patterns[i], c->id))
                continue;
            selected[k] = value;
            found = true;
        }
        if (!found)
            return patterns[i];
    }
    return NULL;
}

int judge_select(const judge_table *t, const char *const *patterns, size_t n,
                 const char *const *exclude, size_t n_exclude, bool *selected, const char **ret_bad)
{
    const char *bad;
    int count = 0;

    memset(selected, 0, t->n * sizeof(*selected));
    bad = mark(t, patterns, n, true, selected);
    if (bad == NULL)
        bad = mark(t, exclude, n_exclude, false, selected);
    if (bad != NULL) {
        *ret_bad = bad;
        return -1;
    }
    for (size_t i = 0; i < t->n; i++)
        count += selected[i];
    return count;
}
