//! What is known to block or to compute for long, and what to do instead.

/// A call that keeps a worker.
pub(super) struct Row {
    /// What to do instead: one plain sentence.
    pub(super) advice: &'static str,
    /// The call as users write it, and the frames that show it: a crate, and names that
    /// follow each other anywhere in the path, or after `^` right behind the crate.
    pub(super) calls: &'static [(&'static str, &'static [&'static str])],
}

macro_rules! rows {
    ($($advice:literal: { $($called:literal: $frames:expr,)* })*) => {
        &[$(Row { advice: $advice, calls: &[$(($called, &$frames)),*] }),*]
    };
}

/// By the functions that Rust programs call.
pub(super) const CALLS: &[Row] = rows! {
    "use tokio::time::sleep(…).await, or tokio::task::spawn_blocking for blocking work": {
        "std::thread::sleep": ["std sleep", "std sleep_until"],
    }
    "use tokio::fs, or tokio::task::spawn_blocking for the whole of the work on files": {
        "std::fs::File::open": ["std ^fs::File::open", "std ^fs::OpenOptions::open"],
        "std::fs::File::create": ["std ^fs::File::create"],
        "std::fs::File::read": ["std ^fs::File::read"],
        "std::fs::File::write": ["std ^fs::File::write", "std ^fs::File::flush"],
        "std::fs::File::sync_all": ["std ^fs::File::sync_all"],
        "std::fs::File::sync_data": ["std ^fs::File::sync_data"],
        "std::fs::File::lock": ["std ^fs::File::lock"],
        "std::fs::File": ["std ^fs::File"],
        "std::fs::read_to_string": ["std ^fs::read_to_string"],
        "std::fs::write": ["std ^fs::write"],
        "std::fs::copy": ["std ^fs::copy"],
        "std::fs::metadata": ["std ^fs::metadata", "std ^fs::symlink_metadata"],
        "std::fs::read_dir": ["std ^fs::read_dir", "std ^fs::ReadDir"],
        "std::fs::read_link": ["std ^fs::read_link"],
        // Behind those that it is the beginning of.
        "std::fs::read": ["std ^fs::read"],
        "std::fs::remove_dir_all": ["std ^fs::remove_dir_all"],
        "std::fs": ["std ^fs"],
    }
    "use tokio::net::lookup_host(…).await, or connect by name through tokio::net": {
        "std::net::ToSocketAddrs": ["std to_socket_addrs", "std lookup_host"],
    }
    "use tokio::net, whose sockets wait without a worker": {
        "std::net::TcpStream::connect": ["std TcpStream::connect"],
        "std::os::unix::net::UnixStream::connect": ["std UnixStream::connect"],
        "std::net::TcpListener::accept": ["std TcpListener::accept"],
        "std::os::unix::net::UnixListener::accept": ["std UnixListener::accept"],
        // The linker makes one function of those that have the same code: the read of one
        // kind of socket may bear the name of another's.
        "a read from a socket": [
            "std TcpStream::read", "std TcpStream::peek", "std UnixStream::read",
            "std UdpSocket::recv", "std UdpSocket::peek", "std UnixDatagram::recv",
        ],
        "a write to a socket": [
            "std TcpStream::write", "std UnixStream::write", "std UdpSocket::send",
            "std UnixDatagram::send",
        ],
    }
    "hold the lock for less, never across slow work, or use tokio::sync::Mutex if it must be held \
     across an await": {
        "std::sync::Mutex::lock": ["std Mutex::lock"],
        "parking_lot::Mutex::lock": ["lock_api Mutex::lock", "parking_lot RawMutex::lock"],
        "parking_lot::ReentrantMutex::lock": ["lock_api ReentrantMutex::lock"],
        "a lock of parking_lot": ["parking_lot_core parking_lot::park"],
    }
    "hold the lock for less, never across slow work, or use tokio::sync::RwLock if it must be held \
     across an await": {
        "std::sync::RwLock::read": ["std RwLock::read"],
        "std::sync::RwLock::write": ["std RwLock::write"],
        "parking_lot::RwLock::read": ["lock_api RwLock::read", "parking_lot RawRwLock::lock_shared"],
        "parking_lot::RwLock::write": [
            "lock_api RwLock::write", "parking_lot RawRwLock::lock_exclusive",
        ],
        "parking_lot::RwLock::upgradable_read": ["lock_api RwLock::upgradable_read"],
    }
    "use tokio::sync::Notify or a channel of tokio::sync, which wait without a worker": {
        "std::sync::Condvar::wait": ["std Condvar::wait"],
        "parking_lot::Condvar::wait": ["parking_lot Condvar::wait"],
        "crossbeam::sync::Parker::park": ["crossbeam_utils Parker::park"],
        "crossbeam::sync::WaitGroup::wait": ["crossbeam_utils WaitGroup::wait"],
    }
    "use tokio::sync::Barrier": {
        "std::sync::Barrier::wait": ["std Barrier::wait"],
    }
    "use tokio::sync::OnceCell, or initialise it before the runtime starts": {
        "std::sync::OnceLock::get_or_init": ["std OnceLock::get_or_init", "std OnceLock::initialize"],
        "std::sync::LazyLock": ["std LazyLock::force", "std LazyLock::deref"],
        "std::sync::Once::call_once": ["std Once::call", "std Once::wait"],
        "once_cell::sync::OnceCell": ["once_cell OnceCell::get_or_init", "once_cell OnceCell::initialize"],
    }
    "use a channel of tokio::sync: its recv().await waits without a worker": {
        "std::sync::mpsc::Receiver::recv": ["std mpsc::Receiver::recv", "std mpsc::Iter::next", "std mpsc::IntoIter::next"],
        "std::sync::mpsc::SyncSender::send": ["std mpsc::SyncSender::send"],
        "crossbeam_channel::Receiver::recv": ["crossbeam_channel Receiver::recv"],
        "crossbeam_channel::Sender::send": ["crossbeam_channel Sender::send"],
        "crossbeam_channel::select!": ["crossbeam_channel select"],
    }
    "use its asynchronous half: recv_async().await and send_async(…).await": {
        "flume::Receiver::recv": ["flume Receiver::recv"],
        "flume::Sender::send": ["flume Sender::send"],
    }
    "use recv().await and send(…).await; the blocking calls are for threads outside of the runtime": {
        "tokio's blocking_recv": ["tokio blocking_recv", "tokio blocking_recv_many"],
        "tokio's blocking_send": ["tokio blocking_send"],
        "tokio's blocking_lock": ["tokio blocking_lock", "tokio blocking_lock_owned"],
        "tokio's blocking_read": ["tokio blocking_read"],
        "tokio's blocking_write": ["tokio blocking_write"],
    }
    "await the future instead, or move the call into tokio::task::spawn_blocking": {
        "futures::executor::block_on": ["futures_executor block_on", "futures_executor run_executor"],
        "pollster::block_on": ["pollster block_on"],
        "smol::block_on": ["async_io block_on", "futures_lite block_on"],
    }
    "use tokio::task::spawn_blocking for the thread's work and await its handle": {
        "std::thread::JoinHandle::join": ["std JoinHandle::join", "std JoinInner::join"],
        "std::thread::scope": ["std thread::scoped::scope"],
    }
    "start the work with rayon::spawn and await its result through a tokio::sync::oneshot": {
        "rayon": ["rayon", "rayon_core"],
    }
    "use tokio::sync::Notify, which waits without a worker": {
        "std::thread::park": ["std thread::functions::park", "std thread::functions::park_timeout"],
    }
    "use tokio::process, whose wait().await keeps no worker": {
        "std::process::Command::output": ["std ^process::Command::output"],
        "std::process::Command::status": ["std ^process::Command::status"],
        "std::process::Command::spawn": ["std ^process::Command::spawn"],
        "std::process::Child::wait": ["std ^process::Child::wait", "std ^process::Child::wait_with_output"],
    }
    "whoever reads it is slow: write less, or through a thread of its own such as tracing_appender's": {
        "std::io::Stdout": [
            "std stdio::_print", "std stdio::Stdout", "std stdio::StdoutLock", "std stdio::StdoutRaw",
        ],
        "std::io::Stderr": [
            "std stdio::_eprint", "std stdio::Stderr", "std stdio::StderrLock", "std stdio::StderrRaw",
        ],
    }
    "read it in a thread of its own that sends lines through a channel of tokio::sync": {
        "std::io::Stdin": ["std stdio::Stdin", "std stdio::StdinLock", "std stdio::StdinRaw"],
    }
    "use tokio::net::unix::pipe": {
        "std::io::pipe": ["std pipe::PipeReader", "std pipe::PipeWriter"],
        "std::process::ChildStdout::read": ["std ^process::ChildStdout", "std process::ChildStderr"],
        "std::process::ChildStdin::write": ["std ^process::ChildStdin"],
    }
    "hash passwords in tokio::task::spawn_blocking: they are meant to be slow": {
        "argon2": ["argon2", "argonautica", "rust_argon2"],
        "bcrypt": ["bcrypt"],
        "scrypt": ["scrypt"],
        "pbkdf2": ["pbkdf2", "ring pbkdf2"],
    }
    "compress in tokio::task::spawn_blocking, or in pieces with async_compression": {
        "flate2": ["flate2", "miniz_oxide", "zlib_rs", "libdeflater"],
        "zstd": ["zstd", "zstd_safe", "ruzstd"],
        "brotli": ["brotli", "brotli_decompressor"],
        "lz4": ["lz4", "lz4_flex", "lzzzz"],
        "bzip2": ["bzip2"],
        "xz": ["xz2", "liblzma"],
        "snap": ["snap"],
        "zip": ["zip"],
        "tar": ["tar"],
    }
    "so much data belongs into tokio::task::spawn_blocking, or into smaller messages": {
        "serde_json": ["serde_json", "simd_json", "sonic_rs"],
        "serde_yaml": ["serde_yaml", "serde_yml"],
        "toml": ["toml", "toml_edit"],
        "quick_xml": ["quick_xml"],
        "csv": ["csv", "csv_core"],
        "bincode": ["bincode", "postcard", "rmp_serde", "ciborium"],
        "prost": ["prost"],
        "serde": ["serde", "serde_core"],
    }
    "bound the text that is searched and compile the pattern once, or use \
     tokio::task::spawn_blocking": {
        "fancy_regex": ["fancy_regex"],
        "regex": ["regex", "regex_automata", "regex_syntax"],
    }
    "use an asynchronous client such as sqlx or tokio_postgres, or tokio::task::spawn_blocking": {
        "rusqlite": ["rusqlite", "libsqlite3_sys", "sqlite"],
        "diesel": ["diesel"],
        "postgres": ["postgres"],
        "mysql": ["mysql"],
        "r2d2": ["r2d2"],
        "redis (the synchronous connection)": [
            "redis connection::Connection", "redis ConnectionLike::req_command", "redis Cmd::query",
        ],
        "rocksdb": ["rocksdb"],
        "sled": ["sled"],
    }
    "use an asynchronous client such as reqwest or hyper, or tokio::task::spawn_blocking": {
        "ureq": ["ureq"],
        "reqwest::blocking": ["reqwest blocking"],
        "attohttpc": ["attohttpc"],
        "minreq": ["minreq"],
        "curl": ["curl"],
    }
    "do it rarely: to resolve a backtrace, all debug information is read": {
        "std::backtrace::Backtrace": ["std ^backtrace"],
        "backtrace": ["backtrace"],
    }
    "so much computing belongs into tokio::task::spawn_blocking, or onto a pool such as rayon": {
        "image": ["image", "png", "jpeg_decoder", "zune_jpeg", "resvg"],
        "rsa": ["rsa", "num_bigint_dig"],
        "a sort": [
            "std slice::sort", "std slice::sort_by", "std slice::sort_by_key",
            "std slice::sort_unstable", "std slice::sort_unstable_by", "std slice::stable_sort",
        ],
    }
};

