/* SPDX-License-Identifier: MIT */
/*
 * What "websock connect" is not told by its command line, which everybody on the machine can read:
 * passwords, typed at the terminal, and header fields from files. Makes no connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "connect.h"

/* Octets of a file of header fields; no server takes more. */
#define FIELDS_MAX ((size_t)1024 * 1024)

/* Takes over a string that settings point to; NULL, and NULL is returned: no memory. */
static char *keep(connect_settings *set, char *text)
{
    char **at = text != NULL ? realloc(set->secrets, (set->n_secrets + 1) * sizeof(*at)) : NULL;

    if (at == NULL) {
        free(text);
        cli_error("connect", "out of memory");
        return NULL;
    }
    set->secrets = at;
    return at[set->n_secrets++] = text;
}

void connect_secrets_deinit(connect_settings *set)
{
    for (size_t i = 0; i < set->n_secrets; i++) {
        explicit_bzero(set->secrets[i], strlen(set->secrets[i]));
        free(set->secrets[i]);
    }
    free(set->secrets);
    set->secrets = NULL;
    set->n_secrets = 0;
}

/* ------------------------------------------------------------------------------- password -- */

typedef enum answer {
    ANSWERED,
    INTERRUPTED,
    NO_ANSWER,
} answer;

static size_t last_character(const char *text, size_t n)
{
    do
        n--;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80);
    return n;
}

/* A line of keys that are not shown. The kernel must not edit it, nor make signals of keys, or the
 * terminal would stay without its echo behind a control-C. */
static answer read_line(int fd, char *line, size_t size)
{
    size_t n = 0;
    char key;

    for (;;) {
        ssize_t got = read(fd, &key, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || (key == 0x04 && n == 0))
            return NO_ANSWER;
        switch (key) {
        case '\r':
        case '\n':
            line[n] = 0;
            return ANSWERED;
        case 0x03: /* control-C */
            return INTERRUPTED;
        case 0x15: /* control-U */
            n = 0;
            break;
        case '\b':
        case 0x7f:
            n = n > 0 ? last_character(line, n) : 0;
            break;
        default:
            if (n + 1 >= size)
                return NO_ANSWER;
            line[n++] = key;
        }
    }
}

static answer ask(int fd, const char *whose, const char *user, char *line, size_t size)
{
    struct termios before, hidden;
    text_buf prompt = {0};
    answer a = NO_ANSWER;

    if (tcgetattr(fd, &before) < 0)
        return NO_ANSWER;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    text_putf(&prompt, "Password%s of ", whose);
    text_put_safe(&prompt, user, strlen(user), NULL);
    text_put(&prompt, ": ");
    if (!prompt.failed && tcsetattr(fd, TCSAFLUSH, &hidden) == 0) {
        if (write(fd, prompt.at, prompt.len) == (ssize_t)prompt.len)
            a = read_line(fd, line, size);
        (void)!write(fd, "\n", 1);
        (void)tcsetattr(fd, TCSAFLUSH, &before);
    }
    text_deinit(&prompt);
    return a;
}

/* *user may lack its password. Returns 0, or the exit code after a message. */
static int complete_user(connect_settings *set, const char *option, const char *whose,
                         const char **user)
{
    char line[1024];
    char *whole = NULL;
    int code = CLI_EXIT_USAGE;

    if (*user == NULL || strchr(*user, ':') != NULL)
        return 0;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    answer a = fd >= 0 ? ask(fd, whose, *user, line, sizeof(line)) : NO_ANSWER;
    if (a == ANSWERED) {
        if (asprintf(&whole, "%s:%s", *user, line) < 0)
            whole = NULL;
        *user = keep(set, whole);
        code = *user != NULL ? 0 : CLI_EXIT_FAILURE;
    } else if (a == INTERRUPTED) {
        code = CONNECT_EXIT_INTERRUPTED;
    } else if (fd < 0) {
        cli_error("connect",
                  "--%s wants USER:PASSWORD; there is no terminal to ask for the password", option);
    } else {
        cli_error("connect", "--%s: no password was given", option);
    }
    explicit_bzero(line, sizeof(line));
    if (fd >= 0)
        close(fd);
    return code;
}

/* --------------------------------------------------------------------------------- fields -- */

static bool add(opt_list *list, const char *text)
{
    const char **at = realloc(list->at, (list->n + 2) * sizeof(*at));

    if (at == NULL) {
        cli_error("connect", "out of memory");
        return false;
    }
    list->at = at;
    at[list->n++] = text;
    at[list->n] = NULL;
    return true;
}

/* The text of a file, with a NUL behind it, or NULL after a message. */
static char *read_file(connect_settings *set, const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = malloc(FIELDS_MAX + 1), *fit;
    size_t n = 0;

    if (f == NULL || text == NULL) {
        cli_error("connect", "--header: cannot read %s: %s", path, strerror(errno));
        goto failed;
    }
    n = fread(text, 1, FIELDS_MAX + 1, f);
    if (ferror(f))
        cli_error("connect", "--header: cannot read %s: %s", path, strerror(errno));
    else if (n > FIELDS_MAX)
        cli_error("connect", "--header: %s is larger than 1 MiB", path);
    else if (memchr(text, 0, n) != NULL)
        cli_error("connect", "--header: %s is no text", path);
    else {
        fclose(f);
        text[n] = 0;
        fit = realloc(text, n + 1);
        return keep(set, fit != NULL ? fit : text);
    }
failed:
    if (f != NULL)
        fclose(f);
    free(text);
    return NULL;
}

/* The fields of a file, one a line, as --header has them; empty lines are none. */
static bool add_fields(connect_settings *set, opt_list *list, const char *path)
{
    char *line = read_file(set, path);

    if (line == NULL)
        return false;
    while (*line != 0) {
        size_t n = strcspn(line, "\n");
        char *next = line[n] != 0 ? line + n + 1 : line + n;

        line[n] = 0;
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = 0;
        if (*line != 0 && !add(list, line))
            return false;
        line = next;
    }
    return true;
}

static int complete_headers(connect_settings *set)
{
    opt_list all = {NULL, 0};

    for (size_t i = 0; i < set->headers.n; i++) {
        const char *text = set->headers.at[i];
        bool ok = text[0] == '@' ? add_fields(set, &all, text + 1) : add(&all, text);

        if (!ok) {
            opt_list_deinit(&all);
            return CLI_EXIT_USAGE;
        }
    }
    opt_list_deinit(&set->headers);
    set->headers = all;
    return 0;
}

int connect_secrets_get(connect_settings *set)
{
    int code = complete_headers(set);

    if (code == 0)
        code = complete_user(set, "user", "", &set->client.userinfo);
    if (code == 0)
        code = complete_user(set, "proxy-user", " at the proxy", &set->proxy_user);
    return code;
}
