/* SPDX-License-Identifier: MIT */
/*
 * Fields that go out. A value with CR LF in it would begin a field, or a whole message, of an
 * attacker's choice, so that nothing is written before it was looked at.
 */
#include "http/header_writer.h"

#include "util/attr.h"
#include "util/mem.h"
#include "util/strs.h"

bool wsk__header_value_is_text(const char *value)
{
    return value[0] != 0 && wsk__is_field_value(wsk__str(value));
}

static bool is_ours(wsk_str name, wsk_role role)
{
    static const char *const ours[] = {"Upgrade", "Connection", "Content-Length",
                                       "Transfer-Encoding"};
    static const char prefix[] = "Sec-WebSocket-";

    for (size_t i = 0; i < WSK__COUNT(ours); i++)
        if (wsk__str_ieq(name, wsk__str(ours[i])))
            return true;
    if (name.len >= sizeof(prefix) - 1 &&
        wsk__str_ieq(wsk__strn(name.ptr, sizeof(prefix) - 1), wsk__str(prefix)))
        return true;
    return role == WSK_ROLE_CLIENT && wsk__str_ieq(name, wsk__str("Host"));
}

/* NULL, or why not. */
static const char *fault(const wsk_header *h, wsk_role role)
{
    if (h->name == NULL || !wsk__is_token(wsk__str(h->name)))
        return "its name is not a token (RFC 9110 5.6.2)";
    if (h->value == NULL)
        return "it has no value";
    if (is_ours(wsk__str(h->name), role))
        return "the library sets that itself";
    if (!wsk__is_field_value(wsk__str(h->value)))
        return "its value has a character that may not stand there";
    return NULL;
}

bool wsk__header_is_allowed(const wsk_header *h, wsk_role role)
{
    return fault(h, role) == NULL;
}

bool wsk__headers_are_allowed(const wsk_header *headers, size_t n, wsk_role role)
{
    if (headers == NULL && n > 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!wsk__header_is_allowed(&headers[i], role))
            return false;
    return true;
}

void wsk__headers_complain(const wsk_hooks *hooks, const char *who, const wsk_header *headers,
                           size_t n, wsk_role role)
{
    if (headers == NULL && n > 0) {
        wsk__log(hooks, WSK_LOG_ERROR, "%s: n_headers is %zu, but headers is NULL", who, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *why = fault(&headers[i], role), *name = headers[i].name;

        /* Not the value: it may be a secret. */
        if (why != NULL)
            wsk__log(hooks, WSK_LOG_ERROR, "%s: headers[%zu] '%s': %s", who, i,
                     name != NULL ? name : "", why);
    }
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
