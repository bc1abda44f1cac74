//! An async function that awaits another, and a module in a module.

pub mod pricing;

use crate::LONG;

pub async fn request() {
    store().await;
}

async fn store() {
    std::thread::sleep(LONG); // keeps: store
}
