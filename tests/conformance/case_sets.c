/* SPDX-License-Identifier: MIT */
/* See case_sets.h. */
#include "case_sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *id_of(const judge_table *t, size_t i)
{
    return judge_table_at(t, i)->id;
}

/* Length of "17.8." in "17.8.12". */
static size_t group_of(const char *id)
{
    const char *dot = strrchr(id, '.');

    return dot != NULL ? (size_t)(dot - id) + 1 : 0;
}

/* "17.8.*", "17.8.12" or "17.8.12-17". */
static bool is_named(const char *word, size_t len, const char *id)
{
    const char *dash = memchr(word, '-', len);
    const size_t group = group_of(id);
    long n;

    if (word[len - 1] == '*')
        return strncmp(id, word, len - 1) == 0;
    if (dash == NULL)
        return strlen(id) == len && strncmp(id, word, len) == 0;
    if (strncmp(id, word, group) != 0)
        return false;
    n = strtol(id + group, NULL, 10);
    return n >= strtol(word + group, NULL, 10) && n <= strtol(dash + 1, NULL, 10);
}

bool case_set_has(const char *set, const char *id)
{
    while (*set != '\0') {
        const size_t len = strcspn(set, " ");

        if (is_named(set, len, id))
            return true;
        set += len;
        set += strspn(set, " ");
    }
    return false;
}

/* Length of the first `dots` numbers of an id with their dots; 0: it has fewer. */
static size_t prefix(const char *id, int dots)
{
    for (const char *p = id; *p != '\0'; p++) {
        if (*p == '.' && --dots == 0)
            return (size_t)(p - id) + 1;
    }
    return 0;
}

void case_set_describe(const judge_table *t, size_t first, size_t n, const bool *hit,
                       const bool *ran, char *out, size_t room)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n;) {
        const char *id = id_of(t, first + i), *star = "";
        size_t next = i + 1, n_id = strlen(id);

        for (int dots = 1; hit[i] && dots <= 2 && *star == '\0'; dots++) {
            const size_t l = prefix(id, dots);
            size_t count = 0, k = i;
            bool whole = l > 0;

            for (size_t before = 0; whole && before < i; before++)
                whole = !ran[before] || strncmp(id_of(t, first + before), id, l) != 0;
            for (; whole && k < n && strncmp(id_of(t, first + k), id, l) == 0; k++) {
                count += ran[k];
                whole = !ran[k] || hit[k];
            }
            if (whole && count > 1) {
                star = "*";
                n_id = l;
                next = k;
            }
        }
        if (hit[i])
            len += (size_t)snprintf(out + len, room - len, "%s%.*s%s", len > 0 ? " " : "",
                                    (int)n_id, id, star);
        /* Three in a row and more are a range. */
        if (hit[i] && *star == '\0') {
            const size_t group = group_of(id);
            size_t last = i;

            while (last + 1 < n && hit[last + 1] &&
                   strncmp(id_of(t, first + last + 1), id, group) == 0)
                last++;
            if (last >= i + 2) {
                len += (size_t)snprintf(out + len, room - len, "-%s",
                                        id_of(t, first + last) + group);
                next = last + 1;
            }
        }
        assert_true(len < room);
        i = next;
    }
}
