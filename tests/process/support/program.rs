//! A program under test, seen from outside.

use std::any::type_name;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, fs, mem};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_at_most;

/// Names the program that this process is. It must not begin with `LOOPMON_`.
const VARIABLE: &str = "PROGRAM_UNDER_TEST";

/// The program that this process is to be, if it was started by a test.
pub(super) fn wanted() -> Option<String> {
    env::var(VARIABLE).ok()
}

/// The name of a function: its module and its own.
pub(super) fn name_of<F>() -> &'static str {
    let path = type_name::<F>();
    path.split_once("::").map_or(path, |(_crate, rest)| rest)
}

/// A program of this binary, with nothing in the environment that concerns loopmon.
pub(crate) fn program<F: Fn() -> R, R>(_run: F) -> Program {
    Program::from(name_of::<F>(), Command::new(own_path()))
}

fn own_path() -> PathBuf {
    env::current_exe().expect("the path of this test")
}

/// A program that has not been started yet.
#[must_use = "does nothing until it is started"]
pub(crate) struct Program {
    name: &'static str,
    command: Command,
}

impl Program {
    fn from(name: &'static str, mut command: Command) -> Self {
        for (variable, _) in env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"LOOPMON_") {
                command.env_remove(variable);
            }
        }
        command
            .env(VARIABLE, name)
            // Symbols take longer to load than the sinks have at the end.
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { name, command }
    }

    /// Started by `sh`, where `"$0"` is the program: `exec "$0" 2>&-`.
    pub(crate) fn through_shell<F: Fn() -> R, R>(_run: F, script: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(own_path());
        Self::from(name_of::<F>(), shell)
    }

    /// Started from a copy at `path`, because others than its owner are to run it.
    pub(crate) fn copied_to<F: Fn() -> R, R>(run: F, path: &Path) -> Self {
        // A descriptor of ours, open for writing in a child of another test, would make
        // the copy "busy".
        let copied = Command::new("cp").arg(own_path()).arg(path).status();
        assert!(copied.expect("`cp` starts").success());
        Self::at(run, path)
    }

    /// Started from such a copy.
    pub(crate) fn at<F: Fn() -> R, R>(_run: F, path: &Path) -> Self {
        Self::from(name_of::<F>(), Command::new(path))
    }

    pub(crate) fn env(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(variable, value);
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Run by the user `id`. Only root may do that.
    pub(crate) fn user(mut self, id: u32) -> Self {
        use std::os::unix::process::CommandExt as _;
        self.command.uid(id).gid(id);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program starts");
        Running {
            name: self.name,
            stdout: child.stdout.take().map(Output::of).unwrap_or_default(),
            stderr: child.stderr.take().map(Output::of).unwrap_or_default(),
            child,
        }
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        self.start().end()
    }
}

/// What came out of a program so far.
#[derive(Default)]
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Self {
            bytes,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn all(mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

/// A program that has not ended yet.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Running {
    pub(crate) fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    pub(crate) fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the program has not ended");
    }

    /// As in `ps`: `T` if it is suspended.
    pub(crate) fn state(&self) -> char {
        let stat = format!("/proc/{}/stat", self.pid());
        let stat = fs::read_to_string(stat).expect("the program has not ended");
        let after_the_name = stat.rsplit(") ").next();
        after_the_name
            .and_then(|fields| fields.chars().next())
            .expect("a state")
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id"))
    }

    /// Lets a program go on that waits for the end of its standard input.
    pub(crate) fn go_on(&mut self) {
        drop(self.child.stdin.take());
    }

    #[track_caller]
    pub(crate) fn end(mut self) -> Outcome {
        self.go_on();
        // Longer than the program itself may wait for something, so that it can say
        // what it was.
        let deadline = Duration::from_secs(50);
        let look = || {
            let status = self.child.try_wait().expect("the state of the program");
            (status, self.stderr_so_far())
        };
        let (status, _) = wait_at_most(deadline, look, |(status, _)| status.is_some());
        Outcome {
            name: self.name,
            status: status.expect("waited for it"),
            stdout: mem::take(&mut self.stdout).all(),
            stderr: mem::take(&mut self.stderr).all(),
        }
    }
}

impl Drop for Running {
    /// A test that failed leaves no program behind.
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _waited_before = self.child.wait();
    }
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    name: &'static str,
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// It ended as a program without a fault does.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &Self {
        let Self {
            name,
            status,
            stderr,
            ..
        } = self;
        assert!(status.success(), "`{name}`: {status}\n{stderr}");
        self
    }

    /// It succeeded, and its standard output was this and nothing else.
    #[track_caller]
    pub(crate) fn prints(&self, stdout: &str) -> &Self {
        assert_eq!(self.succeeds().stdout, stdout, "{self:?}");
        self
    }

    /// What loopmon said on standard error: its lines without the name in front. All
    /// other lines are the program's own.
    pub(crate) fn notices(&self) -> Vec<&str> {
        self.stderr
            .lines()
            .filter_map(|line| line.strip_prefix("loopmon: "))
            .collect()
    }

    /// The lines that loopmon said, each of which begins as given.
    #[track_caller]
    pub(crate) fn notices_are(&self, beginnings: &[&str]) -> &Self {
        let notices = self.notices();
        let as_given = notices.len() == beginnings.len()
            && notices
                .iter()
                .zip(beginnings)
                .all(|(notice, beginning)| notice.starts_with(beginning));
        assert!(as_given, "expected {beginnings:#?}, saw {self:#?}");
        self
    }

    /// The one line that loopmon said.
    #[track_caller]
    pub(crate) fn notice(&self) -> &str {
        let notices = self.notices();
        assert_eq!(notices.len(), 1, "{self:?}");
        notices[0]
    }
}
