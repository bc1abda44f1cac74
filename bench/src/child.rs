//! This program again, as a process of its own.

use std::process::{Child, Command};

/// The first argument of a child; the second is its name.
pub(crate) const MARK: &str = "--child";

/// Ends the child with the value.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts `name` with `arguments`.
pub(crate) fn start(name: &str, arguments: &[&str]) -> Running {
    Running(
        command(&[], name, arguments)
            .spawn()
            .expect("this program starts again"),
    )
}

/// The command that runs `name`, under `wrapper` if that is not empty.
pub(crate) fn command(wrapper: &[String], name: &str, arguments: &[&str]) -> Command {
    let program = std::env::current_exe().expect("a path to this program");
    let mut command = match wrapper {
        [] => Command::new(&program),
        [wrapper, flags @ ..] => {
            let mut command = Command::new(wrapper);
            command.args(flags).arg(&program);
            command
        }
    };
    command.arg(MARK).arg(name).args(arguments);
    command
}
