# shellcheck shell=bash
# Chromium and its driver.

service_chromium() {
    if ! command -v chromedriver >/dev/null; then
        apt_install "Chromium" --no-install-recommends chromium chromium-driver fonts-inter fonts-liberation
        command -v chromedriver >/dev/null || fail "chromedriver is missing: $(tail -n 3 "$work/apt.log")"
    fi
    chromedriver --version
}
