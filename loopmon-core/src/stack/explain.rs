use std::sync::Arc;

use super::{Answer, Claim, Explanation, Look, Next, Question};
use super::{Objects, RawStack, Role, Stack, Symbols, Unwinder};
use crate::stall::{Cause, OwnCode, Sighting, blame, judge};
use crate::sys::ThreadId;

/// Unwinds, names and judges what was captured. It may take its time, so it has a thread
/// of its own.
pub(super) struct Explainer {
    objects: Objects,
    unwinder: Unwinder,
    symbols: Symbols,
}

impl Explainer {
    pub(super) fn new() -> Self {
        Self {
            objects: Objects::new(),
            unwinder: Unwinder::new(),
            symbols: Symbols::new(),
        }
    }

    pub(super) fn drop_idle(&mut self) {
        self.symbols.drop_idle();
    }

    pub(super) fn explain(&mut self, question: &Question) -> Answer {
        self.objects.refresh();
        // The newest that shows anything: the worker may have been about to return.
        let mut newest = question.looks.iter().rev();
        let shows = newest.find(|look| !look.candidates.is_empty());
        let look = shows.or(question.looks.last());
        let Some(found) = look.and_then(|look| self.find(look)) else {
            let why = look.and_then(|look| look.obstacle.clone());
            let why = why.unwrap_or_else(|| "which thread runs the worker is not known".into());
            let is_wide = look.is_none_or(|look| look.wide);
            return Answer {
                number: question.number,
                thread: None,
                explanation: Explanation::unnamed(Cause::Unknown, why),
                next: if is_wide { Next::Settled } else { Next::Wider },
            };
        };
        let sightings = question.looks.iter();
        let sightings = sightings.filter_map(|look| look.sighting(found.thread));
        let sightings: Vec<Sighting> = sightings.collect();
        let judgement = judge(&sightings, question.apart, question.judged);
        Answer {
            number: question.number,
            thread: Some(found.thread),
            next: match judgement {
                // It may get a core yet, and go on for long.
                None | Some(Cause::Descheduled) => Next::Again,
                Some(_) => Next::Settled,
            },
            explanation: self.blame(question, found, judgement.unwrap_or(Cause::Unknown)),
        }
    }

    fn blame(&mut self, question: &Question, found: Found, cause: Cause) -> Explanation {
        if !cause.is_stall() {
            return Explanation {
                cause,
                culprit: None,
                unnamed: None,
            };
        }
        let newest = || self.newest_stack(&question.looks, found.thread);
        let Some(stack) = found.stack.or_else(newest) else {
            return Explanation::unnamed(cause, "the thread got no CPU to tell where it is");
        };
        match blame(&stack, &OwnCode::new(question.own.to_vec())) {
            Ok(culprit) => Explanation {
                cause,
                culprit: Some(Arc::new(culprit)),
                unnamed: None,
            },
            Err(_) if !self.can_name_the_program() => {
                Explanation::unnamed(cause, "the program's file can't be read")
            }
            Err(unnamed) => Explanation::unnamed(cause, unnamed.reason()),
        }
    }

    /// The worker's thread among those that were looked at.
    fn find(&mut self, look: &Look) -> Option<Found> {
        let (mut workers, mut cut) = (Vec::new(), Vec::new());
        for candidate in &look.candidates {
            let stack = candidate.stack.as_ref().map(|raw| self.name(raw));
            let role = stack.as_ref().map(Role::of);
            // The loop may stand where the copy does not reach.
            let is_cut = role == Some(Role::Other) && stack.as_ref().is_some_and(|s| !s.complete);
            let found = Found {
                thread: candidate.thread,
                stack,
            };
            match (candidate.claim, role) {
                // Of a seat, nothing speaks against what was last known.
                (Claim::Sure, _)
                | (Claim::Seat, None | Some(Role::Worker | Role::Unnamed)) => return Some(found),
                (Claim::Seat, _) if is_cut => return Some(found),
                (Claim::None, Some(Role::Worker)) => workers.push(found),
                (Claim::None, _) if is_cut => cut.push(found),
                _ => {}
            }
        }
        // Of several, none is more likely than the others.
        let mut likely = if workers.is_empty() { cut } else { workers };
        let only = likely.pop()?;
        likely.is_empty().then_some(only)
    }

    fn newest_stack(&mut self, looks: &[Arc<Look>], thread: ThreadId) -> Option<Stack> {
        let mut looks = looks.iter().rev();
        let raw = looks.find_map(|look| look.candidate(thread)?.stack.as_ref())?;
        Some(self.name(raw))
    }

    fn can_name_the_program(&self) -> bool {
        let program = self.objects.main_program();
        let image = program.and_then(|program| program.image());
        image.is_some_and(|image| image.is_whole())
    }

    fn name(&mut self, raw: &RawStack) -> Stack {
        let unwound = self.unwinder.unwind(raw, &self.objects);
        self.symbols.name(&unwound, &self.objects)
    }
}

struct Found {
    thread: ThreadId,
    stack: Option<Stack>,
}
