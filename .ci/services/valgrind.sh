# shellcheck shell=bash
# Valgrind, which counts instructions.

service_valgrind() {
    if ! command -v valgrind >/dev/null; then
        apt_install "Valgrind" --no-install-recommends valgrind
        command -v valgrind >/dev/null || fail "Valgrind is missing: $(tail -n 3 "$work/apt.log")"
    fi
    valgrind --version
}
