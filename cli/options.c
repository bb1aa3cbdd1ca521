/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "options.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* -------------------------------------------------------------------------------- values -- */

/* Digits only: strtoull() would take signs and white space. */
static bool parse_digits(const char **p, uint64_t *ret)
{
    uint64_t v = 0;

    if (**p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        uint64_t digit = (uint64_t)(**p - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *ret = v;
    return true;
}

bool opt_parse_size(const char *text, uint64_t *ret)
{
    static const char suffixes[] = "KMGT";
    uint64_t v;

    if (!parse_digits(&text, &v))
        return false;
    if (*text != 0) {
        char upper = (char)(*text >= 'a' && *text <= 'z' ? *text - 32 : *text);
        const char *s = strchr(suffixes, upper);
        if (s == NULL || (strcmp(text + 1, "") != 0 && strcmp(text + 1, "iB") != 0))
            return false;
        unsigned shift = 10 * (unsigned)(s - suffixes + 1);
        if (v > UINT64_MAX >> shift)
            return false;
        v <<= shift;
    }
    *ret = v;
    return true;
}

bool opt_parse_time(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *suffix;
        uint64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    uint64_t v, fraction = 0, parts = 1;

    if (!parse_digits(&text, &v))
        return false;
    if (*text == '.') { /* "0.5": what is less than a millisecond is cut off */
        const char *begin = ++text;
        if (!parse_digits(&text, &fraction) || text - begin > 9)
            return false;
        for (; begin < text; begin++)
            parts *= 10;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].suffix) == 0) {
            if (v > UINT64_MAX / units[i].ms - 1)
                return false;
            *ret_ms = v * units[i].ms + fraction * units[i].ms / parts;
            return true;
        }
    }
    return false;
}

static void store_uint(void *field, size_t width, uint64_t v)
{
    if (width == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)v;
        memcpy(field, &narrow, sizeof(narrow));
    } else {
        assert(width == sizeof(uint64_t));
        memcpy(field, &v, sizeof(v));
    }
}

static uint64_t upper_bound(const opt_spec *spec)
{
    if (spec->max != 0)
        return spec->max;
    return spec->width == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
}

static bool store_number(const opt_command *command, const opt_spec *spec, const char *text,
                         void *field)
{
    uint64_t v, max = upper_bound(spec);
    bool is_time = spec->type == OPT_TIME, never = is_time && strcmp(text, "never") == 0;
    const char *p = text;

    if (never && max == UINT32_MAX) {
        store_uint(field, spec->width, UINT32_MAX);
        return true;
    }
    if (spec->type == OPT_SIZE ? !opt_parse_size(text, &v)
        : is_time              ? !opt_parse_time(text, &v)
                               : !parse_digits(&p, &v) || *p != 0) {
        cli_error(command->name, "--%s wants %s, not \"%s\"", spec->name,
                  spec->type == OPT_SIZE ? "a number of octets such as 65536, 64K or 16M"
                  : is_time              ? "a time such as 500ms, 30s or 5m"
                                         : "a number",
                  text);
        return false;
    }
    /* The largest number of a time says "never"; a time that is counted ends below it. */
    if (is_time && max == UINT32_MAX)
        max--;
    if (v < spec->min || v > max) {
        const char *unit = is_time ? " ms" : "";
        if (v < spec->min)
            cli_error(command->name, "--%s must be at least %llu%s, not %s", spec->name,
                      (unsigned long long)spec->min, unit, text);
        else
            cli_error(command->name, "--%s must be at most %llu%s, not %s", spec->name,
                      (unsigned long long)max, unit, text);
        return false;
    }
    store_uint(field, spec->width, v);
    return true;
}

static bool store_choice(const opt_command *command, const opt_spec *spec, const char *text,
                         void *field)
{
    char all[256] = "";
    size_t len = 0;

    for (int i = 0; spec->choices[i] != NULL; i++) {
        if (strcmp(spec->choices[i], text) == 0) {
            memcpy(field, &i, sizeof(i));
            return true;
        }
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "",
                                spec->choices[i]);
        assert(len < sizeof(all));
    }
    cli_error(command->name, "--%s wants one of %s, not \"%s\"", spec->name, all, text);
    return false;
}

bool opt_list_add(opt_list *list, const char *text)
{
    const char **at = realloc(list->at, (list->n + 2) * sizeof(*at));

    if (at == NULL)
        return false;
    at[list->n] = text;
    at[list->n + 1] = NULL;
    list->at = at;
    list->n++;
    return true;
}

void opt_list_deinit(opt_list *list)
{
    free(list->at);
    list->at = NULL;
    list->n = 0;
}

