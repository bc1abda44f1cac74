//! From arguments and function to the code that takes their place.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Error;

use crate::args::{self, Arguments};
use crate::item::Item;

/// The whole expansion. It never fails: with mistakes it is the function as it would
/// be without them, so that the compiler has nothing else to complain about, and the
/// mistakes.
pub(crate) fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut function: Item = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return with_errors(item, error),
    };
    let (arguments, mut mistakes) = args::parse(args);
    if function.asyncness.is_none() {
        let missing = "`#[loopmon::main]` needs an `async fn`";
        mistakes.push(Error::new_spanned(function.fn_token, missing));
    }
    if function.name == "main" && !function.inputs.stream().is_empty() {
        let refused = "`main` takes no arguments";
        mistakes.push(Error::new_spanned(function.inputs.stream(), refused));
        function.remove_inputs();
    }
    let tokens = expand(&function, &arguments);
    match mistakes.combined() {
        Some(mistakes) => with_errors(tokens, mistakes),
        None => tokens,
    }
}

fn with_errors(mut tokens: TokenStream, errors: Error) -> TokenStream {
    tokens.extend(errors.into_compile_error());
    tokens
}

fn expand(function: &Item, arguments: &Arguments) -> TokenStream {
    let Item {
        attributes,
        visibility,
        qualifiers,
        fn_token,
        name,
        ..
    } = function;
    let Item {
        generics,
        inputs,
        output,
        where_clause,
        ..
    } = function;
    let private = private(arguments, function.body.span());
    let attribute = attribute(arguments, &private);
    let body = typed_body(function, &private);

    // Variables of ours that the body can't see, whatever it calls its own.
    let settings = Ident::new("attribute", Span::mixed_site());
    let future = Ident::new("body", Span::mixed_site());
    quote! {
        #(#attributes)*
        #visibility #qualifiers #fn_token #name #generics #inputs #output #where_clause {
            // Before the body, which may take the function's arguments away.
            let #settings = #attribute;
            let #future = async #body;
            // With `return`, because an expression of type `!` at the end of a
            // function is no value of type `impl Trait`.
            #[allow(
                clippy::diverging_sub_expression,
                clippy::needless_return,
                reason = "the expansion looks the same for every type"
            )]
            {
                return #private::launch(#settings, #future);
            }
        }
    }
}

/// The body with a first statement that is never run, but tells the compiler the
/// type of the whole, which an `async` block has no place for. A mismatch is then
/// reported where it is: inside the body.
fn typed_body(function: &Item, private: &TokenStream) -> Group {
    let mut tokens = TokenStream::new();
    if function.returned_is_nameable() {
        let returned = function.returned();
        // Where the compiler says that it learned the type.
        let declared = Span::call_site().located_at(function.returned_at());
        tokens.extend(quote_spanned! {declared=>
            if false {
                return #private::never::<#returned>();
            }
        });
    }
    tokens.extend(function.body.stream());
    let mut body = Group::new(Delimiter::Brace, tokens);
    body.set_span(function.body.span());
    body
}

/// The hidden module that the expansion takes everything from.
fn private(arguments: &Arguments, at: Span) -> TokenStream {
    let default = || quote_spanned! {Span::call_site().located_at(at)=> ::loopmon };
    let root = arguments
        .krate
        .as_ref()
        .map_or_else(default, ToTokens::to_token_stream);
    quote! { #root::__private }
}

/// The value of type `Attribute`.
fn attribute(arguments: &Arguments, private: &TokenStream) -> TokenStream {
    let Arguments {
        flavor,
        tokio,
        settings,
        sinks,
        ..
    } = arguments;
    let flavor = Ident::new(flavor.variant(), Span::mixed_site());
    let builder = Ident::new("builder", Span::mixed_site());
    let configure = if tokio.is_empty() {
        quote! { |_| {} }
    } else {
        quote! { |#builder| { #builder #(.#tokio)*; } }
    };
    let settings = settings.iter().map(|setting| setting.to_tokens(private));
    let sinks = if sinks.is_empty() {
        quote! { #private::Vec::new() }
    } else {
        quote! { #private::Vec::from([#(#private::sink(#sinks)),*]) }
    };
    quote! {
        #private::Attribute {
            flavor: #private::Flavor::#flavor,
            tokio: #configure,
            settings: &[#(#settings),*],
            sinks: #sinks,
        }
    }
}

impl Item {
    /// The function without arguments and, as the body may need them, without it.
    fn remove_inputs(&mut self) {
        self.inputs = Group::new(self.inputs.delimiter(), TokenStream::new());
        let endless = quote! { loop {} };
        self.body = Group::new(self.body.delimiter(), endless);
    }
}
