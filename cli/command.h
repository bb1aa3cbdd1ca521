/* SPDX-License-Identifier: MIT */
/*
 * What a command of the program is. Each lives in a file of its own, cmd_NAME.c, and defines one
 * of these; the table in main.c lists them.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

#include <websock/base.h>

typedef struct cli_command {
    const char *name;
    const char *summary; /* a few words for the list of commands */
    /* argv[0] is the name of the command. Returns the exit code. */
    int (*run)(int argc, char **argv);
} cli_command;

extern const cli_command cmd_bench;
extern const cli_command cmd_connect;
extern const cli_command cmd_serve;
extern const cli_command cmd_test;

/* Exit codes that mean the same in all commands. */
#define CLI_EXIT_FAILURE 1 /* something outside of the program did not work */
#define CLI_EXIT_USAGE   2 /* the command line is wrong */

/* One line to stderr: "websock NAME: ...". name NULL: "websock: ...". Made safe. */
void cli_error(const char *name, const char *fmt, ...) WSK_PRINTF(2, 3);

/* What a terminal would obey, and what is no UTF-8, becomes '?', in place. */
void cli_make_safe(char *text);

/* Whether the signal was ignored when we began, as by nohup(1), and so is to stay. */
bool cli_is_ignored(int signal_number);

/* The same pipe or terminal to write to, without waiting for who reads it, or -1. O_NONBLOCK on
 * what is there would hold for everyone who shares it, such as the shell. */
int cli_open_unblocked(int fd);

/* Before a run of minutes, whether the file at its end can be written; false after a message. What
 * the file holds stays, and none is left where there was none. */
bool cli_can_write(const char *name, const char *path);

#endif
