/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes Sec-WebSocket-Extensions. The reader goes forward only: each octet is looked
 * at once or twice, and what is counted has a limit.
 */
#include "http/extension_field.h"

#include <string.h>

#include "http/chars.h"
#include "util/attr.h"
#include "util/strs.h"

/* ------------------------------------------------------------------------------ reading -- */

typedef struct cursor {
    const char *p, *end;
} cursor;

/* RFC 6455 9.1 builds on RFC 2616 2.1, which lets white space stand between any two tokens. */
static void skip_blank(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
        c->p++;
}

static bool take(cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool take_token(cursor *c, wsk_str *ret)
{
    size_t n = wsk__char_span(c->p, (size_t)(c->end - c->p), WSK__CHAR_TOKEN);

    *ret = wsk__strn(c->p, n);
    c->p += n;
    return n > 0;
}

/* Behind the first quote. The value must be a token once its quotes and escapes are gone (RFC
 * 6455 9.1), so that any octet that is no token's ends it. */
static const char *take_quoted(cursor *c, wsk__ext_item *item, size_t *used, wsk_str *ret)
{
    const char *begin = c->p;
    size_t n = wsk__char_span(c->p, (size_t)(c->end - c->p), WSK__CHAR_TOKEN);

    c->p += n;
    *ret = wsk__strn(begin, n);
    if (c->p < c->end && *c->p == '\\') {
        if (n > sizeof(item->scratch) - *used)
            return "a quoted extension parameter is too long";
        memcpy(item->scratch + *used, begin, n);
        ret->ptr = item->scratch + *used;
        *used += n;
        while (c->p < c->end && *c->p != '"') {
            bool escaped = *c->p == '\\' && ++c->p < c->end;

            /* RFC 2616 2.2: an escaped quote is of the value, and ends nothing. */
            if (escaped && *c->p == '"')
                return "a quoted extension parameter is not a token";
            if (c->p == c->end || !wsk__char_is(*c->p, WSK__CHAR_TOKEN))
                break;
            if (*used == sizeof(item->scratch))
                return "a quoted extension parameter is too long";
            item->scratch[(*used)++] = *c->p++;
            ret->len++;
        }
    }
    if (c->p == c->end)
        return "the quotes of an extension parameter are not closed";
    if (*c->p != '"' || ret->len == 0)
        return "a quoted extension parameter is not a token";
    c->p++;
    return NULL;
}

/* An element: extension-token *( ";" extension-param ). NULL, or what is wrong. */
static const char *take_item(cursor *c, wsk__ext_item *item)
{
    size_t used = 0;

    item->n_params = 0;
    if (!take_token(c, &item->name))
        return "the name of an extension is missing or malformed";
    for (skip_blank(c); take(c, ';'); skip_blank(c)) {
        wsk_ext_param param = {{NULL, 0}, {NULL, 0}};
        const char *why;

        if (item->n_params == WSK__EXT_MAX_PARAMS)
            return "an extension has too many parameters";
        skip_blank(c);
        if (!take_token(c, &param.name))
            return "the name of an extension parameter is missing or malformed";
        skip_blank(c);
        if (take(c, '=')) {
            skip_blank(c);
            if (take(c, '"')) {
                if ((why = take_quoted(c, item, &used, &param.value)) != NULL)
                    return why;
            } else if (!take_token(c, &param.value)) {
                return "the value of an extension parameter is missing or malformed";
            }
        }
        item->params[item->n_params++] = param;
    }
    return NULL;
}

int wsk__ext_next(const wsk__head *head, wsk__list_pos *pos, wsk__ext_item *ret, const char **why)
{
    wsk_str wanted = wsk__str("Sec-WebSocket-Extensions");
    const char *text;

    for (; pos->field < head->n_fields; pos->field++, pos->offset = 0) {
        wsk_str s = head->fields[pos->field].value;
        cursor c = {s.ptr + pos->offset, s.ptr + s.len};

        if (!wsk__str_ieq(head->fields[pos->field].name, wanted))
            continue;
        do
            skip_blank(&c);
        while (take(&c, ',')); /* RFC 9110 5.6.1.2: empty elements */
        if (c.p == c.end)
            continue;
        /* Each offer may cost a negotiation, so that their number must not be the peer's. */
        if (pos->count == WSK__EXT_MAX_OFFERS) {
            *why = "too many extensions are offered";
            return -1;
        }
        if ((text = take_item(&c, ret)) != NULL) {
            *why = text;
            return -1;
        }
        if (c.p < c.end && !take(&c, ',')) {
            *why = "an extension ends in something that is neither a comma nor a semicolon";
            return -1;
        }
        pos->offset = (size_t)(c.p - s.ptr);
        pos->count++;
        return 1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------ writing -- */

/* Adds all of the pieces or nothing. */
static bool add(wsk_ext_writer *w, const char *a, const char *b, const char *c, const char *d)
{
    const char *pieces[] = {a, b, c, d};
    size_t n = 0;

    for (size_t i = 0; i < WSK__COUNT(pieces); i++)
        n += strlen(pieces[i]);
    if (w->overflow || n >= sizeof(w->text) - w->len) {
        w->overflow = true;
        return false;
    }
    for (size_t i = 0; i < WSK__COUNT(pieces); i++) {
        size_t k = strlen(pieces[i]);

        memcpy(w->text + w->len, pieces[i], k);
        w->len += k;
    }
    w->text[w->len] = 0;
    return true;
}

void wsk__ext_writer_begin(wsk_ext_writer *w, const char *name)
{
    w->name = name;
    w->begin = w->overflow ? SIZE_MAX : w->len;
    add(w, w->len > 0 ? ", " : "", name, "", "");
}

void wsk__ext_writer_cancel(wsk_ext_writer *w)
{
    if (w->begin == SIZE_MAX)
        return;
    w->len = w->begin;
    w->text[w->len] = 0;
    w->overflow = false;
}

int wsk_ext_writer_next_offer(wsk_ext_writer *w)
{
    return add(w, ", ", w->name, "", "") ? WSK_OK : WSK_ERR_LIMIT;
}

int wsk_ext_writer_param(wsk_ext_writer *w, const char *name, const char *value)
{
    if (!wsk__is_token(wsk__str(name)) || (value != NULL && !wsk__is_token(wsk__str(value))))
        return WSK_ERR_INVAL;
    return add(w, "; ", name, value ? "=" : "", value ? value : "") ? WSK_OK : WSK_ERR_LIMIT;
}
