//! The speed of scim-core beside other crates and beside references, with gates.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml`. `README.md` explains the options and the lines.

mod allocations;
mod contest;
mod gates;
mod peers;
mod plot;
mod references;
mod report;
mod workloads;

use std::{env, fs, process::ExitCode};

use crate::{
    gates::ROWS,
    report::Report,
    workloads::memory::{RESIDENT, resident},
};

const USAGE: &str = "usage: peers [NAME] [--list] [--markdown FILE] [--plot FILE] [--others FILE] [--export DIRECTORY]";

/// The arguments.
#[derive(Default)]
struct Options {
    /// A part of the names of the wanted lines.
    name: Option<String>,
    list: bool,
    markdown: Option<String>,
    plot: Option<String>,
    /// The output of the script `others`.
    others: Option<String>,
    export: Option<String>,
    /// For the program itself: see `workloads::memory`.
    resident: Option<String>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut file = || arguments.next().map(Some).ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--list" => options.list = true,
                "--markdown" => options.markdown = file()?,
                "--plot" => options.plot = file()?,
                "--others" => options.others = file()?,
                RESIDENT => options.resident = file()?,
                "--export" => options.export = file()?,
                name if !name.starts_with('-') && options.name.is_none() => options.name = Some(argument),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    match Options::parse(env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Does the work that the options ask for. Returns whether all gates are kept.
fn run(options: &Options) -> Result<bool, String> {
    if options.list {
        for row in ROWS {
            println!("{} target={} stretch={}: {}", row.name, row.gate.target(), row.gate.stretch(), row.about);
        }
        return Ok(true);
    }
    if let Some(name) = &options.resident {
        println!("{}", resident(name)?);
        return Ok(true);
    }
    if let Some(directory) = &options.export {
        return workloads::export(directory).map(|()| true);
    }
    let others = match &options.others {
        Some(file) => fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?,
        None => String::new(),
    };
    if let Some(file) = &options.plot {
        let svg = plot::svg(&workloads::growth::measure(), &others);
        return fs::write(file, svg).map(|()| true).map_err(|error| format!("{file}: {error}"));
    }
    let mut report = Report::new(options.name.clone());
    workloads::run(&mut report);
    if report.is_empty() {
        return Err("no line has this name; --list lists the lines".to_owned());
    }
    if let Some(file) = &options.markdown {
        let table = report.markdown() + &report::others(&others);
        fs::write(file, table).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(report.missed() == 0)
}
