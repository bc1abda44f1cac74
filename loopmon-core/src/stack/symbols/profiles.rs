//! What is left of names in programs that are built in other ways than these tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::sys::MappedFile;

/// Builds `tests/profiles` and returns the program.
fn build(profile: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles");
    // Beside `target/debug/deps/` with these tests.
    let target = std::env::current_exe().unwrap();
    let target = target.ancestors().nth(3).unwrap().join("profiles");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--profile", profile])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(package)
        // Flags for this workspace, which would be part of what is tested.
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{said}");
    target.join(profile).join("profiles")
}

/// What is known of the address that the program prints: function, file and line of each
/// frame, and how much the program tells in all.
fn known(profile: &str) -> (Vec<String>, Detail) {
    let program = build(profile);
    let printed = Command::new(&program).output().unwrap().stdout;
    let printed = String::from_utf8(printed).unwrap();
    let address = u64::from_str_radix(printed.trim(), 16).unwrap();

    let file = MappedFile::open(&program).unwrap();
    let elf = Elf::parse(&file).unwrap();
    assert!(
        !elf.section(".eh_frame_hdr").is_empty(),
        "{profile}: can't be unwound"
    );
    // Printed is where the next instruction begins, as in a return address.
    let frames = sources(&elf, &[address - 1]).remove(0);
    let frames = frames.iter().map(|frame| {
        let function = frame.function.as_ref().map(readable);
        let position = frame.position.as_ref();
        let file = position.and_then(|position| position.file.clone());
        let line = position.and_then(|position| position.line);
        format!(
            "{} at {}:{}",
            function.as_deref().unwrap_or("?"),
            file.as_deref().unwrap_or("?"),
            line.unwrap_or(0)
        )
    });
    (frames.collect(), Detail::of(&elf))
}

#[test]
fn one_line_in_the_profile_names_functions_files_and_lines_also_with_lto_and_abort() {
    for profile in ["lines", "lto"] {
        let (frames, detail) = known(profile);
        assert_eq!(
            frames[..2],
            [
                "profiles::config::parse at src/config.rs:12",
                "profiles::config::load at src/config.rs:5",
            ],
            "{profile}"
        );
        assert_eq!((frames.len(), detail), (2, Detail::Lines), "{profile}");
    }
}

#[test]
fn line_tables_name_inlined_functions_without_their_path() {
    let (frames, detail) = known("line-tables");
    assert_eq!(
        frames,
        [
            "parse at src/config.rs:12",
            "profiles::config::load at src/config.rs:5",
        ]
    );
    assert_eq!(detail, Detail::LinesOnly);
}

#[test]
fn cargos_default_release_names_what_was_not_inlined() {
    let (frames, detail) = known("plain");
    assert_eq!(frames, ["profiles::config::load at ?:0"]);
    assert_eq!(detail, Detail::SymbolTable);
}

#[test]
fn a_stripped_program_names_nothing_and_that_is_said() {
    let (frames, detail) = known("stripped");
    assert_eq!(frames, ["? at ?:0"]);
    assert_eq!(detail, Detail::Stripped);
}
