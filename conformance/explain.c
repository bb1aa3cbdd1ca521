/* SPDX-License-Identifier: MIT */
/* A case in plain text: what is sent frame by frame, what is accepted, which sentence asks. */
#include <string.h>

#include "conformance/case.h"
#include "conformance/report_frame.h"
#include "util/attr.h"
#include "wire/utf8.h"

/* At most 40 octets, as text if they are printable, else as digits. */
static void put_octets(FILE *out, const char *lit, size_t len, uint64_t total)
{
    const size_t n = len < 40 ? len : 40;
    bool printable = wsk__utf8_is_valid(lit, len);

    for (size_t i = 0; i < len; i++)
        printable = printable && (unsigned char)lit[i] >= 0x20 && lit[i] != 0x7f;
    if (total == 0) {
        fputs("empty", out);
        return;
    }
    if (printable) {
        fprintf(out, "\"%.*s\"%s", (int)(len > 125 ? 40 : len), lit, len > 125 ? "..." : "");
    } else {
        fputs("0x", out);
        for (size_t i = 0; i < n; i++)
            fprintf(out, "%02x", (unsigned char)lit[i]);
        if (n < len)
            fputs("...", out);
    }
    if (total != len)
        fprintf(out, " repeated to %llu octets", (unsigned long long)total);
    else
        fprintf(out, " (%llu octet%s)", (unsigned long long)total, total == 1 ? "" : "s");
}

static void put_frame(FILE *out, const judge_step *s);

/* Where the header of a frame is not what the role would send. */
static void put_deviation(FILE *out, const judge_step *s)
{
    static const char *const masks[] = {"", ", not masked", ", masked", ", masked with the key 0",
                                        ", masked with a key of its own"};

    if (s->mask == JUDGE_MASK_KEY)
        fprintf(out, ", masked with the key %02x%02x%02x%02x", s->key[0], s->key[1], s->key[2],
                s->key[3]);
    else
        fputs(masks[s->mask], out);
    if (s->form != 0)
        fprintf(out, ", its length in %u bits", s->form);
}

