//! What it takes to name the code: from the threshold to the record with a name, and
//! memory after many stalls in many places of a service with axum's dependencies. Two
//! processes, in turn: one with stacks and one without.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use loopmon::{Backtrace, Event, Monitor, Phase, Sink, SinkError};
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::child;
use crate::report::Report;
use crate::stats::{median, quantile, spread};
use crate::tally::THRESHOLD;
use crate::usage::anonymous_mib;

const PLACES: usize = 20;
/// Between two stalls all is quiet for a moment.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let (stalls, idle) = effort.pick((100, 60), (20, 12));
    let (mut plain, mut named) = (Runs::default(), Runs::default());
    for _ in 0..effort.pick(3, 1) {
        plain.add("never", stalls, idle);
        named.add("auto", stalls, idle);
    }
    let first = median(&named.first);
    report.goal(
        "told with its name after the threshold, first of a process",
        format!("{} ms", spread(&named.first, "")),
        "at most 150 ms",
        first <= 150.0,
    );
    let p99 = quantile(&named.later, 0.99);
    report.goal(
        "the same, later, p99",
        format!("{p99:.1} ms (median {:.1})", median(&named.later)),
        "at most 15 ms (a look, 5 ms to name, a tick)",
        p99 <= 15.0,
    );
    let unnamed = named.unnamed;
    report.goal(
        "stalls without a name",
        unnamed.to_string(),
        "none",
        unnamed == 0,
    );
    for (what, with, without, goal) in [
        ("at the peak", &named.peak, &plain.peak, 12.0),
        ("when idle again", &named.idle, &plain.idle, 4.0),
    ] {
        let above = median(with) - median(without);
        report.goal(
            &format!("anonymous memory above `backtrace = \"never\"` {what}"),
            format!("{above:.1} MiB"),
            &format!("at most {goal} MiB"),
            above <= goal,
        );
    }
    report.note(format!(
        "the peak without stacks {}",
        spread(&plain.peak, "MiB")
    ));
    report
}

/// What processes of one kind have shown; times in ms, memory in MiB.
#[derive(Default)]
struct Runs {
    first: Vec<f64>,
    later: Vec<f64>,
    unnamed: usize,
    peak: Vec<f64>,
    idle: Vec<f64>,
}

impl Runs {
    fn add(&mut self, backtrace: &str, stalls: usize, idle: u64) {
        let count = stalls.to_string();
        let mut command = child::command(&[], "named-stalls", &[backtrace, &count]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("a child");
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let (tell, told) = mpsc::channel();
        let reader =
            thread::spawn(move || lines.map_while(Result::ok).for_each(|l| drop(tell.send(l))));
        let (mut peak, mut count) = (0.0_f64, 0);
        while count < stalls {
            match told.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => {
                    self.note(&line, count == 0);
                    count += 1;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the child ended too early"),
            }
            peak = peak.max(anonymous_mib(process.id()));
        }
        self.peak.push(peak);
        thread::sleep(Duration::from_secs(idle));
        self.idle.push(anonymous_mib(process.id()));
        process.kill().expect("it waits");
        process.wait().expect("it was killed");
        drop(told);
        reader.join().expect("the reader does not panic");
    }

    /// Milliseconds from the threshold to the record, and whether it has a name.
    fn note(&mut self, line: &str, first: bool) {
        let (ms, named) = line.split_once(' ').expect("two words");
        let ms = ms.parse().expect("a number");
        if first {
            &mut self.first
        } else {
            &mut self.later
        }
        .push(ms);
        self.unnamed += usize::from(named != "named");
    }
}

struct Telling(Sender<(Instant, bool)>);

impl Sink for Telling {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        if let Event::Stall(stall) = event
            && stall.phase == Phase::Started
        {
            let told = (Instant::now(), stall.culprit.is_some());
            self.0.send(told)?;
        }
        Ok(())
    }
}

/// A service with places that block. Writes a line for each stall that is told, and waits
/// then.
pub(crate) fn child(arguments: &[String]) {
    let [backtrace, stalls] = arguments else {
        return;
    };
    let backtrace = match backtrace.as_str() {
        "never" => Backtrace::Never,
        _ => Backtrace::Auto,
    };
    let stalls: usize = stalls.parse().expect("a number");
    let (tell, told) = mpsc::channel();
    let monitor = Monitor::builder().backtrace(backtrace).sink(Telling(tell));
    let mut tokio = Builder::new_multi_thread();
    let (runtime, _monitor) = monitor.build(tokio.enable_all()).expect("a runtime");
    serve(&runtime);
    for stall in 0..stalls {
        thread::sleep(PAUSE);
        let (enter, begun) = mpsc::channel();
        let length = 2 * THRESHOLD;
        let task = runtime.spawn(async move {
            enter.send(Instant::now()).expect("somebody waits");
            PLACE[stall % PLACES](length);
        });
        let due = begun.recv().expect("it begins") + THRESHOLD;
        let (at, named) = told.recv().expect("it is told");
        let ms = at.saturating_duration_since(due).as_secs_f64() * 1e3;
        println!("{ms:.3} {}", if named { "named" } else { "unnamed" });
        runtime.block_on(task).expect("it ends");
    }
    thread::sleep(Duration::from_secs(3600));
}

fn serve(runtime: &Runtime) {
    runtime.spawn(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let service = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
        axum::serve(listener, service).await.expect("it serves");
    });
}

macro_rules! places {
    ($($name:ident)*) => {
        $(fn $name(length: Duration) {
            thread::sleep(length);
        })*
        const PLACE: [fn(Duration); PLACES] = [$($name),*];
    };
}

places! {
    place_0 place_1 place_2 place_3 place_4 place_5 place_6 place_7 place_8 place_9
    place_10 place_11 place_12 place_13 place_14 place_15 place_16 place_17 place_18 place_19
}
