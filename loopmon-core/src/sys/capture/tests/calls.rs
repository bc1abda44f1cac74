//! Calls that wait in the kernel: looks do not end them.

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex};

use super::*;

type Wait = fn(RawFd) -> Result<i64, i32>;
type Rest = fn(libc::timespec) -> i64;

/// Looks at a thread in `block` so often, ends its wait by `release`, and returns what the
/// call gave.
fn looked_at<R: Send + 'static>(
    syscalls: &[libc::c_long],
    block: impl FnOnce() -> R + Send + 'static,
    release: impl FnOnce(),
) -> R {
    let (thread, handle) = spawn(block);
    let numbers: Vec<_> = syscalls
        .iter()
        .map(|&call| u32::try_from(call).ok())
        .collect();
    until(|| Some(()).filter(|()| numbers.contains(&thread.sleep().syscall)));
    let first = thread.sleep();
    for _ in 0..20 {
        let sleep = thread.sleep();
        assert!(numbers.contains(&sleep.syscall), "{sleep:?}");
        assert_eq!(sleep.switches, first.switches, "it slept on");
        assert!(sleep.switches.is_some());
    }
    release();
    handle.join().unwrap()
}

fn result(returned: impl Into<i64>) -> Result<i64, i32> {
    let returned = returned.into();
    if returned < 0 {
        Err(io::Error::last_os_error().raw_os_error().unwrap())
    } else {
        Ok(returned)
    }
}

pub(super) fn write_one(fd: RawFd) {
    // SAFETY: one byte is read.
    assert_eq!(unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) }, 1);
}

pub(super) fn read_one(fd: RawFd) -> Result<i64, i32> {
    // SAFETY: one byte is written.
    result(unsafe { libc::read(fd, [0_u8].as_mut_ptr().cast(), 1) } as i64)
}

pub(super) fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    (reader.into(), writer.into())
}

fn sockets() -> (OwnedFd, OwnedFd) {
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    (one.into(), other.into())
}

/// A socket that waits at most so long to receive or accept.
fn set_timeout(socket: &OwnedFd) {
    let time = libc::timeval {
        tv_sec: 1000,
        tv_usec: 0,
    };
    // SAFETY: the option is a `timeval`.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const time).cast(),
            size_of_val(&time) as u32,
        )
    };
    assert_eq!(set, 0);
}

#[test]
fn a_read_is_not_cut_short() {
    let (reader, writer) = pipe();
    let read = move || read_one(reader.as_raw_fd());
    let got = looked_at(&[libc::SYS_read], read, || write_one(writer.as_raw_fd()));
    assert_eq!(got, Ok(1));
}

#[test]
fn a_write_to_a_full_pipe_is_not_cut_short() {
    let (reader, writer) = pipe();
    // SAFETY: it takes an integer.
    let size = unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_GETPIPE_SZ) } as usize;
    let write = move || {
        let bytes = vec![0_u8; size + 1];
        // SAFETY: so many bytes are read.
        result(
            unsafe { libc::write(writer.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) } as i64,
        )
    };
    let got = looked_at(&[libc::SYS_write], write, || {
        for _ in 0..=size {
            read_one(reader.as_raw_fd()).unwrap();
        }
    });
    assert_eq!(got, Ok(size as i64 + 1));
}

#[test]
fn a_receive_is_not_cut_short_with_or_without_a_timeout() {
    for with_timeout in [false, true] {
        let (one, other) = sockets();
        if with_timeout {
            set_timeout(&one);
        }
        let receive = move || {
            let mut byte = [0_u8];
            // SAFETY: one byte is written.
            result(unsafe { libc::recv(one.as_raw_fd(), byte.as_mut_ptr().cast(), 1, 0) } as i64)
        };
        let got = looked_at(&[libc::SYS_recvfrom], receive, || {
            write_one(other.as_raw_fd());
        });
        assert_eq!(got, Ok(1));
    }
}

#[test]
fn an_accept_is_not_cut_short_with_or_without_a_timeout() {
    for with_timeout in [false, true] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listener = OwnedFd::from(listener);
        if with_timeout {
            set_timeout(&listener);
        }
        let accept = move || {
            // SAFETY: null is accepted for an address that is not wanted.
            let got =
                unsafe { libc::accept(listener.as_raw_fd(), ptr::null_mut(), ptr::null_mut()) };
            result(got).map(|fd| {
                // SAFETY: the kernel has just made it.
                drop(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
            })
        };
        let mut client = None;
        let got = looked_at(&[libc::SYS_accept], accept, || {
            client = Some(std::net::TcpStream::connect(address).unwrap());
        });
        assert_eq!(got, Ok(()));
    }
}

