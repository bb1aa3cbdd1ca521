/* SPDX-License-Identifier: MIT */
/*
 * The text corpora: a JSON document of measurements, prose, and a page of HTML with a long table.
 *
 * Sizes when each is compressed whole by zlib at level 6, as a share of the original:
 *   JSON   target 0.044, measured 0.044
 *   prose  target 0.39, measured 0.36
 *   HTML   target 0.055, measured 0.055
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conformance/corpus_internal.h"

#define PICK(o, list) ((list)[corpus_pick((o), WSK__COUNT(list))])

/* ---------------------------------------------------------------------------------- JSON -- */

static const char *const places[] = {"north pier",  "lighthouse", "old quay",   "lock gate",
                                     "ferry stage", "breakwater", "south pier", "dry dock"};
static const char *const states[] = {"good", "good", "good", "fair", "poor"};

void judge_corpus_make_json(corpus_out *o)
{
    judge_corpus_printf(o, "{\n    \"network\": \"harbour gauges\",\n    \"readings\": [\n");
    for (unsigned id = 1; o->size - o->len > 2 * 900; id++) {
        const char *place = PICK(o, places);
        const char *state = PICK(o, states);
        static const unsigned bounds[] = {6, 1000, 20, 100, 40, 10, 360};
        unsigned v[WSK__COUNT(bounds)];
        for (size_t i = 0; i < WSK__COUNT(bounds); i++)
            v[i] = corpus_pick(o, bounds[i]);
        judge_corpus_printf(o,
                            "        {\n"
                            "            \"identifier\": %u,\n"
                            "            \"place\": \"%s\",\n"
                            "            \"instrument\": {\n"
                            "                \"kind\": \"pressure gauge\",\n"
                            "                \"maker\": \"harbour workshop\",\n"
                            "                \"calibrated\": \"2024-03-01T00:00:00Z\",\n"
                            "                \"condition\": \"%s\"\n"
                            "            },\n"
                            "            \"values\": {\n"
                            "                \"water_level_metres\": %u.%03u,\n"
                            "                \"water_temperature_celsius\": %u.%02u,\n"
                            "                \"air_pressure_hectopascal\": 10%02u.%u,\n"
                            "                \"wind_direction_degrees\": %u,\n"
                            "                \"valid\": true\n"
                            "            },\n"
                            "            \"remarks\": []\n"
                            "        },\n",
                            id, place, state, v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
    }
    /* The last member makes the length exact. */
    static const char end[] = "\"\n        }\n    ]\n}\n";
    judge_corpus_printf(o, "        {\n            \"remarks\": \"");
    judge_corpus_fill(o, '.', o->size - strlen(end));
    judge_corpus_put(o, end, strlen(end));
}

/* --------------------------------------------------------------------------------- prose -- */

static const char *const nouns[] = {
    "sea",     "wind",    "house",   "harbour",  "boat",    "night",   "light",   "morning",
    "letter",  "captain", "road",    "child",    "window",  "garden",  "rain",    "hill",
    "story",   "door",    "bridge",  "stranger", "winter",  "voice",   "table",   "river",
    "lamp",    "island",  "market",  "sister",   "clock",   "paper",   "bread",   "shadow",
    "field",   "horse",   "silence", "stone",    "mirror",  "summer",  "miller",  "lantern",
    "orchard", "village", "teacher", "anchor",   "ladder",  "violin",  "kitchen", "traveller",
    "meadow",  "chimney", "thunder", "feather",  "copper",  "harvest", "compass", "cellar",
    "blanket", "thicket", "quarrel", "almanac",  "foundry", "heron",   "juniper", "kettle",
};
static const char *const verbs[] = {
    "saw",      "knew",     "found",   "heard",     "kept",     "followed", "remembered", "left",
    "carried",  "opened",   "watched", "forgot",    "called",   "crossed",  "painted",    "feared",
    "mended",   "answered", "sold",    "described", "loved",    "measured", "hid",        "drew",
    "promised", "burned",   "lifted",  "praised",   "borrowed", "traded",   "buried",     "sang of",
};
static const char *const adjectives[] = {
    "old",     "small",  "dark",   "quiet",   "long",     "white",   "cold",    "strange",
    "green",   "broken", "bright", "empty",   "narrow",   "gentle",  "distant", "heavy",
    "patient", "hollow", "golden", "crooked", "careful",  "salty",   "weary",   "proud",
    "bitter",  "humble", "misty",  "wooden",  "grateful", "hurried", "silver",  "unlikely",
};
static const char *const adverbs[] = {"slowly",  "often",   "never",     "at last", "again",
                                      "quietly", "at once", "by chance", "twice",   "gladly"};
static const char *const prepositions[] = {"in",    "on",     "behind",  "under", "near",
                                           "above", "beyond", "without", "after", "against"};
static const char *const joints[] = {", and ",   ", but ",         "; ",          ", because ",
                                     ", while ", " \xe2\x80\x94 ", ", although ", ", until "};
static const char *const onsets[] = {"b",  "d",  "f", "g", "h",  "k",  "l",  "m",  "n",
                                     "r",  "s",  "t", "v", "br", "st", "th", "gr", "kl",
                                     "sh", "tr", "p", "w", "z",  "fl", "dr", "j"};
static const char *const nuclei[] = {"a", "e", "i", "o", "u", "ei", "au", "\xc3\xb6", "\xc3\xa9"};
static const char *const codas[] = {"n", "l", "r", "s", "m", "nd", "rt", "", "p", "lk", "x", "ck"};

/* A name that nobody has: most of what keeps this text from compressing too well. */
static void put_name(corpus_out *o)
{
    char name[64] = "";
    size_t n = 0;
    unsigned syllables = 2 + corpus_pick(o, 3);
    for (unsigned i = 0; i < syllables && n < sizeof name; i++) {
        const char *onset = PICK(o, onsets);
        const char *nucleus = PICK(o, nuclei);
        const char *coda = i + 1 == syllables ? PICK(o, codas) : "";
        n += (size_t)snprintf(name + n, sizeof name - n, "%s%s%s", onset, nucleus, coda);
    }
    name[0] = (char)(name[0] - 'a' + 'A');
    judge_corpus_printf(o, "%s", name);
}

static void put_subject(corpus_out *o)
{
    switch (corpus_pick(o, 4)) {
    case 0:
        put_name(o);
        judge_corpus_printf(o, " ");
        put_name(o);
        break;
    case 1:
        judge_corpus_printf(o, "the %s of ", PICK(o, nouns));
        put_name(o);
        break;
    case 2:
        judge_corpus_printf(o, "every %s ", PICK(o, adjectives));
        judge_corpus_printf(o, "%s of ", PICK(o, nouns));
        put_name(o);
        break;
    default:
        judge_corpus_printf(o, "the %s", PICK(o, nouns));
        break;
    }
}

static void put_clause(corpus_out *o)
{
    put_subject(o);
    if (corpus_pick(o, 3) == 0) {
        judge_corpus_printf(o, " and ");
        put_name(o);
    }
    if (corpus_pick(o, 3) == 0)
        judge_corpus_printf(o, " %s", PICK(o, adverbs));
    judge_corpus_printf(o, " %s ", PICK(o, verbs));
    put_subject(o);
    if (corpus_pick(o, 2) == 0) {
        judge_corpus_printf(o, " %s ", PICK(o, prepositions));
        put_subject(o);
    }
}

/* Whether the text ends inside a character: then it is cut before it. */
static void end_whole(corpus_out *o)
{
    size_t i = o->len;
    while (i > 0 && (o->at[i - 1] & 0xc0) == 0x80)
        i--;
    if (i > 0 && o->at[i - 1] >= 0xc0)
        o->len = i - 1;
}

void judge_corpus_make_prose(corpus_out *o)
{
    judge_corpus_printf(o, "THE HARBOUR BOOK\n\n");
    while (o->len < o->size) {
        unsigned sentences = 2 + corpus_pick(o, 6);
        for (unsigned i = 0; i < sentences; i++) {
            size_t begin = o->len;
            bool loud = corpus_pick(o, 6) == 0;
            put_clause(o);
            if (corpus_pick(o, 2) == 0) {
                judge_corpus_printf(o, "%s", PICK(o, joints));
                put_clause(o);
            }
            if (begin < o->len && o->at[begin] >= 'a' && o->at[begin] <= 'z')
                o->at[begin] = (uint8_t)(o->at[begin] - 'a' + 'A');
            if (corpus_pick(o, 2) == 0)
                judge_corpus_printf(o, " in the year %u", 1000 + corpus_pick(o, 900));
            judge_corpus_printf(o, loud ? "!\n" : ".\n");
        }
        judge_corpus_printf(o, "\n");
    }
    end_whole(o);
}

/* ---------------------------------------------------------------------------------- HTML -- */

static const char *const wares[] = {"rope", "canvas", "lamp oil", "tar", "salt", "biscuit"};

void judge_corpus_make_html(corpus_out *o)
{
    judge_corpus_printf(o,
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<title>Harbour ledger</title>\n</head>\n<body>\n<h1>Harbour ledger</h1>\n"
                        "<table class=\"ledger\" border=\"0\" cellspacing=\"0\">\n");
    /* 27 characters of two octets: 263,620 characters in 263,647 octets, so that cases which cut
     * in characters and those which cut in octets cannot be confused unnoticed. */
    unsigned accents = 0;
    static const char end[] = "\n-->\n</body>\n</html>\n";
    for (unsigned row = 1; o->size - o->len > 2 * 900; row++) {
        bool accent = row % 10 == 0 && accents < 27;
        accents += accent;
        const char *ware = PICK(o, wares);
        unsigned amount = corpus_pick(o, 100);
        unsigned crowns = corpus_pick(o, 900);
        unsigned cents = corpus_pick(o, 100);
        unsigned folio = corpus_pick(o, 1000);
        judge_corpus_printf(
            o,
            "  <tr class=\"%s\" id=\"row-%u\">\n"
            "    <td class=\"number\" align=\"right\">%u</td>\n"
            "    <td class=\"name\"><a href=\"/ledger/entry?number=%u\" "
            "title=\"Show this entry\">%s%s</a></td>\n"
            "    <td class=\"amount\" align=\"right\"><span class=\"unit\">barrels</span>"
            "<span class=\"value\">%u</span></td>\n"
            "    <td class=\"price\" align=\"right\"><span class=\"unit\">crowns</span>"
            "<span class=\"value\">%u.%02u</span></td>\n"
            "    <td class=\"remark\">folio %u</td>\n"
            "  </tr>\n",
            row % 2 ? "odd" : "even", row, row, row, ware, accent ? " \xc3\xa0 bord" : "", amount,
            crowns, cents, folio);
    }
    judge_corpus_printf(o, "</table>\n<!--\n");
    judge_corpus_fill(o, '=', o->size - strlen(end));
    judge_corpus_put(o, end, strlen(end));
}
