/* SPDX-License-Identifier: MIT */
/* What "websock serve" says once it listens. */
#ifndef CLI_SERVE_BANNER_H
#define CLI_SERVE_BANNER_H

#include "serve.h"

/* To stdout for people; with --log-format json as lines of the log. */
void serve_banner(const serve *s);

#endif
