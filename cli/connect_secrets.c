/* SPDX-License-Identifier: MIT */
/*
 * What "websock connect" is not told by its command line, which everybody on the machine can read:
 * passwords, typed at the terminal, and header fields from files. Makes no connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
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
    TOO_LONG,
    SIGNALLED,
} answer;

/* What is typed at `fd`, and signals that come meanwhile. */
typedef struct prompt {
    int fd, signal_fd;
    char *line;
    size_t size, n;
    enum { NO_SEQUENCE, ESCAPE, CSI, SS3 } sequence;
    int signal; /* of SIGNALLED */
} prompt;

static void erase_character(prompt *p)
{
    while (p->n > 0) {
        p->n--;
        if (((unsigned char)p->line[p->n] & 0xc0) != 0x80)
            break;
    }
}

static void erase_word(prompt *p)
{
    while (p->n > 0 && p->line[p->n - 1] == ' ')
        p->n--;
    while (p->n > 0 && p->line[p->n - 1] != ' ')
        p->n--;
}

/* Whether the key is part of what arrows and the like send, which is no part of a password. */
static bool is_of_sequence(prompt *p, unsigned char key)
{
    if (key < 0x20 || key >= 0x7f) {
        p->sequence = key == 0x1b ? ESCAPE : NO_SEQUENCE;
        return key == 0x1b;
    }
    switch (p->sequence) {
    case NO_SEQUENCE:
        return false;
    case ESCAPE:
        p->sequence = key == '[' ? CSI : key == 'O' ? SS3 : NO_SEQUENCE;
        return true;
    case CSI:
        if (key >= 0x40)
            p->sequence = NO_SEQUENCE;
        return true;
    case SS3:
        p->sequence = NO_SEQUENCE;
        return true;
    }
    return false;
}

/* False at the line's end, and *ret says how it ended. */
static bool take_key(prompt *p, char key, answer *ret)
{
    if (is_of_sequence(p, (unsigned char)key))
        return true;
    switch (key) {
    case '\r':
    case '\n':
        p->line[p->n] = 0;
        *ret = ANSWERED;
        return false;
    case 0x03: /* control-C */
        *ret = INTERRUPTED;
        return false;
    case 0x04: /* control-D */
        *ret = NO_ANSWER;
        return p->n > 0;
    case 0x15: /* control-U */
        p->n = 0;
        return true;
    case 0x17: /* control-W */
        erase_word(p);
        return true;
    case '\b':
    case 0x7f:
        erase_character(p);
        return true;
    default:
        if ((unsigned char)key < 0x20)
            return true;
        *ret = TOO_LONG;
        if (p->n + 1 >= p->size)
            return false;
        p->line[p->n++] = key;
        return true;
    }
}

/* A line of keys that are not shown. */
static answer read_line(prompt *p)
{
    struct pollfd fds[] = {{p->fd, POLLIN, 0}, {p->signal_fd, POLLIN, 0}};
    struct signalfd_siginfo info;
    answer a = NO_ANSWER;
    char key;

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NO_ANSWER;
        if (read(p->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            p->signal = (int)info.ssi_signo;
            return SIGNALLED;
        }
        if (fds[0].revents == 0)
            continue;
        ssize_t got = read(p->fd, &key, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NO_ANSWER;
        if (!take_key(p, key, &a))
            return a;
    }
}

/* The kernel must not edit the line, nor make signals of keys. */
static answer read_hidden(prompt *p, const text_buf *words)
{
    struct termios before, hidden;
    answer a = NO_ANSWER;

    if (tcgetattr(p->fd, &before) < 0)
        return NO_ANSWER;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    if (tcsetattr(p->fd, TCSAFLUSH, &hidden) < 0)
        return NO_ANSWER;
    if (write(p->fd, words->at, words->len) == (ssize_t)words->len)
        a = read_line(p);
    (void)!write(p->fd, "\n", 1);
    (void)tcsetattr(p->fd, TCSAFLUSH, &before);
    return a;
}

/* Signals have their usual effect, but only once the terminal has its echo again. */
static answer ask(int fd, const text_buf *words, char *line, size_t size)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t set, old;
    answer a;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!cli_is_ignored(numbers[i]))
            sigaddset(&set, numbers[i]);
    }
    for (;;) {
        prompt p = {.fd = fd, .line = line, .size = size};

        if (sigprocmask(SIG_BLOCK, &set, &old) < 0)
            return NO_ANSWER;
        p.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        a = p.signal_fd >= 0 ? read_hidden(&p, words) : NO_ANSWER;
        if (p.signal_fd >= 0)
            close(p.signal_fd);
        sigprocmask(SIG_SETMASK, &old, NULL);
        if (a != SIGNALLED)
            return a;
        raise(p.signal);
        if (p.signal != SIGTSTP)
            return INTERRUPTED;
    }
}

