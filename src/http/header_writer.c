/* SPDX-License-Identifier: MIT */
/*
 * Fields that go out. A value with CR LF in it would begin a field, or a whole message, of an
 * attacker's choice, so that nothing is written before it was looked at.
 */
#include "http/header_writer.h"

#include "util/attr.h"
#include "util/strs.h"

bool wsk__header_value_is_text(const char *value)
{
    return value[0] != 0 && wsk__is_field_value(wsk__str(value));
}

bool wsk__header_is_allowed(const wsk_header *h, wsk_role role)
{
    static const char *const ours[] = {"Upgrade", "Connection", "Content-Length",
                                       "Transfer-Encoding"};
    static const char prefix[] = "Sec-WebSocket-";
    wsk_str name = wsk__str(h->name);

    if (!wsk__is_token(name) || h->value == NULL || !wsk__is_field_value(wsk__str(h->value)))
        return false;
    for (size_t i = 0; i < WSK__COUNT(ours); i++)
        if (wsk__str_ieq(name, wsk__str(ours[i])))
            return false;
    if (name.len >= sizeof(prefix) - 1 &&
        wsk__str_ieq(wsk__strn(name.ptr, sizeof(prefix) - 1), wsk__str(prefix)))
        return false;
    return role != WSK_ROLE_CLIENT || !wsk__str_ieq(name, wsk__str("Host"));
}

bool wsk__headers_are_allowed(const wsk_header *headers, size_t n, wsk_role role)
{
    for (size_t i = 0; i < n; i++)
        if (!wsk__header_is_allowed(&headers[i], role))
            return false;
    return true;
}

bool wsk__has_header(const wsk_header *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (wsk__str_ieq(wsk__str(headers[i].name), wsk__str(name)))
            return true;
    return false;
}

void wsk__write_field(wsk__text *t, const char *name, const char *value)
{
    if (!wsk__is_field_value(wsk__str(value)))
        t->failed = true;
    wsk__text_add(t, name);
    wsk__text_add(t, ": ");
    wsk__text_add(t, value);
    wsk__text_add(t, "\r\n");
}

void wsk__write_headers(wsk__text *t, const wsk_header *headers, size_t n, wsk_role role)
{
    for (size_t i = 0; i < n; i++) {
        if (!wsk__header_is_allowed(&headers[i], role)) {
            t->failed = true;
            return;
        }
        wsk__write_field(t, headers[i].name, headers[i].value);
    }
}
