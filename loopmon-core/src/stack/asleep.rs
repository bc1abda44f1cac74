//! The stack of a thread that waits in the kernel, without waking it: a signal would cut
//! short many a call, even with `SA_RESTART`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{RawStack, Sight, Sleep};
use crate::sys::{ThreadId, read_own};

/// How much of a stack is copied.
const MOST: usize = 64 * 1024;
/// A thread that has moved on while it was read is looked at again, so often at most.
const ATTEMPTS: usize = 3;

/// Looks what `thread` does.
pub(crate) fn look(thread: ThreadId) -> Sight {
    for _ in 0..ATTEMPTS {
        match look_once(thread) {
            Ok(Some(sight)) => return sight,
            Ok(None) => {}
            Err(error) => return without_syscall(thread, &error),
        }
    }
    // It never stays where it is, so it is about as good as on a CPU.
    Sight::Running
}

/// `None` if the thread has moved on meanwhile.
fn look_once(thread: ThreadId) -> io::Result<Option<Sight>> {
    let before = Position::of(thread)?;
    let place = match Place::parse(before.call.text()) {
        Some(Place::OnCpu) => return Ok(Some(Sight::Running)),
        // The first thread, when it has ended before the process.
        Some(Place::InKernel { sp: 0, .. }) => return Ok(Some(Sight::Gone)),
        Some(Place::InKernel { syscall, sp, ip }) => (syscall, sp, ip),
        None => {
            return Ok(Some(Sight::Unreadable(
                "unknown form of /proc/self/task/*/syscall",
            )));
        }
    };
    let (syscall, sp, ip) = place;
    let mut bytes = vec![0; MOST];
    let length = read_own(sp, &mut bytes);
    bytes.truncate(length);
    if Position::of(thread)? != before {
        return Ok(None);
    } else if length == 0 {
        let why = "the process may not read its own memory";
        return Ok(Some(Sight::Unreadable(why)));
    }
    Ok(Some(Sight::Asleep(Sleep {
        syscall,
        switches: before.switches,
        raw: RawStack {
            ip,
            sp,
            bp: None,
            bytes,
        },
    })))
}

/// What must be the same before and after the stack is read.
#[derive(PartialEq, Eq)]
struct Position {
    call: Small,
    switches: Option<u64>,
}

impl Position {
    fn of(thread: ThreadId) -> io::Result<Self> {
        let call = Small::read(thread, "syscall")?;
        let switches = if call.text().starts_with("running") {
            None
        } else {
            switches(thread)
        };
        Ok(Self { call, switches })
    }
}

/// How often `thread` has been given a CPU.
fn switches(thread: ThreadId) -> Option<u64> {
    // Time on a CPU, time it waited for one, how often it got one.
    let schedstat = Small::read(thread, "schedstat").ok()?;
    let times = schedstat
        .text()
        .split_ascii_whitespace()
        .nth(2)?
        .parse()
        .ok()?;
    // All are 0 where the kernel does not count.
    (times != 0).then_some(times)
}

/// How often `thread` has left a CPU to sleep, and not because another was to have it.
pub(crate) fn sleeps(thread: ThreadId) -> Option<u64> {
    const ROOM: u64 = 4096;
    let mut status = Vec::new();
    let file = File::open(format!("{}/status", directory(thread))).ok()?;
    file.take(ROOM).read_to_end(&mut status).ok()?;
    let status = String::from_utf8_lossy(&status);
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    count.trim().parse().ok()
}

/// What the file `syscall` says.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    OnCpu,
    InKernel {
        syscall: Option<u32>,
        sp: u64,
        ip: u64,
    },
}

impl Place {
    /// `running`, `-1 SP PC`, or the call's number, its six arguments, SP and PC.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let first = words.next()?;
        if first == "running" {
            return Some(Self::OnCpu);
        }
        let syscall = match first {
            "-1" => None,
            number => Some(number.parse().ok()?),
        };
        let arguments = if syscall.is_some() { 6 } else { 0 };
        let mut registers = words.skip(arguments).map(hexadecimal);
        let (sp, ip) = (registers.next()??, registers.next()??);
        Some(Self::InKernel { syscall, sp, ip })
    }
}

