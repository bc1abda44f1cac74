//! loopmon by another path, and no crate called `tokio` in sight.
mod framework {
    pub use loopmon as monitoring;
}

mod app {
    #[super::framework::monitoring::main(
        worker_threads = 2,
        crate = "crate::framework::monitoring",
        sink = "stderr"
    )]
    pub async fn run() -> usize {
        2
    }
}

fn main() {
    assert_eq!(app::run(), 2);
}
