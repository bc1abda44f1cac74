//! A web service that drives itself with real requests for ten seconds. After
//! three of them a "deploy" makes a handler block the loop; three seconds later the
//! deploy is rolled back. Watch lag and tasks move, and the stuck workers while they are
//! stuck.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::{Router, routing::get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, interval, sleep};

/// Whether the faulty version of the service is deployed.
static FAULTY: AtomicBool = AtomicBool::new(false);

const REQUESTS_PER_SECOND: u32 = 10;

#[loopmon::main(interval = "50ms", stall_threshold = "100ms", sink = "stderr?every=1s")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(page))).await });

    phase("healthy", false, address).await;
    phase(
        "deployed: each request now blocks its worker for 120 ms",
        true,
        address,
    )
    .await;
    phase("rolled back", false, address).await;
    Ok(())
}

async fn page() -> &'static str {
    if FAULTY.load(Ordering::Relaxed) {
        // The mistake: this keeps the worker, and every task that waits for it.
        std::thread::sleep(Duration::from_millis(120));
    } else {
        sleep(Duration::from_millis(120)).await;
    }
    "hello\n"
}

/// Serves requests for a good three seconds.
async fn phase(name: &str, faulty: bool, address: SocketAddr) {
    println!("{name}");
    FAULTY.store(faulty, Ordering::Relaxed);
    let end = Instant::now() + Duration::from_millis(3_300);
    let mut pace = interval(Duration::from_secs(1) / REQUESTS_PER_SECOND);
    while Instant::now() < end {
        pace.tick().await;
        tokio::spawn(request(address));
    }
}

async fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}
