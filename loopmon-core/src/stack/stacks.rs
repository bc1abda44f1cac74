use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::explain::Explainer;
use super::{Answer, Candidate, Claim, Look, Question, RawStack, Whom};
use super::alike::alike;
use super::{Objects, OnCpu, Refusal, Sight, Symbols, asleep, on_cpu};
use crate::config::Backtrace;
use crate::sink::notice;
use crate::stall::{Doing, Judged, Sleep, WorkerName};
use crate::sys::ThreadId;

/// So many questions wait for an answer; others are asked again at the next tick.
const QUESTIONS: usize = 16;

/// So many threads are looked at when nothing points to one.
const TRIES: usize = 16;

/// After this time without a question what was read of debug information is dropped.
const IDLE: Duration = Duration::from_secs(10);

/// The stacks of the program's threads, as the watchdog sees them.
#[derive(Default)]
pub(crate) struct Stacks {
    signals: Signals,
    desk: Option<Desk>,
    symbols: Option<&'static str>,
    /// Questions that have no answer yet.
    open: usize,
}

/// Whether threads that compute can be asked.
#[derive(Default)]
enum Signals {
    /// No runtime has wanted it yet.
    #[default]
    Off,
    On(#[expect(dead_code, reason = "its drop takes the handler away")] on_cpu::Installed),
    Refused(Arc<str>),
}

impl Stacks {
    /// A runtime arrives whose stacks are wanted, or are not.
    pub(crate) fn arrange(&mut self, backtrace: Backtrace) {
        if backtrace != Backtrace::Never && matches!(self.signals, Signals::Off) {
            self.signals = match on_cpu::install() {
                Ok(installed) => Signals::On(installed),
                Err(why) => Signals::Refused(why.to_string().into()),
            };
        }
    }

    /// Why stacks can't be captured, or not of all threads; `None` if they can.
    pub(crate) fn obstacle(&self, backtrace: Backtrace) -> Option<Arc<str>> {
        match &self.signals {
            _ if backtrace == Backtrace::Never => Some("`backtrace` = `never`".into()),
            Signals::Refused(why) => Some(Arc::clone(why)),
            Signals::Off | Signals::On(_) => None,
        }
    }

    /// How much can be said of an address of this program.
    pub(crate) fn symbols(&mut self) -> &'static str {
        self.symbols.get_or_insert_with(|| {
            let mut objects = Objects::new();
            objects.refresh();
            Symbols::new().detail(&objects).word()
        })
    }

    pub(crate) fn look(&mut self, whom: &Whom<'_>, at: Instant) -> Look {
        let mut look = Look {
            at,
            candidates: Vec::new(),
            wide: whom.wide,
            obstacle: None,
        };
        let (WorkerName::Index(index), Judged::Worker) = (whom.worker, whom.judged) else {
            look.wide = true; // There is no other.
            if let Some(thread) = whom.root {
                self.look_at(thread, Claim::Sure, whom, &mut look);
            }
            return look;
        };
        let seat = whom.seats.of(index);
        if let Some(thread) = seat {
            self.look_at(thread, Claim::Seat, whom, &mut look);
        }
        if look.is_sure() || (!look.candidates.is_empty() && !whom.wide) {
            return look;
        }
        look.wide = true;
        let mut others: Vec<_> = match whom.threads {
            Some(threads) => threads.ids().chain(whom.seats.threads()).collect(),
            None => alike(whom.seats),
        };
        // Those that nobody was seen on come first: of the others only who runs can be it.
        others.sort_by_key(|thread| whom.seats.whose(*thread).is_some());
        let others = others.into_iter().filter(|thread| Some(*thread) != seat);
        let others = others.take(TRIES);
        for thread in others {
            if look.candidate(thread).is_none() {
                self.look_at(thread, Claim::None, whom, &mut look);
                if look.is_sure() {
                    break;
                }
            }
        }
        look
    }

    fn look_at(&mut self, thread: ThreadId, claim: Claim, whom: &Whom<'_>, look: &mut Look) {
        let (doing, stack) = match asleep::look(thread) {
            Sight::Gone => return,
            Sight::Asleep(mut seen) => {
                // What lies above its stack is another's.
                if let Some(bounds) = whom.threads.and_then(|threads| threads.stack(thread)) {
                    seen.raw.end_at(bounds.end);
                }
                let sleep = Sleep {
                    ip: seen.raw.ip,
                    sp: seen.raw.sp,
                    switches: seen.switches,
                };
                (Doing::Sleeping(sleep), Some(seen.raw))
            }
            Sight::Running => return self.ask(thread, claim, whom, look),
            Sight::Unreadable(_) if whom.always => return self.ask(thread, claim, whom, look),
            Sight::Unreadable(why) => {
                look.obstacle = Some(why.into());
                return;
            }
        };
        // A thread that sleeps can't say whose it is, but who sat where is known.
        let taken = || whom.seats.whose(thread).map(WorkerName::Index);
        if claim == Claim::None && taken().is_some_and(|other| other != whom.worker) {
            return;
        }
        look.add(thread, claim, doing, stack);
    }

