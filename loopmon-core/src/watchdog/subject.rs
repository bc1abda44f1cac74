use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::RuntimeFlavor;

use super::drill::Drill;
use super::ping::{Due, Pinger};
use super::stalls::{Means, StallTeller};
use super::workers::Workers;
use crate::clock::Timestamp;
use crate::record::{End, Sample, Start};
use crate::registry::{Process, Watched};
use crate::snapshot::{Probe, Snapshot};
use crate::stack::{Answer, Stacks};
use crate::sys::Bell;

/// Samples are taken this often, or once an interval if that is longer.
const SAMPLE_PERIOD: Duration = Duration::from_secs(1);

/// A tick is an eighth of the stall threshold, within these bounds: at the default
/// of 100 ms, every 12.5 ms.
const TICKS_PER_THRESHOLD: u32 = 8;
const SHORTEST_TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(25);

/// Who is active for less than this is seldom looked at.
const FIRST_LOOK: Duration = Duration::from_millis(2);

/// A runtime with what the watchdog alone knows of it.
pub(crate) struct Subject {
    pub(crate) watched: Arc<Watched>,
    /// The bell of the probe and the plan when to ring it; none for other probes.
    pings: Option<(Pinger, Arc<Bell>)>,
    tick: Duration,
    workers: Workers,
    stalls: StallTeller,
    /// Since when whoever becomes active wakes the watchdog, if so.
    dozing: Option<Instant>,
    /// When something happened last, after a time of quiet, that may set several workers
    /// in motion.
    stirred: Instant,
    drill: Option<Drill>,
    /// Nothing more is to be seen of it.
    leaving: bool,
    sampled: Option<Snapshot>,
    next_sample: Instant,
}

impl Subject {
    pub(crate) fn new(
        watched: Arc<Watched>,
        bell: Option<Arc<Bell>>,
        drill: Option<Duration>,
    ) -> Self {
        let (settings, now) = (watched.settings, watched.since);
        let tick = settings.stall_threshold / TICKS_PER_THRESHOLD;
        let tick = tick.clamp(SHORTEST_TICK, LONGEST_TICK);
        Self {
            pings: bell.map(|bell| (Pinger::new(settings.interval, now), bell)),
            tick,
            workers: Workers::new(watched.num_workers, settings.stall_threshold, tick, now),
            stalls: StallTeller::default(),
            dozing: None,
            stirred: now,
            drill: drill.map(|length| Drill::new(length, now)),
            leaving: false,
            sampled: None,
            next_sample: now + SAMPLE_PERIOD.max(settings.interval),
            watched,
        }
    }

    /// Collects the answer of the probe, if there is one.
    pub(super) fn collect(&mut self) {
        let Watched {
            line,
            lags,
            settings,
            ..
        } = &*self.watched;
        let Some(lag) = line.take_answer() else {
            return;
        };
        if let Some((pinger, _)) = &mut self.pings {
            pinger.answered(lag, lags);
        } else {
            // The next sleep would have ended one interval after this one, on average.
            lags.record(lag);
            lags.record_descending(lag.saturating_sub(settings.interval), settings.interval);
        }
    }

    /// Tells what has been found out about stalls, or will not be in time.
    pub(super) fn hear(&mut self, answers: &[Answer], now: Instant, means: Means<'_>) {
        let mut witness = self.stalls.witness(now, &self.watched, means);
        for answer in answers {
            witness.answered(answer);
        }
        witness.stop_waiting(now);
    }

    /// Whether something has still to be told that waits for an explanation.
    pub(super) fn is_explaining(&self) -> bool {
        self.stalls.held_until().is_some()
    }

    /// Looks who is away, and tells of those who are for too long.
    pub(super) fn look(&mut self, now: Instant, clock: impl Fn() -> Instant, means: Means<'_>) {
        if self.leaving {
            return;
        }
        if let Some(since) = self.dozing.take()
            && let Some(hooked) = &self.watched.hooked
        {
            let until = hooked.quiet_until(now);
            self.workers.were_quiet_until(until);
            if until < now {
                // Somebody woke the watchdog then.
                means
                    .process
                    .host_lags
                    .record(now.saturating_duration_since(until));
            }
            // In a busy program it sleeps for a moment only, again and again.
            if now >= since + self.tick {
                self.stirred = now;
            }
        }
        let mut witness = self.stalls.witness(now, &self.watched, means);
        self.workers.look(now, clock, &self.watched, &mut witness);
        if self.watched.has_ended() {
            self.watched.end();
        }
    }

    /// All that is told as lasting has ended, because the watch has.
    pub(super) fn stop_looking(&mut self, now: Instant, means: Means<'_>) {
        if std::mem::replace(&mut self.leaving, true) {
            return;
        }
        let mut witness = self.stalls.witness(now, &self.watched, means);
        self.workers.look_away(now, &mut witness);
    }

