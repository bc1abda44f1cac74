//! Code that keeps a thread until it is let go, and notes whom it kept.

use std::hint::black_box;
use std::io::{PipeReader, PipeWriter, Read as _, pipe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use loopmon::{Cause, Stall, WorkerName};

use super::{Gate, late, wait_until};

/// How the thread is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It sleeps.
    Sleep,
    /// It computes.
    Spin,
    /// It waits for a lock that another thread holds.
    Lock,
    /// It reads from a pipe that another thread has the other end of.
    Pipe,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Sleep, Self::Spin, Self::Lock, Self::Pipe];

    /// No wrong cause is told. That none is known, may be.
    #[track_caller]
    pub(crate) fn is_told_as(self, told: &Stall) {
        let cause = match self {
            Self::Sleep | Self::Lock | Self::Pipe => Cause::Blocking,
            Self::Spin => Cause::Cpu,
        };
        if told.cause == Cause::Descheduled && matches!(self, Self::Sleep | Self::Spin) {
            late("one that computes, or sleeps and wakes, got no core");
        }
        assert!(
            [cause, Cause::Unknown].contains(&told.cause),
            "{self:?} is {told:#?}"
        );
    }
}

/// Where and when a thread was kept, by its own account.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) runtime: Option<String>,
    pub(crate) worker: WorkerName,
    pub(crate) begin: Instant,
    /// `None` as long as it is kept.
    pub(crate) length: Option<Duration>,
}

/// Keeps one thread: the one that calls its [`trap`](Self::trap). It is let go at the
/// latest when this is dropped, so that a test that fails does not hang.
#[derive(Debug)]
pub(crate) struct Blocker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kind: Kind,
    inlined: bool,
    let_go: Gate,
    is_let_go: AtomicBool,
    lock: Mutex<()>,
    pipe: Pipe,
    note: Mutex<Option<Note>>,
}

#[derive(Debug)]
struct Pipe {
    reader: PipeReader,
    writer: Mutex<Option<PipeWriter>>,
}

impl Blocker {
    /// Half of the kinds can be inlined into the task, as the code of users may be.
    pub(crate) fn new(kind: Kind) -> Self {
        Self::with(kind, matches!(kind, Kind::Sleep | Kind::Lock))
    }

    pub(crate) fn with(kind: Kind, inlined: bool) -> Self {
        let (reader, writer) = pipe().expect("a pipe");
        let shared = Arc::new(Shared {
            kind,
            inlined,
            let_go: Gate::default(),
            is_let_go: AtomicBool::new(false),
            lock: Mutex::new(()),
            pipe: Pipe {
                reader,
                writer: Mutex::new(Some(writer)),
            },
            note: Mutex::default(),
        });
        if kind == Kind::Lock {
            shared.hold_lock();
        }
        Self(shared)
    }

    /// Every kind, inlined and not.
    pub(crate) fn of_every_kind() -> impl Iterator<Item = Self> {
        let each_way = |kind| [true, false].map(|inlined| Self::with(kind, inlined));
        Kind::ALL.into_iter().flat_map(each_way)
    }

    /// What keeps the thread that calls it.
    pub(crate) fn trap(&self) -> impl FnOnce() + Send + 'static {
        let shared = Arc::clone(&self.0);
        move || {
            if shared.inlined {
                shared.keep_inlined();
            } else {
                shared.keep_called();
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(crate) fn let_go(&self) {
        self.0.let_go();
    }

    /// Lets the thread go when it has been kept for so long.
    pub(crate) fn let_go_after(&self, length: Duration) {
        let begin = self.note().begin;
        wait_until(|| begin.elapsed(), |kept| *kept >= length);
        self.let_go();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.read_note().is_some()
    }

    /// Where the thread is kept, as soon as one is.
    #[track_caller]
    pub(crate) fn note(&self) -> Note {
        wait_until(|| self.0.read_note(), Option::is_some).expect("waited for it")
    }

    /// For how long the thread was kept, as soon as it is free.
    #[track_caller]
    pub(crate) fn length(&self) -> Duration {
        let length = || self.note().length;
        wait_until(length, Option::is_some).expect("waited for it")
    }
}

impl Drop for Blocker {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Shared {
    /// Another thread has the lock before this returns, and keeps it.
    fn hold_lock(self: &Arc<Self>) {
        let (shared, held) = (Arc::clone(self), Gate::default());
        let holds = held.clone();
        thread::spawn(move || {
            let _held = shared.lock.lock();
            holds.open();
            shared.let_go.pass();
        });
        held.pass();
    }

    fn let_go(&self) {
        self.is_let_go.store(true, Ordering::Release);
        self.let_go.open();
        let mut writer = unpoisoned(&self.pipe.writer);
        drop(writer.take());
    }

    fn read_note(&self) -> Option<Note> {
        unpoisoned(&self.note).clone()
    }

    #[inline(never)]
    fn keep_called(&self) {
        self.keep_inlined();
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "that is what it is for")]
    fn keep_inlined(&self) {
        let begin = Instant::now();
        *unpoisoned(&self.note) = Some(Note {
            runtime: loopmon::current().map(|monitor| monitor.name().to_owned()),
            worker: tokio::runtime::worker_index().map_or(WorkerName::Main, WorkerName::Index),
            begin,
            length: None,
        });
        let is_let_go = || self.is_let_go.load(Ordering::Acquire);
        match self.kind {
            Kind::Sleep => {
                while !is_let_go() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            Kind::Spin => {
                let mut sum = 0_u64;
                while !is_let_go() {
                    sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
                }
            }
            Kind::Lock => drop(unpoisoned(&self.lock)),
            Kind::Pipe => {
                let read = (&self.pipe.reader).read(&mut [0]);
                assert_eq!(read.expect("a pipe can be read"), 0);
            }
        }
        let length = begin.elapsed();
        if let Some(note) = &mut *unpoisoned(&self.note) {
            note.length = Some(length);
        }
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
