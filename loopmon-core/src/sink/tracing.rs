use tracing::Level;

use super::{Sink, SinkError, stall_text, text};
use crate::record::{Event, Stall};

/// Events of the `tracing` crate with the target `loopmon`: start and end at INFO,
/// samples at DEBUG. Names of fields follow OpenTelemetry's conventions.
pub(super) struct Tracing;

impl Sink for Tracing {
    fn event(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match event {
            Event::Start(start) => tracing::event!(
                target: "loopmon",
                Level::INFO,
                tokio.runtime.name = &*start.runtime,
                tokio.runtime.flavor = start.flavor,
                tokio.runtime.workers = start.workers,
                interval_s = start.interval.as_secs_f64(),
                stall_threshold_s = start.stall_threshold.as_secs_f64(),
                probe = start.probe.as_str(),
                unmeasured = start.unmeasured.as_deref(),
                no_stacks = start.no_stacks.as_deref(),
                symbols = start.symbols,
                "monitoring runtime {}",
                start.runtime,
            ),
            Event::Sample(sample) => {
                let (window, lag) = (&sample.window, sample.window.lag.distribution());
                tracing::event!(
                    target: "loopmon",
                    Level::DEBUG,
                    tokio.runtime.name = &*window.runtime,
                    tokio.eventloop.lag.count = lag.count(),
                    tokio.eventloop.lag.p50_s = lag.quantile(0.5).map(|lag| lag.as_secs_f64()),
                    tokio.eventloop.lag.p99_s = lag.quantile(0.99).map(|lag| lag.as_secs_f64()),
                    tokio.eventloop.lag.max_s = lag.max().map(|lag| lag.as_secs_f64()),
                    tokio.task.active = window.active_tasks,
                    tokio.global_queue.depth = window.global_queue_depth,
                    host_lag.max_s = window.host_lag.max().map(|lag| lag.as_secs_f64()),
                    "{}",
                    text::summary(window),
                );
            }
            Event::Stall(stall) if stall.muted => {}
            Event::Stall(stall) => tell(stall),
            Event::End(end) => {
                let hotspot = end.total.stalls.hotspots.first();
                let hotspot = hotspot.map(|hotspot| &*hotspot.function);
                tracing::event!(
                    target: "loopmon",
                    Level::INFO,
                    tokio.runtime.name = &*end.total.runtime,
                    uptime_s = end.total.window.as_secs_f64(),
                    tokio.eventloop.lag.max_s = end.total.lag.max().map(|lag| lag.as_secs_f64()),
                    tokio.stall.hotspot = hotspot,
                    dropped = end.dropped.iter().map(|dropped| dropped.count).sum::<u64>(),
                    "{}",
                    text::farewell(end),
                );
            }
        }
        Ok(())
    }
}

fn tell(stall: &Stall) {
    let culprit = stall.culprit.as_deref();
    let stack = culprit.map(|culprit| culprit.stack.join("\n"));
    tracing::event!(
        target: "loopmon",
        Level::WARN,
        tokio.runtime.name = &*stall.runtime,
        tokio.worker.index = %stall.worker,
        tokio.stall.phase = stall.phase.as_str(),
        tokio.stall.id = stall.id,
        tokio.stall.duration_s = stall.duration.as_secs_f64(),
        tokio.stall.duration_error_s = stall.duration_error.as_secs_f64(),
        tokio.stall.cause = stall.cause.as_str(),
        code.function.name = culprit.map(|culprit| &*culprit.function),
        code.file.path = culprit.and_then(|culprit| culprit.file.as_deref()),
        code.line.number = culprit.and_then(|culprit| culprit.line),
        code.stacktrace = stack.as_deref(),
        tokio.stall.called = culprit.and_then(|culprit| culprit.called.as_deref()),
        tokio.stall.task = culprit.and_then(|culprit| culprit.task.as_deref()),
        tokio.stall.advice = stall.advice(),
        tokio.stall.unnamed = stall.unnamed.as_deref(),
        tokio.eventloop.lag_s = stall.lag.map(|lag| lag.as_secs_f64()),
        tokio.global_queue.depth = stall.global_queue_depth,
        tokio.worker.parked = stall.parked,
        drill = stall.drill,
        held_back = stall.held_back,
        "{}",
        stall_text::headline(stall),
    );
}
