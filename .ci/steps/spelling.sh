# shellcheck shell=bash
# Spelling, by the rules of `typos.toml`.

step_spelling() {
    "$work/python/bin/typos" --version
    "$work/python/bin/typos"
}
