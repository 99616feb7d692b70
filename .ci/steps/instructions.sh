# shellcheck shell=bash
# The speed of the library, counted in instructions.

# The package of the benchmarks beside other crates, and the ceilings of the instructions. The manifest of one of these
# crates names a newer Rust version than the crate needs.
step_instructions() {
    local manifest=benches/peers/Cargo.toml target
    target=$(realpath -m "${CARGO_TARGET_DIR:-target}/peers")
    cargo fmt --manifest-path "$manifest" --check
    cargo clippy --locked --manifest-path "$manifest" --target-dir "$target" --ignore-rust-version --all-features --all-targets \
        -- -D warnings
    CARGO_TARGET_DIR=$target benches/peers/instructions
}
