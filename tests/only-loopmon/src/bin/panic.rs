#[loopmon::main(flavor = "current_thread")]
async fn main() {
    panic!("told by the panic");
}
