/* SPDX-License-Identifier: MIT */
/* A server's connection: requests, frames, anything. */
#include "fuzz_conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_conn(WSK_ROLE_SERVER, data, size);
}
