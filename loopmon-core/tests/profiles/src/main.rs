//! Prints an address inside a function that was inlined into another.

mod config;

fn main() {
    println!("{:x}", config::load(std::env::args().count()));
}
