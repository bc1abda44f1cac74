//! The attribute, written out: what `#[loopmon::main]` expands to stands here and
//! nowhere else in the tests.

use std::future::Future;

use loopmon::__private::{Attribute, Flavor, Key, launch};
use loopmon::Sink;

pub(crate) type Settings = &'static [(Key, &'static str)];

/// Runs `body` as under `#[loopmon::main(…)]` with these settings.
pub(crate) fn annotated_main<F: Future>(settings: Settings, body: F) -> F::Output {
    annotated(Flavor::MultiThread, settings, vec![], body)
}

/// As [`annotated_main`], with a flavor and with sinks that are given as expressions.
pub(crate) fn annotated<F: Future>(
    flavor: Flavor,
    settings: Settings,
    sinks: Vec<Box<dyn Sink>>,
    body: F,
) -> F::Output {
    let attribute = Attribute {
        flavor,
        tokio: |_| {},
        settings,
        sinks,
        module: module_path!(),
    };
    launch(attribute, body)
}
