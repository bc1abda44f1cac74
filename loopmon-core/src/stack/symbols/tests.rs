use std::collections::BTreeSet;
use std::process::Command;

use super::*;
use crate::sys::own_calls;

fn objects() -> Objects {
    let mut objects = Objects::new();
    objects.refresh();
    objects
}

/// As if a thread were at each of these instructions.
fn at(addresses: &[u64]) -> Unwound {
    Unwound {
        addresses: addresses
            .iter()
            .map(|value| Address {
                value: *value,
                is_return: false,
            })
            .collect(),
        complete: true,
    }
}

/// As if a thread would return to each of these.
fn returns(addresses: &[u64]) -> Unwound {
    let mut unwound = at(addresses);
    for address in &mut unwound.addresses {
        address.is_return = true;
    }
    unwound
}

#[inline(never)]
fn outer() -> Vec<u64> {
    std::hint::black_box(inlined())
}

#[allow(clippy::inline_always, reason = "this is tested")]
#[inline(always)]
fn inlined() -> Vec<u64> {
    own_calls()
}

fn function(frame: &Frame) -> &str {
    frame.function.as_deref().unwrap_or_default()
}

#[test]
fn an_own_call_has_function_file_and_line_and_so_has_what_was_inlined() {
    let stack = Symbols::new().name(&returns(&outer()), &objects());
    let [inner, outer, test, ..] = &stack.frames[..] else {
        panic!("{stack:#?}");
    };
    let path = "loopmon_core::stack::symbols::tests";
    assert_eq!(function(inner), format!("{path}::inlined"));
    assert_eq!(function(outer), format!("{path}::outer"));
    assert!(function(test).starts_with(&format!("{path}::an_own_call")));
    assert_eq!(
        [inner.inlined, outer.inlined, test.inlined],
        [true, false, false]
    );
    for frame in [inner, outer, test] {
        assert_eq!(frame.file.as_deref(), Some(file!()));
        assert!(frame.line.is_some_and(|line| line < line!()));
        assert!(
            frame
                .module
                .as_deref()
                .unwrap()
                .starts_with("loopmon_core-")
        );
    }
    assert_eq!(inner.offset, outer.offset);
    let of_std = |frame: &Frame| {
        let file = frame.file.as_deref().unwrap_or_default();
        function(frame).starts_with("std::") && file.starts_with("/rustc/")
    };
    assert!(stack.frames.iter().any(of_std), "{stack:#?}");
}

#[test]
fn a_call_that_never_returns_belongs_to_the_function_before_its_return_address() {
    let (start, objects) = (outer as *const () as u64, objects());
    let [at, before] = [at(&[start]), returns(&[start])];
    let [at, before] = [at, before].map(|calls| Symbols::new().name(&calls, &objects));
    assert!(function(&at.frames[0]).ends_with("::outer"));
    assert!(!function(before.frames.last().unwrap()).ends_with("::outer"));
    assert_eq!(before.frames[0].offset, at.frames[0].offset - 1);
}

#[test]
fn without_debug_info_a_call_has_the_name_that_the_linker_knows() {
    let address = libc::getpid as *const () as u64;
    let stack = Symbols::new().name(&at(&[address]), &objects());
    assert_eq!(function(&stack.frames[0]), "getpid");
    assert_eq!(stack.frames[0].file, None);
    assert!(
        stack.frames[0]
            .module
            .as_deref()
            .unwrap()
            .starts_with("libc.so")
    );
}

#[test]
fn what_is_no_code_keeps_its_address() {
    let stack = Symbols::new().name(&at(&[0, 42]), &objects());
    let offsets: Vec<_> = stack.frames.iter().map(|frame| frame.offset).collect();
    assert_eq!(offsets, [0, 42]);
    assert!(
        stack
            .frames
            .iter()
            .all(|frame| frame.module.is_none() && frame.function.is_none())
    );
}

#[test]
fn a_stack_reads_the_same_from_the_cache_and_after_being_idle() {
    let (calls, objects) = (returns(&outer()), objects());
    let mut symbols = Symbols::new();
    let first = symbols.name(&calls, &objects);
    assert_eq!(symbols.name(&calls, &objects), first);
    assert_eq!(symbols.read.len(), 2, "the program and libc");
    symbols.drop_idle();
    assert_eq!(symbols.name(&calls, &objects), first);
    assert!(symbols.read.is_empty(), "no file is read for what is known");
    assert_eq!(Symbols::new().name(&calls, &objects), first);
}

#[test]
fn a_name_without_end_is_cut() {
    let name = readable(&Function::Plain("é".repeat(NAME_AT_MOST)));
    assert_eq!(name, "é".repeat(NAME_AT_MOST / 2));
}

#[test]
fn the_tests_were_compiled_with_lines() {
    let mut symbols = Symbols::new();
    assert_eq!(symbols.detail(&objects()), Detail::Lines);
}

/// A frame as `addr2line -f -i` prints it, and we do.
type Printed = (String, String);

/// Every hundredth function of this program.
fn sample(objects: &Objects) -> Vec<u64> {
    let image = objects.main_program().unwrap().image().unwrap();
    let functions: BTreeSet<u64> = Elf::parse(image.file()).unwrap().all_functions().collect();
    functions.into_iter().step_by(100).collect()
}

/// It comes with the C compiler that the tests need.
fn by_addr2line(addresses: &[u64]) -> Vec<Vec<Printed>> {
    let mut command = Command::new("addr2line");
    command.args(["-f", "-i", "-a", "-e"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(addresses.iter().map(|address| format!("{address:x}")));
    let output = command.output().expect("`addr2line` of binutils is installed");
    let output = String::from_utf8(output.stdout).unwrap();
    let blocks = output.split("0x").skip(1).map(|block| {
        let lines: Vec<&str> = block.lines().skip(1).collect();
        let frames = lines.chunks(2).map(|pair| {
            let position = pair[1].split(" (discriminator").next().unwrap();
            (
                readable(&Function::Linkage(pair[0].to_owned())),
                position.to_owned(),
            )
        });
        frames.collect()
    });
    blocks.collect()
}

#[test]
fn names_and_lines_are_those_of_addr2line() {
    let objects = objects();
    let program = objects.main_program().unwrap();
    let stated = sample(&objects);
    let theirs = by_addr2line(&stated);
    assert_eq!(theirs.len(), stated.len());
    let mut symbols = Symbols::new();
    let mut different = Vec::new();
    for (stated, theirs) in stated.iter().zip(theirs) {
        let ours = symbols
            .name(&at(&[program.actual(*stated)]), &objects)
            .frames;
        let same = ours.len() == theirs.len()
            && ours
                .iter()
                .zip(&theirs)
                .all(|(ours, (function, position))| {
                    let (file, line) = position.rsplit_once(':').unwrap();
                    (function == ours.function.as_deref().unwrap_or("??"))
                        && file.ends_with(ours.file.as_deref().unwrap_or("??"))
                        && line == ours.line.map_or("?".to_owned(), |line| line.to_string())
                });
        if !same {
            different.push((*stated, ours, theirs));
        }
    }
    assert!(
        different.len() * 100 <= stated.len(),
        "{} of {}: {:#?}",
        different.len(),
        stated.len(),
        &different[..different.len().min(4)]
    );
}
