/* SPDX-License-Identifier: MIT */
/* The program: finds the command and runs it. To add a command, add a row to the table. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "conformance/wstest.h"
#include "escape.h"
#include "options.h"

static const cli_command *const commands[] = {
    &cmd_bench,
    &cmd_connect,
    &cmd_serve,
    &cmd_test,
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

void cli_make_safe(char *text)
{
    const uint8_t *from = (const uint8_t *)text;
    size_t left = strlen(text);
    char *to = text;

    while (left > 0) {
        uint32_t code;
        size_t len = escape_decode(from, left, &code);
        bool good = len > 0 && escape_is_printable(code);

        len += len == 0;
        if (good) {
            memmove(to, from, len);
            to += len;
        } else {
            *to++ = '?';
        }
        from += len;
        left -= len;
    }
    *to = 0;
}

void cli_error(const char *name, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    cli_make_safe(line); /* arguments and peers' words may hold anything */
    fprintf(stderr, "websock%s%s: %s\n", name != NULL ? " " : "", name != NULL ? name : "", line);
}

bool cli_is_ignored(int signal_number)
{
    struct sigaction action;

    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int cli_open_unblocked(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

bool cli_can_write(const char *name, const char *path)
{
    struct stat st;
    const bool is_new = lstat(path, &st) < 0;
    bool good;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        good = access(path, W_OK) == 0; /* opening a pipe and closing it again would be its end */
    } else {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        good = fd >= 0;
        if (good)
            close(fd);
        if (good && is_new)
            unlink(path);
    }
    if (!good)
        cli_error(name, "cannot write %s: %s", path, strerror(errno));
    return good;
}

static const cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[N_COMMANDS + 1];

    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i]->name;
    names[N_COMMANDS] = "help";
    const char *near = opt_nearest(name, names, N_COMMANDS + 1);
    if (near != NULL)
        cli_error(NULL, "there is no command \"%s\"; did you mean \"%s\"?", name, near);
    else
        cli_error(NULL, "there is no command \"%s\"; \"websock help\" lists them", name);
    return CLI_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc > 2) {
        cli_error(NULL, "unexpected argument \"%s\"; help is for one command", argv[2]);
        return CLI_EXIT_USAGE;
    }
    if (argc > 1 && strcmp(argv[1], "help") != 0) {
        const cli_command *c = find_command(argv[1]);
        char option[] = "--help";
        char *args[] = {argv[1], option, NULL};
        return c != NULL ? c->run(2, args) : unknown_command(argv[1]);
    }
    printf("Usage: websock COMMAND [ARGUMENT]...\n\nWebSocket from the command line (RFC 6455, "
           "RFC 7692).\n\nCommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("  %-10s %s\n", "help", "Print this, or the help of a command");
    printf("\nOptions:\n  -h, --help     Print this and leave.\n"
           "  -V, --version  Print the version and leave.\n"
           "\n\"websock COMMAND --help\" tells more about each.\n");
    return EXIT_SUCCESS;
}

/* No socket of ours must become stdin, stdout or stderr because those were closed: what is printed
 * or logged would go to whoever is at its other end. */
static void hold_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static int run(int argc, char **argv)
{
    if (argc > 0 && judge_wstest_is_name(argv[0]))
        return judge_wstest_main(argc, argv);
    if (argc < 2) {
        cli_error(NULL, "which command? \"websock help\" lists them");
        return CLI_EXIT_USAGE;
    }
    const char *name = argv[1];
    const cli_command *c = find_command(name);
    if (c != NULL)
        return c->run(argc - 1, argv + 1);
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("websock %s\n", WSK_VERSION_STRING);
        return EXIT_SUCCESS;
    }
    if (name[0] == '-') {
        cli_error(NULL, "there is no option %s before the command; try \"websock help\"", name);
        return CLI_EXIT_USAGE;
    }
    return unknown_command(name);
}

/* On a full disk, say. Who reads from a pipe may leave when it has seen enough. */
static bool output_is_lost(void)
{
    struct stat st;

    return (fflush(stdout) != 0 || ferror(stdout) != 0) &&
           !(fstat(STDOUT_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

int main(int argc, char **argv)
{
    hold_standard_files();
    int code = run(argc, argv);
    if (code == EXIT_SUCCESS && output_is_lost()) {
        cli_error(NULL, "cannot write the output");
        code = EXIT_FAILURE;
    }
    return code;
}
