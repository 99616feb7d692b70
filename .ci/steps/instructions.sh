# shellcheck shell=bash
# The speed of the library, counted in instructions.

# The target directory of the programs.
peers_target() { realpath -m "${CARGO_TARGET_DIR:-target}/peers"; }

build_instructions() { CARGO_TARGET_DIR=$(peers_target) benches/peers/instructions --build; }

# The ceilings of the instructions. The comparison with other crates runs by hand: it needs a quiet machine.
step_instructions() {
    cargo fmt --manifest-path benches/peers/Cargo.toml --check
    CARGO_TARGET_DIR=$(peers_target) benches/peers/instructions
}
