# shellcheck shell=bash
# Downloads of crates and of Debian packages.

service_toolchain() {
    if ! command -v cargo >/dev/null && [[ -f ${CARGO_HOME:-$HOME/.cargo}/env ]]; then
        # shellcheck disable=SC1091
        . "${CARGO_HOME:-$HOME/.cargo}/env"
    fi
    command -v cargo >/dev/null || fail "cargo is missing: install a Rust toolchain"
    cargo --version
    cargo fmt --version || fail "cargo fmt is missing: rustup component add rustfmt"
    cargo clippy --version || fail "cargo clippy is missing: rustup component add clippy"
}

service_crates() {
    local attempt
    for attempt in 1 2 3; do
        if cargo fetch --locked; then return; fi
        say "cargo fetch: attempt $attempt failed"
        sleep 3
    done
    fail "cargo fetch --locked failed: no network, or Cargo.lock does not fit Cargo.toml"
}

# apt_install NAME PACKAGE...: installs Debian packages. An error shows NAME to the reader who installs it by hand.
apt_install() {
    local name=$1 attempt
    local -a sudo=()
    shift
    command -v apt-get >/dev/null || fail "$name and apt-get are missing: install $name"
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "$name and sudo are missing, and the user is not root: install $name"
        sudo=(sudo -n)
    fi
    for attempt in 1 2; do
        if "${sudo[@]}" apt-get update &&
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y "$@"; then
            break
        fi
        say "apt-get: attempt $attempt failed"
        sleep 3
    done >"$work/apt.log" 2>&1
}
