# shellcheck shell=bash
# Builds of later steps, while the tests of the workspace wait for timers and databases. A step NAME with a long build has
# a function build_NAME, which the step calls itself.

ahead=

# Starts the builds of the chosen steps in the background, at the lowest priority: they take only the time that no test
# needs. A later step finds their results in the target directories. A failure here ends nothing: the step builds again,
# and reports the failure.
build_ahead() {
    command -v chrt >/dev/null || return 0
    # With a process group of its own, so that all its processes end together.
    set -m
    build_later >"$work/ahead.log" 2>&1 &
    set +m
    ahead=$!
}

build_later() {
    local entry name
    chrt --idle -p 0 "$BASHPID" || return 0
    # Before that line the tests themselves are built.
    until grep -qs '^ *Running ' "$work/tests.log"; do
        kill -0 "$$" 2>/dev/null || return 0
        sleep 1
    done
    for entry in "${chosen[@]}"; do
        name=build_${entry%%:*}
        if declare -F "$name" >/dev/null; then ("$name") || true; fi
    done
}

# Gives the builds the usual priority, since the next step waits for them. Ends them where that is not permitted.
hasten_ahead() {
    local process processes
    [[ -n $ahead ]] || return 0
    processes=$(pgrep -g "$ahead") || return 0
    for process in $processes; do
        if ! chrt --all-tasks --other -p 0 "$process" 2>/dev/null && kill -0 "$process" 2>/dev/null; then
            stop_ahead
            return 0
        fi
    done
}

# Ends the builds with all their processes.
stop_ahead() {
    if [[ -n $ahead ]]; then
        kill -- "-$ahead" 2>/dev/null || true
        wait "$ahead" 2>/dev/null || true
        ahead=
    fi
}