/// By what they come to in the end, where nothing better is known: functions of the
/// C library, and the standard library's own face of them.
pub(super) const SYMBOLS: &[Row] = rows! {
    "use tokio::time::sleep(…).await, or tokio::task::spawn_blocking for blocking work": {
        "nanosleep": ["nanosleep", "clock_nanosleep", "usleep", "sleep"],
    }
    "use tokio::net::lookup_host(…).await, or tokio::task::spawn_blocking": {
        "getaddrinfo": ["getaddrinfo", "gethostbyname", "gethostbyname_r", "getnameinfo"],
    }
    "hold the lock for less, or use tokio::sync, which waits without a worker": {
        "a lock": [
            "futex_wait", "lll_lock_wait", "pthread_mutex_lock", "pthread_rwlock_rdlock",
            "pthread_rwlock_wrlock", "flock", "futex",
        ],
        "a condition variable": ["pthread_cond_wait", "pthread_cond_timedwait", "sem_wait"],
    }
    "use tokio::task::spawn_blocking for the thread's work and await its handle": {
        "pthread_join": ["pthread_join", "pthread_clockjoin_ex", "pthread_timedjoin_np"],
    }
    "use tokio::net, whose sockets wait without a worker": {
        "accept": ["accept", "accept4"],
        "connect": ["connect"],
        "recv": ["recv", "recvfrom", "recvmsg", "recvmmsg"],
        "send": ["send", "sendto", "sendmsg", "sendmmsg", "sendfile", "sendfile64"],
    }
    "use tokio::process, whose wait().await keeps no worker": {
        "waitpid": ["waitpid", "wait4", "waitid", "wait"],
    }
    "use tokio's AsyncFd for a descriptor of your own, or tokio::task::spawn_blocking": {
        "poll": ["poll", "ppoll"],
        "select": ["select", "pselect"],
        "epoll_wait": ["epoll_wait", "epoll_pwait"],
    }
    "use tokio::fs for files and tokio::net::unix::pipe for pipes, or tokio::task::spawn_blocking": {
        "read": ["read", "readv", "pread", "pread64", "preadv", "fread", "getline", "fgets"],
        "write": ["write", "writev", "pwrite", "pwrite64", "pwritev", "fwrite"],
        "fsync": ["fsync", "fdatasync", "sync", "syncfs", "msync", "sync_file_range"],
        "open": ["open", "open64", "openat", "openat64", "fopen", "fopen64"],
        "close": ["close", "fclose"],
        "stat": ["stat", "lstat", "fstat", "fstatat", "statx", "stat64", "access"],
        "readdir": ["readdir", "readdir64", "getdents64"],
        "a change in a directory": ["rename", "unlink", "mkdir", "rmdir", "ftruncate", "fallocate"],
    }
};
