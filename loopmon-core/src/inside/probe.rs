use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::jitter::Jitter;
use crate::registry::Watched;
use crate::sys::Ear;

/// How the probe of a runtime measures lag.
#[derive(Debug)]
pub(crate) enum Method {
    /// It waits for the watchdog's bell.
    Io(Ear),
    /// It sleeps for about this long and looks how late it wakes.
    Timer(Duration),
    /// It does not.
    None,
}

/// The probe task. Its end, however it comes, tells the watchdog that the runtime
/// is gone; also if the runtime goes before it has run the task at all, which is why
/// the presence begins here and not in the task.
pub(crate) fn run(method: Method, watched: Arc<Watched>) -> impl Future<Output = ()> {
    let presence = Presence(watched);
    async move {
        measure(method, &presence.0).await;
        // The driver is shutting down, or there is nothing to measure: stay until the
        // runtime drops its tasks.
        pending::<()>().await;
    }
}

async fn measure(method: Method, watched: &Watched) {
    match method {
        Method::Io(ear) => while ear.hear(|| watched.answer(Instant::now())).await.is_ok() {},
        Method::Timer(interval) => measure_sleeps(interval, watched).await,
        Method::None => {}
    }
}

async fn measure_sleeps(interval: Duration, watched: &Watched) {
    let mut jitter = Jitter::new();
    loop {
        if clock_is_paused() {
            // Each sleep would make the program's time jump ahead.
            watched.line.give_up_on_paused_clock();
            return;
        }
        let length = interval / 2 + jitter.within(interval);
        watched.line.ask(Instant::now() + length);
        tokio::time::sleep(length).await;
        watched.answer(Instant::now());
    }
}

/// Whether Tokio's clock stands still while the real one moves on. There is no
/// way to ask.
fn clock_is_paused() -> bool {
    let (tokio_before, before) = (tokio::time::Instant::now(), Instant::now());
    // One turn: reading the clock takes longer than the clock's resolution.
    while Instant::now() == before {
        std::hint::spin_loop();
    }
    tokio::time::Instant::now() == tokio_before
}

/// Lives in the probe task, which the runtime drops when it shuts down.
struct Presence(Arc<Watched>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use crate::{Monitor, Probe};

    #[test]
    fn a_runtime_that_never_ran_is_known_to_be_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let builder = Monitor::builder().probe(Probe::None);
        let monitor = builder.attach(runtime.handle()).unwrap();
        assert_eq!(monitor.active_tasks(), Some(0));
        drop(runtime);
        assert_eq!(monitor.active_tasks(), None);
    }
}
