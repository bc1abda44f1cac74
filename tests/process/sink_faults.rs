//! A sink that misbehaves loses its own events and nothing else: the program ends as
//! it would without, other sinks get everything, and what was lost is counted.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::panic::panic_any;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::support::{Gate, Suite, Told, annotated, make_events, program, wait_until};
use loopmon::__private::{Flavor, Key};
use loopmon::json::{Kind, Line};
use loopmon::{Event, Sink, SinkError};

pub(super) fn suite() -> Suite {
    Suite::default()
        .program(errs_four_times)
        .program(errs_always)
        .program(errs_unreadably)
        .program(errs_twice_in_two_series)
        .program(panics_in_event)
        .program(panics_in_flush)
        .program(panics_in_drop)
        .program(panics_with_a_payload_that_panics)
        .program(overflows)
        .program(hangs_in_event)
        .program(hangs_in_flush)
        .program(hangs_in_drop)
        .test(after_errors_it_is_tried_again_with_growing_pauses)
        .test(a_series_of_errors_is_told_once_and_so_is_its_end)
        .test(each_series_of_errors_is_told)
        .test(errors_to_the_end_are_counted)
        .test(an_error_that_panics_is_a_panic_of_the_sink)
        .test(a_panic_in_event_switches_the_sink_off)
        .test(a_panic_in_flush_loses_nothing)
        .test(a_panic_in_drop_loses_nothing)
        .test(a_panic_whose_payload_panics_is_a_panic_like_any_other)
        .test(what_a_full_queue_loses_is_counted_exactly)
        .test(a_sink_that_never_returns_from_event_does_not_keep_the_program)
        .test(a_sink_that_never_returns_from_flush_does_not_keep_the_program)
        .test(a_sink_that_never_returns_from_drop_does_not_keep_the_program)
}

/// A sink that behaves as its functions do. It is `custom-1` in what loopmon says.
struct Misbehaving {
    event: Box<dyn FnMut() -> Result<(), SinkError> + Send>,
    flush: fn(),
    drop: fn(),
}

impl Misbehaving {
    fn on_event(event: impl FnMut() -> Result<(), SinkError> + Send + 'static) -> Self {
        Self {
            event: Box::new(event),
            flush: || {},
            drop: || {},
        }
    }

    fn on_flush(flush: fn()) -> Self {
        let mut sink = Self::on_event(|| Ok(()));
        sink.flush = flush;
        sink
    }

    fn on_drop(drop: fn()) -> Self {
        let mut sink = Self::on_event(|| Ok(()));
        sink.drop = drop;
        sink
    }
}

impl Sink for Misbehaving {
    fn event(&mut self, _: &Event<'_>) -> Result<(), SinkError> {
        (self.event)()
    }

    fn flush(&mut self, _until: Instant) {
        (self.flush)();
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        (self.drop)();
    }
}

/// Runs `body` with two sinks, and prints what the second was told. That one behaves.
fn beside(sink: Misbehaving, body: impl FnOnce(&Told)) {
    let told = Told::default();
    annotated(
        Flavor::MultiThread,
        &[],
        vec![Box::new(sink), Box::new(told.clone())],
        async { body(&told) },
    );
    println!("{:?}", told.starts_and_ends());
}

/// What [`beside`] prints if no further runtime was monitored.
const ALL_WAS_TOLD: &str = "[\"start main\", \"end main\"]\n";

/// Errs for the calls whose numbers, counted from zero, `errs` contains.
fn errs_for(errs: impl Fn(usize) -> bool + Send + 'static) -> (Misbehaving, Calls) {
    let calls = Calls::default();
    let counted = Arc::clone(&calls);
    let sink = Misbehaving::on_event(move || {
        let mut calls = counted.lock().unwrap();
        calls.push(Instant::now());
        if errs(calls.len() - 1) {
            Err(SinkError::msg("out of paper"))
        } else {
            Ok(())
        }
    });
    (sink, calls)
}

/// When a sink was called.
type Calls = Arc<Mutex<Vec<Instant>>>;

fn wait_for_calls(calls: &Calls, expected: usize) {
    wait_until(|| calls.lock().unwrap().len(), |count| *count >= expected);
}

fn errs_four_times() {
    let (sink, calls) = errs_for(|call| call < 4);
    beside(sink, |told| {
        make_events(3, told);
        wait_for_calls(&calls, 7);
    });
    let calls = calls.lock().unwrap();
    let pauses: Vec<_> = calls.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // An event waited in the queue all the time. The fourth pause is eight times as
    // long as the first; the machine adds what it likes to each.
    assert!(pauses[3] > pauses[0], "{pauses:?}");
    assert!(
        pauses[4] < pauses[3],
        "no pause without an error: {pauses:?}"
    );
}

fn after_errors_it_is_tried_again_with_growing_pauses() {
    program(errs_four_times).run().succeeds();
}

fn a_series_of_errors_is_told_once_and_so_is_its_end() {
    program(errs_four_times).run().succeeds().notices_are(&[
        "sink `custom-1`: out of paper; events are being lost, it is tried again",
        "sink `custom-1` works again; lost so far: 4",
        "sink `custom-1` lost 4 events",
    ]);
}

fn errs_twice_in_two_series() {
    let (sink, calls) = errs_for(|call| call == 0 || call == 2);
    beside(sink, |told| {
        make_events(3, told);
        wait_for_calls(&calls, 7);
    });
}

fn each_series_of_errors_is_told() {
    let outcome = program(errs_twice_in_two_series).run();
    outcome.succeeds().notices_are(&[
        "sink `custom-1`: out of paper",
        "sink `custom-1` works again; lost so far: 1",
        "sink `custom-1`: out of paper",
        "sink `custom-1` works again; lost so far: 2",
        "sink `custom-1` lost 2 events",
    ]);
}