static bool store(const opt_command *command, const opt_spec *spec, const char *text,
                  void *settings)
{
    void *field = (char *)settings + spec->offset;

    switch (spec->type) {
    case OPT_FLAG:
    case OPT_CLEAR:
        *(bool *)field = spec->type == OPT_FLAG;
        return true;
    case OPT_UINT:
    case OPT_SIZE:
    case OPT_TIME:
        return store_number(command, spec, text, field);
    case OPT_STRING:
        *(const char **)field = text;
        return true;
    case OPT_LIST:
        if (opt_list_add(field, text))
            return true;
        cli_error(command->name, "out of memory");
        return false;
    case OPT_CHOICE:
        return store_choice(command, spec, text, field);
    }
    assert(false);
    return false;
}

/* ------------------------------------------------------------------------------- hints -- */

enum { LONGEST_WORD = 40 };

/* How many insertions, deletions, changes and swaps of neighbours make b out of a. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned rows[3][LONGEST_WORD + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= m; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *opt_nearest(const char *word, const char *const *names, size_t n)
{
    size_t len = strlen(word);
    const char *best = NULL;
    unsigned best_distance = 0;

    if (len == 0 || len > LONGEST_WORD)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(names[i]);
        if (m > LONGEST_WORD)
            continue;
        /* What was only begun is near enough; else a third of the letters may be wrong. */
        unsigned d = len >= 3 && strncmp(names[i], word, len) == 0
                         ? 1
                         : distance(word, len, names[i], m);
        if (d <= (len + 2) / 3 && d < m && (best == NULL || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

static void unknown_option(const opt_command *command, const char *word)
{
    const char *names[128];
    size_t n = 0;

    for (const opt_spec *s = command->specs; s->name != NULL && n < 127; s++)
        names[n++] = s->name;
    names[n++] = "help";
    const char *near = opt_nearest(word, names, n);
    if (near != NULL)
        cli_error(command->name, "there is no option --%s; did you mean --%s?", word, near);
    else
        cli_error(command->name, "there is no option --%s; --help lists them all", word);
}

/* ------------------------------------------------------------------------------- parser -- */

static bool takes_value(const opt_spec *spec)
{
    return spec->type != OPT_FLAG && spec->type != OPT_CLEAR;
}

static const opt_spec *find_long(const opt_command *command, const char *name, size_t len)
{
    for (const opt_spec *s = command->specs; s->name != NULL; s++) {
        if (strlen(s->name) == len && memcmp(s->name, name, len) == 0)
            return s;
    }
    return NULL;
}

static const opt_spec *find_short(const opt_command *command, char letter)
{
    for (const opt_spec *s = command->specs; s->name != NULL; s++) {
        if (s->letter == letter)
            return s;
    }
    return NULL;
}

typedef struct args {
    int argc, at;
    char **argv;
} args;

/* The value behind the option in a word of its own, or NULL, after a message. */
static const char *next_value(const opt_command *command, const opt_spec *spec, args *a)
{
    if (a->at + 1 >= a->argc) {
        cli_error(command->name, "--%s wants a value: --%s %s", spec->name, spec->name,
                  spec->value);
        return NULL;
    }
    return a->argv[++a->at];
}

static opt_result parse_long(const opt_command *command, args *a, void *settings)
{
    const char *word = a->argv[a->at] + 2, *equals = strchr(word, '='), *value = NULL;
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const opt_spec *spec = find_long(command, word, len);

    if (spec == NULL) {
        char name[64];
        if (len == 4 && memcmp(word, "help", 4) == 0) {
            opt_help(command);
            return OPT_HELP;
        }
        snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), word);
        unknown_option(command, name);
        return OPT_WRONG;
    }
    if (takes_value(spec)) {
        value = equals != NULL ? equals + 1 : next_value(command, spec, a);
        if (value == NULL)
            return OPT_WRONG;
    } else if (equals != NULL) {
        cli_error(command->name, "--%s takes no value", spec->name);
        return OPT_WRONG;
    }
    return store(command, spec, value, settings) ? OPT_RUN : OPT_WRONG;
}

/* One word of letters: "-q", "-bq", "-w4", "-w" and its value in the next word. */
static opt_result parse_letters(const opt_command *command, args *a, void *settings)
{
    for (const char *p = a->argv[a->at] + 1; *p != 0; p++) {
        const opt_spec *spec = find_short(command, *p);
        const char *value = NULL;

        if (spec == NULL) {
            if (*p == 'h') {
                opt_help(command);
                return OPT_HELP;
            }
            cli_error(command->name, "there is no option -%c; --help lists them all", *p);
            return OPT_WRONG;
        }
        if (takes_value(spec)) {
            value = p[1] != 0 ? p + 1 : next_value(command, spec, a);
            if (value == NULL)
                return OPT_WRONG;
        }
        if (!store(command, spec, value, settings))
            return OPT_WRONG;
        if (value != NULL)
            break;
    }
    return OPT_RUN;
}

