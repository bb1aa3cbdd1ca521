/* SPDX-License-Identifier: MIT */
/*
 * The plain web of the fuzzing server: a page that runs the cases in the visitor's browser, and
 * the files of the report. Read only, and nothing but the report's directory: a name is one of
 * small letters, digits, '_' and '.', opened in that directory and never through a link.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance/fuzz_internal.h"
#include "report_assets.h"

/* The report of many agents is large; what is larger is none. */
#define MOST_FILE ((off_t)256 << 20)

static void put_head(judge_buf *out, unsigned status, const char *type, size_t len,
                     const char *fields)
{
    judge_buf_printf(out,
                     "HTTP/1.1 %u %s\r\nServer: websock\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n%s\r\n",
                     status, judge_status_text(status), type, len, fields);
}

void fuzz_web_refuse(judge_buf *out, unsigned status, const char *why, bool head_only)
{
    put_head(out, status, "text/plain; charset=utf-8", strlen(why) + 1,
             status == 405   ? "Allow: GET, HEAD\r\n"
             : status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                             : "");
    if (!head_only)
        judge_buf_printf(out, "%s\n", why);
}

static void put_page(judge_buf *out, const fuzz_site *site, bool head_only)
{
    judge_buf body = {0};
    judge_buf_str(&body, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width\">\n"
                         "<meta name=\"robots\" content=\"noindex\">\n"
                         "<title>WebSocket conformance: this browser</title>\n<style>");
    judge_buf_str(&body, report_page_css);
    judge_buf_str(&body, "</style>\n<body");
    if (site->port)
        judge_buf_printf(&body, " data-port=\"%u\" data-tls=\"%d\"", site->port, site->tls);
    judge_buf_str(&body, ">\n");
    judge_buf_str(&body, fuzz_page_html);
    judge_buf_str(&body, "<script>");
    judge_buf_str(&body, fuzz_page_js);
    judge_buf_str(&body, "</script>\n</html>\n");
    out->failed = out->failed || body.failed;
    /* Only the page's own script and style; connections to WebSockets, which may be on a port
     * beside the page's. */
    put_head(out, 200, "text/html; charset=utf-8", body.len,
             "Content-Security-Policy: default-src 'none'; script-src '" FUZZ_PAGE_JS_HASH
             "'; style-src '" REPORT_PAGE_CSS_HASH
             "'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'\r\n");
    if (!head_only)
        judge_buf_put(out, body.at, body.len);
    judge_buf_deinit(&body);
}

/* A plain file name of the report's, never a path, never hidden. */
static bool is_name(judge_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c == '.' && i > 0)))
            return false;
    }
    return s.len > 0 && s.len < 256;
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".html") == 0)
        return "text/html; charset=utf-8";
    return dot && strcmp(dot, ".json") == 0 ? "application/json" : "text/plain; charset=utf-8";
}

static void put_file(judge_buf *out, fuzz_file *ret, const fuzz_site *site, judge_slice file,
                     bool head_only)
{
    static const char index[] = "index.html";
    char name[256];
    struct stat st;
    int fd = -1;
    errno = 0;
    if (file.len == 0)
        file = (judge_slice){index, sizeof index - 1};
    if (site->outdir && is_name(file)) {
        int dir = open(site->outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        memcpy(name, file.at, file.len);
        name[file.len] = 0;
        /* NONBLOCK: a FIFO under the name must not stop the server. */
        if (dir >= 0)
            fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (dir >= 0)
            close(dir);
    }
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        fuzz_web_refuse(out, 503, "too many files are open", head_only);
        return;
    }
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MOST_FILE) {
        if (fd >= 0)
            close(fd);
        fuzz_web_refuse(out, 404,
                        "there is no such report; it is written when an agent asks for it",
                        head_only);
        return;
    }
    put_head(out, 200, type_of(name), (size_t)st.st_size, "");
    *ret = (fuzz_file){fd, head_only ? 0 : (uint64_t)st.st_size};
}

bool fuzz_web_more(judge_buf *out, fuzz_file *file)
{
    char piece[65536];
    ssize_t n;
    do
        n = read(file->fd, piece, file->left < sizeof piece ? (size_t)file->left : sizeof piece);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    judge_buf_clear(out);
    judge_buf_put(out, piece, (size_t)n);
    file->left -= (uint64_t)n;
    return !out->failed;
}

void fuzz_web_done(fuzz_file *file)
{
    if (file->fd > 0)
        close(file->fd);
    *file = (fuzz_file){0};
}

static bool begins(judge_slice path, const char *with, judge_slice *ret_rest)
{
    size_t n = strlen(with);
    if (path.len < n || memcmp(path.at, with, n) != 0)
        return false;
    *ret_rest = (judge_slice){path.at + n, path.len - n};
    return true;
}

void fuzz_web_answer(judge_buf *out, fuzz_file *file, const fuzz_site *site, const judge_request *r)
{
    /* The second is where people of the Autobahn Testsuite look. */
    static const char *const homes[] = {"/report", "/cwd/reports/clients"};
    judge_slice rest;
    if ((begins(r->path, "/", &rest) && rest.len == 0) ||
        (begins(r->path, "/test_browser.html", &rest) && rest.len == 0)) {
        put_page(out, site, r->head_only);
        return;
    }
    for (size_t i = 0; i < sizeof homes / sizeof homes[0]; i++) {
        if (!begins(r->path, homes[i], &rest))
            continue;
        if (rest.len == 0) {
            char to[64];
            snprintf(to, sizeof to, "Location: %s/\r\n", homes[i]);
            put_head(out, 301, "text/plain", 0, to);
            return;
        }
        if (rest.at[0] == '/') {
            put_file(out, file, site, (judge_slice){rest.at + 1, rest.len - 1}, r->head_only);
            return;
        }
    }
    static const char *const api[] = {"/getCaseCount",  "/getCaseInfo",   "/runCase",
                                      "/getCaseStatus", "/updateReports", "/stopServer"};
    for (size_t i = 0; i < sizeof api / sizeof api[0]; i++) {
        if (begins(r->path, api[i], &rest) && rest.len == 0) {
            fuzz_web_refuse(out, 426, "this is a WebSocket", r->head_only);
            return;
        }
    }
    fuzz_web_refuse(out, 404, "there is nothing here", r->head_only);
}
