//! What the watchdog costs a program at the default settings: wake-ups, and time on a
//! core. It sleeps while all workers are parked, and looks at them every tick when
//! somebody is active; without hooks in the runtime it can't know, and looks always.

use std::io::{Read as _, Write as _};
use std::net::TcpListener as StdListener;
use std::thread;
use std::time::Duration;

use loopmon::{Monitor, MonitorBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};

use super::Effort;
use crate::child;
use crate::report::Report;
use crate::stats::{median, spread};
use crate::usage::Costs;

/// A program with and without loopmon, and what loopmon may cost: wake-ups a second, and
/// percents of a core.
struct Case {
    name: &'static str,
    load: &'static str,
    variant: &'static str,
    wake_ups: f64,
    core: f64,
}

const CASES: [Case; 4] = [
    Case {
        name: "idle",
        load: "idle",
        variant: "loopmon",
        wake_ups: 20.0,
        core: 0.1,
    },
    Case {
        name: "ten requests a second",
        load: "requests",
        variant: "loopmon",
        wake_ups: 120.0,
        core: 0.3,
    },
    // Its workers park between two requests, which is no reason to sleep and wake with them.
    Case {
        name: "500 requests a second",
        load: "many requests",
        variant: "loopmon",
        wake_ups: 250.0,
        core: 1.0,
    },
    Case {
        name: "idle without hooks",
        load: "idle",
        variant: "attached",
        wake_ups: 90.0,
        core: 0.6,
    },
];

pub(crate) fn run(effort: Effort) -> Report {
    let mut report = Report::default();
    let window = effort.pick(Duration::from_secs(6), Duration::from_secs(2));
    for case in &CASES {
        let (mut plain, mut watched) = (Costs::default(), Costs::default());
        for _ in 0..effort.pick(4, 2) {
            let start = |variant| child::start("wake-ups", &[variant, case.load]);
            plain.measure(&start("plain"), window);
            watched.measure(&start(case.variant), window);
        }
        judge(&mut report, case, &plain, &watched);
    }
    report
}

fn judge(report: &mut Report, case: &Case, plain: &Costs, watched: &Costs) {
    let name = case.name;
    let wake_ups = median(&watched.wake_ups) - median(&plain.wake_ups);
    let core = median(&watched.core) - median(&plain.core);
    report.goal(
        &format!("{name}: wake-ups above plain Tokio"),
        format!("{wake_ups:.1} a second"),
        &format!("at most {}", case.wake_ups),
        wake_ups <= case.wake_ups,
    );
    report.goal(
        &format!("{name}: time above plain Tokio"),
        format!("{core:.3} % of a core"),
        &format!("at most {} %", case.core),
        core <= case.core,
    );
    report.note(format!(
        "{name}: wake-ups a second with loopmon {}, without {}",
        spread(&watched.wake_ups, ""),
        spread(&plain.wake_ups, "")
    ));
}

/// A program that waits, or answers requests. The parent ends it.
pub(crate) fn child(arguments: &[String]) {
    let [variant, load] = arguments else { return };
    let (runtime, _monitor) = build(variant, Monitor::builder());
    match load.as_str() {
        "requests" => serve(&runtime, Duration::from_millis(100)),
        "many requests" => serve(&runtime, Duration::from_millis(2)),
        _ => {}
    }
    runtime.block_on(std::future::pending::<()>());
}

fn build(variant: &str, watched: MonitorBuilder) -> (Runtime, Option<Monitor>) {
    let mut tokio = Builder::new_multi_thread();
    tokio.enable_all();
    if variant == "loopmon" {
        let (runtime, monitor) = watched.build(&mut tokio).expect("a runtime");
        return (runtime, Some(monitor));
    }
    let runtime = tokio.build().expect("a runtime");
    let attached = variant == "attached";
    let monitor = attached.then(|| watched.attach(runtime.handle()).expect("it is new"));
    (runtime, monitor)
}

/// An echo, and a client that waits before each request.
fn serve(runtime: &Runtime, pause: Duration) {
    let listener = StdListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        listener.set_nonblocking(true).expect("a socket can be");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a driver");
        let (mut socket, _) = listener.accept().await.expect("a client");
        while let Ok(request) = socket.read_u8().await {
            socket.write_u8(request).await.expect("the client reads");
        }
    });
    thread::spawn(move || {
        let mut socket = std::net::TcpStream::connect(address).expect("a server");
        loop {
            thread::sleep(pause);
            socket.write_all(&[1]).expect("the server reads");
            socket.read_exact(&mut [0]).expect("the server answers");
        }
    });
}