fn hexadecimal(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

/// What is left where the kernel does not tell the call: whether the thread is there, and
/// on a CPU.
fn without_syscall(thread: ThreadId, error: &io::Error) -> Sight {
    // Takes no descriptor, so a program that has none left does not look like a thread
    // that has ended.
    if !Path::new(&directory(thread)).exists() {
        return if Path::new("/proc/self/task").exists() {
            Sight::Gone
        } else {
            Sight::Unreadable("no /proc")
        };
    }
    let stat = Small::read(thread, "stat").ok();
    match stat.as_ref().and_then(|stat| state(stat.bytes())) {
        Some(b'R') => Sight::Running,
        Some(b'X' | b'Z') => Sight::Gone,
        _ => Sight::Unreadable(match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => "/proc/self/task/*/syscall may not be read",
            Some(libc::EMFILE | libc::ENFILE) => "no descriptor left",
            _ => "no /proc/self/task/*/syscall",
        }),
    }
}

/// The letter after the thread's name, which stands in parentheses and may hold any byte.
fn state(stat: &[u8]) -> Option<u8> {
    let end_of_name = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(end_of_name + 2).copied()
}

fn directory(thread: ThreadId) -> String {
    format!("/proc/self/task/{}", thread.word())
}

/// The beginning of a small file.
#[derive(PartialEq, Eq)]
struct Small {
    bytes: [u8; Self::ROOM],
    length: usize,
}

impl Small {
    /// A system call with its arguments takes 175 at most.
    const ROOM: usize = 256;

    fn read(thread: ThreadId, name: &str) -> io::Result<Self> {
        let mut file = File::open(format!("{}/{name}", directory(thread)))?;
        let mut bytes = [0; Self::ROOM];
        // One read is all that such a file takes.
        let length = file.read(&mut bytes)?;
        Ok(Self { bytes, length })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn text(&self) -> &str {
        str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_the_kernels_answer_is_understood() {
        let asleep = |syscall| {
            let (sp, ip) = (0x7ffd_9f66_d2f8, 0x7fa1_382c_2503);
            Some(Place::InKernel { syscall, sp, ip })
        };
        let registers = "0x7ffd9f66d2f8 0x7fa1382c2503\n";
        let arguments = "0x0 0x0 0x7ffd9f66d310 0x7ffd9f66d350 0x0 0x0";
        assert_eq!(Place::parse("running\n"), Some(Place::OnCpu));
        assert_eq!(Place::parse(&format!("-1 {registers}")), asleep(None));
        assert_eq!(
            Place::parse(&format!("230 {arguments} {registers}")),
            asleep(Some(230))
        );
        for broken in [
            "",
            "\n",
            "230",
            "-1 0x1",
            "x 0x1 0x2",
            "-1 1 2",
            "230 0x1 0x2",
        ] {
            assert_eq!(Place::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_threads_name_does_not_hide_its_state() {
        assert_eq!(state(b"7 (a) S (b) R 1 2"), Some(b'R'));
        assert_eq!(state(b"7 (\xff\xfe) S 1 2"), Some(b'S'));
        for broken in [&b""[..], b"7", b"7 (a)", b"7 (a) "] {
            assert_eq!(state(broken), None);
        }
    }

    #[test]
    fn without_the_call_a_thread_is_still_known_to_be_there_or_gone() {
        let denied = io::Error::from_raw_os_error(libc::EACCES);
        let own = ThreadId::current().unwrap();
        assert!(matches!(without_syscall(own, &denied), Sight::Running));
        // Nobody has this one: the kernel's are smaller.
        let nobody = ThreadId::from_word(u32::MAX >> 1).unwrap();
        assert!(matches!(without_syscall(nobody, &denied), Sight::Gone));
        assert!(matches!(look(nobody), Sight::Gone));
    }
}
