# shellcheck shell=bash
# The tests in a browser.

# The administrator's story in a real browser, on both databases, by a package of its own.
build_browser() {
    local manifest=examples/platform/browser/Cargo.toml
    cargo build --quiet --workspace --all-features --bin platform
    cargo clippy --locked --manifest-path "$manifest" --all-targets -- -D warnings
    cargo test --locked --manifest-path "$manifest" --no-run
}

step_browser() {
    local manifest=examples/platform/browser/Cargo.toml
    cargo fmt --manifest-path "$manifest" --check
    build_browser
    SCIM_TEST_PLATFORM=$(realpath "${CARGO_TARGET_DIR:-target}/debug/platform")
    export SCIM_TEST_PLATFORM
    SCIM_TEST_BROWSER=1 timeout 1800 cargo test --locked --manifest-path "$manifest" --no-fail-fast -- --test-threads 2
}
