//! The form of the arguments: `name = value`, separated by commas.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Error, Expr, Lit, LitStr, Token, bracketed, token};

use super::Mistakes;

/// One argument, whatever its name.
pub(super) struct Argument {
    pub(super) name: Ident,
    pub(super) value: Value,
}

/// What stands on the right.
pub(super) enum Value {
    Literal(Lit),
    Array(Vec<Value>, Span),
    Expression(TokenStream),
}

impl Value {
    /// The text of a string literal.
    pub(super) fn as_string(&self) -> Option<&LitStr> {
        match self {
            Self::Literal(Lit::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// A mistake in this value.
    pub(super) fn mistake(&self, message: impl std::fmt::Display) -> Error {
        match self {
            Self::Literal(literal) => Error::new_spanned(literal, message),
            Self::Array(_, span) => Error::new(*span, message),
            Self::Expression(tokens) => Error::new_spanned(tokens, message),
        }
    }
}

/// Takes the arguments apart. What has not the form of one is a mistake, and the
/// next is looked for behind the next comma.
pub(super) fn split(tokens: TokenStream, mistakes: &mut Mistakes) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Some(argument) = mistakes.note(argument(input)) {
                arguments.push(argument);
            }
            skip_to_comma(input);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    // It stops at nothing: what can't be read was noted and skipped.
    let _read_to_the_end = (&mut all).parse2(tokens);
    arguments
}

fn argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected an argument of the form `name = value`"));
    }
    let name = input.call(Ident::parse_any)?;
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        let hint = super::tokio::renamed(&name.to_string())
            .map_or_else(|| format!("write `{name} = …`"), str::to_owned);
        return Err(Error::new(
            name.span(),
            format!("`{name}` needs a value, {hint}"),
        ));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(
            equals.span,
            format!("the value of `{name}` is missing"),
        ));
    }
    Ok(Argument {
        name,
        value: value(input)?,
    })
}

fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    if input.peek(token::Bracket) && ends_after(input, |input| input.parse::<TokenTree>().is_ok()) {
        let content;
        let brackets = bracketed!(content in input);
        let mut elements = Vec::new();
        while !content.is_empty() {
            elements.push(value(&content)?);
            content.parse::<Option<Token![,]>>()?;
        }
        return Ok(Value::Array(elements, brackets.span.join()));
    }
    if ends_after(input, |input| input.parse::<Lit>().is_ok()) {
        return Ok(Value::Literal(input.parse()?));
    }
    // syn without its feature `full` reads calls, paths with generics and literals
    // of structs, where commas do not end the value.
    if ends_after(input, |input| input.parse::<Expr>().is_ok()) {
        return Ok(Value::Expression(
            input.parse::<Expr>()?.into_token_stream(),
        ));
    }
    // All else – blocks, closures, `if` – ends at the next comma outside of brackets.
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(Value::Expression(tokens))
}

/// Whether the value would be complete after what `read` reads.
fn ends_after(input: ParseStream<'_>, read: impl FnOnce(ParseStream<'_>) -> bool) -> bool {
    let ahead = input.fork();
    read(&ahead) && (ahead.is_empty() || ahead.peek(Token![,]))
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}
