//! One of four workers blocks for 400 ms. The others go on with its work, so nothing is
//! late and a sleeping probe sees nothing; loopmon tells of it while it lasts.
//!
//! ```text
//! cargo run --release --example blocked_worker
//! ```

use std::time::Duration;

#[loopmon::main(worker_threads = 4, stall_threshold = "100ms", sink = "stderr")]
async fn main() {
    // Healthy work, which the other workers go on with.
    let ticks = tokio::spawn(async {
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        let mut latest = Duration::ZERO;
        for _ in 0..100 {
            let due = pace.tick().await;
            latest = latest.max(due.elapsed());
        }
        latest
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::spawn(async { load_config() })
        .await
        .unwrap_or_default();
    let latest = ticks.await.unwrap_or_default();
    println!("a timer of 10 ms was at most {latest:?} late");
}

/// The mistake: nothing here awaits, so the worker is kept.
fn load_config() {
    std::thread::sleep(Duration::from_millis(400));
}
