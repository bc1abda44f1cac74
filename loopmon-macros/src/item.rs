//! The annotated function: its signature taken apart, its body as raw tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Generics, ReturnType, Token, Type, Visibility, WhereClause};

/// An async function, or one that should be.
pub(crate) struct Item {
    /// Outer attributes, and the body's inner ones, which mean the same there.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// `const`, `unsafe`, `extern "C"`.
    pub(crate) qualifiers: TokenStream,
    pub(crate) asyncness: Option<Token![async]>,
    pub(crate) fn_token: Token![fn],
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) inputs: Group,
    pub(crate) output: ReturnType,
    pub(crate) where_clause: Option<WhereClause>,
    pub(crate) body: Group,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let mut qualifiers = TokenStream::new();
        let mut asyncness = None;
        while !input.peek(Token![fn]) {
            if input.peek(Token![async]) {
                asyncness = Some(input.parse()?);
            } else if is_qualifier(input) {
                qualifiers.extend([input.parse::<TokenTree>()?]);
            } else {
                return Err(input.error("`#[loopmon::main]` goes on an async function"));
            }
        }
        let fn_token = input.parse()?;
        let name = input.parse()?;
        let generics = input.parse()?;
        let inputs = group(input, Delimiter::Parenthesis)?;
        let output = input.parse()?;
        let where_clause = input.parse()?;
        let body = group(input, Delimiter::Brace)?;
        let (inner, body) = inner_attributes(&body)?;
        attributes.extend(inner);
        Ok(Self {
            attributes,
            visibility,
            qualifiers,
            asyncness,
            fn_token,
            name,
            generics,
            inputs,
            output,
            where_clause,
            body,
        })
    }
}

impl Item {
    /// The type that the function returns.
    pub(crate) fn returned(&self) -> TokenStream {
        match &self.output {
            ReturnType::Default => quote::quote!(()),
            ReturnType::Type(_, returned) => returned.to_token_stream(),
        }
    }

    /// Where the function says what it returns.
    pub(crate) fn returned_at(&self) -> Span {
        match &self.output {
            ReturnType::Default => self.name.span(),
            ReturnType::Type(_, returned) => returned.span(),
        }
    }

    /// Whether the type can be written where a variable is declared: `impl Trait`
    /// can't, and `!` only on nightly.
    pub(crate) fn returned_is_nameable(&self) -> bool {
        match &self.output {
            ReturnType::Default => true,
            ReturnType::Type(_, returned) => {
                !matches!(**returned, Type::Never(_)) && !contains_impl(returned.to_token_stream())
            }
        }
    }
}

fn is_qualifier(input: ParseStream<'_>) -> bool {
    input.peek(Token![const])
        || input.peek(Token![unsafe])
        || input.peek(Token![extern])
        || input.peek(syn::LitStr)
        || (input.peek(Ident::peek_any) && input.fork().parse::<Ident>().is_ok_and(|i| i == "safe"))
}

fn group(input: ParseStream<'_>, delimiter: Delimiter) -> syn::Result<Group> {
    match input.parse()? {
        TokenTree::Group(group) if group.delimiter() == delimiter => Ok(group),
        other => Err(Error::new(
            other.span(),
            "`#[loopmon::main]` goes on an async function with a body",
        )),
    }
}

/// Splits off the attributes at the beginning of the body. They are not allowed on
/// the block that the body becomes, but they are on the function.
fn inner_attributes(body: &Group) -> syn::Result<(Vec<Attribute>, Group)> {
    let split = |input: ParseStream<'_>| {
        Ok((
            Attribute::parse_inner(input)?,
            input.parse::<TokenStream>()?,
        ))
    };
    let (mut inner, rest) = split.parse2(body.stream())?;
    for attribute in &mut inner {
        attribute.style = syn::AttrStyle::Outer;
    }
    let mut without = Group::new(Delimiter::Brace, rest);
    without.set_span(body.span());
    Ok((inner, without))
}

fn contains_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => contains_impl(group.stream()),
        _ => false,
    })
}