    pub(super) fn ping(&mut self, now: Instant) {
        if let Some(drill) = &self.drill
            && drill.is_due(now)
        {
            drill.begin(&self.watched);
            self.drill = None;
        }
        let Some((pinger, bell)) = &mut self.pings else {
            return;
        };
        let (line, suspected) = (&self.watched.line, self.workers.suspect());
        match pinger.send(now) {
            Due::Send => {
                line.ask(now);
                bell.ring();
                self.stirred = now;
            }
            Due::Count => line.count_from(now),
            Due::Nothing if suspected && pinger.send_out_of_turn(now) => {
                line.ask_out_of_turn(now);
                bell.ring();
            }
            Due::Nothing => {}
        }
    }

    /// The sample that is due, if one is.
    pub(super) fn sample(&mut self, now: Instant, process: &Process) -> Option<Sample> {
        if now < self.next_sample {
            return None;
        }
        let period = SAMPLE_PERIOD.max(self.watched.settings.interval);
        self.next_sample += period;
        if self.next_sample <= now {
            self.next_sample = now + period; // The process was suspended.
        }
        let total = self.watched.snapshot(now, &process.host_lags);
        let window = match &self.sampled {
            Some(earlier) => total.since(earlier),
            None => total.clone(),
        };
        self.sampled = Some(total.clone());
        let dropped = process.dropped(&self.watched);
        Some(Sample {
            at: Timestamp::at(now),
            window,
            total,
            dropped,
        })
    }

    /// When to wake next, if nobody wakes the watchdog before.
    pub(super) fn next_wake(&mut self, now: Instant) -> Instant {
        let next_look = self.next_look(now);
        let next_ping = match (&self.pings, self.watched.probe) {
            // A ping that is still out when the next is due waits for the next look.
            (Some((pinger, _)), _) if pinger.due() > now => Some(pinger.due()),
            (Some(_), _) => Some(now + self.tick),
            // Sleeps of the timer probe are at least half an interval long, so none
            // of its answers is missed.
            (None, Probe::Timer) => Some(now + self.watched.settings.interval / 2),
            (None, _) => None,
        };
        let drill = self.drill.as_ref().map(Drill::due);
        let held = self.stalls.held_until();
        [next_look, next_ping, drill, held]
            .into_iter()
            .flatten()
            .fold(self.next_sample, Instant::min)
    }

    /// When to look at the workers next; `None` if whoever becomes active will say so.
    fn next_look(&mut self, now: Instant) -> Option<Instant> {
        let (workers, watched) = (&self.workers, &self.watched);
        // A ping wakes a worker, and that worker would wake the watchdog. And if nobody has
        // answered by the next tick, that is worth a look.
        let pinging = self
            .pings
            .as_ref()
            .is_some_and(|(pinger, _)| pinger.is_out());
        let quiet = workers.are_quiet(watched) && !pinging;
        let dozes = match &watched.hooked {
            Some(hooked) if quiet => hooked.doze.begin(|| workers.are_as_seen(watched)),
            _ => false,
        };
        self.dozing = dozes.then_some(now);
        // Who begins to drive a runtime says so, with or without hooks.
        let nobody_new = dozes || workers.are_undriven(watched);
        let left_alone = nobody_new && !workers.need_looks();
        (!left_alone).then(|| now + workers.next_look().min(self.while_stirred(now)))
    }

    /// One who wakes is followed by others, and most of them are done at once: so the
    /// first looks follow each other quickly, and each takes twice as long to come.
    fn while_stirred(&self, now: Instant) -> Duration {
        if self.watched.hooked.is_none() {
            return self.tick; // It is looked at for good, so rarely.
        }
        let since = now.saturating_duration_since(self.stirred);
        since.max(FIRST_LOOK).min(self.tick)
    }

    pub(super) fn start(&self, now: Instant, stacks: &mut Stacks) -> Start {
        let backtrace = self.watched.settings.backtrace;
        stacks.arrange(backtrace);
        let no_stacks = stacks.obstacle(backtrace);
        if let Some(drill) = &self.drill {
            drill.check(&self.watched);
        }
        let Watched { settings, .. } = *self.watched;
        Start {
            at: Timestamp::at(now),
            runtime: Arc::clone(&self.watched.name),
            flavor: match self.watched.flavor {
                RuntimeFlavor::CurrentThread => "current_thread",
                _ => "multi_thread",
            },
            workers: self.watched.num_workers,
            interval: settings.interval,
            stall_threshold: settings.stall_threshold,
            backtrace: settings.backtrace,
            probe: self.watched.probe,
            unmeasured: self.watched.unmeasured(),
            hooks: self.watched.hooked.is_some(),
            unjudged: self.watched.unjudged(),
            symbols: no_stacks.is_none().then(|| stacks.symbols()),
            no_stacks,
        }
    }

    pub(super) fn end(&self, now: Instant, process: &Process) -> End {
        End {
            at: Timestamp::at(now),
            total: self.watched.snapshot(now, &process.host_lags),
            stall_threshold: self.watched.settings.stall_threshold,
            dropped: process.dropped(&self.watched),
        }
    }
}
