/* SPDX-License-Identifier: MIT */
/*
 * Options of all commands: a table of rows says names, types, bounds and help; parser, --help and
 * error messages come from it. Knows no command and nothing of WebSocket.
 *
 *     static const opt_spec options[] = {
 *         {.group = "Limits", .name = "max-message", .value = "SIZE", .type = OPT_SIZE,
 *          OPT_FIELD(settings, max_message), .min = 1, .help = "...", .preset = "16M"},
 *         {.name = NULL},
 *     };
 *
 * A bare "--" ends the options. Values follow as "--name VALUE", "--name=VALUE", "-n VALUE" or
 * "-nVALUE". The last of several values counts, except in lists, which keep all.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum opt_type {
    OPT_FLAG,   /* bool: becomes true */
    OPT_CLEAR,  /* bool: becomes false */
    OPT_UINT,   /* an unsigned integer of any width: a number from min to max */
    OPT_SIZE,   /* the same, in octets, with a suffix K, M, G or T (powers of 1024) */
    OPT_TIME,   /* uint32_t, in milliseconds: "250ms", "30s", "0.5m", "1h", a bare number is in
                   seconds;   "never" is UINT32_MAX unless max says less */
    OPT_STRING, /* const char *, borrowed from argv */
    OPT_LIST,   /* opt_list of strings, borrowed from argv */
    OPT_CHOICE, /* int: index into choices */
} opt_type;

/* Strings in the order of the command line, NULL behind the last. at is NULL if there are none. */
typedef struct opt_list {
    const char **at;
    size_t n;
} opt_list;

typedef struct opt_spec {
    const char *group;  /* heading in the help; NULL: goes on with that of the row before */
    const char *name;   /* without "--"; NULL ends the table */
    char letter;        /* 0: no short form */
    const char *value;  /* what the help calls the value; flags have none */
    const char *help;   /* a sentence or two */
    const char *preset; /* the default as the help shows it, or NULL */
    opt_type type;
    size_t offset, width;       /* of the field: OPT_FIELD */
    uint64_t min, max;          /* numbers; max 0: as far as the field goes */
    const char *const *choices; /* NULL-terminated */
} opt_spec;

#define OPT_FIELD(type, member)                                                                    \
    .offset = offsetof(type, member), .width = sizeof(((type *)0)->member)

typedef struct opt_command {
    const char *name;        /* "serve": begins each message */
    const char *usage;       /* "[OPTION]... [URL]..." */
    const char *description; /* paragraphs between usage and options */
    const opt_spec *specs;
    const char *epilogue; /* behind the options, or NULL */
    size_t max_operands;
} opt_command;

typedef enum opt_result {
    OPT_RUN,   /* go on */
    OPT_HELP,  /* help was printed: leave with EXIT_SUCCESS */
    OPT_WRONG, /* one line was printed to stderr: leave with CLI_EXIT_USAGE */
} opt_result;

/*
 * argv[0] is the name of the command. Fields of *settings that no option names stay as they are.
 * The lists and *operands are to be given to opt_list_deinit(), whatever the result.
 */
opt_result opt_parse(const opt_command *command, int argc, char **argv, void *settings,
                     opt_list *operands);
/* text is borrowed. False: no memory, and the list is as it was. */
bool opt_list_add(opt_list *list, const char *text);
void opt_list_deinit(opt_list *list);

/*
 * What the library says of its options, "config: low_water must not be above high_water", for those
 * who know the command's: names that are an option but for their underlines become that option,
 * and what stands before the colon is left out. Ends with NUL, cut to fit.
 */
void opt_put_names(const opt_command *command, const char *text, char *buf, size_t n);

/* Prints the help to stdout. */
void opt_help(const opt_command *command);

/* The one of n names that is most like `word`, or NULL if none is near. */
const char *opt_nearest(const char *word, const char *const *names, size_t n);

/* "16M", "30s": the values of OPT_SIZE and OPT_TIME. False if text is not one. */
bool opt_parse_size(const char *text, uint64_t *ret);
bool opt_parse_time(const char *text, uint64_t *ret_ms);

#endif
