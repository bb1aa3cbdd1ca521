/* SPDX-License-Identifier: MIT */
/*
 * Writes reports: the files of a directory, the journal, and streams of other formats. Every name
 * of a file is made of an agent's slug and a case's number, and opened within the directory.
 */
#include "conformance/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conformance/report_formats.h"
#include "conformance/report_html.h"
#include "conformance/report_json.h"

struct judge_report {
    judge_report_options o;
    judge_store store;
    int dir;                 /* -1: no files */
    int journal;             /* -1: none yet */
    bool keeps;              /* what is taken away meanwhile is made anew */
    bool gone;               /* the directory is, and cannot be made: that was said */
    bool anew;               /* it is another one, in which everything is still to be written */
    struct timespec written; /* the directory, when all was in it */
    bool made;               /* the directory is ours: it goes when nothing was written */
    bool begun;              /* a result has come: the report before may be replaced */
    bool lost;               /* something of it could not be written */
    bool mute;               /* ... to a stream, which was said */
    size_t taps;
    judge_buf buf; /* scratch */
};

static const char journal_name[] = "journal.jsonl";

int judge_make_directory(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -1;
    for (char *p = copy + 1; copy[0] && *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(copy, 0777) < 0 && errno != EEXIST) {
            free(copy);
            return -1;
        }
        *p = '/';
    }
    int r = mkdir(copy, 0777);
    free(copy);
    return r < 0 && errno != EEXIST ? -1 : 0;
}

static void warn(const judge_report *r, const char *text)
{
    if (r->o.warn)
        r->o.warn(r->o.ud, text);
}

static bool write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, data, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        data += k;
        n -= (size_t)k;
    }
    return true;
}

/* Writes r->buf. Readers of a name see the old file or the new one, never a half; and a link
 * that waits under the name in a directory open to all is replaced, not followed. */
static bool write_file(judge_report *r, const char *name)
{
    char temporary[48];
    bool ok = false;
    if (r->dir < 0)
        return true;
    /* Of its own: another program may write into the same directory. */
    snprintf(temporary, sizeof temporary, ".report.%ld.tmp", (long)getpid());
    if (!r->buf.failed) {
        unlinkat(r->dir, temporary, 0);
        int fd = openat(r->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            ok = write_all(fd, r->buf.at ? r->buf.at : "", r->buf.len);
            ok = close(fd) == 0 && ok;
            ok = ok && renameat(r->dir, temporary, r->dir, name) == 0;
            if (!ok)
                unlinkat(r->dir, temporary, 0);
        }
    }
    if (!ok) {
        judge_buf text = {0};
        judge_buf_printf(&text, "%s cannot be written: %s", name,
                         r->buf.failed ? "out of memory" : strerror(errno));
        warn(r, text.at ? text.at : "a report cannot be written");
        judge_buf_deinit(&text);
    }
    return ok;
}

static void begin(judge_report *r)
{
    judge_buf_clear(&r->buf);
    r->buf.failed = false;
}

/* False with EWOULDBLOCK if another run has the directory. A file system that has no locks is no
 * reason to do without reports. */
