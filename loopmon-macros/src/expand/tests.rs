//! The expansion, reviewed as text.
#![allow(
    clippy::needless_raw_string_hashes,
    reason = "expect-test writes the literals"
)]

use expect_test::{Expect, expect};
use quote::quote;

use super::*;

fn check(arguments: TokenStream, item: TokenStream, expected: &Expect) {
    let expansion = main(arguments, item);
    let file = syn::parse2(expansion.clone());
    let text = file.map_or_else(
        |error| format!("{error}: {expansion}"),
        |file| prettyplease::unparse(&file),
    );
    expected.assert_eq(&text);
}

#[test]
fn the_attribute_alone_launches_the_body() {
    check(
        quote!(),
        quote!(
            async fn main() {
                work().await;
            }
        ),
        &expect![[r#"
            fn main() {
                return ::loopmon::__private::launch(
                    ::loopmon::__private::Attribute {
                        flavor: ::loopmon::__private::Flavor::MultiThread,
                        tokio: |_| {},
                        settings: &[],
                        sinks: ::loopmon::__private::vec![],
                        module: ::core::module_path!(),
                    },
                    async {
                        if let ::loopmon::__private::Some(output) = ::loopmon::__private::None::<
                            (),
                        > {
                            return output;
                        }
                        '_body: {
                            work().await;
                        }
                    },
                );
            }
        "#]],
    );
}

#[test]
fn every_argument_is_handed_on() {
    check(
        quote!(
            interval = "25ms",
            sink = ["stderr", Custom::<A, B>::new(), "jsonl:x"],
            own = "my-app",
            flavor = "local",
            start_paused = true,
            unhandled_panic = "ignore",
            name = "x",
            crate = "my::loopmon",
        ),
        quote!(
            async fn main() {}
        ),
        &expect![[r#"
            fn main() {
                return my::loopmon::__private::launch(
                    my::loopmon::__private::Attribute {
                        flavor: my::loopmon::__private::Flavor::Local,
                        tokio: |builder| {
                            builder.start_paused(true);
                            my::loopmon::__private::unhandled_panic!(builder, Ignore);
                            builder.name("x");
                        },
                        settings: &[
                            (my::loopmon::__private::Key::Interval, "25ms"),
                            (my::loopmon::__private::Key::Sink, "stderr"),
                            (
                                my::loopmon::__private::Key::Sink,
                                my::loopmon::__private::sink_jsonl!("jsonl:x"),
                            ),
                            (my::loopmon::__private::Key::Own, "my-app"),
                        ],
                        sinks: my::loopmon::__private::vec![
                            my::loopmon::__private::sink(Custom:: < A, B > ::new())
                        ],
                        module: ::core::module_path!(),
                    },
                    async {
                        if let my::loopmon::__private::Some(output) = my::loopmon::__private::None::<
                            (),
                        > {
                            return output;
                        }
                        '_body: {}
                    },
                );
            }
        "#]],
    );
}

#[test]
fn a_signature_loses_async_alone() {
    check(
        quote!(worker_threads = 4),
        quote!(
            #[doc = " Documented."]
            pub(crate) async unsafe extern "C" fn method<'a, T: Into<&'a u8>>(
                &self,
                (a, mut b): (T, T),
            ) -> Result<T, ()>
            where
                T: Copy,
            {
                #![allow(unused)]
                Ok(a)
            }
        ),
        &expect![[r#"
            /// Documented.
            #[allow(unused)]
            pub(crate) unsafe extern "C" fn method<'a, T: Into<&'a u8>>(
                &self,
                (a, mut b): (T, T),
            ) -> Result<T, ()>
            where
                T: Copy,
            {
                return ::loopmon::__private::launch(
                    ::loopmon::__private::Attribute {
                        flavor: ::loopmon::__private::Flavor::MultiThread,
                        tokio: |builder| {
                            builder.worker_threads(4usize);
                        },
                        settings: &[],
                        sinks: ::loopmon::__private::vec![],
                        module: ::core::module_path!(),
                    },
                    async {
                        if let ::loopmon::__private::Some(output) = ::loopmon::__private::None::<
                            Result<T, ()>,
                        > {
                            return output;
                        }
                        '_body: { Ok(a) }
                    },
                );
            }
        "#]],
    );
}

#[test]
fn a_type_that_cannot_be_named_is_not() {
    check(
        quote!(),
        quote!(
            async fn endless() -> ! {
                loop {}
            }
        ),
        &expect![[r#"
            fn endless() -> ! {
                return ::loopmon::__private::launch(
                    ::loopmon::__private::Attribute {
                        flavor: ::loopmon::__private::Flavor::MultiThread,
                        tokio: |_| {},
                        settings: &[],
                        sinks: ::loopmon::__private::vec![],
                        module: ::core::module_path!(),
                    },
                    async { loop {} },
                );
            }
        "#]],
    );
}

#[test]
fn mistakes_leave_a_function_behind() {
    check(
        quote!(interval = 250, flavor, worker_threads = 2),
        quote!(
            fn main(arguments: Vec<String>) {}
        ),
        &expect![[r#"
            fn main() {
                #[allow(dead_code)]
                fn main(arguments: Vec<String>) {
                    return ::loopmon::__private::launch(
                        ::loopmon::__private::Attribute {
                            flavor: ::loopmon::__private::Flavor::MultiThread,
                            tokio: |_| {},
                            settings: &[],
                            sinks: ::loopmon::__private::vec![],
                            module: ::core::module_path!(),
                        },
                        async {
                            if let ::loopmon::__private::Some(output) = ::loopmon::__private::None::<
                                (),
                            > {
                                return output;
                            }
                            '_body: {}
                        },
                    );
                }
            }
            ::core::compile_error! {
                "`interval` = `250`: not a string literal, as in `interval = \"250ms\"`; accepted: a duration from 1ms to 1h, such as `250ms`"
            }
            ::core::compile_error! {
                "`flavor` needs a value, as in `flavor = \"current_thread\"`; accepted: `multi_thread`, `current_thread`, `local`"
            }
            ::core::compile_error! {
                "the function is not async: write `async fn`"
            }
            ::core::compile_error! {
                "`main` takes no arguments; those of the program are in `std::env::args()`"
            }
        "#]],
    );
}
