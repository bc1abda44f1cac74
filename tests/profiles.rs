//! What a stall is said to be in, by how the program was built. `tests/profiles` is such a
//! program, built apart from this workspace, because profiles belong to a workspace.
// Tokio's unstable features change nothing here, and each build takes a minute.
#![cfg(not(tokio_unstable))]
#![cfg(all(
    feature = "jsonl",
    feature = "stacks",
    target_os = "linux",
    target_arch = "x86_64"
))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use loopmon::json::{Kind, Line, StallLine};

/// What keeps a worker of the program, and is marked with its name there.
struct Blocker {
    function: &'static str,
    task: &'static str,
    /// Else it computes.
    sleeps: bool,
    /// The innermost of its functions that the compiler did not inline, of which the name is
    /// left without debug information. If there is none, there may be one by chance.
    symbol: Option<&'static str>,
}

/// In the order in which they keep it.
const BLOCKERS: [Blocker; 4] = [
    Blocker {
        function: "shop::orders::store",
        task: "shop::orders::request",
        sleeps: true,
        symbol: None,
    },
    Blocker {
        function: "shop::settings::load",
        task: "shop::reload",
        sleeps: true,
        symbol: None,
    },
    Blocker {
        function: "shop::orders::pricing::discount",
        task: "shop::price",
        sleeps: false,
        symbol: Some("shop::orders::pricing::total"),
    },
    Blocker {
        function: "shop::settings::fetch",
        task: "shop::refresh",
        sleeps: true,
        symbol: Some("shop::settings::fetch"),
    },
];

const SOURCES: [(&str, &str); 3] = [
    (
        "src/orders/mod.rs",
        include_str!("profiles/src/orders/mod.rs"),
    ),
    (
        "src/orders/pricing.rs",
        include_str!("profiles/src/orders/pricing.rs"),
    ),
    ("src/settings.rs", include_str!("profiles/src/settings.rs")),
];

impl Blocker {
    /// Without its modules.
    fn name(&self) -> &str {
        self.function.rsplit("::").next().unwrap()
    }

    /// The file and the line that keep the worker.
    fn place(&self) -> (&'static str, u32) {
        let mark = format!("// keeps: {}", self.name());
        let line = |text: &str| text.lines().position(|line| line.ends_with(&mark));
        let found = SOURCES
            .iter()
            .find_map(|(file, text)| Some((*file, line(text)?)));
        let (file, before) = found.unwrap();
        (file, u32::try_from(before + 1).unwrap())
    }

    fn cause(&self) -> &'static str {
        if self.sleeps { "blocking" } else { "cpu" }
    }

    fn called(&self) -> Option<&'static str> {
        self.sleeps.then_some("std::thread::sleep")
    }
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("profiles")
}

/// Builds take all cores, and a program that is watched meanwhile is late.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Builds `tests/profiles`, with the versions of this workspace, and returns the program.
fn build(profile: &str) -> PathBuf {
    static LOCK: Once = Once::new();
    let _alone = machine();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = root.join("tests/profiles");
    LOCK.call_once(|| {
        std::fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    });
    let build = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--profile", profile])
        .arg("--target-dir")
        .arg(target())
        .current_dir(package)
        // Flags for this workspace, which would be part of what is tested.
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(
        build.status.success(),
        "{}",
        String::from_utf8_lossy(&build.stderr)
    );
    target().join(profile).join("shop")
}

/// What a program or a tool printed.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What loopmon told.
struct Told {
    symbols: Option<String>,
    /// What was known of each stall at its end.
    stalls: Vec<StallLine>,
}

impl Told {
    fn read(lines: &str) -> Self {
        let mut told = Self {
            symbols: None,
            stalls: Vec::new(),
        };
        for line in lines.lines() {
            match Line::read(line).unwrap().kind {
                Kind::Start(start) => told.symbols = start.symbols,
                Kind::Stall(stall) if stall.phase == "ended" => told.stalls.push(stall),
                _ => {}
            }
        }
        told
    }

    /// One stall of each blocker, judged by what it did.
    fn is_calm(&self) -> bool {
        let causes = self.stalls.iter().map(|stall| stall.cause.as_str());
        causes.eq(BLOCKERS.iter().map(Blocker::cause))
    }
}

/// A run in which the machine gave the program a core whenever it wanted one: else a worker
/// is late for other reasons, or one that computes does not.
fn run(program: &Path) -> Told {
    const TRIES: usize = 10;
    let _alone = machine();
    let told = |_| Told::read(&output(&mut Command::new(program)));
    let calm = (0..TRIES).map(told).find(Told::is_calm);
    calm.expect("a stall of each blocker, told with its cause")
}

