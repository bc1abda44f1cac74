use std::time::{Duration, Instant};

use tokio::task;

use super::Cause;

/// What the thread of a worker was seen to do, at one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) at: Instant,
    /// What it had computed by then.
    pub(crate) cpu_time: Option<Duration>,
    /// How often it had gone to sleep by then; not asked for when it sleeps.
    pub(crate) sleeps: Option<u64>,
    pub(crate) doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It is on a CPU, in this task; `None` outside of tasks.
    Computing(Option<task::Id>),
    /// It sleeps in the kernel.
    Sleeping(Sleep),
    /// It is ready to run and gets no CPU.
    Starving,
}

/// One time of sleep in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sleep {
    pub(crate) ip: u64,
    pub(crate) sp: u64,
    /// How often the thread had lost or left the CPU before: the same number is the same
    /// sleep. `None` where that can't be read.
    pub(crate) switches: Option<u64>,
}

impl Sleep {
    fn is(self, other: Self) -> bool {
        self == other && self.switches.is_some()
    }
}

/// Who is judged, and so what it means if a thread is in no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// A worker of several: it is in the scheduler.
    Worker,
    /// The worker of a current-thread runtime: it is in the future of `block_on`.
    OnlyWorker,
    /// The future of `block_on` itself, which is one all the time.
    Root,
}

/// What keeps a worker that has not moved, judged by two looks or more. `None` if they
/// leave open whether one task does.
///
/// `apart` is how far apart two looks have to be that show the same: what lies between
/// counts as the same, too.
pub(crate) fn judge(looks: &[Sighting], apart: Duration, judged: Judged) -> Option<Cause> {
    let task = judged != Judged::Root;
    let pairs = || {
        let firsts = looks.iter().enumerate();
        firsts.flat_map(|(index, first)| looks.iter().skip(index + 1).map(move |s| (first, s)))
    };
    // Two tasks without a look at the driver between them: no single one is at fault.
    if task && pairs().any(|(first, second)| are_two_tasks(first.doing, second.doing)) {
        return Some(Cause::ManyPolls);
    }
    let far = |(first, second): &(&Sighting, &Sighting)| {
        second.at.saturating_duration_since(first.at) >= apart
    };
    let causes = || {
        let far = pairs().filter(far);
        far.filter_map(|(first, second)| of_pair(first, second, judged))
    };
    // Who got a CPU in the end is judged by what it did there.
    causes()
        .find(|cause| cause.is_stall())
        .or_else(|| causes().next())
}

fn are_two_tasks(first: Doing, second: Doing) -> bool {
    match (first, second) {
        (Doing::Computing(Some(first)), Doing::Computing(Some(second))) => first != second,
        _ => false,
    }
}

fn of_pair(first: &Sighting, second: &Sighting, judged: Judged) -> Option<Cause> {
    let task = judged != Judged::Root;
    match (first.doing, second.doing) {
        (Doing::Sleeping(first), Doing::Sleeping(second)) if first.is(second) => {
            Some(Cause::Blocking)
        }
        (Doing::Sleeping(_), Doing::Sleeping(_)) if !task => Some(Cause::Blocking),
        // It computes little because it sleeps, and may have been late once.
        (Doing::Starving, Doing::Sleeping(_)) | (Doing::Sleeping(_), Doing::Starving) => None,
        (Doing::Starving, _) | (_, Doing::Starving) => {
            is_starved(first, second).then_some(Cause::Descheduled)
        }
        (Doing::Computing(one), Doing::Computing(other)) if one == other => {
            let cause = of_computing(first, second)?;
            (one.is_some() || judged != Judged::Worker || cause == Cause::Descheduled)
                .then_some(cause)
        }
        // One poll of the future of `block_on`, of which most was sleep or most was not.
        (Doing::Computing(_), Doing::Sleeping(_)) | (Doing::Sleeping(_), Doing::Computing(_))
            if !task =>
        {
            let computed = share(first, second)?;
            Some(if computed < 0.5 {
                Cause::Blocking
            } else {
                Cause::Cpu
            })
        }
        _ => None,
    }
}

/// A thread that is ready to run and is on a CPU for less than this share of the time is
/// late because of the machine.
const STARVED: f64 = 0.2;

fn is_starved(first: &Sighting, second: &Sighting) -> bool {
    // One who has slept in between may have computed little because of that.
    slept(first, second) == Some(false) && share(first, second).is_some_and(|share| share < STARVED)
}

/// Whether the thread went to sleep between two looks at which it did not; `None` where
/// that can't be read.
fn slept(first: &Sighting, second: &Sighting) -> Option<bool> {
    Some(second.sleeps? != first.sleeps?)
}

/// What keeps a worker that was on a CPU, in one task, at both looks.
fn of_computing(first: &Sighting, second: &Sighting) -> Option<Cause> {
    let is_idle = share(first, second).is_some_and(|share| share < STARVED);
    if !is_idle {
        return Some(Cause::Cpu);
    }
    slept(first, second).map(|slept| {
        if slept {
            Cause::Blocking // It sleeps again and again, and was met in between.
        } else {
            Cause::Descheduled
        }
    })
}

