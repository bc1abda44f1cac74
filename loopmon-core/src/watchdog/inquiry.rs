use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::RuntimeFlavor;

use super::case::{Case, Open, Saying};
use super::stalls::StallWitness;
use crate::clock::Timestamp;
use crate::config::Backtrace;
use crate::registry::Watched;
use crate::stack::{Answer, Explanation, Look, Next, Question, Whom};
use crate::stall::{Cause, Judged, WorkerName};

/// How it is found out why a worker is away, and in what code: it looks, and asks the
/// thread that explains.
impl StallWitness<'_> {
    /// One more look at it can be compared with this one, if it becomes a stall.
    pub(super) fn suspect(&mut self, worker: WorkerName, cause: Cause) {
        self.cases
            .retain(|case| case.stall.is_some() || case.worker != worker);
        let index = self.open_case(worker, cause);
        self.look(index, false);
        if self.means.stacks.is_idle() {
            self.ask(index); // Symbols may have to be read.
        }
    }

    /// Explains what needs no stack, or has none. Of the others there will be an answer.
    pub(super) fn explain(&mut self, index: usize) {
        match self.cases.get(index).map(known) {
            Some(Some(explanation)) => self.settle(index, explanation),
            Some(None) => {
                self.ask_or_wait(index);
                self.want_if_close(index);
            }
            None => {}
        }
    }

    /// The look at the suspicion was late, or there was none: what it shows is too close to the
    /// look at the threshold to tell anything. So another is taken before there is an answer.
    fn want_if_close(&mut self, index: usize) {
        let apart = apart(self.watched);
        let Some(case) = self.cases.get_mut(index) else {
            return;
        };
        let [first, .., last] = &*case.looks else {
            return case.want_soon(apart);
        };
        if last.at.saturating_duration_since(first.at) < apart {
            case.want_soon(apart);
        }
    }

    /// Takes the look that the last answer wanted.
    pub(super) fn look_again(&mut self, index: usize) {
        let wanted = self.cases.get_mut(index).and_then(Case::take_due);
        if let Some(next) = wanted {
            self.look(index, next == Next::Wider);
            self.ask_or_wait(index);
        }
    }

    /// Looks at the worker's thread once more.
    pub(super) fn look(&mut self, index: usize, wide: bool) {
        /// A thread may take so long to answer; in time for the next tick.
        const PATIENCE: Duration = Duration::from_millis(5);
        let (watched, stacks) = (self.watched, &mut *self.means.stacks);
        let Some(case) = self.cases.get_mut(index) else {
            return;
        };
        let is_known = case.known != Cause::Unknown || case.worker == WorkerName::Shutdown;
        if is_known || !case.may_look() {
            return;
        }
        let backtrace = watched.settings.backtrace;
        if backtrace == Backtrace::Never {
            case.looks = vec![Arc::new(Look::none(self.now, "`backtrace` = `never`"))];
            return;
        }
        let threads = watched.hooked.as_deref().map(|hooked| &hooked.threads);
        let whom = Whom {
            worker: case.worker,
            judged: judged(case.worker, watched),
            root: watched.root.thread(),
            seats: &watched.seats,
            threads,
            wide,
            patience: PATIENCE.min(watched.settings.stall_threshold / 4),
            always: backtrace == Backtrace::Always,
        };
        let before = watched.movements(case.worker);
        let look = stacks.look(&whom, Instant::now());
        // Else it may be about what the worker does now.
        if watched.movements(case.worker) == before {
            case.looks.push(Arc::new(look));
        }
    }

    /// Asks, or tries to at the next tick.
    fn ask_or_wait(&mut self, index: usize) {
        if self.ask(index) {
            return;
        }
        if let Some(case) = self.cases.get_mut(index) {
            case.wanted = Some(Next::Again);
            let why = "too many workers are stuck to name all of them in time";
            let nothing = || Explanation::unnamed(Cause::Unknown, why);
            case.so_far.get_or_insert_with(nothing);
        }
    }

    /// Asks for an explanation of what was seen. Whether there will be an answer.
    fn ask(&mut self, index: usize) -> bool {
        let (watched, stacks) = (self.watched, &mut *self.means.stacks);
        let Some(case) = self.cases.get_mut(index) else {
            return false;
        };
        let taken = stacks.explain(Question {
            number: case.number,
            judged: judged(case.worker, watched),
            apart: apart(watched),
            looks: case.looks.clone(),
            own: Arc::clone(&watched.own),
        });
        case.open += usize::from(taken);
        taken
    }

    /// An explanation has come.
    pub(super) fn answered(&mut self, answer: &Answer) {
        let mut cases = self.cases.iter_mut();
        let Some(index) = cases.position(|case| case.number == answer.number) else {
            return; // It was told without, and has ended.
        };
        let Some(case) = self.cases.get_mut(index) else {
            return;
        };
        case.open = case.open.saturating_sub(1);
        if let (WorkerName::Index(worker), Some(thread)) = (case.worker, answer.thread) {
            self.watched.seats.note(worker, thread);
        }
        let is_told = case.stall.is_some() && case.held_until().is_none();
        if case.stall.is_none() {
            case.wanted = Some(answer.next); // If it becomes a stall.
            return;
        }
        if answer.next != Next::Settled && !is_told && case.may_look() {
            let apart = apart(self.watched);
            return case.want(answer.next, answer.explanation.clone(), apart);
        }
        if answer.next != Next::Settled && !is_told && case.open > 0 {
            case.so_far = Some(answer.explanation.clone());
            return; // It is over, and the last look has not been explained.
        }
        if let Some(Open {
            id,
            saying: Saying::Out { explanation, .. },
            ..
        }) = &mut case.stall
        {
            let culprit = &answer.explanation.culprit;
            if explanation.culprit.is_none() && culprit.is_some() {
                // It was told without a name, and from now on with it.
                explanation.culprit.clone_from(culprit);
                explanation.unnamed = None;
                let (why, at) = (explanation.cause, Timestamp::at(self.now));
                let mut book = self.watched.stalls();
                book.blame(*id, why, culprit.as_deref(), at);
            }
            return;
        }
        self.settle(index, answer.explanation.clone());
    }
}

/// How far apart two looks have to be that show the same. From the suspicion to the
/// threshold it is twice as long.
fn apart(watched: &Watched) -> Duration {
    watched.settings.stall_threshold / 8
}

/// What can be said without an explanation: all that there will be.
fn known(case: &Case) -> Option<Explanation> {
    if case.known != Cause::Unknown {
        return Some(Explanation {
            cause: case.known,
            culprit: None,
            unnamed: None,
        });
    }
    let unnamed = |why: &str| Some(Explanation::unnamed(Cause::Unknown, why));
    if case.worker == WorkerName::Shutdown {
        return unnamed("which thread the runtime waits for is not known");
    }
    match case.looks.last() {
        Some(look) if look.candidates.is_empty() => unnamed(
            look.obstacle
                .as_deref()
                .unwrap_or("the worker's thread was not found"),
        ),
        Some(_) => None,
        None => unnamed("the worker moved while it was looked at"),
    }
}

/// Who it is that is judged.
fn judged(worker: WorkerName, watched: &Watched) -> Judged {
    match worker {
        WorkerName::Main => Judged::Root,
        _ if watched.flavor == RuntimeFlavor::CurrentThread => Judged::OnlyWorker,
        _ => Judged::Worker,
    }
}