/// That all is known of each stall.
fn is_told_in_full(profile: &str) {
    let told = run(&build(profile));
    assert_eq!(told.symbols.as_deref(), Some("lines"));
    for (stall, blocker) in told.stalls.iter().zip(&BLOCKERS) {
        let (file, line) = blocker.place();
        assert_eq!(
            stall.function.as_deref(),
            Some(blocker.function),
            "{stall:#?}"
        );
        assert_eq!(stall.file.as_deref(), Some(file), "{stall:#?}");
        assert_eq!(stall.line, Some(line), "{stall:#?}");
        assert_eq!(stall.called.as_deref(), blocker.called(), "{stall:#?}");
        assert_eq!(stall.task.as_deref(), Some(blocker.task), "{stall:#?}");
        assert_eq!(stall.own, Some(true), "{stall:#?}");
    }
}

#[test]
fn with_debug_1_a_stall_is_told_with_function_file_line_call_and_task() {
    is_told_in_full("lines");
}

#[test]
fn with_fat_lto_and_abort_it_is_told_as_well() {
    is_told_in_full("lto");
}

#[test]
fn with_line_tables_only_files_and_lines_are_exact() {
    let told = run(&build("line-tables"));
    assert_eq!(told.symbols.as_deref(), Some("lines_only"));
    for (stall, blocker) in told.stalls.iter().zip(&BLOCKERS) {
        let (file, line) = blocker.place();
        assert_eq!(stall.file.as_deref(), Some(file), "{stall:#?}");
        assert_eq!(stall.line, Some(line), "{stall:#?}");
        assert_eq!(stall.called.as_deref(), blocker.called(), "{stall:#?}");
        // Of an async function the name is lost, of others the path.
        let function = stall.function.as_deref().unwrap();
        let names = [
            blocker.function,
            blocker.name(),
            &format!("async code of {file}"),
        ];
        assert!(names.contains(&function), "{stall:#?}");
    }
}

#[test]
fn without_debug_information_what_was_not_inlined_is_named_and_else_the_remedy() {
    let told = run(&build("plain"));
    assert_eq!(told.symbols.as_deref(), Some("symbols"));
    for (stall, blocker) in told.stalls.iter().zip(&BLOCKERS) {
        match (stall.function.as_deref(), blocker.symbol) {
            (Some(function), None) => assert!(function.starts_with("shop::"), "{stall:#?}"),
            (None, None) => {
                let reason = stall.unnamed.as_deref().unwrap();
                assert!(reason.contains("build with debug = 1"), "{stall:#?}");
            }
            named => assert_eq!(named.0, named.1, "{stall:#?}"),
        }
    }
}

/// The places in a program's file that a text mentions as `module+0xoffset`.
fn offsets<'a>(text: &'a str, module: &str) -> Vec<&'a str> {
    let mark = format!("{module}+");
    let offsets = text.split(mark.as_str()).skip(1);
    let is_end = |c: char| !c.is_ascii_alphanumeric();
    offsets
        .filter_map(|rest| rest.split(is_end).next())
        .collect()
}

#[test]
fn of_a_stripped_program_build_and_addresses_are_told_that_lead_to_the_lines() {
    let whole = build("lines");
    let stripped = whole.with_file_name("stripped");
    output(Command::new("strip").arg(&whole).arg("-o").arg(&stripped));
    let notes = output(Command::new("readelf").arg("-n").arg(&whole));
    let (_, id) = notes.split_once("Build ID: ").unwrap();
    let build = format!("(build id {})", id.lines().next().unwrap());

    let told = run(&stripped);
    assert_eq!(told.symbols.as_deref(), Some("stripped"));
    for (stall, blocker) in told.stalls.iter().zip(&BLOCKERS) {
        assert_eq!(stall.function, None, "{stall:#?}");
        let reason = stall.unnamed.as_deref().unwrap();
        assert!(reason.contains(&build), "{reason} without {build}");
        let mut addr2line = Command::new("addr2line");
        addr2line.args(["-f", "-i", "-C", "-e"]).arg(&whole);
        let lines = output(addr2line.args(offsets(reason, "stripped")));
        let lines: Vec<&str> = lines.lines().collect();
        let (file, line) = blocker.place();
        let place = format!("{file}:{line}");
        let leads_there = |pair: &[&str]| {
            let [function, at] = pair else { return false };
            // After the line there may be a discriminator.
            let at = at.split(' ').next().unwrap_or_default();
            function.starts_with(blocker.function) && at.ends_with(&place)
        };
        assert!(lines.chunks(2).any(leads_there), "{reason}: {lines:#?}");
    }
}
