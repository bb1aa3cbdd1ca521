/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the fields of a head, and comma-separated lists that may go on over several fields.
 * Each step goes forward, so that a whole list costs one pass, whatever stands in it.
 */
#include "http/head.h"

#include "util/strs.h"

const wsk__field *wsk__head_find(const wsk__head *head, const char *name, size_t index)
{
    wsk_str wanted = wsk__str(name);

    for (size_t i = 0; i < head->n_fields; i++)
        if (wsk__str_ieq(head->fields[i].name, wanted) && index-- == 0)
            return &head->fields[i];
    return NULL;
}

/* The end of the element that begins at i: a comma outside of quotes, or the end. A quote that is
 * not closed takes the rest. */
static size_t element_end(wsk_str s, size_t i)
{
    bool quoted = false;

    for (; i < s.len; i++) {
        if (s.ptr[i] == '"')
            quoted = !quoted;
        else if (quoted && s.ptr[i] == '\\')
            i++; /* RFC 9110 5.6.4: quoted-pair */
        else if (!quoted && s.ptr[i] == ',')
            break;
    }
    return i < s.len ? i : s.len;
}

bool wsk__head_next_element(const wsk__head *head, const char *name, wsk__list_pos *pos,
                            wsk_str *ret)
{
    wsk_str wanted = wsk__str(name);

    for (; pos->field < head->n_fields; pos->field++, pos->offset = 0) {
        wsk_str s = head->fields[pos->field].value;

        if (!wsk__str_ieq(head->fields[pos->field].name, wanted))
            continue;
        while (pos->offset < s.len) {
            size_t end = element_end(s, pos->offset);
            wsk_str element = wsk__str_trim(wsk__strn(s.ptr + pos->offset, end - pos->offset));

            pos->offset = end < s.len ? end + 1 : end;
            if (element.len == 0)
                continue; /* RFC 9110 5.6.1.2 */
            pos->count++;
            *ret = element;
            return true;
        }
    }
    return false;
}

bool wsk__head_has_token(const wsk__head *head, const char *name, const char *token)
{
    wsk__list_pos pos = {0};
    wsk_str element, wanted = wsk__str(token);

    while (wsk__head_next_element(head, name, &pos, &element))
        if (wsk__str_ieq(element, wanted))
            return true;
    return false;
}
