/* SPDX-License-Identifier: MIT */
/* Included by test_survival.c alone: which cases ask for what of the peer's survival; all others
 * for nothing. "test_survival print" writes both tables as the suite is now. */

static const survival_row rows[] = {
    {"14.2.18 14.6.13 14.8.2 14.8.5 14.8.6 14.8.10-15 14.14.5-9 17.7.* 19.8.* 19.9.*",
     {.after = true, .idle = true}},
    {"14.8.3 14.8.4 14.8.7-9", {.after = true, .kib = 8192, .idle = true}},
    {"15.9.5-8", {.after = true, .kib = 32768}},
    {"15.10.9 15.10.10 18.4.* 19.15.* 20.3.5", {.after = true}},
    {"17.2.* 17.3.* 17.4.* 17.6.* 18.6.1 18.6.2 18.6.5 21.7.5",
     {.after = true, .during = 0.05, .kib = 65536, .idle = true}},
    {"18.6.3 18.6.4", {.after = true, .during = 0.05, .kib = 24576, .idle = true}},
    {"18.6.6", {.after = true, .during = 0.05, .idle = true}},
    {"20.6.1", {.after = true, .during = 0.02, .kib = 32768, .idle = true}},
    {"20.6.2", {.after = true, .during = 1, .kib = 32768, .idle = true}},
    {"20.6.3", {.after = true, .during = 1, .kib = 16384, .idle = true}},
    {"21.7.1-4 23.1.*", {.after = true, .during = 0.05, .kib = 262144, .idle = true}},
    {"22.3.3", {.after = true, .during = 0.02, .kib = 65536}},
    {"22.4.1-3", {.after = true, .during = 0.2, .kib = 65536, .idle = true}},
    {"22.4.4", {.after = true, .during = 0.2, .kib = 131072, .idle = true}},
    {"23.2.*", {.after = true, .kib = 262144, .idle = true}},
    {"23.4.*", {.after = true, .kib = 131072, .idle = true}},
};

/* Where --limit is given, these ask for this instead. */
static const survival_row limited_rows[] = {
    {"18.1.3 18.1.6 18.2.3 18.2.6 18.3.3 18.3.6", {.after = true}},
    {"21.7.1-4", {.after = true, .during = 0.05, .kib = 19456, .idle = true}},
};
