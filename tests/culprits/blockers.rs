//! Code that blocks its worker, as people write it. Half of it is inlined into its caller,
//! as the compiler would do with most of it.
#![allow(
    clippy::inline_always,
    reason = "half of the code of users is inlined, and a test can't wait for the compiler"
)]

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, OnceLock, mpsc};
use std::thread;

use nix::sys::stat::Mode;

use crate::scene::{LONG, blocks_at, is_told, returns, told, when_told};

#[inline(always)]
pub(crate) fn sleep() {
    blocks_at(line!() + 1);
    thread::sleep(LONG);
    returns();
}

pub(crate) fn fifo() {
    let (_directory, path) = a_fifo();
    blocks_at(line!() + 1);
    let file = std::fs::File::open(path);
    drop(file.expect("a writer came"));
}

/// A FIFO that gets a writer when the stall has been told.
fn a_fifo() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("fifo");
    nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("a FIFO");
    let writer = path.clone();
    when_told(move || {
        let mut writer = std::fs::File::options()
            .write(true)
            .open(writer)
            .expect("it opens");
        writer.write_all(b"at last").expect("somebody reads");
    });
    (directory, path)
}

#[inline(always)]
pub(crate) fn file_read() {
    let (_directory, path) = a_fifo();
    blocks_at(line!() + 1);
    let bytes = std::fs::read(path);
    black_box(bytes).expect("somebody writes");
}

pub(crate) fn mutex() {
    let mutex = Arc::new(Mutex::new(()));
    hold(Arc::clone(&mutex));
    blocks_at(line!() + 1);
    let guard = mutex.lock();
    drop(guard);
    returns();
}

/// Another thread has it before this returns, and until the stall has been told.
fn hold(mutex: Arc<Mutex<()>>) {
    let (holds, held) = mpsc::channel();
    thread::spawn(move || {
        let _guard = mutex.lock();
        holds.send(()).expect("somebody waits");
        wait_until_told();
    });
    held.recv().expect("it holds it");
}

fn wait_until_told() {
    let (tell, told) = mpsc::channel();
    when_told(move || tell.send(()).expect("somebody waits"));
    told.recv().expect("it is told one day");
}

#[inline(always)]
pub(crate) fn parking_lot_mutex() {
    let mutex = Arc::new(parking_lot::Mutex::new(()));
    let (other, (holds, held)) = (Arc::clone(&mutex), mpsc::channel());
    thread::spawn(move || {
        let _guard = other.lock();
        holds.send(()).expect("somebody waits");
        wait_until_told();
    });
    held.recv().expect("it holds it");
    blocks_at(line!() + 1);
    let guard = mutex.lock();
    drop(guard);
    returns();
}

pub(crate) fn condvar() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&pair);
    when_told(move || {
        *other.0.lock().expect("nobody panics") = true;
        other.1.notify_all();
    });
    let mut ready = pair.0.lock().expect("nobody panics");
    while !*ready {
        blocks_at(line!() + 1);
        ready = pair.1.wait(ready).expect("nobody panics");
    }
}

#[inline(always)]
pub(crate) fn channel() {
    let (tell, told) = mpsc::channel();
    when_told(move || tell.send(()).expect("somebody waits"));
    blocks_at(line!() + 1);
    told.recv().expect("it is told one day");
}

pub(crate) fn join() {
    let thread = thread::spawn(wait_until_told);
    blocks_at(line!() + 1);
    thread.join().expect("it does not panic");
}

/// A server that accepts, and says something when the stall has been told.
fn a_silent_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        wait_until_told();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).expect("somebody reads");
    });
    address
}

#[inline(always)]
pub(crate) fn tcp_read() {
    let mut stream = TcpStream::connect(a_silent_server()).expect("it listens");
    stream.set_read_timeout(Some(20 * LONG)).expect("a timeout");
    let mut bytes = [0; 8];
    blocks_at(line!() + 1);
    let count = stream.read(&mut bytes);
    assert!(count.expect("no call is interrupted") > 0);
}

