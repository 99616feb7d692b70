#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scim_core_fuzz::patch(data));
