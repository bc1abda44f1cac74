//! Eight current-thread runtimes, one a thread, as servers that share nothing have
//! them. One watchdog watches them all; the one that is blocked stands out.
//!
//! ```text
//! cargo run --example many_runtimes
//! ```

use std::thread;
use std::time::Duration;

use loopmon::{Monitor, Snapshot, StartError};
use tokio::runtime::Builder;
use tokio::time::sleep;

const RUNTIMES: usize = 8;
const FAULTY: usize = 5;

fn main() -> Result<(), StartError> {
    let threads: Vec<_> = (0..RUNTIMES)
        .map(|number| thread::spawn(move || shard(number)))
        .collect();
    println!(
        "{:<10} {:>8} {:>12} {:>12}",
        "runtime", "pings", "lag p50", "lag max"
    );
    for thread in threads {
        let total = thread.join().unwrap_or(Err(StartError::NoRuntime))?;
        let (p50, max) = (total.lag.quantile(0.5), total.lag.max());
        println!(
            "{:<10} {:>8} {:>12?} {:>12?}",
            total.runtime,
            total.lag.count(),
            p50.unwrap_or_default(),
            max.unwrap_or_default()
        );
    }
    Ok(())
}

/// One thread with its runtime, for a second.
fn shard(number: usize) -> Result<Snapshot, StartError> {
    let (runtime, monitor) = Monitor::builder()
        .interval(Duration::from_millis(20))
        .build(
            Builder::new_current_thread()
                .enable_all()
                .name(format!("shard-{number}")),
        )?;
    runtime.block_on(async {
        for _ in 0..10 {
            if number == FAULTY {
                thread::sleep(Duration::from_millis(50)); // The mistake.
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    let total = monitor.snapshot();
    drop(runtime);
    monitor.shutdown();
    Ok(total)
}