pub(crate) fn accept() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    when_told(move || drop(TcpStream::connect(address)));
    blocks_at(line!() + 1);
    let accepted = listener.accept();
    drop(accepted.expect("no call is interrupted"));
}

pub(crate) fn http() {
    let url = format!("http://{}/", a_silent_server());
    blocks_at(line!() + 1);
    let response = minreq::get(url).send();
    drop(response.expect("it answers at last"));
}

/// Needs a server of names that does not answer: see the test.
#[inline(always)]
pub(crate) fn dns() {
    blocks_at(line!() + 1);
    let addresses = "nobody.example:80".to_socket_addrs();
    drop(addresses);
}

pub(crate) fn child() {
    let seconds = LONG.as_secs_f64().to_string();
    let mut command = Command::new("sleep");
    command.arg(seconds);
    blocks_at(line!() + 1);
    let status = command.status();
    assert!(status.expect("it starts").success());
}

#[inline(always)]
pub(crate) fn block_on() {
    let (tell, told) = tokio::sync::oneshot::channel();
    when_told(move || tell.send(()).expect("somebody waits"));
    blocks_at(line!() + 1);
    futures::executor::block_on(told).expect("it is told one day");
}

pub(crate) fn pipe() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    when_told(move || drop(writer));
    let mut bytes = [0; 8];
    blocks_at(line!() + 1);
    let count = reader.read(&mut bytes);
    assert_eq!(count.expect("no call is interrupted"), 0);
}

#[inline(always)]
pub(crate) fn password() {
    let hasher = argon2::Argon2::default();
    let mut output = [0; 32];
    while !is_told() {
        blocks_at(line!() + 1);
        let done = hasher.hash_password_into(b"password", b"some salt", &mut output);
        done.expect("valid");
    }
}

/// Much to do for those who compress it.
fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        (0..4_000_000_u32)
            .map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes()[0])
            .collect()
    })
}

/// Much to do for those who parse it.
fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| serde_json::to_string(&vec![7; 1_000_000]).expect("numbers"))
}

/// Makes beforehand what would take long itself.
pub(crate) fn prepare() {
    _ = (bytes(), text());
}

pub(crate) fn compression() {
    let bytes = bytes();
    while !is_told() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        blocks_at(line!() + 1);
        encoder.write_all(bytes).expect("memory takes it");
    }
}

#[inline(always)]
pub(crate) fn json() {
    let text = text();
    while !is_told() {
        blocks_at(line!() + 1);
        let value: serde_json::Value = serde_json::from_str(text).expect("it was written so");
        black_box(&value);
    }
}

pub(crate) fn regex() {
    let regex = fancy_regex::Regex::new(r"(a|aa)+\1b").expect("valid");
    let text = "a".repeat(32);
    while !is_told() {
        blocks_at(line!() + 1);
        let found = regex.is_match(&text);
        black_box(found).ok();
    }
}

#[inline(always)]
pub(crate) fn computing() {
    let (mut sum, told) = (0_u64, told());
    while !told.load(Ordering::Relaxed) {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
}

/// Any number of threads may wait here at the same time.
pub(crate) fn until_told() {
    static RELEASE: Condvar = Condvar::new();
    static LOCK: Mutex<()> = Mutex::new(());
    when_told(|| RELEASE.notify_all());
    let guard = LOCK.lock().expect("nobody panics");
    let waited = RELEASE.wait_while(guard, |()| !is_told());
    drop(waited.expect("nobody panics"));
}

/// Where files are served from a server of names that never answers.
pub(crate) fn use_a_silent_server_of_names() -> std::io::Result<()> {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    let here = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(here, "/", here, MsFlags::MS_REC | MsFlags::MS_PRIVATE, here)?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        "nameserver 127.0.0.153\noptions timeout:1 attempts:3\n",
    )?;
    let resolv = Path::new("/etc/resolv.conf");
    mount(Some(file.path()), resolv, here, MsFlags::MS_BIND, here)?;
    let socket = std::net::UdpSocket::bind("127.0.0.153:53")?;
    // As long as the process lives.
    std::mem::forget((file, socket));
    Ok(())
}
