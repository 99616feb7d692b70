# shellcheck shell=bash
# The speed of the library, counted in instructions.

# The ceilings of the instructions. The comparison with other crates runs by hand: it needs a quiet machine.
step_instructions() {
    local manifest=benches/peers/Cargo.toml target
    target=$(realpath -m "${CARGO_TARGET_DIR:-target}/peers")
    cargo fmt --manifest-path "$manifest" --check
    CARGO_TARGET_DIR=$target benches/peers/instructions
}
