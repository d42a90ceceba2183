#!/bin/sh
# Run the tests: all but the long ones without arguments, the long ones with "long", else what the arguments
# name (handed to pytest).
#
# Unit tests compute: one for each of two cores. The others wait for a server more than they compute: three at
# a time. A file stays on one worker, which has servers of its own; the longest come first. None may fail
# because its neighbour is busy.
set -u
cd "$(dirname "$0")/.." || exit 1

case "${1-}" in
    "") share="not long" ;;
    long) share="long" ;;
    *) exec .venv/bin/pytest "$@" ;;
esac

# The database layer is also tested through PgBouncer. Tests that need it are skipped, with the reason,
# where it is not there and cannot be installed without starting a service on the machine.
if ! PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pgbouncer >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && [ ! -d /run/systemd/system ]; then
        printf 'Installing pgbouncer with apt-get …\n'
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends pgbouncer; } >/dev/null 2>&1 </dev/null ||
            printf 'pgbouncer could not be installed; the tests through it are skipped.\n'
    else
        printf 'pgbouncer is not installed (apt-get install pgbouncer): the tests through it are skipped.\n'
    fi
fi

# What fails beside others is printed and run once more, one after the other: what fails again has failed.
run() {
    workers=$1
    shift
    .venv/bin/pytest "$@" -n "$workers" && return 0
    printf '\nOnce more, alone: what failed.\n'
    .venv/bin/pytest "$@" -n 0 --last-failed --last-failed-no-failures none
}

status=0
if [ "$share" = "not long" ]; then
    run 2 tests/unit tests/architecture -q -m "$share" || status=1
fi
run 3 tests/acceptance tests/integration tests/contract -q --dist loadfile -m "$share" --durations 15 || status=1
exit "$status"
