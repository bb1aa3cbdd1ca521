/* SPDX-License-Identifier: MIT */
/* Numbers to words, from the tables of base.h: errors, close codes, the version. */
#include <websock/base.h>

const char *wsk_strerror(int err)
{
    switch (err) {
    case WSK_OK:
        return "success";
#define ERROR_CASE(name, value, text)                                                              \
    case value:                                                                                    \
        return text;
        WSK_ERROR_MAP(ERROR_CASE)
#undef ERROR_CASE
    default:
        return "unknown error";
    }
}

unsigned wsk_version(void)
{
    return WSK_VERSION_NUM;
}

const char *wsk_version_string(void)
{
    return WSK_VERSION_STRING;
}

bool wsk_close_code_is_valid(unsigned code)
{
    /* RFC 6455 7.4.2: 3000 to 3999 for registered libraries, 4000 to 4999 for private use. */
    if (code >= 3000 && code <= 4999)
        return true;
    switch (code) {
#define CODE_CASE(name, number, wire, text)                                                        \
    case number:                                                                                   \
        return (wire) != 0;
        WSK_CLOSE_MAP(CODE_CASE)
#undef CODE_CASE
    default:
        return false;
    }
}

const char *wsk_close_code_text(unsigned code)
{
    switch (code) {
#define TEXT_CASE(name, number, wire, text)                                                        \
    case number:                                                                                   \
        return text;
        WSK_CLOSE_MAP(TEXT_CASE)
#undef TEXT_CASE
    default:
        break;
    }
    if (code >= 3000 && code <= 3999)
        return "code of a registered library";
    if (code >= 4000 && code <= 4999)
        return "private code";
    return "unknown close code";
}