static bool lock(const judge_report *r)
{
    return !r->o.alone || flock(r->dir, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

static judge_report *open_report(const judge_report_options *o, bool make)
{
    judge_report *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->o = *o;
    r->keeps = make;
    r->dir = r->journal = -1;
    if (o->outdir) {
        r->made = make && access(o->outdir, F_OK) < 0;
        if (!make || judge_make_directory(o->outdir) == 0)
            r->dir = open(o->outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool ok = r->dir >= 0 && faccessat(r->dir, ".", W_OK | X_OK, 0) == 0;
        if (ok && make && !lock(r)) {
            r->made = false; /* by the other one */
            ok = false;
        }
        if (!ok) {
            int error = errno;
            judge_report_close(r);
            errno = error;
            return NULL;
        }
    }
    if (o->tap)
        fputs("TAP version 13\n", o->tap);
    return r;
}

judge_report *judge_report_open(const judge_report_options *o)
{
    return open_report(o, true);
}

static int make_journal(judge_report *r)
{
    unlinkat(r->dir, journal_name, 0);
    int fd = openat(r->dir, journal_name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        r->lost = true;
        judge_buf text = {0};
        judge_buf_printf(&text, "%s cannot be written: %s", journal_name, strerror(errno));
        warn(r, text.at ? text.at : "the journal cannot be written");
        judge_buf_deinit(&text);
    }
    return fd;
}

/* Until the first result the last run's files stay as they are: a run that finds no server must
 * not cost the good report before it. */
static void begin_files(judge_report *r, bool with_journal)
{
    if (r->begun)
        return;
    r->begun = true;
    /* EINVAL: a pipe or the like, where nothing is left of an earlier run. */
    if (r->o.lines && r->o.lines_replace && ftruncate(fileno(r->o.lines), 0) < 0 && errno != EINVAL)
        warn(r, "the lines of the last run cannot be taken away");
    if (r->dir >= 0 && with_journal)
        r->journal = make_journal(r);
}

/* ------------------------------------------------------------------- what is taken away -- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The directory that has the name is the one that is open. */
static bool has_name(const judge_report *r, struct stat *ret)
{
    struct stat then;
    return stat(r->o.outdir, ret) == 0 && fstat(r->dir, &then) == 0 && is_same(ret, &then);
}

/* A server runs for days, and people clear away old reports meanwhile, or move them: the directory
 * is the one that has the name, not the one that had it. */
static bool find_directory(judge_report *r)
{
    struct stat now;
    if (r->dir < 0 || !r->keeps || has_name(r, &now))
        return true;
    int dir = judge_make_directory(r->o.outdir) == 0
                  ? open(r->o.outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                  : -1;
    if (dir < 0) {
        judge_buf text = {0};
        judge_buf_printf(&text, "the report directory is gone, and cannot be made: %s",
                         strerror(errno));
        if (!r->gone)
            warn(r, text.at ? text.at : "the report directory is gone");
        judge_buf_deinit(&text);
        r->gone = true;
        return false;
    }
    close(r->dir);
    r->dir = dir;
    /* Whoever was first in the new one has it; this run is not to end in the midst of its work. */
    (void)lock(r);
    r->gone = false;
    r->anew = true;
    return true;
}

/* The journal is open: what was taken away of it can still be read. */
static bool find_journal(judge_report *r)
{
    struct stat now, then;
    char part[16384];
    off_t at = 0;
    ssize_t n;
    if (r->dir < 0 || r->journal < 0)
        return true;
    if (fstatat(r->dir, journal_name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        fstat(r->journal, &then) == 0 && is_same(&now, &then))
        return true;
    int fd = make_journal(r);
    bool ok = fd >= 0;
    while (ok && (n = pread(r->journal, part, sizeof part, at)) != 0) {
        ok = n > 0 && write_all(fd, part, (size_t)n);
        at += n > 0 ? n : 0;
    }
    if (ok) {
        close(r->journal);
        r->journal = fd;
    } else if (fd >= 0) {
        close(fd);
        unlinkat(r->dir, journal_name, 0);
        warn(r, "the journal is gone, and cannot be written again");
    }
    return ok;
}

void judge_report_close(judge_report *r)
{
    if (!r)
        return;
    if (r->dir >= 0)
        close(r->dir);
    if (r->journal >= 0)
        close(r->journal);
    if (r->made && !r->begun)
        rmdir(r->o.outdir);
    judge_store_deinit(&r->store);
    judge_buf_deinit(&r->buf);
    free(r);
}

const judge_store *judge_report_store(const judge_report *r)
{
    return &r->store;
}

/* -------------------------------------------------------------------------------- a case -- */

/* {"case":{...},"extra":{...}}, in one write, so that a line is there or not. */
static bool write_journal(judge_report *r, const json_t *object, const json_t *extra)
{
    if (r->journal < 0)
        return true;
    begin(r);
    judge_buf_str(&r->buf, "{\"case\":");
    judge_json_dump_line(&r->buf, object);
    judge_buf_str(&r->buf, ",\"extra\":");
    judge_json_dump_line(&r->buf, extra);
    judge_buf_str(&r->buf, "}\n");
    struct stat before;
    bool known = fstat(r->journal, &before) == 0;
    if (!r->buf.failed && write_all(r->journal, r->buf.at, r->buf.len))
        return true;
    /* The next line is not to stand behind half of this one. */
    if (known && ftruncate(r->journal, before.st_size) < 0)
        warn(r, "half a line stays in the journal");
    warn(r, "the journal cannot be written");
    return false;
}

/* The cases before and behind this one, among those that are run. */
static void neighbours(const judge_report *r, const char *id, const char **ret_prev,
                       const char **ret_next)
{
    size_t n = r->o.table ? judge_table_count(r->o.table) : 0;
    bool seen = false;
    *ret_prev = *ret_next = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *at = judge_table_at(r->o.table, i)->id;
        if (r->o.selected && !r->o.selected[i])
            continue;
        if (seen) {
            *ret_next = at;
            return;
        }
        seen = strcmp(at, id) == 0;
        if (!seen)
            *ret_prev = at;
    }
}

static bool write_case_files(judge_report *r, const judge_result *result, const judge_agent *a,
                             const judge_case *c, const json_t *object)
{
    char id[16], name[sizeof a->slug + 32];
    const char *prev, *next;
    judge_id_slug(id, result->id);
    begin(r);
    judge_json_dump(&r->buf, object);
    snprintf(name, sizeof name, "%s_case_%s.json", a->slug, id);
    bool ok = write_file(r, name);
    begin(r);
    neighbours(r, result->id, &prev, &next);
    judge_html_case(&r->buf, result, a->slug, c, prev, next);
    snprintf(name, sizeof name, "%s_case_%s.html", a->slug, id);
    return write_file(r, name) && ok;
}

static bool put_stream(judge_report *r, FILE *out)
{
    if (r->buf.failed)
        return false;
    if (r->buf.len)
        fwrite(r->buf.at, 1, r->buf.len, out);
    if (fflush(out) == 0 && !ferror(out))
        return true;
    if (!r->mute) {
        judge_buf text = {0};
        judge_buf_printf(&text, "results cannot be written: %s", strerror(errno));
        warn(r, text.at ? text.at : "results cannot be written");
        judge_buf_deinit(&text);
    }
    r->mute = true;
    return false;
}

static bool add(judge_report *r, const judge_result *result, bool with_journal)
{
    judge_entry *e;
    begin_files(r, with_journal);
    size_t agents = r->store.n;
    const judge_agent *a = judge_store_add(&r->store, result, &e);
    if (!a) {
        warn(r, "out of memory: a result is lost");
        return false;
    }
    if (r->store.n > agents && a->collided) {
        judge_buf text = {0};
        judge_buf_printf(&text,
                         "the files of agent \"%s\" would have the names of another agent's; they "
                         "begin with \"%s\" instead",
                         a->name, a->slug);
        warn(r, text.at ? text.at : "two agents have the same file names");
        judge_buf_deinit(&text);
    }
    const judge_case *c = r->o.table ? judge_table_find(r->o.table, result->id) : NULL;
    const char *title = c ? c->title : NULL;
    bool ok = find_directory(r) && find_journal(r);
    if (r->dir >= 0) {
        json_t *object = judge_json_case(result), *extra = judge_json_extra(result);
        if (object && extra) {
            ok = write_journal(r, object, extra) && ok;
            ok = write_case_files(r, result, a, c, object) && ok;
        } else {
            warn(r, "out of memory: the report of a case is lost");
            ok = false;
        }
        json_decref(object);
        json_decref(extra);
    }
    if (r->o.lines) {
        begin(r);
        judge_put_line(&r->buf, a->name, e);
        ok = put_stream(r, r->o.lines) && ok;
    }
    if (r->o.tap) {
        begin(r);
        judge_put_tap(&r->buf, ++r->taps, a->name, e, title, r->o.strict);
        ok = put_stream(r, r->o.tap) && ok;
    }
    if (r->o.annotations) {
        begin(r);
        judge_put_annotation(&r->buf, a->name, e, title, r->o.strict);
        ok = put_stream(r, r->o.annotations) && ok;
    }
    return ok;
}

bool judge_report_add(judge_report *r, const judge_result *result)
{
    const bool ok = add(r, result, true);
    r->lost = r->lost || !ok;
    return ok;
}

/* ------------------------------------------------------------------------------- the end -- */

static bool write_json(judge_report *r, const char *name, json_t *value)
{
    begin(r);
    if (value)
        judge_json_dump(&r->buf, value);
    else
        r->buf.failed = true;
    json_decref(value);
    return write_file(r, name);
}

static bool write_junit(judge_report *r)
{
    begin(r);
    judge_put_junit(&r->buf, &r->store, r->o.table, r->o.strict);
    FILE *out = r->buf.failed ? NULL : fopen(r->o.junit, "we");
    bool ok = out && fwrite(r->buf.at, 1, r->buf.len, out) == r->buf.len;
    if (out)
        ok = fclose(out) == 0 && ok;
    if (!ok) {
        judge_buf text = {0};
        judge_buf_printf(&text, "%s cannot be written: %s", r->o.junit, strerror(errno));
        warn(r, text.at ? text.at : "the JUnit file cannot be written");
        judge_buf_deinit(&text);
    }
    return ok;
}

static bool is_missing(const judge_report *r, const judge_agent *a, const judge_entry *e)
{
    static const char *const kinds[] = {"json", "html"};
    char id[16], name[sizeof a->slug + 32];
    bool missing = false;
    judge_id_slug(id, e->id);
    for (int i = 0; i < 2 && !missing; i++) {
        snprintf(name, sizeof name, "%s_case_%s.%s", a->slug, id, kinds[i]);
        missing = faccessat(r->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
    }
    return missing;
}

/* A line of the journal: writes the files of its case if they are missing. */
static bool restore_line(judge_report *r, const char *line, size_t len)
{
    json_t *v = json_loadb(line, len, JSON_ALLOW_NUL, NULL), *object = json_object_get(v, "case");
    judge_result result;
    judge_entry *e = NULL;
    bool ok = judge_result_read(&result, object, json_object_get(v, "extra"));
    if (ok) {
        const judge_agent *a = judge_store_agent(&r->store, result.agent);
        e = a ? judge_agent_entry(a, result.id) : NULL;
        if (e && e->missing)
            ok = write_case_files(
                r, &result, a, r->o.table ? judge_table_find(r->o.table, result.id) : NULL, object);
        judge_result_deinit(&result);
    }
    json_decref(v);
    return ok;
}

/* Files of cases that somebody has taken away come back from the journal. */
static bool restore_cases(judge_report *r)
{
    size_t missing = 0, size = 0;
    char *line = NULL;
    ssize_t len;
    bool ok = true;
    for (size_t i = 0; i < r->store.n; i++) {
        for (size_t k = 0; k < r->store.at[i].n; k++) {
            judge_entry *e = &r->store.at[i].at[k];
            e->missing = r->anew || is_missing(r, &r->store.at[i], e);
            missing += e->missing;
        }
    }
    if (missing == 0)
        return true;
    int fd = r->journal >= 0 ? openat(r->dir, journal_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!in && fd >= 0)
        close(fd);
    while (in && (len = getline(&line, &size, in)) > 0)
        ok = restore_line(r, line, (size_t)len) && ok;
    ok = ok && in && !ferror(in);
    free(line);
    if (in)
        fclose(in);
    r->anew = r->anew && !ok;
    if (!ok)
        warn(r, "the reports of some cases are gone, and cannot be written again");
    return ok;
}

bool judge_report_update(judge_report *r)
{
    bool ok = true;
    begin_files(r, true);
    if (r->dir >= 0) {
        struct timespec now;
        struct stat at;
        clock_gettime(CLOCK_REALTIME, &now);
        ok = find_directory(r) && find_journal(r);
        ok = (!r->keeps || restore_cases(r)) && ok;
        ok = write_json(r, "index.json", judge_json_index(&r->store)) && ok;
        ok = write_json(r, "summary.json", judge_json_summary(&r->store)) && ok;
        begin(r);
        judge_html_index(&r->buf, &r->store, r->o.table,
                         (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        ok = write_file(r, "index.html") && ok;
        r->written = (struct timespec){0};
        if (ok && fstat(r->dir, &at) == 0)
            r->written = at.st_mtim;
    }
    if (r->o.junit)
        ok = write_junit(r) && ok;
    return ok;
}

bool judge_report_is_there(const judge_report *r)
{
    struct stat now;
    if (r->dir < 0)
        return true;
    return has_name(r, &now) && now.st_mtim.tv_sec == r->written.tv_sec &&
           now.st_mtim.tv_nsec == r->written.tv_nsec;
}

bool judge_report_finish(judge_report *r)
{
    bool ok = !r->begun || judge_report_update(r);
    if (r->o.tap) {
        begin(r);
        judge_buf_printf(&r->buf, "1..%zu\n", r->taps);
        ok = put_stream(r, r->o.tap) && ok;
    }
    r->lost = r->lost || !ok;
    return ok;
}

bool judge_report_is_whole(const judge_report *r)
{
    return !r->lost;
}

/* ------------------------------------------------------------------------------- rebuild -- */

judge_report *judge_report_rebuild(const judge_report_options *o, size_t *ret_cases)
{
    judge_report *r = open_report(o, false);
    if (!r)
        return NULL;
    int fd = openat(r->dir, journal_name, O_RDONLY | O_CLOEXEC);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!in) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        judge_report_close(r);
        errno = error;
        return NULL;
    }
    char *line = NULL;
    size_t size = 0, cases = 0, number = 0;
    ssize_t len;
    while ((len = getline(&line, &size, in)) > 0) {
        number++;
        json_t *v = json_loadb(line, (size_t)len, JSON_ALLOW_NUL, NULL);
        judge_result result;
        if (judge_result_read(&result, json_object_get(v, "case"), json_object_get(v, "extra"))) {
            r->lost = !add(r, &result, false) || r->lost;
            judge_result_deinit(&result);
            cases++;
        } else {
            judge_buf text = {0};
            judge_buf_printf(&text, "line %zu of the journal is not whole and is left out", number);
            warn(r, text.at ? text.at : "a line of the journal is left out");
            judge_buf_deinit(&text);
            r->lost = true;
        }
        json_decref(v);
    }
    free(line);
    fclose(in);
    *ret_cases = cases;
    return r;
}