    /// Asks a thread that runs where it is, and whose it is.
    fn ask(&mut self, thread: ThreadId, claim: Claim, whom: &Whom<'_>, look: &mut Look) {
        if let Signals::Refused(why) = &self.signals {
            look.obstacle = Some(Arc::clone(why));
            return;
        }
        let is_tokios = claim != Claim::None
            || whom.threads.is_some()
            || whom.seats.whose(thread).is_some();
        if !is_tokios {
            let why = "a thread that computes is not asked before the probe has run on it";
            look.obstacle = Some(why.into());
            return;
        }
        let bounds = whom.threads.and_then(|threads| threads.stack(thread));
        match on_cpu::ask(thread, bounds, whom.patience) {
            Ok(OnCpu { worker, task, raw }) => {
                if let Some(worker) = worker {
                    whom.seats.note(worker, thread);
                }
                let is_it = match whom.judged {
                    Judged::Worker => worker.map(WorkerName::Index) == Some(whom.worker),
                    Judged::OnlyWorker | Judged::Root => true,
                };
                if is_it {
                    look.candidates.clear();
                    look.add(thread, Claim::Sure, Doing::Computing(task), Some(raw));
                }
            }
            Err(Refusal::NoAnswer | Refusal::Busy) => {
                if claim != Claim::None {
                    look.add(thread, claim, Doing::Starving, None);
                }
            }
            Err(refusal) => {
                let why: Arc<str> = refusal.to_string().into();
                if matches!(refusal, Refusal::Replaced) {
                    notice(&format!("stacks of threads that compute are no longer seen: {why}"));
                    self.signals = Signals::Refused(Arc::clone(&why));
                }
                look.obstacle = Some(why);
            }
        }
    }

    /// Passes a question on to the thread that explains. Whether it was taken: then there
    /// will be an answer.
    pub(crate) fn explain(&mut self, question: Question) -> bool {
        if self.desk.is_none() {
            self.desk = Desk::open();
        }
        let taken = self.desk.as_ref().is_some_and(|desk| desk.take(question));
        self.open += usize::from(taken);
        taken
    }

    /// Whether the thread that explains has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// What has been explained meanwhile.
    pub(crate) fn answers(&mut self) -> Vec<Answer> {
        let answers = self.desk.iter().flat_map(|desk| desk.answers.try_iter());
        let answers: Vec<_> = answers.collect();
        self.open = self.open.saturating_sub(answers.len());
        answers
    }
}

impl Look {
    fn is_sure(&self) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|candidate| candidate.claim == Claim::Sure)
    }

    fn add(&mut self, thread: ThreadId, claim: Claim, doing: Doing, stack: Option<RawStack>) {
        let sleeps = match doing {
            Doing::Sleeping(_) => None,
            Doing::Computing(_) | Doing::Starving => asleep::sleeps(thread),
        };
        self.candidates.push(Candidate {
            thread,
            claim,
            cpu_time: thread.cpu_time(),
            sleeps,
            doing,
            stack,
        });
    }
}

/// The thread that explains, and the way to it and back.
struct Desk {
    /// `None` when it is to end.
    questions: Option<SyncSender<Question>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Called on the watchdog's thread, which takes no signals, and so does this.
    fn open() -> Option<Self> {
        let (questions, asked) = mpsc::sync_channel(QUESTIONS);
        let (answer, answers) = mpsc::sync_channel(2 * QUESTIONS);
        let watchdog = thread::current();
        let thread = thread::Builder::new()
            .name("loopmon-stacks".to_owned())
            .spawn(move || {
                let mut explainer = Explainer::new();
                while let Some(question) = next(&asked, &mut explainer) {
                    let answered = explainer.explain(&question);
                    if let Err(TrySendError::Disconnected(_)) = answer.try_send(answered) {
                        return;
                    }
                    watchdog.unpark();
                }
            });
        Some(Self {
            questions: Some(questions),
            answers,
            thread: Some(thread.ok()?),
        })
    }

    fn take(&self, question: Question) -> bool {
        let questions = self.questions.as_ref();
        questions.is_some_and(|questions| questions.try_send(question).is_ok())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.questions.take());
        // Nobody waits for what it has not begun.
        self.answers = mpsc::sync_channel(0).1;
        if let Some(thread) = self.thread.take() {
            let _it_does_not_panic = thread.join();
        }
    }
}

/// Waits for a question; `None` when there will be no more.
fn next(asked: &Receiver<Question>, explainer: &mut Explainer) -> Option<Question> {
    match asked.recv_timeout(IDLE) {
        Ok(question) => Some(question),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            explainer.drop_idle();
            asked.recv().ok()
        }
    }
}