/* Text of a handshake, without what a terminal would obey. */
static void put_http(FILE *out, const judge_step *s)
{
    const judge_blob *b = &s->blob;

    fputs(b->total == b->len ? "\"" : "so often \"", out);
    for (size_t i = 0; i < b->len; i++) {
        const unsigned char c = (unsigned char)b->lit[i];

        if (c == '\r')
            fputs("\\r", out);
        else if (c == '\n')
            fputs(i + 1 < b->len ? "\\n\"\n      \"" : "\\n", out);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
    if (b->total != b->len)
        fprintf(out, " that it is %llu octets", (unsigned long long)b->total);
    if (s->chop > 0)
        fprintf(out, ", in writes of %u octet%s", s->chop, s->chop == 1 ? "" : "s");
    if (s->sync)
        fputs(", a write of its own", out);
}

static void put_seconds(FILE *out, double seconds)
{
    if (seconds < 0)
        fprintf(out, "%g times --patience", -seconds);
    else
        fprintf(out, "%g s", seconds);
}

/* Steps of the categories from 14 up. */
static void put_extra(FILE *out, const judge_step *s)
{
    static const char *const reads[] = {"from here on read nothing", "read again", NULL};
    const unsigned long long count = (unsigned long long)s->count;

    switch (s->op) {
    case JUDGE_STEP_HTTP:
        put_http(out, s);
        break;
    case JUDGE_STEP_RAW:
        fputs("as they are the octets ", out);
        put_octets(out, s->blob.lit, s->blob.len, s->blob.total);
        if (s->chop > 0)
            fprintf(out, ", in writes of %u octet%s", s->chop, s->chop == 1 ? "" : "s");
        break;
    case JUDGE_STEP_FLOOD:
        fprintf(out, "%llu times: ", count);
        put_frame(out, s);
        break;
    case JUDGE_STEP_SPILL:
        fputs("as the peer takes them, the octets ", out);
        put_octets(out, s->blob.lit, s->blob.len, s->blob.total);
        break;
    case JUDGE_STEP_AWAIT:
        fprintf(out, "wait until %llu message%s or pong%s came, %g s at most", count,
                count == 1 ? "" : "s", count == 1 ? "" : "s", s->seconds);
        break;
    case JUDGE_STEP_AWAIT_OCTETS:
        fprintf(out, "wait until %llu octets came, %g s at most", count, s->seconds);
        break;
    case JUDGE_STEP_OUTLAST:
        fputs("wait until the peer ends the connection, for ", out);
        put_seconds(out, s->seconds);
        fputs(" at most; then drop TCP", out);
        break;
    case JUDGE_STEP_NEED:
        fputs("go on only if permessage-deflate is agreed on", out);
        if (s->code & JUDGE_NEED_KEEPS)
            fputs(", and the peer keeps what is sent as context", out);
        if (s->code & JUDGE_NEED_FORGETS)
            fputs(", and the peer need not keep what is sent", out);
        if (s->code & JUDGE_NEED_WINDOW)
            fputs(", with the window that was asked for", out);
        if (s->code & JUDGE_NEED_ROOM)
            fputs(", with no smaller window than was asked for", out);
        fputs("; else the case is UNIMPLEMENTED", out);
        break;
    case JUDGE_STEP_PROOF:
        fputs("(what was sent so far proves the fault: the time begins)", out);
        break;
    case JUDGE_STEP_FIN:
        fputs("half-close TCP, and read on", out);
        break;
    case JUDGE_STEP_RESET:
        fputs("reset TCP", out);
        break;
    case JUDGE_STEP_READ:
        if (s->code < 2)
            fputs(reads[s->code], out);
        else {
            fprintf(out, "from here on read %u octets every ", s->chop);
            put_seconds(out, s->seconds);
        }
        break;
    default:
        break;
    }
}

static void put_frame(FILE *out, const judge_step *s)
{
    const unsigned rsv = s->first >> 4 & 7;

    fprintf(out, "%s frame", judge_opcode_name(s->first & 15));
    fputs(s->first & 0x80 ? ", FIN" : ", no FIN", out);
    for (unsigned i = 0; i < 3; i++) {
        if (rsv & 4u >> i)
            fprintf(out, ", RSV%u", i + 1);
    }
    fputs(", payload ", out);
    put_octets(out, s->blob.lit, s->blob.len, s->blob.total);
    if (s->chop > 0)
        fprintf(out, ", in writes of %u octet%s", s->chop, s->chop == 1 ? "" : "s");
    if (s->sync)
        fputs(", a write of its own", out);
    put_deviation(out, s);
}

static void put_close(FILE *out, const judge_step *s)
{
    fputs("close frame", out);
    if (s->code >= 0)
        fprintf(out, " with code %d", s->code);
    if (s->blob.total > 0) {
        fputs(s->code >= 0 ? ", reason " : " with payload ", out);
        put_octets(out, s->blob.lit, s->blob.len, s->blob.total);
    }
    fputs("; the judge's state becomes CLOSING", out);
}

static void put_loop(FILE *out, const judge_case *c)
{
    if (c->rule == JUDGE_RULE_ONE_ECHO) {
        fputs("wait for the first message", out);
        return;
    }
    fprintf(out, "%u times: a %s of %u %s", c->echo.count,
            c->echo.ping     ? "ping"
            : c->echo.binary ? "binary message"
                             : "text message",
            c->echo.len, c->echo.corpus && !c->echo.binary ? "characters" : "octets");
    if (c->echo.corpus > 0)
        fprintf(out, ", a window that slides over corpus %u, compressed", c->echo.corpus);
    if (c->echo.fragment > 0)
        fprintf(out, " and cut in frames of %llu octets", (unsigned long long)c->echo.fragment);
    fputs("; then wait for its echo", out);
}

static void put_cut(FILE *out, uint64_t total, uint64_t size)
{
    const unsigned long long n = total / size, rest = total % size;

    fprintf(out, " in %llu frame%s of %llu octet%s%s and ", n, n == 1 ? "" : "s",
            (unsigned long long)size, size == 1 ? "" : "s", n == 1 ? "" : " each");
    if (rest > 0)
        fprintf(out, "a last one of %llu", rest);
    else
        fputs("an empty last one", out);
}

/* The judge does not wait for its timers: it closes when nothing that may come could change the
 * verdict. Where two endings are accepted, more may always come. */
static bool closes_when_certain(const judge_case *c)
{
    const judge_ending *only = NULL;

    for (const judge_step *s = c->steps; s->op != JUDGE_STEP_END; s++) {
        if (s->op == JUDGE_STEP_CLOSE || s->op == JUDGE_STEP_CLOSE_RAW)
            return false;
        if (s->op == JUDGE_STEP_ECHO)
            return true;
    }
    for (size_t i = 0; i < WSK__COUNT(c->ending); i++) {
        if (c->ending[i].behavior == JUDGE_FAILED)
            continue;
        if (only != NULL)
            return false;
        only = &c->ending[i];
    }
    return only != NULL && only->n > 0 && c->close.closed_by_me && !c->close.suppress;
}

static void put_step(FILE *out, const judge_case *c, const judge_step *s)
{
    switch (s->op) {
    case JUDGE_STEP_FRAME:
        put_frame(out, s);
        break;
    case JUDGE_STEP_MESSAGE: {
        const uint64_t size = s->fragment ? s->fragment : c->auto_fragment;

        fprintf(out, "%s message ", judge_opcode_name(s->first & 15));
        put_octets(out, s->blob.lit, s->blob.len, s->blob.total);
        if (size > 0 && s->blob.total > size)
            put_cut(out, s->blob.total, size);
        else
            fputs(" in one frame", out);
        break;
    }
    case JUDGE_STEP_CLOSE:
    case JUDGE_STEP_CLOSE_RAW:
        put_close(out, s);
        break;
    case JUDGE_STEP_HEADER:
        fprintf(out, "the header of a %s frame%s that announces %llu octets",
                judge_opcode_name(s->first & 15), s->first & 0x80 ? "" : ", no FIN",
                (unsigned long long)s->blob.total);
        put_deviation(out, s);
        if (s->cut > 0)
            fprintf(out, ", but only the first %u octet%s of it", s->cut, s->cut == 1 ? "" : "s");
        break;
    case JUDGE_STEP_OCTETS:
        fputs("of its payload ", out);
        put_octets(out, s->blob.lit, s->blob.len, s->blob.total);
        break;
    case JUDGE_STEP_WAIT:
        fputs("wait ", out);
        put_seconds(out, s->seconds);
        if (s->tag != '\0')
            fprintf(out, "; if the connection is still open then, note pause %c and go on", s->tag);
        break;
    case JUDGE_STEP_KILL_AFTER:
        fprintf(out, "%g s from here: fail the connection (close 1001), if it is still open",
                s->seconds);
        break;
    case JUDGE_STEP_CLOSE_AFTER:
        fprintf(out, "%g s from here: send an empty close frame, if it is still open", s->seconds);
        break;
    case JUDGE_STEP_ECHO:
        put_loop(out, c);
        break;
    case JUDGE_STEP_HTTP:
    case JUDGE_STEP_RAW:
    case JUDGE_STEP_FLOOD:
    case JUDGE_STEP_SPILL:
    case JUDGE_STEP_AWAIT:
    case JUDGE_STEP_AWAIT_OCTETS:
    case JUDGE_STEP_PROOF:
    case JUDGE_STEP_FIN:
    case JUDGE_STEP_RESET:
    case JUDGE_STEP_READ:
    case JUDGE_STEP_OUTLAST:
    case JUDGE_STEP_NEED:
        put_extra(out, s);
        break;
    case JUDGE_STEP_HOLD:
        fputs("keep back what follows", out);
        break;
    case JUDGE_STEP_RELEASE:
        fprintf(out, "send it in two writes, %u octet%s first", s->chop, s->chop == 1 ? "" : "s");
        break;
    case JUDGE_STEP_AWAIT_CLOSE:
        fprintf(out, "wait for a close frame, for %g s at most", s->seconds);
        break;
    case JUDGE_STEP_LOG:
    case JUDGE_STEP_END:
        break;
    }
}

/* What may become of a handshake. */
static void put_outcomes(FILE *out, const char *verdict, const uint16_t *list, size_t n,
                         judge_role role)
{
    const bool server = role == JUDGE_ROLE_CLIENT;
    const char *comma = "";

    if (list[0] == 0)
        return;
    fprintf(out, "  %s: ", verdict);
    for (size_t i = 0; i < n && list[i] != 0; i++, comma = ", or ") {
        fputs(comma, out);
        switch (list[i]) {
        case JUDGE_HELLO_DROPPED:
            fputs(server ? "TCP closed without an answer" : "the client closes TCP", out);
            break;
        case JUDGE_HELLO_SILENT:
            fputs(server ? "no answer" : "nothing comes, TCP stays", out);
            break;
        case JUDGE_HELLO_CLOSED:
            fputs("a close frame", out);
            break;
        case JUDGE_HELLO_OTHER:
            fputs("an answer without a status", out);
            break;
        case JUDGE_HELLO_OPEN:
            fputs(server ? "the connection is opened (101)" : "the client goes on", out);
            break;
        default:
            if (list[i] < 10)
                fprintf(out, "status %uxx", list[i]);
            else
                fprintf(out, "status %u", list[i]);
        }
    }
    fputc('\n', out);
}

static void put_hello(FILE *out, const judge_hello *h, judge_role role)
{
    put_outcomes(out, "OK", h->ok, WSK__COUNT(h->ok), role);
    put_outcomes(out, "NON-STRICT", h->lax, WSK__COUNT(h->lax), role);
    put_outcomes(out, "INFORMATIONAL", h->inform, WSK__COUNT(h->inform), role);
    for (size_t i = 0; i < WSK__COUNT(h->fields) && h->fields[i] != NULL; i++)
        fprintf(out, "  A status other than 101 %s come with \"%s\".\n",
                h->lacking == JUDGE_FAILED ? "must" : "should", h->fields[i]);
    if (h->must_close)
        fprintf(out, "  After such a status TCP %s be closed if it comes with Connection: close.\n",
                h->left == JUDGE_FAILED ? "must" : "should");
    if (h->second)
        fputs("  Else TCP may stay open; an answer to the request behind it is NON-STRICT.\n", out);
    if (h->soon > 0)
        fprintf(out, "  An answer later than %g s is NON-STRICT.\n", h->soon);
    if (h->late > 0)
        fprintf(out, "  An answer later than %g s fails the case.\n", h->late);
}

/* What is asked of the close, and of the peer afterwards, beyond Autobahn's rules. */
static void put_limits(FILE *out, const judge_case *c, judge_role role)
{
    for (size_t i = 0; i < WSK__COUNT(c->close.lax) && c->close.lax[i] != 0; i++)
        fprintf(out, "; code %d is NON-STRICT", c->close.lax[i]);
    if (c->close.dropped != JUDGE_FAILED)
        fprintf(out, "; TCP dropped without a close frame %s",
                c->close.dropped == JUDGE_UNCLEAN ? "fails the case" : "is NON-STRICT");
    if (c->close.kept != JUDGE_FAILED)
        fprintf(out, "; leaving it to the judge is %s", judge_behavior_name(c->close.kept));
    if (c->close.mute)
        fputs("; the judge does not answer the peer's", out);
    if (c->close.soon > 0)
        fprintf(out, "; later than %g s is NON-STRICT", c->close.soon);
    if (c->close.late > 0)
        fprintf(out, "; later than %g s fails the case", c->close.late);
    if (role == JUDGE_ROLE_SERVER) {
        if (c->survival.after)
            fputs("\n  Afterwards the client comes back", out);
        if (c->survival.after && c->survival.kib > 0)
            fprintf(out, "\n  With --pid: memory grows by no more than %u KiB", c->survival.kib);
        return;
    }
    if (c->survival.during > 0)
        fprintf(out, "\n  Meanwhile, after %g s, an ordinary connection is answered",
                c->survival.during);
    if (c->survival.after)
        fputs("\n  Afterwards an ordinary connection is answered", out);
    if (c->survival.kib > 0)
        fprintf(out, "\n  With --pid: memory grows by no more than %u KiB", c->survival.kib);
    if (c->survival.idle)
        fputs("\n  With --pid: the process is idle again within a second", out);
}

static void put_ending(FILE *out, const judge_ending *e)
{
    fprintf(out, "  %s: ", judge_behavior_name(e->behavior));
    if (e->n == 0)
        fputs("no message and no pong comes back", out);
    for (size_t i = 0; i < e->n; i++) {
        const judge_event_row *row = &e->event[i];

        fputs(i > 0 ? ", then " : "", out);
        if (row->kind == JUDGE_EVENT_TIMEOUT) {
            fprintf(out, "pause %s", row->blob.lit);
            continue;
        }
        fputs(row->kind == JUDGE_EVENT_PONG ? "pong " : row->binary ? "binary " : "text ", out);
        put_octets(out, row->blob.lit, row->blob.len, row->blob.total);
    }
    if (e->apart)
        fputs("; pongs may come before or behind a message", out);
    if (e->some)
        fputs("; of several pongs the last one is enough", out);
    if (e->lives)
        fputs("; then the judge closes with 1000", out);
    fputc('\n', out);
}

static const char *peer_name(judge_role role)
{
    return role == JUDGE_ROLE_SERVER ? "client" : "server";
}

/* What of an offer is taken by the judge as server, see negotiate() in peer_request.c. */
static void put_agreement(FILE *out, const judge_case *c)
{
    if (c->echo.n_offers == 0) {
        /* Of handshakes that are spelled out the steps tell. */
        if (c->hello.steps == NULL)
            fputs("The handshake agrees to no extension, whatever the client offers.\n", out);
        return;
    }
    fprintf(out, "The handshake agrees to permessage-deflate%s:\n",
            c->echo.n_offers > 1 ? ", the first of these that the client's offers allow" : "");
    for (unsigned i = 0; i < c->echo.n_offers; i++) {
        const judge_deflate_row *o = &c->echo.offers[i];

        fputs("  - as offered", out);
        if (o->no_context_takeover)
            fputs(", with client_no_context_takeover (offered or not)", out);
        if (o->window_bits > 0)
            fprintf(out, ", with client_max_window_bits=%u (if offered, and not below)",
                    o->window_bits);
        fputc('\n', out);
    }
    fputs("A client that offers nothing of the kind is UNIMPLEMENTED.\n", out);
}

static void put_offers(FILE *out, const judge_case *c, judge_role role)
{
    if (role == JUDGE_ROLE_SERVER) {
        put_agreement(out, c);
        return;
    }
    if (c->echo.n_offers == 0)
        return;
    fputs("The handshake offers", out);
    for (unsigned i = 0; i < c->echo.n_offers; i++) {
        const judge_deflate_row *o = &c->echo.offers[i];

        fputs(i > 0 ? ", or permessage-deflate" : " permessage-deflate", out);
        if (o->no_context_takeover)
            fputs(" with no context takeover of the peer", out);
        if (o->window_bits > 0)
            fprintf(out, "%s %s %u-bit window for the peer",
                    o->no_context_takeover ? " and" : " with",
                    o->window_bits == 8 || o->window_bits == 11 ? "an" : "a", o->window_bits);
    }
    fputs(".\n", out);
}

/* Whether it may come so far that the steps of the case are done. */
static bool may_open(const judge_case *c)
{
    const judge_hello *h = &c->hello;
    bool opens = c->rule != JUDGE_RULE_HELLO;

    for (size_t i = 0; i < WSK__COUNT(h->ok); i++)
        opens = opens || h->ok[i] == JUDGE_HELLO_OPEN || h->lax[i] == JUDGE_HELLO_OPEN;
    for (size_t i = 0; i < WSK__COUNT(h->inform); i++)
        opens = opens || h->inform[i] == JUDGE_HELLO_OPEN;
    return opens;
}

void judge_explain(FILE *out, const judge_case *c, judge_role role)
{
    const bool opens = may_open(c);
    unsigned n = 0;

    fprintf(out, "%s  %s\n\n", c->id, c->title);
    put_offers(out, c, role);
    fprintf(out, "Sent to the %s:\n", peer_name(role));
    for (const judge_step *s = c->hello.steps; s && s->op != JUDGE_STEP_END; s++) {
        fprintf(out, "  %2u. ", ++n);
        put_step(out, c, s);
        fputc('\n', out);
    }
    if (c->hello.steps != NULL && opens && c->steps->op != JUDGE_STEP_END)
        fputs("  and if the connection is open then:\n", out);
    for (const judge_step *s = c->steps; opens && s->op != JUDGE_STEP_END; s++) {
        if (s->op == JUDGE_STEP_LOG)
            continue;
        fprintf(out, "  %2u. ", ++n);
        put_step(out, c, s);
        fputc('\n', out);
    }
    if (opens && closes_when_certain(c))
        fprintf(out, "  %2u. as soon as the outcome is certain: close frame with code %d\n", ++n,
                c->close.codes[0]);
    fprintf(out, "\nAccepted of the %s%s:\n", peer_name(role),
            role == JUDGE_ROLE_SERVER && c->hello.steps == NULL ? ", each frame of which is masked"
                                                                : "");
    put_hello(out, &c->hello, role);
    if (c->rule == JUDGE_RULE_HELLO && opens && c->ending[0].behavior != JUDGE_FAILED)
        fputs("  and on an open connection\n", out);
    for (size_t i = 0; opens && i < WSK__COUNT(c->ending); i++) {
        if (c->ending[i].behavior != JUDGE_FAILED)
            put_ending(out, &c->ending[i]);
    }
    if (c->rule == JUDGE_RULE_ONE_ECHO || c->rule == JUDGE_RULE_ROUND_TRIPS ||
        c->rule == JUDGE_RULE_DEFLATE)
        fputs("  OK: every echo has the type and the octets of what was sent\n", out);
    if (c->rule == JUDGE_RULE_INFORM || c->rule == JUDGE_RULE_INFORM_LAST)
        fputs("  Whatever happens is for information only.\n", out);
    if (c->rule == JUDGE_RULE_MASKS)
        fputs("  OK: the masks of the frames that come back look random\n", out);
    if (c->rule == JUDGE_RULE_CLOSE_ONLY)
        fputs("  OK: whatever comes back, as long as the close is as follows\n", out);
    if (c->rule == JUDGE_RULE_EITHER)
        fputs("  OK: the peer ends the connection, or the close is as follows\n", out);
    if (c->rule == JUDGE_RULE_RESET)
        fputs("  OK: whatever the peer does, as long as it lives\n", out);
    if (c->rule == JUDGE_RULE_PEER_CLOSES)
        fputs("  INFORMATIONAL: the peer drops TCP without a close frame\n", out);
    if (c->rule == JUDGE_RULE_FRAMES_SENT)
        fputs("  and the judge itself has sent exactly the frames above\n", out);
    if (c->rule == JUDGE_RULE_HELLO && (c->close.n_codes == 0 || !opens)) {
        put_limits(out, c, role);
        fprintf(out, "\nWhy: %s\n%s\n", c->reference, c->expectation);
        return;
    }
    fprintf(out, "  Close: begun by the %s; code ",
            c->close.closed_by_me ? "judge" : peer_name(role));
    for (size_t i = 0; i < c->close.n_codes; i++)
        fprintf(out, "%s%d", i > 0 ? ", " : "", c->close.codes[i]);
    fputs(c->close.coded          ? "; none is NON-STRICT"
          : c->close.n_codes == 0 ? "any or none"
                                  : " or none",
          out);
    fputs(c->close.require_clean ? "; the closing handshake must be complete"
                                 : "; dropping TCP without a close frame is accepted",
          out);
    if (c->close.wrong_endpoint_fatal)
        fputs("; if the wrong side closes, the case fails", out);
    /* RFC 6455 7.1.1 */
    if (c->close.require_clean)
        fputs(role == JUDGE_ROLE_SERVER ? "; then the judge drops TCP"
                                        : "; then the server drops TCP",
              out);
    put_limits(out, c, role);
    fprintf(out, "\n\nWhy: %s\n%s\n", c->reference, c->expectation);
}
