# shellcheck shell=bash
# Fuzzing.

build_fuzz() { tests/fuzz/run --build; }

# Two minutes for all targets together. libFuzzer comes as source code and needs a C++ compiler.
step_fuzz() {
    command -v "${CXX:-c++}" >/dev/null || apt_install "C++ compiler" g++
    tests/fuzz/run 120
}
