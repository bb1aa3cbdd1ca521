/* SPDX-License-Identifier: MIT */
/* Head, foot and small pieces of report pages. The style and the scripts are in files of their
 * own, which become report_assets.h. */
#include "conformance/report_parts.h"

#include <stdio.h>
#include <string.h>

#include "report_assets.h"

void judge_page_begin(judge_buf *b, judge_page_kind kind, const char *title)
{
    judge_buf_str(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    /* Should an escape ever be forgotten, what it let through still does not run. */
    judge_buf_printf(b,
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; "
                     "form-action 'none'\">\n",
                     REPORT_PAGE_CSS_HASH,
                     kind == JUDGE_PAGE_INDEX ? REPORT_INDEX_JS_HASH : REPORT_CASE_JS_HASH);
    judge_buf_str(b, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n"
                     "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    judge_put_html(b, title);
    judge_buf_str(b, "</title>\n<link rel=\"icon\" href=\"data:image/svg+xml,"
                     "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
                     "%3Crect width='16' height='16' rx='4' fill='%230b6e6e'/%3E"
                     "%3Cpath d='M4 8.5l2.8 2.8L12 5.5' fill='none' stroke='%23fff' "
                     "stroke-width='1.8' stroke-linecap='round' stroke-linejoin='round'/%3E"
                     "%3C/svg%3E\">\n<style>");
    judge_buf_str(b, report_page_css);
    judge_buf_str(b, "</style>\n</head>\n<body>\n");
}

void judge_page_end(judge_buf *b, judge_page_kind kind)
{
    judge_buf_str(b, "<footer><p>Made by websock " WSK_VERSION_STRING
                     ". The cases are numbered as in the Autobahn Testsuite; the JSON files "
                     "beside this page have its format.</p></footer>\n<script>");
    judge_buf_str(b, kind == JUDGE_PAGE_INDEX ? report_index_js : report_case_js);
    judge_buf_str(b, "</script>\n</body>\n</html>\n");
}

const char *judge_verdict_label(judge_behavior behavior)
{
    switch (behavior) {
    case JUDGE_OK:
        return "Pass";
    case JUDGE_NON_STRICT:
        return "Non-Strict";
    case JUDGE_INFORMATIONAL:
        return "Info";
    case JUDGE_UNIMPLEMENTED:
        return "Unimplemented";
    case JUDGE_WRONG_CODE:
        return "Wrong code";
    case JUDGE_UNCLEAN:
        return "Unclean";
    case JUDGE_FAILED_BY_CLIENT:
        return "Failed by client";
    case JUDGE_FAILED:
        break;
    }
    return "Fail";
}

const char *judge_verdict_class(judge_behavior behavior)
{
    switch (behavior) {
    case JUDGE_OK:
        return "pass";
    case JUDGE_NON_STRICT:
    case JUDGE_UNCLEAN:
    case JUDGE_FAILED_BY_CLIENT:
        return "nonstrict";
    case JUDGE_INFORMATIONAL:
        return "info";
    case JUDGE_UNIMPLEMENTED:
        return "unimpl";
    case JUDGE_WRONG_CODE:
    case JUDGE_FAILED:
        break;
    }
    return "fail";
}

void judge_put_duration(judge_buf *b, uint64_t us)
{
    if (us < 1000)
        judge_buf_printf(b, "%u \xc2\xb5s", (unsigned)us);
    else if (us < 10000)
        judge_buf_printf(b, "%.1f ms", (double)us / 1e3);
    else if (us < 1000000)
        judge_buf_printf(b, "%.0f ms", (double)us / 1e3);
    else
        judge_buf_printf(b, "%.2f s", (double)us / 1e6);
}

void judge_put_number(judge_buf *b, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            judge_buf_str(b, ",");
        judge_buf_put(b, digits + i, 1);
    }
}
