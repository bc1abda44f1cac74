use std::fs;

use crate::inside::Seats;
use crate::sys::ThreadId;

/// More threads than this are not gone through.
const MOST: usize = 256;

/// What Tokio calls a thread, unless the program says otherwise; the kernel keeps 15 bytes.
const TOKIOS: &str = "tokio-rt-worker";

/// The threads that may be those of a runtime which nobody has told of: they have the name
/// of a thread that its probe was seen on, or Tokio's.
pub(super) fn alike(seats: &Seats) -> Vec<ThreadId> {
    let mut names: Vec<String> = seats.threads().filter_map(name).collect();
    names.push(TOKIOS.to_owned());
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return seats.threads().collect();
    };
    let threads = threads.flatten().take(MOST);
    let ids = threads.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        ThreadId::from_word(id)
    });
    ids.filter(|id| name(*id).is_some_and(|name| names.contains(&name)))
        .collect()
}

fn name(thread: ThreadId) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/self/task/{}/comm", thread.word()));
    name.ok().map(|name| name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn threads_of_the_name_of_a_known_one_are_found_and_no_others() {
        let (leave, left) = mpsc::channel::<()>();
        let left = std::sync::Arc::new(std::sync::Mutex::new(left));
        let start = |name: &str| {
            let (tell, told) = mpsc::channel();
            let left = std::sync::Arc::clone(&left);
            let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
                tell.send(ThreadId::current().unwrap()).unwrap();
                drop(left.lock().map(|left| left.recv()));
            });
            (told.recv().unwrap(), thread.unwrap())
        };
        let [one, two, other] = ["pool", "pool", "elsewhere"].map(start);
        let seats = Seats::new();
        seats.note(0, one.0);
        let found = alike(&seats);
        assert!(found.contains(&one.0) && found.contains(&two.0), "{found:?}");
        assert!(!found.contains(&other.0), "{found:?}");
        drop(leave);
        for (_, thread) in [one, two, other] {
            thread.join().unwrap();
        }
    }
}
