//! What the tests share. Most promises can only be kept or broken by a whole
//! process, so a test file is a program of its own: started by Cargo it runs the
//! tests, and started again by a test it is the program under test, on the real
//! main thread and with nothing else on standard output.

mod monitored;
mod process;
mod program;
mod records;

use std::fmt::Debug;
use std::panic::{catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

pub(crate) use monitored::{Settings, annotated, annotated_main};
pub(crate) use process::{alive_tasks, descriptors, stdin_ends, threads};
pub(crate) use program::{Outcome, Program, Running, program};
pub(crate) use records::{Gate, Told, make_events, read_records, tell};

/// A function of a test file, by its name.
pub(crate) type Named<R> = (&'static str, fn() -> R);

/// The `main` of a test file.
///
/// `tests` start `programs` and look at them from outside; `checks` are programs
/// that look at themselves, and pass if they end without a panic.
macro_rules! suite {
    (
        programs: [$($program:ident),* $(,)?],
        checks: [$($check:ident),* $(,)?],
        tests: [$($test:ident),* $(,)?] $(,)?
    ) => {
        fn main() -> std::process::ExitCode {
            use std::process::Termination as _;
            support::main(
                &[
                    $((stringify!($program), || $program().report()),)*
                    $((stringify!($check), || $check().report()),)*
                ],
                &[$(stringify!($check)),*],
                &[$((stringify!($test), $test)),*],
            )
        }
    };
}
pub(crate) use suite;

pub(crate) fn main(
    programs: &[Named<ExitCode>],
    checks: &[&'static str],
    tests: &[Named<()>],
) -> ExitCode {
    if let Some(wanted) = program::wanted() {
        let found = programs.iter().find(|(name, _)| *name == wanted);
        let (_, run) = found.unwrap_or_else(|| panic!("no program `{wanted}`"));
        return run();
    }
    let checks = checks.iter().map(|&name| {
        Trial::test(name, move || {
            program(name).run().succeeds();
            Ok(())
        })
    });
    let tests = tests
        .iter()
        .map(|&(name, test)| Trial::ignorable_test(name, move || conclude(test)));
    libtest_mimic::run(&Arguments::from_args(), checks.chain(tests).collect()).exit_code()
}

/// Thrown by a test that can't be run here.
struct Skip(String);

/// Leaves a test that can't be run here; the reason shows in the results.
pub(crate) fn skip(reason: impl Into<String>) -> ! {
    resume_unwind(Box::new(Skip(reason.into())))
}

fn conclude(test: fn()) -> Result<Completion, Failed> {
    match catch_unwind(test) {
        Ok(()) => Ok(Completion::Completed),
        Err(thrown) => match thrown.downcast::<Skip>() {
            Ok(skip) => Ok(Completion::ignored_with(skip.0)),
            Err(panic) => resume_unwind(panic),
        },
    }
}

/// Looks until what is seen is as it should be. The deadline is so far away that
/// only a program that hangs meets it.
#[track_caller]
pub(crate) fn wait_until<T: Debug>(
    mut look: impl FnMut() -> T,
    is_as_expected: impl Fn(&T) -> bool,
) -> T {
    const DEADLINE: Duration = Duration::from_secs(30);
    let begin = Instant::now();
    loop {
        let seen = look();
        if is_as_expected(&seen) {
            return seen;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "waited for {DEADLINE:?} and still saw {seen:?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}