static answer ask_for_password(int fd, const char *whose, const char *user, char *line, size_t size)
{
    text_buf words = {0};
    answer a = NO_ANSWER;

    text_putf(&words, "Password%s of ", whose);
    text_put_safe(&words, user, strlen(user), NULL);
    text_put(&words, ": ");
    if (!words.failed)
        a = ask(fd, &words, line, size);
    text_deinit(&words);
    return a;
}

static bool is_missing(const char *user)
{
    return user != NULL && strchr(user, ':') == NULL;
}

/* *user may lack its password. Returns 0, or the exit code after a message. */
static int complete_user(connect_settings *set, const char *option, const char *whose,
                         const char **user)
{
    char line[1024];
    char *whole = NULL;
    int code = CLI_EXIT_USAGE;

    if (!is_missing(*user))
        return 0;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    answer a = fd >= 0 ? ask_for_password(fd, whose, *user, line, sizeof(line)) : NO_ANSWER;
    if (a == ANSWERED) {
        if (asprintf(&whole, "%s:%s", *user, line) < 0)
            whole = NULL;
        *user = keep(set, whole);
        code = *user != NULL ? 0 : CLI_EXIT_FAILURE;
    } else if (a == INTERRUPTED) {
        code = CONNECT_EXIT_INTERRUPTED;
    } else if (a == TOO_LONG) {
        cli_error("connect", "--%s: a password has at most %zu octets", option, sizeof(line) - 1);
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
    if (opt_list_add(list, text))
        return true;
    cli_error("connect", "out of memory");
    return false;
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

/* The fields of a file, one a line, as --header has them; empty lines are none. What is wrong with
 * a line is said without it: it may be a secret, whatever it was to be. */
static bool add_fields(connect_settings *set, opt_list *list, const char *path)
{
    if (strcmp(path, "-") == 0) {
        cli_error("connect", "--header @-: stdin is for messages; a file of that name is @./-");
        return false;
    }
    char *line = read_file(set, path);

    if (line == NULL)
        return false;
    for (unsigned number = 1; *line != 0; number++) {
        size_t n = strcspn(line, "\n");
        char *next = line[n] != 0 ? line + n + 1 : line + n;
        const char *fault;

        line[n] = 0;
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = 0;
        if (*line != 0 && (fault = connect_field_fault(line)) != NULL) {
            cli_error("connect", "--header: %s, line %u: %s", path, number, fault);
            return false;
        }
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

int connect_secrets_get(connect_settings *set, const char *url)
{
    int code = complete_headers(set);

    /* Nobody should type a password for a command that is wrong. */
    if (code == 0 && (is_missing(set->client.userinfo) || is_missing(set->proxy_user)) &&
        !connect_is_possible(set, url))
        code = CLI_EXIT_USAGE;
    if (code == 0)
        code = complete_user(set, "user", "", &set->client.userinfo);
    if (code == 0)
        code = complete_user(set, "proxy-user", " at the proxy", &set->proxy_user);
    return code;
}