#[test]
fn a_connect_is_not_cut_short() {
    // The queue of one that listens but does not accept: full after two.
    let directory = std::env::temp_dir().join(format!("loopmon-connect-{}", std::process::id()));
    let _not_there = std::fs::remove_file(&directory);
    // SAFETY: the address is a valid one; the descriptor is new.
    let (listener, address, length) = unsafe {
        let listener = OwnedFd::from_raw_fd(libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0));
        let mut address: libc::sockaddr_un = mem::zeroed();
        address.sun_family = libc::AF_UNIX as u16;
        for (to, &from) in address
            .sun_path
            .iter_mut()
            .zip(directory.to_str().unwrap().as_bytes())
        {
            *to = from.cast_signed();
        }
        let length = size_of_val(&address) as u32;
        assert_eq!(
            libc::bind(listener.as_raw_fd(), (&raw const address).cast(), length),
            0
        );
        assert_eq!(libc::listen(listener.as_raw_fd(), 0), 0);
        (listener, address, length)
    };
    let connect = move || {
        // SAFETY: as above.
        unsafe {
            let socket = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
            let _closed = OwnedFd::from_raw_fd(socket);
            result(libc::connect(socket, (&raw const address).cast(), length))
        }
    };
    assert_eq!(connect(), Ok(0), "the queue takes one");
    let got = looked_at(&[libc::SYS_connect], connect, || {
        // SAFETY: as above.
        let fd = unsafe { libc::accept(listener.as_raw_fd(), ptr::null_mut(), ptr::null_mut()) };
        // SAFETY: the kernel has just made it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    });
    std::fs::remove_file(&directory).unwrap();
    assert_eq!(got, Ok(0));
}

#[test]
fn waiting_for_descriptors_is_not_cut_short() {
    let polled = |fd: RawFd| {
        let mut asked = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: there is one structure.
        result(unsafe { libc::poll(&raw mut asked, 1, -1) })
    };
    let selected = |fd: RawFd| {
        // SAFETY: the set is initialised, and has room for the descriptor.
        unsafe {
            let mut set = mem::zeroed();
            libc::FD_SET(fd, &raw mut set);
            let none = ptr::null_mut();
            result(libc::select(
                fd + 1,
                &raw mut set,
                none,
                none,
                ptr::null_mut(),
            ))
        }
    };
    let with_epoll = |fd: RawFd| {
        // SAFETY: the descriptor is new, and there is room for one event.
        unsafe {
            let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event);
            result(libc::epoll_wait(epoll.as_raw_fd(), &raw mut event, 1, -1))
        }
    };
    let cases: [(&[libc::c_long], Wait); 3] = [
        (&[libc::SYS_poll, libc::SYS_ppoll], polled),
        (&[libc::SYS_select, libc::SYS_pselect6], selected),
        (&[libc::SYS_epoll_wait, libc::SYS_epoll_pwait], with_epoll),
    ];
    for (syscalls, wait) in cases {
        let (reader, writer) = pipe();
        let wait = move || wait(reader.as_raw_fd());
        let got = looked_at(syscalls, wait, || write_one(writer.as_raw_fd()));
        assert_eq!(got, Ok(1));
    }
}

#[test]
fn opening_a_fifo_is_not_cut_short() {
    let path = std::env::temp_dir().join(format!("loopmon-fifo-{}", std::process::id()));
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the name ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let open = move || {
        // SAFETY: as above.
        let fd = result(unsafe { libc::open(name.as_ptr(), libc::O_RDONLY) });
        fd.map(|fd| {
            // SAFETY: the kernel has just made it.
            drop(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
        })
    };
    let got = looked_at(&[libc::SYS_openat, libc::SYS_open], open, || {
        drop(std::fs::OpenOptions::new().write(true).open(&path).unwrap());
    });
    std::fs::remove_file(&path).unwrap();
    assert_eq!(got, Ok(()));
}

#[test]
fn waiting_for_a_lock_is_not_cut_short() {
    let lock = Arc::new(Mutex::new(0));
    let guard = lock.lock().unwrap();
    let other = Arc::clone(&lock);
    let wait = move || *other.lock().unwrap();
    assert_eq!(looked_at(&[libc::SYS_futex], wait, || drop(guard)), 0);

    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = Arc::clone(&pair);
    let wait = move || {
        let mut rounds = 0;
        let mut told = other.0.lock().unwrap();
        while !*told {
            rounds += 1;
            told = other.1.wait(told).unwrap();
        }
        rounds
    };
    let rounds = looked_at(&[libc::SYS_futex], wait, || {
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
    });
    assert_eq!(rounds, 1, "woken once");

    let semaphore = Box::leak(Box::new(MaybeUninit::<libc::sem_t>::uninit())).as_mut_ptr();
    // SAFETY: a new semaphore, which lives for good.
    assert_eq!(unsafe { libc::sem_init(semaphore, 0, 0) }, 0);
    let semaphore = semaphore as usize;
    // SAFETY: the semaphore is initialised.
    let wait = move || result(unsafe { libc::sem_wait(semaphore as *mut _) });
    let got = looked_at(&[libc::SYS_futex], wait, || {
        // SAFETY: as above.
        unsafe { libc::sem_post(semaphore as *mut _) };
    });
    assert_eq!(got, Ok(0));
}

#[test]
fn a_sleep_lasts_as_long_as_it_should() {
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 300_000_000,
    };
    let naps: [(libc::c_long, Rest); 2] = [
        // SAFETY: the time is valid; what is left is not wanted.
        (libc::SYS_nanosleep, |time| unsafe {
            libc::syscall(libc::SYS_nanosleep, &raw const time, ptr::null_mut::<()>())
        }),
        // SAFETY: as above.
        (libc::SYS_clock_nanosleep, |time| unsafe {
            libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &raw const time, ptr::null_mut()).into()
        }),
    ];
    for (syscall, nap) in naps {
        let (thread, handle) = spawn(move || {
            let start = Instant::now();
            (nap(time), start.elapsed())
        });
        thread.sleep_in(syscall);
        while matches!(look(thread.id), Sight::Asleep(_)) {}
        let (returned, length) = handle.join().unwrap();
        assert_eq!(returned, 0);
        assert!(length >= Duration::from_millis(300), "{length:?}");
    }
}

#[test]
#[allow(clippy::zombie_processes, reason = "the thread waits for it")]
fn waiting_for_a_child_is_not_cut_short() {
    let mut child = std::process::Command::new("cat");
    child
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut child = child.spawn().unwrap();
    let (pid, end) = (child.id().cast_signed(), child.stdin.take());
    // SAFETY: its status is not wanted.
    let wait = move || result(unsafe { libc::waitpid(pid, ptr::null_mut(), 0) });
    let got = looked_at(&[libc::SYS_wait4], wait, || drop(end));
    assert_eq!(got, Ok(pid.into()));
}
