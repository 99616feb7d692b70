# shellcheck shell=bash
# Builds of later steps, while the tests of the workspace wait for timers and databases.

ahead=

# Starts the builds in the background, at the lowest priority: they take only the time that no test wants. Their
# results are in the target directories, so that a later step finds them done. A failure here ends nothing: the step
# builds again, and reports the failure.
build_ahead() {
    command -v setsid >/dev/null && command -v chrt >/dev/null || return 0
    export -f build_later step_documentation step_features features no_system fail say
    export crate work
    setsid chrt --idle 0 bash -c build_later >"$work/ahead.log" 2>&1 &
    ahead=$!
}

build_later() {
    local target=${CARGO_TARGET_DIR:-target} manifest
    # Before that line the tests themselves are built.
    until grep -qs '^ *Running ' "$work/tests.log"; do sleep 1; done
    step_features
    step_documentation
    for manifest in examples/databases/Cargo.toml examples/databases/sqlx/Cargo.toml; do
        [[ $manifest == */sqlx/* ]] || cargo clippy --locked --manifest-path "$manifest" --target-dir "$target" --all-targets
        cargo test --locked --manifest-path "$manifest" --target-dir "$target" --no-run
    done
    cargo build --locked --manifest-path examples/databases/Cargo.toml --target-dir "$target" --examples
    cargo clippy --locked --manifest-path examples/hosts/Cargo.toml --target-dir "$target/hosts" --all-targets
    cargo test --locked --manifest-path examples/hosts/Cargo.toml --target-dir "$target/hosts" --no-run
    cargo clippy --locked --manifest-path examples/platform/browser/Cargo.toml --all-targets
    cargo test --locked --manifest-path examples/platform/browser/Cargo.toml --no-run
    cargo build --locked --release --manifest-path benches/peers/Cargo.toml --no-default-features --bin instructions \
        --target-dir "$(realpath -m "$target/peers")"
    # A second for each target.
    tests/fuzz/run 6
}

# Gives the builds the usual priority: the next step waits for them.
hasten_ahead() {
    local process
    if [[ -n $ahead ]]; then
        for process in $(pgrep -g "$ahead"); do chrt --other -p 0 "$process" 2>/dev/null || true; done
    fi
}

# Ends the builds with all their processes.
stop_ahead() {
    if [[ -n $ahead ]]; then
        kill -- "-$ahead" 2>/dev/null || true
        wait "$ahead" 2>/dev/null || true
        ahead=
    fi
}
