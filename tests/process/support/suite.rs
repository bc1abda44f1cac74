//! The tests of a module, and the programs that they start.

use std::panic::{UnwindSafe, catch_unwind, resume_unwind};
use std::process::{ExitCode, Termination};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::program::{name_of, program, wanted};

type Run = Box<dyn Fn() -> ExitCode>;

/// What one module has.
#[derive(Default)]
pub(crate) struct Suite {
    programs: Vec<(&'static str, Run)>,
    trials: Vec<Trial>,
}

impl Suite {
    /// A program that a test of this module starts.
    pub(crate) fn program<F, R>(mut self, run: F) -> Self
    where
        F: Fn() -> R + 'static,
        R: Termination,
    {
        let run_and_report = move || run().report();
        self.programs
            .push((name_of::<F>(), Box::new(run_and_report)));
        self
    }

    /// A test that looks at programs from outside.
    pub(crate) fn test<F: Fn() + Copy + Send + UnwindSafe + 'static>(mut self, test: F) -> Self {
        let trial = Trial::ignorable_test(name_of::<F>(), move || conclude(test));
        self.trials.push(trial);
        self
    }

    /// A program that looks at itself, which is a test that it ends without a panic.
    pub(crate) fn check<F: Fn() + Copy + Send + 'static>(mut self, check: F) -> Self {
        let trial = Trial::test(name_of::<F>(), move || {
            program(check).run().succeeds();
            Ok(())
        });
        self.trials.push(trial);
        self.program(check)
    }

    /// As [`check`](Self::check), of a program that can be spoiled by a machine that is
    /// late, and then says so by [`late`]: it is tried again.
    pub(crate) fn punctual<F: Fn() + Copy + Send + UnwindSafe + 'static>(
        mut self,
        check: F,
    ) -> Self {
        let test = move || {
            const TRIES: usize = 5;
            let mut outcomes = (0..TRIES).map(|_| program(check).run());
            match outcomes.find(|outcome| outcome.code() != Some(LATE)) {
                Some(outcome) => _ = outcome.succeeds(),
                None => skip(format!("the machine was late {TRIES} times")),
            }
        };
        let trial = Trial::ignorable_test(name_of::<F>(), move || conclude(test));
        self.trials.push(trial);
        self.program(check)
    }
}

/// The exit code of a program that was spoiled by the machine.
const LATE: i32 = 75;

/// Ends this program, which the machine has spoiled.
pub(crate) fn late(how: &str) -> ! {
    eprintln!("spoiled: {how}");
    std::process::exit(LATE);
}

/// Runs the program that this process is to be, or else all tests.
pub(crate) fn main(suites: Vec<Suite>) -> ExitCode {
    if let Some(wanted) = wanted() {
        let mut programs = suites.iter().flat_map(|suite| &suite.programs);
        let found = programs.find(|(name, _)| *name == wanted);
        let (_, run) = found.unwrap_or_else(|| panic!("`{wanted}` is in no suite"));
        return run();
    }
    let trials = suites.into_iter().flat_map(|suite| suite.trials).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Thrown by a test that can't be run here.
struct Skip(String);

/// Leaves a test that can't be run here; the reason shows in the results.
pub(crate) fn skip(reason: impl Into<String>) -> ! {
    resume_unwind(Box::new(Skip(reason.into())))
}

fn conclude(test: impl FnOnce() + UnwindSafe) -> Result<Completion, Failed> {
    match catch_unwind(test) {
        Ok(()) => Ok(Completion::Completed),
        Err(thrown) => match thrown.downcast::<Skip>() {
            Ok(skip) => Ok(Completion::ignored_with(skip.0)),
            Err(panic) => resume_unwind(panic),
        },
    }
}
