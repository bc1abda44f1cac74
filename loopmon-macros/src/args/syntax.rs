//! `name = value, …`, in which a value may be any expression.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Ident, Lit, Token, Variant, bracketed, token};

use super::key::Name;

/// One argument that has a name, and perhaps a value of the right form.
pub(super) struct Argument {
    pub(super) name: Name,
    pub(super) word: Ident,
    pub(super) value: syn::Result<Value>,
}

/// What stands behind `=`.
pub(super) struct Value {
    pub(super) tokens: TokenStream,
    pub(super) form: Form,
}

/// How a value is understood, by its tokens alone.
pub(super) enum Form {
    Literal(Lit),
    List(Vec<Value>),
    Expression,
}

/// The arguments that have a name, and what is wrong with the others.
pub(super) fn split(tokens: TokenStream) -> Vec<syn::Result<Argument>> {
    let parser = |input: ParseStream<'_>| {
        let mut arguments = Vec::new();
        while !input.is_empty() {
            arguments.push(argument(input));
            skip(input)?;
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(arguments)
    };
    parser
        .parse2(tokens)
        .unwrap_or_else(|error| vec![Err(error)])
}

fn end(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        Ok(())
    } else {
        Err(input.error("expected `,`"))
    }
}

/// Goes to the next comma, if something that can't be understood is before it.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    if !input.peek(Ident::peek_any) || input.peek(syn::LitBool) {
        return Err(input.error("expected `name = value`, such as `interval = \"250ms\"`"));
    }
    let word = input.call(Ident::parse_any)?;
    // The value goes even if the name is unknown: it may have commas of its own.
    let value = assigned(input)?.then(|| value(input));
    let name = Name::find(&word.to_string());
    let name = name.map_err(|reason| syn::Error::new(word.span(), reason))?;
    let value = value.unwrap_or_else(|| Err(without_value(name, &word)));
    let value = value.and_then(|value| end(input).map(|()| value));
    Ok(Argument { name, word, value })
}

/// Takes the `=`, and tells whether there is something behind it.
fn assigned(input: ParseStream<'_>) -> syn::Result<bool> {
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        return Ok(false);
    }
    input.parse::<Token![=]>()?;
    Ok(!input.is_empty() && !input.peek(Token![,]))
}

/// For `flavor`, `flavor =`, `flavor("x")`, `flavor::x` and the like.
fn without_value(name: Name, word: &Ident) -> syn::Error {
    let (example, accepted) = (name.example(), name.accepts());
    let name = name.as_str();
    syn::Error::new(
        word.span(),
        format!("`{name}` needs a value, as in `{example}`; accepted: {accepted}"),
    )
}

fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    let start = input.fork();
    if let Some(values) = whole_list(input) {
        let tokens = start.parse::<TokenTree>()?.into();
        return Ok(Value {
            tokens,
            form: Form::List(values?),
        });
    }
    let tokens = expression(input)?;
    let form = syn::parse2(tokens.clone()).map_or(Form::Expression, Form::Literal);
    Ok(Value { tokens, form })
}

/// Takes an array that is all of the value, unlike that of `[a, b].concat()`.
fn whole_list(input: ParseStream<'_>) -> Option<syn::Result<Vec<Value>>> {
    let ahead = input.fork();
    ahead.parse::<TokenTree>().ok()?;
    if !input.peek(token::Bracket) || end(&ahead).is_err() {
        return None;
    }
    let take = || {
        let content;
        bracketed!(content in input);
        let values = list(&content);
        // syn puts a complaint about tokens left over before all others.
        content.parse::<TokenStream>()?;
        values
    };
    Some(take())
}

fn list(content: ParseStream<'_>) -> syn::Result<Vec<Value>> {
    let mut values = Vec::new();
    while !content.is_empty() {
        values.push(value(content)?);
        if !content.is_empty() {
            end(content)?;
            content.parse::<Token![,]>()?;
        }
    }
    Ok(values)
}

/// Takes the tokens of one expression, whatever it is.
///
/// The commas inside `Foo::<A, B>::new()` or `|a, b| a` do not end it, and
/// without its feature `full` syn does not parse every expression. But it finds
/// the end of any in one place, the value of an enum's variant, if it begins as
/// one that syn can't parse, such as a closure.
fn expression(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let ahead: TokenStream = input.fork().parse()?;
    let variant = |input: ParseStream<'_>| {
        input.parse::<Variant>()?;
        input.parse::<TokenStream>()
    };
    let rest = variant
        .parse2(quote!(Variant = || #ahead))
        .map_err(|_| no_expression(input))?;
    let length = ahead.into_iter().count() - rest.into_iter().count();
    (0..length).map(|_| input.parse::<TokenTree>()).collect()
}

/// The complaint about what can't be the value, or goes on after it.
fn no_expression(input: ParseStream<'_>) -> syn::Error {
    let ahead = input.fork();
    match ahead.parse::<Lit>() {
        Ok(_) => ahead.error("expected `,`"),
        Err(_) => input.error("expected an expression, and `,` behind it"),
    }
}

impl Value {
    /// The text of a string literal.
    pub(super) fn text(&self, name: Name) -> syn::Result<syn::LitStr> {
        match &self.form {
            Form::Literal(Lit::Str(text)) => Ok(text.clone()),
            _ => Err(self.mistyped(name, "not a string literal")),
        }
    }

    /// The error for a value of the wrong type.
    pub(super) fn mistyped(&self, name: Name, reason: &str) -> syn::Error {
        let mut shown = self.tokens.to_string();
        if shown.chars().count() > 40 {
            shown = shown.chars().take(39).chain(['…']).collect();
        }
        let message = format!(
            "`{}` = `{shown}`: {reason}, as in `{}`; accepted: {}",
            name.as_str(),
            name.example(),
            name.accepts()
        );
        syn::Error::new_spanned(&self.tokens, message)
    }
}