/// Which share of the time between two looks the thread was on a CPU.
fn share(first: &Sighting, second: &Sighting) -> Option<f64> {
    let computed = second.cpu_time?.saturating_sub(first.cpu_time?);
    let passed = second.at.saturating_duration_since(first.at);
    Some(computed.as_secs_f64() / passed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const APART: Duration = Duration::from_millis(25);

    /// Looks at these milliseconds, at a thread that had computed for so many.
    fn looks(seen: &[(u32, u32, Doing)]) -> Vec<Sighting> {
        let start = Instant::now();
        let sighting = |&(at, cpu, doing)| Sighting {
            at: start + at * MS,
            cpu_time: Some(cpu * MS),
            sleeps: Some(3),
            doing,
        };
        seen.iter().map(sighting).collect()
    }

    fn sleep(switches: u64) -> Doing {
        Doing::Sleeping(Sleep {
            ip: 1,
            sp: 2,
            switches: Some(switches),
        })
    }

    /// Ids of tasks that are different.
    fn tasks() -> [Doing; 2] {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        [(); 2].map(|()| Doing::Computing(Some(runtime.spawn(async {}).id())))
    }

    #[test]
    fn one_task_on_a_cpu_at_both_looks_computes() {
        let [task, _] = tasks();
        let seen = looks(&[(75, 70, task), (100, 95, task)]);
        assert_eq!(judge(&seen, APART, Judged::Worker), Some(Cause::Cpu));
    }

    #[test]
    fn another_task_at_the_second_look_is_many_polls() {
        let [task, other] = tasks();
        let seen = looks(&[(75, 70, task), (100, 95, other)]);
        assert_eq!(judge(&seen, APART, Judged::Worker), Some(Cause::ManyPolls));
    }

    #[test]
    fn the_same_sleep_at_both_looks_is_blocking_and_another_one_is_left_open() {
        let seen = looks(&[(75, 1, sleep(7)), (100, 1, sleep(7))]);
        assert_eq!(judge(&seen, APART, Judged::Worker), Some(Cause::Blocking));
        let seen = looks(&[(75, 1, sleep(7)), (100, 1, sleep(8))]);
        assert_eq!(judge(&seen, APART, Judged::Worker), None);
    }

    #[test]
    fn a_sleep_of_which_nothing_can_be_counted_is_left_open() {
        let sleep = Doing::Sleeping(Sleep {
            ip: 1,
            sp: 2,
            switches: None,
        });
        let seen = looks(&[(75, 1, sleep), (100, 1, sleep)]);
        assert_eq!(judge(&seen, APART, Judged::Worker), None);
    }

    #[test]
    fn a_thread_that_is_ready_and_gets_no_cpu_is_descheduled() {
        let [task, _] = tasks();
        for seen in [
            [(75, 70, Doing::Starving), (100, 71, Doing::Starving)],
            [(75, 70, task), (100, 73, Doing::Starving)],
            [(75, 70, task), (100, 74, task)],
        ] {
            assert_eq!(
                judge(&looks(&seen), APART, Judged::Worker),
                Some(Cause::Descheduled)
            );
        }
        // It was not on a CPU at the moment of the look only.
        let seen = looks(&[(75, 70, task), (100, 93, Doing::Starving)]);
        assert_eq!(judge(&seen, APART, Judged::Worker), None);
    }

    #[test]
    fn who_sleeps_again_and_again_is_not_taken_to_get_no_cpu() {
        let starving = Doing::Starving;
        for seen in [
            [(75, 1, sleep(7)), (100, 1, starving)],
            [(75, 1, starving), (100, 1, sleep(7))],
        ] {
            assert_eq!(judge(&looks(&seen), APART, Judged::Worker), None);
        }
        let [task, _] = tasks();
        for (first, second) in [(task, task), (task, starving), (starving, starving)] {
            let mut seen = looks(&[(75, 1, first), (100, 2, second)]);
            seen[1].sleeps = Some(20);
            let one_task = first == second && first == task;
            let cause = one_task.then_some(Cause::Blocking);
            assert_eq!(judge(&seen, APART, Judged::Worker), cause);
            seen[1].sleeps = None;
            assert_eq!(judge(&seen, APART, Judged::Worker), None);
        }
    }

    #[test]
    fn who_was_starved_first_and_computes_then_is_judged_by_that() {
        let [task, _] = tasks();
        let starved = [(75, 70, Doing::Starving), (100, 71, Doing::Starving)];
        let mut seen = looks(&starved);
        seen.extend(looks(&[(112, 82, task), (137, 105, task)]));
        assert_eq!(judge(&seen, APART, Judged::Worker), Some(Cause::Cpu));
    }

    #[test]
    fn two_looks_that_are_close_together_prove_nothing() {
        let [task, _] = tasks();
        let mut seen = looks(&[(75, 1, sleep(7)), (100, 24, task), (110, 34, task)]);
        assert_eq!(judge(&seen, APART, Judged::Worker), None);
        seen.extend(looks(&[(125, 49, task)]));
        assert_eq!(judge(&seen, APART, Judged::Worker), Some(Cause::Cpu));
    }

    #[test]
    fn the_future_of_block_on_is_one_whatever_it_does_at_each_look() {
        let computing = Doing::Computing(None);
        let seen = looks(&[(75, 1, sleep(7)), (100, 2, sleep(9))]);
        assert_eq!(judge(&seen, APART, Judged::Root), Some(Cause::Blocking));
        let seen = looks(&[(75, 70, computing), (100, 72, sleep(9))]);
        assert_eq!(judge(&seen, APART, Judged::Root), Some(Cause::Blocking));
        let seen = looks(&[(75, 70, computing), (100, 94, sleep(9))]);
        assert_eq!(judge(&seen, APART, Judged::Root), Some(Cause::Cpu));
        assert_eq!(
            judge(&looks(&[(75, 70, computing)]), APART, Judged::Root),
            None
        );
    }

    #[test]
    fn no_task_at_all_on_a_worker_is_left_open() {
        let computing = Doing::Computing(None);
        let seen = looks(&[(75, 70, computing), (100, 95, computing)]);
        assert_eq!(judge(&seen, APART, Judged::Worker), None);
        assert_eq!(judge(&seen, APART, Judged::OnlyWorker), Some(Cause::Cpu));
    }
}