opt_result opt_parse(const opt_command *command, int argc, char **argv, void *settings,
                     opt_list *operands)
{
    args a = {argc, 1, argv};
    bool only_operands = false;

    operands->at = NULL;
    operands->n = 0;
    for (; a.at < a.argc; a.at++) {
        const char *word = a.argv[a.at];
        opt_result r = OPT_RUN;

        if (only_operands || word[0] != '-' || word[1] == 0) {
            if (operands->n >= command->max_operands) {
                cli_error(command->name, "unexpected argument \"%s\"", word);
                return OPT_WRONG;
            }
            if (!opt_list_add(operands, word)) {
                cli_error(command->name, "out of memory");
                return OPT_WRONG;
            }
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (word[1] == '-') {
            r = parse_long(command, &a, settings);
        } else {
            r = parse_letters(command, &a, settings);
        }
        if (r != OPT_RUN)
            return r;
    }
    return OPT_RUN;
}

/* ------------------------------------------------------------------------------- reasons -- */

/* The option that the len octets at `word` mean, or NULL. */
static const opt_spec *spec_for_field(const opt_command *command, const char *word, size_t len)
{
    for (const opt_spec *s = command->specs; s->name != NULL; s++) {
        size_t i = 0;

        while (i < len && s->name[i] == (word[i] == '_' ? '-' : word[i]))
            i++;
        if (i == len && s->name[i] == 0 && memchr(word, '_', len) != NULL)
            return s;
    }
    return NULL;
}

void opt_put_names(const opt_command *command, const char *text, char *buf, size_t n)
{
    const char *colon = strstr(text, ": ");
    size_t at = 0;

    buf[0] = 0;
    text = colon != NULL ? colon + 2 : text;
    while (*text != 0) {
        size_t len = strcspn(text, " ,;"), gap;
        const opt_spec *s = spec_for_field(command, text, len);

        gap = strspn(text + len, " ,;");
        int k = s != NULL ? snprintf(buf + at, n - at, "--%s%.*s", s->name, (int)gap, text + len)
                          : snprintf(buf + at, n - at, "%.*s", (int)(len + gap), text);
        if (k < 0 || (size_t)k >= n - at)
            return;
        at += (size_t)k;
        text += len + gap;
    }
}

/* --------------------------------------------------------------------------------- help -- */

enum { HELP_COLUMN = 32, HELP_WIDTH = 80 };

/* Words of text from column on, broken before HELP_WIDTH; `at` is where the cursor stands. Lines
 * of the text are joined, an empty one ends a paragraph. */
static void print_wrapped(const char *text, size_t column, size_t at)
{
    while (*text != 0) {
        size_t len = strcspn(text, " \n");
        if (at > column && at + 1 + len > HELP_WIDTH) {
            putchar('\n');
            at = 0;
        }
        if (at < column) {
            printf("%*s", (int)(column - at), "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)len, text);
        at += len;
        text += len;
        if (strncmp(text, "\n\n", 2) == 0) {
            printf("\n\n");
            at = 0;
        }
        text += strspn(text, " \n");
    }
    putchar('\n');
}

static void print_row(char letter, const char *name, const char *value, const char *help,
                      const char *preset)
{
    char left[64], letters[8] = "    ", text[512];

    if (letter != 0)
        snprintf(letters, sizeof(letters), "-%c, ", letter);
    int n = snprintf(left, sizeof(left), "  %s--%s%s%s", letters, name, value != NULL ? " " : "",
                     value != NULL ? value : "");
    snprintf(text, sizeof(text), "%s%s%s%s", help, preset != NULL ? " [" : "",
             preset != NULL ? preset : "", preset != NULL ? "]" : "");
    printf("%s", left);
    if (n >= HELP_COLUMN - 1) {
        putchar('\n');
        n = 0;
    }
    print_wrapped(text, HELP_COLUMN, (size_t)n);
}

void opt_help(const opt_command *command)
{
    printf("Usage: websock %s %s\n\n", command->name, command->usage);
    print_wrapped(command->description, 0, 0);
    for (const opt_spec *s = command->specs; s->name != NULL; s++) {
        if (s->group != NULL)
            printf("\n%s:\n", s->group);
        print_row(s->letter, s->name, s->value, s->help, s->preset);
    }
    if (find_long(command, "help", 4) == NULL)
        print_row(find_short(command, 'h') == NULL ? 'h' : 0, "help", NULL, "Print this and leave.",
                  NULL);
    if (command->epilogue != NULL) {
        putchar('\n');
        print_wrapped(command->epilogue, 0, 0);
    }
}
