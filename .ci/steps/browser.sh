# shellcheck shell=bash
# The tests in a browser.

# The administrator's story in a real browser, on both databases, by a package of its own.
step_browser() {
    local manifest=examples/platform/browser/Cargo.toml
    cargo build --quiet --workspace --all-features --bin platform
    SCIM_TEST_PLATFORM=$(realpath "${CARGO_TARGET_DIR:-target}/debug/platform")
    export SCIM_TEST_PLATFORM
    cargo fmt --manifest-path "$manifest" --check
    cargo clippy --locked --manifest-path "$manifest" --all-targets -- -D warnings
    SCIM_TEST_BROWSER=1 timeout 1800 cargo test --locked --manifest-path "$manifest" --no-fail-fast -- --test-threads 2
}
