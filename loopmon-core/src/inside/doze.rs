use crate::sync::{AtomicBool, Ordering, fence};

/// How the watchdog sleeps while nothing happens, and misses nothing.
///
/// Two threads tell each other something in opposite directions: a worker that it is
/// active, the watchdog that it sleeps. Each first says its own word, then looks at
/// the other's. Without a fence in between, both may look before either word is
/// visible: the watchdog goes to sleep and nobody wakes it. With a fence on both
/// sides, at least one sees the other's word.
#[derive(Debug)]
pub(crate) struct Doze {
    asleep: AtomicBool,
}

impl Doze {
    pub(crate) fn new() -> Self {
        Self {
            asleep: AtomicBool::new(false),
        }
    }

    /// Called by a thread that has just said that it is active: whether the watchdog
    /// sleeps.
    pub(crate) fn is_asleep(&self) -> bool {
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
    }

    /// Ends the sleep. Of all who try, one has done it.
    pub(crate) fn end(&self) -> bool {
        self.asleep.swap(false, Ordering::AcqRel)
    }

    /// Called by the watchdog, which has seen nobody active. It may sleep if this is
    /// true: then whoever becomes active wakes it. `quiet` looks once more.
    pub(crate) fn begin(&self, quiet: impl FnOnce() -> bool) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        quiet() || {
            self.asleep.store(false, Ordering::Relaxed);
            false
        }
    }
}

/// Every order in which the two threads can run, and every value that a load may return.
#[cfg(all(test, loopmon_loom))]
mod proofs {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    #[test]
    fn whoever_becomes_active_while_the_watchdog_falls_asleep_is_seen_or_wakes_it() {
        loom::model(|| {
            let shared = Arc::new((AtomicUsize::new(0), Doze::new()));
            let (parity, doze) = &*shared;
            let watchdog = thread::current();
            let worker = thread::spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let (parity, doze) = &*shared;
                    parity.store(1, Ordering::Relaxed); // Tokio's store.
                    if doze.is_asleep() && doze.end() {
                        watchdog.unpark();
                    }
                }
            });
            if doze.begin(|| parity.load(Ordering::Relaxed) == 0) {
                // Loom reports a park from which nobody wakes us.
                thread::park();
            }
            assert_eq!(parity.load(Ordering::Relaxed), 1, "somebody is active");
            worker.join().unwrap();
        });
    }

    #[test]
    fn of_two_who_become_active_one_wakes_the_watchdog() {
        loom::model(|| {
            let shared = Arc::new((AtomicUsize::new(0), Doze::new(), AtomicUsize::new(0)));
            let (active, doze, woken) = &*shared;
            assert!(doze.begin(|| active.load(Ordering::Relaxed) == 0));
            let workers = [(), ()].map(|()| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (active, doze, woken) = &*shared;
                    active.fetch_add(1, Ordering::Relaxed);
                    if doze.is_asleep() && doze.end() {
                        woken.fetch_add(1, Ordering::Relaxed);
                    }
                })
            });
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(woken.load(Ordering::Relaxed), 1);
        });
    }
}

#[cfg(all(test, not(loopmon_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    const ROUNDS: u32 = 1_000_000;

    /// Waits for the other thread without sleeping, so that both go on together.
    fn wait_for(step: &AtomicU32, round: u32) {
        let mut turns = 0_u32;
        while step.load(Ordering::Acquire) < round {
            turns += 1;
            if turns.is_multiple_of(64) {
                std::thread::yield_now(); // It may need this core.
            } else {
                std::hint::spin_loop();
            }
        }
    }

    #[test]
    fn a_million_times_on_this_machine_no_wake_up_is_lost() {
        let doze = Doze::new();
        let [parity, here, there, unseen] = [const { AtomicU32::new(0) }; 4];
        let mut lost = 0_u32;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    wait_for(&here, round);
                    parity.store(round, Ordering::Relaxed);
                    let asleep = doze.is_asleep();
                    unseen.store(u32::from(!asleep), Ordering::Relaxed);
                    there.store(round, Ordering::Release);
                }
            });
            for round in 1..=ROUNDS {
                doze.end();
                here.store(round, Ordering::Release);
                // At about the time at which the other does its part.
                for _ in 0..round % 64 {
                    std::hint::spin_loop();
                }
                let sleeps = doze.begin(|| parity.load(Ordering::Relaxed) < round);
                wait_for(&there, round);
                lost += u32::from(sleeps && unseen.load(Ordering::Relaxed) == 1);
            }
        });
        assert_eq!(lost, 0, "of {ROUNDS}");
    }
}
