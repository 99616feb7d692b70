# shellcheck shell=bash
# Builds of later steps, while the tests of the workspace wait for timers and databases.

ahead=

# Starts the builds of the chosen steps in the background, at the lowest priority: they take only the time that no test
# needs. A later step finds their results in the target directories. A failure here ends nothing: the step builds again,
# and reports the failure.
build_ahead() {
    command -v setsid >/dev/null && command -v chrt >/dev/null || return 0
    export -f build_later step_documentation step_features features no_system fail say
    export crate work
    # An array cannot be exported.
    export later="${chosen[*]%%:*}"
    setsid chrt --idle 0 bash -c build_later >"$work/ahead.log" 2>&1 &
    ahead=$!
}

build_later() {
    local target=${CARGO_TARGET_DIR:-target} manifest
    is_later() { [[ " $later " == *" $1 "* ]]; }
    # Before that line the tests themselves are built.
    until grep -qs '^ *Running ' "$work/tests.log"; do
        kill -0 "$PPID" 2>/dev/null || return 0
        sleep 1
    done
    if is_later features; then step_features; fi
    if is_later documentation; then step_documentation; fi
    if is_later databases; then
        for manifest in examples/databases/Cargo.toml examples/databases/sqlx/Cargo.toml; do
            [[ $manifest == */sqlx/* ]] ||
                cargo clippy --locked --manifest-path "$manifest" --target-dir "$target" --all-targets
            cargo test --locked --manifest-path "$manifest" --target-dir "$target" --no-run
        done
        cargo build --locked --manifest-path examples/databases/Cargo.toml --target-dir "$target" --examples
    fi
    if is_later hosts; then
        manifest=examples/hosts/Cargo.toml
        cargo clippy --locked --manifest-path "$manifest" --target-dir "$target/hosts" --all-targets
        cargo test --locked --manifest-path "$manifest" --target-dir "$target/hosts" --no-run
    fi
    if is_later browser; then
        manifest=examples/platform/browser/Cargo.toml
        cargo clippy --locked --manifest-path "$manifest" --all-targets
        cargo test --locked --manifest-path "$manifest" --no-run
    fi
    if is_later instructions; then
        cargo build --locked --release --manifest-path benches/peers/Cargo.toml --no-default-features \
            --bin instructions --target-dir "$(realpath -m "$target/peers")"
    fi
    if is_later fuzz; then tests/fuzz/run --build; fi
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