fn errs_always() {
    beside(errs_for(|_| true).0, |_| ());
}

fn errors_to_the_end_are_counted() {
    let outcome = program(errs_always).run();
    outcome.prints(ALL_WAS_TOLD).notices_are(&[
        "sink `custom-1`: out of paper; events are being lost, it is tried again",
        "sink `custom-1` lost 2 events",
    ]);
}

fn panics_in_event() {
    beside(Misbehaving::on_event(|| panic!("out of paper")), |_| ());
}

fn a_panic_in_event_switches_the_sink_off() {
    let outcome = program(panics_in_event).run();
    outcome.prints(ALL_WAS_TOLD).notices_are(&[
        "sink `custom-1` panicked and is switched off: out of paper",
        "sink `custom-1` lost 2 events",
    ]);
}

fn panics_in_flush() {
    beside(Misbehaving::on_flush(|| panic!("out of paper")), |_| ());
}

fn a_panic_in_flush_loses_nothing() {
    let outcome = program(panics_in_flush).run();
    outcome
        .prints(ALL_WAS_TOLD)
        .notices_are(&["sink `custom-1` panicked and is switched off: out of paper"]);
}

fn panics_in_drop() {
    beside(Misbehaving::on_drop(|| panic!("out of paper")), |_| ());
}

fn a_panic_in_drop_loses_nothing() {
    let outcome = program(panics_in_drop).run();
    outcome.prints(ALL_WAS_TOLD).notices_are(&[]);
}

/// An error that panics when it is read.
#[derive(Debug)]
struct Unreadable;

impl Error for Unreadable {}

impl Display for Unreadable {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        panic!("out of ink")
    }
}

fn errs_unreadably() {
    beside(Misbehaving::on_event(|| Err(Unreadable.into())), |_| ());
}

fn an_error_that_panics_is_a_panic_of_the_sink() {
    let outcome = program(errs_unreadably).run();
    outcome.prints(ALL_WAS_TOLD).notices_are(&[
        "sink `custom-1` panicked and is switched off: out of ink",
        "sink `custom-1` lost 2 events",
    ]);
}

/// A payload that panics once more when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("and no ink either");
    }
}

/// If the thread of the sink did not outlive it, the end would wait for the minute.
fn panics_with_a_payload_that_panics() {
    let bomb: Box<dyn Sink> = Box::new(Misbehaving::on_event(|| panic_any(Bomb)));
    annotated(
        Flavor::MultiThread,
        &[(Key::Flush, "1m")],
        vec![bomb],
        async {},
    );
}

fn a_panic_whose_payload_panics_is_a_panic_like_any_other() {
    let outcome = program(panics_with_a_payload_that_panics).run();
    outcome.succeeds().notices_are(&[
        "sink `custom-1` panicked and is switched off: no message",
        "sink `custom-1` lost 2 events",
    ]);
}

/// Holds the first sink back until more events were made than its queue takes. The
/// records on standard output are all that were sent.
fn overflows() {
    let (gate, told, delivered) = (Gate::default(), Told::default(), Told::default());
    let slow = (gate.clone(), delivered.clone());
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Slow(slow.0, slow.1)), Box::new(told.clone())];
    let settings = &[(Key::Sink, "jsonl:-")];
    annotated(Flavor::MultiThread, settings, sinks, async {
        make_events(200, &told);
        gate.open();
        // One was in the sink's hands, and 256 were queued.
        wait_until(|| delivered.count(), |count| *count >= 257);
    });
    eprintln!("delivered {}", delivered.count());
}

struct Slow(Gate, Told);

impl Sink for Slow {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        self.0.pass();
        self.1.event(event)
    }
}

fn what_a_full_queue_loses_is_counted_exactly() {
    let outcome = program(overflows).run();
    let sent = outcome.succeeds().stdout.lines().count() as u64;
    let delivered = outcome.stderr.lines().find_map(|line| {
        let count = line.strip_prefix("delivered ")?;
        count.parse::<u64>().ok()
    });
    let last = outcome.stdout.lines().last().unwrap();
    let Kind::End(end) = Line::read(last).unwrap().kind else {
        panic!("{last}");
    };
    let [dropped] = &*end.dropped else {
        panic!("{:?}", end.dropped);
    };
    assert_eq!((&*dropped.what, &*dropped.from), ("event", "custom-1"));
    assert!(dropped.count >= 144, "{dropped:?}");
    assert_eq!(delivered.unwrap() + dropped.count, sent);
    let notice = format!("sink `custom-1` lost {} events", dropped.count);
    outcome.notices_are(&[&notice]);
}

fn never_return() {
    loop {
        thread::park();
    }
}

fn hangs_in_event() {
    let hang = || {
        never_return();
        Ok(())
    };
    beside(Misbehaving::on_event(hang), |_| ());
}

fn a_sink_that_never_returns_from_event_does_not_keep_the_program() {
    let outcome = program(hangs_in_event).run();
    outcome
        .prints(ALL_WAS_TOLD)
        .notices_are(&["sink `custom-1` lost 2 events"]);
}

fn hangs_in_flush() {
    beside(Misbehaving::on_flush(never_return), |_| ());
}

fn a_sink_that_never_returns_from_flush_does_not_keep_the_program() {
    let outcome = program(hangs_in_flush).run();
    outcome.prints(ALL_WAS_TOLD).notices_are(&[]);
}

fn hangs_in_drop() {
    beside(Misbehaving::on_drop(never_return), |_| ());
}

fn a_sink_that_never_returns_from_drop_does_not_keep_the_program() {
    let outcome = program(hangs_in_drop).run();
    outcome.prints(ALL_WAS_TOLD).notices_are(&[]);
}
