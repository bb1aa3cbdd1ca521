#!/bin/sh
# SPDX-License-Identifier: MIT
# All C files as .clang-format has them: format.sh ROOT. Prints TAP. Tries itself on a file that is
# wrong before. Skips where there is no clang-format 14 (others break lines elsewhere) or no git.
set -u

cd "${1:?usage: format.sh ROOT}" || exit 1
tool=clang-format-14
command -v $tool >/dev/null || tool=clang-format
if ! $tool --version 2>/dev/null | grep -q 'version 14\.' ||
    ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    echo '1..0 # SKIP needs clang-format 14 and git'
    exit 0
fi

n=0 failed=0
# point WANTED(0 or 1) NAME COMMAND...
point() {
    wanted=$1 name=$2
    shift 2
    n=$((n + 1))
    findings=$("$@" 2>&1)
    if [ $? -eq "$wanted" ]; then
        echo "ok $n - $name"
    else
        failed=1
        echo "not ok $n - $name"
        printf '%s\n' "$findings" | sed 's/^/# /'
    fi
}

judge() {
    printf "$1" | $tool --dry-run -Werror --style=file --assume-filename=trial.c
}

point 1 'trial: a brace in the wrong place is found' judge 'int f(void) {\n    return 1;\n}\n'
point 1 'trial: two spaces are found' judge 'int f(void)\n{\n  return 1;\n}\n'
point 0 'trial: the right form passes' judge 'int f(void)\n{\n    return 1;\n}\n'
point 0 'every C file is formatted' scripts/format --check
echo "1..$n"
exit $failed
