/* SPDX-License-Identifier: MIT */
/*
 * Autobahn's URL API: paths and queries. Anyone can send anything here, so names that come twice,
 * numbers that are none, and octets that no report could show make the handshake fail. Knows no
 * connections.
 */
#include <stdio.h>
#include <string.h>

#include "conformance/fuzz_internal.h"

static bool complain(char why[200], const char *text)
{
    snprintf(why, 200, "%s", text);
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Of application/x-www-form-urlencoded. False: longer than `size` allows, or with a NUL in it; then
 * the text ends there. A '%' that begins no octet stands for itself. */
static bool decode(char *ret, size_t size, judge_slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%' && i + 2 < s.len && digit(s.at[i + 1]) >= 0 &&
                   digit(s.at[i + 2]) >= 0) {
            c = (char)(digit(s.at[i + 1]) * 16 + digit(s.at[i + 2]));
            i += 2;
        }
        if (c == 0 || n + 1 >= size) {
            ret[n] = 0;
            return false;
        }
        ret[n++] = c;
    }
    ret[n] = 0;
    return true;
}

typedef struct found {
    char *value;
    size_t size;
    unsigned times;
    bool bad;
} found;

/* Values of one name; empty ones count as missing. */
static void look_for(found *f, judge_slice query, const char *name)
{
    const char *at = query.at, *end = at != NULL ? at + query.len : NULL;
    char word[32];
    f->times = 0;
    f->bad = false;
    f->value[0] = 0;
    while (at && at < end) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        const char *stop = amp ? amp : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (equals && equals + 1 < stop &&
            decode(word, sizeof word, (judge_slice){at, (size_t)(equals - at)}) &&
            strcmp(word, name) == 0 && f->times++ == 0)
            f->bad = !decode(f->value, f->size,
                             (judge_slice){equals + 1, (size_t)(stop - equals - 1)});
        at = amp ? amp + 1 : NULL;
    }
}

int fuzz_case_number(const judge_table *table, const bool *selected, const judge_case *c)
{
    int number = 0;
    for (size_t i = 0; i < judge_table_count(table); i++) {
        number += selected[i];
        if (judge_table_at(table, i) == c)
            return selected[i] ? number : 0;
    }
    return 0;
}

static const judge_case *numbered(const judge_table *table, const bool *selected, unsigned long k)
{
    for (size_t i = 0; i < judge_table_count(table); i++)
        if (selected[i] && --k == 0)
            return judge_table_at(table, i);
    return NULL;
}

/* Blanks around it go, as in Autobahn. */
static void strip(char *s)
{
    size_t n = strlen(s), from = strspn(s, " \t");
    while (n > from && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    memmove(s, s + from, n - from);
    s[n - from] = 0;
}

static bool find_case(fuzz_query *q, judge_slice query, const judge_table *table,
                      const bool *selected, const char *what, char why[200])
{
    char text[24];
    found f = {.value = text, .size = sizeof text};
    look_for(&f, query, "case");
    if (f.times > 1)
        return complain(why, "multiple test cases specified");
    if (f.times == 1) {
        strip(text);
        size_t n = strlen(text);
        unsigned long number = 0;
        if (f.bad || n == 0 || n > 9 || strspn(text, "0123456789") != n)
            return complain(why, "invalid test case number");
        for (const char *c = text; *c; c++)
            number = number * 10 + (unsigned long)(*c - '0');
        q->test = number > 0 ? numbered(table, selected, number) : NULL;
        if (!q->test)
            snprintf(why, 200, "case %lu not found", number);
        return q->test;
    }
    look_for(&f, query, "casetuple");
    if (f.times > 1)
        return complain(why, "multiple test cases specified");
    if (f.times == 0) {
        snprintf(why, 200, "need case to %s", what);
        return false;
    }
    strip(text);
    q->test = f.bad ? NULL : judge_table_find(table, text);
    if (q->test && fuzz_case_number(table, selected, q->test) == 0)
        q->test = NULL;
    return q->test || complain(why, "invalid test case ID");
}

static bool find_agent(fuzz_query *q, judge_slice query, const char *what, char why[200])
{
    found f = {.value = q->agent, .size = sizeof q->agent};
    look_for(&f, query, "agent");
    if (f.times > 1)
        return complain(why, "multiple agents specified");
    if (f.times == 0) {
        snprintf(why, 200, "need agent to %s", what);
        return false;
    }
    if (f.bad)
        return complain(why, "the agent's name is too long or has a NUL in it");
    /* Reports and index.json hold names as text. */
    if (!judge_utf8_is_valid(q->agent, strlen(q->agent)))
        return complain(why, "the agent's name is not UTF-8");
    return true;
}

static bool find_shutdown(fuzz_query *q, judge_slice query, char why[200])
{
    char text[16];
    found f = {.value = text, .size = sizeof text};
    look_for(&f, query, "shutdownOnComplete");
    if (f.times > 1)
        return complain(why, "multiple shutdownOnComplete specified");
    for (char *c = text; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
    q->shutdown = !f.bad && (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0);
    return true;
}

bool fuzz_query_read(fuzz_query *ret, const judge_request *r, const judge_table *table,
                     const bool *selected, char why[200])
{
    static const struct {
        const char *path;
        fuzz_act act;
    } paths[] = {
        {"/getCaseCount", FUZZ_COUNT},    {"/getCaseInfo", FUZZ_INFO},
        {"/runCase", FUZZ_RUN},           {"/getCaseStatus", FUZZ_STATUS},
        {"/updateReports", FUZZ_REPORTS}, {"/stopServer", FUZZ_STOP},
    };
    *ret = (fuzz_query){.act = FUZZ_COMMANDS};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (strlen(paths[i].path) == r->path.len &&
            memcmp(paths[i].path, r->path.at, r->path.len) == 0)
            ret->act = paths[i].act;
    switch (ret->act) {
    case FUZZ_INFO:
        return find_case(ret, r->query, table, selected, "get info", why);
    case FUZZ_RUN:
        return find_agent(ret, r->query, "run case", why) &&
               find_case(ret, r->query, table, selected, "run", why);
    case FUZZ_STATUS:
        return find_agent(ret, r->query, "get status", why) &&
               find_case(ret, r->query, table, selected, "get status", why);
    case FUZZ_REPORTS:
        return find_agent(ret, r->query, "update reports", why) &&
               find_shutdown(ret, r->query, why);
    case FUZZ_COMMANDS:
    case FUZZ_COUNT:
    case FUZZ_STOP:
        break;
    }
    return true;
}
