mod my {
    pub mod nested {
        pub use loopmon;
    }
}

#[my::nested::loopmon::main(crate = "my::nested::loopmon", sink = "jsonl:-", name = "x")]
async fn main() {}
