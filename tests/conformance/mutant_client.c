/* SPDX-License-Identifier: MIT */
/*
 * A mutant (see mutant.h) as a client over TCP, for the judge's command line and for people:
 * mutant_client FAULT PORT CASE... runs these cases of a fuzzing server on 127.0.0.1 and asks for
 * the reports. The agent's name is that of the fault. "mutant_client --list" names the faults.
 */
#include "mutant_tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int list(void)
{
    for (unsigned i = 0; i < MUTANT_COUNT; i++) {
        if (mutant_roles((mutant_fault)i) & MUTANT_CLIENT)
            printf("%-20s %s\n", mutant_name((mutant_fault)i), mutant_text((mutant_fault)i));
    }
    return 0;
}

int main(int argc, char **argv)
{
    mutant_fault fault;
    uint16_t port;
    char target[256];

    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    if (argc < 4) {
        fputs("usage: mutant_client FAULT PORT CASE...\n", stderr);
        return 2;
    }
    fault = mutant_find(argv[1]);
    if (fault == MUTANT_COUNT || !(mutant_roles(fault) & MUTANT_CLIENT)) {
        fprintf(stderr, "there is no fault %s of clients\n", argv[1]);
        return 2;
    }
    port = (uint16_t)strtoul(argv[2], NULL, 10);
    for (int i = 3; i <= argc; i++) {
        const bool last = i == argc;

        if (last)
            snprintf(target, sizeof(target), "/updateReports?agent=%s", argv[1]);
        else
            snprintf(target, sizeof(target), "/runCase?casetuple=%.32s&agent=%s", argv[i], argv[1]);
        if (!mutant_visit(port, last ? MUTANT_none : fault, target)) {
            perror(target);
            return 1;
        }
    }
    return 0;
}
