//! Monitoring started once, when the application loads, on the runtime that it has
//! already – for programs that build their runtime themselves, or can't change the
//! attribute on `main`.
//!
//! ```text
//! cargo run --example attach
//! ```

use std::time::Duration;

use loopmon::Monitor;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monitor = Monitor::builder()
        .interval(Duration::from_millis(25))
        .start()?;

    let idle: Vec<_> = (0..100)
        .map(|_| tokio::spawn(sleep(Duration::from_secs(1))))
        .collect();
    sleep(Duration::from_millis(500)).await;
    println!(
        "healthy: {} tasks, {:?} late",
        tasks(&monitor),
        monitor.lag()
    );

    let before = monitor.snapshot();
    std::thread::sleep(Duration::from_millis(200)); // The mistake.
    sleep(Duration::from_millis(100)).await;
    let lag = monitor.snapshot().since(&before).lag;
    println!(
        "blocked: {} events met a late loop, {:?} at worst",
        lag.count(),
        lag.max()
    );

    for task in idle {
        task.await?;
    }
    println!("at the end: {} tasks", tasks(&monitor));
    monitor.shutdown();
    Ok(())
}

fn tasks(monitor: &Monitor) -> usize {
    monitor.active_tasks().unwrap_or(0)
}
