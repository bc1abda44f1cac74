use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::RuntimeFlavor;

use super::ping::Pinger;
use crate::clock::Timestamp;
use crate::record::{End, Sample, Start};
use crate::registry::{Process, Watched};
use crate::snapshot::{Probe, Snapshot};
use crate::sys::Bell;

/// Samples are taken this often, or once an interval if that is longer.
const SAMPLE_PERIOD: Duration = Duration::from_secs(1);

/// A tick is an eighth of the stall threshold, within these bounds: at the default
/// of 100 ms, every 12.5 ms.
const TICKS_PER_THRESHOLD: u32 = 8;
const SHORTEST_TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(25);

/// A runtime with what the watchdog alone knows of it.
pub(crate) struct Subject {
    pub(crate) watched: Arc<Watched>,
    /// The bell of the probe and the plan when to ring it; none for other probes.
    pings: Option<(Pinger, Arc<Bell>)>,
    tick: Duration,
    sampled: Option<Snapshot>,
    next_sample: Instant,
}

impl Subject {
    pub(crate) fn new(watched: Arc<Watched>, bell: Option<Arc<Bell>>) -> Self {
        let (settings, now) = (watched.settings, watched.since);
        let tick = settings.stall_threshold / TICKS_PER_THRESHOLD;
        Self {
            pings: bell.map(|bell| (Pinger::new(settings.interval, now), bell)),
            tick: tick.clamp(SHORTEST_TICK, LONGEST_TICK),
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

    pub(super) fn ping(&mut self, now: Instant) {
        if let Some((pinger, bell)) = &mut self.pings
            && pinger.send(now)
        {
            self.watched.line.ask(now);
            bell.ring();
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

    pub(super) fn next_wake(&self, now: Instant) -> Instant {
        let next = match (&self.pings, self.watched.probe) {
            // A ping that is still out when the next is due is looked at every tick.
            (Some((pinger, _)), _) if pinger.due() > now => pinger.due(),
            (Some(_), _) => now + self.tick,
            // Sleeps of the timer probe are at least half an interval long, so none
            // of its answers is missed.
            (None, Probe::Timer) => now + self.watched.settings.interval / 2,
            (None, _) => self.next_sample,
        };
        next.min(self.next_sample)
    }

    pub(super) fn start(&self, now: Instant) -> Start {
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
            hooks: self.watched.threads.is_some(),
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
