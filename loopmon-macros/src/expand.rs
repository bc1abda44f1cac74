//! From attribute and function to the function that rustc sees.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::args::{Arguments, Flavor, Setting};
use crate::item::{Function, at};

/// Expands the attribute. After a mistake there is still a function, so that
/// rustc reports only the mistake and those in the body.
pub(crate) fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (arguments, mut problems) = Arguments::parse(arguments);
    let expansion = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => {
            problems.extend(function.problems());
            expand(&arguments, &function)
        }
        Err(error) => {
            problems.push(error);
            item
        }
    };
    let problems = problems.iter().map(syn::Error::to_compile_error);
    quote!(#expansion #(#problems)*)
}

/// The function, in a form that rustc has nothing else against.
fn expand(arguments: &Arguments, function: &Function) -> TokenStream {
    let launched = launched(arguments, function);
    if function.is_main() && !function.parameters.stream().is_empty() {
        // rustc would complain about the signature of `main` a second time.
        return quote!(fn main() { #[allow(dead_code)] #launched });
    }
    launched
}

/// The function without `async`, whose body is launched.
fn launched(arguments: &Arguments, function: &Function) -> TokenStream {
    let Function {
        attributes,
        visibility,
        qualifiers,
        fn_token,
        name,
        generics,
        parameters,
        output,
        bounds,
        ..
    } = function;
    let (arrow, ty) = (&output.arrow, &output.ty);
    let attribute = attribute(arguments);
    let body = body(arguments, function);
    let krate = arguments.krate(Span::mixed_site());
    let launch =
        quote_spanned!(Span::mixed_site()=> return #krate::__private::launch(#attribute, #body););
    // `return`, because `clippy::implicit_return` looks into macros, unlike
    // `needless_return`. The braces stay the user's, because some lints skip
    // functions whose braces come from a macro.
    let mut block = Group::new(Delimiter::Brace, launch);
    block.set_span(function.body.span());
    quote! {
        #attributes
        #visibility #qualifiers #fn_token #name #generics #parameters #arrow #ty #bounds #block
    }
}

/// The body as a future that knows its output before its first statement.
///
/// The type of an async block is inferred from its first `return` or its last
/// expression. The first statement is therefore a `return` of the right type
/// that never runs: a wrong value further down is then reported where it stands,
/// and coerces as it would in an async function.
///
/// The label keeps `unused_braces` off a body of one expression. The body stays
/// a block of its own, because its edition decides when temporaries are dropped.
fn body(arguments: &Arguments, function: &Function) -> TokenStream {
    let body = &function.body;
    let Some(ty) = function.output.nameable() else {
        return quote_spanned!(Span::mixed_site()=> async #body);
    };
    let krate = arguments.krate(Span::mixed_site());
    let place = function.output.place().unwrap_or(function.name.span());
    let give_back = quote_spanned!(at(place)=> return output);
    // The label is the user's as far as spans go: those of label and block become
    // one, from which rustc takes the edition, and the place of a missing value.
    let labeled = quote_spanned!(body.span_open()=> '_body: #body);
    quote_spanned! {Span::mixed_site()=>
        async {
            if let #krate::__private::Some(output) = #krate::__private::None::<#ty> { #give_back; }
            #labeled
        }
    }
}

/// What the launcher is told.
fn attribute(arguments: &Arguments) -> TokenStream {
    let krate = arguments.krate(Span::mixed_site());
    let flavor = match arguments.flavor() {
        Flavor::MultiThread => quote!(MultiThread),
        Flavor::CurrentThread => quote!(CurrentThread),
        Flavor::Local => quote!(Local),
    };
    let tokio = tokio(arguments);
    let settings = arguments.settings().iter().map(|s| setting(arguments, s));
    let sinks = arguments.sinks().iter().map(
        |expression| quote_spanned!(Span::mixed_site()=> #krate::__private::sink(#expression)),
    );
    quote_spanned! {Span::mixed_site()=>
        #krate::__private::Attribute {
            flavor: #krate::__private::Flavor::#flavor,
            tokio: #tokio,
            settings: &[#(#settings),*],
            sinks: #krate::__private::vec![#(#sinks),*],
            module: ::core::module_path!(),
        }
    }
}

/// The closure that applies Tokio's own arguments.
fn tokio(arguments: &Arguments) -> TokenStream {
    let tokio = arguments.tokio();
    let mut calls = Vec::new();
    if let Some(count) = tokio.worker_threads {
        calls.push(quote_spanned!(Span::mixed_site()=> builder.worker_threads(#count);));
    }
    // The other two do not exist in every build of Tokio: errors go to the key.
    if let Some((paused, key)) = tokio.start_paused {
        let method = Ident::new("start_paused", at(key));
        calls.push(quote_spanned!(Span::mixed_site()=> builder.#method(#paused);));
    }
    if let Some((variant, key)) = &tokio.unhandled_panic {
        // As if the user had called it: only then its error points to the key.
        let krate = arguments.krate(*key);
        let builder = Ident::new("builder", Span::mixed_site());
        calls.push(quote_spanned! {*key=>
            #krate::__private::unhandled_panic!(#builder, #variant);
        });
    }
    if let Some(name) = &tokio.name {
        calls.push(quote_spanned!(Span::mixed_site()=> builder.name(#name);));
    }
    if calls.is_empty() {
        return quote_spanned!(Span::mixed_site()=> |_| {});
    }
    quote_spanned!(Span::mixed_site()=> |builder| { #(#calls)* })
}

/// One pair of key and value. A sink that a feature brings is written through a
/// macro of the facade, which knows whether the feature is on.
fn setting(arguments: &Arguments, setting: &Setting) -> TokenStream {
    let Setting { key, value, guard } = setting;
    // `Debug` of a key is the name of its variant.
    let variant = Ident::new(&format!("{key:?}"), Span::mixed_site());
    let value = match guard {
        Some(guard) => {
            let here = value.span();
            let (krate, guard) = (arguments.krate(here), Ident::new(guard, here));
            quote_spanned!(here=> #krate::__private::#guard!(#value))
        }
        None => value.to_token_stream(),
    };
    let krate = arguments.krate(Span::mixed_site());
    quote_spanned!(Span::mixed_site()=> (#krate::__private::Key::#variant, #value))
}

#[cfg(test)]
mod tests;
