//! The function under the attribute, no deeper than its signature.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Attribute, Generics, Token, Visibility, token};

/// A function in the parts that the expansion rearranges. Most are raw tokens:
/// rustc parses them again, and knows more syntax than we do.
pub(crate) struct Function {
    /// Those above the function, and those of its body turned outward, because
    /// the body becomes a block, which takes none.
    pub(crate) attributes: TokenStream,
    pub(crate) visibility: Visibility,
    /// `const`, `unsafe`, `extern "C"`: all before `fn` but `async`.
    pub(crate) qualifiers: TokenStream,
    pub(crate) asyncness: Option<Token![async]>,
    pub(crate) fn_token: Token![fn],
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) parameters: Group,
    pub(crate) output: Output,
    /// The clause `where`, or nothing.
    pub(crate) bounds: TokenStream,
    pub(crate) body: Group,
}

/// What stands behind `->`.
pub(crate) struct Output {
    pub(crate) arrow: Option<Token![->]>,
    pub(crate) ty: TokenStream,
}

impl Output {
    /// Where the type stands, if it is written.
    pub(crate) fn place(&self) -> Option<Span> {
        self.ty.clone().into_iter().next().map(|token| token.span())
    }

    /// The type by which the body can be checked, unless it can't be named
    /// there: `!` is unstable outside of signatures, and `impl Trait` is only
    /// known once the body is.
    pub(crate) fn nameable(&self) -> Option<TokenStream> {
        if self.arrow.is_none() {
            return Some(
                Group::new(Delimiter::Parenthesis, TokenStream::new()).into_token_stream(),
            );
        }
        let unnameable = self.ty.to_string() == "!" || mentions_impl(self.ty.clone());
        (!unnameable).then(|| self.ty.clone())
    }
}

fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => mentions_impl(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

impl Function {
    /// Whether this is what the program starts with, as far as a macro can tell.
    pub(crate) fn is_main(&self) -> bool {
        self.name == "main"
    }

    /// What is wrong with the function itself.
    pub(crate) fn problems(&self) -> Vec<syn::Error> {
        let mut problems = Vec::new();
        if self.asyncness.is_none() {
            problems.push(syn::Error::new(
                self.fn_token.span,
                "the function is not async: write `async fn`",
            ));
        }
        if self.is_main() && !self.parameters.stream().is_empty() {
            problems.push(syn::Error::new(
                self.parameters.span(),
                "`main` takes no arguments; those of the program are in `std::env::args()`",
            ));
        }
        problems
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let outer = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let (qualifiers, asyncness) = qualifiers(input)?;
        let fn_token = input.parse()?;
        let name = input.parse()?;
        let generics = input.parse()?;
        let parameters = group(input, Delimiter::Parenthesis)?;
        let arrow: Option<Token![->]> = input.parse()?;
        let ty = until(input, |input| input.peek(Token![where]) || at_body(input))?;
        let bounds = until(input, at_body)?;
        let (inner, body) = split_inner(&group(input, Delimiter::Brace)?);
        Ok(Self {
            attributes: outer
                .into_iter()
                .map(ToTokens::into_token_stream)
                .chain(inner)
                .collect(),
            visibility,
            qualifiers,
            asyncness,
            fn_token,
            name,
            generics,
            parameters,
            output: Output { arrow, ty },
            bounds,
            body,
        })
    }
}

fn qualifiers(input: ParseStream<'_>) -> syn::Result<(TokenStream, Option<Token![async]>)> {
    let start = input.fork();
    let mut kept = TokenStream::new();
    let mut asyncness = None;
    while !input.peek(Token![fn]) {
        if input.peek(Token![async]) {
            asyncness = Some(input.parse()?);
        } else if input.peek(Token![const])
            || input.peek(Token![unsafe])
            || input.peek(Token![extern])
            || input.peek(syn::LitStr)
        {
            kept.extend([input.parse::<TokenTree>()?]);
        } else {
            return Err(not_a_function(&start));
        }
    }
    Ok((kept, asyncness))
}

fn not_a_function(input: ParseStream<'_>) -> syn::Error {
    let found = input
        .fork()
        .call(Ident::parse_any)
        .map_or_else(|_| String::new(), |word| format!(", not on `{word}`"));
    input.error(format!(
        "`#[loopmon::main]` goes on an async function, such as `async fn main() {{}}`{found}"
    ))
}

fn group(input: ParseStream<'_>, delimiter: Delimiter) -> syn::Result<Group> {
    match input.parse()? {
        TokenTree::Group(group) if group.delimiter() == delimiter => Ok(group),
        TokenTree::Punct(semicolon) if semicolon.as_char() == ';' => Err(syn::Error::new(
            semicolon.span(),
            "the function has no body to run",
        )),
        other => Err(syn::Error::new(other.span(), "this is not a function")),
    }
}

/// The body is the last group; braces before it belong to a type, as in
/// `[u8; { N + 1 }]`.
fn at_body(input: ParseStream<'_>) -> bool {
    input.peek(Token![;]) || (input.peek(token::Brace) && is_last(input))
}

fn is_last(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<TokenTree>().is_ok() && ahead.is_empty()
}

fn until(input: ParseStream<'_>, end: fn(ParseStream<'_>) -> bool) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !end(input) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

/// Cuts `#![…]` off the beginning of the body, and turns it into `#[…]`.
fn split_inner(body: &Group) -> (Option<TokenStream>, Group) {
    let split = |input: ParseStream<'_>| {
        let mut inner = Attribute::parse_inner(input)?;
        for attribute in &mut inner {
            attribute.style = syn::AttrStyle::Outer;
        }
        Ok((inner, input.parse::<TokenStream>()?))
    };
    match split.parse2(body.stream()) {
        Ok((inner, rest)) => {
            let mut group = Group::new(Delimiter::Brace, rest);
            group.set_span(body.span());
            let inner = inner.into_iter().map(ToTokens::into_token_stream);
            (Some(inner.collect()), group)
        }
        // rustc explains a malformed attribute better.
        Err(_) => (None, body.clone()),
    }
}

/// A span for what we write, which errors show at `place`.
pub(crate) fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}
